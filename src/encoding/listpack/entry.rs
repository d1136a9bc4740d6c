//! One entry of a listpack: what it means ([`Elem`]), how it is read and how it is written.
//!
//! The three parts of an entry (encoding byte, data, backlen) are drawn at the head of the folder.
//! Everything here is total: a slice that does not start with a whole entry gives `None`, never a panic.

use crate::util::number::{i64_len, parse_i64, write_i64};
use std::fmt;

pub(super) const END: u8 = 0xff;

const STR_32_BIT: u8 = 0xf0;
const INT_16_BIT: u8 = 0xf1;
const INT_24_BIT: u8 = 0xf2;
const INT_32_BIT: u8 = 0xf3;
const INT_64_BIT: u8 = 0xf4;

/// One element, as stored: an integer, or bytes borrowed from the listpack.
///
/// As a value to be stored, `Bytes` that spell a 64-bit integer in its canonical form become that integer.
/// Two elements are equal when their texts are.
#[derive(Clone, Copy)]
pub enum Elem<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Elem<'a> {
    /// Whether the element's text is `text`.
    #[inline]
    pub fn eq_bytes(&self, text: &[u8]) -> bool {
        match *self {
            Elem::Int(value) => parse_i64(text) == Some(value),
            Elem::Bytes(bytes) => bytes == text,
        }
    }

    /// Appends the element's text to `out`.
    #[inline]
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match *self {
            Elem::Int(value) => write_i64(out, value),
            Elem::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// The element's text, an integer's being rendered into `buffer`.
    #[inline]
    pub fn text<'b>(&self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Elem::Int(value) => buffer.format(value).as_bytes(),
            Elem::Bytes(bytes) => bytes,
        }
    }

    /// The element's text, owned.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text_bytes());
        self.write_to(&mut out);
        out
    }

    /// The element as an integer, when its text is a canonical 64-bit one.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Elem::Int(value) => Some(value),
            Elem::Bytes(bytes) => parse_i64(bytes),
        }
    }

    /// Length of the element's text in bytes.
    pub fn text_bytes(&self) -> usize {
        match *self {
            Elem::Int(value) => i64_len(value),
            Elem::Bytes(bytes) => bytes.len(),
        }
    }

    /// Bytes this element would take in a listpack, its backlen included.
    #[inline]
    pub fn packed_bytes(&self) -> usize {
        Encoded::of(*self).size
    }
}

impl PartialEq for Elem<'_> {
    fn eq(&self, other: &Elem<'_>) -> bool {
        match (*self, *other) {
            (Elem::Int(a), Elem::Int(b)) => a == b,
            (Elem::Bytes(text), any) | (any, Elem::Bytes(text)) => any.eq_bytes(text),
        }
    }
}

impl Eq for Elem<'_> {}

impl fmt::Debug for Elem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Elem::Int(value) => write!(f, "{value}"),
            Elem::Bytes(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
        }
    }
}

impl<'a> From<&'a [u8]> for Elem<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8]) -> Elem<'a> {
        Elem::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Elem<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8; N]) -> Elem<'a> {
        Elem::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Elem<'a> {
    #[inline(always)]
    fn from(bytes: &'a Vec<u8>) -> Elem<'a> {
        Elem::Bytes(bytes)
    }
}

impl From<i64> for Elem<'_> {
    #[inline(always)]
    fn from(value: i64) -> Self {
        Elem::Int(value)
    }
}

/// A text to be looked for: what it is as an integer is worked out once.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    text: &'a [u8],
    integer: Option<i64>,
}

impl<'a> Needle<'a> {
    #[inline]
    pub fn new(text: &'a [u8]) -> Needle<'a> {
        Needle { text, integer: parse_i64(text) }
    }

    /// Whether `elem` has this text.
    #[inline(always)]
    pub fn is(&self, elem: Elem<'_>) -> bool {
        match elem {
            Elem::Bytes(bytes) => bytes == self.text,
            Elem::Int(value) => self.integer == Some(value),
        }
    }
}

/// Takes the entry `rest` starts with. `rest` must end where the entries end (before the end byte).
#[inline(always)]
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Option<Elem<'a>> {
    let bytes = *rest;
    let first = *bytes.first()?;
    if first < 0x80 {
        *rest = bytes.get(2..)?;
        Some(Elem::Int(i64::from(first)))
    } else if first < 0xc0 {
        let len = usize::from(first & 0x3f);
        let tail = bytes.get(len + 2..)?;
        let text = bytes.get(1..len + 1)?;
        *rest = tail;
        Some(Elem::Bytes(text))
    } else {
        take_long(rest)
    }
}

