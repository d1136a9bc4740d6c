//! Members that nobody named: ZRANDMEMBER and ZSCAN.

use super::{pair, pairs_header};
use crate::commands::elems::{Picks, bulk};
use crate::commands::scan::{self, ScanOptions, Walked};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::listpack::Elem;
use crate::resp::{Args, Reply};
use crate::types::Zset;
use crate::util::float::{write_f64, write_general};

pub static ZRANDMEMBER: Command = Command::data("ZRANDMEMBER", zrandmember)
    .summary("Returns members of a sorted set chosen at random.")
    .since("6.2.0")
    .complexity("O(N) for N members returned.")
    .group(Group::SortedSet)
    .arity(-2)
    .flags(&[ReadOnly])
    .tips(&["nondeterministic_output"])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0), block("options", &[integer("count"), token("withscores", "WITHSCORES").optional()]).optional()]);

fn zrandmember(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    if args.len() == 2 {
        let mut rng = db.env.rng.fork();
        match db.get::<Zset>(args.at(1))?.and_then(|zset| zset.random(&mut rng)) {
            Some((member, _)) => bulk(reply, member),
            None => reply.null(),
        }
        return Ok(Flow::Done);
    }
    let picks = Picks::parse(args, 2)?;
    let with_scores = args.len() > 3;
    if args.len() > 4 || (with_scores && !args.is(3, "WITHSCORES")) {
        return Err(CmdError::SYNTAX);
    }
    picks.check(with_scores, reply)?;
    let mut rng = db.env.rng.fork();
    let Some(zset) = db.get::<Zset>(args.at(1))? else {
        reply.array(0);
        return Ok(Flow::Done);
    };
    let len = match picks {
        Picks::Distinct(count) => count.min(zset.len()),
        Picks::Repeated(count) => count,
    };
    if with_scores {
        pairs_header(reply, len);
    } else {
        reply.array(len);
    }
    let mut write = |(member, score)| {
        if with_scores {
            pair(reply, (member, score))
        } else {
            bulk(reply, member)
        }
        !reply.is_over_limit()
    };
    match picks {
        Picks::Distinct(count) => zset.sample(&mut rng, count, |found| _ = write(found)),
        Picks::Repeated(count) => zset.draw(&mut rng, count, write),
    }
    Ok(Flow::Done)
}

pub static ZSCAN: Command = Command::data("ZSCAN", zscan)
    .summary("Walks the members of a sorted set, a page at a time.")
    .since("2.8.0")
    .complexity("O(1) for a page, O(N) for a whole walk over N members.")
    .group(Group::SortedSet)
    .arity(-3)
    .flags(&[ReadOnly])
    .tips(&["nondeterministic_output"])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        integer("cursor"),
        pattern("pattern").token("MATCH").optional(),
        integer("count").token("COUNT").optional(),
    ]);

fn zscan(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut cursor = scan::cursor(args.at(2))?;
    let Some(zset) = db.get::<Zset>(args.at(1))? else {
        scan::reply_head(reply, 0, 0);
        return Ok(Flow::Done);
    };
    let options = ScanOptions::parse(args.from(3), Walked::Zset)?;
    /// Steps per member asked for, so that a page of a nearly empty table ends too.
    const STEPS_PER_MEMBER: usize = 10;
    let mut page: Vec<(Elem<'_>, f64)> = Vec::new();
    let mut seen = 0;
    for _ in 0..options.count.saturating_mul(STEPS_PER_MEMBER) {
        cursor = zset.scan(cursor, |member, score| {
            seen += 1;
            if options.wants(member.text(&mut itoa::Buffer::new())) {
                page.push((member, score));
            }
        });
        if cursor == 0 || seen >= options.count {
            break;
        }
    }
    scan::reply_head(reply, cursor, if options.names_only { page.len() } else { page.len() * 2 });
    let packed = zset.as_listpack().is_some();
    let mut text = Vec::new();
    for (member, score) in page {
        bulk(reply, member);
        if options.names_only {
            continue;
        }
        text.clear();
        // As upstream spells a score here: the shortest way in the one encoding, all 17 digits in the other.
        if packed {
            write_f64(&mut text, score);
        } else {
            write_general(&mut text, score, 17);
        }
        reply.bulk(&text);
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn random_members() {
        let mut s = Session::new();
        assert_eq!(s.run("ZRANDMEMBER none"), "$-1\r\n");
        assert_eq!(s.run("ZRANDMEMBER none 3"), "*0\r\n");
        s.run("ZADD z 1 a");
        assert_eq!(s.run("ZRANDMEMBER z"), "$1\r\na\r\n");
        assert_eq!(s.run("ZRANDMEMBER z 0"), "*0\r\n");
        assert_eq!(s.run("ZRANDMEMBER z 5"), "*1\r\n$1\r\na\r\n");
        assert_eq!(s.run("ZRANDMEMBER z -2"), "*2\r\n$1\r\na\r\n$1\r\na\r\n");
        assert_eq!(s.run("ZRANDMEMBER z -1 WITHSCORES"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("ZRANDMEMBER z 1 WITHSCORES"), "*1\r\n*2\r\n$1\r\na\r\n,1\r\n");
        for (line, error) in [
            ("ZRANDMEMBER z foo", "value is not an integer or out of range"),
            ("ZRANDMEMBER z 1 foo", "syntax error"),
            ("ZRANDMEMBER none 1 WITHSCORES x", "syntax error"),
            ("ZRANDMEMBER z -4611686018427387905 WITHSCORES", "value is out of range"),
            (
                "ZRANDMEMBER z -9223372036854775808",
                "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"), "{line}");
        }
        s.run("SET str x");
        assert!(s.run("ZRANDMEMBER str").starts_with("-WRONGTYPE"));
        assert!(s.run("ZRANDMEMBER str 1").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn walking() {
        let mut s = Session::new();
        assert_eq!(s.run("ZSCAN none 0 nonsense"), "*2\r\n$1\r\n0\r\n*0\r\n");
        s.run("ZADD z 0.1 a inf bb");
        assert_eq!(s.run("ZSCAN z 0"), "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$3\r\n0.1\r\n$2\r\nbb\r\n$3\r\ninf\r\n");
        assert_eq!(s.run("ZSCAN z 0 MATCH b* NOSCORES"), "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nbb\r\n");
        assert_eq!(s.run("ZSCAN z x"), "-ERR invalid cursor\r\n");
        assert_eq!(s.run("ZSCAN z 0 nonsense"), "-ERR syntax error\r\n");
        s.run("CONFIG SET zset-max-listpack-entries 0");
        s.run("ZADD y 0.1 a");
        assert_eq!(s.run("ZSCAN y 0"), "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$19\r\n0.10000000000000001\r\n");
        for n in 0..1000 {
            s.run(&format!("ZADD y 1 {n}"));
        }
        let mut cursor = "0".to_owned();
        let mut names = std::collections::BTreeSet::new();
        loop {
            let reply = s.run(&format!("ZSCAN y {cursor} COUNT 20 NOSCORES"));
            let mut lines = reply.split("\r\n").skip(2);
            cursor = lines.next().unwrap().to_owned();
            names.extend(lines.filter(|line| !line.is_empty() && !line.starts_with(['*', '$'])).map(str::to_owned));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(names.len(), 1001);
    }
}
