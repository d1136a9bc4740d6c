//! Several elements from one list to another: LMOVEM and BLMOVEM.

use super::moving::{FROM, KEYS, TO, moved};
use super::{end, limits};
use crate::commands::timeout;
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::keyspace::Type;
use crate::resp::{Args, Reply};
use crate::types::List;
use crate::types::list::End;
use crate::util::number::parse_i64;

const HOW_MANY: Arg = block(
    "how-many",
    &[
        oneof("selector", &[integer("count").token("COUNT"), integer("exactly").token("EXACTLY")]),
        oneof("ordering", &[token("obo", "OBO"), token("bulk", "BULK")]),
    ],
)
.optional();

pub static LMOVEM: Command = Command::data("LMOVEM", lmovem)
    .summary("Takes elements from an end of a list, and adds them at an end of another.")
    .since("8.10.0")
    .complexity("O(N) where N is the number of elements moved.")
    .group(Group::List)
    .arity(-5)
    .flags(&[Write, DenyOom])
    .keys(KEYS)
    .args(&[key("source", 0), key("destination", 1), FROM, TO, HOW_MANY]);

fn lmovem(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let request = Request::parse(args, 5)?;
    if request.serve(db, reply)?.is_none() {
        if request.exactly { reply.null_array() } else { reply.array(0) }
    }
    Ok(Flow::Done)
}

pub static BLMOVEM: Command = Command::data("BLMOVEM", blmovem)
    .summary("Takes elements from an end of a list, waiting for them if need be, and adds them at an end of another.")
    .since("8.10.0")
    .complexity("O(N) where N is the number of elements moved.")
    .group(Group::List)
    .arity(-6)
    .flags(&[Write, DenyOom, Blocking])
    .keys(KEYS)
    .args(&[key("source", 0), key("destination", 1), FROM, TO, double("timeout"), HOW_MANY]);

fn blmovem(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let request = Request::parse(args, 6)?;
    let timeout_ms = timeout::parse(args.at(5), db.env.now_ms)?;
    if let Some(count) = request.serve(db, reply)? {
        let order: &[u8] = if request.one_by_one { b"OBO" } else { b"BULK" };
        let count = count.to_string();
        let head = [b"LMOVEM", args.at(1), args.at(2), args.at(3), args.at(4)];
        db.propagate(&[&head[..], &[b"EXACTLY", count.as_bytes(), order]].concat());
        return Ok(Flow::Done);
    }
    let source = vec![Box::from(args.at(1))];
    Ok(Flow::Block(Box::new(Wait::for_keys(source, Type::List, timeout_ms, Nothing::NullArray))))
}

/// What is to be moved.
struct Request<'a> {
    source: &'a [u8],
    destination: &'a [u8],
    from: End,
    to: End,
    count: usize,
    /// All of so many, or none.
    exactly: bool,
    /// Each is pushed before the next is popped; otherwise they keep their order.
    one_by_one: bool,
}

impl<'a> Request<'a> {
    /// Parses a request whose options begin at `options_at`.
    fn parse(args: Args<'a>, options_at: usize) -> Result<Request<'a>, CmdError> {
        let (from, to) = (end(args.at(3))?, end(args.at(4))?);
        let mut request =
            Request { source: args.at(1), destination: args.at(2), from, to, count: 1, exactly: false, one_by_one: true };
        if args.len() == options_at {
            return Ok(request);
        }
        request.exactly = args.is(options_at, "EXACTLY");
        if args.len() != options_at + 3 || !(request.exactly || args.is(options_at, "COUNT")) {
            return Err(CmdError::SYNTAX);
        }
        let count = parse_i64(args.at(options_at + 1)).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|count| *count > 0);
        request.count = count.ok_or(CmdError::text("ERR count should be greater than 0"))?;
        request.one_by_one = args.is(options_at + 2, "OBO");
        if !request.one_by_one && !args.is(options_at + 2, "BULK") {
            return Err(CmdError::SYNTAX);
        }
        Ok(request)
    }

