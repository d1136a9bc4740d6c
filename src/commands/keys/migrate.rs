//! MIGRATE: keys move to another server, at once for both.
//!
//! The server that gives sends RESTORE for each key and waits for the answers, during which it serves nobody: that is what
//! makes the move atomic. It waits no longer than the timeout for each of connecting, writing a piece and an answer. Only keys
//! that the other server has acknowledged are removed here, and what is propagated is their DEL.

use std::io;
use std::time::Duration;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::{Find, KeyAt, Use, Uses};
use crate::dispatch::*;
use crate::net::link::{self, Link};
use crate::persist::rdb::dump;
use crate::resp::{Args, request};
use crate::util::number::parse_i64;

/// Where the options begin.
const OPTIONS_AT: usize = 6;
/// Bytes collected before they are sent.
const PIECE_BYTES: usize = 64 * 1024;
/// What a timeout that is none stands for.
const TIMEOUT_DEFAULT_MS: u64 = 1000;

const KEY_USES: &[Use] = &[Use::RW, Use::Access, Use::Delete];

pub static MIGRATE: Command = Command::server("MIGRATE", migrate)
    .summary("Moves or copies keys to another server, atomically.")
    .since("2.6.0")
    .complexity("As DUMP and DEL here and RESTORE there for each key, and O(N) for the N bytes that are sent.")
    .group(Group::Generic)
    .arity(-6)
    .flags(&[Write])
    .categories(&[Category::Dangerous])
    .keys(&[
        Keys::one(3).does(KEY_USES),
        Keys::after("KEYS", -2).find(Find::Range { last: -1, step: 1, limit: 0 }).does(&[
            Use::RW,
            Use::Access,
            Use::Delete,
            Use::Incomplete,
        ]),
    ])
    .keys_fn(keys_of)
    .tips(&["nondeterministic_output"])
    .history(&[
        ("3.0.0", "The words `COPY` and `REPLACE`."),
        ("3.0.6", "Several keys, by `KEYS`."),
        ("4.0.7", "The option `AUTH`."),
        ("6.0.0", "The option `AUTH2`."),
    ])
    .args(&[
        string("host"),
        integer("port"),
        oneof("key-selector", &[key("key", 0), token("empty-string", "")]),
        integer("destination-db"),
        integer("timeout"),
        token("copy", "COPY").since("3.0.0").optional(),
        token("replace", "REPLACE").since("3.0.0").optional(),
        oneof(
            "authentication",
            &[
                string("auth").token("AUTH").since("4.0.7").display("password"),
                block("auth2", &[string("username"), string("password")]).token("AUTH2").since("6.0.0"),
            ],
        )
        .optional(),
        key("keys", 1).token("KEYS").since("3.0.6").optional().multiple().display("key"),
    ]);

/// The keys: those behind KEYS, if the key's own place is empty; else the one there.
fn keys_of(args: Args<'_>) -> Option<Vec<KeyAt>> {
    let mut keys = 3..4;
    let mut at = OPTIONS_AT;
    while at < args.len() {
        if args.is(at, "KEYS") {
            if !args.at(3).is_empty() {
                return None;
            }
            keys = at + 1..args.len();
            break;
        }
        at += 1 + if args.is(at, "AUTH") { 1 } else { 2 * usize::from(args.is(at, "AUTH2")) };
    }
    Some(keys.map(|index| KeyAt { index, uses: Uses::of(KEY_USES) }).collect())
}

