//! ZADD and ZINCRBY.

use super::limits;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::database::Mut;
use crate::keyspace::{Class, WrongType};
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::types::zset::{AddFlags, Outcome};
use crate::util::float::parse_f64;

const NAN: CmdError = CmdError::text("ERR resulting score is not a number (NaN)");

pub static ZADD: Command = Command::data("ZADD", zadd)
    .summary("Adds members to a sorted set, or gives them other scores; with options on which, and how.")
    .since("1.2.0")
    .complexity("O(log(N)) for each member, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        oneof("condition", &[token("nx", "NX"), token("xx", "XX")]).optional().since("3.0.2"),
        oneof("comparison", &[token("gt", "GT"), token("lt", "LT")]).optional().since("6.2.0"),
        token("change", "CH").optional().since("3.0.2"),
        token("increment", "INCR").optional().since("3.0.2"),
        block("data", &[double("score"), string("member")]).multiple(),
    ])
    .history(&[
        ("2.4.0", "Several members at once."),
        ("3.0.2", "The options `XX`, `NX`, `CH` and `INCR`."),
        ("6.2.0", "The options `GT` and `LT`."),
    ]);

/// ZADD's options, and where the first score is.
struct Options {
    flags: AddFlags,
    count_changed: bool,
    first: usize,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CmdError> {
        let mut flags = AddFlags::default();
        let mut count_changed = false;
        let mut first = 2;
        // What begins like a number is none.
        while let Some([b'A'..=b'Z' | b'a'..=b'z', ..]) = args.get(first) {
            if args.is(first, "NX") {
                flags.nx = true;
            } else if args.is(first, "XX") {
                flags.xx = true;
            } else if args.is(first, "CH") {
                count_changed = true;
            } else if args.is(first, "INCR") {
                flags.incr = true;
            } else if args.is(first, "GT") {
                flags.gt = true;
            } else if args.is(first, "LT") {
                flags.lt = true;
            } else {
                break;
            }
            first += 1;
        }
        let words = args.len() - first;
        if words == 0 || !words.is_multiple_of(2) {
            return Err(CmdError::SYNTAX);
        }
        if flags.nx && flags.xx {
            return Err(CmdError::text("ERR XX and NX options at the same time are not compatible"));
        }
        if flags.gt && (flags.nx || flags.lt) || flags.lt && flags.nx {
            return Err(CmdError::text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if flags.incr && words > 2 {
            return Err(CmdError::text("ERR INCR option supports a single increment-element pair"));
        }
        Ok(Options { flags, count_changed, first })
    }
}

fn zadd(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let options = Options::parse(args)?;
    let pairs = args.from(options.first);
    if pairs.len() == 2 {
        let score = parse_f64(pairs.at(0)).ok_or(CmdError::NOT_A_FLOAT)?;
        let outcome = add_one(db, args.at(1), score, pairs.at(1), options.flags)?;
        match outcome {
            _ if options.flags.incr => write_score(reply, outcome),
            Outcome::Added(_) => reply.int(1),
            Outcome::Updated(_) => reply.int(i64::from(options.count_changed)),
            _ => reply.int(0),
        }
        return Ok(Flow::Done);
    }
    let (added, updated) = add_many(db, args.at(1), pairs, options.flags)?;
    reply.count(if options.count_changed { added + updated } else { added });
    Ok(Flow::Done)
}

/// The set to add to; `None` where there is none and XX asks for nothing to be created.
#[inline]
fn target<'d>(db: &'d mut Db<'_>, key: &[u8], flags: AddFlags) -> Result<Option<Mut<'d, Zset>>, WrongType> {
    if flags.xx { db.get_mut(key) } else { db.get_or_create(key).map(Some) }
}

/// Adds one member, with its event.
#[inline]
fn add_one(db: &mut Db<'_>, key: &[u8], score: f64, member: &[u8], flags: AddFlags) -> Result<Outcome, CmdError> {
    let limits = limits(db.env);
    let Some(mut zset) = target(db, key, flags)? else { return Ok(Outcome::Skipped) };
    zset.hint(1, &limits);
    let outcome = zset.add(member, score, flags, &limits);
    drop(zset);
    match outcome {
        Outcome::Added(_) | Outcome::Updated(_) => {
            db.changed(key, Class::Zset, if flags.incr { "zincr" } else { "zadd" });
        }
        Outcome::NotANumber => return Err(NAN),
        Outcome::Same(_) | Outcome::Skipped => {}
    }
    Ok(outcome)
}

/// Adds pairs of score and member, as arguments; answers how many members were added and how many were given another
/// score.
fn add_many(db: &mut Db<'_>, key: &[u8], pairs: Args<'_>, flags: AddFlags) -> Result<(usize, usize), CmdError> {
    let scores: Option<Vec<f64>> = pairs.iter().step_by(2).map(parse_f64).collect();
    let scores = scores.ok_or(CmdError::NOT_A_FLOAT)?;
    add_pairs(db, key, scores.into_iter().zip(pairs.iter().skip(1).step_by(2)), flags)
}

/// Adds members with their scores, with the event; answers how many were added and how many were given another score.
///
/// # Errors
/// When the key holds something else.
pub fn add_pairs<'m>(
    db: &mut Db<'_>,
    key: &[u8],
    pairs: impl ExactSizeIterator<Item = (f64, &'m [u8])>,
    flags: AddFlags,
) -> Result<(usize, usize), CmdError> {
    let limits = limits(db.env);
    let Some(mut zset) = target(db, key, flags)? else { return Ok((0, 0)) };
    zset.hint(pairs.len(), &limits);
    let (mut added, mut updated) = (0, 0);
    for (score, member) in pairs {
        match zset.add(member, score, flags, &limits) {
            Outcome::Added(_) => added += 1,
            Outcome::Updated(_) => updated += 1,
            Outcome::Same(_) | Outcome::Skipped | Outcome::NotANumber => {}
        }
    }
    drop(zset);
    if added + updated > 0 {
        db.changed_n(key, Class::Zset, "zadd", added + updated);
    }
    Ok((added, updated))
}

/// Replies with the score that adding came to, or null.
fn write_score(reply: &mut Reply, outcome: Outcome) {
    match outcome {
        Outcome::Added(score) | Outcome::Updated(score) | Outcome::Same(score) => reply.double(score),
        Outcome::Skipped | Outcome::NotANumber => reply.null(),
    }
}

pub static ZINCRBY: Command = Command::data("ZINCRBY", zincrby)
    .summary("Adds a number to the score of a member of a sorted set.")
    .since("1.2.0")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(4)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])])
    .args(&[key("key", 0), integer("increment"), string("member")]);