/// [`take`] for the encodings beyond one byte of header.
#[inline(never)]
fn take_long<'a>(rest: &mut &'a [u8]) -> Option<Elem<'a>> {
    let bytes = *rest;
    let (elem, len) = match *bytes {
        [first @ 0xc0..=0xdf, low, ..] => {
            // 13 bits, sign-extended from bit 12.
            let raw = u16::from_be_bytes([first & 0x1f, low]);
            (Elem::Int(i64::from((raw << 3) as i16 >> 3)), 2)
        }
        [first @ 0xe0..=0xef, low, ..] => {
            let len = usize::from(u16::from_be_bytes([first & 0x0f, low]));
            (Elem::Bytes(bytes.get(2..2 + len)?), 2 + len)
        }
        [STR_32_BIT, a, b, c, d, ..] => {
            let len = u32::from_le_bytes([a, b, c, d]) as usize;
            (Elem::Bytes(bytes.get(5..5 + len)?), 5 + len)
        }
        [INT_16_BIT, a, b, ..] => (Elem::Int(i64::from(i16::from_le_bytes([a, b]))), 3),
        [INT_24_BIT, a, b, c, ..] => (Elem::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), 4),
        [INT_32_BIT, a, b, c, d, ..] => (Elem::Int(i64::from(i32::from_le_bytes([a, b, c, d]))), 5),
        [INT_64_BIT, a, b, c, d, e, f, g, h, ..] => (Elem::Int(i64::from_le_bytes([a, b, c, d, e, f, g, h])), 9),
        _ => return None,
    };
    *rest = bytes.get(len + backlen_bytes(len)..)?;
    Some(elem)
}

/// Passes over the entry `rest` starts with.
#[inline(always)]
pub(super) fn skip(rest: &mut &[u8]) -> Option<()> {
    let first = *rest.first()?;
    let size = if first < 0x80 {
        2
    } else if first < 0xc0 {
        usize::from(first & 0x3f) + 2
    } else {
        let len = entry_len(rest)?;
        len + backlen_bytes(len)
    };
    *rest = rest.get(size..)?;
    Some(())
}

/// Length of the entry `rest` starts with, without its backlen; it may reach beyond `rest`.
#[inline]
pub(super) fn entry_len(rest: &[u8]) -> Option<usize> {
    Some(match *rest {
        [0x00..=0x7f, ..] => 1,
        [first @ 0x80..=0xbf, ..] => 1 + usize::from(first & 0x3f),
        [0xc0..=0xdf, ..] => 2,
        [first @ 0xe0..=0xef, low, ..] => 2 + usize::from(u16::from_be_bytes([first & 0x0f, low])),
        [STR_32_BIT, a, b, c, d, ..] => 5 + u32::from_le_bytes([a, b, c, d]) as usize,
        [INT_16_BIT, ..] => 3,
        [INT_24_BIT, ..] => 4,
        [INT_32_BIT, ..] => 5,
        [INT_64_BIT, ..] => 9,
        _ => return None,
    })
}

/// How many bytes the backlen of an entry of `entry_len` bytes takes.
///
/// The three upper steps come one value early: 16383 would fit two groups of 7 bits and takes three. That is how
/// the format has been written since its first day, so it is part of the format.
#[inline(always)]
pub(super) fn backlen_bytes(entry_len: usize) -> usize {
    if entry_len < 128 {
        1
    } else if entry_len < 16_383 {
        2
    } else if entry_len < 2_097_151 {
        3
    } else if entry_len < 268_435_455 {
        4
    } else {
        5
    }
}

