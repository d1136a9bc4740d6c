//! Sorted sets.
//!
//! | file | commands |
//! |---|---|
//! | `add` | ZADD ZINCRBY |
//! | `remove` | ZREM ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREMRANGEBYLEX |
//! | `look` | ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZCOUNT ZLEXCOUNT |
//! | `range` | ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZRANGESTORE |
//! | `query` | what those parse, and the ranks it comes to |
//! | `pop` | ZPOPMIN ZPOPMAX ZMPOP BZPOPMIN BZPOPMAX BZMPOP |
//! | `random` | ZRANDMEMBER ZSCAN |
//! | `combine` | ZUNION ZINTER ZDIFF ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZINTERCARD |
//! | `operands` | their inputs, which may be sets too, and the arithmetic of scores |

pub mod add;
pub mod combine;
pub mod look;
mod operands;
pub mod pop;
mod query;
pub mod random;
pub mod range;
pub mod remove;

use std::ops::Range;

use crate::commands::elems::bulk;
use crate::dispatch::CmdError;
use crate::dispatch::command::Command;
use crate::encoding::listpack::Elem;
use crate::keyspace::Env;
use crate::resp::Reply;
use crate::types::Zset;
use crate::types::zset::Limits;

pub static COMMANDS: &[&Command] = &[
    &add::ZADD,
    &add::ZINCRBY,
    &remove::ZREM,
    &remove::ZREMRANGEBYRANK,
    &remove::ZREMRANGEBYSCORE,
    &remove::ZREMRANGEBYLEX,
    &look::ZCARD,
    &look::ZSCORE,
    &look::ZMSCORE,
    &look::ZRANK,
    &look::ZREVRANK,
    &look::ZCOUNT,
    &look::ZLEXCOUNT,
    &range::ZRANGE,
    &range::ZREVRANGE,
    &range::ZRANGEBYSCORE,
    &range::ZREVRANGEBYSCORE,
    &range::ZRANGEBYLEX,
    &range::ZREVRANGEBYLEX,
    &range::ZRANGESTORE,
    &pop::ZPOPMIN,
    &pop::ZPOPMAX,
    &pop::ZMPOP,
    &pop::BZPOPMIN,
    &pop::BZPOPMAX,
    &pop::BZMPOP,
    &random::ZRANDMEMBER,
    &random::ZSCAN,
    &combine::ZUNION,
    &combine::ZINTER,
    &combine::ZDIFF,
    &combine::ZUNIONSTORE,
    &combine::ZINTERSTORE,
    &combine::ZDIFFSTORE,
    &combine::ZINTERCARD,
];

const NOT_A_SCORE_RANGE: CmdError = CmdError::text("ERR min or max is not a float");
const NOT_A_LEX_RANGE: CmdError = CmdError::text("ERR min or max not valid string range item");

/// The configured limits of the packed encoding.
#[inline]
pub fn limits(env: &Env) -> Limits {
    Limits {
        max_entries: env.config.zset_max_listpack_entries as usize,
        max_value_bytes: env.config.zset_max_listpack_value_bytes as usize,
    }
}

/// The ranks that `start` and `stop` (inclusive, negative ones counted from the end) mean in a set of `len` members.
fn ranks_between(start: i64, stop: i64, len: usize) -> Range<usize> {
    let signed_len = len as i64;
    let from = if start < 0 { start.saturating_add(signed_len).max(0) } else { start.min(signed_len) };
    let last = if stop < 0 { stop.saturating_add(signed_len) } else { stop.min(signed_len - 1) };
    from as usize..(last + 1).max(from) as usize
}

/// Writes a member and its score: a pair of its own in RESP3.
#[inline]
fn pair(reply: &mut Reply, (member, score): (Elem<'_>, f64)) {
    if reply.resp3 {
        reply.array(2);
    }
    bulk(reply, member);
    reply.double(score);
}

/// Writes the header of `len` pairs, each to be written by [`pair`].
fn pairs_header(reply: &mut Reply, len: usize) {
    reply.array(if reply.resp3 { len } else { len * 2 });
}

/// Writes all of `members`, with their scores or without.
#[inline]
fn write_members<'a>(reply: &mut Reply, members: impl ExactSizeIterator<Item = (Elem<'a>, f64)>, with_scores: bool) {
    if with_scores {
        pairs_header(reply, members.len());
        members.for_each(|member| pair(reply, member));
    } else {
        reply.array(members.len());
        members.for_each(|(member, _)| bulk(reply, member));
    }
}

/// Writes the members of these ranks, from the last to the first when `reverse`.
fn write_ranks(reply: &mut Reply, zset: &Zset, ranks: Range<usize>, reverse: bool, with_scores: bool) {
    let members = zset.range(ranks);
    if reverse {
        write_members(reply, members.rev(), with_scores);
    } else {
        write_members(reply, members, with_scores);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_from_either_end() {
        assert_eq!(ranks_between(0, -1, 5), 0..5);
        assert_eq!(ranks_between(1, 2, 5), 1..3);
        assert_eq!(ranks_between(-2, -1, 5), 3..5);
        assert_eq!(ranks_between(-9, 9, 5), 0..5);
        assert!(ranks_between(3, 1, 5).is_empty());
        assert!(ranks_between(5, 9, 5).is_empty());
        assert!(ranks_between(0, -9, 5).is_empty());
        assert!(ranks_between(i64::MIN, i64::MIN, 5).is_empty());
        assert_eq!(ranks_between(i64::MIN, i64::MAX, 5), 0..5);
        assert!(ranks_between(i64::MAX, i64::MAX, 5).is_empty());
    }
}
