//! Reading a stream by position: XLEN, XRANGE, XREVRANGE.

use super::{interval, reply_entries};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::util::number::parse_i64;

const READ: &[Keys] = &[Keys::one(1).does(&[Use::RO, Use::Access])];
const RANGE_COST: &str = "O(N) for N entries returned.";

pub static XLEN: Command = Command::data("XLEN", xlen)
    .summary("Counts the entries of a stream.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0)]);

fn xlen(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.count(db.get::<Stream>(args.at(1))?.map_or(0, Stream::len));
    Ok(Flow::Done)
}

pub static XRANGE: Command = Command::data("XRANGE", xrange)
    .summary("Reads the entries between two ids, from the lowest up.")
    .since("5.0.0")
    .complexity(RANGE_COST)
    .group(Group::Stream)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), string("start"), string("end"), integer("count").token("COUNT").optional()])
    .history(&[("6.2.0", "An end of the range may be left out by a `(` before it.")]);

fn xrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    range(db, args, reply, false)
}

pub static XREVRANGE: Command = Command::data("XREVRANGE", xrevrange)
    .summary("Reads the entries between two ids, from the highest down.")
    .since("5.0.0")
    .complexity("O(N) for N entries returned.")
    .group(Group::Stream)
    .arity(-4)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), string("end"), string("start"), integer("count").token("COUNT").optional()])
    .history(&[("6.2.0", "An end of the range may be left out by a `(` before it.")]);

fn xrevrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    range(db, args, reply, true)
}

fn range(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, backwards: bool) -> CmdResult {
    let (start, end) = if backwards { (args.at(3), args.at(2)) } else { (args.at(2), args.at(3)) };
    let (start, end) = interval(start, end)?;
    let mut count = None;
    let mut at = 4;
    while at < args.len() {
        if !args.is(at, "count") || at + 1 >= args.len() {
            return Err(CmdError::SYNTAX);
        }
        count = Some(parse_i64(args.at(at + 1)).ok_or(CmdError::NOT_AN_INTEGER)?.max(0) as u64);
        at += 2;
    }
    let Some(stream) = db.get::<Stream>(args.at(1))? else {
        reply.array(0);
        return Ok(Flow::Done);
    };
    match count {
        Some(0) => reply.null_array(),
        _ => {
            reply_entries(reply, stream.log.range(start, end, backwards), count.unwrap_or(0), |_| {});
        }
    }
    Ok(Flow::Done)
}
