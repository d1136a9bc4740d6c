//! KEYS, SCAN, RANDOMKEY and DBSIZE: keys that nobody named.

use crate::commands::scan::{self, ScanOptions, Walked};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::keyspace::Type;
use crate::keyspace::entry::Entry;
use crate::resp::{Args, Reply};
use crate::util::glob;

pub static KEYS: Command = Command::data("KEYS", keys)
    .summary("Lists all keys that match a pattern.")
    .since("1.0.0")
    .complexity("O(N) for N keys in the database, pattern and names being of limited length.")
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly])
    .categories(&[Category::Keyspace, Category::Dangerous])
    .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
    .args(&[pattern("pattern")]);

fn keys(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let pattern = args.at(1);
    let (all, now_ms) = (pattern == b"*", db.env.now_ms);
    let head = reply.defer();
    let mut found = 0;
    for entry in db.data.iter() {
        if (all || glob::matches(pattern, entry.key(), glob::Case::Sensitive)) && !is_due(entry, now_ms) {
            reply.bulk(entry.key());
            found += 1;
        }
    }
    reply.finish_array(head, found);
    Ok(Flow::Done)
}

/// Whether the entry's key counts as gone.
fn is_due(entry: &Entry, now_ms: u64) -> bool {
    entry.expiry_ms().is_some_and(|when_ms| now_ms > when_ms)
}

pub static SCAN: Command = Command::data("SCAN", scan)
    .summary("Walks the keys of the database, a page at a time.")
    .since("2.8.0")
    .complexity("O(1) for a page, O(N) for a whole walk over N keys.")
    .group(Group::Generic)
    .arity(-2)
    .flags(&[ReadOnly, TouchesArbitraryKeys])
    .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
    .history(&[("6.0.0", "Added the `TYPE` subcommand.")])
    .args(&[
        integer("cursor"),
        pattern("pattern").token("MATCH").optional(),
        integer("count").token("COUNT").optional(),
        string("type").token("TYPE").since("6.0.0").optional(),
    ]);

fn scan(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let cursor = scan::cursor(args.at(1))?;
    let options = ScanOptions::parse(args.from(2), Walked::Keys)?;
    // No key has a type nobody knows.
    let kind = options.kind.map(|name| Type::ALL.into_iter().find(|kind| name.eq_ignore_ascii_case(kind.name().as_bytes())));
    let now_ms = db.env.now_ms;
    let mut page: Vec<&[u8]> = Vec::new();
    let mut due: Vec<Box<[u8]>> = Vec::new();
    let next = scan::walk(db.data.table(), cursor, options.count, |entry: &Entry| {
        if !options.wants(entry.key()) {
        } else if is_due(entry, now_ms) {
            due.push(entry.key().into());
        } else if kind.is_none_or(|kind| kind == Some(entry.kind())) {
            page.push(entry.key());
        }
    });
    scan::reply_head(reply, next, page.len());
    page.iter().for_each(|key| reply.bulk(key));
    for key in due {
        // Looking for it removes it.
        db.exists(&key);
    }
    Ok(Flow::Done)
}

pub static RANDOMKEY: Command = Command::data("RANDOMKEY", randomkey)
    .summary("Returns one of the database's keys, each with the same probability.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(1)
    .flags(&[ReadOnly, TouchesArbitraryKeys])
    .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]);

fn randomkey(db: &mut Db<'_>, _args: Args<'_>, reply: &mut Reply) -> CmdResult {
    /// Draws after which a key that is due is returned, if none may be removed.
    const PAUSED_DRAWS: usize = 100;
    let mut draws = 0;
    while let Some(entry) = db.data.table().random(&mut db.env.rng) {
        draws += 1;
        let paused = db.env.expiry_paused && db.data.expiring_len() == db.data.len();
        if !is_due(entry, db.env.now_ms) || paused && draws == PAUSED_DRAWS {
            reply.bulk(entry.key());
            return Ok(Flow::Done);
        }
        let key = entry.key().to_vec();
        db.exists(&key);
    }
    reply.null();
    Ok(Flow::Done)
}

