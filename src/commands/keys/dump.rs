//! DUMP and RESTORE: a value as a message, and back.

use crate::config::values::SanitizeDump;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, access};
use crate::persist::rdb::dump;
use crate::persist::rdb::source::Error;
use crate::resp::{Args, Reply};
use crate::util::number::parse_i64;

pub static DUMP: Command = Command::data("DUMP", dump)
    .summary("Returns a key's value as a message that RESTORE takes.")
    .since("2.6.0")
    .complexity(
        "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the \
         value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so \
         simply O(1).",
    )
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

fn dump(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let compress = db.env.config.rdbcompression;
    match db.read(args.at(1)) {
        Some(value) => reply.bulk(&dump::dump(value, compress)),
        None => reply.null(),
    }
    Ok(Flow::Done)
}

const RESTORE_COMPLEXITY: &str = "O(N*M) for N elements of average size M, and O(log(N)) more each in a sorted set.";

pub static RESTORE: Command = Command::data("RESTORE", restore)
    .summary("Creates a key with the value that a message of DUMP holds.")
    .since("2.6.0")
    .complexity(RESTORE_COMPLEXITY)
    .group(Group::Generic)
    .arity(-4)
    .flags(&[Write, DenyOom])
    .categories(&[Category::Dangerous])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update])])
    .history(&[
        ("3.0.0", "The word `REPLACE`."),
        ("5.0.0", "The word `ABSTTL`."),
        ("5.0.0", "The options `IDLETIME` and `FREQ`."),
    ])
    .args(&[
        key("key", 0),
        integer("ttl"),
        string("serialized-value"),
        token("replace", "REPLACE").since("3.0.0").optional(),
        token("absttl", "ABSTTL").since("5.0.0").optional(),
        integer("seconds").token("IDLETIME").since("5.0.0").optional(),
        integer("frequency").token("FREQ").since("5.0.0").optional(),
    ]);

