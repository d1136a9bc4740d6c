//! Fields by name: setting, getting, asking, removing.

use super::{drop_due, limits, reply_value};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Hash;

const UPDATED: &[Keys] = &[Keys::one(1).does(&[Use::RW, Use::Update])];
const ASKED: &[Keys] = &[Keys::one(1).does(&[Use::RO])];
const READ: &[Keys] = &[Keys::one(1).does(&[Use::RO, Use::Access])];
const PAIRS: &[Arg] = &[key("key", 0), block("data", &[string("field"), string("value")]).multiple()];
const FIELD: &[Arg] = &[key("key", 0), string("field")];
const FIELDS: &[Arg] = &[key("key", 0), string("field").multiple()];

pub static HSET: Command = Command::data("HSET", hset)
    .summary("Sets fields of a hash, which is created if there is none.")
    .since("2.0.0")
    .complexity("O(1) per field, so O(N) for N fields with their values.")
    .group(Group::Hash)
    .arity(-4)
    .flags(&[Write, DenyOom, Fast])
    .keys(UPDATED)
    .args(PAIRS)
    .history(&[("4.0.0", "Accepts multiple `field` and `value` arguments.")]);

fn hset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let new = set_pairs(db, args, "hset")?;
    reply.count(new);
    Ok(Flow::Done)
}

pub static HMSET: Command = Command::data("HMSET", hmset)
    .summary("Sets fields of a hash, which is created if there is none.")
    .since("2.0.0")
    .complexity("O(N) for N fields with their values.")
    .group(Group::Hash)
    .arity(-4)
    .flags(&[Write, DenyOom, Fast])
    .keys(UPDATED)
    .args(PAIRS)
    .deprecated("4.0.0", "`HSET` with multiple field-value pairs");

fn hmset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    set_pairs(db, args, "hmset")?;
    reply.ok();
    Ok(Flow::Done)
}

/// Sets all pairs; answers how many of the fields are new.
#[inline]
fn set_pairs(db: &mut Db<'_>, args: Args<'_>, command: &str) -> Result<usize, CmdError> {
    let words = args.from(2);
    if !words.len().is_multiple_of(2) {
        return Err(CmdError::arity(command));
    }
    let limits = limits(&db.env.config);
    let pairs = words.len() / 2;
    let mut hash = db.get_or_create::<Hash>(args.at(1))?;
    if pairs > 1 {
        let longest = words.iter().map(<[u8]>::len).max().unwrap_or(0);
        hash.expect(pairs, longest, words.total_bytes(), &limits);
    }
    let mut new = 0;
    for pair in 0..pairs {
        new += usize::from(hash.set(words.at(2 * pair), words.at(2 * pair + 1), &limits));
    }
    drop(hash);
    db.changed_n(args.at(1), Class::Hash, "hset", pairs);
    Ok(new)
}

pub static HSETNX: Command = Command::data("HSETNX", hsetnx)
    .summary("Sets a field of a hash, unless the field exists.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(4)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("field"), string("value")]);

fn hsetnx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    drop_due(db, args, args.slice(2, 3));
    let limits = limits(&db.env.config);
    let mut hash = db.get_or_create::<Hash>(args.at(1))?;
    let new = !hash.contains(args.at(2));
    if new {
        hash.set(args.at(2), args.at(3), &limits);
    }
    drop(hash);
    if new {
        db.changed(args.at(1), Class::Hash, "hset");
    }
    reply.int(i64::from(new));
    Ok(Flow::Done)
}

