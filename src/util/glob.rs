//! Glob patterns as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL rules understand them.
//!
//! ```text
//! *        any run of bytes            [abc]  [a-z]  one byte of the class; ranges may be written backwards
//! ?        any one byte                [^a-z]        one byte that is not of the class
//! \x       the byte x                  [\x]          x itself, also `]`, `^` and `-`
//! ```
//!
//! Odd patterns have meanings too: `[]` matches nothing, `[^]` anything, a class left open ends with the
//! pattern, a last lone `\` is itself, and the empty text is matched by the empty pattern only (not even
//! by `*`; commands treat that pattern apart).
//!
//! A pattern comes from a client, so there is no recursion: only the last `*` is ever retried (an earlier one could
//! only give a longer prefix to skip), which bounds the work by pattern length times text length.

use memchr::memchr;

/// Whether letters of both cases are the same. Bytes above 127 always count as themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Insensitive,
}

/// Whether the whole of `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    match case {
        Case::Sensitive => run::<false>(pattern, text),
        Case::Insensitive => run::<true>(pattern, text),
    }
}

/// Whether `pattern` has any byte with a meaning of its own, so that it may match more than one text.
pub fn is_pattern(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

/// Runs of stars that may be tried on one text; beyond, upstream gives up too, and says no.
const STARS_MAX: usize = 1000;

fn run<const FOLD: bool>(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut pos) = (0, 0);
    // Where to resume after a mismatch: the pattern behind the last star, and the text it was tried at.
    let mut star: Option<(usize, usize)> = None;
    let mut stars = 0;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            while pattern.get(at) == Some(&b'*') {
                at += 1;
            }
            if at == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            let Some(start) = candidate::<FOLD>(pattern[at], text, pos) else {
                return false;
            };
            pos = start;
            star = Some((at, start));
            continue;
        }
        let step = match text.get(pos) {
            None if at == pattern.len() => return true,
            // A longer match of the star leaves even less text for the rest of the pattern.
            None => return false,
            Some(&byte) => one::<FOLD>(pattern, at, byte),
        };
        match (step, star) {
            (Some(next), _) => {
                at = next;
                pos += 1;
            }
            (None, Some((resume, tried))) => {
                let Some(start) = candidate::<FOLD>(pattern[resume], text, tried + 1) else {
                    return false;
                };
                star = Some((resume, start));
                at = resume;
                pos = start;
            }
            (None, None) => return false,
        }
    }
}

/// The first position from `from` on where a pattern that starts with `lead` could match.
fn candidate<const FOLD: bool>(lead: u8, text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
    match lead {
        b'?' | b'[' | b'\\' => Some(from),
        _ if FOLD => rest.iter().position(|byte| byte.eq_ignore_ascii_case(&lead)).map(|skip| from + skip),
        _ => memchr(lead, rest).map(|skip| from + skip),
    }
}

/// Matches `byte` against the element of the pattern at `at` (never a star): where the next one starts, or `None`.
#[inline]
fn one<const FOLD: bool>(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    let (literal, next) = match *pattern.get(at)? {
        b'?' => return Some(at + 1),
        b'[' => {
            let (hit, next) = class::<FOLD>(pattern, at + 1, byte);
            return hit.then_some(next);
        }
        b'\\' if at + 1 < pattern.len() => (pattern[at + 1], at + 2),
        literal => (literal, at + 1),
    };
    same::<FOLD>(literal, byte).then_some(next)
}

/// Whether `byte` belongs to the class whose text starts at `at`, and where the pattern goes on.
fn class<const FOLD: bool>(pattern: &[u8], at: usize, byte: u8) -> (bool, usize) {
    let negated = pattern.get(at) == Some(&b'^');
    let mut at = at + usize::from(negated);
    let mut hit = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            // An escaped byte is compared as it is, in both cases of `Case`.
            [b'\\', escaped, ..] => {
                hit |= escaped == byte;
                at += 2;
            }
            [first, b'-', last, ..] => {
                let (low, high) = (first.min(last), first.max(last));
                hit |= (fold::<FOLD>(low)..=fold::<FOLD>(high)).contains(&fold::<FOLD>(byte));
                at += 3;
            }
            [single, ..] => {
                hit |= same::<FOLD>(single, byte);
                at += 1;
            }
        }
    }
    (hit != negated, at)
}

#[inline]
fn fold<const FOLD: bool>(byte: u8) -> u8 {
    if FOLD { byte.to_ascii_lowercase() } else { byte }
}

