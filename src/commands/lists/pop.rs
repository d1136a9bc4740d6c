//! LPOP, RPOP and LMPOP.

use super::{end, events, write};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;
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
    let Some(mut list) = db.get_mut::<List>(key)? else {
        if count.is_some() { reply.null_array() } else { reply.null() }
        return Ok(Flow::Done);
    };
    let taken = match count {
        None => {
            list.pop(end, |elem| write(reply, elem));
            1
        }
        Some(count) => {
            let count = count.min(list.len());
            reply.array(count);
            take(&mut list, end, count, reply);
            count
        }
    };
    list.shrink();
    drop(list);
    popped(db, key, end, taken);
    Ok(Flow::Done)
}

/// Takes `count` elements, which are there, from an end, and writes them.
pub fn take(list: &mut List, end: End, count: usize, reply: &mut Reply) {
    let len = list.len();
    match end {
        End::Head => {
            list.for_each_range(0, count, |elem| write(reply, elem));
            list.remove_range(0, count);
        }
        End::Tail => {
            list.for_each_range_rev(len.saturating_sub(1), count, |elem| write(reply, elem));
            list.remove_range(len - count, count);
        }
    }
}

/// Says that elements were popped, and removes the list if it was left empty.
pub fn popped(db: &mut Db<'_>, key: &[u8], end: End, count: usize) {
    if count > 0 {
        db.changed_n(key, Class::List, events(end).1, count);
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
        let keys = number::parse_i64(args.at(at)).filter(|keys| *keys > 0 && *keys <= i64::from(i32::MAX));
        let keys = keys.ok_or(CmdError::text("ERR numkeys should be greater than 0"))? as usize;
        let last = at + keys;
        let end = end(args.get(last + 1).ok_or(CmdError::SYNTAX)?)?;
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
        for key in self.keys.iter() {
            let Some(mut list) = db.get_mut::<List>(key)? else { continue };
            let count = self.count.min(list.len());
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
            take(&mut list, self.end, count, reply);
            list.shrink();
            drop(list);
            popped(db, key, self.end, count);
            let word: &[u8] = if self.end == End::Head { b"LPOP" } else { b"RPOP" };
            db.propagate(&[word, key, count.to_string().as_bytes()]);
            return Ok(true);
        }
        Ok(false)
    }
}
