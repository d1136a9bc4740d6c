//! CLIENT TRACKING and what belongs to it: CACHING, TRACKINGINFO and GETREDIR.

use std::collections::BTreeSet;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::pubsub::tracking::{Choice, Tracking};
use crate::util::number;

pub static TRACKING: Command = Command::server("TRACKING", tracking)
    .summary("Has this connection told when keys change that it may have cached.")
    .since("6.0.0")
    .complexity("O(1). Some options may introduce additional complexity.")
    .group(Group::Connection)
    .arity(-3)
    .flags(&[NoScript, Loading, Stale])
    .args(&[
        oneof("status", &[token("on", "ON"), token("off", "OFF")]),
        integer("client-id").token("REDIRECT").optional(),
        string("prefix").token("PREFIX").optional().multiple_token(),
        token("bcast", "BCAST").optional(),
        token("optin", "OPTIN").optional(),
        token("optout", "OPTOUT").optional(),
        token("noloop", "NOLOOP").optional(),
    ]);

/// What CLIENT TRACKING is told beside ON and OFF.
#[derive(Default)]
struct Options<'a> {
    redirect: u64,
    prefixes: Vec<&'a [u8]>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
}

fn options<'a>(ctx: &Ctx<'a>) -> Result<Options<'a>, CmdError> {
    let args = ctx.args;
    let mut options = Options::default();
    let mut at = 3;
    while at < args.len() {
        let value = args.get(at + 1);
        match (args.at(at).to_ascii_lowercase().as_slice(), value) {
            (b"redirect", Some(value)) => {
                if options.redirect != 0 {
                    return Err(CmdError::text("ERR A client can only redirect to a single other client"));
                }
                let id = number::parse_i64(value).ok_or(CmdError::NOT_AN_INTEGER)?;
                let there = u64::try_from(id).ok().and_then(|id| ctx.server.clients.find(id));
                options.redirect = there.ok_or(CmdError::text("ERR The client ID you want redirect to does not exist"))?.id;
                at += 1;
            }
            (b"prefix", Some(value)) => {
                options.prefixes.push(value);
                at += 1;
            }
            (b"bcast", _) => options.broadcast = true,
            (b"optin", _) => options.opt_in = true,
            (b"optout", _) => options.opt_out = true,
            (b"noloop", _) => options.no_loop = true,
            _ => return Err(CmdError::SYNTAX),
        }
        at += 1;
    }
    Ok(options)
}

