//! PING and ECHO.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::net::ClientFlags;
use crate::resp::{Args, Reply};

pub static PING: Command = Command::server("PING", ping)
    .summary("Tells whether the server is alive; an argument is sent back.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(-1)
    .flags(&[Fast])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[string("message").optional()]);

fn ping(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    if args.len() > 2 {
        return Err(CmdError::arity("ping"));
    }
    if ctx.server.pubsub.clients > 0 && !ctx.reply.resp3 && ctx.client().has(ClientFlags::PUBSUB) {
        // A RESP2 subscriber expects arrays.
        ctx.reply.array(2);
        ctx.reply.bulk(b"pong");
        ctx.reply.bulk(args.get(1).unwrap_or_default());
    } else if args.len() == 1 {
        ctx.reply.simple("PONG");
    } else {
        ctx.reply.bulk(args.at(1));
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
