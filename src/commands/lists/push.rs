//! LPUSH and RPUSH, and their siblings that want a list to be there.

use super::{events, limits};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;

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
    if db.get_mut::<List>(args.at(1))?.is_none() {
        reply.int(0);
        return Ok(Flow::Done);
    }
    push(db, args, reply, end)
}

#[inline]
fn push(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    let limits = limits(db.env);
    let elements = args.from(2);
    let mut list = db.get_or_create::<List>(args.at(1))?;
    list.expect(elements.total_bytes(), elements.len(), limits);
    let mut pushed = Ok(());
    for element in elements.iter() {
        pushed = list.push(element, end);
        if pushed.is_err() {
            break;
        }
    }
    let len = list.len();
    drop(list);
    if let Err(error) = pushed {
        db.remove_if_empty(args.at(1));
        return Err(error.into());
    }
    db.changed_n(args.at(1), Class::List, events(end).0, elements.len());
    reply.count(len);
    Ok(Flow::Done)
}
