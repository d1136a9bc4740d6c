//! The name of a stream's entry: milliseconds and a sequence number, `1526919030474-55`.

use crate::util::number::write_u64;

/// An entry's id. Ids are ordered as numbers of 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Usually unix time in ms.
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    #[inline]
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The id after this one.
    #[inline]
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { ms: self.ms, seq }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before this one.
    pub fn prev(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { ms: self.ms, seq }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The 16 bytes that RDB holds: both numbers big end first.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// The reverse of [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let both = u128::from_be_bytes(bytes);
        StreamId { ms: (both >> 64) as u64, seq: both as u64 }
    }

    /// This id, moved by the differences that a node's entry holds.
    #[inline]
    pub(super) fn plus(self, ms: i64, seq: i64) -> StreamId {
        StreamId { ms: self.ms.wrapping_add(ms as u64), seq: self.seq.wrapping_add(seq as u64) }
    }

    /// Appends the id's text.
    pub fn write_to(self, out: &mut Vec<u8>) {
        write_u64(out, self.ms);
        out.push(b'-');
        write_u64(out, self.seq);
    }

    /// The id as text, at no cost in memory.
    #[inline]
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; IdText::MAX_BYTES], len: 0 };
        let mut digits = itoa::Buffer::new();
        text.push(digits.format(self.ms).as_bytes());
        text.push(b"-");
        text.push(digits.format(self.seq).as_bytes());
        text
    }

    /// Reads `ms-seq` or `ms`, whose sequence number is then `missing_seq`. Nothing else: see [`Bound`] for `-` and `+`.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match Written::parse(text, false)? {
            Written { ms, seq: Seq::Given(seq) } => Some(StreamId { ms, seq }),
            Written { ms, .. } => Some(StreamId { ms, seq: missing_seq }),
        }
    }
}

/// What stands behind the milliseconds of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seq {
    Given(u64),
    /// Nothing.
    Missing,
    /// `*`: whatever comes next.
    Any,
}

/// An id as written, which may leave its sequence number open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub ms: u64,
    pub seq: Seq,
}

impl Written {
    /// Reads `ms`, `ms-seq` and, if `any` is allowed, `ms-*`.
    pub fn parse(text: &[u8], any: bool) -> Option<Written> {
        const MAX_BYTES: usize = 127;
        if text.len() > MAX_BYTES {
            return None;
        }
        // Upstream's reading ends at a NUL.
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let Some(dash) = text.iter().position(|&byte| byte == b'-') else {
            return Some(Written { ms: parse_number(text)?, seq: Seq::Missing });
        };
        let ms = parse_number(&text[..dash])?;
        let seq = match &text[dash + 1..] {
            b"*" if any => Seq::Any,
            seq => Seq::Given(parse_number(seq)?),
        };
        Some(Written { ms, seq })
    }
}

/// A number as C's `strtoull` reads one, all of the text: leading blanks, a sign and zeros are taken; a negative number wraps
/// around, but only if it is too small for 64 bits with a sign.
fn parse_number(text: &[u8]) -> Option<u64> {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (negative, digits) = match &text[blanks..] {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if !negative {
        return Some(value);
    }
    // A canonical number is refused for being negative before anything is wrapped.
    let canonical = blanks == 0 && (digits[0] != b'0' || digits.len() == 1) && value <= 1 << 63 && value != 0;
    (!canonical).then(|| value.wrapping_neg())
}

/// One end of a range, with the words a range may begin or end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub id: StreamId,
    pub exclusive: bool,
}

impl Bound {
    /// Reads an id, `-`, `+`, or one of these behind `(`.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Bound> {
        match text {
            [b'(', rest @ ..] if !rest.is_empty() => Some(Bound { id: StreamId::parse(rest, missing_seq)?, exclusive: true }),
            b"-" => Some(Bound { id: StreamId::MIN, exclusive: false }),
            b"+" => Some(Bound { id: StreamId::MAX, exclusive: false }),
            _ => Some(Bound { id: StreamId::parse(text, missing_seq)?, exclusive: false }),
        }
    }
}

/// An id's text.
#[derive(Clone, Copy)]
pub struct IdText {
    bytes: [u8; IdText::MAX_BYTES],
    len: u8,
}

impl IdText {
    /// Two numbers of 20 digits and a dash.
    const MAX_BYTES: usize = 41;

    #[inline]
    fn push(&mut self, text: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + text.len()].copy_from_slice(text);
        self.len += text.len() as u8;
    }
}

impl std::ops::Deref for IdText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<StreamId> {
        StreamId::parse(text.as_bytes(), 7)
    }

    #[test]
    fn reads_what_upstream_reads() {
        assert_eq!(id("5-6"), Some(StreamId::new(5, 6)));
        assert_eq!(id("5"), Some(StreamId::new(5, 7)));
        assert_eq!(id("18446744073709551615-18446744073709551615"), Some(StreamId::MAX));
        assert_eq!(id("18446744073709551616"), None);
        assert_eq!(id("05-+6"), Some(StreamId::new(5, 6)));
        assert_eq!(id(" 5"), Some(StreamId::new(5, 7)));
        for bad in ["", "-", "+", "-5", "5-", "5-x", "5-*", "5-6-7", "5--6", "x", "5 ", "(5"] {
            assert_eq!(id(bad), None, "{bad}");
        }
        assert_eq!(id(&format!("{:0>128}", 5)), None);
        assert_eq!(id("5\0x"), Some(StreamId::new(5, 7)));
        assert_eq!(Written::parse(b"5-*", true), Some(Written { ms: 5, seq: Seq::Any }));
        assert_eq!(Bound::parse(b"(5-1", 0), Some(Bound { id: StreamId::new(5, 1), exclusive: true }));
        assert_eq!(Bound::parse(b"(+", 0), None);
        assert_eq!(Bound::parse(b"+", 0), Some(Bound { id: StreamId::MAX, exclusive: false }));
    }

    #[test]
    fn neighbours_and_texts() {
        assert_eq!(StreamId::new(5, u64::MAX).next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).prev(), Some(StreamId::new(5, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
        assert_eq!(&*StreamId::MAX.text(), b"18446744073709551615-18446744073709551615");
        let mut out = Vec::new();
        StreamId::new(1, 2).write_to(&mut out);
        assert_eq!(out, *StreamId::new(1, 2).text());
        assert_eq!(StreamId::from_bytes(StreamId::new(3, 4).to_bytes()), StreamId::new(3, 4));
        assert!(StreamId::new(5, 9) < StreamId::new(6, 0));
    }
}
