//! The order of texts under the locale that `locale-collate` names.
//!
//! The locale is the process's; changing it while another thread asks for its order is not possible here, since both
//! functions hold the same lock.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::sync::{PoisonError, RwLock};

/// Whether the locale orders texts as their bytes. Held for reading while texts are looked at, for writing while the locale
/// changes. A process begins in the plain locale.
static PLAIN: RwLock<bool> = RwLock::new(true);

/// Orders texts by this locale from now on, an empty name meaning the environment's; false when the system does not have it.
pub fn set_collation(name: &[u8]) -> bool {
    let Ok(name) = CString::new(name) else { return false };
    let mut plain = PLAIN.write().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: a C string; the lock keeps `sort_key` out meanwhile, and nothing else in the process depends on LC_COLLATE.
    let now = unsafe { libc::setlocale(libc::LC_COLLATE, name.as_ptr()) };
    if now.is_null() {
        return false;
    }
    // SAFETY: the name that setlocale returns is a C string, and stays until its next call, which the lock keeps out.
    let now = unsafe { CStr::from_ptr(now) };
    *plain = [&b"C"[..], b"POSIX", b"C.UTF-8", b"C.utf8"].contains(&now.to_bytes());
    true
}

/// Whether the locale orders texts as their bytes, so that they need no keys to be sorted by.
pub fn is_plain() -> bool {
    *PLAIN.read().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that are in the order of the texts they are made of, each up to its first zero byte.
pub fn sort_key(text: &[u8]) -> Vec<u8> {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let text = [&text[..end], &[0]].concat();
    let _as_it_is = PLAIN.read().unwrap_or_else(PoisonError::into_inner);
    let mut key = vec![0; 2 * text.len() + 16];
    loop {
        // SAFETY: `text` is a C string, `key` has room for as many bytes as are said, and the lock keeps the locale as it is.
        let len = unsafe { libc::strxfrm(key.as_mut_ptr().cast(), text.as_ptr().cast(), key.len()) };
        if len < key.len() {
            key.truncate(len);
            return key;
        }
        key.resize(len + 1, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_locale_orders_bytes() {
        assert!(!set_collation(b"xx_YY") && !set_collation(b"a\0b"));
        assert!(set_collation(b"C") && is_plain());
        let words: [&[u8]; 6] = [b"", b"A", b"B", b"a", b"ab", b"\xc3\xa4"];
        for (i, a) in words.iter().enumerate() {
            for (j, b) in words.iter().enumerate() {
                assert_eq!(sort_key(a).cmp(&sort_key(b)), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert_eq!(sort_key(b"a\0b"), sort_key(b"a\0c"));
        assert_eq!(sort_key(&[b'x'; 1000]).len(), 1000);
    }
}