/// What is asked for.
struct Options<'a> {
    copy: bool,
    replace: bool,
    /// Password, or name and password.
    credentials: Args<'a>,
    keys: Args<'a>,
    db: i64,
    timeout: Duration,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, CmdError> {
        let (mut copy, mut replace) = (false, false);
        let mut credentials = args.slice(0, 0);
        let mut keys = args.slice(3, 4);
        let mut at = OPTIONS_AT;
        while at < args.len() {
            let more = args.len() - at - 1;
            if args.is(at, "COPY") {
                copy = true;
            } else if args.is(at, "REPLACE") {
                replace = true;
            } else if args.is(at, "AUTH") && more >= 1 {
                credentials = args.slice(at + 1, at + 2);
                at += 1;
            } else if args.is(at, "AUTH2") && more >= 2 {
                credentials = args.slice(at + 1, at + 3);
                at += 2;
            } else if args.is(at, "KEYS") {
                if !args.at(3).is_empty() {
                    return Err(CmdError::text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                keys = args.from(at + 1);
                break;
            } else {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        let timeout_ms = parse_i64(args.at(5)).ok_or(CmdError::NOT_AN_INTEGER)?;
        let db = parse_i64(args.at(4)).ok_or(CmdError::NOT_AN_INTEGER)?;
        let timeout_ms = u64::try_from(timeout_ms).ok().filter(|ms| *ms > 0).unwrap_or(TIMEOUT_DEFAULT_MS);
        Ok(Options { copy, replace, credentials, keys, db, timeout: Duration::from_millis(timeout_ms) })
    }
}

/// How far a conversation came.
#[derive(Default)]
struct Progress {
    /// Something was answered: it must not be said again.
    answered: bool,
    /// The first error the other server answered with, without the dash.
    refusal: Option<Vec<u8>>,
    /// Keys that are there now.
    moved: Vec<Vec<u8>>,
}

/// What went wrong with a connection.
enum Broken {
    Connecting,
    Writing(io::Error),
    Reading(io::Error),
}

impl Broken {
    fn error(&self) -> CmdError {
        CmdError::text(match self {
            Broken::Connecting => "IOERR error or timeout connecting to the client",
            Broken::Writing(_) => "IOERR error or timeout writing to target instance",
            Broken::Reading(_) => "IOERR error or timeout reading to target instance",
        })
    }

    /// Whether it may be that an old connection was closed meanwhile: a new one may do.
    fn is_stale(&self) -> bool {
        match self {
            Broken::Connecting => false,
            Broken::Writing(error) | Broken::Reading(error) => !link::is_timeout(error),
        }
    }
}

fn migrate(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let options = Options::parse(args)?;
    let index = ctx.client().db as usize;
    let mut db = ctx.server.db(index);
    let keys: Vec<&[u8]> = options.keys.iter().filter(|key| db.read(key).is_some()).collect();
    if keys.is_empty() {
        ctx.reply.simple("NOKEY");
        return Ok(Flow::Done);
    }
    let (host, port) = (args.at(1), args.at(2));
    let mut progress = Progress::default();
    let mut outcome = Ok(());
    for _ in 0..2 {
        let (old, link) = match ctx.server.links.take(host, port) {
            Some(link) => (true, Ok(link)),
            None => (false, Link::connect(host, port, options.timeout)),
        };
        let Ok(mut link) = link else {
            outcome = Err(Broken::Connecting);
            break;
        };
        outcome = converse(&mut ctx.server.db(index), &mut link, &options, &keys, &mut progress);
        match &outcome {
            Ok(()) => {
                link.db = if progress.refusal.is_none() { Some(options.db) } else { None };
                let now_ns = ctx.server.clock.tick();
                ctx.server.links.keep(link, now_ns, &mut ctx.server.env.rng);
            }
            Err(broken) if old && !progress.answered && broken.is_stale() => continue,
            Err(_) => {}
        }
        break;
    }
    let moved = &progress.moved;
    if !moved.is_empty() && !options.copy {
        let mut db = ctx.server.db(index);
        let lazily = db.env.config.lazyfree_lazy_server_del;
        let mut words: Vec<&[u8]> = vec![b"DEL"];
        words.extend(moved.iter().filter(|key| db.delete(key, lazily)).map(Vec::as_slice));
        if words.len() > 1 {
            db.propagate(&words);
        }
    }
    match (progress.refusal, outcome) {
        (Some(refusal), _) => Err(CmdError::new([b"ERR Target instance replied with error: ", &refusal[..]].concat())),
        (None, Err(broken)) => Err(broken.error()),
        (None, Ok(())) => {
            ctx.reply.ok();
            Ok(Flow::Done)
        }
    }
}

/// Sends the keys and hears what becomes of them.
fn converse(
    db: &mut Db<'_>,
    link: &mut Link,
    options: &Options<'_>,
    keys: &[&[u8]],
    progress: &mut Progress,
) -> Result<(), Broken> {
    let mut out = Vec::new();
    if !options.credentials.is_empty() {
        let mut words: Vec<&[u8]> = vec![b"AUTH"];
        words.extend(options.credentials.iter());
        request::request(&mut out, words.into_iter());
    }
    let select = link.db != Some(options.db);
    if select {
        request::request(&mut out, [&b"SELECT"[..], itoa::Buffer::new().format(options.db).as_bytes()].into_iter());
    }
    let compress = db.env.config.rdbcompression;
    let now_ms = db.env.now_ms;
    for key in keys {
        // Nothing has expired since it was looked for: the time stands still.
        let Some(entry) = db.inspect(key) else { continue };
        let ttl_ms = entry.expiry_ms().map_or(0, |when_ms| when_ms.saturating_sub(now_ms).max(1));
        let message = dump::dump(entry.value(), compress);
        let mut digits = itoa::Buffer::new();
        let words: [&[u8]; 5] = [b"RESTORE", key, digits.format(ttl_ms).as_bytes(), &message, b"REPLACE"];
        request::request(&mut out, words.into_iter().take(if options.replace { 5 } else { 4 }));
        if out.len() >= PIECE_BYTES {
            link.send(&out, options.timeout).map_err(Broken::Writing)?;
            out.clear();
        }
    }
    link.send(&out, options.timeout).map_err(Broken::Writing)?;
    let mut answer = |progress: &mut Progress| {
        let line = link.line(options.timeout).map_err(Broken::Reading)?;
        progress.answered = true;
        let refused = line.first() == Some(&b'-');
        if refused && progress.refusal.is_none() {
            progress.refusal = Some(line[1..].to_vec());
        }
        Ok(!refused)
    };
    let mut admitted = options.credentials.is_empty() || answer(progress)?;
    admitted &= !select || answer(progress)?;
    for key in keys {
        // In another database, or for somebody else, it is not what was asked for.
        if answer(progress)? && admitted {
            progress.moved.push(key.to_vec());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    /// A server that answers the first connection with these bytes once it has heard something, and tells what it heard.
    fn peer(answers: Vec<&'static [u8]>) -> (u16, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let mut heard = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buf = [0; 65536];
                let n = stream.read(&mut buf).unwrap();
                heard.extend_from_slice(&buf[..n]);
                stream.write_all(answer).unwrap();
                // Until the other end has closed.
                if !answer.is_empty() {
                    let _ = stream.read(&mut buf);
                }
            }
            heard
        });
        (port, thread)
    }

    #[test]
    fn errors_before_anything_is_sent() {
        let mut s = Session::new();
        s.run("SET k v");
        for (line, reply) in [
            ("MIGRATE h 1 none 0 10", "+NOKEY\r\n"),
            ("MIGRATE h 1 '' 0 10 KEYS a b", "+NOKEY\r\n"),
            ("MIGRATE h 1 '' 0 10 KEYS", "+NOKEY\r\n"),
            ("MIGRATE h 1 k 0 x", "-ERR value is not an integer or out of range\r\n"),
            ("MIGRATE h 1 k x 10", "-ERR value is not an integer or out of range\r\n"),
            ("MIGRATE h 1 k 0 10 WHAT", "-ERR syntax error\r\n"),
            ("MIGRATE h 1 k 0 10 AUTH", "-ERR syntax error\r\n"),
            ("MIGRATE h 1 k 0 10 AUTH2 u", "-ERR syntax error\r\n"),
            (
                "MIGRATE h 1 k 0 10 KEYS a",
                "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string\r\n",
            ),
            ("MIGRATE 127.0.0.1 99999 k 0 10", "-IOERR error or timeout connecting to the client\r\n"),
            ("MIGRATE '' 1 k 0 10", "-IOERR error or timeout connecting to the client\r\n"),
        ] {
            assert_eq!(s.run(line), reply, "{line}");
        }
        assert_eq!(s.run("COMMAND GETKEYS MIGRATE h 1 '' 0 10 AUTH2 KEYS KEYS KEYS x y"), "*2\r\n$1\r\nx\r\n$1\r\ny\r\n");
        assert_eq!(s.run("COMMAND GETKEYS MIGRATE h 1 k 0 10 COPY"), "*1\r\n$1\r\nk\r\n");
        assert!(s.run("COMMAND GETKEYS MIGRATE h 1 k 0 10 KEYS x").starts_with("-ERR Invalid arguments"));
    }

    #[test]
    fn only_what_was_acknowledged_goes() {
        let mut s = Session::new();
        s.run("MSET a 1 b 2 c 3");
        let (port, thread) = peer(vec![b"+OK\r\n+OK\r\n-BUSYKEY there\r\n+OK\r\n"]);
        let reply = s.run(&format!("MIGRATE 127.0.0.1 {port} '' 9 5000 KEYS a b none c"));
        assert_eq!(reply, "-ERR Target instance replied with error: BUSYKEY there\r\n");
        assert_eq!(s.run("KEYS *"), "*1\r\n$1\r\nb\r\n");
        assert_eq!(s.server.links.len(), 1);
        s.server.links.close_idle(u64::MAX);
        assert_eq!(s.server.links.len(), 0);
        let heard = thread.join().unwrap();
        assert!(heard.starts_with(b"*2\r\n$6\r\nSELECT\r\n$1\r\n9\r\n*4\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$1\r\n0\r\n"));
    }

    #[test]
    fn nobody_else_gets_the_keys_and_no_key_is_lost() {
        let mut s = Session::new();
        s.run("SET k v");
        for (answer, reply) in [
            (&b"-WRONGPASS no\r\n+OK\r\n+OK\r\n"[..], "-ERR Target instance replied with error: WRONGPASS no\r\n"),
            (b"+OK\r\n+OK\r\n", "-IOERR error or timeout reading to target instance\r\n"),
            (&[b'x'; 5000], "-IOERR error or timeout reading to target instance\r\n"),
        ] {
            let (port, thread) = peer(vec![answer]);
            assert_eq!(s.run(&format!("MIGRATE 127.0.0.1 {port} k 9 300 AUTH2 u p")), reply);
            assert_eq!(s.run("EXISTS k"), ":1\r\n");
            s.server.links.close_idle(u64::MAX);
            thread.join().unwrap();
        }
        let (port, thread) = peer(vec![b"+OK\r\n+OK\r\n"]);
        assert_eq!(s.run(&format!("MIGRATE 127.0.0.1 {port} k 9 5000 COPY")), "+OK\r\n");
        assert_eq!(s.run("EXISTS k"), ":1\r\n");
        s.server.links.close_idle(u64::MAX);
        thread.join().unwrap();
    }
}
