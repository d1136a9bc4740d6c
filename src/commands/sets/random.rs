//! Random members: SPOP and SRANDMEMBER.

use super::limits;
use crate::commands::elems::{self, Picks};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::keyspace::effects::Interest;
use crate::resp::{Args, Reply};
use crate::types::Set;
use crate::util::number::parse_i64;

/// How many members one propagated SREM names at most.
const PROPAGATED_AT_ONCE: usize = 1024;

pub static SPOP: Command = Command::data("SPOP", spop)
    .summary("Removes and returns random members of a set, and the set with its last member.")
    .since("1.0.0")
    .complexity("O(1), with a count O(N) where N is the count.")
    .group(Group::Set)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0), integer("count").since("3.2.0").optional()])
    .tips(&["nondeterministic_output"])
    .history(&[("3.2.0", "Added the `count` argument.")]);

fn spop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    match args.len() {
        2 => spop_one(db, args.at(1), reply),
        3 => {
            let count = parse_i64(args.at(2)).and_then(|count| usize::try_from(count).ok());
            spop_many(db, args.at(1), count.ok_or(CmdError::OUT_OF_RANGE_POSITIVE)?, reply)
        }
        _ => Err(CmdError::SYNTAX),
    }
}

fn spop_one(db: &mut Db<'_>, key: &[u8], reply: &mut Reply) -> CmdResult {
    let logged = db.env.fx.interest.contains(Interest::PROPAGATE);
    let mut rng = db.env.rng.fork();
    let Some(mut set) = db.get_mut::<Set>(key)? else {
        reply.null();
        return Ok(Flow::Done);
    };
    let mut popped = Vec::new();
    set.pop(&mut rng, |member| {
        if logged {
            member.write_to(&mut popped);
        }
        elems::bulk(reply, member);
    });
    let emptied = set.is_empty();
    drop(set);
    db.changed(key, Class::Set, "spop");
    if logged {
        db.propagate(&[b"SREM", key, &popped]);
    }
    if emptied {
        db.remove_if_empty(key);
    }
    Ok(Flow::Done)
}

fn spop_many(db: &mut Db<'_>, key: &[u8], count: usize, reply: &mut Reply) -> CmdResult {
    let logged = db.env.fx.interest.contains(Interest::PROPAGATE);
    let lazily = db.env.config.lazyfree_lazy_server_del;
    let limits = limits(&db.env.config);
    let mut rng = db.env.rng.fork();
    let Some(mut set) = db.get_mut::<Set>(key)?.filter(|_| count > 0) else {
        reply.set(0);
        return Ok(Flow::Done);
    };
    let len = set.len();
    if count >= len {
        reply.set(len);
        set.iter().for_each(|member| elems::bulk(reply, member));
        drop(set);
        db.changed_n(key, Class::Set, "spop", len);
        db.remove(key, lazily);
        db.event(key, Class::Generic, "del");
        db.propagate(&[if lazily { b"UNLINK" } else { b"DEL" }, key]);
        return Ok(Flow::Done);
    }
    reply.set(count);
    let mut popped = Vec::new();
    set.pop_many(&mut rng, count, &limits, |member| {
        if logged {
            popped.push(member.to_vec());
        }
        elems::bulk(reply, member);
    });
    drop(set);
    db.changed_n(key, Class::Set, "spop", count);
    for members in popped.chunks(PROPAGATED_AT_ONCE) {
        let words: Vec<&[u8]> = [&b"SREM"[..], key].into_iter().chain(members.iter().map(Vec::as_slice)).collect();
        db.propagate(&words);
    }
    Ok(Flow::Done)
}

pub static SRANDMEMBER: Command = Command::data("SRANDMEMBER", srandmember)
    .summary("Returns random members of a set.")
    .since("1.0.0")
    .complexity("O(1), with a count O(N) where N is the count without its sign.")
    .group(Group::Set)
    .arity(-2)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), integer("count").since("2.6.0").optional()])
    .tips(&["nondeterministic_output"])
    .history(&[("2.6.0", "Added the optional `count` argument.")]);

