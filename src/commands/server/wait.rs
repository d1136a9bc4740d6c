//! WAIT: until replicas have what the connection has changed.

use crate::commands::timeout;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::util::number;

pub static WAIT: Command = Command::server("WAIT", wait)
    .summary("Waits until so many replicas have acknowledged what the connection has changed.")
    .since("3.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[Blocking])
    .categories(&[Category::Connection])
    .args(&[integer("numreplicas"), integer("timeout")])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"]);

fn wait(ctx: &mut Ctx<'_>) -> CmdResult {
    let replicas = number::parse_i64(ctx.args.at(1)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let timeout_ms = timeout::parse_ms(ctx.args.at(2), ctx.server.env.now_ms)?;
    // Nothing is replicated, so nothing is acknowledged.
    if replicas <= 0 || ctx.origin != Origin::Client {
        ctx.reply.int(0);
        return Ok(Flow::Done);
    }
    Ok(Flow::Block(Box::new(Wait::without_keys(Until::Replicated, timeout_ms))))
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn without_replicas_time_runs_out() {
        let mut session = Session::new();
        assert_eq!(session.run("WAIT 1 100"), "");
        session.advance_ms(101);
        assert_eq!(session.output(session.client), ":0\r\n");
        for line in ["WAIT 0 0", "WAIT -1 5", "EVAL \"return redis.call('wait', '1', '0')\" 0"] {
            assert_eq!(session.run(line), ":0\r\n", "{line}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mut session = Session::new();
        for (line, error) in [
            ("WAIT x 0", "value is not an integer or out of range"),
            ("WAIT 1 x", "timeout is not an integer or out of range"),
            ("WAIT -1 -1", "timeout is negative"),
            ("WAIT 1 9223372036854775807", "timeout is out of range"),
        ] {
            assert_eq!(session.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
