//! Who a client is: AUTH and HELLO; and how it starts over or leaves: RESET and QUIT.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::net::ClientFlags;
use crate::server::Server;
use crate::util::number;

pub static AUTH: Command = Command::server("AUTH", auth)
    .summary("Logs the client in.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of passwords defined for the user")
    .group(Group::Connection)
    .arity(-2)
    .flags(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy])
    .args(&[string("username").since("6.0.0").optional(), string("password")])
    .history(&[("6.0.0", "A user name before the password.")]);

fn auth(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let (user, password): (&[u8], &[u8]) = match args.len() {
        2 => {
            if ctx.server.password().is_none() {
                return Err(CmdError::text(
                    "ERR AUTH <password> called without any password configured for the default user. \
                     Are you sure your configuration is correct?",
                ));
            }
            (b"default", args.at(1))
        }
        3 => (args.at(1), args.at(2)),
        _ => return Err(CmdError::SYNTAX),
    };
    log_in(ctx, user, password)?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Logs the client in as `user`.
fn log_in(ctx: &mut Ctx<'_>, user: &[u8], password: &[u8]) -> Result<(), CmdError> {
    let right = user == b"default" && ctx.server.password().is_none_or(|set| same_secret(set, password));
    if !right {
        return Err(CmdError::text("WRONGPASS invalid username-password pair or user is disabled."));
    }
    ctx.client().flags |= ClientFlags::AUTHENTICATED;
    Ok(())
}

/// Compares without telling by the time it takes where, or in length, the two differ.
fn same_secret(a: &[u8], b: &[u8]) -> bool {
    Sha256::digest(a).as_slice().ct_eq(Sha256::digest(b).as_slice()).into()
}

impl Server {
    /// The password clients need, if any.
    pub fn password(&self) -> Option<&[u8]> {
        self.env.config.requirepass.as_deref().filter(|password| !password.is_empty())
    }
}

pub static HELLO: Command = Command::server("HELLO", hello)
    .summary("Shakes hands: chooses the protocol version, and may log in and give the connection a name.")
    .since("6.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(-1)
    .flags(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy])
    .args(&[block(
        "arguments",
        &[
            integer("protover"),
            block("auth", &[string("username"), string("password")]).token("AUTH").optional(),
            string("clientname").token("SETNAME").optional(),
        ],
    )
    .optional()])
    .history(&[("6.2.0", "The protocol version became optional; without it the connection's own is reported.")]);

fn hello(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let mut version = None;
    if let Some(word) = args.get(1) {
        let number = number::parse_i64(word).ok_or(CmdError::text("ERR Protocol version is not an integer or out of range"))?;
        if !(2..=3).contains(&number) {
            return Err(CmdError::text("NOPROTO unsupported protocol version"));
        }
        version = Some(number);
    }
    let (mut credentials, mut name) = (None, None);
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "AUTH") && at + 2 < args.len() {
            credentials = Some((args.at(at + 1), args.at(at + 2)));
            at += 3;
        } else if args.is(at, "SETNAME") && at + 1 < args.len() {
            super::names::check(args.at(at + 1), "Client names")?;
            name = Some(args.at(at + 1));
            at += 2;
        } else {
            let option = String::from_utf8_lossy(args.at(at)).into_owned();
            return Err(CmdError::err(format!("Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = credentials {
        log_in(ctx, user, password)?;
    }
    if !ctx.client().has(ClientFlags::AUTHENTICATED) {
        return Err(CmdError::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        super::names::set(ctx.client(), name);
    }
    if let Some(version) = version {
        ctx.reply.resp3 = version == 3;
        ctx.client().reply.resp3 = version == 3;
    }
    let id = ctx.client.id;
    let reply = &mut *ctx.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(crate::util::version::REDIS.as_bytes());
    reply.bulk(b"proto");
    reply.int(if reply.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(id as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(Flow::Done)
}

pub static RESET: Command = Command::server("RESET", reset)
    .summary("Puts the connection in the state it had when it was new.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(1)
    .flags(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy]);

fn reset(ctx: &mut Ctx<'_>) -> CmdResult {
    let id = ctx.client;
    ctx.server.discard_transaction(id);
    ctx.server.remove_monitor(id);
    ctx.server.unsubscribe_all(id);
    ctx.server.disable_tracking(id);
    let open = ctx.server.password().is_none();
    let client = ctx.client();
    client.flags -= ClientFlags::NO_EVICT | ClientFlags::NO_TOUCH | ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP_NEXT;
    client.flags.set(ClientFlags::AUTHENTICATED, open);
    client.db = 0;
    client.reply.resp3 = false;
    if let Some(extra) = client.extra_if_any() {
        extra.name = None;
    }
    client.shed_extra();
    ctx.reply.resp3 = false;
    ctx.reply.simple("RESET");
    Ok(Flow::Done)
}

pub static QUIT: Command = Command::server("QUIT", quit)
    .summary("Closes the connection.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(-1)
    .flags(&[NoScript, Loading, Stale, Fast, NoAuth, AllowBusy])
    .deprecated("7.2.0", "just closing the connection");

fn quit(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.ok();
    ctx.client().flags |= ClientFlags::CLOSE_AFTER_REPLY;
    Ok(Flow::Done)
}
