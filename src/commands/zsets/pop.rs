//! Taking members from either end: at once, or waiting for one.

use super::{pair, pairs_header};
use crate::commands::elems::bulk;
use crate::commands::timeout;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::listpack::Elem;
use crate::keyspace::{Class, Type};
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::util::number::parse_i64;

/// Which end members are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn parse(args: Args<'_>, at: usize) -> Option<End> {
        match () {
            _ if args.is(at, "MIN") => Some(End::Min),
            _ if args.is(at, "MAX") => Some(End::Max),
            _ => None,
        }
    }

    fn event(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }

    /// The command that takes from this end at once.
    fn command(self) -> &'static [u8] {
        match self {
            End::Min => b"ZPOPMIN",
            End::Max => b"ZPOPMAX",
        }
    }
}

/// How what was taken is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Member and score in turn, one array in all.
    Flat,
    /// As [`Flat`](Shape::Flat), but pairs of their own in RESP3.
    Pairs,
    /// The key, a member, its score.
    WithKey,
    /// The key and an array of pairs.
    KeyAndPairs,
}

/// Takes up to `count` members (1 at least) from one end and replies with them; says how many. `None`, and nothing
/// written: there is no such set.
fn pop(db: &mut Db<'_>, key: &[u8], end: End, count: usize, shape: Shape, reply: &mut Reply) -> Result<Option<usize>, CmdError> {
    let Some(mut zset) = db.get_mut::<Zset>(key)? else { return Ok(None) };
    let count = count.min(zset.len());
    match shape {
        Shape::Flat => reply.array(count * 2),
        Shape::Pairs => pairs_header(reply, count),
        Shape::WithKey => {
            reply.array(3);
            reply.bulk(key);
        }
        Shape::KeyAndPairs => {
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
        }
    }
    let write = |(member, score): (Elem<'_>, f64)| match shape {
        Shape::Flat | Shape::WithKey => {
            bulk(reply, member);
            reply.double(score);
        }
        Shape::Pairs => pair(reply, (member, score)),
        Shape::KeyAndPairs => {
            reply.array(2);
            bulk(reply, member);
            reply.double(score);
        }
    };
    match end {
        End::Min => zset.pop_min(count, write),
        End::Max => zset.pop_max(count, write),
    };
    let emptied = zset.is_empty();
    drop(zset);
    db.changed_n(key, Class::Zset, end.event(), count);
    if emptied {
        db.remove_if_empty(key);
    }
    Ok(Some(count))
}

