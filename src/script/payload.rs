//! What FUNCTION DUMP gives and FUNCTION RESTORE takes.
//!
//! ```text
//! for each library   f5 length text              length as in an RDB file; c3: compressed by LZF
//! at the end         version (2, little endian)  CRC-64 of all before it (8, little endian)
//!
//! length  00nnnnnn    01nnnnnn nnnnnnnn    80 + 4 bytes    81 + 8 bytes, most significant first
//! ```

use crate::encoding::lzf;
use crate::util::crc64::crc64;

const LIBRARY: u8 = 0xf5;
const COMPRESSED: u8 = 0xc3;
/// The oldest version that knows functions, which every later server reads.
const VERSION: u16 = 10;
/// The newest version whose payloads are the same.
const VERSION_MAX: u16 = 80;
const FOOTER_BYTES: usize = 10;

/// The payload of libraries' texts.
pub fn dump<'a>(libraries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for code in libraries {
        out.push(LIBRARY);
        let mut packed = Vec::new();
        match lzf::compress(code, code.len().saturating_sub(4), &mut packed) {
            Some(_) if code.len() > 20 => {
                out.push(COMPRESSED);
                length(&mut out, packed.len());
                length(&mut out, code.len());
                out.extend_from_slice(&packed);
            }
            _ => {
                length(&mut out, code.len());
                out.extend_from_slice(code);
            }
        }
    }
    out.extend_from_slice(&VERSION.to_le_bytes());
    let crc = crc64(0, &out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

fn length(out: &mut Vec<u8>, len: usize) {
    match len {
        0..=63 => out.push(len as u8),
        64..=16383 => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        _ => match u32::try_from(len) {
            Ok(len) => {
                out.push(0x80);
                out.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => {
                out.push(0x81);
                out.extend_from_slice(&(len as u64).to_be_bytes());
            }
        },
    }
}

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its footer does not fit it.
    Footer,
    /// It holds something that is no library.
    NoFunction,
    Malformed,
}

/// The texts in a payload.
///
/// # Errors
/// Why it is refused.
pub fn restore(payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    let body = payload.len().checked_sub(FOOTER_BYTES).ok_or(Refused::Footer)?;
    let (body, footer) = payload.split_at(body);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let crc = u64::from_le_bytes(footer[2..].try_into().map_err(|_| Refused::Footer)?);
    if version > VERSION_MAX || crc != 0 && crc64(0, &payload[..payload.len() - 8]) != crc {
        return Err(Refused::Footer);
    }
    let mut rest = body;
    let mut texts = Vec::new();
    while let Some((mark, behind)) = rest.split_first() {
        if *mark != LIBRARY {
            return Err(Refused::NoFunction);
        }
        rest = behind;
        texts.push(text(&mut rest).ok_or(Refused::Malformed)?);
    }
    Ok(texts)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn read_length(rest: &mut &[u8]) -> Option<usize> {
    let first = take(rest, 1)?[0];
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    let len = match first {
        0..=0x3f => u64::from(first),
        0x40..=0x7f => u64::from(first & 0x3f) << 8 | u64::from(take(rest, 1)?[0]),
        0x80 => number(take(rest, 4)?),
        0x81 => number(take(rest, 8)?),
        _ => return None,
    };
    usize::try_from(len).ok()
}

fn text(rest: &mut &[u8]) -> Option<Vec<u8>> {
    if rest.first() == Some(&COMPRESSED) {
        *rest = &rest[1..];
        let packed = read_length(rest)?;
        let len = read_length(rest)?;
        return lzf::decompress(take(rest, packed)?, len).ok();
    }
    let len = read_length(rest)?;
    take(rest, len).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let texts = [b"#!lua name=a\nx".to_vec(), vec![b'x'; 100_000], Vec::new()];
        let payload = dump(texts.iter().map(Vec::as_slice));
        assert_eq!(restore(&payload), Ok(texts.to_vec()));
        assert_eq!(restore(b"bad_payload"), Err(Refused::Footer));
        let mut other = payload.clone();
        other[3] ^= 1;
        assert_eq!(restore(&other), Err(Refused::Footer));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>) {
            bytes.extend_from_slice(&VERSION.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            let _ = restore(&bytes);
        }
    }
}
