//! Whole hashes: HGETALL, HKEYS, HVALS, and HSCAN in pages.

use crate::commands::elems;
use crate::commands::scan::{self, ScanOptions, Walked};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Hash;

const READ: &[Keys] = &[Keys::one(1).does(&[Use::RO, Use::Access])];

pub static HGETALL: Command = Command::data("HGETALL", hgetall)
    .summary("Returns all fields of a hash with their values.")
    .since("2.0.0")
    .complexity("O(N) for a hash of N fields.")
    .group(Group::Hash)
    .arity(2)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0)])
    .tips(&["nondeterministic_output_order"]);

fn hgetall(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms;
    match db.get::<Hash>(args.at(1))? {
        None => reply.map(0),
        Some(hash) => {
            reply.map(hash.live_len(now_ms));
            hash.each_live(now_ms, |field, value| {
                elems::bulk(reply, field);
                elems::bulk(reply, value);
            });
        }
    }
    Ok(Flow::Done)
}

pub static HKEYS: Command = Command::data("HKEYS", hkeys)
    .summary("Returns all fields of a hash.")
    .since("2.0.0")
    .complexity("O(N) for a hash of N fields.")
    .group(Group::Hash)
    .arity(2)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0)])
    .tips(&["nondeterministic_output_order"]);

fn hkeys(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms;
    match db.get::<Hash>(args.at(1))? {
        None => reply.array(0),
        Some(hash) => {
            reply.array(hash.live_len(now_ms));
            hash.each_live(now_ms, |field, _| elems::bulk(reply, field));
        }
    }
    Ok(Flow::Done)
}

pub static HVALS: Command = Command::data("HVALS", hvals)
    .summary("Returns all values of a hash.")
    .since("2.0.0")
    .complexity("O(N) for a hash of N fields.")
    .group(Group::Hash)
    .arity(2)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0)])
    .tips(&["nondeterministic_output_order"]);

fn hvals(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms;
    match db.get::<Hash>(args.at(1))? {
        None => reply.array(0),
        Some(hash) => {
            reply.array(hash.live_len(now_ms));
            hash.each_live(now_ms, |_, value| elems::bulk(reply, value));
        }
    }
    Ok(Flow::Done)
}

pub static HSCAN: Command = Command::data("HSCAN", hscan)
    .summary("Walks the fields of a hash with their values, a page at a time.")
    .since("2.8.0")
    .complexity("O(1) for a page, O(N) for a whole walk over N fields.")
    .group(Group::Hash)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[
        key("key", 0),
        integer("cursor"),
        pattern("pattern").token("MATCH").optional(),
        integer("count").token("COUNT").optional(),
        token("novalues", "NOVALUES").optional(),
    ])
    .tips(&["nondeterministic_output"]);

fn hscan(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let cursor = scan::cursor(args.at(2))?;
    let now_ms = db.env.now_ms;
    let Some(hash) = db.get::<Hash>(args.at(1))? else {
        scan::reply_head(reply, 0, 0);
        return Ok(Flow::Done);
    };
    let options = ScanOptions::parse(args.from(3), Walked::Hash)?;
    let mut page = Vec::new();
    let next = scan::steps(cursor, options.count, |cursor| {
        let mut seen = 0;
        let next = hash.scan(cursor, |(field, value), expiry_ms| {
            seen += 1;
            let due = expiry_ms.is_some_and(|when_ms| now_ms > when_ms);
            if !due && options.wants(field.text(&mut itoa::Buffer::new())) {
                page.push(field);
                if !options.names_only {
                    page.push(value);
                }
            }
        });
        (next, seen)
    });
    scan::reply_head(reply, next, page.len());
    page.into_iter().for_each(|word| elems::bulk(reply, word));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn listings() {
        let mut s = Session::new();
        for (command, empty) in [("HGETALL", "*0\r\n"), ("HKEYS", "*0\r\n"), ("HVALS", "*0\r\n")] {
            assert_eq!(s.run(&format!("{command} none")), empty);
        }
        s.run("HSET h a 1 b two");
        assert_eq!(s.run("HGETALL h"), "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\ntwo\r\n");
        assert_eq!(s.run("HKEYS h"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
        assert_eq!(s.run("HVALS h"), "*2\r\n$1\r\n1\r\n$3\r\ntwo\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("HGETALL h"), "%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\ntwo\r\n");
        assert_eq!(s.run("HGETALL none"), "%0\r\n");
        assert_eq!(s.run("HKEYS h"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    }

    #[test]
    fn pages() {
        let mut s = Session::new();
        assert_eq!(s.run("HSCAN none 0 nonsense"), "*2\r\n$1\r\n0\r\n*0\r\n");
        s.run("HSET h a 1 b 2");
        assert_eq!(s.run("HSCAN h 0 MATCH b"), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
        assert_eq!(s.run("HSCAN h 0 NOVALUES"), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
        for n in 0..600 {
            s.run(&format!("HSET big f{n} {n}"));
        }
        let (mut cursor, mut words) = ("0".to_owned(), 0);
        loop {
            let reply = s.run(&format!("HSCAN big {cursor} COUNT 50"));
            let lines: Vec<&str> = reply.split("\r\n").collect();
            cursor = lines[2].to_owned();
            words += lines[3][1..].parse::<usize>().unwrap();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(words, 1200);
    }
}
