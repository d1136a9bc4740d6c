//! Counting and finding bits: BITCOUNT and BITPOS.

use std::ops::Range;

use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::util::bits;
use crate::util::number::parse_i64;

const READ: &[Keys] = &[Keys::one(1).does(&[Use::RO, Use::Access])];
const UNIT: Arg = oneof("unit", &[token("byte", "BYTE"), token("bit", "BIT")]).since("7.0.0").optional();

/// A range as it was asked for.
struct Asked {
    start: i64,
    /// Inclusive; `None`: to the end.
    end: Option<i64>,
    in_bits: bool,
}

impl Asked {
    /// Parses `start [end [BYTE|BIT]]`.
    fn parse(words: Args<'_>, end_first: bool) -> Result<Asked, CmdError> {
        let number = |index| words.get(index).map(|word| parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER)).transpose();
        if words.len() > 3 {
            return Err(CmdError::SYNTAX);
        }
        let start = number(0)?.unwrap_or(0);
        let in_bits = match words.len() {
            3 if words.is(2, "BIT") => Ok(true),
            3 if !words.is(2, "BYTE") => Err(CmdError::SYNTAX),
            _ => Ok(false),
        };
        // Of two mistakes each command names another one.
        let (end, in_bits) = if end_first {
            (number(1)?, in_bits?)
        } else {
            let in_bits = in_bits?;
            (number(1)?, in_bits)
        };
        Ok(Asked { start, end, in_bits })
    }

    /// Both ends count from the end of the string, and in the wrong order: whatever its length, nothing is meant.
    fn is_backwards(&self) -> bool {
        self.end.is_some_and(|end| self.start < 0 && end < 0 && self.start > end)
    }

    /// The bits meant, of a string of so many bytes: negative numbers count from the end.
    fn of(&self, len_bytes: usize) -> Range<u64> {
        let unit = if self.in_bits { 1 } else { 8 };
        let len = len_bytes as i64 * (8 / unit);
        let end = self.end.unwrap_or(-1);
        let absolute = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
        let (start, end) = (absolute(self.start), absolute(end).min(len - 1));
        if start > end { 0..0 } else { (start * unit) as u64..((end + 1) * unit) as u64 }
    }
}

pub static BITCOUNT: Command = Command::data("BITCOUNT", bitcount)
    .summary("Counts the bits that are set in a string or in a part of it.")
    .since("2.6.0")
    .complexity("O(N)")
    .group(Group::Bitmap)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), block("range", &[integer("start"), integer("end"), UNIT]).optional()])
    .history(&[("7.0.0", "Added the `BYTE|BIT` option.")]);

fn bitcount(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    // A miss is noted before the range is looked at.
    let found = db.get_string(args.at(1));
    if args.len() == 3 {
        return Err(CmdError::SYNTAX);
    }
    let asked = Asked::parse(args.from(2), true)?;
    let count = match found? {
        Some(bytes) if !asked.is_backwards() => bits::count_range(&bytes, asked.of(bytes.len())),
        _ => 0,
    };
    reply.int(count as i64);
    Ok(Flow::Done)
}

pub static BITPOS: Command = Command::data("BITPOS", bitpos)
    .summary("Finds the first bit that is set, or that is not, in a string or in a part of it.")
    .since("2.8.7")
    .complexity("O(N)")
    .group(Group::Bitmap)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[
        key("key", 0),
        integer("bit"),
        block("range", &[integer("start"), block("end-unit-block", &[integer("end"), UNIT]).optional()]).optional(),
    ])
    .history(&[("7.0.0", "Added the `BYTE|BIT` option.")]);

fn bitpos(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let value = match parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)? {
        0 => false,
        1 => true,
        _ => return Err(CmdError::text("ERR The bit argument must be 1 or 0.")),
    };
    // A miss is noted before the range is looked at.
    let found = db.get_string(args.at(1));
    let asked = Asked::parse(args.from(3), false)?;
    let Some(bytes) = found? else {
        // A missing key is zeros without an end.
        reply.int(if value { -1 } else { 0 });
        return Ok(Flow::Done);
    };
    let range = asked.of(bytes.len());
    let found = bits::find(&bytes, range.clone(), value);
    reply.int(match found {
        Some(at) => at as i64,
        // Behind the string zeros begin, unless the end was said.
        None if !value && asked.end.is_none() && !range.is_empty() => bytes.len() as i64 * 8,
        None => -1,
    });
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn counts() {
        let mut s = Session::new();
        s.run("SET k foobar");
        for (range, count) in [
            ("", 26),
            ("0 0", 4),
            ("1 1", 6),
            ("1 1 byte", 6),
            ("5 30 BIT", 17),
            ("0 -1", 26),
            ("-2 1", 0),
            ("-6 -7", 0),
            ("0 9223372036854775807", 26),
            ("-9223372036854775808 -1", 26),
            ("-9223372036854775808 -9223372036854775808", 4),
        ] {
            assert_eq!(s.run(&format!("BITCOUNT k {range}")), format!(":{count}\r\n"), "{range}");
        }
        assert_eq!(s.run("BITCOUNT none 0 1 BIT"), ":0\r\n");
        for bad in ["0", "0 1 x", "0 1 BIT x", "a b"] {
            assert!(s.run(&format!("BITCOUNT none {bad}")).starts_with("-ERR"));
        }
        s.run("RPUSH l a");
        assert!(s.run("BITCOUNT l").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn positions() {
        let mut s = Session::new();
        s.run(r#"SET k "\xff\xf0\x00""#);
        s.run(r#"SET ones "\xff\xff\xff""#);
        s.run("SET empty ''");
        for (line, at) in [
            ("k 0", 12),
            ("k 1", 0),
            ("k 1 2", -1),
            ("k 1 -3", 0),
            ("k 1 -1 -6", -1),
            ("ones 1 -1 -6", -1),
            ("ones 1 -3 -6", 0),
            ("k 0 0 11 BIT", -1),
            ("k 0 0 12 BIT", 12),
            ("k 0 9 -1 BIT", 12),
            ("ones 0", 24),
            ("ones 0 0", 24),
            ("ones 0 0 -1", -1),
            ("ones 0 9", -1),
            ("empty 0", -1),
            ("empty 1", -1),
            ("none 0", 0),
            ("none 1", -1),
        ] {
            assert_eq!(s.run(&format!("BITPOS {line}")), format!(":{at}\r\n"), "{line}");
        }
        assert_eq!(s.run("BITPOS k 2"), "-ERR The bit argument must be 1 or 0.\r\n");
        assert_eq!(s.run("BITPOS k x"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(s.run("BITPOS none 1 0 1 x"), "-ERR syntax error\r\n");
    }
}