fn tracking(ctx: &mut Ctx<'_>) -> CmdResult {
    let options = options(ctx)?;
    if ctx.args.is(2, "OFF") {
        ctx.server.disable_tracking(ctx.client);
        ctx.reply.ok();
        return Ok(Flow::Done);
    }
    if !ctx.args.is(2, "ON") {
        return Err(CmdError::SYNTAX);
    }
    let before = ctx.server.tracking_of(ctx.client);
    check(&options, before)?;
    let prefixes = match options.prefixes.as_slice() {
        [] => BTreeSet::from([Box::from(&b""[..])]),
        prefixes => prefixes.iter().map(|prefix| Box::from(*prefix)).collect(),
    };
    let choice = match (options.opt_in, options.opt_out) {
        (true, _) => Choice::OptIn,
        (_, true) => Choice::OptOut,
        _ => Choice::All,
    };
    let tracking = Tracking {
        redirect: options.redirect,
        prefixes: options.broadcast.then_some(prefixes),
        choice,
        no_loop: options.no_loop,
        ..Tracking::default()
    };
    ctx.server.enable_tracking(ctx.client, tracking);
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Refuses options that contradict each other or the mode the client is in.
fn check(options: &Options<'_>, before: Option<&Tracking>) -> Result<(), CmdError> {
    if !options.broadcast && !options.prefixes.is_empty() {
        return Err(CmdError::text("ERR PREFIX option requires BCAST mode to be enabled"));
    }
    if before.is_some_and(|before| before.prefixes.is_some() != options.broadcast) {
        return Err(CmdError::text(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a \
             different mode.",
        ));
    }
    if options.broadcast && (options.opt_in || options.opt_out) {
        return Err(CmdError::text("ERR OPTIN and OPTOUT are not compatible with BCAST"));
    }
    if options.opt_in && options.opt_out {
        return Err(CmdError::text("ERR You can't specify both OPTIN mode and OPTOUT mode"));
    }
    let choice = before.map(|before| before.choice).unwrap_or_default();
    if options.opt_in && choice == Choice::OptOut || options.opt_out && choice == Choice::OptIn {
        return Err(CmdError::text(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a \
             different mode.",
        ));
    }
    let existing: Vec<&[u8]> =
        before.and_then(|before| before.prefixes.as_ref()).into_iter().flatten().map(|prefix| &**prefix).collect();
    for (at, prefix) in options.prefixes.iter().enumerate() {
        if let Some(other) = existing.iter().find(|other| overlap(prefix, other)) {
            return Err(collision(prefix, "an existing", other));
        }
        if let Some(other) = options.prefixes[at + 1..].iter().find(|other| overlap(prefix, other)) {
            return Err(collision(prefix, "another provided", other));
        }
    }
    Ok(())
}

/// Whether keys can be below both.
fn overlap(a: &[u8], b: &[u8]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn collision(prefix: &[u8], which: &str, other: &[u8]) -> CmdError {
    let mut text = b"ERR Prefix '".to_vec();
    text.extend_from_slice(prefix);
    text.extend_from_slice(format!("' overlaps with {which} prefix '").as_bytes());
    text.extend_from_slice(other);
    text.extend_from_slice(b"'. Prefixes for a single client must not overlap.");
    CmdError::new(text)
}

pub static CACHING: Command = Command::server("CACHING", caching)
    .summary("Says whether what the next command reads is tracked.")
    .since("6.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(3)
    .flags(&[NoScript, Loading, Stale])
    .args(&[oneof("mode", &[token("yes", "YES"), token("no", "NO")])]);

fn caching(ctx: &mut Ctx<'_>) -> CmdResult {
    let word = ctx.args.at(2).to_ascii_lowercase();
    let Some(tracking) = ctx.client().extra_if_any().and_then(|extra| extra.tracking.as_mut()) else {
        return Err(CmdError::text(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    match (word.as_slice(), tracking.choice) {
        (b"yes", Choice::OptIn) | (b"no", Choice::OptOut) => tracking.caching = true,
        (b"yes", _) => {
            return Err(CmdError::text("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."));
        }
        (b"no", _) => {
            return Err(CmdError::text("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."));
        }
        _ => return Err(CmdError::SYNTAX),
    }
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static TRACKINGINFO: Command = Command::server("TRACKINGINFO", trackinginfo)
    .summary("Tells how this connection tracks keys.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[NoScript, Loading, Stale]);

fn trackinginfo(ctx: &mut Ctx<'_>) -> CmdResult {
    let tracking = ctx.server.tracking_of(ctx.client);
    let mut flags = Vec::new();
    match tracking {
        None => flags.push("off"),
        Some(tracking) => {
            flags.push("on");
            let all = [
                (tracking.prefixes.is_some(), "bcast"),
                (tracking.choice == Choice::OptIn, "optin"),
                (tracking.choice == Choice::OptIn && tracking.caching, "caching-yes"),
                (tracking.choice == Choice::OptOut, "optout"),
                (tracking.choice == Choice::OptOut && tracking.caching, "caching-no"),
                (tracking.no_loop, "noloop"),
                (tracking.broken, "broken_redirect"),
            ];
            flags.extend(all.into_iter().filter(|(set, _)| *set).map(|(_, name)| name));
        }
    }
    let reply = &mut *ctx.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    for flag in flags {
        reply.bulk(flag.as_bytes());
    }
    reply.bulk(b"redirect");
    reply.int(tracking.map_or(-1, |tracking| tracking.redirect as i64));
    reply.bulk(b"prefixes");
    let prefixes = tracking.and_then(|tracking| tracking.prefixes.as_ref());
    reply.array(prefixes.map_or(0, BTreeSet::len));
    for prefix in prefixes.into_iter().flatten() {
        reply.bulk(prefix);
    }
    Ok(Flow::Done)
}

pub static GETREDIR: Command = Command::server("GETREDIR", getredir)
    .summary("Returns the connection that is told in this one's place when keys change.")
    .since("6.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[NoScript, Loading, Stale]);

fn getredir(ctx: &mut Ctx<'_>) -> CmdResult {
    let redirect = ctx.server.tracking_of(ctx.client).map_or(-1, |tracking| tracking.redirect as i64);
    ctx.reply.int(redirect);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    const KEY: &str = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";

    #[test]
    fn a_reader_is_told_once() {
        let mut s = Session::new();
        let reader = s.connect();
        s.run_as(reader, "HELLO 3");
        s.run_as(reader, "CLIENT TRACKING ON");
        s.run_as(reader, "GET k");
        assert_eq!(s.run("SET other v"), "+OK\r\n");
        assert_eq!(s.output(reader), "");
        s.run("SET k v");
        s.run("SET k v");
        assert_eq!(s.output(reader), KEY);
        // One's own changes count too, and come behind the reply; in a transaction, behind all of it.
        assert_eq!(s.run_as(reader, "GET k"), "$1\r\nv\r\n");
        assert_eq!(s.run_as(reader, "DEL k"), format!(":1\r\n{KEY}"));
        s.run_as(reader, "GET k");
        s.run_as(reader, "MULTI");
        s.run_as(reader, "SET k v");
        s.run_as(reader, "GET k");
        assert_eq!(s.run_as(reader, "EXEC"), format!("*2\r\n+OK\r\n$1\r\nv\r\n{KEY}"));
        // Read after the change, so remembered again.
        assert_eq!(s.server.tracked.table.len(), 1);
        s.run_as(reader, "CLIENT TRACKING OFF");
        s.run("SET k v");
        assert_eq!((s.output(reader), s.server.tracked.table.len()), (String::new(), 0));
    }

    #[test]
    fn expiry_and_flushing_tell_too() {
        let mut s = Session::new();
        let reader = s.connect();
        s.run_as(reader, "HELLO 3");
        s.run_as(reader, "CLIENT TRACKING ON");
        s.run("SET k v PX 10");
        s.run_as(reader, "GET k");
        s.advance_ms(11);
        s.run("GET k");
        assert_eq!(s.output(reader), KEY);
        s.run_as(reader, "GET k");
        s.run("FLUSHDB");
        assert_eq!(s.output(reader), ">2\r\n$10\r\ninvalidate\r\n_\r\n");
        s.run_as(reader, "MULTI");
        s.run_as(reader, "FLUSHALL");
        assert_eq!(s.run_as(reader, "EXEC"), "*1\r\n+OK\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n");
    }

    #[test]
    fn another_connection_is_told_instead() {
        let mut s = Session::new();
        let (reader, other) = (s.connect(), s.connect());
        s.run_as(other, "SUBSCRIBE __redis__:invalidate");
        assert_eq!(s.run_as(reader, &format!("CLIENT TRACKING ON REDIRECT {}", other.id)), "+OK\r\n");
        s.run_as(reader, "GET k");
        s.run("SET k v");
        let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n";
        assert_eq!((s.output(reader), s.output(other)), (String::new(), message.into()));
        assert!(s.run_as(reader, "CLIENT INFO").contains("flags=t db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0"));
        assert!(s.run_as(reader, "CLIENT INFO").contains(&format!(" redir={} ", other.id)));
        s.server.close_client(other);
        s.run_as(reader, "HELLO 3");
        s.run_as(reader, "GET k");
        s.run("SET k v");
        assert_eq!(s.output(reader), format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{}\r\n", other.id));
        assert!(s.run_as(reader, "CLIENT TRACKINGINFO").contains("$15\r\nbroken_redirect\r\n"));
        assert!(s.run_as(reader, "CLIENT INFO").contains("flags=tR "));
    }

    #[test]
    fn prefixes_are_broadcast_at_the_end_of_the_turn() {
        let mut s = Session::new();
        let (all, some) = (s.connect(), s.connect());
        for id in [all, some] {
            s.run_as(id, "HELLO 3");
        }
        s.run_as(all, "CLIENT TRACKING ON BCAST");
        s.run_as(some, "CLIENT TRACKING ON BCAST PREFIX a PREFIX b NOLOOP");
        s.run("MSET a1 x a2 x c1 x b1 x");
        let keys = |count: usize, keys: &str| {
            format!(">2\r\n$10\r\ninvalidate\r\n*{count}\r\n")
                + &keys.split(' ').map(|key| format!("$2\r\n{key}\r\n")).collect::<String>()
        };
        assert_eq!(s.output(all), keys(4, "a1 a2 b1 c1"));
        assert_eq!(s.output(some), keys(2, "a1 a2") + &keys(1, "b1"));
        assert_eq!(s.run_as(some, "SET a1 x"), "+OK\r\n");
        assert_eq!((s.output(some), s.output(all)), (String::new(), keys(1, "a1")));
        assert!(s.run("INFO stats").contains("tracking_total_keys:0\r\ntracking_total_items:0\r\ntracking_total_prefixes:3\r\n"));
        assert!(s.run("INFO clients").contains("tracking_clients:2\r\n"));
        s.run_as(some, "RESET");
        assert_eq!((s.server.tracked.clients, s.server.tracked.prefixes.len()), (1, 1));
    }

    #[test]
    fn what_is_remembered_may_be_chosen() {
        let mut s = Session::new();
        s.run("HELLO 3");
        s.run("CLIENT TRACKING ON OPTIN");
        let mut remembered = |lines: &[&str]| {
            for line in lines {
                s.run(line);
            }
            std::mem::take(&mut s.server.tracked.table).len()
        };
        assert_eq!(remembered(&["GET a"]), 0);
        assert_eq!(remembered(&["CLIENT CACHING YES", "GET a", "GET b"]), 1);
        assert_eq!(remembered(&["CLIENT CACHING YES", "CLIENT ID", "MGET a b c", "PING", "GET d"]), 3);
        assert_eq!(remembered(&["CLIENT CACHING YES", "MULTI", "GET a", "GET b", "EXEC", "GET c"]), 2);
        assert_eq!(remembered(&["CLIENT TRACKING OFF", "CLIENT TRACKING ON OPTOUT", "GET a"]), 1);
        assert_eq!(remembered(&["CLIENT CACHING NO", "GET a", "SET b x"]), 0);
        assert_eq!(remembered(&["CLIENT TRACKING ON NOLOOP", "GET a", "SET a x", "GET b"]), 1);
    }

    #[test]
    fn a_table_over_its_limit_shrinks_with_growing_effort() {
        let mut s = Session::new();
        s.run("HELLO 3");
        s.run("CLIENT TRACKING ON");
        for i in 0..250 {
            s.run(&format!("GET key:{i}"));
        }
        s.run("CONFIG SET tracking-table-max-keys 10");
        assert_eq!(s.server.tracked.table.len(), 250);
        assert!(s.run("PING").ends_with("\r\n+PONG\r\n"));
        assert_eq!(s.server.tracked.table.len(), 150);
        let told = s.run("PING");
        assert_eq!((s.server.tracked.table.len(), told.matches("invalidate").count()), (10, 140));
        assert_eq!(s.run("PING"), "+PONG\r\n");
    }
}
