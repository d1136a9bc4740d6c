//! FUNCTION: libraries of functions.

use super::flushes_lazily;
use crate::dispatch::call::wrong_subcommand;
use crate::dispatch::command::Command;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::resp::Reply;
use crate::script::library::{Function, Library};
use crate::script::payload::{self, Refused};
use crate::script::run::What;
use crate::script::shebang;
use crate::server::Server;
use crate::util::glob::{self, Case};

/// From more libraries than this on a flush counts as lazy work.
const LAZY_MIN: u64 = 64;

pub static FUNCTION: Command =
    Command::container("FUNCTION", &[&LOAD, &DELETE, &LIST, &STATS, &KILL, &FLUSH, &DUMP, &RESTORE, &HELP])
        .summary("Leads to the commands about functions.")
        .since("7.0.0")
        .complexity("Depends on subcommand.")
        .group(Group::Scripting);

static LOAD: Command = Command::server("LOAD", load)
    .summary("Loads a library.")
    .since("7.0.0")
    .complexity("O(1), compiling aside.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[NoScript, Write, DenyOom])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[token("replace", "REPLACE").optional(), string("function-code")]);

fn load(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let last = args.len() - 1;
    let mut replace = false;
    for at in 2..last {
        if !args.is(at, "REPLACE") {
            return Err(CmdError::new([b"ERR Unknown option given: ", args.at(at)].concat()));
        }
        replace = true;
    }
    let name = ctx.server.load_library(ctx.client, args.at(last), replace)?;
    ctx.server.env.fx.dirty += 1;
    ctx.reply.bulk(&name);
    Ok(Flow::Done)
}

static DELETE: Command = Command::server("DELETE", delete)
    .summary("Deletes a library and its functions.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(3)
    .flags(&[NoScript, Write])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[string("library-name")]);

fn delete(ctx: &mut Ctx<'_>) -> CmdResult {
    if !ctx.server.delete_library(ctx.args.at(2)) {
        return Err(CmdError::text("ERR Library not found"));
    }
    ctx.server.env.fx.dirty += 1;
    ctx.reply.ok();
    Ok(Flow::Done)
}

static LIST: Command = Command::server("LIST", list)
    .summary("Lists libraries and their functions.")
    .since("7.0.0")
    .complexity("O(N), N being the number of functions.")
    .group(Group::Scripting)
    .arity(-2)
    .flags(&[NoScript])
    .tips(&["nondeterministic_output_order"])
    .args(&[string("library-name-pattern").token("LIBRARYNAME").optional(), token("withcode", "WITHCODE").optional()]);

fn list(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let (mut pattern, mut with_code) = (None, false);
    let mut at = 2;
    while at < args.len() {
        if !with_code && args.is(at, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.is(at, "LIBRARYNAME") {
            at += 1;
            pattern = args.get(at);
            if pattern.is_none() {
                return Err(CmdError::text("ERR library name argument was not given"));
            }
        } else {
            return Err(CmdError::new([b"ERR Unknown argument ", args.at(at)].concat()));
        }
        at += 1;
    }
    let libraries = &ctx.server.scripts.libraries;
    let shown: Vec<(&[u8], &Library)> = libraries
        .iter()
        .filter(|(name, _)| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive)))
        .collect();
    let reply = &mut *ctx.reply;
    reply.array(shown.len());
    for (name, library) in shown {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(name);
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        reply.bulk(b"functions");
        let functions: Vec<&Function> = library.functions.iter().filter_map(|name| libraries.listed(name)).collect();
        reply.array(functions.len());
        for function in functions {
            show_function(reply, function);
        }
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(&library.code);
        }
    }
    Ok(Flow::Done)
}

fn show_function(reply: &mut Reply, function: &Function) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(&function.name);
    reply.bulk(b"description");
    reply.bulk_or_null(function.description.as_deref());
    reply.bulk(b"flags");
    let flags: Vec<_> = shebang::NAMES.iter().filter(|(_, flag)| function.flags.contains(*flag)).collect();
    reply.set(flags.len());
    for (name, _) in flags {
        reply.simple(name);
    }
}

static STATS: Command = Command::server("STATS", stats)
    .summary("Tells which function runs, and how many there are.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(2)
    .flags(&[NoScript, AllowBusy])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

fn stats(ctx: &mut Ctx<'_>) -> CmdResult {
    let (server, reply, _) = ctx.split();
    let running = server.scripts.running.as_ref();
    if let Some(running) = running
        && !running.is_function()
    {
        return Err(crate::script::busy::busy_error(server).unwrap_or(CmdError::text("BUSY a script is running")));
    }
    reply.map(2);
    reply.bulk(b"running_script");
    match running.map(|running| (running, &running.what)) {
        Some((running, What::Function(name, args))) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(name);
            reply.bulk(b"command");
            let args = args.view();
            reply.array(args.len());
            for word in args.iter() {
                reply.bulk(word);
            }
            reply.bulk(b"duration_ms");
            reply.int((server.clock.now_ns.saturating_sub(running.started_ns) / 1_000_000) as i64);
        }
        _ => reply.null(),
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.count(server.scripts.libraries.len());
    reply.bulk(b"functions_count");
    reply.count(server.scripts.libraries.function_count());
    Ok(Flow::Done)
}

static KILL: Command = Command::server("KILL", kill)
    .summary("Ends the function that runs, unless it has written.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(2)
    .flags(&[NoScript, AllowBusy])
    .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]);

