//! Bytes to read values from: a dump in memory, or a file that comes piece by piece.
//!
//! What always holds: nothing is allocated by what a length says, only by what is there. [`Source::take`] is the one place where
//! a length becomes bytes, and it fails before it allocates when there are not so many.

use std::borrow::Cow;
use std::io;

use super::format;
use crate::encoding::lzf;
use crate::util::number::write_i64;

/// Why a snapshot or a dump cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It ends too early.
    #[error("it ends in the middle of a record")]
    Truncated,
    /// The bytes make no sense.
    #[error("{0}")]
    Corrupt(Cow<'static, str>),
    /// A collection without elements, which no server keeps.
    #[error("a collection is empty")]
    Empty,
    /// It holds something that this server does not have.
    #[error("{0}")]
    Unsupported(Cow<'static, str>),
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server was told to end meanwhile.
    #[error("interrupted by a shutdown")]
    Interrupted,
}

impl Error {
    /// What is wrong with the bytes.
    pub const fn corrupt(text: &'static str) -> Error {
        Error::Corrupt(Cow::Borrowed(text))
    }

    /// What is not there to read it with.
    pub const fn unsupported(text: &'static str) -> Error {
        Error::Unsupported(Cow::Borrowed(text))
    }
}

/// A length, or how a text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Len {
    Plain(u64),
    Encoded(u8),
}

/// Bytes, first to last.
// Its `len` reads a length.
#[allow(clippy::len_without_is_empty)]
pub trait Source {
    /// The next `n` bytes, which are then passed.
    ///
    /// # Errors
    /// [`Error::Truncated`] if there are not so many.
    fn take(&mut self, n: usize) -> Result<&[u8], Error>;

    /// Whether there may be as many bytes still: `false` is certain.
    fn may_have(&self, n: u64) -> bool;

    #[inline]
    fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    /// `N` bytes.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| Error::Truncated)
    }

    /// A length, or the encoding of a text.
    #[inline]
    fn len_or_encoding(&mut self) -> Result<Len, Error> {
        let first = self.byte()?;
        match first >> 6 {
            format::LEN_6 => Ok(Len::Plain(u64::from(first))),
            format::LEN_14 => Ok(Len::Plain(u64::from(first & 0x3f) << 8 | u64::from(self.byte()?))),
            format::ENCODED => Ok(Len::Encoded(first & 0x3f)),
            _ => match first {
                format::LEN_32 => Ok(Len::Plain(u64::from(u32::from_be_bytes(self.array()?)))),
                format::LEN_64 => Ok(Len::Plain(u64::from_be_bytes(self.array()?))),
                _ => Err(Error::Corrupt(format!("Unknown length encoding {first} in rdbLoadLen()").into())),
            },
        }
    }

    /// A length.
    #[inline]
    fn len(&mut self) -> Result<u64, Error> {
        match self.len_or_encoding()? {
            Len::Plain(len) => Ok(len),
            Len::Encoded(_) => Err(Error::corrupt("a length was expected, there is an encoded text")),
        }
    }

    /// The number of things that follow, each of `bytes` bytes or more.
    #[inline]
    fn count(&mut self, bytes: u64) -> Result<usize, Error> {
        let count = self.len()?;
        match count.checked_mul(bytes) {
            Some(least) if self.may_have(least) => usize::try_from(count).map_err(|_| Error::Truncated),
            _ => Err(Error::Truncated),
        }
    }

    /// Appends a text to `out`.
    #[inline]
    fn append_text(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.text_head()? {
            TextHead::Plain(len) => out.extend_from_slice(self.take(len)?),
            TextHead::Int(value) => write_i64(out, value),
            TextHead::Lzf { compressed, len } => {
                let text = expand(self.take(compressed)?, len)?;
                out.extend_from_slice(&text);
            }
        }
        Ok(())
    }

    /// Shows a text to `reader`.
    #[inline]
    fn text<R>(&mut self, reader: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        match self.text_head()? {
            TextHead::Plain(len) => Ok(reader(self.take(len)?)),
            TextHead::Int(value) => Ok(reader(itoa::Buffer::new().format(value).as_bytes())),
            TextHead::Lzf { compressed, len } => Ok(reader(&expand(self.take(compressed)?, len)?)),
        }
    }

    /// What stands before a text's bytes.
    #[inline]
    fn text_head(&mut self) -> Result<TextHead, Error> {
        match self.len_or_encoding()? {
            Len::Plain(len) => Ok(TextHead::Plain(usize::try_from(len).map_err(|_| Error::Truncated)?)),
            Len::Encoded(format::text::INT_8) => Ok(TextHead::Int(i64::from(self.byte()? as i8))),
            Len::Encoded(format::text::INT_16) => Ok(TextHead::Int(i64::from(i16::from_le_bytes(self.array()?)))),
            Len::Encoded(format::text::INT_32) => Ok(TextHead::Int(i64::from(i32::from_le_bytes(self.array()?)))),
            Len::Encoded(format::text::LZF) => {
                let (compressed, len) = (self.len()?, self.len()?);
                match (usize::try_from(compressed), usize::try_from(len)) {
                    (Ok(compressed), Ok(len)) => Ok(TextHead::Lzf { compressed, len }),
                    _ => Err(Error::Truncated),
                }
            }
            Len::Encoded(encoding) => Err(Error::Corrupt(format!("Unknown RDB string encoding type {encoding}").into())),
        }
    }
}

