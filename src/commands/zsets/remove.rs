//! ZREM, and the removal of whole ranges.

use std::ops::Range;

use super::{NOT_A_LEX_RANGE, NOT_A_SCORE_RANGE, ranks_between};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::zset::{LexRange, ScoreRange};
use crate::util::number::parse_i64;

pub static ZREM: Command = Command::data("ZREM", zrem)
    .summary("Removes members from a sorted set, and the set with its last member.")
    .since("1.2.0")
    .complexity("O(M*log(N)) for M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("member").multiple()])
    .history(&[("2.4.0", "Several members at once.")]);

fn zrem(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    let Some(mut zset) = db.get_mut::<Zset>(key)? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    let removed = args.from(2).iter().filter(|member| zset.remove(member).is_some()).count();
    let emptied = zset.is_empty();
    drop(zset);
    finish(db, key, "zrem", removed, emptied);
    reply.count(removed);
    Ok(Flow::Done)
}

/// Says that so many members were removed, and removes the key when none is left.
fn finish(db: &mut Db<'_>, key: &[u8], event: &'static str, removed: usize, emptied: bool) {
    if removed > 0 {
        db.changed_n(key, Class::Zset, event, removed);
        if emptied {
            db.remove_if_empty(key);
        }
    }
}

pub static ZREMRANGEBYRANK: Command = Command::data("ZREMRANGEBYRANK", zremrangebyrank)
    .summary("Removes the members of a sorted set from one rank to another.")
    .since("2.0.0")
    .complexity("O(log(N)+M) for M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(4)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), integer("start"), integer("stop")]);

fn zremrangebyrank(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let start = parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let stop = parse_i64(args.at(3)).ok_or(CmdError::NOT_AN_INTEGER)?;
    remove_ranks(db, args.at(1), reply, "zremrangebyrank", |zset| ranks_between(start, stop, zset.len()))
}

pub static ZREMRANGEBYSCORE: Command = Command::data("ZREMRANGEBYSCORE", zremrangebyscore)
    .summary("Removes the members of a sorted set whose scores lie in a range.")
    .since("1.2.0")
    .complexity("O(log(N)+M) for M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(4)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), double("min"), double("max")]);

fn zremrangebyscore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let range = ScoreRange::parse(args.at(2), args.at(3)).ok_or(NOT_A_SCORE_RANGE)?;
    remove_ranks(db, args.at(1), reply, "zremrangebyscore", |zset| zset.score_ranks(&range))
}

pub static ZREMRANGEBYLEX: Command = Command::data("ZREMRANGEBYLEX", zremrangebylex)
    .summary("Removes the members of a sorted set, all with the same score, that lie in a range by name.")
    .since("2.8.9")
    .complexity("O(log(N)+M) for M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(4)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("min"), string("max")]);

fn zremrangebylex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let range = LexRange::parse(args.at(2), args.at(3)).ok_or(NOT_A_LEX_RANGE)?;
    remove_ranks(db, args.at(1), reply, "zremrangebylex", |zset| zset.lex_ranks(&range))
}

fn remove_ranks(
    db: &mut Db<'_>,
    key: &[u8],
    reply: &mut Reply,
    event: &'static str,
    ranks: impl FnOnce(&Zset) -> Range<usize>,
) -> CmdResult {
    let Some(mut zset) = db.get_mut::<Zset>(key)? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    let ranks = ranks(&zset);
    let removed = zset.remove_range(ranks);
    let emptied = zset.is_empty();
    drop(zset);
    finish(db, key, event, removed, emptied);
    reply.count(removed);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn by_name() {
        let mut s = Session::new();
        s.run("ZADD z 1 a 2 b 3 c");
        assert_eq!(s.run("ZREM z a x b"), ":2\r\n");
        assert_eq!(s.run("ZREM z x"), ":0\r\n");
        assert_eq!(s.run("ZREM z c c c"), ":1\r\n");
        assert_eq!(s.run("EXISTS z"), ":0\r\n");
        assert_eq!(s.run("ZREM z c"), ":0\r\n");
        s.run("SET z x");
        assert!(s.run("ZREM z c").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn by_range() {
        let mut s = Session::new();
        let fill = "ZADD z 1 a 1 b 1 c 1 d 1 e";
        for (line, removed) in [
            ("ZREMRANGEBYRANK z 1 -2", 3),
            ("ZREMRANGEBYRANK z 4 9", 1),
            ("ZREMRANGEBYRANK z 3 1", 0),
            ("ZREMRANGEBYSCORE z 1 (1", 0),
            ("ZREMRANGEBYSCORE z (0 1", 5),
            ("ZREMRANGEBYLEX z [b (e", 3),
            ("ZREMRANGEBYLEX z + -", 0),
            ("ZREMRANGEBYRANK none 0 -1", 0),
        ] {
            s.run(fill);
            assert_eq!(s.run(line), format!(":{removed}\r\n"), "{line}");
            assert_eq!(s.run("ZCARD z"), format!(":{}\r\n", 5 - removed), "{line}");
            assert_eq!(s.run("EXISTS z"), format!(":{}\r\n", i32::from(removed < 5)), "{line}");
        }
        for (line, error) in [
            ("ZREMRANGEBYRANK z a 1", "ERR value is not an integer or out of range"),
            ("ZREMRANGEBYSCORE z 1 x", "ERR min or max is not a float"),
            ("ZREMRANGEBYLEX z a +", "ERR min or max not valid string range item"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"), "{line}");
        }
    }
}
