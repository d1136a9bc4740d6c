//! The ziplist: what listpacks replaced in Redis 7.0. Only read, from files and dumps of older servers.
//!
//! ```text
//! [ total bytes u32 ][ offset of the last entry u32 ][ count u16 ] entry … [ ff ]              little-endian
//!
//! entry     [ bytes of the entry before: 1 byte, or fe and a u32 ][ encoding ][ content ]
//! encoding  00llllll                     text of l bytes
//!           01llllll llllllll            text of l bytes (14 bits, big-endian)
//!           10xxxxxx and 4 bytes         text of that many bytes (big-endian)
//!           c0, d0, e0, f0, fe           integer of 2, 4, 8, 3, 1 bytes
//!           f1 to fd                     the integers 0 to 12
//! ```
//!
//! What always holds: a [`Ziplist`] has been walked from end to end once, so that its iterator cannot fail.

use super::listpack::Elem;

const HEADER_BYTES: usize = 10;
const END: u8 = 0xff;
const LONG: u8 = 0xfe;
/// A count that may be less than what there is.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The bytes are no ziplist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed ziplist")]
pub struct Malformed;

/// A ziplist that has been checked.
#[derive(Clone, Copy)]
pub struct Ziplist<'a> {
    /// The entries, without the end byte.
    entries: &'a [u8],
    len: usize,
}

/// Cuts `n` bytes off the front.
#[inline]
fn cut<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(n)?;
    *rest = tail;
    Some(head)
}

#[inline]
fn cut_byte(rest: &mut &[u8]) -> Option<u8> {
    let (&byte, tail) = rest.split_first()?;
    *rest = tail;
    Some(byte)
}

/// Reads an entry off the front: the length it says of the one before, and what it holds.
fn cut_entry<'a>(rest: &mut &'a [u8]) -> Option<(usize, Elem<'a>)> {
    let before = match cut_byte(rest)? {
        LONG => u32::from_le_bytes(cut(rest, 4)?.try_into().ok()?) as usize,
        END => return None,
        short => usize::from(short),
    };
    let first = cut_byte(rest)?;
    let text_len = match first >> 6 {
        0 => Some(usize::from(first & 0x3f)),
        1 => Some(usize::from(first & 0x3f) << 8 | usize::from(cut_byte(rest)?)),
        2 => Some(u32::from_be_bytes(cut(rest, 4)?.try_into().ok()?) as usize),
        _ => None,
    };
    if let Some(len) = text_len {
        return Some((before, Elem::Bytes(cut(rest, len)?)));
    }
    let mut integer = |bytes: usize| {
        // At the upper end of the word, so that its shift brings the sign.
        let mut le = [0; 8];
        le[8 - bytes..].copy_from_slice(cut(rest, bytes)?);
        Some(i64::from_le_bytes(le) >> (64 - 8 * bytes))
    };
    let value = match first {
        0xc0 => integer(2)?,
        0xd0 => integer(4)?,
        0xe0 => integer(8)?,
        0xf0 => integer(3)?,
        0xfe => integer(1)?,
        0xf1..=0xfd => i64::from(first & 0x0f) - 1,
        _ => return None,
    };
    Some((before, Elem::Int(value)))
}

impl<'a> Ziplist<'a> {
    /// Checks all of `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] if anything in them is not as it should be.
    pub fn new(bytes: &'a [u8]) -> Result<Ziplist<'a>, Malformed> {
        Self::check(bytes).ok_or(Malformed)
    }

    fn check(bytes: &'a [u8]) -> Option<Ziplist<'a>> {
        let (head, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let total = u32::from_le_bytes(head[..4].try_into().ok()?);
        let last_at = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
        let count = u16::from_le_bytes(head[8..].try_into().ok()?);
        let (&end, entries) = body.split_last()?;
        if total as usize != bytes.len() || end != END {
            return None;
        }
        let mut rest = entries;
        let (mut len, mut before, mut last) = (0, 0, HEADER_BYTES);
        while !rest.is_empty() {
            let left = rest.len();
            let (said, _) = cut_entry(&mut rest)?;
            if said != before {
                return None;
            }
            last = HEADER_BYTES + entries.len() - left;
            before = left - rest.len();
            len += 1;
        }
        if last != last_at || (count != COUNT_UNKNOWN && usize::from(count) != len) {
            return None;
        }
        Some(Ziplist { entries, len })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All elements, first to last.
    pub fn iter(&self) -> Iter<'a> {
        Iter { rest: self.entries }
    }
}

/// The elements of a ziplist.
#[derive(Clone)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Elem<'a>;

    fn next(&mut self) -> Option<Elem<'a>> {
        cut_entry(&mut self.rest).map(|(_, elem)| elem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ziplist of raw entries (encoding and content).
    fn of(entries: &[&[u8]]) -> Vec<u8> {
        let (mut body, mut before, mut last) = (Vec::new(), 0, HEADER_BYTES);
        for entry in entries {
            last = HEADER_BYTES + body.len();
            let start = body.len();
            if before < 254 {
                body.push(before as u8);
            } else {
                body.push(LONG);
                body.extend((before as u32).to_le_bytes());
            }
            body.extend_from_slice(entry);
            before = body.len() - start;
        }
        let mut bytes = Vec::new();
        bytes.extend((HEADER_BYTES as u32 + body.len() as u32 + 1).to_le_bytes());
        bytes.extend((last as u32).to_le_bytes());
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend(body);
        bytes.push(END);
        bytes
    }

    #[test]
    fn every_encoding_is_read() {
        let long = [&[0x41, 0x2c][..], &[b'x'; 300]].concat();
        let longer = [&[0x80, 0, 0, 0, 3][..], b"abc"].concat();
        let bytes = of(&[
            b"\x02hi",
            &long,
            &longer,
            &[0xc0, 0xff, 0xff],
            &[0xd0, 0, 0, 0, 0x80],
            &[0xe0, 1, 0, 0, 0, 0, 0, 0, 0x40],
            &[0xf0, 0, 0, 0x80],
            &[0xfe, 0x80],
            &[0xf1],
            &[0xfd],
        ]);
        let list = Ziplist::new(&bytes).unwrap();
        assert_eq!((list.len(), list.is_empty()), (10, false));
        let texts: Vec<String> = list.iter().map(|elem| String::from_utf8(elem.to_vec()).unwrap()).collect();
        let x = "x".repeat(300);
        let expected = ["hi", &x, "abc", "-1", "-2147483648", "4611686018427387905", "-8388608", "-128", "0", "12"];
        assert_eq!(texts, expected);
        assert!(Ziplist::new(&of(&[])).unwrap().is_empty());
    }

    #[test]
    fn no_cut_or_changed_byte_goes_unnoticed_or_panics() {
        let bytes = of(&[b"\x02hi", &[0xc0, 1, 1], &[0xf3]]);
        for cut in 0..bytes.len() {
            assert!(Ziplist::new(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Ok(list) = Ziplist::new(&changed) {
                    assert_eq!(list.iter().count(), list.len());
                }
            }
        }
    }
}
