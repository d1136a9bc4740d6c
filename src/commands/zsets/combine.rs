//! Unions, intersections and differences of sorted sets and sets.
//!
//! ```text
//! ZUNION      numkeys key [key …] [WEIGHTS weight [weight …]] [AGGREGATE SUM | MIN | MAX] [WITHSCORES]
//! ZINTERCARD  numkeys key [key …] [LIMIT limit]
//! ```

use super::operands::{Aggregate, Operand, Pairs, difference, intersect, operands, union};
use super::range::store;
use super::{limits, write_members};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::zset::order_pairs;
use crate::util::float::parse_f64;
use crate::util::number::parse_i64;

/// What is made of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the result; each has options of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Replied,
    Stored,
    Counted,
}

/// A request, parsed, with its inputs.
struct Request<'d> {
    operands: Vec<Operand<'d>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// Most members to be counted.
    limit: usize,
}

impl<'d> Request<'d> {
    /// Parses `numkeys key [key …]`, which `args` begins with, and the options behind it. The inputs are looked up before
    /// the options are looked at.
    fn parse(
        db: &'d mut Db<'_>,
        args: Args<'_>,
        command: &str,
        operation: Operation,
        outcome: Outcome,
    ) -> Result<Request<'d>, CmdError> {
        let numkeys = parse_i64(args.at(0)).ok_or(CmdError::NOT_AN_INTEGER)?;
        let numkeys = usize::try_from(numkeys).ok().filter(|&n| n > 0);
        let numkeys = numkeys.ok_or_else(|| CmdError::err(format!("at least 1 input key is needed for '{command}' command")))?;
        if numkeys >= args.len() {
            return Err(CmdError::SYNTAX);
        }
        let operands = operands(db, args.slice(1, numkeys + 1))?;
        let mut request = Request { operands, aggregate: Aggregate::Sum, with_scores: false, limit: usize::MAX };
        request.parse_options(args.from(numkeys + 1), operation, outcome)?;
        Ok(request)
    }

    fn parse_options(&mut self, args: Args<'_>, operation: Operation, outcome: Outcome) -> Result<(), CmdError> {
        let scores_combine = operation != Operation::Difference && outcome != Outcome::Counted;
        let mut at = 0;
        while at < args.len() {
            let left = args.len() - at - 1;
            if scores_combine && left >= self.operands.len() && args.is(at, "WEIGHTS") {
                for operand in &mut self.operands {
                    at += 1;
                    let weight = parse_f64(args.at(at));
                    operand.weight = weight.ok_or(CmdError::text("ERR weight value is not a float"))?;
                }
            } else if scores_combine && left >= 1 && args.is(at, "AGGREGATE") {
                at += 1;
                self.aggregate = match () {
                    _ if args.is(at, "SUM") => Aggregate::Sum,
                    _ if args.is(at, "MIN") => Aggregate::Min,
                    _ if args.is(at, "MAX") => Aggregate::Max,
                    _ if args.is(at, "COUNT") => Aggregate::Sum,
                    _ => return Err(CmdError::SYNTAX),
                };
                for operand in &mut self.operands {
                    operand.counts = args.is(at, "COUNT");
                }
            } else if outcome == Outcome::Replied && args.is(at, "WITHSCORES") {
                self.with_scores = true;
            } else if outcome == Outcome::Counted && left >= 1 && args.is(at, "LIMIT") {
                at += 1;
                let limit = parse_i64(args.at(at)).and_then(|limit| usize::try_from(limit).ok());
                let limit = limit.ok_or(CmdError::text("ERR LIMIT can't be negative"))?;
                self.limit = if limit == 0 { usize::MAX } else { limit };
            } else {
                return Err(CmdError::SYNTAX);
            }
            at += 1;
        }
        Ok(())
    }

    /// The result's members, in no order.
    fn pairs(self, operation: Operation) -> Pairs<'d> {
        match operation {
            Operation::Union => union(self.operands, self.aggregate),
            Operation::Difference => difference(&self.operands),
            Operation::Intersection => {
                let mut pairs = Pairs::new();
                intersect(self.operands, self.aggregate, |member, score| {
                    pairs.push((member, score));
                    true
                });
                pairs
            }
        }
    }
}

fn reply_with(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, command: &str, operation: Operation) -> CmdResult {
    let request = Request::parse(db, args.from(1), command, operation, Outcome::Replied)?;
    let with_scores = request.with_scores;
    let mut pairs = request.pairs(operation);
    pairs.sort_unstable_by(order_pairs);
    write_members(reply, pairs.into_iter(), with_scores);
    Ok(Flow::Done)
}

