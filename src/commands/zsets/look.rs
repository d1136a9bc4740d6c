//! What a sorted set knows of its members: ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZCOUNT ZLEXCOUNT.

use std::ops::Range;

use super::{NOT_A_LEX_RANGE, NOT_A_SCORE_RANGE};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::zset::{LexRange, ScoreRange};

pub static ZCARD: Command = Command::data("ZCARD", zcard)
    .summary("Counts the members of a sorted set.")
    .since("1.2.0")
    .complexity("O(1)")
    .group(Group::SortedSet)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0)]);

fn zcard(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.count(db.get::<Zset>(args.at(1))?.map_or(0, Zset::len));
    Ok(Flow::Done)
}

pub static ZSCORE: Command = Command::data("ZSCORE", zscore)
    .summary("Returns the score of a member of a sorted set.")
    .since("1.2.0")
    .complexity("O(1)")
    .group(Group::SortedSet)
    .arity(3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("member")]);

fn zscore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let zset = db.get::<Zset>(args.at(1))?;
    write_score(reply, zset.and_then(|zset| zset.score(args.at(2))));
    Ok(Flow::Done)
}

#[inline]
fn write_score(reply: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

pub static ZMSCORE: Command = Command::data("ZMSCORE", zmscore)
    .summary("Returns the scores of several members of a sorted set.")
    .since("6.2.0")
    .complexity("O(N) for N members asked for.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("member").multiple()]);

fn zmscore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let zset = db.get::<Zset>(args.at(1))?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members.iter() {
        write_score(reply, zset.and_then(|zset| zset.score(member)));
    }
    Ok(Flow::Done)
}

pub static ZRANK: Command = Command::data("ZRANK", zrank)
    .summary("Returns the rank of a member of a sorted set, counted from the lowest score.")
    .since("2.0.0")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("member"), token("withscore", "WITHSCORE").optional()])
    .history(&[("7.2.0", "The option `WITHSCORE`.")]);

fn zrank(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    write_rank(db, args, reply, "zrank", false)
}

pub static ZREVRANK: Command = Command::data("ZREVRANK", zrevrank)
    .summary("Returns the rank of a member of a sorted set, counted from the highest score.")
    .since("2.0.0")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("member"), token("withscore", "WITHSCORE").optional()])
    .history(&[("7.2.0", "The option `WITHSCORE`.")]);

fn zrevrank(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    write_rank(db, args, reply, "zrevrank", true)
}

fn write_rank(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, command: &str, reverse: bool) -> CmdResult {
    if args.len() > 4 {
        return Err(CmdError::arity(command));
    }
    let with_score = args.len() == 4;
    if with_score && !args.is(3, "WITHSCORE") {
        return Err(CmdError::SYNTAX);
    }
    let zset = db.get::<Zset>(args.at(1))?;
    match zset.and_then(|zset| zset.rank(args.at(2), reverse)) {
        Some((rank, score)) if with_score => {
            reply.array(2);
            reply.count(rank);
            reply.double(score);
        }
        Some((rank, _)) => reply.count(rank),
        None if with_score => reply.null_array(),
        None => reply.null(),
    }
    Ok(Flow::Done)
}

pub static ZCOUNT: Command = Command::data("ZCOUNT", zcount)
    .summary("Counts the members of a sorted set whose scores lie in a range.")
    .since("2.0.0")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(4)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), double("min"), double("max")]);

fn zcount(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let range = ScoreRange::parse(args.at(2), args.at(3)).ok_or(NOT_A_SCORE_RANGE)?;
    count_ranks(db, args.at(1), reply, |zset| zset.score_ranks(&range))
}

pub static ZLEXCOUNT: Command = Command::data("ZLEXCOUNT", zlexcount)
    .summary("Counts the members of a sorted set, all with the same score, that lie in a range by name.")
    .since("2.8.9")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(4)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("min"), string("max")]);

fn zlexcount(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let range = LexRange::parse(args.at(2), args.at(3)).ok_or(NOT_A_LEX_RANGE)?;
    count_ranks(db, args.at(1), reply, |zset| zset.lex_ranks(&range))
}

fn count_ranks(db: &mut Db<'_>, key: &[u8], reply: &mut Reply, ranks: impl FnOnce(&Zset) -> Range<usize>) -> CmdResult {
    reply.count(db.get::<Zset>(key)?.map_or(0, |zset| ranks(zset).len()));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn scores() {
        let mut s = Session::new();
        s.run("ZADD z 1.5 a inf b");
        assert_eq!(s.run("ZSCORE z a"), "$3\r\n1.5\r\n");
        assert_eq!(s.run("ZSCORE z x"), "$-1\r\n");
        assert_eq!(s.run("ZSCORE none x"), "$-1\r\n");
        assert_eq!(s.run("ZMSCORE z a x b"), "*3\r\n$3\r\n1.5\r\n$-1\r\n$3\r\ninf\r\n");
        assert_eq!(s.run("ZMSCORE none x"), "*1\r\n$-1\r\n");
        assert_eq!(s.run("ZCARD z"), ":2\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("ZMSCORE z a x b"), "*3\r\n,1.5\r\n_\r\n,inf\r\n");
        s.run("SET str x");
        for line in ["ZSCORE str a", "ZMSCORE str a", "ZCARD str", "ZRANK str a", "ZCOUNT str 1 2", "ZLEXCOUNT str - +"] {
            assert!(s.run(line).starts_with("-WRONGTYPE"), "{line}");
        }
    }

    #[test]
    fn ranks() {
        let mut s = Session::new();
        s.run("ZADD z 1 a 2 b 3 c");
        assert_eq!(s.run("ZRANK z a"), ":0\r\n");
        assert_eq!(s.run("ZREVRANK z a"), ":2\r\n");
        assert_eq!(s.run("ZRANK z b withscore"), "*2\r\n:1\r\n$1\r\n2\r\n");
        assert_eq!(s.run("ZRANK z x"), "$-1\r\n");
        assert_eq!(s.run("ZRANK z x withscore"), "*-1\r\n");
        assert_eq!(s.run("ZREVRANK none x withscore"), "*-1\r\n");
        assert_eq!(s.run("ZRANK z a foo"), "-ERR syntax error\r\n");
        assert_eq!(s.run("ZREVRANK z a withscore x"), "-ERR wrong number of arguments for 'zrevrank' command\r\n");
    }

    #[test]
    fn counts() {
        let mut s = Session::new();
        s.run("ZADD z 1 a 1 b 2 c 3 d");
        assert_eq!(s.run("ZCOUNT z 1 2"), ":3\r\n");
        assert_eq!(s.run("ZCOUNT z (1 +inf"), ":2\r\n");
        assert_eq!(s.run("ZCOUNT z 3 1"), ":0\r\n");
        assert_eq!(s.run("ZCOUNT none 3 1"), ":0\r\n");
        assert_eq!(s.run("ZCOUNT z x 1"), "-ERR min or max is not a float\r\n");
        s.run("ZADD l 0 a 0 b 0 c");
        assert_eq!(s.run("ZLEXCOUNT l [b +"), ":2\r\n");
        assert_eq!(s.run("ZLEXCOUNT l b +"), "-ERR min or max not valid string range item\r\n");
    }
}
