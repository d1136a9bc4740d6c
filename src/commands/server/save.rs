//! SAVE, BGSAVE, LASTSAVE: snapshots.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::persist::child::Purpose;

pub static SAVE: Command = Command::server("SAVE", save)
    .summary("Takes a snapshot of all databases, while everybody waits.")
    .since("1.0.0")
    .complexity("O(N) where N is the total number of keys in all databases")
    .group(Group::Server)
    .arity(1)
    .flags(&[Admin, NoScript, NoAsyncLoading, NoMulti]);

const IN_PROGRESS: CmdError = CmdError::text("ERR Background save already in progress");

fn save(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.server.has_child_for(Purpose::Rdb) {
        return Err(IN_PROGRESS);
    }
    ctx.server.save_now().map_err(|_| CmdError::text("ERR"))?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static BGSAVE: Command = Command::server("BGSAVE", bgsave)
    .summary("Begins to take a snapshot of all databases in the background.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(-1)
    .flags(&[Admin, NoScript, NoAsyncLoading])
    .history(&[("3.2.2", "The word `SCHEDULE`.")])
    .args(&[token("schedule", "SCHEDULE").since("3.2.2").optional()]);

fn bgsave(ctx: &mut Ctx<'_>) -> CmdResult {
    let schedule = match ctx.args.len() {
        1 => false,
        2 if ctx.args.is(1, "SCHEDULE") => true,
        _ => return Err(CmdError::SYNTAX),
    };
    let in_transaction = ctx.origin == Origin::Exec;
    if ctx.server.has_child_for(Purpose::Rdb) {
        return Err(IN_PROGRESS);
    }
    if ctx.server.has_child() || in_transaction {
        if !schedule && !in_transaction {
            return Err(CmdError::text(
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE \
                 whenever possible.",
            ));
        }
        ctx.server.snapshots.scheduled = true;
        ctx.reply.simple("Background saving scheduled");
    } else if ctx.server.save_in_background() {
        ctx.reply.simple("Background saving started");
    } else {
        return Err(CmdError::text("ERR"));
    }
    Ok(Flow::Done)
}

pub static LASTSAVE: Command = Command::server("LASTSAVE", lastsave)
    .summary("Tells when the last good snapshot was taken, in unix time.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(1)
    .flags(&[Loading, Stale, Fast])
    .categories(&[Category::Admin, Category::Dangerous])
    .tips(&["nondeterministic_output"]);

fn lastsave(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.int(ctx.server.snapshots.last_save_s as i64);
    Ok(Flow::Done)
}
