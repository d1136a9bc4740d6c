//! LPOP, RPOP and LMPOP.

use super::{end, events, limits, write};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::{End, Limits};
use crate::util::number;

pub static LPOP: Command = Command::data("LPOP", lpop)
    .summary("Takes elements from the front of a list.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of elements returned")
    .group(Group::List)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0), integer("count").since("6.2.0").optional()])
    .history(&[("6.2.0", "The number of elements to take.")]);

fn lpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop(db, args, reply, End::Head)
}

pub static RPOP: Command = Command::data("RPOP", rpop)
    .summary("Takes elements from the back of a list.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of elements returned")
    .group(Group::List)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0), integer("count").since("6.2.0").optional()])
    .history(&[("6.2.0", "The number of elements to take.")]);

fn rpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    pop(db, args, reply, End::Tail)
}

fn pop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, end: End) -> CmdResult {
    let key = args.at(1);
    let count = match args.get(2) {
        _ if args.len() > 3 => return Err(CmdError::arity(if end == End::Head { "lpop" } else { "rpop" })),
        None => None,
        Some(word) => {
            let count = number::parse_i64(word).and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(CmdError::OUT_OF_RANGE_POSITIVE)?)
        }
    };
    let limits = limits(db.env);
    let Some(mut list) = db.get_mut::<List>(key)? else {
        if count.is_some() {
            reply.null_array()
        } else {
            reply.null()
        }
        return Ok(Flow::Done);
    };
    let taken = match count {
        None => take_one(&mut list, end, limits, reply),
        Some(count) => take(&mut list, end, count, limits, reply),
    };
    drop(list);
    popped(db, key, end, taken);
    Ok(Flow::Done)
}

/// What was taken from a list.
#[derive(Clone, Copy)]
pub struct Taken {
    pub count: usize,
    /// Whether nothing is left.
    all: bool,
}

impl Taken {
    #[inline]
    fn of(list: &mut List, count: usize, limits: Limits) -> Taken {
        let all = list.is_empty();
        if !all {
            list.shrink(limits);
        }
        Taken { count, all }
    }
}

/// Takes the element at an end, and writes it.
#[inline]
pub fn take_one(list: &mut List, end: End, limits: Limits, reply: &mut Reply) -> Taken {
    list.pop(end, |elem| write(reply, elem));
    Taken::of(list, 1, limits)
}

/// Takes up to `count` elements from an end, and writes them as an array.
pub fn take(list: &mut List, end: End, count: usize, limits: Limits, reply: &mut Reply) -> Taken {
    let count = count.min(list.len());
    reply.array(count);
    match end {
        End::Head => list.for_each_range(0, count, |elem| write(reply, elem)),
        End::Tail => list.for_each_from_tail(count, |elem| write(reply, elem)),
    }
    list.remove_from(end, count);
    Taken::of(list, count, limits)
}

/// Says that elements were popped, and removes the list if it was left empty.
#[inline]
pub fn popped(db: &mut Db<'_>, key: &[u8], end: End, taken: Taken) {
    if taken.count > 0 {
        db.changed_n(key, Class::List, events(end).1, taken.count);
    }
    if taken.all {
        db.remove_if_empty(key);
    }
}

pub static LMPOP: Command = Command::data("LMPOP", lmpop)
    .summary("Takes elements from the first of several lists that has any.")
    .since("7.0.0")
    .complexity("O(N+M) where N is the number of provided keys and M is the number of elements returned.")
    .group(Group::List)
    .arity(-4)
    .flags(&[Write])
    .keys(&[Keys::counted(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[
        integer("numkeys"),
        key("key", 0).multiple(),
        oneof("where", &[token("left", "LEFT"), token("right", "RIGHT")]),
        integer("count").token("COUNT").optional(),
    ]);

fn lmpop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let request = Multi::parse(args, 1)?;
    if !request.serve(db, reply)? {
        reply.null_array();
    }
    Ok(Flow::Done)
}

/// What LMPOP and BLMPOP ask for: keys, end, number of elements.
pub struct Multi<'a> {
    pub keys: Args<'a>,
    end: End,
    count: usize,
}

impl<'a> Multi<'a> {
    /// Reads the arguments, the number of keys being `args[at]`.
    pub fn parse(args: Args<'a>, at: usize) -> Result<Multi<'a>, CmdError> {
        let keys = number::parse_i64(args.at(at)).filter(|keys| *keys > 0);
        let keys = keys.ok_or(CmdError::text("ERR numkeys should be greater than 0"))? as usize;
        let last = at.saturating_add(keys);
        if last >= args.len() - 1 {
            return Err(CmdError::SYNTAX);
        }
        let end = end(args.at(last + 1))?;
        let mut count = None;
        let mut option = last + 2;
        while option < args.len() {
            if count.is_some() || !args.is(option, "COUNT") || option + 1 >= args.len() {
                return Err(CmdError::SYNTAX);
            }
            let number = number::parse_i64(args.at(option + 1)).filter(|count| *count > 0);
            count = Some(number.ok_or(CmdError::text("ERR count should be greater than 0"))? as usize);
            option += 2;
        }
        Ok(Multi { keys: args.slice(at + 1, last + 1), end, count: count.unwrap_or(1) })
    }

    /// Pops from the first key that has a list; `false`: none has.
    pub fn serve(&self, db: &mut Db<'_>, reply: &mut Reply) -> Result<bool, CmdError> {
        let limits = limits(db.env);
        for key in self.keys.iter() {
            let Some(mut list) = db.get_mut::<List>(key)? else { continue };
            reply.array(2);
            reply.bulk(key);
            let taken = take(&mut list, self.end, self.count, limits, reply);
            drop(list);
            popped(db, key, self.end, taken);
            let word: &[u8] = if self.end == End::Head { b"LPOP" } else { b"RPOP" };
            db.propagate(&[word, key, taken.count.to_string().as_bytes()]);
            return Ok(true);
        }
        Ok(false)
    }
}
