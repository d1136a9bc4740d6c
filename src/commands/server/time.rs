//! TIME.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;

pub static TIME: Command = Command::server("TIME", time)
    .summary("Tells the time of day by the server's clock.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(1)
    .flags(&[Loading, Stale, Fast])
    .tips(&["nondeterministic_output"]);

fn time(ctx: &mut Ctx<'_>) -> CmdResult {
    let server = &*ctx.server;
    // Time stands still for a script.
    let now_us = server.scripts.running.as_ref().map_or(server.clock.now_us(), |running| running.started_us);
    ctx.reply.array(2);
    ctx.reply.bulk_int((now_us / 1_000_000) as i64);
    ctx.reply.bulk_int((now_us % 1_000_000) as i64);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn seconds_and_microseconds() {
        let reply = Session::new().run("time");
        let words: Vec<&str> = reply.split("\r\n").collect();
        assert_eq!((words[0], words[1]), ("*2", "$10"));
        assert!(words[4].parse::<u32>().unwrap() < 1_000_000);
    }
}
