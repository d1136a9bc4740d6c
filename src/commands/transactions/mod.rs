//! Transactions: MULTI, EXEC, DISCARD, and the optimistic locks WATCH and UNWATCH.

use crate::dispatch::command::Command;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::net::ClientFlags;

pub static COMMANDS: &[&Command] = &[&DISCARD, &EXEC, &MULTI, &UNWATCH, &WATCH];

pub static MULTI: Command = Command::server("MULTI", multi)
    .summary("Begins a transaction: the commands that follow are queued until EXEC.")
    .since("1.2.0")
    .complexity("O(1)")
    .group(Group::Transactions)
    .arity(1)
    .flags(&[NoScript, Loading, Stale, Fast, AllowBusy]);

fn multi(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.client().has(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR MULTI calls can not be nested"));
    }
    ctx.client().flags |= ClientFlags::MULTI;
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static DISCARD: Command = Command::server("DISCARD", discard)
    .summary("Ends a transaction without running what was queued.")
    .since("2.0.0")
    .complexity("O(N), when N is the number of queued commands")
    .group(Group::Transactions)
    .arity(1)
    .flags(&[NoScript, Loading, Stale, Fast, AllowBusy]);

fn discard(ctx: &mut Ctx<'_>) -> CmdResult {
    if !ctx.client().has(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR DISCARD without MULTI"));
    }
    ctx.server.discard_transaction(ctx.client);
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static EXEC: Command = Command::server("EXEC", exec)
    .summary("Runs the commands of a transaction, one after the other with nothing in between.")
    .since("1.2.0")
    .complexity("Depends on commands in the transaction")
    .group(Group::Transactions)
    .arity(1)
    .flags(&[NoScript, Loading, Stale, SkipSlowlog]);

fn exec(ctx: &mut Ctx<'_>) -> CmdResult {
    let id = ctx.client;
    if !ctx.client().has(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR EXEC without MULTI"));
    }
    if ctx.server.watched_key_expired(id) {
        ctx.client().flags |= ClientFlags::DIRTY_CAS;
    }
    let flags = ctx.client().flags;
    if flags.contains(ClientFlags::DIRTY_EXEC) {
        ctx.server.discard_transaction(id);
        return Err(CmdError::text("EXECABORT Transaction discarded because of previous errors."));
    }
    if flags.contains(ClientFlags::DIRTY_CAS) {
        ctx.server.discard_transaction(id);
        ctx.reply.null_array();
        return Ok(Flow::Done);
    }
    let queue = ctx.client().extra_mut().transaction.take();
    // What the transaction itself changes must not count against it, nor against the next one.
    ctx.server.discard_transaction(id);
    ctx.reply.array(queue.len());
    ctx.server.in_transaction = true;
    for args in &queue {
        let args = args.view();
        let Some(cmd) = ctx.server.commands.resolve(args) else {
            ctx.reply.error(b"ERR unknown command in transaction");
            continue;
        };
        ctx.server.call(id, cmd, args, ctx.reply, Origin::Exec);
        ctx.server.feed_monitors(id, cmd, args, ctx.reply);
    }
    ctx.server.in_transaction = false;
    // What it did has been propagated command by command.
    ctx.server.env.fx.propagate_nothing();
    Ok(Flow::Done)
}

pub static WATCH: Command = Command::server("WATCH", watch)
    .summary("Makes the next transaction depend on keys: it runs only if none of them has changed.")
    .since("2.2.0")
    .complexity("O(1) for every key.")
    .group(Group::Transactions)
    .arity(-2)
    .flags(&[NoScript, Loading, Stale, Fast, AllowBusy])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RO])])
    .args(&[key("key", 0).multiple()]);

fn watch(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.client().has(ClientFlags::MULTI) {
        return Err(CmdError::text("ERR WATCH inside MULTI is not allowed"));
    }
    // A client whose transaction is off already need not watch more.
    if !ctx.client().has(ClientFlags::DIRTY_CAS) {
        for key in ctx.args.from(1).iter() {
            ctx.server.watch(ctx.client, key);
        }
    }
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static UNWATCH: Command = Command::server("UNWATCH", unwatch)
    .summary("Makes the next transaction depend on no key.")
    .since("2.2.0")
    .complexity("O(1)")
    .group(Group::Transactions)
    .arity(1)
    .flags(&[NoScript, Loading, Stale, Fast, AllowBusy]);

fn unwatch(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.unwatch(ctx.client);
    ctx.client().flags -= ClientFlags::DIRTY_CAS;
    ctx.reply.ok();
    Ok(Flow::Done)
}
