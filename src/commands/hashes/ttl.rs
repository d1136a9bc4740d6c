//! How long fields have: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, and HPERSIST.

use super::{NOT_POSITIVE, drop_due, fields_at};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Hash;

const FIELDS: Arg = block("fields", &[integer("numfields"), string("field").multiple()]).token("FIELDS");

/// What a field without a time, and what no field, answers.
const FOR_EVER: i64 = -1;
const NO_FIELD: i64 = -2;

pub static HTTL: Command = Command::data("HTTL", httl)
    .summary("Tells how many seconds fields of a hash have left.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), FIELDS])
    .tips(&["nondeterministic_output"]);

fn httl(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    tell(db, args, reply, |when_ms, now_ms| (when_ms - now_ms).div_ceil(1000))
}

pub static HPTTL: Command = Command::data("HPTTL", hpttl)
    .summary("Tells how many milliseconds fields of a hash have left.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), FIELDS])
    .tips(&["nondeterministic_output"]);

fn hpttl(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    tell(db, args, reply, |when_ms, now_ms| when_ms - now_ms)
}

pub static HEXPIRETIME: Command = Command::data("HEXPIRETIME", hexpiretime)
    .summary("Tells when fields of a hash expire, in unix seconds.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), FIELDS]);

fn hexpiretime(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    tell(db, args, reply, |when_ms, _| when_ms.div_ceil(1000))
}

pub static HPEXPIRETIME: Command = Command::data("HPEXPIRETIME", hpexpiretime)
    .summary("Tells when fields of a hash expire, in unix milliseconds.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), FIELDS]);

fn hpexpiretime(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    tell(db, args, reply, |when_ms, _| when_ms)
}

/// Replies for each field with what `show` makes of when it expires and of the present, both in unix ms.
fn tell(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, show: fn(u64, u64) -> u64) -> CmdResult {
    let now_ms = db.env.now_ms;
    let hash = db.get::<Hash>(args.at(1))?;
    let fields = fields_at(args, 2, NOT_POSITIVE)?;
    reply.array(fields.len());
    for field in fields.iter() {
        reply.int(match hash.and_then(|hash| hash.expiry_ms(field)) {
            None => NO_FIELD,
            Some(None) => FOR_EVER,
            Some(Some(when_ms)) if now_ms > when_ms => NO_FIELD,
            Some(Some(when_ms)) => show(when_ms, now_ms) as i64,
        });
    }
    Ok(Flow::Done)
}

pub static HPERSIST: Command = Command::data("HPERSIST", hpersist)
    .summary("Has fields of a hash stay for ever.")
    .since("7.4.0")
    .complexity("O(N) for N fields named.")
    .group(Group::Hash)
    .arity(-5)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), FIELDS]);

fn hpersist(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    db.get_mut::<Hash>(key)?;
    let fields = fields_at(args, 2, NOT_POSITIVE)?;
    drop_due(db, args, fields);
    reply.array(fields.len());
    let mut hash = db.get_mut::<Hash>(key)?;
    let mut changed = 0;
    for field in fields.iter() {
        reply.int(match hash.as_ref().and_then(|hash| hash.expiry_ms(field)) {
            None => NO_FIELD,
            Some(None) => FOR_EVER,
            Some(Some(_)) => {
                hash.as_mut().map(|hash| hash.set_expiry(field, None));
                changed += 1;
                1
            }
        });
    }
    drop(hash);
    if changed > 0 {
        db.changed_n(key, Class::Hash, "hpersist", changed);
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn times_are_told_and_taken_away() {
        let mut s = Session::new();
        s.run("HSET h a 1 b 2");
        s.run("HPEXPIREAT h 70368744177001 FIELDS 1 a");
        assert_eq!(s.run("HPEXPIRETIME h FIELDS 3 a b c"), "*3\r\n:70368744177001\r\n:-1\r\n:-2\r\n");
        assert_eq!(s.run("HEXPIRETIME h FIELDS 1 a"), "*1\r\n:70368744178\r\n");
        s.run("HPEXPIRE h 1500 FIELDS 1 a");
        assert_eq!(s.run("HTTL h FIELDS 1 a"), "*1\r\n:2\r\n");
        assert_eq!(s.run("HPTTL h FIELDS 1 a"), "*1\r\n:1500\r\n");
        assert_eq!(s.run("OBJECT ENCODING h"), "$10\r\nlistpackex\r\n");
        assert_eq!(s.run("HPERSIST h FIELDS 3 a b c"), "*3\r\n:1\r\n:-1\r\n:-2\r\n");
        assert_eq!(s.run("HTTL h FIELDS 1 a"), "*1\r\n:-1\r\n");
        assert_eq!(s.run("HTTL none FIELDS 1 a"), "*1\r\n:-2\r\n");
        s.run("HPEXPIRE h 1 FIELDS 1 a");
        s.advance_ms(5);
        assert_eq!(s.run("HPTTL h FIELDS 1 a"), "*1\r\n:-2\r\n");
        assert_eq!(s.run("HLEN h"), ":2\r\n");
        assert_eq!(s.run("HPERSIST h FIELDS 1 a"), "*1\r\n:-2\r\n");
        assert_eq!(s.run("HLEN h"), ":1\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        s.run("SET str x");
        for (line, error) in [
            ("HTTL h FIELDS 2 a", "ERR The `numfields` parameter must match the number of arguments"),
            ("HPERSIST h FIELDS 0 a", "ERR Number of fields must be a positive integer"),
            ("HPTTL h FIELD 1 a", "ERR Mandatory argument FIELDS is missing or not at the right position"),
            ("HTTL str x 1 a", "WRONGTYPE Operation against a key holding the wrong kind of value"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"));
        }
    }
}
