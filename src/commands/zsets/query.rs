//! What ZRANGE and its relatives ask for, and which ranks of a set that comes to.
//!
//! ```text
//! ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
//! ```
//! The older commands are the same with some of it fixed. By score or by name, a reversed range is given from its upper
//! end to its lower one.

use std::ops::Range;

use super::{NOT_A_LEX_RANGE, NOT_A_SCORE_RANGE, ranks_between};
use crate::dispatch::CmdError;
use crate::resp::Args;
use crate::types::Zset;
use crate::types::zset::{LexRange, ScoreRange};
use crate::util::number::parse_i64;

/// What a range's ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's syntax leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    /// Fixed, or up to BYSCORE and BYLEX.
    pub by: Option<By>,
    /// Fixed, or up to REV.
    pub reverse: Option<bool>,
    /// Whether WITHSCORES is an option.
    pub with_scores: bool,
}

enum Ends<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

/// A range, parsed.
pub struct Query<'a> {
    ends: Ends<'a>,
    /// From the upper end to the lower.
    pub reverse: bool,
    pub with_scores: bool,
    offset: i64,
    /// Negative: all.
    count: i64,
}

impl<'a> Query<'a> {
    /// Parses the range's ends, which come first in `args`, and the options behind them.
    ///
    /// # Errors
    /// Options that are unknown or do not go together, ends that are not of their kind.
    pub fn parse(args: Args<'a>, syntax: Syntax) -> Result<Query<'a>, CmdError> {
        let Syntax { mut by, mut reverse, .. } = syntax;
        let mut with_scores = false;
        let (mut offset, mut count) = (0, -1);
        let mut at = 2;
        while at < args.len() {
            if syntax.with_scores && args.is(at, "WITHSCORES") {
                with_scores = true;
            } else if args.is(at, "LIMIT")
                && let (Some(first), Some(second)) = (args.get(at + 1), args.get(at + 2))
            {
                offset = parse_i64(first).ok_or(CmdError::NOT_AN_INTEGER)?;
                count = parse_i64(second).ok_or(CmdError::NOT_AN_INTEGER)?;
                at += 2;
            } else if reverse.is_none() && args.is(at, "REV") {
                reverse = Some(true);
            } else if by.is_none() && args.is(at, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if count != -1 && by == By::Rank {
            return Err(CmdError::text("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"));
        }
        if with_scores && by == By::Lex {
            return Err(CmdError::text("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (first, second) = (args.at(0), args.at(1));
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let ends = match by {
            By::Rank => {
                Ends::Ranks(parse_i64(first).ok_or(CmdError::NOT_AN_INTEGER)?, parse_i64(second).ok_or(CmdError::NOT_AN_INTEGER)?)
            }
            By::Score => Ends::Scores(ScoreRange::parse(min, max).ok_or(NOT_A_SCORE_RANGE)?),
            By::Lex => Ends::Members(LexRange::parse(min, max).ok_or(NOT_A_LEX_RANGE)?),
        };
        Ok(Query { ends, reverse, with_scores, offset, count })
    }

    /// Whether the range is one of ranks.
    pub fn is_by_rank(&self) -> bool {
        matches!(self.ends, Ends::Ranks(..))
    }

    /// The ranks asked for in this set, counted from the lowest score whatever the direction.
    pub fn ranks(&self, zset: &Zset) -> Range<usize> {
        let ranks = match &self.ends {
            &Ends::Ranks(start, stop) => {
                let len = zset.len();
                let ranks = ranks_between(start, stop, len);
                return if self.reverse { len - ranks.end..len - ranks.start } else { ranks };
            }
            Ends::Scores(range) => zset.score_ranks(range),
            Ends::Members(range) => zset.lex_ranks(range),
        };
        let skipped = match usize::try_from(self.offset) {
            Ok(offset) => offset.min(ranks.len()),
            // An oddity of upstream's: in the large encoding a negative offset counts from the far end.
            Err(_) if zset.as_listpack().is_some() => ranks.len(),
            Err(_) => {
                let from_end = usize::try_from(self.offset.unsigned_abs()).unwrap_or(usize::MAX);
                ranks.len().checked_sub(from_end).unwrap_or(ranks.len())
            }
        };
        let left = ranks.len() - skipped;
        let taken = usize::try_from(self.count).map_or(left, |count| count.min(left));
        if self.reverse {
            let end = ranks.end - skipped;
            end - taken..end
        } else {
            let start = ranks.start + skipped;
            start..start + taken
        }
    }
}
