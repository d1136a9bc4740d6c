//! CLIENT, and the subcommands about the calling client itself.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::net::ClientFlags;

use super::{info, kill, names, pause, tracking};

pub static CLIENT: Command = Command::container(
    "CLIENT",
    &[
        &tracking::CACHING,
        &GETNAME,
        &tracking::GETREDIR,
        &HELP,
        &ID,
        &INFO,
        &kill::KILL,
        &kill::LIST,
        &NO_EVICT,
        &NO_TOUCH,
        &pause::PAUSE,
        &REPLY,
        &SETINFO,
        &SETNAME,
        &tracking::TRACKING,
        &tracking::TRACKINGINFO,
        &pause::UNBLOCK,
        &pause::UNPAUSE,
    ],
)
.summary("Commands about client connections.")
.since("2.4.0")
.complexity("Depends on subcommand.")
.group(Group::Connection);

/// ON or OFF, as an argument.
const ON_OFF: &[argspec::Arg] = &[oneof("enabled", &[token("on", "ON"), token("off", "OFF")])];

static ID: Command = Command::server("ID", id)
    .summary("Returns the number of this connection.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[NoScript, Loading, Stale]);

fn id(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.int(ctx.client.id as i64);
    Ok(Flow::Done)
}

static INFO: Command = Command::server("INFO", show)
    .summary("Describes this connection.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[NoScript, Loading, Stale])
    .tips(&["nondeterministic_output"]);

fn show(ctx: &mut Ctx<'_>) -> CmdResult {
    let line = ctx.server.clients.get(ctx.client).map(|client| info::line(ctx.server, client)).unwrap_or_default() + "\n";
    ctx.reply.verbatim(line.as_bytes(), "txt");
    Ok(Flow::Done)
}

static GETNAME: Command = Command::server("GETNAME", getname)
    .summary("Returns the name of this connection.")
    .since("2.6.9")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[NoScript, Loading, Stale]);

fn getname(ctx: &mut Ctx<'_>) -> CmdResult {
    let name = ctx.client().extra().and_then(|extra| extra.name.clone());
    ctx.reply.bulk_or_null(name.as_deref());
    Ok(Flow::Done)
}

static SETNAME: Command = Command::server("SETNAME", setname)
    .summary("Gives this connection a name.")
    .since("2.6.9")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(3)
    .flags(&[NoScript, Loading, Stale])
    .args(&[string("connection-name")])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

fn setname(ctx: &mut Ctx<'_>) -> CmdResult {
    let name = ctx.args.at(2);
    names::check(name, "Client names")?;
    names::set(ctx.client(), name);
    ctx.reply.ok();
    Ok(Flow::Done)
}

static SETINFO: Command = Command::server("SETINFO", setinfo)
    .summary("Tells which client library this connection belongs to.")
    .since("7.2.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(4)
    .flags(&[NoScript, Loading, Stale])
    .args(&[oneof("attr", &[string("libname").token("LIB-NAME"), string("libver").token("LIB-VER")])])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

fn setinfo(ctx: &mut Ctx<'_>) -> CmdResult {
    let (option, value) = (ctx.args.at(2), ctx.args.at(3));
    let is_name = option.eq_ignore_ascii_case(b"lib-name");
    if !is_name && !option.eq_ignore_ascii_case(b"lib-ver") {
        return Err(CmdError::err(format!("Unrecognized option '{}'", String::from_utf8_lossy(option))));
    }
    names::check(value, &String::from_utf8_lossy(option))?;
    let word = if value.is_empty() { None } else { Some(value.into()) };
    let extra = ctx.client().extra_mut();
    if is_name {
        extra.lib_name = word;
    } else {
        extra.lib_version = word;
    }
    ctx.client().shed_extra();
    ctx.reply.ok();
    Ok(Flow::Done)
}

static REPLY: Command = Command::server("REPLY", reply)
    .summary("Chooses whether this connection is sent replies.")
    .since("3.2.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(3)
    .flags(&[NoScript, Loading, Stale])
    .args(&[oneof("action", &[token("on", "ON"), token("off", "OFF"), token("skip", "SKIP")])]);

fn reply(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    if args.is(2, "ON") {
        ctx.client().flags -= ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP | ClientFlags::REPLY_SKIP_NEXT;
        ctx.reply.ok();
    } else if args.is(2, "OFF") {
        ctx.client().flags |= ClientFlags::REPLY_OFF;
    } else if args.is(2, "SKIP") {
        if !ctx.client().has(ClientFlags::REPLY_OFF) {
            ctx.client().flags |= ClientFlags::REPLY_SKIP_NEXT;
        }
    } else {
        return Err(CmdError::SYNTAX);
    }
    Ok(Flow::Done)
}

static NO_EVICT: Command = Command::server("NO-EVICT", no_evict)
    .summary("Protects this connection from being closed for the memory that clients take.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .categories(&[Category::Connection])
    .args(ON_OFF);

fn no_evict(ctx: &mut Ctx<'_>) -> CmdResult {
    switch(ctx, ClientFlags::NO_EVICT)
}

static NO_TOUCH: Command = Command::server("NO-TOUCH", no_touch)
    .summary("Keeps this connection's commands from counting as use of the keys they read.")
    .since("7.2.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(3)
    .flags(&[NoScript, Loading, Stale])
    .args(ON_OFF);

fn no_touch(ctx: &mut Ctx<'_>) -> CmdResult {
    switch(ctx, ClientFlags::NO_TOUCH)
}

fn switch(ctx: &mut Ctx<'_>, flag: ClientFlags) -> CmdResult {
    let on = match ctx.args.at(2).to_ascii_lowercase().as_slice() {
        b"on" => true,
        b"off" => false,
        _ => return Err(CmdError::SYNTAX),
    };
    ctx.client().flags.set(flag, on);
    ctx.reply.ok();
    Ok(Flow::Done)
}

static HELP: Command = Command::server("HELP", help)
    .summary("Lists the subcommands.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[Loading, Stale]);

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CACHING (YES|NO)",
        "    Whether what the next command reads is tracked, in the modes OPTIN and OPTOUT.",
        "GETNAME",
        "    The name of this connection.",
        "GETREDIR",
        "    The number of the connection that is told of changed keys in place of this one.",
        "ID",
        "    The number of this connection.",
        "INFO",
        "    This connection's line of CLIENT LIST.",
        "KILL <ip:port>",
        "    Closes the connection from this address.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Closes the connections for which every option holds:",
        "    * ID, TYPE, USER, ADDR, LADDR, IP, MAXAGE, IDLE, FLAGS, NAME, LIB-NAME, LIB-VER, DB",
        "      (a leading NOT- turns an option round)",
        "    * SKIPME (YES|NO)",
        "      Whether this connection is left out; YES unless said.",
        "LIST [<option> <value> ...]",
        "    A line for each connection, or for those for which every option of KILL holds.",
        "NO-EVICT (ON|OFF)",
        "    Protects this connection from client eviction.",
        "NO-TOUCH (ON|OFF)",
        "    Reads of this connection leave LRU and LFU alone.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Holds back all commands, or those that write, for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Whether this connection gets replies.",
        "SETINFO <option> <value>",
        "    Tells LIB-NAME or LIB-VER of the client library.",
        "SETNAME <name>",
        "    Names this connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Whether this connection is told of changed keys that it may have cached.",
        "TRACKINGINFO",
        "    How this connection tracks keys.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Ends the wait of a blocked client.",
        "UNPAUSE",
        "    Ends a pause.",
        "HELP",
        "    Prints this help.",
    ]);
    Ok(Flow::Done)
}
