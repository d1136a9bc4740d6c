//! Looking into a list: LLEN, LINDEX, LRANGE, LPOS.

use std::ops::ControlFlow::{Break, Continue};

use super::write;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;
use crate::util::number;

pub static LLEN: Command = Command::data("LLEN", llen)
    .summary("Returns how many elements a list has.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::List)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0)]);

fn llen(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.count(db.get::<List>(args.at(1))?.map_or(0, List::len));
    Ok(Flow::Done)
}

pub static LINDEX: Command = Command::data("LINDEX", lindex)
    .summary("Returns the element at an index.")
    .since("1.0.0")
    .complexity(
        "O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or \
         the last element of the list O(1).",
    )
    .group(Group::List)
    .arity(3)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("index")]);

fn lindex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let Some(list) = db.get::<List>(args.at(1))? else {
        reply.null();
        return Ok(Flow::Done);
    };
    let index = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    if list.get(index, |elem| write(reply, elem)).is_none() {
        reply.null();
    }
    Ok(Flow::Done)
}

pub static LRANGE: Command = Command::data("LRANGE", lrange)
    .summary("Returns the elements between two indexes.")
    .since("1.0.0")
    .complexity(
        "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large \
         lists; and N is the number of elements in the specified range.",
    )
    .group(Group::List)
    .arity(4)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("start"), integer("stop")]);

fn lrange(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let start = number::parse_i64(args.at(2)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let stop = number::parse_i64(args.at(3)).ok_or(CmdError::NOT_AN_INTEGER)?;
    let Some(list) = db.get::<List>(args.at(1))? else {
        reply.array(0);
        return Ok(Flow::Done);
    };
    let range = span(start, stop, list.len());
    reply.array(range.len());
    list.for_each_range(range.start, range.len(), |elem| write(reply, elem));
    Ok(Flow::Done)
}

/// The indexes from `start` to `stop` inclusive, negative ones counting from the end, of `len` elements.
pub fn span(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let absolute = |index: i64| if index < 0 { len.saturating_add(index) } else { index };
    let (start, stop) = (absolute(start).max(0), absolute(stop).min(len - 1));
    if start > stop || start >= len { 0..0 } else { start as usize..stop as usize + 1 }
}

pub static LPOS: Command = Command::data("LPOS", lpos)
    .summary("Returns the indexes at which an element is found.")
    .since("6.0.6")
    .complexity(
        "O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or \
         the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.",
    )
    .group(Group::List)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        string("element"),
        integer("rank").token("RANK").optional(),
        integer("num-matches").token("COUNT").optional(),
        integer("len").token("MAXLEN").optional(),
    ]);

fn lpos(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (mut rank, mut count, mut max_len) = (1i64, None, 0usize);
    let mut at = 3;
    while at < args.len() {
        let Some(word) = args.get(at + 1) else { return Err(CmdError::SYNTAX) };
        let not_negative = |what: &str| {
            let number = number::parse_i64(word).and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| CmdError::err(format!("{what} can't be negative")))
        };
        if args.is(at, "RANK") {
            rank = number::parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER)?;
            if rank == i64::MIN {
                return Err(CmdError::text(
                    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                ));
            }
            if rank == 0 {
                return Err(CmdError::text(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
                     from the end of the list",
                ));
            }
        } else if args.is(at, "COUNT") {
            count = Some(not_negative("COUNT")?);
        } else if args.is(at, "MAXLEN") {
            max_len = not_negative("MAXLEN")?;
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 2;
    }
    let mut found = Vec::new();
    if let Some(list) = db.get::<List>(args.at(1))? {
        let from = if rank > 0 { End::Head } else { End::Tail };
        let mut to_skip = rank.unsigned_abs() - 1;
        let wanted = match count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => count,
        };
        let max_compared = if max_len == 0 { usize::MAX } else { max_len };
        list.find_each(args.at(2), from, max_compared, |index| {
            if to_skip > 0 {
                to_skip -= 1;
                return Continue(());
            }
            found.push(index);
            if found.len() < wanted { Continue(()) } else { Break(()) }
        });
    }
    match (count, found.first()) {
        (None, Some(index)) => reply.count(*index),
        (None, None) => reply.null(),
        (Some(_), _) => {
            reply.array(found.len());
            found.iter().for_each(|index| reply.count(*index));
        }
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans() {
        assert_eq!(span(0, -1, 5), 0..5);
        assert_eq!(span(-2, -1, 5), 3..5);
        assert_eq!(span(-100, 2, 5), 0..3);
        assert_eq!(span(2, 100, 5), 2..5);
        assert_eq!(span(3, 1, 5), 0..0);
        assert_eq!(span(5, 9, 5), 0..0);
        assert_eq!(span(i64::MIN, i64::MAX, 5), 0..5);
        assert_eq!(span(0, i64::MIN, 5), 0..0);
    }
}
