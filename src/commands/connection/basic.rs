//! PING and ECHO.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::resp::{Args, Reply};

pub static PING: Command = Command::data("PING", ping)
    .summary("Tells whether the server is alive; an argument is sent back.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(-1)
    .flags(&[Fast])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[string("message").optional()]);

fn ping(_db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.at(1)),
        _ => return Err(CmdError::arity("ping")),
    }
    Ok(Flow::Done)
}

pub static ECHO: Command = Command::data("ECHO", echo)
    .summary("Sends its argument back.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[Loading, Stale, Fast])
    .args(&[string("message")]);

fn echo(_db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.bulk(args.at(1));
    Ok(Flow::Done)
}
