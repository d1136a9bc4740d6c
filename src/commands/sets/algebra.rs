//! What several sets make together: intersection, union and difference.

use super::limits;
use crate::commands::elems;
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::listpack::Elem;
use crate::keyspace::{Class, Typed};
use crate::resp::{Args, Reply};
use crate::types::set::{Limits, Probe};
use crate::types::{Set, hyperloglog};
use crate::util::number::parse_i64;

const READ_ALL: &[Keys] = &[Keys::range(1, -1, 1).does(&[Use::RO, Use::Access])];
const STORE: &[Keys] = &[Keys::one(1).does(&[Use::OW, Use::Update]), Keys::range(2, -1, 1).does(&[Use::RO, Use::Access])];
const READ_ARGS: &[Arg] = &[key("key", 0).multiple()];
const STORE_ARGS: &[Arg] = &[key("destination", 0), key("key", 1).multiple()];
const INTER_COST: &str = "O(N*M) at worst, for M sets the smallest of which has N members.";
const UNION_COST: &str = "O(N) for N members in all sets together.";

/// The sets of these keys, in the keys' order.
fn sources<'d>(db: &'d mut Db<'_>, keys: Args<'_>) -> Result<Vec<Option<&'d Set>>, CmdError> {
    let mut found = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        found.push(db.get::<Set>(key)?.is_some());
    }
    let db = &*db;
    let sets = keys.iter().zip(found).map(|(key, found)| {
        let loc = db.data.locate(db.env.hash(key), key).filter(|_| found)?;
        Set::of(db.data.at(loc).value())
    });
    Ok(sets.collect())
}

/// Visits the members that all sets have; none when one of the sets is missing. Stops when `visit` says so.
fn intersect<'d>(sets: &[Option<&'d Set>], mut visit: impl FnMut(Elem<'d>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        let mut probe = Probe::new(member);
        let everywhere = others.iter().all(|set| std::ptr::eq(*set, *smallest) || set.contains_probe(&mut probe));
        if everywhere && !visit(member) {
            return;
        }
    }
}

/// The members that all sets have, as a set of its own: it grows as an intset or as a listpack, like the smallest of
/// them, and ends as an intset in any case if it can.
fn intersection(sets: &[Option<&Set>], limits: &Limits) -> Set {
    let mut result = Set::default();
    let smallest = sets.iter().flatten().min_by_key(|set| set.len());
    let as_intset = smallest.is_some_and(|set| set.as_intset().is_some());
    if !as_intset {
        result.expect_first(b"", 0, limits);
    }
    intersect(sets, |member| {
        result.add_elem(member, limits);
        true
    });
    if !as_intset {
        result.pack(limits);
    }
    result
}

fn union(sets: &[Option<&Set>], limits: &Limits) -> Set {
    let mut result = Set::default();
    for set in sets.iter().flatten() {
        set.iter().for_each(|member| {
            result.add_elem(member, limits);
        });
    }
    result
}

/// The members of the first set that no other has. Either each of them is looked for in the others, the largest first,
/// until it is found: N * M steps at worst; or all others' members are removed from a copy: as many steps as there are
/// members. The first way is taken when half its worst is no more than the second's.
fn difference(sets: &[Option<&Set>], limits: &Limits) -> Set {
    let mut result = Set::default();
    let Some((Some(first), others)) = sets.split_first() else { return result };
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    if others.iter().any(|other| std::ptr::eq(*other, *first)) {
        return result;
    }
    let looking = first.len().saturating_mul(others.len() + 1) / 2;
    let removing = others.iter().fold(first.len(), |sum, other| sum + other.len());
    if looking <= removing {
        others.sort_by_key(|other| std::cmp::Reverse(other.len()));
        first.iter().for_each(|member| {
            let mut probe = Probe::new(member);
            if !others.iter().any(|other| other.contains_probe(&mut probe)) {
                result.add_elem(member, limits);
            }
        });
    } else {
        first.iter().for_each(|member| {
            result.add_elem(member, limits);
        });
        for other in others {
            for member in other.iter() {
                result.remove(member.text(&mut itoa::Buffer::new()));
                if result.is_empty() {
                    return result;
                }
            }
        }
    }
    result
}

fn reply_set(reply: &mut Reply, set: &Set) {
    reply.set(set.len());
    set.iter().for_each(|member| elems::bulk(reply, member));
}

/// Puts the result where it belongs; an empty one removes what is there.
fn store(db: &mut Db<'_>, key: &[u8], set: Set, event: &'static str, reply: &mut Reply) {
    let len = set.len();
    if len > 0 {
        db.put(key, set.into_value(), None);
        db.changed(key, Class::Set, event);
    } else {
        db.delete(key, db.env.config.lazyfree_lazy_server_del);
    }
    reply.count(len);
}

