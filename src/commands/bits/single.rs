//! One bit: SETBIT and GETBIT.

use super::{len_for_write, offset};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};

pub static SETBIT: Command = Command::data("SETBIT", setbit)
    .summary("Sets or clears one bit of a string, which grows with zero bytes as needed; returns what the bit was.")
    .since("2.2.0")
    .complexity("O(1)")
    .group(Group::Bitmap)
    .arity(4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])])
    .args(&[key("key", 0), integer("offset"), integer("value")]);

fn setbit(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    let offset = offset(db, args.at(2), None)?;
    let on = match args.at(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(CmdError::text("ERR bit is not an integer or out of range")),
    };
    let (byte, mask) = ((offset / 8) as usize, 0x80 >> (offset % 8));
    let old_len = len_for_write(db, key)?;
    let mut was = false;
    db.edit_string(key, old_len.unwrap_or(0).max(byte + 1), |bytes| {
        was = bytes[byte] & mask != 0;
        bytes[byte] = if on { bytes[byte] | mask } else { bytes[byte] & !mask };
    });
    if was != on || old_len.is_none_or(|len| len <= byte) {
        db.changed(key, Class::String, "setbit");
    }
    reply.int(i64::from(was));
    Ok(Flow::Done)
}

pub static GETBIT: Command = Command::data("GETBIT", getbit)
    .summary("Returns one bit of a string; beyond its end all bits are 0.")
    .since("2.2.0")
    .complexity("O(1)")
    .group(Group::Bitmap)
    .arity(3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("offset")]);

fn getbit(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let offset = offset(db, args.at(2), None)?;
    let bytes = db.get_string(args.at(1))?;
    let byte = bytes.as_ref().and_then(|bytes| bytes.get((offset / 8) as usize)).copied().unwrap_or(0);
    reply.int(i64::from(byte >> (7 - offset % 8) & 1));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn bits_are_set_and_read() {
        let mut s = Session::new();
        assert_eq!(s.run("SETBIT k 1 1"), ":0\r\n");
        assert_eq!(s.run("SETBIT k 1 1"), ":1\r\n");
        assert_eq!(s.run("GET k"), "$1\r\n@\r\n");
        assert_eq!(s.run("SETBIT k 17 0"), ":0\r\n");
        assert_eq!(s.run("STRLEN k"), ":3\r\n");
        assert_eq!(s.run("GETBIT k 1"), ":1\r\n");
        assert_eq!(s.run("GETBIT k 100000"), ":0\r\n");
        s.run("SET n 12");
        assert_eq!(s.run("SETBIT n 7 0"), ":1\r\n");
        assert_eq!(s.run("GET n"), "$2\r\n02\r\n");
        assert_eq!(s.run("OBJECT ENCODING n"), "$3\r\nraw\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        s.run("RPUSH l a");
        for (line, error) in [
            ("SETBIT k -1 1", "ERR bit offset is not an integer or out of range"),
            ("SETBIT k 4294967296 1", "ERR bit offset is not an integer or out of range"),
            ("SETBIT k #1 1", "ERR bit offset is not an integer or out of range"),
            ("SETBIT k 1 2", "ERR bit is not an integer or out of range"),
            ("SETBIT l 1 1", "WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GETBIT l 1", "WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("GETBIT k x", "ERR bit offset is not an integer or out of range"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"));
        }
        assert_eq!(s.run("EXISTS k"), ":0\r\n");
    }
}
