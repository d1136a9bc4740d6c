//! Parts of strings: APPEND, STRLEN, SETRANGE, GETRANGE.

use std::borrow::Cow;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::value::BigStr;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};
use crate::util::number;

/// Length in bytes of the string a key holds, if there is one, without counting as a read.
fn len_for_write(db: &mut Db<'_>, key: &[u8]) -> Result<Option<usize>, CmdError> {
    match db.read_for_write(key) {
        None => Ok(None),
        Some(value @ (Ref::Int(_) | Ref::Str { .. })) => Ok(Some(value.size())),
        Some(_) => Err(CmdError::WRONG_TYPE),
    }
}

/// The length of `start + added` bytes, if a string may be that long.
fn checked_len(db: &Db<'_>, start: usize, added: usize) -> Result<usize, CmdError> {
    let max = (db.env.config.proto_max_bulk_len_bytes as usize).min(BigStr::MAX_BYTES);
    start.checked_add(added).filter(|len| *len <= max).ok_or(CmdError::STRING_TOO_LONG)
}

pub static APPEND: Command = Command::data("APPEND", append)
    .summary("Adds bytes to the end of the string that a key holds; a missing key counts as empty.")
    .since("2.0.0")
    .complexity("O(1) amortized")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("value")]);

fn append(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, tail) = (args.at(1), args.at(2));
    let len = match len_for_write(db, key)? {
        None => {
            db.set_string(key, tail, None);
            tail.len()
        }
        Some(old) => {
            let len = checked_len(db, old, tail.len())?;
            db.edit_string(key, len, |bytes| bytes[old..].copy_from_slice(tail));
            len
        }
    };
    db.changed(key, Class::String, "append");
    reply.count(len);
    Ok(Flow::Done)
}

pub static STRLEN: Command = Command::data("STRLEN", strlen)
    .summary("Returns how many bytes the string has that a key holds.")
    .since("2.2.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0)]);

fn strlen(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let len = db.get_string(args.at(1))?.map_or(0, |bytes| bytes.len());
    reply.count(len);
    Ok(Flow::Done)
}

pub static SETRANGE: Command = Command::data("SETRANGE", setrange)
    .summary("Overwrites a part of the string that a key holds, filling a gap with zero bytes.")
    .since("2.2.0")
    .complexity("O(M) where M is the number of bytes written, and of those moved when the string grows")
    .group(Group::String)
    .arity(4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), integer("offset"), string("value")]);

fn setrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, part) = (args.at(1), args.at(3));
    let offset = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let offset = usize::try_from(offset).map_err(|_| CmdError::text("ERR offset is out of range"))?;
    let old = len_for_write(db, key)?;
    if part.is_empty() {
        reply.count(old.unwrap_or(0));
        return Ok(Flow::Done);
    }
    let end = checked_len(db, offset, part.len())?;
    let len = end.max(old.unwrap_or(0));
    db.edit_string(key, len, |bytes| bytes[offset..end].copy_from_slice(part));
    db.changed(key, Class::String, "setrange");
    reply.count(len);
    Ok(Flow::Done)
}

pub static GETRANGE: Command = Command::data("GETRANGE", getrange)
    .summary("Returns a part of the string that a key holds.")
    .since("2.4.0")
    .complexity("O(N) where N is the number of bytes returned")
    .group(Group::String)
    .arity(4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("start"), integer("end")]);

pub static SUBSTR: Command = Command::data("SUBSTR", getrange)
    .summary("Returns a part of the string that a key holds; an older name of GETRANGE.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of bytes returned")
    .group(Group::String)
    .arity(4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("start"), integer("end")])
    .deprecated("2.0.0", "`GETRANGE`");

fn getrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let start = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let end = number::parse_i64(args.at(3)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let bytes = db.get_string(args.at(1))?.unwrap_or(Cow::Borrowed(b""));
    reply.bulk(&bytes[span(start, end, bytes.len())]);
    Ok(Flow::Done)
}

/// The bytes from `start` to `end` inclusive, negative ones counting from the end, of a string of `len` bytes.
fn span(start: i64, end: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let absolute = |at: i64| if at < 0 { (len + at).max(0) } else { at };
    let (start, end) = (absolute(start), absolute(end).min(len - 1));
    if start > end || len == 0 { 0..0 } else { start as usize..end as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans() {
        assert_eq!(span(0, -1, 5), 0..5);
        assert_eq!(span(-3, -1, 5), 2..5);
        assert_eq!(span(-100, 1, 5), 0..2);
        assert_eq!(span(1, 100, 5), 1..5);
        assert_eq!(span(3, 2, 5), 0..0);
        assert_eq!(span(-1, -5, 5), 0..0);
        assert_eq!(span(5, 10, 5), 0..0);
        assert_eq!(span(0, 0, 0), 0..0);
        assert_eq!(span(i64::MIN, i64::MAX, 5), 0..5);
        assert_eq!(span(i64::MIN, i64::MIN, 5), 0..1);
    }
}