pub static SINTER: Command = Command::data("SINTER", sinter)
    .summary("Returns the members that all of several sets have.")
    .since("1.0.0")
    .complexity(INTER_COST)
    .group(Group::Set)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(READ_ALL)
    .args(READ_ARGS)
    .tips(&["nondeterministic_output_order"]);

fn sinter(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let sets = sources(db, args.from(1))?;
    let (head, mut count) = (reply.defer(), 0);
    intersect(&sets, |member| {
        count += 1;
        elems::bulk(reply, member);
        true
    });
    reply.finish_set(head, count);
    Ok(Flow::Done)
}

pub static SINTERCARD: Command = Command::data("SINTERCARD", sintercard)
    .summary("Counts the members that all of several sets have.")
    .since("7.0.0")
    .complexity(INTER_COST)
    .group(Group::Set)
    .arity(-3)
    .flags(&[ReadOnly, MovableKeys])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), integer("limit").token("LIMIT").optional()]);

fn sintercard(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (keys, mut at) = counted_keys(args)?;
    let mut limit = 0;
    while at < args.len() {
        limit = limit_at(args, at)?;
        at += 2;
    }
    let sets = sources(db, keys)?;
    let mut count = 0;
    intersect(&sets, |_| {
        count += 1;
        count != limit
    });
    reply.count(count);
    Ok(Flow::Done)
}

pub static SINTERSTORE: Command = Command::data("SINTERSTORE", sinterstore)
    .summary("Stores the members that all of several sets have as a set.")
    .since("1.0.0")
    .complexity(INTER_COST)
    .group(Group::Set)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(STORE)
    .args(STORE_ARGS);

fn sinterstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let result = intersection(&sources(db, args.from(2))?, &limits);
    store(db, args.at(1), result, "sinterstore", reply);
    Ok(Flow::Done)
}

pub static SUNION: Command = Command::data("SUNION", sunion)
    .summary("Returns the members that any of several sets has.")
    .since("1.0.0")
    .complexity(UNION_COST)
    .group(Group::Set)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(READ_ALL)
    .args(READ_ARGS)
    .tips(&["nondeterministic_output_order"]);

fn sunion(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let sets = sources(db, args.from(1))?;
    match sets[..] {
        [Some(only)] => reply_set(reply, only),
        _ => reply_set(reply, &union(&sets, &limits)),
    }
    Ok(Flow::Done)
}

pub static SUNIONSTORE: Command = Command::data("SUNIONSTORE", sunionstore)
    .summary("Stores the members that any of several sets has as a set.")
    .since("1.0.0")
    .complexity(UNION_COST)
    .group(Group::Set)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(STORE)
    .args(STORE_ARGS);

fn sunionstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let result = union(&sources(db, args.from(2))?, &limits);
    store(db, args.at(1), result, "sunionstore", reply);
    Ok(Flow::Done)
}

pub static SDIFF: Command = Command::data("SDIFF", sdiff)
    .summary("Returns the members of a set that none of several others has.")
    .since("1.0.0")
    .complexity(UNION_COST)
    .group(Group::Set)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(READ_ALL)
    .args(READ_ARGS)
    .tips(&["nondeterministic_output_order"]);

fn sdiff(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let sets = sources(db, args.from(1))?;
    reply_set(reply, &difference(&sets, &limits));
    Ok(Flow::Done)
}

pub static SDIFFSTORE: Command = Command::data("SDIFFSTORE", sdiffstore)
    .summary("Stores the members of a set that none of several others has as a set.")
    .since("1.0.0")
    .complexity(UNION_COST)
    .group(Group::Set)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(STORE)
    .args(STORE_ARGS);

fn sdiffstore(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let result = difference(&sources(db, args.from(2))?, &limits);
    store(db, args.at(1), result, "sdiffstore", reply);
    Ok(Flow::Done)
}

/// The keys of a command that counts, and where its options begin.
fn counted_keys(args: Args<'_>) -> Result<(Args<'_>, usize), CmdError> {
    let keys = parse_i64(args.at(1)).and_then(|keys| usize::try_from(keys).ok()).filter(|&keys| keys > 0);
    let keys = keys.ok_or(CmdError::text("ERR numkeys should be greater than 0"))?;
    if keys > args.len() - 2 {
        return Err(CmdError::text("ERR Number of keys can't be greater than number of args"));
    }
    Ok((args.slice(2, 2 + keys), 2 + keys))
}

