//! The words behind SORT's key.

use super::pattern::{Get, Pattern};
use crate::dispatch::CmdError;
use crate::resp::Args;
use crate::util::crc16::key_slot;
use crate::util::number;

/// What elements are sorted by.
#[derive(Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// Themselves.
    Element,
    /// What the pattern leads to.
    Pattern(Pattern<'a>),
    /// Nothing: a BY without a star is the same for all of them.
    Nothing,
}

/// The options of SORT and SORT_RO.
#[derive(Debug)]
pub struct Options<'a> {
    pub by: By<'a>,
    /// Offset and count of LIMIT; a negative count: all.
    pub limit: (i64, i64),
    /// What is returned for each element; nothing: the element.
    pub gets: Vec<Get<'a>>,
    pub descending: bool,
    /// By bytes, not by number.
    pub alpha: bool,
    pub store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Parses a request. In a cluster, patterns must stay in the slot of the key that is sorted.
    ///
    /// # Errors
    /// A syntax error, a LIMIT that is no number, a pattern that may leave the slot.
    pub fn parse(args: Args<'a>, read_only: bool, in_cluster: bool) -> Result<Options<'a>, CmdError> {
        let mut options =
            Options { by: By::Element, limit: (0, -1), gets: Vec::new(), descending: false, alpha: false, store: None };
        let leaves_slot = |pattern: &Option<Pattern<'_>>, word: &[u8]| {
            in_cluster && pattern.is_some() && pattern_slot(word) != Some(key_slot(args.at(1)))
        };
        let mut at = 2;
        while at < args.len() {
            let word = |offset| args.get(at + offset);
            if args.is(at, "ASC") {
                options.descending = false;
            } else if args.is(at, "DESC") {
                options.descending = true;
            } else if args.is(at, "ALPHA") {
                options.alpha = true;
            } else if args.is(at, "LIMIT")
                && let (Some(offset), Some(count)) = (word(1), word(2))
            {
                let number = |word| number::parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER);
                options.limit = (number(offset)?, number(count)?);
                at += 2;
            } else if args.is(at, "STORE")
                && !read_only
                && let Some(key) = word(1)
            {
                options.store = Some(key);
                at += 1;
            } else if args.is(at, "BY")
                && let Some(word) = word(1)
            {
                let pattern = Pattern::parse(word);
                if leaves_slot(&pattern, word) {
                    return Err(denied("BY"));
                }
                // Once it is said not to sort, no later pattern changes that.
                options.by = match pattern {
                    Some(pattern) if options.by != By::Nothing => By::Pattern(pattern),
                    _ => By::Nothing,
                };
                at += 1;
            } else if args.is(at, "GET")
                && let Some(word) = word(1)
            {
                let get = Get::parse(word);
                if leaves_slot(&Pattern::parse(word), word) {
                    return Err(denied("GET"));
                }
                options.gets.push(get);
                at += 1;
            } else {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }

    /// The places that LIMIT leaves of `len`: start and end.
    pub fn places(&self, len: usize) -> (usize, usize) {
        let clip = |n: i64| usize::try_from(n).unwrap_or(0).min(len);
        let start = clip(self.limit.0);
        let end = if self.limit.1 < 0 { len } else { (start + clip(self.limit.1)).min(len) };
        (start, end)
    }
}

fn denied(option: &str) -> CmdError {
    CmdError::err(format!(
        "{option} option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots."
    ))
}

/// The slot of every key that the pattern can form, if it is the same: when a hash tag comes before anything that varies.
fn pattern_slot(pattern: &[u8]) -> Option<u16> {
    let varies = pattern.iter().position(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'));
    let fixed = &pattern[..varies.unwrap_or(pattern.len())];
    let open = fixed.iter().position(|&byte| byte == b'{')?;
    let close = fixed[open..].iter().position(|&byte| byte == b'}')?;
    (close > 1).then(|| key_slot(fixed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    fn check<R>(line: &str, in_cluster: bool, look: impl FnOnce(Result<Options<'_>, CmdError>) -> R) -> R {
        let args: OwnedArgs = line.split(' ').collect();
        let read_only = args.view().is(0, "SORT_RO");
        look(Options::parse(args.view(), read_only, in_cluster))
    }

    #[test]
    fn the_last_word_counts_but_every_get_does() {
        check("SORT k BY w_* BY x BY w_*", false, |options| assert_eq!(options.unwrap().by, By::Nothing));
        check("SORT k BY x* GET # get a* LIMIT 1 2 DESC asc STORE a LIMIT -3 4 STORE b ALPHA DESC BY w_*", false, |options| {
            let options = options.unwrap();
            assert!(matches!(options.by, By::Pattern(_)));
            assert_eq!((options.gets.len(), options.limit, options.store), (2, (-3, 4), Some(&b"b"[..])));
            assert!(options.descending && options.alpha);
        });
        check("SORT k BY x", false, |options| assert_eq!(options.unwrap().by, By::Nothing));
    }

    #[test]
    fn what_is_no_option() {
        for line in ["SORT k LIMIT 1", "SORT k STORE", "SORT k BY", "SORT k GET", "SORT k FOO", "SORT_RO k STORE b"] {
            check(line, false, |options| assert_eq!(options.unwrap_err(), CmdError::SYNTAX, "{line}"));
        }
        for line in ["SORT k LIMIT a 1", "SORT k LIMIT 1 99999999999999999999"] {
            check(line, false, |options| assert_eq!(options.unwrap_err(), CmdError::NOT_AN_INTEGER));
        }
    }

    #[test]
    fn limits_are_clipped() {
        for (line, places) in [
            ("SORT k", (0, 10)),
            ("SORT k LIMIT 2 3", (2, 5)),
            ("SORT k LIMIT -2 3", (0, 3)),
            ("SORT k LIMIT 8 30", (8, 10)),
            ("SORT k LIMIT 8 -30", (8, 10)),
            ("SORT k LIMIT 5 0", (5, 5)),
            ("SORT k LIMIT 10 1", (10, 10)),
            ("SORT k LIMIT 9223372036854775807 9223372036854775807", (10, 10)),
            ("SORT k LIMIT -9223372036854775808 -9223372036854775808", (0, 10)),
        ] {
            check(line, false, |options| assert_eq!(options.unwrap().places(10), places, "{line}"));
        }
    }

    #[test]
    fn in_a_cluster_patterns_stay_in_the_slot() {
        for line in ["SORT {a}k BY by*", "SORT {a}k BY {a}* GET g*", "SORT {a}k BY {b}*", "SORT {a}k BY *{a}"] {
            check(line, true, |options| {
                let error = options.unwrap_err();
                assert!(String::from_utf8_lossy(&error.0).contains("option of SORT denied in Cluster mode"));
            });
            check(line, false, |options| assert!(options.is_ok()));
        }
        check("SORT {a}k BY {a}by* GET {a}* GET # STORE {a}d", true, |options| assert!(options.is_ok()));
        check("SORT {a}k BY nosort GET const", true, |options| assert!(options.is_ok()));
    }
}
