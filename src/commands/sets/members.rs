//! Members of one set: adding, removing, asking, listing; and SMOVE.

use super::limits;
use crate::commands::elems;
use crate::commands::scan::{self, ScanOptions, Walked};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};
use crate::types::Set;

pub static SADD: Command = Command::data("SADD", sadd)
    .summary("Adds members to a set, which is created if there is none.")
    .since("1.0.0")
    .complexity("O(1) per member, so O(N) for N members.")
    .group(Group::Set)
    .arity(-3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("member").multiple()])
    .history(&[("2.4.0", "Accepts multiple `member` arguments.")]);

fn sadd(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let limits = limits(&db.env.config);
    let members = args.from(2);
    let mut set = db.get_or_create::<Set>(args.at(1))?;
    if set.is_empty() {
        set.expect_first(args.at(2), members.len(), &limits);
    } else {
        set.expect(members.len(), &limits);
    }
    let mut added = 0;
    for member in members.iter() {
        added += usize::from(set.add(member, &limits));
    }
    drop(set);
    if added > 0 {
        db.changed_n(args.at(1), Class::Set, "sadd", added);
    }
    reply.count(added);
    Ok(Flow::Done)
}

pub static SREM: Command = Command::data("SREM", srem)
    .summary("Removes members from a set, and the set with its last member.")
    .since("1.0.0")
    .complexity("O(N) for N members to remove.")
    .group(Group::Set)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("member").multiple()])
    .history(&[("2.4.0", "Accepts multiple `member` arguments.")]);

fn srem(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut removed = 0;
    if let Some(mut set) = db.get_mut::<Set>(args.at(1))? {
        removed = args.from(2).iter().filter(|member| set.remove(member)).count();
    }
    if removed > 0 {
        db.changed_n(args.at(1), Class::Set, "srem", removed);
        db.remove_if_empty(args.at(1));
    }
    reply.count(removed);
    Ok(Flow::Done)
}

pub static SMOVE: Command = Command::data("SMOVE", smove)
    .summary("Moves a member from one set to another.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Set)
    .arity(4)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete]), Keys::one(2).does(&[Use::RW, Use::Insert])])
    .args(&[key("source", 0), key("destination", 1), string("member")]);

fn smove(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (from, to, member) = (args.at(1), args.at(2), args.at(3));
    let limits = limits(&db.env.config);
    let there = match db.read_for_write(from) {
        None => false,
        Some(source) => {
            let there = matches!(source, Ref::Set(set) if set.contains(member));
            let source_is_set = matches!(source, Ref::Set(_));
            if !source_is_set || !matches!(db.read_for_write(to), None | Some(Ref::Set(_))) {
                return Err(CmdError::WRONG_TYPE);
            }
            there
        }
    };
    reply.int(i64::from(there));
    if !there || from == to {
        return Ok(Flow::Done);
    }
    if let Some(mut source) = db.get_mut::<Set>(from)? {
        source.remove(member);
    }
    db.changed(from, Class::Set, "srem");
    db.remove_if_empty(from);
    let mut target = db.get_or_create::<Set>(to)?;
    if target.is_empty() {
        target.expect_first(member, 1, &limits);
    }
    let new = target.add(member, &limits);
    drop(target);
    if new {
        db.changed(to, Class::Set, "sadd");
    }
    Ok(Flow::Done)
}

pub static SMEMBERS: Command = Command::data("SMEMBERS", smembers)
    .summary("Returns all members of a set.")
    .since("1.0.0")
    .complexity("O(N) for a set of N members.")
    .group(Group::Set)
    .arity(2)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0)])
    .tips(&["nondeterministic_output_order"]);

fn smembers(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    match db.get::<Set>(args.at(1))? {
        None => reply.set(0),
        Some(set) => {
            reply.set(set.len());
            set.iter().for_each(|member| elems::bulk(reply, member));
        }
    }
    Ok(Flow::Done)
}

pub static SCARD: Command = Command::data("SCARD", scard)
    .summary("Returns the number of members of a set.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Set)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0)]);

fn scard(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let count = db.get::<Set>(args.at(1))?.map_or(0, Set::len);
    reply.count(count);
    Ok(Flow::Done)
}

pub static SISMEMBER: Command = Command::data("SISMEMBER", sismember)
    .summary("Tells whether a member is in a set.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Set)
    .arity(3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0), string("member")]);

fn sismember(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let there = db.get::<Set>(args.at(1))?.is_some_and(|set| set.contains(args.at(2)));
    reply.int(i64::from(there));
    Ok(Flow::Done)
}

pub static SMISMEMBER: Command = Command::data("SMISMEMBER", smismember)
    .summary("Tells for each of several members whether it is in a set.")
    .since("6.2.0")
    .complexity("O(N) for N members to look for.")
    .group(Group::Set)
    .arity(-3)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), string("member").multiple()]);