/// The number behind LIMIT at this argument; 0 for none.
fn limit_at(args: Args<'_>, at: usize) -> Result<usize, CmdError> {
    let value = args.get(at + 1).filter(|_| args.is(at, "LIMIT")).ok_or(CmdError::SYNTAX)?;
    let value = parse_i64(value).and_then(|value| usize::try_from(value).ok());
    value.ok_or(CmdError::text("ERR LIMIT can't be negative"))
}

const LIMIT: Arg = integer("limit").token("LIMIT").optional();

pub static SUNIONCARD: Command = Command::data("SUNIONCARD", sunioncard)
    .summary("Counts the members that any of several sets has.")
    .since("8.10.0")
    .complexity(UNION_COST)
    .group(Group::Set)
    .arity(-3)
    .flags(&[ReadOnly, MovableKeys])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), token("approx", "APPROX").optional(), LIMIT]);

fn sunioncard(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let (keys, mut at) = counted_keys(args)?;
    let (mut approx, mut limit) = (false, 0);
    while at < args.len() {
        if args.is(at, "APPROX") {
            approx = true;
            at += 1;
        } else {
            limit = limit_at(args, at)?;
            at += 2;
        }
    }
    let sets = sources(db, keys)?;
    let count = match sets.as_slice() {
        [Some(only)] => only.len(),
        _ if approx => estimate(&sets),
        _ => {
            let mut seen = Set::default();
            let members = sets.iter().flatten().flat_map(|set| set.iter());
            for member in members {
                if seen.add_elem(member, &limits) && seen.len() == limit {
                    break;
                }
            }
            seen.len()
        }
    };
    reply.count(if limit > 0 { count.min(limit) } else { count });
    Ok(Flow::Done)
}

/// About how many members any of the sets has, by a HyperLogLog.
fn estimate(sets: &[Option<&Set>]) -> usize {
    let mut registers = [0u8; hyperloglog::REGISTERS];
    for set in sets.iter().flatten() {
        set.iter().for_each(|member| {
            let (index, value) = hyperloglog::place(member.text(&mut itoa::Buffer::new()));
            registers[index] = registers[index].max(value);
        });
    }
    let mut histogram = hyperloglog::Histogram::default();
    registers.iter().for_each(|value| histogram.add(*value, 1));
    histogram.estimate() as usize
}

pub static SDIFFCARD: Command = Command::data("SDIFFCARD", sdiffcard)
    .summary("Counts the members of a set that none of several others has.")
    .since("8.10.0")
    .complexity(UNION_COST)
    .group(Group::Set)
    .arity(-3)
    .flags(&[ReadOnly, MovableKeys])
    .keys(&[Keys::counted(1).does(&[Use::RO, Use::Access])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), LIMIT]);