fn kill(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.kill_script(true)?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

static FLUSH: Command = Command::server("FLUSH", flush)
    .summary("Deletes all libraries.")
    .since("7.0.0")
    .complexity("O(N), N being the number of functions deleted.")
    .group(Group::Scripting)
    .arity(-2)
    .flags(&[NoScript, Write])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[oneof("flush-type", &[token("async", "ASYNC"), token("sync", "SYNC")]).optional()]);

fn flush(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.args.len() > 3 {
        return Err(wrong_subcommand(ctx.args.from(0)));
    }
    let lazily = flushes_lazily(ctx, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option")?;
    let libraries = ctx.server.scripts.libraries.len() as u64;
    if lazily && libraries > LAZY_MIN {
        // The interpreter goes as a whole, which takes no longer than handing it over would.
        ctx.server.env.reclaim.count_freed(libraries + 1);
    }
    ctx.server.scripts.flush_libraries();
    ctx.server.env.fx.dirty += 1;
    ctx.reply.ok();
    Ok(Flow::Done)
}

static DUMP: Command = Command::server("DUMP", dump)
    .summary("Returns all libraries as one payload.")
    .since("7.0.0")
    .complexity("O(N), N being the number of functions.")
    .group(Group::Scripting)
    .arity(2)
    .flags(&[NoScript]);

fn dump(ctx: &mut Ctx<'_>) -> CmdResult {
    let payload = payload::dump(ctx.server.scripts.libraries.iter().map(|(_, library)| &*library.code));
    ctx.reply.bulk(&payload);
    Ok(Flow::Done)
}

static RESTORE: Command = Command::server("RESTORE", restore)
    .summary("Loads the libraries of a payload.")
    .since("7.0.0")
    .complexity("O(N), N being the number of functions in it.")
    .group(Group::Scripting)
    .arity(-3)
    .flags(&[NoScript, Write, DenyOom])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .args(&[
        string("serialized-value"),
        oneof("policy", &[token("flush", "FLUSH"), token("append", "APPEND"), token("replace", "REPLACE")]).optional(),
    ]);

fn restore(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    if args.len() > 4 {
        return Err(wrong_subcommand(args));
    }
    let policy = args.get(3).unwrap_or(b"append").to_ascii_lowercase();
    let (replace, flush) = match policy.as_slice() {
        b"append" => (false, false),
        b"replace" => (true, false),
        b"flush" => (false, true),
        _ => {
            return Err(CmdError::text("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."));
        }
    };
    let texts = payload::restore(args.at(2)).map_err(|refused| match refused {
        Refused::Footer => CmdError::text("ERR DUMP payload version or checksum are wrong"),
        Refused::NoFunction => CmdError::text("ERR given type is not a function"),
        Refused::Malformed => CmdError::text("ERR Failed loading library payload"),
    })?;
    let client = ctx.client;
    restore_libraries(ctx.server, client, &texts, replace, flush)?;
    ctx.server.env.fx.dirty += 1;
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Loads these libraries, all or none.
fn restore_libraries(
    server: &mut Server,
    client: crate::net::ClientId,
    texts: &[Vec<u8>],
    replace: bool,
    flush: bool,
) -> Result<(), CmdError> {
    let before: Vec<Box<[u8]>> = server.scripts.libraries.iter().map(|(_, library)| library.code.clone()).collect();
    if flush {
        server.scripts.flush_libraries();
    }
    let mut outcome = Ok(());
    for text in texts {
        outcome = server.load_library(client, text, replace).map(|_| ()).map_err(|error| {
            // Which of them it was, upstream says without quotes.
            CmdError::new(String::from_utf8_lossy(&error.0).replace('\'', "").into_bytes())
        });
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_err() {
        server.scripts.flush_libraries();
        for code in before {
            if let Err(error) = server.load_library(client, &code, true) {
                log::warn!("A library could not be taken back: {}", String::from_utf8_lossy(&error.0));
            }
        }
    }
    outcome
}

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Scripting)
    .arity(2)
    .flags(&[Loading, Stale]);

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LOAD [REPLACE] <FUNCTION CODE>",
        "    Load a library; its first line names it.",
        "DELETE <LIBRARY NAME>",
        "    Delete a library.",
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        "    List libraries with their functions, on demand with their code.",
        "STATS",
        "    Tell which function runs, and how many there are.",
        "KILL",
        "    End the function that runs.",
        "FLUSH [ASYNC|SYNC]",
        "    Delete all libraries.",
        "DUMP",
        "    Return all libraries as one payload.",
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        "    Load the libraries of a payload: instead of those there are, beside them, or in place of those of the same names.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}