fn store_it(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, command: &'static str, operation: Operation) -> CmdResult {
    let limits = limits(db.env);
    let request = Request::parse(db, args.from(2), command, operation, Outcome::Stored)?;
    let pairs = request.pairs(operation);
    let result = Zset::from_pairs(pairs.iter().copied(), &limits);
    reply.count(result.len());
    store(db, args.at(1), result, command);
    Ok(Flow::Done)
}

const WEIGHTS: argspec::Arg = integer("weight").token("WEIGHTS").multiple().optional();
const AGGREGATES: [argspec::Arg; 4] =
    [token("sum", "SUM"), token("min", "MIN"), token("max", "MAX"), token("count", "COUNT").since("8.8.0")];
const AGGREGATE: argspec::Arg = oneof("aggregate", &AGGREGATES).token("AGGREGATE").optional();
const WITHSCORES: argspec::Arg = token("withscores", "WITHSCORES").optional();

pub static ZUNION: Command = Command::data("ZUNION", zunion)
    .summary("Returns the members that any of several sorted sets has.")
    .since("6.2.0")
    .complexity("O(N)+O(M*log(M)) for N members of all inputs and M of the result.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), WEIGHTS, AGGREGATE, WITHSCORES]);

fn zunion(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, "zunion", Operation::Union)
}

pub static ZINTER: Command = Command::data("ZINTER", zinter)
    .summary("Returns the members that each of several sorted sets has.")
    .since("6.2.0")
    .complexity("O(N*K)+O(M*log(M)) for K inputs, N members of the smallest and M of the result.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), WEIGHTS, AGGREGATE, WITHSCORES]);

fn zinter(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, "zinter", Operation::Intersection)
}