fn sdiffcard(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (keys, mut at) = counted_keys(args)?;
    let mut limit = 0;
    while at < args.len() {
        limit = limit_at(args, at)?;
        at += 2;
    }
    let sets = sources(db, keys)?;
    let mut count = 0;
    if let Some((Some(first), others)) = sets.split_first() {
        for member in first.iter() {
            let mut probe = Probe::new(member);
            count += usize::from(!others.iter().flatten().any(|other| other.contains_probe(&mut probe)));
            if limit > 0 && count == limit {
                break;
            }
        }
    }
    reply.count(count);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::server::testing::Session;

    /// The members in a reply, sorted; after the header.
    fn members(reply: &str) -> Vec<String> {
        let mut members: Vec<String> = reply.split("\r\n").skip(2).step_by(2).map(str::to_owned).collect();
        members.sort();
        members
    }

    #[test]
    fn three_operations() {
        let mut s = Session::new();
        s.run("SADD a 1 2 3 x");
        s.run("SADD b 2 3 y");
        s.run("SADD c 3 x");
        assert_eq!(members(&s.run("SINTER a b")), ["2", "3"]);
        assert_eq!(members(&s.run("SINTER a b c")), ["3"]);
        assert_eq!(members(&s.run("SINTER a a")), ["1", "2", "3", "x"]);
        assert_eq!(s.run("SINTER a none"), "*0\r\n");
        assert_eq!(s.run("SINTERCARD 2 a b"), ":2\r\n");
        assert_eq!(s.run("SINTERCARD 2 a b LIMIT 1"), ":1\r\n");
        assert_eq!(s.run("SINTERCARD 2 a b LIMIT 1 LIMIT 0"), ":2\r\n");
        assert_eq!(members(&s.run("SUNION a none b")), ["1", "2", "3", "x", "y"]);
        assert_eq!(s.run("SUNIONCARD 3 a none b"), ":5\r\n");
        assert_eq!(s.run("SUNIONCARD 2 a b LIMIT 3"), ":3\r\n");
        assert_eq!(s.run("SUNIONCARD 2 a b APPROX"), ":5\r\n");
        assert_eq!(s.run("SUNIONCARD 2 a b LIMIT 2 approx"), ":2\r\n");
        assert_eq!(s.run("SUNIONCARD 1 a LIMIT 2"), ":2\r\n");
        assert_eq!(s.run("SDIFFCARD 2 a b"), ":2\r\n");
        assert_eq!(s.run("SDIFFCARD 2 a b LIMIT 1"), ":1\r\n");
        assert_eq!(s.run("SDIFFCARD 2 a a"), ":0\r\n");
        assert_eq!(s.run("SDIFFCARD 2 none a"), ":0\r\n");
        assert_eq!(members(&s.run("SDIFF a b none c")), ["1"]);
        assert_eq!(s.run("SDIFF a b a"), "*0\r\n");
        assert_eq!(s.run("SDIFF none b a"), "*0\r\n");
        assert_eq!(s.run("SDIFFSTORE d a b"), ":2\r\n");
        assert_eq!(members(&s.run("SMEMBERS d")), ["1", "x"]);
        assert_eq!(s.run("SINTERSTORE d d none"), ":0\r\n");
        assert_eq!(s.run("EXISTS d"), ":0\r\n");
        s.run("SET d text");
        assert_eq!(s.run("SUNIONSTORE d a b"), ":5\r\n");
        assert_eq!(s.run("TYPE d"), "+set\r\n");
    }

    #[test]
    fn errors_leave_everything_alone() {
        let mut s = Session::new();
        s.run("SET str x");
        s.run("SADD a 1");
        for line in ["SINTER none str", "SUNION a str", "SDIFF none str", "SINTERSTORE a str none", "SINTERCARD 2 none str"] {
            assert!(s.run(line).starts_with("-WRONGTYPE"), "{line}");
        }
        assert_eq!(s.run("SCARD a"), ":1\r\n");
        for (line, error) in [
            ("SINTERCARD 0 a", "numkeys should be greater than 0"),
            ("SINTERCARD x a", "numkeys should be greater than 0"),
            ("SINTERCARD 2 a", "Number of keys can't be greater than number of args"),
            ("SINTERCARD 1 a LIMIT", "syntax error"),
            ("SINTERCARD 1 a b", "syntax error"),
            ("SINTERCARD 1 a LIMIT -1", "LIMIT can't be negative"),
            ("SUNIONCARD 0 a", "numkeys should be greater than 0"),
            ("SUNIONCARD 2 a", "Number of keys can't be greater than number of args"),
            ("SUNIONCARD 1 a LIMIT x", "LIMIT can't be negative"),
            ("SDIFFCARD 1 a APPROX", "syntax error"),
            ("SDIFFCARD 1 a LIMIT", "syntax error"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
    }

    #[test]
    fn random_sets_agree_with_plain_ones() {
        let mut rng = fastrand::Rng::with_seed(4);
        let limits = Limits { intset_entries: 20, listpack_entries: 16, listpack_value_bytes: 8 };
        for _ in 0..500 {
            let twins: Vec<BTreeSet<Vec<u8>>> = (0..rng.usize(1..6))
                .map(|_| {
                    let (count, letters, range) = (rng.usize(..40), rng.u8(..3) == 0, rng.u8(2..60));
                    let member = |_| match rng.u8(..range) {
                        n if letters && n % 2 == 0 => format!("member{n}").into_bytes(),
                        n => n.to_string().into_bytes(),
                    };
                    (0..count).map(member).collect()
                })
                .collect();
            let sets: Vec<Set> = twins
                .iter()
                .map(|twin| {
                    let mut set = Set::default();
                    twin.iter().for_each(|member| assert!(set.add(member, &limits)));
                    set
                })
                .collect();
            let sets: Vec<Option<&Set>> = sets.iter().map(|set| Some(set).filter(|set| !set.is_empty())).collect();
            let texts = |set: &Set| set.iter().map(|member| member.to_vec()).collect::<BTreeSet<_>>();
            let (first, others) = twins.split_first().unwrap();
            let all = |member: &&Vec<u8>| others.iter().all(|other| other.contains(*member));
            let none = |member: &&Vec<u8>| !others.iter().any(|other| other.contains(*member));
            assert_eq!(texts(&intersection(&sets, &limits)), first.iter().filter(all).cloned().collect());
            assert_eq!(texts(&difference(&sets, &limits)), first.iter().filter(none).cloned().collect());
            assert_eq!(texts(&union(&sets, &limits)), twins.iter().flatten().cloned().collect());
        }
    }
}