/// How a text begins.
#[derive(Clone, Copy, Debug)]
pub enum TextHead {
    /// So many bytes follow.
    Plain(usize),
    /// There is nothing more.
    Int(i64),
    /// A stream follows.
    Lzf { compressed: usize, len: usize },
}

/// The text of a stream.
pub fn expand(stream: &[u8], len: usize) -> Result<Vec<u8>, Error> {
    lzf::decompress(stream, len).map_err(|_| Error::corrupt("Invalid LZF compressed string"))
}

/// A source in memory.
pub struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes { rest: bytes }
    }

    /// What has not been taken.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl Source for Bytes<'_> {
    #[inline]
    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    fn may_have(&self, n: u64) -> bool {
        n <= self.rest.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::rdb::format::{put_int, put_len};

    #[test]
    fn lengths_and_integers_come_back() {
        for len in [0, 1, 63, 64, 16383, 16384, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let mut bytes = Vec::new();
            put_len(&mut bytes, len);
            assert_eq!(Bytes::new(&bytes).len().unwrap(), len);
            for cut in 0..bytes.len() {
                assert!(matches!(Bytes::new(&bytes[..cut]).len(), Err(Error::Truncated)));
            }
        }
        for value in [0, -1, 127, 128, -128, -129, 32767, -32769, 1 << 31, -(1 << 31), (1 << 31) - 1] {
            let mut bytes = Vec::new();
            if put_int(&mut bytes, value) {
                assert_eq!(Bytes::new(&bytes).text(<[u8]>::to_vec).unwrap(), value.to_string().as_bytes());
            } else {
                assert_eq!(value, 1 << 31);
            }
        }
    }

    #[test]
    fn claims_beyond_what_is_there_cost_nothing() {
        let mut bytes = Vec::new();
        put_len(&mut bytes, 1 << 40);
        bytes.extend([1, 2, 3]);
        assert!(matches!(Bytes::new(&bytes).count(1), Err(Error::Truncated)));
        assert!(matches!(Bytes::new(&bytes).text(<[u8]>::len), Err(Error::Truncated)));
        // A stream of 3 bytes cannot become a terabyte.
        let mut lzf = vec![0xc3];
        put_len(&mut lzf, 3);
        put_len(&mut lzf, 1 << 40);
        lzf.extend([1, 2, 3]);
        assert!(matches!(Bytes::new(&lzf).text(<[u8]>::len), Err(Error::Corrupt(_))));
        assert!(matches!(Bytes::new(&[0xc9]).text(<[u8]>::len), Err(Error::Corrupt(_))));
        assert!(matches!(Bytes::new(&[0x82]).len(), Err(Error::Corrupt(_))));
    }
}
