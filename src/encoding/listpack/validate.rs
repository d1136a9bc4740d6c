//! Foreign bytes become a listpack only after each of them has been looked at.

use super::entry::{END, backlen_bytes, entry_len, write_backlen};
use super::{Blob, COUNT_UNKNOWN, HEADER_BYTES, Listpack};

/// What is wrong with bytes that claim to be a listpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("shorter than an empty listpack")]
    Short,
    #[error("the header's total is not the length")]
    Total,
    #[error("the last byte is not the end mark")]
    End,
    #[error("entry at byte {at} is unknown or reaches beyond the end")]
    Entry { at: usize },
    #[error("entry at byte {at} has the wrong backlen")]
    Backlen { at: usize },
    #[error("the header says {claimed} elements, there are {found}")]
    Count { claimed: usize, found: usize },
}

impl Listpack {
    /// A copy of `bytes` as a listpack, after every entry, backlen and the count have been checked.
    ///
    /// A string that spells an integer is let through, as is an integer in a wider form than it needs: both
    /// read correctly.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong first. Nothing is allocated then.
    pub fn from_bytes_validated(bytes: &[u8]) -> Result<Listpack, Malformed> {
        validate(bytes)?;
        match Blob::from_slice(bytes) {
            Ok(blob) => Ok(Listpack { blob }),
            // The total is 32 bits and equals the length.
            Err(_) => Err(Malformed::Total),
        }
    }
}

/// Checks all of `bytes`; answers the number of elements.
pub(super) fn validate(bytes: &[u8]) -> Result<usize, Malformed> {
    let [t0, t1, t2, t3, c0, c1, entries @ .., end] = bytes else {
        return Err(Malformed::Short);
    };
    if u32::from_le_bytes([*t0, *t1, *t2, *t3]) as usize != bytes.len() {
        return Err(Malformed::Total);
    }
    if *end != END {
        return Err(Malformed::End);
    }
    let mut rest = entries;
    let mut found = 0;
    while !rest.is_empty() {
        let at = HEADER_BYTES + entries.len() - rest.len();
        let len = entry_len(rest).ok_or(Malformed::Entry { at })?;
        let backlen_len = backlen_bytes(len);
        let tail = rest.get(len..).ok_or(Malformed::Entry { at })?;
        let backlen = tail.get(..backlen_len).ok_or(Malformed::Entry { at })?;
        let mut wanted = [0u8; 5];
        let wanted = &mut wanted[..backlen_len];
        write_backlen(len, wanted);
        if backlen != wanted {
            return Err(Malformed::Backlen { at });
        }
        rest = &tail[backlen_len..];
        found += 1;
    }
    let claimed = u16::from_le_bytes([*c0, *c1]);
    if claimed != COUNT_UNKNOWN && usize::from(claimed) != found {
        return Err(Malformed::Count { claimed: usize::from(claimed), found });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::tests::of;
    use super::*;

    #[test]
    fn takes_what_it_wrote() {
        for lp in [Listpack::new(), of(&["a", "1", "-70000", ""])] {
            assert_eq!(Listpack::from_bytes_validated(lp.as_bytes()), Ok(lp));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |bytes: &[u8]| Listpack::from_bytes_validated(bytes).err();
        assert_eq!(check(b""), Some(Malformed::Short));
        assert_eq!(check(&[6, 0, 0, 0, 0, 0]), Some(Malformed::Short));
        assert_eq!(check(&[8, 0, 0, 0, 0, 0, 0xff]), Some(Malformed::Total));
        assert_eq!(check(&[7, 0, 0, 0, 0, 0, 0xfe]), Some(Malformed::End));
        assert_eq!(check(&[9, 0, 0, 0, 1, 0, 0xf5, 1, 0xff]), Some(Malformed::Entry { at: 6 }));
        assert_eq!(check(&[9, 0, 0, 0, 1, 0, 0x82, 1, 0xff]), Some(Malformed::Entry { at: 6 }));
        assert_eq!(check(&[8, 0, 0, 0, 1, 0, 0x05, 0xff]), Some(Malformed::Entry { at: 6 }));
        assert_eq!(check(&[9, 0, 0, 0, 1, 0, 0x05, 2, 0xff]), Some(Malformed::Backlen { at: 6 }));
        let count = Malformed::Count { claimed: 2, found: 1 };
        assert_eq!(check(&[9, 0, 0, 0, 2, 0, 0x05, 1, 0xff]), Some(count));
        // "Unknown" is a count that is never wrong.
        assert_eq!(check(&[9, 0, 0, 0, 0xff, 0xff, 0x05, 1, 0xff]), None);
        // A string of 4 GiB claimed in twelve bytes.
        let claim = [13, 0, 0, 0, 1, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 1, 0xff];
        assert_eq!(check(&claim), Some(Malformed::Entry { at: 6 }));
    }

    #[test]
    fn mutated_bytes_are_refused_or_harmless() {
        let mut rng = fastrand::Rng::with_seed(5);
        let long = "x".repeat(300);
        let source = of(&["field", "1", "-4097", &long, "9000000000", "", "65536", "last"]);
        let mut accepted = 0;
        for _ in 0..50_000 {
            let mut bytes = source.as_bytes().to_vec();
            for _ in 0..rng.usize(1..4) {
                let at = if rng.bool() { rng.usize(4..bytes.len()) } else { rng.usize(4..20) };
                bytes[at] = rng.u8(..);
            }
            if rng.u8(..) < 30 {
                bytes.truncate(rng.usize(0..bytes.len()));
                let total = (bytes.len() as u32).to_le_bytes();
                let end = bytes.len().min(4);
                bytes[..end].copy_from_slice(&total[..end]);
            }
            let Ok(mut lp) = Listpack::from_bytes_validated(&bytes) else {
                continue;
            };
            accepted += 1;
            assert_eq!(lp.iter().count(), lp.iter().rev().count());
            assert_eq!(lp.iter().count(), lp.len());
            let _ = lp.first().and_then(|p| lp.find(b"last", p, 1));
            lp.push_front(b"x").unwrap();
            lp.delete_range_at(-2, 2);
            assert!(Listpack::from_bytes_validated(lp.as_bytes()).is_ok());
        }
        assert!(accepted > 1000, "{accepted}");
    }
}
