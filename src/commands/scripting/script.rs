//! SCRIPT: the cache of scripts, and the one that runs.

use super::flushes_lazily;
use crate::dispatch::command::Command;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::script::cache;

pub static SCRIPT: Command = Command::container("SCRIPT", &[&LOAD, &EXISTS, &FLUSH, &KILL, &DEBUG, &SHOW, &HELP])
    .summary("Leads to the commands about scripts.")
    .since("2.6.0")
    .complexity("Depends on subcommand.")
    .group(Group::Scripting);

static LOAD: Command = Command::server("LOAD", load)
    .summary("Puts a script into the cache without running it.")
    .since("2.6.0")
    .complexity("O(N), N being the length of the text.")
    .group(Group::Scripting)
    .arity(3)
    .flags(&[NoScript, Stale])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .args(&[string("script")]);

fn load(ctx: &mut Ctx<'_>) -> CmdResult {
    let body = ctx.args.at(2);
    let digest = cache::digest(body);
    if ctx.server.scripts.cache.get(&digest).is_some() {
        ctx.server.scripts.cache.keep(&digest);
    } else {
        ctx.server.add_script(digest, body, false)?;
    }
    ctx.reply.bulk(&cache::hex(&digest));
    Ok(Flow::Done)
}

static EXISTS: Command = Command::server("EXISTS", exists)
    .summary("Tells which scripts are in the cache.")
    .since("2.6.0")
    .complexity("O(N), N being the number of digests.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[NoScript])
    .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
    .args(&[string("sha1").multiple()]);

fn exists(ctx: &mut Ctx<'_>) -> CmdResult {
    let digests = ctx.args.from(2);
    ctx.reply.array(digests.len());
    for text in digests.iter() {
        let there = cache::parse(text).is_some_and(|digest| ctx.server.scripts.cache.get(&digest).is_some());
        ctx.reply.int(i64::from(there));
    }
    Ok(Flow::Done)
}

static FLUSH: Command = Command::server("FLUSH", flush)
    .summary("Empties the cache of scripts.")
    .since("2.6.0")
    .complexity("O(N), N being the number of scripts in the cache.")
    .group(Group::Scripting)
    .arity(-2)
    .flags(&[NoScript])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .history(&[("6.2.0", "The words `ASYNC` and `SYNC`.")])
    .args(&[oneof("flush-type", &[token("async", "ASYNC"), token("sync", "SYNC")]).since("6.2.0").optional()]);

fn flush(ctx: &mut Ctx<'_>) -> CmdResult {
    const REFUSAL: &str = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
    if ctx.args.len() > 3 {
        return Err(CmdError::text(REFUSAL));
    }
    flushes_lazily(ctx, REFUSAL)?;
    ctx.server.scripts.flush_cache();
    ctx.reply.ok();
    Ok(Flow::Done)
}

static KILL: Command = Command::server("KILL", kill)
    .summary("Ends the script that runs, unless it has written.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(2)
    .flags(&[NoScript, AllowBusy])
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]);

fn kill(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.kill_script(false)?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

static DEBUG: Command = Command::server("DEBUG", debug)
    .summary("Would switch the script debugger, which this server has none of.")
    .since("3.2.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(3)
    .flags(&[NoScript])
    .args(&[oneof("mode", &[token("yes", "YES"), token("sync", "SYNC"), token("no", "NO")])]);

fn debug(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    if args.is(2, "NO") {
        ctx.reply.ok();
        return Ok(Flow::Done);
    }
    if args.is(2, "YES") || args.is(2, "SYNC") {
        return Err(CmdError::text("ERR this server has no script debugger"));
    }
    Err(CmdError::text("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
}

static SHOW: Command = Command::server("SHOW", show)
    .summary("Shows the text of a script in the cache.")
    .since("8.0.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(3)
    .flags(&[NoScript])
    .internal()
    .args(&[string("sha1")]);

fn show(ctx: &mut Ctx<'_>) -> CmdResult {
    let digest = cache::parse(ctx.args.at(2));
    let Some(script) = digest.and_then(|digest| ctx.server.scripts.cache.get(&digest)) else {
        return Err(CmdError::text("NOSCRIPT No matching script. Please use EVAL."));
    };
    ctx.reply.bulk(&script.body);
    Ok(Flow::Done)
}

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(2)
    .flags(&[Loading, Stale]);

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DEBUG (YES|SYNC|NO)",
        "    There is no script debugger: only NO is accepted.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Tell which of these scripts are in the cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Empty the cache of scripts.",
        "KILL",
        "    End the script that runs.",
        "LOAD <script>",
        "    Put a script into the cache without running it.",
        "SHOW <sha1>",
        "    Show the text of a script in the cache.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}