    /// Moves the elements, replies with them as they lie now, and answers how many there were; `None`: there are not
    /// enough.
    fn serve(&self, db: &mut Db<'_>, reply: &mut Reply) -> Result<Option<usize>, CmdError> {
        let limits = limits(db.env);
        let there = db.get_mut::<List>(self.source)?.map_or(0, |list| list.len());
        let count = self.count.min(there);
        if count == 0 || self.exactly && count < self.count {
            return Ok(None);
        }
        // A destination of another type is an error before anything has moved.
        drop(db.get_mut::<List>(self.destination)?);
        let Some(mut list) = db.get_mut::<List>(self.source)? else { return Ok(None) };
        let mut moving = Vec::with_capacity(count);
        for _ in 0..count {
            moving.extend(list.pop(self.from, |elem| elem.to_vec()));
        }
        let emptied = list.is_empty();
        if !emptied {
            list.shrink(limits);
        }
        drop(list);
        // From here on in the order in which they will lie.
        let reversed = if self.one_by_one { self.to == End::Head } else { self.from == End::Tail };
        if reversed {
            moving.reverse();
        }
        let mut list = db.get_or_create::<List>(self.destination)?;
        list.expect(moving.iter().map(Vec::len).sum(), moving.len(), limits);
        match self.to {
            End::Head => moving.iter().rev().try_for_each(|element| list.push(element, End::Head))?,
            End::Tail => moving.iter().try_for_each(|element| list.push(element, End::Tail))?,
        }
        drop(list);
        moved(db, self.source, self.destination, self.from, self.to);
        if emptied && self.source != self.destination {
            db.remove_if_empty(self.source);
        }
        reply.array(moving.len());
        moving.iter().for_each(|element| reply.bulk(element));
        Ok(Some(count))
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    fn list(elements: &str) -> String {
        let elements: Vec<&str> = elements.split_whitespace().collect();
        let items: String = elements.iter().map(|element| format!("${}\r\n{element}\r\n", element.len())).collect();
        format!("*{}\r\n{items}", elements.len())
    }

    #[test]
    fn elements_move_in_either_order() {
        let mut s = Session::new();
        for (options, answer, source) in [
            ("LEFT RIGHT", "1", "2 3 4 5"),
            ("LEFT LEFT COUNT 3 OBO", "3 2 1", "4 5"),
            ("LEFT LEFT COUNT 3 BULK", "1 2 3", "4 5"),
            ("RIGHT RIGHT COUNT 3 OBO", "5 4 3", "1 2"),
            ("RIGHT RIGHT COUNT 3 BULK", "3 4 5", "1 2"),
            ("LEFT RIGHT COUNT 100 BULK", "1 2 3 4 5", ""),
            ("left right exactly 5 obo", "1 2 3 4 5", ""),
        ] {
            s.run("DEL from to");
            s.run("RPUSH from 1 2 3 4 5");
            assert_eq!(s.run(&format!("LMOVEM from to {options}")), list(answer), "{options}");
            assert_eq!(s.run("LRANGE to 0 -1"), list(answer));
            assert_eq!(s.run("LRANGE from 0 -1"), list(source));
        }
        assert_eq!(s.run("EXISTS from"), ":0\r\n");
        assert_eq!(s.run("LMOVEM from to LEFT LEFT COUNT 2 OBO"), "*0\r\n");
        assert_eq!(s.run("LMOVEM to from LEFT LEFT EXACTLY 6 OBO"), "*-1\r\n");
        assert_eq!(s.run("LMOVEM to to LEFT RIGHT COUNT 2 BULK"), list("1 2"));
        assert_eq!(s.run("LRANGE to 0 -1"), list("3 4 5 1 2"));
        assert_eq!(s.run("LMOVEM to to LEFT LEFT EXACTLY 5 OBO"), list("2 1 5 4 3"));
        assert_eq!(s.run("LRANGE to 0 -1"), list("2 1 5 4 3"));
    }

    #[test]
    fn waiting_for_enough() {
        let mut s = Session::new();
        let other = s.connect();
        assert_eq!(s.run_as(other, "BLMOVEM from to LEFT RIGHT 0 EXACTLY 3 BULK"), "");
        s.run("RPUSH from 1 2");
        assert_eq!(s.output(other), "");
        s.run("LINSERT from BEFORE 1 0");
        assert_eq!(s.output(other), list("0 1 2"));
        assert_eq!(s.run("LRANGE to 0 -1"), list("0 1 2"));
        assert_eq!(s.run_as(other, "BLMOVEM from to LEFT LEFT 1 COUNT 5 OBO"), "");
        s.run("LPUSH from x");
        assert_eq!(s.output(other), list("x"));
        assert_eq!(s.run_as(other, "BLMOVEM from to LEFT LEFT 1"), "");
        s.advance_ms(1001);
        assert_eq!(s.output(other), "*-1\r\n");
    }

    #[test]
    fn what_is_wrong() {
        let mut s = Session::new();
        s.run("RPUSH from a b");
        s.run("SET str x");
        for (line, error) in [
            ("LMOVEM from to LEFT", "ERR wrong number of arguments for 'lmovem' command"),
            ("LMOVEM from to LEFT RIGHT COUNT 2", "ERR syntax error"),
            ("LMOVEM from to LEFT RIGHT COUNT 2 OBO x", "ERR syntax error"),
            ("LMOVEM from to LEFT RIGHT COUNT 2 x", "ERR syntax error"),
            ("LMOVEM from to LEFT RIGHT x 2 OBO", "ERR syntax error"),
            ("LMOVEM from to UP RIGHT COUNT 2 OBO", "ERR syntax error"),
            ("LMOVEM from to LEFT RIGHT COUNT 0 OBO", "ERR count should be greater than 0"),
            ("LMOVEM from to LEFT RIGHT EXACTLY a OBO", "ERR count should be greater than 0"),
            ("LMOVEM from str LEFT RIGHT COUNT 2 BULK", "WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("LMOVEM str from LEFT RIGHT", "WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("BLMOVEM from to LEFT RIGHT x", "ERR timeout is not a float or out of range"),
        ] {
            assert_eq!(s.run(line), format!("-{error}\r\n"), "{line}");
        }
        assert_eq!(s.run("LLEN from"), ":2\r\n");
    }
}