fn smismember(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let set = db.get::<Set>(args.at(1))?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members.iter() {
        reply.int(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(Flow::Done)
}

pub static SSCAN: Command = Command::data("SSCAN", sscan)
    .summary("Walks the members of a set, a page at a time.")
    .since("2.8.0")
    .complexity("O(1) for a page, O(N) for a whole walk over N members.")
    .group(Group::Set)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        integer("cursor"),
        pattern("pattern").token("MATCH").optional(),
        integer("count").token("COUNT").optional(),
    ])
    .tips(&["nondeterministic_output"]);

fn sscan(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let cursor = scan::cursor(args.at(2))?;
    let Some(set) = db.get::<Set>(args.at(1))? else {
        scan::reply_head(reply, 0, 0);
        return Ok(Flow::Done);
    };
    let options = ScanOptions::parse(args.from(3), Walked::Set)?;
    let mut page = Vec::new();
    let next = scan::steps(cursor, options.count, |cursor| {
        let mut seen = 0;
        let next = set.scan(cursor, |member| {
            seen += 1;
            if options.wants(member.text(&mut itoa::Buffer::new())) {
                page.push(member);
            }
        });
        (next, seen)
    });
    scan::reply_head(reply, next, page.len());
    page.into_iter().for_each(|member| elems::bulk(reply, member));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn members_come_and_go() {
        let mut s = Session::new();
        assert_eq!(s.run("SADD s 1 2 2"), ":2\r\n");
        assert_eq!(s.run("SADD s 2"), ":0\r\n");
        assert_eq!(s.run("SCARD s"), ":2\r\n");
        assert_eq!(s.run("SMEMBERS s"), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
        assert_eq!(s.run("SISMEMBER s 2"), ":1\r\n");
        assert_eq!(s.run("SMISMEMBER s 2 3"), "*2\r\n:1\r\n:0\r\n");
        assert_eq!(s.run("SMISMEMBER none 2 3"), "*2\r\n:0\r\n:0\r\n");
        assert_eq!(s.run("SREM s 3"), ":0\r\n");
        assert_eq!(s.run("SREM s 1 2 3"), ":2\r\n");
        assert_eq!(s.run("EXISTS s"), ":0\r\n");
        s.run("SET str x");
        for line in ["SADD str a", "SREM str a", "SMEMBERS str", "SCARD str", "SISMEMBER str a", "SSCAN str 0 nonsense"] {
            assert!(s.run(line).starts_with("-WRONGTYPE"), "{line}");
        }
    }

    #[test]
    fn sadd_chooses_the_encoding_of_a_new_set() {
        let mut s = Session::new();
        let words = |count: usize, word: &str| vec![word; count].join(" ");
        for (line, encoding) in [
            (words(512, "1"), "intset"),
            (words(513, "1"), "hashtable"),
            (words(128, "a"), "listpack"),
            (words(129, "a"), "hashtable"),
        ] {
            s.run("DEL s");
            s.run(&format!("SADD s {line}"));
            assert!(s.run("OBJECT ENCODING s").contains(encoding));
        }
    }

    #[test]
    fn smove_takes_along() {
        let mut s = Session::new();
        s.run("SADD a 1 x");
        s.run("SADD b 1");
        assert_eq!(s.run("SMOVE a b x"), ":1\r\n");
        assert_eq!(s.run("SMOVE a b x"), ":0\r\n");
        assert_eq!(s.run("SMOVE a a 1"), ":1\r\n");
        assert_eq!(s.run("SMOVE a b 1"), ":1\r\n");
        assert_eq!(s.run("EXISTS a"), ":0\r\n");
        assert_eq!(s.run("SMOVE b c x"), ":1\r\n");
        assert_eq!(s.run("SMEMBERS c"), "*1\r\n$1\r\nx\r\n");
        s.run("SET str x");
        assert_eq!(s.run("SMOVE none str x"), ":0\r\n");
        assert!(s.run("SMOVE b str 1").starts_with("-WRONGTYPE"));
        assert!(s.run("SMOVE str b 1").starts_with("-WRONGTYPE"));
        assert_eq!(s.run("SCARD b"), ":1\r\n");
    }

    #[test]
    fn sscan_sees_all() {
        let mut s = Session::new();
        assert_eq!(s.run("SSCAN none 0 nonsense"), "*2\r\n$1\r\n0\r\n*0\r\n");
        s.run("SADD s 1 2 33");
        assert_eq!(s.run("SSCAN s 7 MATCH ?"), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
        for n in 0..600 {
            s.run(&format!("SADD big m{n}"));
        }
        let (mut cursor, mut seen) = ("0".to_owned(), 0);
        loop {
            let reply = s.run(&format!("SSCAN big {cursor} COUNT 50"));
            let lines: Vec<&str> = reply.split("\r\n").collect();
            cursor = lines[2].to_owned();
            seen += lines[3][1..].parse::<usize>().unwrap();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen, 600);
    }
}
