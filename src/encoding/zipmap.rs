//! The zipmap: what small hashes were before Redis 2.6. Only read, from files and dumps of such servers.
//!
//! ```text
//! [ number of fields; fe: not known ] ( length field  length free value free-bytes )… [ ff ]
//!
//! length   one byte below fe, or fe and a u32 (little-endian)
//! free     one byte: so many bytes behind the value mean nothing
//! ```
//!
//! What always holds: a [`Zipmap`] has been walked from end to end once, so that its iterator cannot fail.

const END: u8 = 0xff;
const LONG: u8 = 0xfe;

/// The bytes are no zipmap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed zipmap")]
pub struct Malformed;

/// A zipmap that has been checked.
#[derive(Clone, Copy)]
pub struct Zipmap<'a> {
    /// The pairs, without the end byte.
    pairs: &'a [u8],
    len: usize,
}

fn cut_len(rest: &mut &[u8]) -> Option<usize> {
    let (&first, tail) = rest.split_first()?;
    *rest = tail;
    match first {
        END => None,
        LONG => {
            let (bytes, tail) = rest.split_first_chunk::<4>()?;
            *rest = tail;
            Some(u32::from_le_bytes(*bytes) as usize)
        }
        short => Some(usize::from(short)),
    }
}

fn cut_pair<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let len = cut_len(rest)?;
    let (field, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    let len = cut_len(rest)?;
    let (&free, tail) = rest.split_first()?;
    let (value, tail) = tail.split_at_checked(len)?;
    *rest = tail.get(usize::from(free)..)?;
    Some((field, value))
}

impl<'a> Zipmap<'a> {
    /// Checks all of `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] if anything in them is not as it should be, or there is nothing in them.
    pub fn new(bytes: &'a [u8]) -> Result<Zipmap<'a>, Malformed> {
        Self::check(bytes).ok_or(Malformed)
    }

    fn check(bytes: &'a [u8]) -> Option<Zipmap<'a>> {
        let (&count, rest) = bytes.split_first()?;
        let (&end, pairs) = rest.split_last()?;
        let mut rest = pairs;
        let mut len = 0;
        while !rest.is_empty() {
            cut_pair(&mut rest)?;
            len += 1;
        }
        let counted = count >= LONG || usize::from(count) == len;
        (end == END && len > 0 && counted).then_some(Zipmap { pairs, len })
    }

    /// Number of fields; never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// All fields with their values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone + use<'a> {
        let mut rest = self.pairs;
        std::iter::from_fn(move || cut_pair(&mut rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back() {
        let long = [b'y'; 300];
        let bytes = [&b"\x02\x03foo\x03\x01bar\0\x02hi\xfe\x2c\x01\0\0\0"[..], &long, b"\xff"].concat();
        let map = Zipmap::new(&bytes).unwrap();
        assert_eq!(map.len(), 2);
        let pairs: Vec<_> = map.iter().collect();
        assert_eq!(pairs, [(&b"foo"[..], &b"bar"[..]), (b"hi", &long)]);
        for cut in 0..bytes.len() {
            assert!(Zipmap::new(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Zipmap::new(b"\x00\xff").is_err());
        assert!(Zipmap::new(b"\x02\x03foo\x03\x00bar\xff").is_err());
    }
}
