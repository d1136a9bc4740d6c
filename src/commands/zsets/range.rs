//! ZRANGE, its older spellings, and ZRANGESTORE.

use super::query::{By, Query, Syntax};
use super::{limits, write_ranks};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::listpack::Elem;
use crate::keyspace::{Class, Typed};
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::zset::Limits;

const LIMIT: [argspec::Arg; 2] = [integer("offset"), integer("count")];
const SORT_BY: [argspec::Arg; 2] = [token("byscore", "BYSCORE"), token("bylex", "BYLEX")];

/// Replies with the members that a request asks for.
fn reply_with(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, syntax: Syntax) -> CmdResult {
    let query = Query::parse(args.from(2), syntax)?;
    match db.get::<Zset>(args.at(1))? {
        Some(zset) => write_ranks(reply, zset, query.ranks(zset), query.reverse, query.with_scores),
        None => reply.array(0),
    }
    Ok(Flow::Done)
}

pub static ZRANGE: Command = Command::data("ZRANGE", zrange)
    .summary("Returns the members of a sorted set in a range of ranks, of scores or of names.")
    .since("1.2.0")
    .complexity("O(log(N)+M) for M members returned, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        string("start"),
        string("stop"),
        oneof("sortby", &SORT_BY).optional().since("6.2.0"),
        token("rev", "REV").optional().since("6.2.0"),
        block("limit", &LIMIT).token("LIMIT").optional().since("6.2.0"),
        token("withscores", "WITHSCORES").optional(),
    ])
    .history(&[("6.2.0", "The options `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")]);

fn zrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, Syntax { by: None, reverse: None, with_scores: true })
}

pub static ZREVRANGE: Command = Command::data("ZREVRANGE", zrevrange)
    .summary("Returns the members of a sorted set in a range of ranks, counted from the highest score.")
    .since("1.2.0")
    .complexity("O(log(N)+M) for M members returned, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("start"), integer("stop"), token("withscores", "WITHSCORES").optional()])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` argument");

fn zrevrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, Syntax { by: Some(By::Rank), reverse: Some(true), with_scores: true })
}

pub static ZRANGEBYSCORE: Command = Command::data("ZRANGEBYSCORE", zrangebyscore)
    .summary("Returns the members of a sorted set whose scores lie in a range.")
    .since("1.0.5")
    .complexity("O(log(N)+M) for M members returned, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        double("min"),
        double("max"),
        token("withscores", "WITHSCORES").optional().since("2.0.0"),
        block("limit", &LIMIT).token("LIMIT").optional(),
    ])
    .history(&[("2.0.0", "The option `WITHSCORES`.")])
    .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument");

fn zrangebyscore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, Syntax { by: Some(By::Score), reverse: Some(false), with_scores: true })
}

pub static ZREVRANGEBYSCORE: Command = Command::data("ZREVRANGEBYSCORE", zrevrangebyscore)
    .summary("Returns the members of a sorted set whose scores lie in a range, from the highest score on.")
    .since("2.2.0")
    .complexity("O(log(N)+M) for M members returned, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        double("max"),
        double("min"),
        token("withscores", "WITHSCORES").optional(),
        block("limit", &LIMIT).token("LIMIT").optional(),
    ])
    .history(&[("2.1.6", "Either end may be left out of the range.")])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments");

fn zrevrangebyscore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, Syntax { by: Some(By::Score), reverse: Some(true), with_scores: true })
}

pub static ZRANGEBYLEX: Command = Command::data("ZRANGEBYLEX", zrangebylex)
    .summary("Returns the members of a sorted set, all with the same score, that lie in a range by name.")
    .since("2.8.9")
    .complexity("O(log(N)+M) for M members returned, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("min"), string("max"), block("limit", &LIMIT).token("LIMIT").optional()])
    .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument");

fn zrangebylex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, Syntax { by: Some(By::Lex), reverse: Some(false), with_scores: true })
}

pub static ZREVRANGEBYLEX: Command = Command::data("ZREVRANGEBYLEX", zrevrangebylex)
    .summary("Returns the members of a sorted set, all with the same score, that lie in a range by name, backwards.")
    .since("2.8.9")
    .complexity("O(log(N)+M) for M members returned, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("max"), string("min"), block("limit", &LIMIT).token("LIMIT").optional()])
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments");

fn zrevrangebylex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, Syntax { by: Some(By::Lex), reverse: Some(true), with_scores: true })
}