pub static HGET: Command = Command::data("HGET", hget)
    .summary("Returns the value of a field of a hash.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(3)
    .flags(&[ReadOnly, Fast])
    .keys(READ)
    .args(FIELD);

fn hget(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    drop_due(db, args, args.slice(2, 3));
    let value = db.get::<Hash>(args.at(1))?.and_then(|hash| hash.get(args.at(2)));
    reply_value(reply, value);
    Ok(Flow::Done)
}

pub static HMGET: Command = Command::data("HMGET", hmget)
    .summary("Returns the values of fields of a hash, null for each that is missing.")
    .since("2.0.0")
    .complexity("O(N) for N fields to look for.")
    .group(Group::Hash)
    .arity(-3)
    .flags(&[ReadOnly, Fast])
    .keys(READ)
    .args(FIELDS);

fn hmget(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    drop_due(db, args, args.from(2));
    let hash = db.get::<Hash>(args.at(1))?;
    let fields = args.from(2);
    reply.array(fields.len());
    for field in fields.iter() {
        reply_value(reply, hash.and_then(|hash| hash.get(field)));
    }
    Ok(Flow::Done)
}

pub static HDEL: Command = Command::data("HDEL", hdel)
    .summary("Removes fields of a hash, and the hash with its last field.")
    .since("2.0.0")
    .complexity("O(N) for N fields to remove.")
    .group(Group::Hash)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(FIELDS)
    .history(&[("2.4.0", "Accepts multiple `field` arguments.")]);

fn hdel(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut removed = 0;
    if let Some(mut hash) = db.get_mut::<Hash>(args.at(1))? {
        removed = args.from(2).iter().filter(|field| hash.remove(field)).count();
    }
    if removed > 0 {
        db.changed_n(args.at(1), Class::Hash, "hdel", removed);
        db.remove_if_empty(args.at(1));
    }
    reply.count(removed);
    Ok(Flow::Done)
}

pub static HLEN: Command = Command::data("HLEN", hlen)
    .summary("Returns the number of fields of a hash.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(ASKED)
    .args(&[key("key", 0)]);

fn hlen(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let count = db.get::<Hash>(args.at(1))?.map_or(0, Hash::len);
    reply.count(count);
    Ok(Flow::Done)
}

pub static HSTRLEN: Command = Command::data("HSTRLEN", hstrlen)
    .summary("Returns the length of a field's value.")
    .since("3.2.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(3)
    .flags(&[ReadOnly, Fast])
    .keys(ASKED)
    .args(FIELD);

fn hstrlen(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    drop_due(db, args, args.slice(2, 3));
    let value = db.get::<Hash>(args.at(1))?.and_then(|hash| hash.get(args.at(2)));
    reply.count(value.map_or(0, |value| value.text_bytes()));
    Ok(Flow::Done)
}

pub static HEXISTS: Command = Command::data("HEXISTS", hexists)
    .summary("Tells whether a hash has a field.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(3)
    .flags(&[ReadOnly, Fast])
    .keys(ASKED)
    .args(FIELD);

fn hexists(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    drop_due(db, args, args.slice(2, 3));
    let there = db.get::<Hash>(args.at(1))?.is_some_and(|hash| hash.contains(args.at(2)));
    reply.int(i64::from(there));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn fields_come_and_go() {
        let mut s = Session::new();
        assert_eq!(s.run("HSET h a 1 b two"), ":2\r\n");
        assert_eq!(s.run("HSET h a 3"), ":0\r\n");
        assert_eq!(s.run("HMSET h c 4 a 5"), "+OK\r\n");
        assert_eq!(s.run("HSETNX h a 6"), ":0\r\n");
        assert_eq!(s.run("HSETNX h d 7"), ":1\r\n");
        assert_eq!(s.run("HGET h a"), "$1\r\n5\r\n");
        assert_eq!(s.run("HGET h none"), "$-1\r\n");
        assert_eq!(s.run("HMGET h b none d"), "*3\r\n$3\r\ntwo\r\n$-1\r\n$1\r\n7\r\n");
        assert_eq!(s.run("HLEN h"), ":4\r\n");
        assert_eq!(s.run("HSTRLEN h b"), ":3\r\n");
        assert_eq!(s.run("HEXISTS h b"), ":1\r\n");
        assert_eq!(s.run("HDEL h b none b"), ":1\r\n");
        assert_eq!(s.run("HDEL h a c d e"), ":3\r\n");
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
        for (line, reply) in [
            ("HGET h a", "$-1\r\n"),
            ("HMGET h a", "*1\r\n$-1\r\n"),
            ("HLEN h", ":0\r\n"),
            ("HSTRLEN h a", ":0\r\n"),
            ("HEXISTS h a", ":0\r\n"),
            ("HDEL h a", ":0\r\n"),
        ] {
            assert_eq!(s.run(line), reply);
        }
    }

    #[test]
    fn what_is_wrong_creates_nothing() {
        let mut s = Session::new();
        assert_eq!(s.run("HSET h a 1 b"), "-ERR wrong number of arguments for 'hset' command\r\n");
        assert_eq!(s.run("HMSET h a 1 b"), "-ERR wrong number of arguments for 'hmset' command\r\n");
        assert_eq!(s.run("EXISTS h"), ":0\r\n");
        s.run("SET str x");
        for line in ["HSET str a 1", "HSETNX str a 1", "HGET str a", "HMGET str a", "HDEL str a", "HLEN str", "HSTRLEN str a"] {
            assert!(s.run(line).starts_with("-WRONGTYPE"), "{line}");
        }
    }
}
