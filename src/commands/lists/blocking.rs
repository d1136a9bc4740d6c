//! The commands that wait for an element: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP.

use super::pop::{Multi, popped, take_one};
use super::{end, limits, moving};
use crate::commands::timeout;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Type;
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;

/// The wish to wait for a list under one of these keys.
fn wait<'a>(keys: impl Iterator<Item = &'a [u8]>, timeout_ms: u64, denied: Nothing) -> CmdResult {
    Ok(Flow::Block(Box::new(Wait::for_keys(keys.map(Box::from).collect(), Type::List, timeout_ms, denied))))
}

pub static BLPOP: Command = Command::data("BLPOP", blpop)
    .summary("Takes the first element of the first of several lists that has any, and waits for one if need be.")
    .since("2.0.0")
    .complexity("O(N) where N is the number of provided keys.")
    .group(Group::List)
    .arity(-3)
    .flags(&[Write, Blocking])
    .keys(&[Keys::range(1, -2, 1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0).multiple(), double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")]);

fn blpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop_or_wait(db, args, reply, End::Head)
}

pub static BRPOP: Command = Command::data("BRPOP", brpop)
    .summary("Takes the last element of the first of several lists that has any, and waits for one if need be.")
    .since("2.0.0")
    .complexity("O(N) where N is the number of provided keys.")
    .group(Group::List)
    .arity(-3)
    .flags(&[Write, Blocking])
    .keys(&[Keys::range(1, -2, 1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0).multiple(), double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")]);

fn brpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop_or_wait(db, args, reply, End::Tail)
}

fn pop_or_wait(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    let timeout_ms = timeout::parse(args.at(args.len() - 1), db.env.now_ms)?;
    let keys = args.slice(1, args.len() - 1);
    let limits = limits(db.env);
    for key in keys.iter() {
        let Some(mut list) = db.get_mut::<List>(key)? else { continue };
        reply.array(2);
        reply.bulk(key);
        let taken = take_one(&mut list, end, limits, reply);
        drop(list);
        popped(db, key, end, taken);
        db.propagate(&[if end == End::Head { b"LPOP" } else { b"RPOP" }, key]);
        return Ok(Flow::Done);
    }
    wait(keys.iter(), timeout_ms, Nothing::NullArray)
}

pub static BLMPOP: Command = Command::data("BLMPOP", blmpop)
    .summary("Takes elements from the first of several lists that has any, and waits for some if need be.")
    .since("7.0.0")
    .complexity("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
    .group(Group::List)
    .arity(-5)
    .flags(&[Write, Blocking])
    .keys(&[Keys::counted(2).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[
        double("timeout"),
        integer("numkeys"),
        key("key", 0).multiple(),
        oneof("where", &[token("left", "LEFT"), token("right", "RIGHT")]),
        integer("count").token("COUNT").optional(),
    ]);

fn blmpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let request = Multi::parse(args, 2)?;
    let timeout_ms = timeout::parse(args.at(1), db.env.now_ms)?;
    if request.serve(db, reply)? {
        return Ok(Flow::Done);
    }
    wait(request.keys.iter(), timeout_ms, Nothing::NullArray)
}

pub static BLMOVE: Command = Command::data("BLMOVE", blmove)
    .summary("Takes an element from an end of a list, waiting for one if need be, and adds it at an end of another.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::List)
    .arity(6)
    .flags(&[Write, DenyOom, Blocking])
    .keys(moving::KEYS)
    .args(&[key("source", 0), key("destination", 1), moving::FROM, moving::TO, double("timeout")]);

fn blmove(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (from, to) = (end(args.at(3))?, end(args.at(4))?);
    let timeout_ms = timeout::parse(args.at(5), db.env.now_ms)?;
    if moving::transfer(db, args, from, to, reply)? {
        db.propagate(&[b"LMOVE", args.at(1), args.at(2), args.at(3), args.at(4)]);
        return Ok(Flow::Done);
    }
    wait(args.slice(1, 2).iter(), timeout_ms, Nothing::Null)
}

pub static BRPOPLPUSH: Command = Command::data("BRPOPLPUSH", brpoplpush)
    .summary("Takes the last element of a list, waiting for one if need be, and adds it in front of another.")
    .since("2.2.0")
    .complexity("O(1)")
    .group(Group::List)
    .arity(4)
    .flags(&[Write, DenyOom, Blocking])
    .keys(moving::KEYS)
    .args(&[key("source", 0), key("destination", 1), double("timeout")])
    .history(&[("6.0.0", "The timeout may have a fraction.")])
    .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments");

fn brpoplpush(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let timeout_ms = timeout::parse(args.at(3), db.env.now_ms)?;
    if moving::transfer(db, args, End::Tail, End::Head, reply)? {
        db.propagate(&[b"RPOPLPUSH", args.at(1), args.at(2)]);
        return Ok(Flow::Done);
    }
    wait(args.slice(1, 2).iter(), timeout_ms, Nothing::Null)
}