pub static ZPOPMIN: Command = Command::data("ZPOPMIN", zpopmin)
    .summary("Takes the members with the lowest scores from a sorted set.")
    .since("5.0.0")
    .complexity("O(log(N)*M) for M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0), integer("count").optional()]);

fn zpopmin(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop_at_once(db, args, reply, End::Min)
}

pub static ZPOPMAX: Command = Command::data("ZPOPMAX", zpopmax)
    .summary("Takes the members with the highest scores from a sorted set.")
    .since("5.0.0")
    .complexity("O(log(N)*M) for M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0), integer("count").optional()]);

fn zpopmax(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop_at_once(db, args, reply, End::Max)
}

fn pop_at_once(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    if args.len() > 3 {
        return Err(CmdError::SYNTAX);
    }
    let (count, shape) = match args.get(2) {
        None => (1, Shape::Flat),
        Some(count) => {
            let count = parse_i64(count).and_then(|count| usize::try_from(count).ok());
            (count.ok_or(CmdError::OUT_OF_RANGE_POSITIVE)?, Shape::Pairs)
        }
    };
    let popped = if count == 0 {
        // The type is checked all the same.
        db.get_mut::<Zset>(args.at(1))?;
        None
    } else {
        pop(db, args.at(1), end, count, shape, reply)?
    };
    if popped.is_none() {
        reply.array(0);
    }
    Ok(Flow::Done)
}

/// What ZMPOP and BZMPOP ask for.
struct MultiPop<'a> {
    keys: Args<'a>,
    end: End,
    count: usize,
}

impl<'a> MultiPop<'a> {
    /// Parses `numkeys key [key …] MIN | MAX [COUNT count]`, which `args` begins with.
    fn parse(args: Args<'a>) -> Result<MultiPop<'a>, CmdError> {
        const NUMKEYS: CmdError = CmdError::text("ERR numkeys should be greater than 0");
        const COUNT: CmdError = CmdError::text("ERR count should be greater than 0");
        let positive = |word| parse_i64(word).and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
        let numkeys = positive(args.at(0)).ok_or(NUMKEYS)?;
        let where_at = numkeys.checked_add(1).filter(|&at| at < args.len()).ok_or(CmdError::SYNTAX)?;
        let end = End::parse(args, where_at).ok_or(CmdError::SYNTAX)?;
        let mut count = None;
        let mut at = where_at + 1;
        while at < args.len() {
            match args.get(at + 1) {
                Some(word) if count.is_none() && args.is(at, "COUNT") => count = Some(positive(word).ok_or(COUNT)?),
                _ => return Err(CmdError::SYNTAX),
            }
            at += 2;
        }
        Ok(MultiPop { keys: args.slice(1, where_at), end, count: count.unwrap_or(1) })
    }

    /// Takes from the first of the sets that is there; `false`, and nothing written: none is.
    fn run(&self, db: &mut Db<'_>, reply: &mut Reply) -> Result<bool, CmdError> {
        for key in self.keys.iter() {
            if let Some(popped) = pop(db, key, self.end, self.count, Shape::KeyAndPairs, reply)? {
                db.propagate(&[self.end.command(), key, itoa::Buffer::new().format(popped).as_bytes()]);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

const WHERE: [argspec::Arg; 2] = [token("min", "MIN"), token("max", "MAX")];

pub static ZMPOP: Command = Command::data("ZMPOP", zmpop)
    .summary("Takes members with the lowest or highest scores from the first of several sorted sets that is there.")
    .since("7.0.0")
    .complexity("O(K)+O(M*log(N)) for K keys and M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-4)
    .flags(&[Write])
    .keys(&[Keys::counted(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[integer("numkeys"), key("key", 0).multiple(), oneof("where", &WHERE), integer("count").token("COUNT").optional()]);

fn zmpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    if !MultiPop::parse(args.from(1))?.run(db, reply)? {
        reply.null_array();
    }
    Ok(Flow::Done)
}

/// Waits until one of the sets is there.
fn wait_for(keys: Args<'_>, timeout_ms: u64) -> CmdResult {
    let keys = keys.iter().map(Box::from).collect();
    Ok(Flow::Block(Box::new(Wait::for_keys(keys, Type::Zset, timeout_ms, Nothing::NullArray))))
}

pub static BZPOPMIN: Command = Command::data("BZPOPMIN", bzpopmin)
    .summary("Takes the member with the lowest score from the first of several sorted sets that is there, or waits for one.")
    .since("5.0.0")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[Write, Fast, Blocking])
    .keys(&[Keys::range(1, -2, 1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0).multiple(), double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")]);

fn bzpopmin(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop_or_wait(db, args, reply, End::Min)
}

pub static BZPOPMAX: Command = Command::data("BZPOPMAX", bzpopmax)
    .summary("Takes the member with the highest score from the first of several sorted sets that is there, or waits for one.")
    .since("5.0.0")
    .complexity("O(log(N)), N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[Write, Fast, Blocking])
    .keys(&[Keys::range(1, -2, 1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0).multiple(), double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")]);

fn bzpopmax(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop_or_wait(db, args, reply, End::Max)
}

fn pop_or_wait(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    let last = args.len() - 1;
    let timeout_ms = timeout::parse(args.at(last), db.env.now_ms)?;
    let keys = args.slice(1, last);
    for key in keys.iter() {
        if pop(db, key, end, 1, Shape::WithKey, reply)?.is_some() {
            db.propagate(&[end.command(), key]);
            return Ok(Flow::Done);
        }
    }
    wait_for(keys, timeout_ms)
}

pub static BZMPOP: Command = Command::data("BZMPOP", bzmpop)
    .summary("Takes members from the first of several sorted sets that is there, or waits for one.")
    .since("7.0.0")
    .complexity("O(K)+O(M*log(N)) for K keys and M members, N being the size of the sorted set.")
    .group(Group::SortedSet)
    .arity(-5)
    .flags(&[Write, Blocking])
    .keys(&[Keys::counted(2).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[
        double("timeout"),
        integer("numkeys"),
        key("key", 0).multiple(),
        oneof("where", &WHERE),
        integer("count").token("COUNT").optional(),
    ]);

fn bzmpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let request = MultiPop::parse(args.from(2))?;
    let timeout_ms = timeout::parse(args.at(1), db.env.now_ms)?;
    if request.run(db, reply)? { Ok(Flow::Done) } else { wait_for(request.keys, timeout_ms) }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn at_once() {
        let mut s = Session::new();
        s.run("ZADD z 1 a 2 b 3 c 4 d");
        assert_eq!(s.run("ZPOPMIN z"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(s.run("ZPOPMAX z 2"), "*4\r\n$1\r\nd\r\n$1\r\n4\r\n$1\r\nc\r\n$1\r\n3\r\n");
        assert_eq!(s.run("ZPOPMIN z 0"), "*0\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("ZPOPMIN z 9"), "*1\r\n*2\r\n$1\r\nb\r\n,2\r\n");
        assert_eq!(s.run("EXISTS z"), ":0\r\n");
        assert_eq!(s.run("ZPOPMIN z"), "*0\r\n");
        s.run("ZADD z 1 a");
        assert_eq!(s.run("ZPOPMAX z"), "*2\r\n$1\r\na\r\n,1\r\n");
        s.run("SET z x");
        assert_eq!(s.run("ZPOPMIN z -1"), "-ERR value is out of range, must be positive\r\n");
        assert_eq!(s.run("ZPOPMIN z x"), "-ERR value is out of range, must be positive\r\n");
        assert_eq!(s.run("ZPOPMIN z 1 1"), "-ERR syntax error\r\n");
        assert!(s.run("ZPOPMIN z 0").starts_with("-WRONGTYPE"));
        assert!(s.run("ZPOPMIN z").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn from_several() {
        let mut s = Session::new();
        s.run("ZADD z 1 a 2 b 3 c");
        assert_eq!(s.run("ZMPOP 2 none z MIN"), "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(
            s.run("BZMPOP 0 1 z max count 9"),
            "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"
        );
        assert_eq!(s.run("ZMPOP 1 z MIN"), "*-1\r\n");
        s.run("SET str x");
        assert!(s.run("ZMPOP 2 z str MIN").starts_with("-WRONGTYPE"));
        for (line, error) in [
            ("ZMPOP 0 z MIN", "numkeys should be greater than 0"),
            ("ZMPOP a z MIN", "numkeys should be greater than 0"),
            ("ZMPOP 9223372036854775807 z MIN", "syntax error"),
            ("ZMPOP 2 z MIN", "syntax error"),
            ("ZMPOP 1 z where", "syntax error"),
            ("ZMPOP 1 z MIN COUNT", "syntax error"),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 2", "syntax error"),
            ("ZMPOP 1 z MIN COUNT 0", "count should be greater than 0"),
            ("BZMPOP x 0 z MIN", "numkeys should be greater than 0"),
            ("BZMPOP -1 1 z MIN", "timeout is negative"),
            ("BZPOPMIN z x", "timeout is not a float or out of range"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
    }

    #[test]
    fn waiting() {
        let mut s = Session::new();
        let (first, second) = (s.connect(), s.connect());
        assert_eq!(s.run_as(first, "BZPOPMIN z y z 0"), "");
        assert_eq!(s.run_as(second, "BZMPOP 1 1 z MAX COUNT 2"), "");
        assert_eq!(s.run("ZADD z 1 a 2 b 3 c"), ":3\r\n");
        assert_eq!(s.output(first), "*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(s.output(second), "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
        assert_eq!(s.run("EXISTS z"), ":0\r\n");
        assert_eq!(s.run_as(first, "BZPOPMAX z 0.5"), "");
        s.run("SET z x");
        assert_eq!(s.output(first), "");
        s.advance_ms(501);
        assert_eq!(s.output(first), "*-1\r\n");
        assert!(s.run_as(first, "BZPOPMAX z 1").starts_with("-WRONGTYPE"));
        s.run("MULTI");
        s.run("BZPOPMAX none 0");
        assert_eq!(s.run("EXEC"), "*1\r\n*-1\r\n");
    }
}