pub static ZRANGESTORE: Command = Command::data("ZRANGESTORE", zrangestore)
    .summary("Makes a key hold the members of a sorted set in a range of ranks, of scores or of names.")
    .since("6.2.0")
    .complexity("O(log(N)+M) for M members stored, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-5)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update]), Keys::one(2).does(&[Use::RO, Use::Access])])
    .args(&[
        key("dst", 0),
        key("src", 1),
        string("min"),
        string("max"),
        oneof("sortby", &SORT_BY).optional(),
        token("rev", "REV").optional(),
        block("limit", &LIMIT).token("LIMIT").optional(),
    ]);

fn zrangestore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let query = Query::parse(args.from(3), Syntax { by: None, reverse: None, with_scores: false })?;
    let limits = limits(db.env);
    let picked = match db.get::<Zset>(args.at(2))? {
        Some(zset) => pick(zset, &query, &limits),
        None => Zset::default(),
    };
    reply.count(picked.len());
    store(db, args.at(1), picked, "zrangestore");
    Ok(Flow::Done)
}

/// A set of the members asked for.
fn pick(zset: &Zset, query: &Query<'_>, limits: &Limits) -> Zset {
    let members = zset.range(query.ranks(zset));
    let len = members.len();
    // Upstream adds one after the other, to a listpack as long as that is within the limits (or to none, if it knows
    // beforehand that it will not be). Where it went through one, a negative zero has lost its sign.
    let is_short = |(member, _): &(Elem<'_>, f64)| member.text_bytes() <= limits.max_value_bytes;
    let first = limits.max_entries.min(len);
    let unsigned = match query.reverse {
        _ if query.is_by_rank() && len > limits.max_entries => 0..0,
        false => 0..members.clone().take(first).take_while(is_short).count(),
        true => len - members.clone().rev().take(first).take_while(is_short).count()..len,
    };
    let add_zero = |(at, (member, score))| (member, if unsigned.contains(&at) { score + 0.0 } else { score });
    Zset::from_pairs(members.enumerate().map(add_zero), limits)
}

/// Makes the key hold the set, whatever it held; an empty set removes it.
pub fn store(db: &mut Db<'_>, key: &[u8], zset: Zset, event: &'static str) {
    if zset.is_empty() {
        let lazily = db.env.config.lazyfree_lazy_server_del;
        db.delete(key, lazily);
    } else {
        db.put(key, zset.into_value(), None);
        db.changed(key, Class::Zset, event);
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    /// A reply's bulk strings, joined by blanks.
    fn words(reply: &str) -> String {
        let lines: Vec<_> = reply.split("\r\n").collect();
        let bulks = lines.windows(2).filter(|pair| pair[0].starts_with('$')).map(|pair| pair[1]);
        bulks.collect::<Vec<_>>().join(" ")
    }

    fn in_both_encodings(test: impl Fn(&mut Session, bool)) {
        for large in [false, true] {
            let mut s = Session::new();
            if large {
                s.run("CONFIG SET zset-max-listpack-entries 0");
            }
            test(&mut s, large);
        }
    }

    #[test]
    fn every_kind_of_range() {
        in_both_encodings(|s, _| {
            s.run("ZADD z -inf a 1 b 2 c 3 d 4 e 5 f +inf g");
            s.run("ZADD l 0 a 0 b 0 c 0 d 0 10 0 9");
            for (line, expected) in [
                ("ZRANGE z 0 -1", "a b c d e f g"),
                ("ZRANGE z -2 100", "f g"),
                ("ZRANGE z 0 1 REV WITHSCORES", "g inf f 5"),
                ("ZRANGE z 5 1", ""),
                ("ZRANGE none 5 1", ""),
                ("ZREVRANGE z 1 2", "f e"),
                ("ZRANGE z 1 3 BYSCORE", "b c d"),
                ("ZRANGE z (3 1 BYSCORE REV withscores", "c 2 b 1"),
                ("ZRANGE z 1 +inf BYSCORE LIMIT 1 2", "c d"),
                ("ZRANGEBYSCORE z (1 (4 WITHSCORES LIMIT 0 -1", "c 2 d 3"),
                ("ZRANGEBYSCORE z 0 10 LIMIT 9 1", ""),
                ("ZREVRANGEBYSCORE z 10 0 LIMIT 1 2", "e d"),
                ("ZREVRANGEBYSCORE z 0 10", ""),
                ("ZRANGE l [10 (b BYLEX", "10 9 a"),
                ("ZRANGEBYLEX l - + LIMIT 1 2", "9 a"),
                ("ZREVRANGEBYLEX l + (b", "d c"),
                ("ZRANGE l + - BYLEX REV LIMIT 0 1", "d"),
            ] {
                assert_eq!(words(&s.run(line)), expected, "{line}");
            }
        });
    }

    #[test]
    fn negative_offsets() {
        in_both_encodings(|s, large| {
            s.run("ZADD y 1 a 2 b 3 c 0.1 d 0 e");
            for (line, expected) in [
                ("ZRANGEBYSCORE y 0 5 LIMIT -1 2", "c"),
                ("ZRANGEBYSCORE y 0 5 LIMIT -2 -1", "b c"),
                ("ZRANGEBYSCORE y 0 5 LIMIT -9 -1", ""),
                ("ZREVRANGEBYSCORE y 5 0 LIMIT -2 2", "d e"),
                ("ZRANGEBYSCORE y 0 5 LIMIT -9223372036854775808 1", ""),
            ] {
                assert_eq!(words(&s.run(line)), if large { expected } else { "" }, "{line}");
            }
        });
    }

    #[test]
    fn shapes() {
        let mut s = Session::new();
        s.run("ZADD z 1 a 2.5 7");
        assert_eq!(s.run("ZRANGE z 0 -1 WITHSCORES"), "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n7\r\n$3\r\n2.5\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("ZRANGE z 0 -1 WITHSCORES"), "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\n7\r\n,2.5\r\n");
        assert_eq!(s.run("ZRANGE z 0 -1"), "*2\r\n$1\r\na\r\n$1\r\n7\r\n");
    }

    #[test]
    fn storing() {
        in_both_encodings(|s, large| {
            s.run("ZADD z 1 a 2 b 3 c 4 d");
            s.run("SET dst x EX 100");
            assert_eq!(s.run("ZRANGESTORE dst z 5 0 BYSCORE REV LIMIT 0 2"), ":2\r\n");
            assert_eq!(words(&s.run("ZRANGE dst 0 -1")), "c d");
            assert_eq!(s.run("TTL dst"), ":-1\r\n");
            let encoding = if large { "skiplist" } else { "listpack" };
            assert_eq!(s.run("OBJECT ENCODING dst"), format!("$8\r\n{encoding}\r\n"));
            assert_eq!(s.run("ZRANGESTORE z z 0 0"), ":1\r\n");
            assert_eq!(s.run("ZRANGESTORE dst none 0 -1"), ":0\r\n");
            assert_eq!(s.run("EXISTS dst"), ":0\r\n");
            s.run("SET str x");
            s.run("ZADD dst 1 a");
            assert!(s.run("ZRANGESTORE dst str 0 -1").starts_with("-WRONGTYPE"));
            assert_eq!(s.run("ZCARD dst"), ":1\r\n");
        });
    }

    #[test]
    fn storing_negative_zeros() {
        let mut s = Session::new();
        let long = "x".repeat(65);
        s.run("CONFIG SET zset-max-listpack-entries 0");
        s.run(&format!("ZADD y -0 a -0 b 1 {long}"));
        assert_eq!(words(&s.run("ZRANGE y 0 1 WITHSCORES")), "a -0 b -0");
        s.run("CONFIG SET zset-max-listpack-entries 1");
        for (line, expected) in [
            ("ZRANGESTORE d y 0 -1", "a -0 b -0"),
            ("ZRANGESTORE d y 0 0", "a 0"),
            ("ZRANGESTORE d y -inf inf BYSCORE", "a 0 b -0"),
            ("ZRANGESTORE d y 0 -inf BYSCORE REV", "a -0 b 0"),
            ("ZRANGESTORE d y inf -inf BYSCORE REV", "a -0 b -0"),
        ] {
            s.run(line);
            assert_eq!(words(&s.run("ZRANGE d 0 1 WITHSCORES")), expected, "{line}");
        }
    }

    #[test]
    fn what_is_refused() {
        let mut s = Session::new();
        for (line, error) in [
            ("ZRANGE z 0 x", "value is not an integer or out of range"),
            ("ZRANGE z 0 1 foo", "syntax error"),
            ("ZRANGE z 0 1 REV REV", "syntax error"),
            ("ZRANGE z 0 1 BYSCORE BYLEX", "syntax error"),
            ("ZRANGE z 0 1 BYSCORE LIMIT 1", "syntax error"),
            ("ZRANGE z 0 1 BYSCORE LIMIT x 1", "value is not an integer or out of range"),
            ("ZRANGE z 0 1 LIMIT 0 1", "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"),
            ("ZRANGE z - + BYLEX WITHSCORES", "syntax error, WITHSCORES not supported in combination with BYLEX"),
            ("ZRANGEBYLEX z - + WITHSCORES", "syntax error, WITHSCORES not supported in combination with BYLEX"),
            ("ZRANGE z 0 NaN BYSCORE", "min or max is not a float"),
            ("ZRANGEBYLEX z a +", "min or max not valid string range item"),
            ("ZREVRANGE z 0 1 BYSCORE", "syntax error"),
            ("ZRANGEBYSCORE z 0 1 REV", "syntax error"),
            ("ZRANGESTORE d z 0 1 WITHSCORES", "syntax error"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert_eq!(s.run("ZRANGE z 0 -1 LIMIT 1 -1"), "*0\r\n");
    }
}
