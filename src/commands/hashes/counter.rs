//! Fields as numbers: HINCRBY and HINCRBYFLOAT.

use super::{drop_due, limits};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Hash;
use crate::util::long_double::LongDouble;
use crate::util::number::parse_i64;

const COUNTER: &[Keys] = &[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])];

pub static HINCRBY: Command = Command::data("HINCRBY", hincrby)
    .summary("Adds an integer to the one in a field of a hash; a missing field counts as 0.")
    .since("2.0.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(4)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0), string("field"), integer("increment")]);

fn hincrby(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, field) = (args.at(1), args.at(2));
    let by = parse_i64(args.at(3)).ok_or(CmdError::NOT_AN_INTEGER)?;
    drop_due(db, args, args.slice(2, 3));
    let limits = limits(&db.env.config);
    // A hash that is created here is empty, so that nothing fails any more.
    let mut hash = db.get_or_create::<Hash>(key)?;
    let old = match hash.get(field) {
        Some(value) => value.as_i64().ok_or(CmdError::text("ERR hash value is not an integer"))?,
        None => 0,
    };
    let new = old.checked_add(by).ok_or(CmdError::INCR_OVERFLOW)?;
    hash.set_keep_ttl(field, itoa::Buffer::new().format(new).as_bytes(), &limits);
    drop(hash);
    db.changed(key, Class::Hash, "hincrby");
    reply.int(new);
    Ok(Flow::Done)
}

pub static HINCRBYFLOAT: Command = Command::data("HINCRBYFLOAT", hincrbyfloat)
    .summary("Adds a floating point number to the one in a field of a hash; a missing field counts as 0.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::Hash)
    .arity(4)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0), string("field"), double("increment")]);

fn hincrbyfloat(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, field) = (args.at(1), args.at(2));
    let by = LongDouble::parse(args.at(3)).ok_or(CmdError::NOT_A_FLOAT)?;
    if !by.is_finite() {
        return Err(CmdError::text("ERR value is NaN or Infinity"));
    }
    drop_due(db, args, args.slice(2, 3));
    let limits = limits(&db.env.config);
    // As above: only a hash that was there can have a field that is no number.
    let mut hash = db.get_or_create::<Hash>(key)?;
    let old = match hash.get(field) {
        Some(value) => {
            LongDouble::parse(value.text(&mut itoa::Buffer::new())).ok_or(CmdError::text("ERR hash value is not a float"))?
        }
        None => LongDouble::from(0i64),
    };
    let new = old.checked_add(by).filter(|sum| sum.is_finite()).ok_or(CmdError::INCR_NAN)?;
    let mut text = Vec::with_capacity(32);
    new.write(&mut text);
    hash.set_keep_ttl(field, &text, &limits);
    let has_ttls = hash.next_expiry_ms().is_some();
    drop(hash);
    db.changed(key, Class::Hash, "hincrbyfloat");
    // What older servers know too, unless times are to be kept.
    if has_ttls {
        db.propagate(&[b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, &text]);
    } else {
        db.propagate(&[b"HSET", key, field, &text]);
    }
    reply.bulk(&text);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn integers() {
        let mut s = Session::new();
        assert_eq!(s.run("HINCRBY h n 5"), ":5\r\n");
        assert_eq!(s.run("HINCRBY h n -7"), ":-2\r\n");
        s.run("HSET h text x max 9223372036854775807");
        assert_eq!(s.run("HINCRBY h text 1"), "-ERR hash value is not an integer\r\n");
        assert_eq!(s.run("HINCRBY h max 1"), "-ERR increment or decrement would overflow\r\n");
        assert_eq!(s.run("HINCRBY new n x"), "-ERR value is not an integer or out of range\r\n");
        s.run("SET str 1");
        assert!(s.run("HINCRBY str n 1").starts_with("-WRONGTYPE"));
        assert_eq!(s.run("EXISTS new"), ":0\r\n");
    }

    #[test]
    fn floats() {
        let mut s = Session::new();
        assert_eq!(s.run("HINCRBYFLOAT h n 1.23"), "$4\r\n1.23\r\n");
        assert_eq!(s.run("HINCRBYFLOAT h n 0.77"), "$1\r\n2\r\n");
        assert_eq!(s.run("HINCRBYFLOAT h n -0.1"), "$3\r\n1.9\r\n");
        s.run("HSET h text x huge 1e4932");
        assert_eq!(s.run("HINCRBYFLOAT h text 1"), "-ERR hash value is not a float\r\n");
        assert_eq!(s.run("HINCRBYFLOAT h huge 1e4932"), "-ERR increment would produce NaN or Infinity\r\n");
        assert_eq!(s.run("HINCRBYFLOAT new n +inf"), "-ERR value is NaN or Infinity\r\n");
        assert_eq!(s.run("HINCRBYFLOAT new n nan"), "-ERR value is not a valid float\r\n");
        assert_eq!(s.run("EXISTS new"), ":0\r\n");
    }
}
