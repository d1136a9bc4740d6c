//! LPUSH and RPUSH, and their siblings that want a list to be there.

use super::{events, limits};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::blob::TooLong;
use crate::keyspace::{Class, Mut, Type};
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::{End, Limits};

pub static LPUSH: Command = Command::data("LPUSH", lpush)
    .summary("Adds elements in front of a list, which is created if there is none.")
    .since("1.0.0")
    .complexity("O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.")
    .group(Group::List)
    .arity(-3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("element").multiple()])
    .history(&[("2.4.0", "Several elements at once.")]);

fn lpush(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    push(db, args, reply, End::Head)
}

pub static RPUSH: Command = Command::data("RPUSH", rpush)
    .summary("Adds elements behind a list, which is created if there is none.")
    .since("1.0.0")
    .complexity("O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.")
    .group(Group::List)
    .arity(-3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("element").multiple()])
    .history(&[("2.4.0", "Several elements at once.")]);

fn rpush(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    push(db, args, reply, End::Tail)
}

pub static LPUSHX: Command = Command::data("LPUSHX", lpushx)
    .summary("Adds elements in front of a list, if there is one.")
    .since("2.2.0")
    .complexity("O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.")
    .group(Group::List)
    .arity(-3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("element").multiple()])
    .history(&[("4.0.0", "Several elements at once.")]);

fn lpushx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    push_if_there(db, args, reply, End::Head)
}

pub static RPUSHX: Command = Command::data("RPUSHX", rpushx)
    .summary("Adds elements behind a list, if there is one.")
    .since("2.2.0")
    .complexity("O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.")
    .group(Group::List)
    .arity(-3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("element").multiple()])
    .history(&[("4.0.0", "Several elements at once.")]);

fn rpushx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    push_if_there(db, args, reply, End::Tail)
}

fn push_if_there(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    let limits = limits(db.env);
    let Some(list) = db.get_mut::<List>(args.at(1))? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    let len = fill(list, args.from(2), end, limits)?;
    db.changed_n(args.at(1), Class::List, events(end).0, args.len() - 2);
    // Somebody may wait for more elements than there were.
    db.ready(args.at(1), Type::List);
    reply.count(len);
    Ok(Flow::Done)
}

#[inline]
fn push(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    let limits = limits(db.env);
    let list = db.get_or_create::<List>(args.at(1))?;
    match fill(list, args.from(2), end, limits) {
        Ok(len) => reply.count(len),
        Err(error) => {
            db.remove_if_empty(args.at(1));
            return Err(error.into());
        }
    }
    db.changed_n(args.at(1), Class::List, events(end).0, args.len() - 2);
    // Somebody may wait for more elements than there were.
    db.ready(args.at(1), Type::List);
    Ok(Flow::Done)
}

/// Pushes the elements; answers how many there are now.
#[inline]
fn fill(mut list: Mut<'_, List>, elements: Args<'_>, end: End, limits: Limits) -> Result<usize, TooLong> {
    list.expect(elements.total_bytes(), elements.len(), limits);
    for element in elements.iter() {
        list.push(element, end)?;
    }
    Ok(list.len())
}
