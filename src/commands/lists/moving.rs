//! From one list to another: LMOVE and RPOPLPUSH.

use super::{end, events, limits};
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Type};
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;

/// Source and destination.
pub const KEYS: &[Keys] = &[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete]), Keys::one(2).does(&[Use::RW, Use::Insert])];

const ENDS: &[Arg] = &[token("left", "LEFT"), token("right", "RIGHT")];

/// Which end to take from.
pub const FROM: Arg = oneof("wherefrom", ENDS);
/// Which end to add to.
pub const TO: Arg = oneof("whereto", ENDS);

pub static LMOVE: Command = Command::data("LMOVE", lmove)
    .summary("Takes an element from an end of a list, and adds it at an end of another.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::List)
    .arity(5)
    .flags(&[Write, DenyOom])
    .keys(KEYS)
    .args(&[key("source", 0), key("destination", 1), FROM, TO]);

fn lmove(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (from, to) = (end(args.at(3))?, end(args.at(4))?);
    if !transfer(db, args, from, to, reply)? {
        reply.null();
    }
    Ok(Flow::Done)
}

pub static RPOPLPUSH: Command = Command::data("RPOPLPUSH", rpoplpush)
    .summary("Takes the last element of a list, and adds it in front of another.")
    .since("1.2.0")
    .complexity("O(1)")
    .group(Group::List)
    .arity(3)
    .flags(&[Write, DenyOom])
    .keys(KEYS)
    .args(&[key("source", 0), key("destination", 1)])
    .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments");

fn rpoplpush(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    if !transfer(db, args, End::Tail, End::Head, reply)? {
        reply.null();
    }
    Ok(Flow::Done)
}

/// Moves an element from the list at `args[1]` to the one at `args[2]`, and replies with it; `false`: there is no such list.
pub fn transfer(db: &mut Db<'_>, args: Args<'_>, from: End, to: End, reply: &mut Reply) -> Result<bool, CmdError> {
    let (source, destination) = (args.at(1), args.at(2));
    let limits = limits(db.env);
    if source == destination {
        let Some(mut list) = db.get_mut::<List>(source)? else { return Ok(false) };
        let Some(element) = list.pop(from, |elem| elem.to_vec()) else { return Ok(false) };
        list.expect(element.len(), 1, limits);
        list.push(&element, to)?;
        list.shrink(limits);
        reply.bulk(&element);
        drop(list);
        moved(db, source, destination, from, to);
        return Ok(true);
    }
    if db.get_mut::<List>(source)?.is_none() {
        return Ok(false);
    }
    // A destination of another type is an error before anything has moved.
    drop(db.get_mut::<List>(destination)?);
    let Some(mut list) = db.get_mut::<List>(source)? else { return Ok(false) };
    let Some(element) = list.pop(from, |elem| elem.to_vec()) else { return Ok(false) };
    let emptied = list.is_empty();
    if !emptied {
        list.shrink(limits);
    }
    drop(list);
    let mut list = db.get_or_create::<List>(destination)?;
    list.expect(element.len(), 1, limits);
    list.push(&element, to)?;
    drop(list);
    reply.bulk(&element);
    moved(db, source, destination, from, to);
    if emptied {
        db.remove_if_empty(source);
    }
    Ok(true)
}

/// Says that an element was moved: one change, of two keys.
pub fn moved(db: &mut Db<'_>, source: &[u8], destination: &[u8], from: End, to: End) {
    db.changed(destination, Class::List, events(to).0);
    db.env.fx.touched(db.index, source);
    db.event(source, Class::List, events(from).1);
    db.ready(destination, Type::List);
}
