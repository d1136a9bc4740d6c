//! CONFIG: reading, changing and keeping the configuration while the server runs.

use std::path::Path;

use crate::config::{self, Caller};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::net::ClientFlags;

pub static CONFIG: Command = Command::container("CONFIG", &[&GET, &HELP, &RESETSTAT, &REWRITE, &SET])
    .summary("Commands about the server's configuration.")
    .since("2.0.0")
    .complexity("Depends on subcommand.")
    .group(Group::Server);

static GET: Command = Command::server("GET", get)
    .summary("Returns the parameters whose names match, with their values.")
    .since("2.0.0")
    .complexity("O(N) when N is the number of configuration parameters provided")
    .group(Group::Server)
    .arity(-3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .args(&[string("parameter").multiple()])
    .history(&[("7.0.0", "Several names at once.")]);

fn get(ctx: &mut Ctx<'_>) -> CmdResult {
    let names: Vec<&[u8]> = ctx.args.from(2).iter().collect();
    let pairs = config::get(&ctx.server.env.config, &names);
    ctx.reply.map(pairs.len());
    for (name, value) in pairs {
        ctx.reply.bulk(&name);
        ctx.reply.bulk(&value);
    }
    Ok(Flow::Done)
}

static SET: Command = Command::server("SET", set)
    .summary("Changes parameters: all that are given, or none.")
    .since("2.0.0")
    .complexity("O(N) when N is the number of configuration parameters provided")
    .group(Group::Server)
    .arity(-4)
    .flags(&[Admin, NoScript, Loading, Stale])
    .args(&[block("data", &[string("parameter"), string("value")]).multiple()])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
    .history(&[("7.0.0", "Several parameters at once.")]);

fn set(ctx: &mut Ctx<'_>) -> CmdResult {
    let words: Vec<&[u8]> = ctx.args.from(2).iter().collect();
    if !words.len().is_multiple_of(2) {
        return Err(CmdError::arity(&ctx.cmd.full_name));
    }
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let client = ctx.client();
    let local = client.has(ClientFlags::UNIX_SOCKET) || client.peer.is_some_and(|peer| peer.ip().is_loopback());
    let server = &mut *ctx.server;
    let mut next = server.env.config.clone();
    let caller = Caller { loading: server.loading.is_some(), protected: next.enable_protected_configs.permits(local) };
    let mut hooks = Vec::new();
    config::set(&mut next, &pairs, caller, &mut |hook, config| {
        hooks.push(hook);
        server.carry_out(hook, config)
    })
    .map_err(|error| CmdError::new(error.reply()))?;
    server.env.config = next;
    server.reconfigured(&hooks);
    ctx.reply.ok();
    Ok(Flow::Done)
}

static REWRITE: Command = Command::server("REWRITE", rewrite)
    .summary("Writes the configuration in force to the configuration file, keeping its comments and order.")
    .since("2.8.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

fn rewrite(ctx: &mut Ctx<'_>) -> CmdResult {
    rewrite_file(ctx, false)
}

/// DEBUG CONFIG-REWRITE-FORCE-ALL: every parameter is written, defaults too.
pub fn rewrite_all(ctx: &mut Ctx<'_>) -> CmdResult {
    rewrite_file(ctx, true)
}

fn rewrite_file(ctx: &mut Ctx<'_>, all: bool) -> CmdResult {
    let process = &ctx.server.process;
    if process.config_file.is_empty() {
        return Err(CmdError::text("ERR The server is running without a config file"));
    }
    let rewritten = config::store::rewrite_file(Path::new(&process.config_file), &ctx.server.env.config, all);
    if let Err(error) = rewritten {
        let reason = config::file::reason(&error);
        log::warn!("CONFIG REWRITE failed: {reason}");
        return Err(CmdError::err(format!("Rewriting config file: {reason}")));
    }
    log::info!("CONFIG REWRITE executed with success.");
    ctx.reply.ok();
    Ok(Flow::Done)
}

static RESETSTAT: Command = Command::server("RESETSTAT", resetstat)
    .summary("Sets the server's figures back to zero.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

fn resetstat(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.stats.reset();
    ctx.server.defrag.reset(ctx.server.clock.now_ns);
    ctx.server.env.stats = Default::default();
    ctx.server.env.reclaim.reset_figures();
    ctx.reply.ok();
    Ok(Flow::Done)
}

static HELP: Command = Command::server("HELP", help)
    .summary("Lists the subcommands.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale]);

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET <pattern>",
        "    The parameters whose names match, with their values.",
        "SET <directive> <value>",
        "    Changes a parameter.",
        "RESETSTAT",
        "    Sets the figures that INFO shows back to zero.",
        "REWRITE",
        "    Writes the configuration in force to the configuration file.",
        "HELP",
        "    Prints this help.",
    ]);
    Ok(Flow::Done)
}
