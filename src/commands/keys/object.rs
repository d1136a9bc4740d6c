//! OBJECT: how a key's value is kept.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Ref, access};
use crate::resp::{Args, Reply};

pub static OBJECT: Command = Command::container("OBJECT", &[&ENCODING, &FREQ, &HELP, &IDLETIME, &REFCOUNT])
    .summary("Commands that show how values are kept.")
    .since("2.2.3")
    .complexity("Depends on the subcommand.")
    .group(Group::Generic)
    .categories(&[]);

const KEY: &[Keys] = &[Keys::one(2).does(&[Use::RO])];

static ENCODING: Command = Command::data("ENCODING", encoding)
    .summary("Names the encoding of a key's value.")
    .since("2.2.3")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[ReadOnly])
    .keys(KEY)
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

fn encoding(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let encoding = db.peek(args.at(2)).map(|entry| entry.value().encoding().as_bytes());
    reply.bulk_or_null(encoding);
    Ok(Flow::Done)
}

static FREQ: Command = Command::data("FREQ", freq)
    .summary("Tells how often a key is used, on a logarithmic scale.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[ReadOnly])
    .keys(KEY)
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

fn freq(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let Some(clock) = db.peek(args.at(2)).map(|entry| entry.clock()) else {
        reply.null();
        return Ok(Flow::Done);
    };
    if !db.env.config.maxmemory_policy.uses_lfu() {
        return Err(CmdError::text(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    reply.int(access::decayed(clock, db.env.access, db.env.now_ms).into());
    Ok(Flow::Done)
}

static IDLETIME: Command = Command::data("IDLETIME", idletime)
    .summary("Tells for how many seconds a key has not been used.")
    .since("2.2.3")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[ReadOnly])
    .keys(KEY)
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

fn idletime(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let Some(clock) = db.peek(args.at(2)).map(|entry| entry.clock()) else {
        reply.null();
        return Ok(Flow::Done);
    };
    if db.env.config.maxmemory_policy.uses_lfu() {
        return Err(CmdError::text(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    reply.int(access::idle_s(clock, db.env.now_ms) as i64);
    Ok(Flow::Done)
}

static REFCOUNT: Command = Command::data("REFCOUNT", refcount)
    .summary("Tells how many references there are to a value: one, or no particular number.")
    .since("2.2.3")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[ReadOnly])
    .keys(KEY)
    .tips(&["nondeterministic_output"])
    .args(&[key("key", 0)]);

/// Integers below this answer as if all keys shared one object, which clients have come to know; unless keys need
/// clocks of their own for eviction.
const SHARED_INTEGERS: i64 = 10_000;

fn refcount(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let config = &db.env.config;
    let clocks = config.maxmemory_policy.uses_lfu() || config.maxmemory_policy.uses_lru();
    let shares = config.maxmemory_bytes == 0 || !clocks;
    match db.peek(args.at(2)).map(|entry| entry.value()) {
        None => reply.null(),
        Some(Ref::Int(n)) if shares && (0..SHARED_INTEGERS).contains(&n) => reply.int(i32::MAX.into()),
        Some(_) => reply.int(1),
    }
    Ok(Flow::Done)
}

static HELP: Command = Command::data("HELP", help)
    .summary("Lists the subcommands.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[Loading, Stale]);

fn help(_db: &mut Db<'_>, _args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.help(&[
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Name the encoding in which the value of <key> is kept.",
        "FREQ <key>",
        "    Tell how often <key> is used, as a counter that grows with the logarithm of",
        "    the number of uses and falls with time.",
        "IDLETIME <key>",
        "    Tell the number of seconds since <key> was last used.",
        "REFCOUNT <key>",
        "    Tell the number of references to the value of <key>.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::config::values::MaxmemoryPolicy;
    use crate::server::testing::Session;

    #[test]
    fn what_there_is_to_know() {
        let mut s = Session::new();
        s.run("SET n 12");
        s.run("SET t text");
        s.run_args(&[b"SET", b"long", &[b'x'; 45]]);
        assert_eq!(s.run("OBJECT ENCODING n"), "$3\r\nint\r\n");
        assert_eq!(s.run("OBJECT ENCODING t"), "$6\r\nembstr\r\n");
        assert_eq!(s.run("OBJECT ENCODING long"), "$3\r\nraw\r\n");
        assert_eq!(s.run("OBJECT REFCOUNT n"), ":2147483647\r\n");
        assert_eq!(s.run("OBJECT REFCOUNT t"), ":1\r\n");
        for sub in ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"] {
            assert_eq!(s.run(&format!("OBJECT {sub} none")), "$-1\r\n");
        }
        s.advance_ms(7_000);
        assert_eq!(s.run("OBJECT IDLETIME t"), ":7\r\n");
        assert!(s.run("OBJECT FREQ t").starts_with("-ERR An LFU maxmemory policy is not selected"));
        assert!(s.run("OBJECT HELP").starts_with("*12\r\n+OBJECT <subcommand>"));
        assert_eq!(s.run("OBJECT FOO t"), "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.\r\n");
        assert_eq!(s.run("OBJECT FREQ"), "-ERR wrong number of arguments for 'object|freq' command\r\n");
    }

    #[test]
    fn with_a_frequency_policy() {
        let mut s = Session::new();
        s.server.env.config.maxmemory_policy = MaxmemoryPolicy::AllkeysLfu;
        s.server.env.config.maxmemory_bytes = 1 << 30;
        s.server.configured();
        s.run("SET n 12");
        assert_eq!(s.run("OBJECT FREQ n"), ":5\r\n");
        assert_eq!(s.run("OBJECT REFCOUNT n"), ":1\r\n");
        assert!(s.run("OBJECT IDLETIME n").starts_with("-ERR An LFU maxmemory policy is selected"));
    }
}