fn zincrby(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let increment = parse_f64(args.at(2)).ok_or(CmdError::NOT_A_FLOAT)?;
    let outcome = add_one(db, args.at(1), increment, args.at(3), AddFlags { incr: true, ..AddFlags::default() })?;
    write_score(reply, outcome);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn adding_and_counting() {
        let mut s = Session::new();
        assert_eq!(s.run("ZADD z 1 a"), ":1\r\n");
        assert_eq!(s.run("ZADD z 2 a"), ":0\r\n");
        assert_eq!(s.run("ZADD z ch 3 a"), ":1\r\n");
        assert_eq!(s.run("ZADD z ch 3 a"), ":0\r\n");
        assert_eq!(s.run("ZADD z 3 a 4 b 5 c"), ":2\r\n");
        assert_eq!(s.run("ZADD z CH 3 a 5 b 6 d"), ":2\r\n");
        assert_eq!(s.run("ZADD z nx 9 a 9 e"), ":1\r\n");
        assert_eq!(s.run("ZADD z xx ch 9 a 9 f"), ":1\r\n");
        assert_eq!(s.run("ZADD z xx gt ch 8 a 10 e"), ":1\r\n");
        assert_eq!(s.run("ZADD none xx 1 a"), ":0\r\n");
        assert_eq!(s.run("ZADD none xx 1 a 2 b"), ":0\r\n");
        assert_eq!(s.run("EXISTS none"), ":0\r\n");
        assert_eq!(s.run("ZADD z inf a -inf b 0x10 c"), ":0\r\n");
        assert_eq!(s.run("ZSCORE z c"), "$2\r\n16\r\n");
    }

    #[test]
    fn increments() {
        let mut s = Session::new();
        assert_eq!(s.run("ZINCRBY z 1.5 a"), "$3\r\n1.5\r\n");
        assert_eq!(s.run("ZADD z INCR 1 a"), "$3\r\n2.5\r\n");
        assert_eq!(s.run("ZADD z INCR LT 1 a"), "$-1\r\n");
        assert_eq!(s.run("ZADD z INCR XX 1 none"), "$-1\r\n");
        assert_eq!(s.run("ZADD none INCR XX 1 none"), "$-1\r\n");
        assert_eq!(s.run("ZINCRBY z inf a"), "$3\r\ninf\r\n");
        assert_eq!(s.run("ZINCRBY z -inf a"), "-ERR resulting score is not a number (NaN)\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("ZINCRBY z 0.1 b"), ",0.1\r\n");
        assert_eq!(s.run("ZADD z NX INCR 1 b"), "_\r\n");
    }

    #[test]
    fn what_is_refused() {
        let mut s = Session::new();
        s.run("SET str x");
        for (line, error) in [
            ("ZADD z nx 1", "ERR syntax error"),
            ("ZADD z 1 a 2", "ERR syntax error"),
            ("ZADD z nx xx 1 a", "ERR XX and NX options at the same time are not compatible"),
            ("ZADD z nx gt 1 a", "ERR GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z gt lt 1 a", "ERR GT, LT, and/or NX options at the same time are not compatible"),
            ("ZADD z incr 1 a 2 b", "ERR INCR option supports a single increment-element pair"),
            ("ZADD str x a", "ERR value is not a valid float"),
            ("ZADD z 1 a nan b", "ERR value is not a valid float"),
            ("ZADD z '' a", "ERR value is not a valid float"),
            ("ZADD str 1 a", "WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZADD str 1 a 2 b", "WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("ZINCRBY z x a", "ERR value is not a valid float"),
            ("ZINCRBY z 1 a 2 b", "ERR wrong number of arguments for 'zincrby' command"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"), "{line}");
        }
        assert_eq!(s.run("EXISTS z"), ":0\r\n");
    }

    #[test]
    fn encodings() {
        let mut s = Session::new();
        s.run("CONFIG SET zset-max-listpack-entries 2");
        s.run("ZADD small 1 a 2 b");
        s.run("ZADD many 1 a 1 a 1 a");
        assert_eq!(s.run("OBJECT ENCODING small"), "$8\r\nlistpack\r\n");
        assert_eq!(s.run("OBJECT ENCODING many"), "$8\r\nskiplist\r\n");
        s.run("ZADD small 3 c");
        assert_eq!(s.run("OBJECT ENCODING small"), "$8\r\nskiplist\r\n");
        s.run("CONFIG SET zset-max-listpack-entries 0");
        s.run("ZADD none 1 a");
        assert_eq!(s.run("OBJECT ENCODING none"), "$8\r\nskiplist\r\n");
    }
}
