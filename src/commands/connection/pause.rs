//! CLIENT PAUSE and UNPAUSE, and CLIENT UNBLOCK.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::server::pause::PauseScope;
use crate::util::number;

pub static PAUSE: Command = Command::server("PAUSE", pause)
    .summary("Holds back commands for a while.")
    .since("3.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(-3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .args(&[integer("timeout"), oneof("mode", &[token("write", "WRITE"), token("all", "ALL")]).since("6.2.0").optional()])
    .history(&[("6.2.0", "The modes, `WRITE` among them.")]);

fn pause(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let scope = match args.len() {
        3 => PauseScope::All,
        4 if args.is(3, "WRITE") => PauseScope::Write,
        4 if args.is(3, "ALL") => PauseScope::All,
        4 => return Err(CmdError::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(crate::dispatch::call::wrong_subcommand(args)),
    };
    let timeout_ms = number::parse_i64(args.at(2)).ok_or(CmdError::text("ERR timeout is not an integer or out of range"))?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| CmdError::TIMEOUT_NEGATIVE)?;
    let until_ms = ctx
        .server
        .env
        .now_ms
        .checked_add(timeout_ms)
        .filter(|until| *until <= i64::MAX as u64)
        .ok_or(CmdError::text("ERR timeout is out of range"))?;
    ctx.server.pause.begin(scope, until_ms);
    ctx.server.env.expiry_paused = true;
    ctx.server.update_gate();
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static UNPAUSE: Command = Command::server("UNPAUSE", unpause)
    .summary("Ends a pause.")
    .since("6.2.0")
    .complexity("O(N) Where N is the number of paused clients")
    .group(Group::Connection)
    .arity(2)
    .flags(&[Admin, NoScript, Loading, Stale]);

fn unpause(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.end_pause();
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static UNBLOCK: Command = Command::server("UNBLOCK", unblock)
    .summary("Ends the wait of a blocked client.")
    .since("5.0.0")
    .complexity("O(log N) where N is the number of client connections")
    .group(Group::Connection)
    .arity(-3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .args(&[integer("client-id"), oneof("unblock-type", &[token("timeout", "TIMEOUT"), token("error", "ERROR")]).optional()]);

fn unblock(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let with_error = match args.len() {
        3 => false,
        4 if args.is(3, "TIMEOUT") => false,
        4 if args.is(3, "ERROR") => true,
        4 => return Err(CmdError::text("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(crate::dispatch::call::wrong_subcommand(args)),
    };
    let id = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let target = u64::try_from(id).ok().and_then(|id| ctx.server.clients.find(id));
    let error = CmdError::text("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    let ended = target.is_some_and(|target| ctx.server.give_up_waiting(target, with_error.then_some(&error)));
    ctx.reply.int(ended.into());
    Ok(Flow::Done)
}