/// What stands behind the message.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_s: Option<u64>,
    counter: Option<u8>,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CmdError> {
        let mut options = Options::default();
        let mut at = 4;
        while at < args.len() {
            let has_value = at + 1 < args.len();
            if args.is(at, "REPLACE") {
                options.replace = true;
            } else if args.is(at, "ABSTTL") {
                options.absolute = true;
            } else if args.is(at, "IDLETIME") && has_value && options.counter.is_none() {
                at += 1;
                let idle_s = parse_i64(args.at(at)).ok_or(CmdError::NOT_AN_INTEGER)?;
                options.idle_s =
                    Some(u64::try_from(idle_s).map_err(|_| CmdError::text("ERR Invalid IDLETIME value, must be >= 0"))?);
            } else if args.is(at, "FREQ") && has_value && options.idle_s.is_none() {
                at += 1;
                let counter = parse_i64(args.at(at)).ok_or(CmdError::NOT_AN_INTEGER)?;
                options.counter =
                    Some(u8::try_from(counter).map_err(|_| CmdError::text("ERR Invalid FREQ value, must be >= 0 and <= 255"))?);
            } else {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }
}

fn restore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let options = Options::parse(args)?;
    let key = args.at(1);
    if !options.replace && db.exists(key) {
        return Err(CmdError::text("BUSYKEY Target key name already exists."));
    }
    let ttl_ms = parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let ttl_ms = u64::try_from(ttl_ms).map_err(|_| CmdError::text("ERR Invalid TTL value, must be >= 0"))?;
    let Some((family, body)) = dump::open(args.at(3), !db.env.skip_checksums) else {
        return Err(CmdError::text("ERR DUMP payload version or checksum are wrong"));
    };
    let deep = db.env.config.sanitize_dump_payload != SanitizeDump::No;
    let value = dump::restore(body, family, deep, db.env).map_err(|error| {
        if !matches!(error, Error::Truncated | Error::Empty) {
            log::debug!("{error}");
        }
        CmdError::text("ERR Bad data format")
    })?;
    let now_ms = db.env.now_ms;
    let expiry_ms = match ttl_ms {
        0 => None,
        when_ms if options.absolute => Some(when_ms),
        // What an i64 can hold stays an expiry that others can read.
        ttl_ms => Some(ttl_ms.saturating_add(now_ms).min(i64::MAX as u64)),
    };
    if expiry_ms.is_some_and(|when_ms| when_ms <= now_ms) && !db.env.expiry_paused {
        let lazily = db.env.config.lazyfree_lazy_server_del;
        if options.replace && db.delete(key, lazily) {
            let word: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
            db.propagate(&[word, key]);
        }
        reply.ok();
        return Ok(Flow::Done);
    }
    db.put(key, value, expiry_ms);
    let clock = match (options.idle_s, options.counter) {
        (Some(idle_s), _) if !db.env.access.lfu => Some(access::lru_with_idle(idle_s, now_ms)),
        (_, Some(counter)) if db.env.access.lfu => Some(access::lfu_with_counter(counter, now_ms)),
        _ => None,
    };
    if let Some(clock) = clock {
        db.set_clock(key, clock);
    }
    db.changed(key, Class::Generic, "restore");
    if let Some(when_ms) = expiry_ms
        && !options.absolute
    {
        let mut words: Vec<&[u8]> = args.iter().collect();
        let mut buffer = itoa::Buffer::new();
        words[2] = buffer.format(when_ms).as_bytes();
        words.push(b"ABSTTL");
        db.propagate(&words);
    }
    reply.ok();
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    /// The message that DUMP answers.
    fn dump(session: &mut Session, key: &str) -> Vec<u8> {
        let reply = session.run_bytes(session.client, &[b"DUMP", key.as_bytes()]);
        let start = reply.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        reply[start..reply.len() - 2].to_vec()
    }

    fn restore(session: &mut Session, words: &[&[u8]]) -> String {
        session.run_args(&[&[&b"RESTORE"[..]], words].concat())
    }

    #[test]
    fn every_type_and_encoding_comes_back() {
        let mut s = Session::new();
        s.run("SET int 12345");
        s.run("SET big-int 1234567890123");
        s.run("SET text 'hello world'");
        s.run_args(&[b"SET", b"long", &[b'x'; 5000]]);
        s.run("RPUSH list a b 3 4");
        s.run("SADD ints 1 2 3");
        s.run("SADD set a b 3");
        s.run("ZADD zset 1 a 2.5 b -inf c");
        s.run("HSET hash f v g 7");
        for i in 0..1000 {
            s.run(&format!("RPUSH biglist element:{i}"));
            s.run(&format!("SADD bigset member:{i} {i}"));
            s.run(&format!("ZADD bigzset {}.25 member:{}", i * 7 % 100, i));
            s.run(&format!("HSET bighash field:{i} {i}"));
        }
        s.run_args(&[b"RPUSH", b"biglist", &[b'y'; 10_000]]);
        let before = s.run("DEBUG DIGEST");
        let keys = s.run("KEYS *");
        let keys: Vec<&str> = keys.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with(['*', '$'])).collect();
        assert_eq!(keys.len(), 13);
        for key in keys {
            let encoding = s.run(&format!("OBJECT ENCODING {key}"));
            let message = dump(&mut s, key);
            s.run(&format!("DEL {key}"));
            assert_eq!(restore(&mut s, &[key.as_bytes(), b"0", &message]), "+OK\r\n", "{key}");
            assert_eq!(s.run(&format!("OBJECT ENCODING {key}")), encoding, "{key}");
        }
        assert_eq!(s.run("DEBUG DIGEST"), before);
    }

    #[test]
    fn no_damaged_message_is_taken_for_another_or_panics() {
        let mut s = Session::new();
        s.run("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
        s.run("ZADD zset 1 a 2.5 b");
        s.run("HSET hash f v g 7");
        s.run("RPUSH list a b 300");
        s.run("SADD ints 1 70000");
        for key in ["zset", "hash", "list", "ints"] {
            let message = dump(&mut s, key);
            for at in 0..message.len() - 10 {
                for value in 0..=255 {
                    let mut damaged = message.clone();
                    damaged[at] = value;
                    let reply = restore(&mut s, &[b"k", b"0", &damaged, b"REPLACE"]);
                    assert!(reply == "+OK\r\n" || reply == "-ERR Bad data format\r\n", "{reply}");
                }
            }
            for cut in 0..message.len() {
                restore(&mut s, &[b"k", b"0", &message[..cut], b"REPLACE"]);
            }
        }
    }

    #[test]
    fn errors_come_in_upstreams_order() {
        let mut s = Session::new();
        s.run("SET k v");
        let message = dump(&mut s, "k");
        assert_eq!(restore(&mut s, &[b"k", b"x", b"y"]), "-BUSYKEY Target key name already exists.\r\n");
        assert_eq!(restore(&mut s, &[b"k", b"x", b"y", b"what"]), "-ERR syntax error\r\n");
        assert_eq!(restore(&mut s, &[b"k", b"x", b"y", b"IDLETIME"]), "-ERR syntax error\r\n");
        assert_eq!(restore(&mut s, &[b"k", b"0", b"y", b"IDLETIME", b"1", b"FREQ", b"1"]), "-ERR syntax error\r\n");
        assert_eq!(restore(&mut s, &[b"k", b"0", b"y", b"FREQ", b"256"]), "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
        assert_eq!(restore(&mut s, &[b"n", b"x", b"y"]), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(restore(&mut s, &[b"n", b"-1", b"y"]), "-ERR Invalid TTL value, must be >= 0\r\n");
        assert_eq!(restore(&mut s, &[b"n", b"0", b"y"]), "-ERR DUMP payload version or checksum are wrong\r\n");
        assert_eq!(restore(&mut s, &[b"n", b"1000", &message]), "+OK\r\n");
        assert_eq!(s.run("PTTL n"), ":1000\r\n");
        assert_eq!(restore(&mut s, &[b"n", b"1", &message, b"ABSTTL", b"REPLACE"]), "+OK\r\n");
        assert_eq!(s.run("EXISTS n"), ":0\r\n");
    }
}
