//! Ranges of scores and of members, as arguments spell them.
//!
//! ```text
//! score   1.5   (1.5   -inf   +inf        from or up to, `(` without the bound itself
//! lex     [abc  (abc   -      +           `-` before every member, `+` after every member
//! ```
//! A range is two predicates that are each true for a prefix of the sorted members: what comes before it, and what
//! does not come after it. So a value finds its ends by two searches, whatever the range looks like.

use crate::util::float::parse_bound;

/// A range of scores. Empty when `min` is above `max`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ScoreRange {
    pub min: f64,
    pub max: f64,
    /// `min` itself is left out.
    pub min_ex: bool,
    /// `max` itself is left out.
    pub max_ex: bool,
}

impl ScoreRange {
    /// Reads both bounds; `None` when one is no number.
    pub fn parse(min: &[u8], max: &[u8]) -> Option<ScoreRange> {
        let (min, min_ex) = score_bound(min)?;
        let (max, max_ex) = score_bound(max)?;
        Some(ScoreRange { min, max, min_ex, max_ex })
    }

    /// Whether `score` lies before the range.
    #[inline]
    pub fn is_before(&self, score: f64) -> bool {
        score < self.min || (self.min_ex && score == self.min)
    }

    /// Whether `score` lies in the range or before it.
    #[inline]
    pub fn reaches(&self, score: f64) -> bool {
        score < self.max || (!self.max_ex && score == self.max)
    }

    /// Whether `score` lies in the range.
    #[inline]
    pub fn contains(&self, score: f64) -> bool {
        !self.is_before(score) && self.reaches(score)
    }
}

fn score_bound(text: &[u8]) -> Option<(f64, bool)> {
    match text {
        [b'(', number @ ..] => Some((parse_bound(number)?, true)),
        number => Some((parse_bound(number)?, false)),
    }
}

/// One end of a [`LexRange`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Lowest,
    /// `+`: after every member.
    Highest,
    /// `[member`.
    Including(&'a [u8]),
    /// `(member`.
    Excluding(&'a [u8]),
}

impl<'a> LexBound<'a> {
    fn parse(text: &'a [u8]) -> Option<LexBound<'a>> {
        match text {
            b"-" => Some(LexBound::Lowest),
            b"+" => Some(LexBound::Highest),
            [b'[', member @ ..] => Some(LexBound::Including(member)),
            [b'(', member @ ..] => Some(LexBound::Excluding(member)),
            _ => None,
        }
    }
}

/// A range of members, compared byte by byte; it means something only where all scores are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LexRange<'a> {
    pub min: LexBound<'a>,
    pub max: LexBound<'a>,
}

impl<'a> LexRange<'a> {
    /// Reads both bounds; `None` when one has none of the four forms.
    pub fn parse(min: &'a [u8], max: &'a [u8]) -> Option<LexRange<'a>> {
        Some(LexRange { min: LexBound::parse(min)?, max: LexBound::parse(max)? })
    }

    /// Whether `member` lies before the range.
    pub fn is_before(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Including(min) => member < min,
            LexBound::Excluding(min) => member <= min,
        }
    }

    /// Whether `member` lies in the range or before it.
    pub fn reaches(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Including(max) => member <= max,
            LexBound::Excluding(max) => member < max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_bounds_are_read_as_upstream_does() {
        let range = ScoreRange::parse(b"(1.5", b"+inf").unwrap();
        assert_eq!((range.min, range.min_ex), (1.5, true));
        assert_eq!((range.max, range.max_ex), (f64::INFINITY, false));
        assert!(!range.contains(1.5) && range.contains(1.6) && range.contains(f64::INFINITY));
        assert_eq!(ScoreRange::parse(b"(-inf", b"(3").unwrap().min, f64::NEG_INFINITY);
        for bad in [&b"x"[..], b"nan", b"[1", b"((1", b"1x", b"(nan"] {
            assert_eq!(ScoreRange::parse(bad, b"1"), None);
            assert_eq!(ScoreRange::parse(b"1", bad), None);
        }
    }

    #[test]
    fn lex_bounds_have_four_forms() {
        let range = LexRange::parse(b"[b", b"(d").unwrap();
        assert!(range.is_before(b"a") && !range.is_before(b"b"));
        assert!(range.reaches(b"cz") && !range.reaches(b"d"));
        let all = LexRange::parse(b"-", b"+").unwrap();
        assert!(!all.is_before(b"") && all.reaches(b"\xff\xff"));
        assert_eq!(LexRange::parse(b"[", b"(").unwrap().min, LexBound::Including(b""));
        for bad in [&b""[..], b"a", b"-x", b"+ ", b"1"] {
            assert_eq!(LexRange::parse(bad, b"+"), None);
            assert_eq!(LexRange::parse(b"-", bad), None);
        }
    }
}
