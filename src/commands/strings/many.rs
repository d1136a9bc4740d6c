//! Several keys at once: MGET, MSET, MSETNX, MSETEX.

use super::expiry::{Form, SET_FORMS};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};
use crate::util::number::parse_i64;

/// Key and value, again and again.
const PAIRS: Arg = block("data", &[key("key", 0), string("value")]).multiple();

pub static MGET: Command = Command::data("MGET", mget)
    .summary("Returns the strings that several keys hold.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0).multiple()])
    .tips(&["request_policy:multi_shard"]);

fn mget(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.array(args.len() - 1);
    for key in args.from(1).iter() {
        match db.read(key) {
            Some(Ref::Str { bytes, .. }) => reply.bulk(bytes),
            Some(Ref::Int(n)) => reply.bulk_int(n),
            _ => reply.null(),
        }
    }
    Ok(Flow::Done)
}

pub static MSET: Command = Command::data("MSET", mset)
    .summary("Makes several keys hold a string each.")
    .since("1.0.1")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::range(1, -1, 2).does(&[Use::OW, Use::Update])])
    .args(&[PAIRS])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]);

fn mset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    check_pairs(args, "mset")?;
    set_all(db, args);
    reply.ok();
    Ok(Flow::Done)
}

pub static MSETNX: Command = Command::data("MSETNX", msetnx)
    .summary("Makes several keys hold a string each, unless one of the keys exists.")
    .since("1.0.1")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::range(1, -1, 2).does(&[Use::OW, Use::Insert])])
    .args(&[PAIRS]);

fn msetnx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    check_pairs(args, "msetnx")?;
    let none_exists = (1..args.len()).step_by(2).all(|i| !db.exists(args.at(i)));
    if none_exists {
        set_all(db, args);
    }
    reply.int(i64::from(none_exists));
    Ok(Flow::Done)
}

pub static MSETEX: Command = Command::data("MSETEX", msetex)
    .summary("Makes several keys hold a string each, on a condition about all of them, for a time they share.")
    .since("8.4.0")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-4)
    .flags(&[Write, DenyOom, MovableKeys])
    .keys(&[Keys::counted(1).find(Find::Number { count: 0, first: 1, step: 2 }).does(&[Use::OW, Use::Update])])
    .args(&[
        integer("numkeys"),
        PAIRS,
        oneof("condition", &[token("nx", "NX"), token("xx", "XX")]).optional(),
        oneof("expiration", &SET_FORMS).optional(),
    ])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]);

fn msetex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let count = parse_i64(args.at(1)).filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let count = count.ok_or(CmdError::text("ERR invalid numkeys value"))? as usize;
    if count > (args.len() - 2) / 2 {
        return Err(CmdError::text("ERR wrong number of key-value pairs"));
    }
    let options_at = 2 + 2 * count;
    let (pairs, mut at) = (args.slice(2, options_at), options_at);
    let (mut only_if, mut keep_ttl, mut expiry) = (None, false, None);
    while at < args.len() {
        let free = !keep_ttl && expiry.is_none();
        if (args.is(at, "NX") || args.is(at, "XX")) && only_if.is_none() {
            only_if = Some(args.is(at, "XX"));
        } else if args.is(at, "KEEPTTL") && free {
            keep_ttl = true;
        } else if let Some(form) = Form::at(args, at).filter(|_| free && at + 1 < args.len()) {
            at += 1;
            expiry = Some(form.resolve(args.at(at), db.env.now_ms, "msetex")?);
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 1;
    }
    if let Some(existing) = only_if
        && !pairs.iter().step_by(2).all(|key| db.exists(key) == existing)
    {
        reply.int(0);
        return Ok(Flow::Done);
    }
    for at in (0..pairs.len()).step_by(2) {
        let (key, value) = (pairs.at(at), pairs.at(at + 1));
        if keep_ttl {
            db.set_string_keep_ttl(key, value);
        } else {
            db.set_string(key, value, expiry);
        }
        db.changed(key, Class::String, "set");
        if let Some(when_ms) = expiry {
            db.event(key, Class::Generic, "expire");
            db.propagate(&[b"SET", key, value, b"PXAT", when_ms.to_string().as_bytes()]);
        } else {
            let words: [&[u8]; 4] = [b"SET", key, value, b"KEEPTTL"];
            db.propagate(&words[..if keep_ttl { 4 } else { 3 }]);
        }
    }
    reply.int(1);
    Ok(Flow::Done)
}

fn check_pairs(args: Args<'_>, command: &str) -> Result<(), CmdError> {
    if args.len().is_multiple_of(2) { Err(CmdError::arity(command)) } else { Ok(()) }
}

fn set_all(db: &mut Db<'_>, args: Args<'_>) {
    // The keys' buckets are fetched ahead of the writes, as for a pipeline of SETs.
    let hashes: Vec<u64> = (1..args.len()).step_by(2).map(|i| db.prefetch(args.at(i))).collect();
    for hash in &hashes {
        db.data.prefetch_entry(*hash);
    }
    for (pair, hash) in hashes.into_iter().enumerate() {
        let (key, value) = (args.at(pair * 2 + 1), args.at(pair * 2 + 2));
        db.expect(key, hash);
        db.set_string(key, value, None);
        db.changed(key, Class::String, "set");
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn msetex_sets_all_or_none() {
        let mut s = Session::new();
        assert_eq!(s.run("MSETEX 2 a 1 b 2 NX EX 100"), ":1\r\n");
        assert_eq!(s.run("TTL b"), ":100\r\n");
        assert_eq!(s.run("MSETEX 2 a 1 c 2 NX"), ":0\r\n");
        assert_eq!(s.run("MSETEX 2 a 1 c 2 XX"), ":0\r\n");
        assert_eq!(s.run("MSETEX 2 a 3 b 4 KEEPTTL XX"), ":1\r\n");
        assert_eq!(s.run("MGET a b c"), "*3\r\n$1\r\n3\r\n$1\r\n4\r\n$-1\r\n");
        assert_eq!(s.run("TTL a"), ":100\r\n");
        assert_eq!(s.run("MSETEX 1 a 5"), ":1\r\n");
        assert_eq!(s.run("TTL a"), ":-1\r\n");
        assert_eq!(s.run("COMMAND GETKEYS MSETEX 2 a 1 b 2 NX"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
        for (line, error) in [
            ("MSETEX a 1 EX 10", "invalid numkeys value"),
            ("MSETEX 0 a 1", "invalid numkeys value"),
            ("MSETEX 2147483648 a 1", "invalid numkeys value"),
            ("MSETEX 2147483647 a 1", "wrong number of key-value pairs"),
            ("MSETEX 2 a 1 b", "wrong number of key-value pairs"),
            ("MSETEX 1 a 1 x", "syntax error"),
            ("MSETEX 1 a 1 NX XX", "syntax error"),
            ("MSETEX 1 a 1 EX 10 PX 10", "syntax error"),
            ("MSETEX 1 a 1 KEEPTTL EX 10", "syntax error"),
            ("MSETEX 1 a 1 EX", "syntax error"),
            ("MSETEX 1 a 1 EX 0", "invalid expire time in 'msetex' command"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }
}
