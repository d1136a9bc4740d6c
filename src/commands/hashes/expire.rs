//! Fields that are to go at a given time: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT.

use super::{Form, drop_due, fields_at};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Hash;

const FIELDS: Arg = block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS");
const CONDITION: Arg =
    oneof("condition", &[token("nx", "NX"), token("xx", "XX"), token("gt", "GT"), token("lt", "LT")]).optional();

pub static HEXPIRE: Command = Command::data("HEXPIRE", hexpire)
    .summary("Has fields of a hash go after so many seconds.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), integer("seconds"), CONDITION, FIELDS]);

fn hexpire(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    expire(db, args, reply, Form::EX, "hexpire")
}

pub static HPEXPIRE: Command = Command::data("HPEXPIRE", hpexpire)
    .summary("Has fields of a hash go after so many milliseconds.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), integer("milliseconds"), CONDITION, FIELDS]);

fn hpexpire(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    expire(db, args, reply, Form::PX, "hpexpire")
}

pub static HEXPIREAT: Command = Command::data("HEXPIREAT", hexpireat)
    .summary("Has fields of a hash go at a time, in unix seconds.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), unix_time("unix-time-seconds"), CONDITION, FIELDS]);

fn hexpireat(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    expire(db, args, reply, Form::EXAT, "hexpireat")
}

pub static HPEXPIREAT: Command = Command::data("HPEXPIREAT", hpexpireat)
    .summary("Has fields of a hash go at a time, in unix milliseconds.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), unix_time("unix-time-milliseconds"), CONDITION, FIELDS]);

fn hpexpireat(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    expire(db, args, reply, Form::PXAT, "hpexpireat")
}

/// Which fields get a new time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    /// Those that have none.
    Nx,
    /// Those that have one.
    Xx,
    /// Those that stay longer for it; none is for ever.
    Gt,
    /// Those that go earlier for it.
    Lt,
}

impl Condition {
    /// The condition that the word at this argument stands for.
    fn at(args: Args<'_>, index: usize) -> Condition {
        match args {
            _ if args.is(index, "NX") => Condition::Nx,
            _ if args.is(index, "XX") => Condition::Xx,
            _ if args.is(index, "GT") => Condition::Gt,
            _ if args.is(index, "LT") => Condition::Lt,
            _ => Condition::Always,
        }
    }

    fn holds(self, old_ms: Option<u64>, new_ms: u64) -> bool {
        match self {
            Condition::Always => true,
            Condition::Nx => old_ms.is_none(),
            Condition::Xx => old_ms.is_some(),
            Condition::Gt => old_ms.is_some_and(|old_ms| new_ms > old_ms),
            Condition::Lt => old_ms.is_none_or(|old_ms| new_ms < old_ms),
        }
    }
}

/// What became of a field, as a number in the reply.
const NO_FIELD: i64 = -2;
const REFUSED: i64 = 0;
const SET: i64 = 1;
const GONE: i64 = 2;

fn expire(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, form: Form, command: &str) -> CmdResult {
    let (key, now_ms) = (args.at(1), db.env.now_ms);
    db.get_mut::<Hash>(key)?;
    let when_ms = form.resolve(args.at(2), now_ms, command)?;
    let condition = Condition::at(args, 3);
    let fields_index = if condition == Condition::Always { 3 } else { 4 };
    let not_positive = CmdError::text("ERR Parameter `numFields` should be greater than 0");
    if args.len() < fields_index + 3 && args.is(fields_index, "FIELDS") {
        return Err(CmdError::arity(command));
    }
    let fields = fields_at(args, fields_index, not_positive)?;
    drop_due(db, args, fields);
    reply.array(fields.len());
    let Some(mut hash) = db.get_mut::<Hash>(key)? else {
        fields.iter().for_each(|_| reply.int(NO_FIELD));
        return Ok(Flow::Done);
    };
    let gone = when_ms <= now_ms;
    let mut changed = Vec::new();
    for field in fields.iter() {
        let outcome = match hash.expiry_ms(field) {
            None => NO_FIELD,
            Some(old_ms) if !condition.holds(old_ms, when_ms) => REFUSED,
            Some(_) if gone => {
                hash.remove(field);
                GONE
            }
            Some(_) => {
                hash.set_expiry(field, Some(when_ms));
                SET
            }
        };
        if outcome > REFUSED {
            changed.push(field);
        }
        reply.int(outcome);
    }
    drop(hash);
    if changed.is_empty() {
        return Ok(Flow::Done);
    }
    if gone {
        fields_removed(db, key, &changed);
        return Ok(Flow::Done);
    }
    db.env.expires(Some(when_ms));
    db.changed_n(key, Class::Hash, "hexpire", changed.len());
    let (when, count) = (when_ms.to_string(), changed.len().to_string());
    let mut words = vec![&b"HPEXPIREAT"[..], key, when.as_bytes()];
    words.extend(args.slice(3, fields_index).iter());
    words.extend([&b"FIELDS"[..], count.as_bytes()]);
    words.extend(changed);
    db.propagate(&words);
    Ok(Flow::Done)
}

/// Says that fields have been removed because the time they were given has passed.
pub(super) fn fields_removed(db: &mut Db<'_>, key: &[u8], fields: &[&[u8]]) {
    db.changed_n(key, Class::Hash, "hdel", fields.len());
    for field in fields {
        db.propagate(&[b"HDEL", key, field]);
    }
    db.remove_if_empty(key);
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn conditions() {
        let mut s = Session::new();
        for entries in ["512", "0"] {
            s.run(&format!("CONFIG SET hash-max-listpack-entries {entries}"));
            s.run("DEL h");
            s.run("HSET h a 1 b 2 c 3");
            assert_eq!(s.run("HPEXPIRE h 1000 NX FIELDS 1 a"), "*1\r\n:1\r\n");
            assert_eq!(s.run("HPEXPIRE h 1000 NX FIELDS 3 a b none"), "*3\r\n:0\r\n:1\r\n:-2\r\n");
            assert_eq!(s.run("HPEXPIRE h 1500 GT FIELDS 2 a c"), "*2\r\n:1\r\n:0\r\n");
            assert_eq!(s.run("HPEXPIRE h 1500 LT FIELDS 2 a c"), "*2\r\n:0\r\n:1\r\n");
            assert_eq!(s.run("HEXPIRE h 2 XX FIELDS 1 b"), "*1\r\n:1\r\n");
            assert_eq!(s.run("HPTTL h FIELDS 3 a b c"), "*3\r\n:1500\r\n:2000\r\n:1500\r\n");
            assert_eq!(s.run("HPEXPIREAT h 1 FIELDS 2 a none"), "*2\r\n:2\r\n:-2\r\n");
            assert_eq!(s.run("HKEYS h").matches('$').count(), 2);
            assert_eq!(s.run("HEXPIREAT h 0 FIELDS 2 b c"), "*2\r\n:2\r\n:2\r\n");
            assert_eq!(s.run("EXISTS h"), ":0\r\n");
            assert_eq!(s.run("HEXPIRE h 10 FIELDS 1 b"), "*1\r\n:-2\r\n");
        }
    }

    #[test]
    fn fields_go_when_due() {
        let mut s = Session::new();
        for entries in ["512", "0"] {
            s.run(&format!("CONFIG SET hash-max-listpack-entries {entries}"));
            s.run("HSET h a 1 b 2 c 3");
            s.run("HPEXPIRE h 10 FIELDS 2 a b");
            s.run("HPEXPIRE h 20 FIELDS 1 b");
            assert_eq!(s.server.expiry_due_in_ns().map(|due_ns| due_ns <= 11_000_000), Some(true));
            s.advance_ms(11);
            assert_eq!(s.run("HLEN h"), ":3\r\n");
            assert_eq!(s.run("HGETALL h").matches('$').count(), 4);
            s.server.expire_keys();
            assert_eq!(s.run("HLEN h"), ":2\r\n");
            s.advance_ms(30);
            assert_eq!(s.run("HGET h b"), "$-1\r\n");
            assert_eq!(s.run("HLEN h"), ":1\r\n");
            assert!(s.run("INFO keyspace").contains("subexpiry=0"));
            s.run("HPEXPIRE h 5 FIELDS 1 c");
            assert!(s.run("INFO keyspace").contains("subexpiry=1"));
            s.run("RENAME h other");
            s.advance_ms(60);
            s.server.expire_keys();
            assert_eq!(s.run("EXISTS other"), ":0\r\n");
        }
        assert_eq!(s.server.env.stats.expired_elems, 6);
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        s.run("HSET h a 1");
        s.run("SET str x");
        for (line, error) in [
            ("HEXPIRE h -1 FIELDS 1 a", "ERR invalid expire time, must be >= 0"),
            ("HEXPIRE h x FIELDS 1 a", "ERR value is not an integer or out of range"),
            ("HEXPIRE h 99999999999999999 FIELDS 1 a", "ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "ERR invalid expire time in 'hpexpireat' command"),
            ("HEXPIRE h 10 FIELDS 2 a", "ERR The `numfields` parameter must match the number of arguments"),
            ("HEXPIRE h 10 FIELDS 0 a", "ERR Parameter `numFields` should be greater than 0"),
            ("HEXPIRE h 10 NX XX FIELDS 1 a", "ERR Mandatory argument FIELDS is missing or not at the right position"),
            ("HEXPIRE none 10 FIELD 1 a", "ERR Mandatory argument FIELDS is missing or not at the right position"),
            ("HEXPIRE str x FIELDS 1 a", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"));
        }
    }
}