pub static ZDIFF: Command = Command::data("ZDIFF", zdiff)
    .summary("Returns the members of a sorted set that several others do not have.")
    .since("6.2.0")
    .complexity("O(N*K)+O(M*log(M)) for K inputs, N members of the first and M of the result.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), WITHSCORES]);

fn zdiff(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply_with(db, args, reply, "zdiff", Operation::Difference)
}

pub static ZUNIONSTORE: Command = Command::data("ZUNIONSTORE", zunionstore)
    .summary("Makes a key hold the members that any of several sorted sets has.")
    .since("2.0.0")
    .complexity("O(N)+O(M*log(M)) for N members of all inputs and M of the result.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update]), Keys::counted(2).does(&[Use::RO, Use::Access])])
    .args(&[key("destination", 0), integer("numkeys"), key("key", 1).multiple(), WEIGHTS, AGGREGATE]);

fn zunionstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    store_it(db, args, reply, "zunionstore", Operation::Union)
}

pub static ZINTERSTORE: Command = Command::data("ZINTERSTORE", zinterstore)
    .summary("Makes a key hold the members that each of several sorted sets has.")
    .since("2.0.0")
    .complexity("O(N*K)+O(M*log(M)) for K inputs, N members of the smallest and M of the result.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update]), Keys::counted(2).does(&[Use::RO, Use::Access])])
    .args(&[key("destination", 0), integer("numkeys"), key("key", 1).multiple(), WEIGHTS, AGGREGATE]);

fn zinterstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    store_it(db, args, reply, "zinterstore", Operation::Intersection)
}

pub static ZDIFFSTORE: Command = Command::data("ZDIFFSTORE", zdiffstore)
    .summary("Makes a key hold the members of a sorted set that several others do not have.")
    .since("6.2.0")
    .complexity("O(N*K)+O(M*log(M)) for K inputs, N members of the first and M of the result.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update]), Keys::counted(2).does(&[Use::RO, Use::Access])])
    .args(&[key("destination", 0), integer("numkeys"), key("key", 1).multiple()]);

fn zdiffstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    store_it(db, args, reply, "zdiffstore", Operation::Difference)
}

pub static ZINTERCARD: Command = Command::data("ZINTERCARD", zintercard)
    .summary("Counts the members that each of several sorted sets has, up to a limit.")
    .since("7.0.0")
    .complexity("O(N*K) for K inputs and N members of the smallest.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]);

fn zintercard(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let request = Request::parse(db, args.from(1), "zintercard", Operation::Intersection, Outcome::Counted)?;
    let limit = request.limit;
    let mut count = 0;
    intersect(request.operands, request.aggregate, |_, _| {
        count += 1;
        count < limit
    });
    reply.count(count);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::server::testing::Session;

    /// A reply's bulk strings, joined by blanks.
    fn words(reply: &str) -> String {
        let lines: Vec<_> = reply.split("\r\n").collect();
        let bulks = lines.windows(2).filter(|pair| pair[0].starts_with('$')).map(|pair| pair[1]);
        bulks.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn inputs_may_count_for_their_weight_whatever_the_scores() {
        let mut s = Session::new();
        s.run("ZADD a 10 x 20 y");
        s.run("ZADD b 5 y 6 z");
        s.run("SADD c y");
        let union = "*6\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\nz\r\n$1\r\n1\r\n$1\r\ny\r\n$1\r\n3\r\n";
        assert_eq!(s.run("ZUNION 3 a b c AGGREGATE COUNT WITHSCORES"), union);
        let inter = "*2\r\n$1\r\ny\r\n$1\r\n7\r\n";
        assert_eq!(s.run("ZINTER 3 a b c WEIGHTS 1 2 4 AGGREGATE count WITHSCORES"), inter);
        s.run("ZUNIONSTORE d 1 a AGGREGATE COUNT");
        assert_eq!(s.run("ZSCORE d y"), "$1\r\n1\r\n");
        assert_eq!(s.run("ZUNION 1 a AGGREGATE COUNTS"), "-ERR syntax error\r\n");
    }

    #[test]
    fn weights_and_aggregates() {
        let mut s = Session::new();
        s.run("ZADD a 1 a 2 b 3 c");
        s.run("ZADD b 1 b 2 c 3 d");
        s.run("SADD s a b c 7");
        for (line, expected) in [
            ("ZUNION 2 a b WITHSCORES", "a 1 b 3 d 3 c 5"),
            ("ZUNION 2 a none WITHSCORES", "a 1 b 2 c 3"),
            ("ZUNION 2 none none", ""),
            ("ZUNION 2 a b WEIGHTS 2 3 WITHSCORES", "a 2 b 7 d 9 c 12"),
            ("ZUNION 2 s b WEIGHTS 2 3 WITHSCORES", "7 2 a 2 b 5 c 8 d 9"),
            ("ZUNION 2 a b AGGREGATE min WITHSCORES", "a 1 b 1 c 2 d 3"),
            ("ZUNION 2 a b withscores aggregate MAX", "a 1 b 2 c 3 d 3"),
            ("ZUNION 3 a a a WITHSCORES", "a 3 b 6 c 9"),
            ("ZINTER 2 a b WITHSCORES", "b 3 c 5"),
            ("ZINTER 2 s b WEIGHTS 2 3 WITHSCORES", "b 5 c 8"),
            ("ZINTER 3 a b none", ""),
            ("ZINTER 2 a b AGGREGATE max", "b c"),
            ("ZDIFF 2 a b WITHSCORES", "a 1"),
            ("ZDIFF 2 s b WITHSCORES", "7 1 a 1"),
            ("ZDIFF 2 none b", ""),
            ("ZDIFF 1 a", "a b c"),
            ("ZDIFF 2 a a", ""),
        ] {
            assert_eq!(words(&s.run(line)), expected, "{line}");
        }
        assert_eq!(s.run("ZINTERCARD 2 a b"), ":2\r\n");
        assert_eq!(s.run("ZINTERCARD 2 a b LIMIT 0"), ":2\r\n");
        assert_eq!(s.run("ZINTERCARD 2 a b LIMIT 1"), ":1\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("ZINTER 2 a b WITHSCORES"), "*2\r\n*2\r\n$1\r\nb\r\n,3\r\n*2\r\n$1\r\nc\r\n,5\r\n");
        assert_eq!(s.run("ZDIFF 2 a b"), "*1\r\n$1\r\na\r\n");
    }

    #[test]
    fn storing() {
        let mut s = Session::new();
        s.run("ZADD a 1 a 2 b");
        s.run("ZADD b 1 b");
        s.run("SET dst x EX 10");
        assert_eq!(s.run("ZUNIONSTORE dst 2 a b"), ":2\r\n");
        assert_eq!(words(&s.run("ZRANGE dst 0 -1 WITHSCORES")), "a 1 b 3");
        assert_eq!(s.run("TTL dst"), ":-1\r\n");
        assert_eq!(s.run("ZINTERSTORE a 2 a b"), ":1\r\n");
        assert_eq!(words(&s.run("ZRANGE a 0 -1 WITHSCORES")), "b 3");
        assert_eq!(s.run("ZDIFFSTORE dst 2 a b"), ":0\r\n");
        assert_eq!(s.run("EXISTS dst"), ":0\r\n");
        assert_eq!(s.run("ZUNIONSTORE dst 1 none"), ":0\r\n");
    }

    #[test]
    fn infinities_never_make_nan() {
        let mut s = Session::new();
        s.run("ZADD a -inf k");
        s.run("ZADD b inf k");
        for line in ["ZUNION 2 a b WITHSCORES", "ZINTER 2 a b WITHSCORES", "ZUNION 1 a WEIGHTS 0 WITHSCORES"] {
            assert_eq!(words(&s.run(line)), "k 0", "{line}");
        }
        assert_eq!(words(&s.run("ZINTER 2 a b WEIGHTS 1 0 AGGREGATE MIN WITHSCORES")), "k -inf");
    }

    #[test]
    fn what_is_refused() {
        let mut s = Session::new();
        s.run("ZADD z 1 a");
        s.run("SET str x");
        for (line, error) in [
            ("ZUNION x a", "value is not an integer or out of range"),
            ("ZUNION 0 a", "at least 1 input key is needed for 'zunion' command"),
            ("ZINTERSTORE d -1 a", "at least 1 input key is needed for 'zinterstore' command"),
            ("ZUNION 2 a", "syntax error"),
            ("ZUNION 9223372036854775807 a", "syntax error"),
            ("ZUNION 1 z foo", "syntax error"),
            ("ZUNION 2 z z WEIGHTS 1", "syntax error"),
            ("ZUNION 2 z z WEIGHTS 1 x", "weight value is not a float"),
            ("ZUNION 2 z z WEIGHTS 1 nan", "weight value is not a float"),
            ("ZUNION 1 z AGGREGATE", "syntax error"),
            ("ZUNION 1 z AGGREGATE avg", "syntax error"),
            ("ZUNIONSTORE d 1 z WITHSCORES", "syntax error"),
            ("ZDIFF 1 z WEIGHTS 1", "syntax error"),
            ("ZINTERCARD 1 z WITHSCORES", "syntax error"),
            ("ZINTERCARD 1 z LIMIT", "syntax error"),
            ("ZINTERCARD 1 z LIMIT -1", "LIMIT can't be negative"),
            ("ZINTERCARD 1 z LIMIT a", "LIMIT can't be negative"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        assert!(s.run("ZUNION 2 z str foo").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn random_inputs_match_a_model() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut s = Session::new();
        for round in 0..60 {
            s.run("FLUSHALL");
            let limit = [0, 128][round % 2];
            s.run(&format!("CONFIG SET zset-max-listpack-entries {limit} set-max-listpack-entries {limit}"));
            s.run(&format!("CONFIG SET set-max-intset-entries {}", [0, 512][round / 2 % 2]));
            let mut model: Vec<BTreeMap<String, i64>> = Vec::new();
            let count = rng.usize(1..5);
            for key in 0..count {
                let mut members = BTreeMap::new();
                let is_set = rng.bool();
                for _ in 0..rng.usize(..60) {
                    let name = if is_set && rng.bool() { rng.u32(..50).to_string() } else { format!("m{}", rng.u32(..50)) };
                    let name = if is_set && round % 3 == 0 { rng.u32(..50).to_string() } else { name };
                    let score = if is_set { 1 } else { rng.i64(-5..5) };
                    s.run(&if is_set { format!("SADD k{key} {name}") } else { format!("ZADD k{key} {score} {name}") });
                    members.insert(name, score);
                }
                model.push(members);
            }
            let keys: Vec<_> = (0..count).map(|key| format!("k{key}")).collect();
            let names: BTreeSet<&String> = model.iter().flat_map(BTreeMap::keys).collect();
            let mut expected = [Vec::new(), Vec::new(), Vec::new()];
            for name in names {
                let scores: Vec<i64> = model.iter().filter_map(|members| members.get(name).copied()).collect();
                let sum: i64 = scores.iter().sum();
                expected[0].push((sum, name));
                if scores.len() == count {
                    expected[1].push((sum, name));
                }
                if scores.len() == 1 && model[0].contains_key(name) {
                    expected[2].push((sum, name));
                }
            }
            for (command, mut expected) in ["ZUNION", "ZINTER", "ZDIFF"].into_iter().zip(expected) {
                expected.sort();
                let expected: Vec<_> = expected.into_iter().map(|(score, name)| format!("{name} {score}")).collect();
                let line = format!("{command} {count} {} WITHSCORES", keys.join(" "));
                assert_eq!(words(&s.run(&line)), expected.join(" "), "{line}");
                s.run(&format!("{command}STORE dst {count} {}", keys.join(" ")));
                assert_eq!(words(&s.run("ZRANGE dst 0 -1 WITHSCORES")), expected.join(" "), "{line}");
            }
        }
    }
}