#[inline]
fn same<const FOLD: bool>(a: u8, b: u8) -> bool {
    fold::<FOLD>(a) == fold::<FOLD>(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn yes(pattern: &str, texts: &[&str]) {
        for text in texts {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern:?} must match {text:?}");
        }
    }

    fn no(pattern: &str, texts: &[&str]) {
        for text in texts {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern:?} must not match {text:?}");
        }
    }

    #[test]
    fn ordinary_patterns() {
        yes("h?llo", &["hello", "hallo", "hxllo"]);
        no("h?llo", &["hllo", "heello", "hell"]);
        yes("h*llo", &["hllo", "heeeello", "hlllo"]);
        no("h*llo", &["hlloo", "ello"]);
        yes("h[ae]llo", &["hello", "hallo"]);
        no("h[ae]llo", &["hillo"]);
        yes("h[^e]llo", &["hallo", "hbllo"]);
        no("h[^e]llo", &["hello"]);
        yes("h[a-b]llo", &["hallo", "hbllo"]);
        yes("a\\*b", &["a*b"]);
        no("a\\*b", &["axb"]);
        yes("*a*b*c*", &["abc", "xaybzc", "aabbcc"]);
        no("*a*b*c*", &["acb", "cba"]);
        yes("abc", &["abc"]);
        no("abc", &["ab", "abcd"]);
    }

    /// What a genuine 8.0.6 answers to KEYS.
    #[test]
    fn odd_patterns() {
        yes("", &[""]);
        no("", &["a"]);
        for stars in ["*", "**", "***"] {
            yes(stars, &["a", "ab"]);
            no(stars, &[""]);
        }
        yes("*?", &["a"]);
        yes("a**", &["a", "ab"]);
        no("[]", &["a", "]", "["]);
        yes("[^]", &["a", "]", "^"]);
        no("[", &["[", "a"]);
        yes("[^", &["a", "["]);
        yes("[a", &["a"]);
        no("[a", &["b", "ab", "[a"]);
        yes("\\", &["\\"]);
        no("\\", &["a"]);
        yes("a\\", &["a\\"]);
        yes("\\a", &["a"]);
        yes("[z-a]", &["a", "m", "z"]);
        yes("[a-]", &["]", "^", "a"]);
        no("[a-]", &["-", "b"]);
        yes("[a-", &["a", "-"]);
        yes("[\\]]", &["]"]);
        yes("[\\^a]", &["^", "a"]);
        yes("[\\", &["\\"]);
        yes("[--a]", &["-", "a", "]"]);
        yes("[]a]", &[]);
        no("[]a]", &["a", "aa]", "]a]"]);
    }

    #[test]
    fn case_folding() {
        let fold = |pattern: &[u8], text: &[u8]| matches(pattern, text, Case::Insensitive);
        assert!(fold(b"MAX*", b"maxmemory"));
        assert!(fold(b"\\GET", b"get"));
        assert!(fold(b"[G]ET", b"get"));
        assert!(!fold(b"[\\G]ET", b"get"));
        assert!(fold(b"[A-J]eT", b"get"));
        assert!(!fold(b"[Z-_]eT", b"get"));
        assert!(!fold(b"[a-_]eT", b"get"));
        assert!(fold(b"*ORY", b"maxMEMory"));
        assert!(!fold("É".as_bytes(), "é".as_bytes()));
    }

    #[test]
    fn hostile_patterns_end() {
        let text = vec![b'a'; 1 << 20];
        let mut pattern = b"*a".repeat(1000);
        assert!(matches(&pattern, &text, Case::Sensitive));
        pattern.extend_from_slice(b"*a");
        assert!(!matches(&pattern, &text, Case::Sensitive));
        assert!(!matches(&b"*a".repeat(50), &text[..49], Case::Insensitive));
        let mut open = b"*[".to_vec();
        open.extend_from_slice(&[b'a'; 1000]);
        assert!(matches(&open, &text[..1000], Case::Sensitive));
    }

    #[test]
    fn tells_patterns_from_names() {
        assert!(!is_pattern(b"maxmemory"));
        assert!(is_pattern(b"max*") && is_pattern(b"a?") && is_pattern(b"[a]") && is_pattern(b"\\a"));
    }

    /// The definition by recursion, exponential but plain.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.first(), text.first()) {
            (None, _) => text.is_empty(),
            (Some(b'*'), None) => model(&pattern[1..], text),
            (Some(b'*'), Some(_)) => model(&pattern[1..], text) || model(pattern, &text[1..]),
            (Some(_), None) => false,
            (Some(_), Some(&byte)) => one::<false>(pattern, 0, byte).is_some_and(|next| model(&pattern[next..], &text[1..])),
        }
    }

    proptest! {
        #[test]
        fn retrying_one_star_is_enough(pattern in "[ab*?\\[\\]^\\\\-]{0,9}", text in "[ab\\]^-]{1,7}") {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text, Case::Sensitive), model(pattern, text));
        }

        #[test]
        fn no_bytes_panic(pattern: Vec<u8>, text: Vec<u8>) {
            matches(&pattern, &text, Case::Sensitive);
            matches(&pattern, &text, Case::Insensitive);
        }
    }
}