fn srandmember(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut rng = db.env.rng.fork();
    let picks = match args.len() {
        2 => {
            match db.get::<Set>(args.at(1))?.and_then(|set| set.random(&mut rng)) {
                Some(member) => elems::bulk(reply, member),
                None => reply.null(),
            }
            return Ok(Flow::Done);
        }
        3 => Picks::parse(args, 2)?,
        _ => return Err(CmdError::SYNTAX),
    };
    let Some(set) = db.get::<Set>(args.at(1))? else {
        reply.array(0);
        return Ok(Flow::Done);
    };
    picks.check(false, reply)?;
    match picks {
        Picks::Distinct(count) => {
            reply.array(count.min(set.len()));
            set.sample(&mut rng, count, |member| elems::bulk(reply, member));
        }
        Picks::Repeated(count) => {
            reply.array(count);
            let flat = flattened(set, count);
            for _ in 0..count {
                if reply.is_over_limit() {
                    break;
                }
                let member = match &flat {
                    Some(members) => rng.choice(members).copied(),
                    None => set.random(&mut rng),
                };
                if let Some(member) = member {
                    elems::bulk(reply, member);
                }
            }
        }
    }
    Ok(Flow::Done)
}

/// The members of a listpack in an array, if more than a few draws from it are to come: each would be a walk.
fn flattened(set: &Set, draws: usize) -> Option<Vec<crate::encoding::listpack::Elem<'_>>> {
    set.as_listpack().filter(|_| draws > 4).map(|list| list.iter().collect())
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    fn lines(reply: &str) -> Vec<&str> {
        reply.split("\r\n").collect()
    }

    #[test]
    fn spop_empties_sets() {
        let mut s = Session::new();
        assert_eq!(s.run("SPOP none"), "$-1\r\n");
        assert_eq!(s.run("SPOP none 3"), "*0\r\n");
        s.run("SADD s a");
        assert_eq!(s.run("SPOP s 0"), "*0\r\n");
        assert_eq!(s.run("SPOP s"), "$1\r\na\r\n");
        assert_eq!(s.run("EXISTS s"), ":0\r\n");
        for members in
            ["1 2 3 4 5", "a b c d e", "1 2 3 4 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            s.run(&format!("SADD s {members}"));
            assert_eq!(lines(&s.run("SPOP s 3"))[0], "*3");
            assert_eq!(s.run("SCARD s"), ":2\r\n");
            assert_eq!(lines(&s.run("SPOP s 9"))[0], "*2");
            assert_eq!(s.run("EXISTS s"), ":0\r\n");
        }
        for bad in ["SPOP s x", "SPOP s -1", "SPOP s 9223372036854775808"] {
            assert_eq!(s.run(bad), "-ERR value is out of range, must be positive\r\n");
        }
        assert_eq!(s.run("SPOP s 1 2"), "-ERR syntax error\r\n");
    }

    #[test]
    fn srandmember_draws() {
        let mut s = Session::new();
        assert_eq!(s.run("SRANDMEMBER none"), "$-1\r\n");
        assert_eq!(s.run("SRANDMEMBER none 2"), "*0\r\n");
        s.run("SADD s a");
        assert_eq!(s.run("SRANDMEMBER s"), "$1\r\na\r\n");
        assert_eq!(s.run("SRANDMEMBER s 5"), "*1\r\n$1\r\na\r\n");
        assert_eq!(s.run("SRANDMEMBER s -2"), "*2\r\n$1\r\na\r\n$1\r\na\r\n");
        assert_eq!(lines(&s.run("SRANDMEMBER s -20"))[0], "*20");
        assert_eq!(s.run("SRANDMEMBER s 0"), "*0\r\n");
        assert!(s.run("SRANDMEMBER s -9223372036854775807").starts_with("-ERR value is out of range"));
    }
}
