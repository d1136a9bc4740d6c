//! SHUTDOWN.

use crate::config::values::ShutdownFlags;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;

pub static SHUTDOWN: Command = Command::server("SHUTDOWN", shutdown)
    .summary("Ends the server.")
    .since("1.0.0")
    .complexity("O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)")
    .group(Group::Server)
    .arity(-1)
    .flags(&[Admin, NoMulti, NoScript, Loading, Stale, AllowBusy])
    .args(&[
        oneof("save-selector", &[token("nosave", "NOSAVE"), token("save", "SAVE")]).optional(),
        token("now", "NOW").since("7.0.0").optional(),
        token("force", "FORCE").since("7.0.0").optional(),
        token("abort", "ABORT").since("7.0.0").optional(),
    ])
    .history(&[("7.0.0", "The words `NOW`, `FORCE` and `ABORT`.")]);

fn shutdown(ctx: &mut Ctx<'_>) -> CmdResult {
    let (mut how, mut abort) = (ShutdownFlags::empty(), false);
    for word in ctx.args.from(1).iter() {
        match word.to_ascii_lowercase().as_slice() {
            b"save" => how |= ShutdownFlags::SAVE,
            b"nosave" => how |= ShutdownFlags::NOSAVE,
            b"now" => how |= ShutdownFlags::NOW,
            b"force" => how |= ShutdownFlags::FORCE,
            b"abort" => abort = true,
            _ => return Err(CmdError::SYNTAX),
        }
    }
    if abort && !how.is_empty() || how.contains(ShutdownFlags::SAVE | ShutdownFlags::NOSAVE) {
        return Err(CmdError::SYNTAX);
    }
    if abort && ctx.server.call_off_shutdown() {
        ctx.reply.ok();
        return Ok(Flow::Done);
    }
    if abort {
        return Err(CmdError::text("ERR No shutdown in progress."));
    }
    ctx.server.shutdown_while_busy(how)?;
    ctx.server.shut_down(how).map_err(|error| CmdError::err(error.to_string()))?;
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn words_are_checked_before_anything_ends() {
        let mut session = Session::new();
        for line in ["shutdown foo", "shutdown save nosave", "shutdown abort now", "shutdown nosave abort"] {
            assert_eq!(session.run(line), "-ERR syntax error\r\n", "{line}");
        }
        for line in ["shutdown abort", "shutdown ABORT abort"] {
            assert_eq!(session.run(line), "-ERR No shutdown in progress.\r\n");
        }
        session.server.env.config.dbfilename = b"/no/such/folder/dump.rdb".to_vec();
        assert_eq!(session.run("shutdown save"), "-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
        assert_eq!(session.server.shutdown.exit, None);
        assert_eq!(session.run("shutdown nosave now force force"), "");
        assert_eq!(session.server.shutdown.exit, Some(0));
    }
}
