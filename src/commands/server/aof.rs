//! The append only file at a client's command: BGREWRITEAOF, and WAITAOF, which waits until it is safe.

use crate::commands::timeout;
use crate::dispatch::blocking::{NO_LOG, logged};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::persist::aof::State;
use crate::persist::child::Purpose;
use crate::util::number;

pub static BGREWRITEAOF: Command = Command::server("BGREWRITEAOF", bgrewriteaof)
    .summary("Makes the append only file as short as the dataset allows, in the background.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(1)
    .flags(&[Admin, NoScript, NoAsyncLoading]);

fn bgrewriteaof(ctx: &mut Ctx<'_>) -> CmdResult {
    let server = &mut ctx.server;
    if server.has_child_for(Purpose::AofRewrite) {
        return Err(CmdError::text("ERR Background append only file rewriting already in progress"));
    }
    if server.has_child() || server.in_transaction {
        server.aof.rewrite.scheduled = true;
        // Whoever asks for it does not want to wait until failures are forgotten.
        server.aof.rewrite.failures_in_a_row = 0;
        ctx.reply.simple("Background append only file rewriting scheduled");
    } else if server.start_aof_rewrite().is_ok() {
        ctx.reply.simple("Background append only file rewriting started");
    } else {
        return Err(CmdError::text(
            "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
        ));
    }
    Ok(Flow::Done)
}

pub static WAITAOF: Command = Command::server("WAITAOF", waitaof)
    .summary("Waits until what the connection has changed is safe in the append only file, here and on replicas.")
    .since("7.2.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(4)
    .flags(&[Blocking])
    .categories(&[Category::Connection])
    .args(&[integer("numlocal"), integer("numreplicas"), integer("timeout")])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"]);

fn waitaof(ctx: &mut Ctx<'_>) -> CmdResult {
    let number_at = |at| number::parse_i64(ctx.args.at(at)).ok_or(CmdError::NOT_AN_INTEGER);
    let local = match number_at(1)? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::text("ERR value is out of range, must be between 0 and 1")),
    };
    let replicas = u64::try_from(number_at(2)?).map_err(|_| CmdError::text("ERR value is out of range, must be positive"))?;
    let timeout_ms = timeout::parse_ms(ctx.args.at(3), ctx.server.env.now_ms)?;
    let end = ctx.client().log_end;
    let is_on = ctx.server.aof.state != State::Off;
    if local && !is_on {
        return Err(NO_LOG);
    }
    let is_safe = ctx.server.aof.is_safe(end);
    if replicas == 0 && (!local || is_safe) || ctx.origin != Origin::Client {
        logged(ctx.reply, is_safe);
        return Ok(Flow::Done);
    }
    Ok(Flow::Block(Box::new(Wait::without_keys(Until::Logged { end, local, replicas }, timeout_ms))))
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn waiting_for_a_log_that_there_is_not() {
        let mut session = Session::new();
        assert_eq!(session.run("WAITAOF 0 0 0"), "*2\r\n:1\r\n:0\r\n");
        for (line, error) in [
            ("WAITAOF 1 0 0", "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
            ("WAITAOF 2 0 0", "ERR value is out of range, must be between 0 and 1"),
            ("WAITAOF x 0 0", "ERR value is not an integer or out of range"),
            ("WAITAOF 0 -1 0", "ERR value is out of range, must be positive"),
            ("WAITAOF 0 0 x", "ERR timeout is not an integer or out of range"),
            ("WAITAOF 0 0 -1", "ERR timeout is negative"),
        ] {
            assert_eq!(session.run(line), format!("-{error}\r\n"), "{line}");
        }
    }

    #[test]
    fn replicas_that_do_not_exist_are_waited_for_in_vain() {
        let mut session = Session::new();
        assert_eq!(session.run("WAITAOF 0 1 100"), "");
        session.advance_ms(101);
        assert_eq!(session.output(session.client), "*2\r\n:1\r\n:0\r\n");
    }
}