/// Fills `dst`, whose length is the right one, with the backlen of an entry of `entry_len` bytes.
#[inline(always)]
pub(super) fn write_backlen(entry_len: usize, dst: &mut [u8]) {
    if let [only] = dst {
        *only = entry_len as u8;
        return;
    }
    let mut left = entry_len;
    for (distance, byte) in dst.iter_mut().rev().enumerate() {
        *byte = (left & 0x7f) as u8 | 0x80;
        left >>= 7;
        debug_assert!(distance < 5);
    }
    if let Some(first) = dst.first_mut() {
        *first &= 0x7f;
    }
}

/// Reads a backlen from the end of `before`: the bytes of the whole entry that ends there, backlen included.
#[inline(always)]
pub(super) fn last_entry_size(before: &[u8]) -> Option<usize> {
    let last = *before.last()?;
    if last < 0x80 {
        return Some(usize::from(last) + 1);
    }
    last_entry_size_long(before)
}

#[inline(never)]
fn last_entry_size_long(before: &[u8]) -> Option<usize> {
    let mut entry_len = 0usize;
    for (group, &byte) in before.iter().rev().take(5).enumerate() {
        entry_len |= usize::from(byte & 0x7f) << (7 * group);
        if byte < 0x80 {
            return Some(entry_len + group + 1);
        }
    }
    None
}

