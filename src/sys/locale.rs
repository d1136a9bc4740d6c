//! The order of texts under the locale that `locale-collate` names.
//!
//! The locale is the process's; changing it while another thread compares is not possible here, since both functions hold
//! the same lock.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::sync::{PoisonError, RwLock};

/// Held for reading while texts are compared, for writing while the locale changes.
static COLLATION: RwLock<()> = RwLock::new(());

/// Orders texts by this locale from now on, an empty name meaning the environment's; false when the system does not have it.
pub fn set_collation(name: &[u8]) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    let _alone = COLLATION.write().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a C string; the lock keeps `compare` out meanwhile, and nothing else in the process depends on LC_COLLATE.
    unsafe { !libc::setlocale(libc::LC_COLLATE, name.as_ptr()).is_null() }
}

/// Compares as the locale does, each text up to its first zero byte.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        [&bytes[..end], &[0]].concat()
    };
    let (a, b) = (text(a), text(b));
    let (Ok(a), Ok(b)) = (CStr::from_bytes_with_nul(&a), CStr::from_bytes_with_nul(&b)) else { return Ordering::Equal };
    let _shared = COLLATION.read().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: two C strings; the lock keeps the locale as it is.
    unsafe { libc::strcoll(a.as_ptr(), b.as_ptr()) }.cmp(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_locale_orders_bytes() {
        assert!(!set_collation(b"xx_YY") && !set_collation(b"a\0b"));
        assert!(set_collation(b"C"));
        let words: [&[u8]; 6] = [b"", b"A", b"B", b"a", b"ab", b"\xc3\xa4"];
        for (i, a) in words.iter().enumerate() {
            for (j, b) in words.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert_eq!(compare(b"a\0b", b"a\0c"), Ordering::Equal);
    }
}
