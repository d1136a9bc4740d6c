//! What SCAN, SSCAN, HSCAN and ZSCAN have in common: cursor, options, pages, and the reply's shape.
//!
//! ```text
//! *SCAN [key] cursor [MATCH pattern] [COUNT count] [TYPE type | NOVALUES | NOSCORES]
//!
//! *2  $ the next cursor, in decimal; 0: the walk is over
//!     * the page: keys, members, or pairs
//! ```
//!
//! A page ends with the first step of the walk after which COUNT elements have been looked at, whether they matched or
//! not: a count is a bound for work, not for replies.

use crate::dispatch::CmdError;
use crate::keyspace::table::{Slot, Table};
use crate::resp::{Args, Reply};
use crate::util::{glob, number};

/// What is walked; each has an option of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked {
    /// The keys of a database: TYPE.
    Keys,
    Set,
    /// NOVALUES leaves the values out.
    Hash,
    /// NOSCORES leaves the scores out.
    Zset,
}

/// The options behind the cursor.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions<'a> {
    /// How many elements a page looks at.
    pub count: usize,
    /// The word behind TYPE.
    pub kind: Option<&'a [u8]>,
    /// NOVALUES or NOSCORES: the reply names elements only.
    pub names_only: bool,
    pattern: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Parses the words behind the cursor.
    ///
    /// # Errors
    /// A syntax error; a COUNT that is no number; NOVALUES where there are no values.
    pub fn parse(args: Args<'a>, what: Walked) -> Result<ScanOptions<'a>, CmdError> {
        let mut options = ScanOptions { count: 10, kind: None, names_only: false, pattern: None };
        let mut at = 0;
        while at < args.len() {
            let value = args.get(at + 1);
            at += 2;
            match value {
                Some(count) if args.is(at - 2, "COUNT") => {
                    let count = number::parse_i64(count).ok_or(CmdError::NOT_AN_INTEGER)?;
                    options.count = usize::try_from(count).ok().filter(|&n| n > 0).ok_or(CmdError::SYNTAX)?;
                }
                Some(pattern) if args.is(at - 2, "MATCH") => {
                    options.pattern = Some(pattern).filter(|&pattern| pattern != b"*");
                }
                Some(kind) if args.is(at - 2, "TYPE") && what == Walked::Keys => options.kind = Some(kind),
                _ if args.is(at - 2, "NOVALUES") => {
                    if what != Walked::Hash {
                        return Err(CmdError::text("ERR NOVALUES option can only be used in HSCAN"));
                    }
                    options.names_only = true;
                    at -= 1;
                }
                _ if args.is(at - 2, "NOSCORES") && what == Walked::Zset => {
                    options.names_only = true;
                    at -= 1;
                }
                _ => return Err(CmdError::SYNTAX),
            }
        }
        Ok(options)
    }

    /// Whether MATCH lets this name through.
    #[inline]
    pub fn wants(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name, glob::Case::Sensitive))
    }
}