pub static DBSIZE: Command = Command::data("DBSIZE", dbsize)
    .summary("Counts the keys of the database.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(1)
    .flags(&[ReadOnly, Fast])
    .categories(&[Category::Keyspace])
    .tips(&["request_policy:all_shards", "response_policy:agg_sum"]);

fn dbsize(db: &mut Db<'_>, _args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.count(db.data.len());
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;
    use std::collections::BTreeSet;

    fn fill(s: &mut Session, n: usize) {
        for i in 0..n {
            s.run(&format!("SET key:{i} v"));
        }
    }

    /// All names a walk with these options returns, and the number of pages.
    fn walk(s: &mut Session, options: &str) -> (BTreeSet<String>, usize) {
        let (mut cursor, mut pages, mut names) = ("0".to_owned(), 0, BTreeSet::new());
        loop {
            let reply = s.run(&format!("SCAN {cursor} {options}"));
            let lines: Vec<&str> = reply.split("\r\n").collect();
            cursor = lines[2].to_owned();
            names.extend(lines[4..].chunks(2).filter(|pair| pair.len() == 2).map(|pair| pair[1].to_owned()));
            pages += 1;
            if cursor == "0" {
                return (names, pages);
            }
        }
    }

    #[test]
    fn scanning_finds_everything_and_counts_are_hints() {
        let mut s = Session::new();
        fill(&mut s, 1000);
        let (names, pages) = walk(&mut s, "");
        assert_eq!(names.len(), 1000);
        assert!((40..=100).contains(&pages), "{pages}");
        let (names, pages) = walk(&mut s, "COUNT 100000");
        assert_eq!((names.len(), pages), (1000, 1));
        assert_eq!(walk(&mut s, "MATCH key:1?? COUNT 50").0.len(), 100);
        assert_eq!(walk(&mut s, "TYPE string").0.len(), 1000);
        assert_eq!(walk(&mut s, "TYPE LIST").0.len(), 0);
        assert_eq!(walk(&mut s, "TYPE nonsense").0.len(), 0);
        assert_eq!(s.run("SCAN x"), "-ERR invalid cursor\r\n");
        assert_eq!(s.run("SCAN 0 TYPE"), "-ERR syntax error\r\n");
        assert_eq!(s.run("SCAN 18446744073709551615"), "*2\r\n$1\r\n0\r\n*0\r\n");
    }

    #[test]
    fn scanning_removes_what_is_due() {
        let mut s = Session::new();
        fill(&mut s, 20);
        s.run("PEXPIRE key:1 1");
        s.run("PEXPIRE key:2 1");
        s.advance_ms(2);
        assert_eq!(s.run("DBSIZE"), ":20\r\n");
        assert_eq!(s.run("KEYS key:2"), "*0\r\n");
        assert_eq!(s.run("DBSIZE"), ":20\r\n");
        assert_eq!(walk(&mut s, "TYPE nonsense").0.len(), 0);
        assert_eq!(s.run("DBSIZE"), ":18\r\n");
        assert_eq!(s.server.env.stats.expired, 2);
    }

    #[test]
    fn keys_by_pattern() {
        let mut s = Session::new();
        assert_eq!(s.run("KEYS *"), "*0\r\n");
        for name in ["foo_a", "foo_b", "key_x", ""] {
            s.run_args(&[b"SET", name.as_bytes(), b"v"]);
        }
        assert!(s.run("KEYS *").starts_with("*4\r\n"));
        assert!(s.run("KEYS foo*").starts_with("*2\r\n"));
        assert_eq!(s.run("KEYS *_x"), "*1\r\n$5\r\nkey_x\r\n");
        assert_eq!(s.run("KEYS ''"), "*1\r\n$0\r\n\r\n");
    }

    #[test]
    fn random_keys() {
        let mut s = Session::new();
        assert_eq!(s.run("RANDOMKEY"), "$-1\r\n");
        fill(&mut s, 3);
        let seen: BTreeSet<String> = (0..200).map(|_| s.run("RANDOMKEY")).collect();
        assert_eq!(seen.len(), 3);
        for i in 0..3 {
            s.run(&format!("PEXPIRE key:{i} 1"));
        }
        s.advance_ms(2);
        s.server.env.expiry_paused = true;
        assert!(s.run("RANDOMKEY").starts_with("$5\r\n"));
        s.server.env.expiry_paused = false;
        assert_eq!(s.run("RANDOMKEY"), "$-1\r\n");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
    }
}
