//! Strings as numbers: INCR, DECR and their like.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref, Value};
use crate::resp::{Args, Reply};
use crate::util::long_double::LongDouble;
use crate::util::number;

/// The key of a counter.
const COUNTER: &[Keys] = &[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])];

pub static INCR: Command = Command::data("INCR", incr)
    .summary("Adds one to the integer that a key holds; a missing key counts as 0.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(2)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0)]);

fn incr(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    add(db, args.at(1), 1, reply)
}

pub static DECR: Command = Command::data("DECR", decr)
    .summary("Takes one from the integer that a key holds; a missing key counts as 0.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(2)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0)]);

fn decr(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    add(db, args.at(1), -1, reply)
}

pub static INCRBY: Command = Command::data("INCRBY", incrby)
    .summary("Adds an integer to the one that a key holds; a missing key counts as 0.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0), integer("increment")]);

fn incrby(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let by = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    add(db, args.at(1), by, reply)
}

pub static DECRBY: Command = Command::data("DECRBY", decrby)
    .summary("Takes an integer from the one that a key holds; a missing key counts as 0.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0), integer("decrement")]);

fn decrby(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let by = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let by = by.checked_neg().ok_or(CmdError::text("ERR decrement would overflow"))?;
    add(db, args.at(1), by, reply)
}

#[inline]
fn add(db: &mut Db<'_>, key: &[u8], by: i64, reply: &mut Reply) -> CmdResult {
    let new = db.update_int(key, |value| {
        let old = match value {
            None => 0,
            Some(Ref::Int(n)) => n,
            Some(Ref::Str { bytes, .. }) => number::parse_i64(bytes).ok_or(CmdError::NOT_AN_INTEGER)?,
            Some(_) => return Err(CmdError::WRONG_TYPE),
        };
        old.checked_add(by).ok_or(CmdError::INCR_OVERFLOW)
    })?;
    db.changed(key, Class::String, "incrby");
    reply.int(new);
    Ok(Flow::Done)
}

pub static INCRBYFLOAT: Command = Command::data("INCRBYFLOAT", incrbyfloat)
    .summary("Adds a floating point number to the one that a key holds; a missing key counts as 0.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, DenyOom, Fast])
    .keys(COUNTER)
    .args(&[key("key", 0), double("increment")]);

fn incrbyfloat(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    let old = match db.read_for_write(key) {
        None => LongDouble::from(0i64),
        Some(Ref::Int(n)) => LongDouble::from(n),
        Some(Ref::Str { bytes, .. }) => LongDouble::parse(bytes).ok_or(CmdError::NOT_A_FLOAT)?,
        Some(_) => return Err(CmdError::WRONG_TYPE),
    };
    let by = LongDouble::parse(args.at(2)).ok_or(CmdError::NOT_A_FLOAT)?;
    let new = old.checked_add(by).filter(|sum| sum.is_finite()).ok_or(CmdError::INCR_NAN)?;
    let mut text = Vec::with_capacity(32);
    new.write(&mut text);
    // Bytes, even when they spell an integer: upstream leaves a float's text as it is.
    let expiry_ms = db.expiry_ms(key).flatten();
    db.put(key, Value::Str { bytes: text.as_slice().into(), raw: false }, expiry_ms);
    db.changed(key, Class::String, "incrbyfloat");
    db.propagate(&[b"SET", key, &text, b"KEEPTTL"]);
    reply.bulk(&text);
    Ok(Flow::Done)
}
