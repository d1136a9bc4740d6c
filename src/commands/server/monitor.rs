//! MONITOR.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;

pub static MONITOR: Command = Command::server("MONITOR", monitor)
    .summary("Shows the client every request that the server runs, until the connection ends.")
    .since("1.0.0")
    .group(Group::Server)
    .arity(1)
    .flags(&[Admin, NoScript, Loading, Stale]);

fn monitor(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.add_monitor(ctx.client);
    ctx.reply.ok();
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn a_monitor_sees_what_others_run() {
        let mut session = Session::new();
        let monitor = session.connect();
        assert_eq!(session.run_as(monitor, "monitor"), "+OK\r\n");
        session.run(r#"set k "a\x01\"b""#);
        let seen = session.output(monitor);
        assert!(seen.starts_with('+') && seen.ends_with("[0 ] \"set\" \"k\" \"a\\x01\\\"b\"\r\n"), "{seen}");
    }
}