/// An element ready to be written: its size is known before any byte moves.
pub(super) struct Encoded<'a> {
    /// Encoding byte and, for an integer, all its data.
    head: [u8; 9],
    head_len: usize,
    body: &'a [u8],
    /// Size of the whole entry in bytes, backlen included.
    pub(super) size: usize,
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(super) fn of(elem: Elem<'a>) -> Encoded<'a> {
        match elem {
            Elem::Int(value) => Encoded::int(value),
            Elem::Bytes(bytes) => match parse_i64(bytes) {
                Some(value) => Encoded::int(value),
                None => Encoded::str(bytes),
            },
        }
    }

    #[inline]
    fn int(value: i64) -> Encoded<'a> {
        let le = value.to_le_bytes();
        let mut head = [0u8; 9];
        let head_len = if (0..=127).contains(&value) {
            head[0] = le[0];
            1
        } else if (-4096..=4095).contains(&value) {
            head[0] = 0xc0 | (le[1] & 0x1f);
            head[1] = le[0];
            2
        } else {
            let (tag, width) = if i16::try_from(value).is_ok() {
                (INT_16_BIT, 2)
            } else if (-(1 << 23)..1 << 23).contains(&value) {
                (INT_24_BIT, 3)
            } else if i32::try_from(value).is_ok() {
                (INT_32_BIT, 4)
            } else {
                (INT_64_BIT, 8)
            };
            head[0] = tag;
            head[1..].copy_from_slice(&le);
            1 + width
        };
        Encoded { head, head_len, body: &[], size: head_len + 1 }
    }

    #[inline]
    fn str(body: &'a [u8]) -> Encoded<'a> {
        let len = body.len();
        let mut head = [0u8; 9];
        let head_len = if len < 64 {
            head[0] = 0x80 | len as u8;
            1
        } else if len < 4096 {
            head[0] = 0xe0 | (len >> 8) as u8;
            head[1] = len as u8;
            2
        } else {
            // A longer string than 32 bits can say never gets written: its entry fits no blob.
            head[0] = STR_32_BIT;
            head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
            5
        };
        let entry_len = head_len + len;
        Encoded { head, head_len, body, size: entry_len + backlen_bytes(entry_len) }
    }

    /// Writes the entry over `dst`, which is exactly `size` bytes.
    #[inline]
    pub(super) fn write(&self, dst: &mut [u8]) {
        debug_assert_eq!(dst.len(), self.size);
        let entry_len = self.head_len + self.body.len();
        let (entry, backlen) = dst.split_at_mut(entry_len);
        if self.head_len == 1 {
            entry[0] = self.head[0];
            entry[1..].copy_from_slice(self.body);
        } else {
            let (head, body) = entry.split_at_mut(self.head_len);
            head.copy_from_slice(&self.head[..self.head_len]);
            body.copy_from_slice(self.body);
        }
        write_backlen(entry_len, backlen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(elem: Elem) -> Vec<u8> {
        let encoded = Encoded::of(elem);
        let mut out = vec![0xaa; encoded.size];
        encoded.write(&mut out);
        out
    }

    fn round_trip(elem: Elem) {
        let bytes = bytes_of(elem);
        let mut rest = &bytes[..];
        assert_eq!(take(&mut rest), Some(elem));
        assert!(rest.is_empty());
        let mut rest = &bytes[..];
        skip(&mut rest).unwrap();
        assert!(rest.is_empty());
        assert_eq!(last_entry_size(&bytes), Some(bytes.len()));
        let len = entry_len(&bytes).unwrap();
        assert_eq!(len + backlen_bytes(len), bytes.len());
        for cut in 0..bytes.len().min(40) {
            let mut rest = &bytes[..cut];
            assert_eq!(take(&mut rest), None, "cut at {cut}");
            let mut rest = &bytes[..cut];
            assert_eq!(skip(&mut rest), None);
        }
    }

    #[test]
    fn integers_take_the_narrowest_form() {
        for (value, size) in [
            (0, 2),
            (127, 2),
            (128, 3),
            (-1, 3),
            (-4096, 3),
            (4095, 3),
            (4096, 4),
            (-4097, 4),
            (32767, 4),
            (-32768, 4),
            (32768, 5),
            (-32769, 5),
            (8_388_607, 5),
            (-8_388_608, 5),
            (8_388_608, 6),
            (-8_388_609, 6),
            (i64::from(i32::MAX), 6),
            (i64::from(i32::MIN), 6),
            (i64::from(i32::MAX) + 1, 10),
            (i64::from(i32::MIN) - 1, 10),
            (i64::MAX, 10),
            (i64::MIN, 10),
        ] {
            round_trip(Elem::Int(value));
            assert_eq!(bytes_of(Elem::Int(value)).len(), size, "{value}");
            let text = value.to_string();
            assert_eq!(bytes_of(Elem::Bytes(text.as_bytes())), bytes_of(Elem::Int(value)));
            assert_eq!(Elem::Int(value).text_bytes(), text.len());
            assert_eq!(Elem::Int(value).to_vec(), text.as_bytes());
            assert!(Elem::Int(value).eq_bytes(text.as_bytes()));
        }
    }

    #[test]
    fn strings_take_the_narrowest_form() {
        for (len, head) in [
            (0, vec![0x80]),
            (1, vec![0x81]),
            (63, vec![0xbf]),
            (64, vec![0xe0, 64]),
            (4095, vec![0xef, 0xff]),
            (4096, vec![0xf0, 0, 16, 0, 0]),
            (70_000, vec![0xf0, 0x70, 0x11, 1, 0]),
        ] {
            let text = vec![b'x'; len];
            round_trip(Elem::Bytes(&text));
            assert_eq!(bytes_of(Elem::Bytes(&text))[..head.len()], head);
        }
    }

    #[test]
    fn backlen_steps_are_the_formats_own() {
        // Tails as a genuine server (8.0.6) writes them for strings of these lengths.
        for (len, tail) in [
            (125, &[b'x', 0x7f][..]),
            (126, &[b'x', 0x01, 0x80]),
            (16_377, &[b'x', 0x7f, 0xfe]),
            (16_378, &[b'x', 0x00, 0xff, 0xff]),
            (16_379, &[b'x', 0x01, 0x80, 0x80]),
            (2_097_145, &[b'x', 0x7f, 0xff, 0xfe]),
            (2_097_146, &[b'x', 0x00, 0xff, 0xff, 0xff]),
            (2_097_147, &[b'x', 0x01, 0x80, 0x80, 0x80]),
        ] {
            // The first of them has a two-byte head.
            let text = vec![b'x'; len];
            let bytes = bytes_of(Elem::Bytes(&text));
            assert!(bytes.ends_with(tail), "{len}");
            round_trip(Elem::Bytes(&text));
        }
    }

    #[test]
    fn no_sixteen_bytes_break_the_readers() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..200_000 {
            let mut bytes = [0u8; 16];
            rng.fill(&mut bytes);
            let mut rest = &bytes[..rng.usize(0..=16)];
            let _ = entry_len(rest);
            let _ = last_entry_size(rest);
            let mut other = rest;
            assert_eq!(take(&mut rest).is_some(), skip(&mut other).is_some());
            assert_eq!(rest.len(), other.len());
        }
    }
}
