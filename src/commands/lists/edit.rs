//! Changing a list in its middle: LSET, LINSERT, LREM, LTRIM.

use super::{OUT_OF_SYMMETRIC_RANGE, limits, look};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Type};
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;
use crate::util::number;

pub static LSET: Command = Command::data("LSET", lset)
    .summary("Replaces the element at an index.")
    .since("1.0.0")
    .complexity("O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).")
    .group(Group::List)
    .arity(4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), integer("index"), string("element")]);

fn lset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(db.env);
    let Some(mut list) = db.get_mut::<List>(args.at(1))? else { return Err(CmdError::NO_SUCH_KEY) };
    let index = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    list.expect(args.at(3).len(), 1, limits);
    if !list.set(index, args.at(3))? {
        return Err(CmdError::OUT_OF_RANGE);
    }
    list.shrink(limits);
    drop(list);
    db.changed(args.at(1), Class::List, "lset");
    reply.ok();
    Ok(Flow::Done)
}

pub static LINSERT: Command = Command::data("LINSERT", linsert)
    .summary("Puts an element before or after another.")
    .since("2.2.0")
    .complexity(
        "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on \
         the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).",
    )
    .group(Group::List)
    .arity(5)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[
        key("key", 0),
        oneof("where", &[token("before", "BEFORE"), token("after", "AFTER")]),
        string("pivot"),
        string("element"),
    ]);

fn linsert(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let after = match args.at(2).to_ascii_lowercase().as_slice() {
        b"after" => true,
        b"before" => false,
        _ => return Err(CmdError::SYNTAX),
    };
    let limits = limits(db.env);
    let Some(mut list) = db.get_mut::<List>(args.at(1))? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    list.expect(args.at(4).len(), 1, limits);
    if !list.insert_beside(args.at(3), after, args.at(4))? {
        reply.int(-1);
        return Ok(Flow::Done);
    }
    let len = list.len();
    drop(list);
    db.changed(args.at(1), Class::List, "linsert");
    db.ready(args.at(1), Type::List);
    reply.count(len);
    Ok(Flow::Done)
}

pub static LREM: Command = Command::data("LREM", lrem)
    .summary("Removes elements that are equal to one.")
    .since("1.0.0")
    .complexity("O(N+M) where N is the length of the list and M is the number of elements removed.")
    .group(Group::List)
    .arity(4)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), integer("count"), string("element")]);

fn lrem(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let count = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    if count == i64::MIN {
        return Err(OUT_OF_SYMMETRIC_RANGE);
    }
    let limits = limits(db.env);
    let Some(mut list) = db.get_mut::<List>(args.at(1))? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    let from = if count < 0 { End::Tail } else { End::Head };
    let max_removed = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let removed = list.remove_equal(args.at(3), max_removed, from);
    if removed > 0 {
        list.shrink(limits);
    }
    drop(list);
    if removed > 0 {
        db.changed_n(args.at(1), Class::List, "lrem", removed);
        db.remove_if_empty(args.at(1));
    }
    reply.count(removed);
    Ok(Flow::Done)
}

pub static LTRIM: Command = Command::data("LTRIM", ltrim)
    .summary("Removes all elements but those between two indexes.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of elements to be removed by the operation.")
    .group(Group::List)
    .arity(4)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), integer("start"), integer("stop")]);

fn ltrim(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let start = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let stop = number::parse_i64(args.at(3)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let limits = limits(db.env);
    let Some(mut list) = db.get_mut::<List>(args.at(1))? else {
        reply.ok();
        return Ok(Flow::Done);
    };
    let len = list.len();
    let kept = look::span(start, stop, len);
    list.remove_from(End::Tail, len - kept.end);
    list.remove_from(End::Head, kept.start);
    let left = list.len();
    if left > 0 {
        list.shrink(limits);
    }
    drop(list);
    // Said even when nothing went; but then it is no change to the dataset.
    db.env.fx.dirty += (len - left) as u64;
    db.env.fx.touched(db.index, args.at(1));
    db.event(args.at(1), Class::List, "ltrim");
    if left == 0 {
        db.remove_if_empty(args.at(1));
    }
    reply.ok();
    Ok(Flow::Done)
}