/// Parses a cursor, as leniently as upstream does: white space, a sign and zeros may stand in front of the digits, and a
/// NUL ends them; but what is written plainly must not be negative.
///
/// # Errors
/// When there are no digits, too much behind them, or too many of them.
pub fn cursor(word: &[u8]) -> Result<u64, CmdError> {
    if let Some(cursor) = number::parse_u64(word) {
        return Ok(cursor);
    }
    if number::parse_i64(word).is_some() {
        return Err(CmdError::INVALID_CURSOR);
    }
    let blanks = word.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let (negative, rest) = match &word[blanks..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    let zeros = rest[..end].iter().take_while(|&&byte| byte == b'0').count();
    let value = match &rest[zeros..end] {
        [] if zeros > 0 => Some(0),
        digits => number::parse_u64(digits),
    };
    let value = value.ok_or(CmdError::INVALID_CURSOR)?;
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// Walks one page of a table from `cursor` on, about `count` elements; returns the next cursor, 0 at the end.
pub fn walk<'a, T: Slot>(table: &'a Table<T>, cursor: u64, count: usize, mut visit: impl FnMut(&'a T)) -> u64 {
    steps(cursor, count, |cursor| {
        let mut seen = 0;
        let next = table.scan(cursor, |element| {
            seen += 1;
            visit(element);
        });
        (next, seen)
    })
}

/// Walks one page of anything: each step goes on from a cursor and answers the next, and how many elements it saw.
pub fn steps(mut cursor: u64, count: usize, mut step: impl FnMut(u64) -> (u64, usize)) -> u64 {
    /// Steps per element asked for, so that a page of a nearly empty table ends too.
    const STEPS_PER_ELEMENT: usize = 10;
    let mut seen = 0;
    for _ in 0..count.saturating_mul(STEPS_PER_ELEMENT) {
        let (next, more) = step(cursor);
        (cursor, seen) = (next, seen + more);
        if cursor == 0 || seen >= count {
            break;
        }
    }
    cursor
}

/// Writes the head of the reply: the next cursor, and the header of a page of `len` items, which the caller writes.
pub fn reply_head(reply: &mut Reply, cursor: u64, len: usize) {
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(cursor).as_bytes());
    reply.array(len);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    #[test]
    fn cursors_as_upstream_takes_them() {
        for (text, value) in [
            ("0", 0),
            ("18446744073709551615", u64::MAX),
            ("-0", 0),
            (" 1", 1),
            ("  +1", 1),
            ("0000000000000000000000000000000001", 1),
            ("-01", u64::MAX),
            ("-18446744073709551615", 1),
            ("7\0junk", 7),
        ] {
            assert_eq!(cursor(text.as_bytes()), Ok(value), "{text:?}");
        }
        for text in ["", "-1", "abc", "1 ", "- 1", "+-1", "++1", "0x10", "18446744073709551616", "-99999999999999999999", "\0"] {
            assert_eq!(cursor(text.as_bytes()), Err(CmdError::INVALID_CURSOR), "{text:?}");
        }
    }

    fn parse(line: &str, what: Walked) -> Result<(usize, bool), CmdError> {
        let args: OwnedArgs = line.split_whitespace().collect();
        ScanOptions::parse(args.view(), what).map(|options| (options.count, options.names_only))
    }

    #[test]
    fn options_and_whose_they_are() {
        assert_eq!(parse("", Walked::Set), Ok((10, false)));
        assert_eq!(parse("match a* COUNT 7 type x", Walked::Keys), Ok((7, false)));
        assert_eq!(parse("novalues count 3", Walked::Hash), Ok((3, true)));
        assert_eq!(parse("count 3 noscores", Walked::Zset), Ok((3, true)));
        assert_eq!(parse("count 0", Walked::Set), Err(CmdError::SYNTAX));
        assert_eq!(parse("count x", Walked::Set), Err(CmdError::NOT_AN_INTEGER));
        assert_eq!(parse("count", Walked::Set), Err(CmdError::SYNTAX));
        assert_eq!(parse("type x", Walked::Set), Err(CmdError::SYNTAX));
        assert_eq!(parse("noscores", Walked::Hash), Err(CmdError::SYNTAX));
        assert!(parse("novalues", Walked::Keys).unwrap_err().0.starts_with(b"ERR NOVALUES"));
    }

    #[test]
    fn patterns_filter_names() {
        let args: OwnedArgs = ["MATCH", "a*"].into_iter().collect();
        let options = ScanOptions::parse(args.view(), Walked::Set).unwrap();
        assert!(options.wants(b"abc") && !options.wants(b"bc"));
        let all: OwnedArgs = ["MATCH", "*"].into_iter().collect();
        assert!(ScanOptions::parse(all.view(), Walked::Set).unwrap().wants(b""));
    }
}
