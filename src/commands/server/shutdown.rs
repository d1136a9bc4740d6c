//! SHUTDOWN.

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
    let (mut save, mut nosave, mut abort) = (false, false, false);
    for word in ctx.args.from(1).iter() {
        match word.to_ascii_lowercase().as_slice() {
            b"save" if !nosave => save = true,
            b"nosave" if !save => nosave = true,
            b"now" | b"force" => {}
            b"abort" => abort = true,
            _ => return Err(CmdError::SYNTAX),
        }
    }
    if abort && ctx.args.len() > 2 {
        return Err(CmdError::SYNTAX);
    }
    if abort {
        return Err(CmdError::text("ERR No shutdown in progress."));
    }
    if save {
        return Err(CmdError::text("ERR this build has no RDB persistence to save with: use SHUTDOWN NOSAVE"));
    }
    ctx.server.shut_down();
    Ok(Flow::Done)
}
