//! TTL, PTTL, EXPIRETIME and PEXPIRETIME: when a key goes.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};

/// There is no such key.
const NO_KEY: i64 = -2;
/// The key stays for good.
const NO_EXPIRY: i64 = -1;

pub static TTL: Command = Command::data("TTL", ttl)
    .summary("Tells in how many seconds a key expires.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "Added the -2 reply.")])
    .args(&[key("key", 0)]);

fn ttl(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms;
    Ok(answer(db, args, reply, |when_ms| (when_ms.saturating_sub(now_ms).saturating_add(500)) / 1000))
}

pub static PTTL: Command = Command::data("PTTL", pttl)
    .summary("Tells in how many milliseconds a key expires.")
    .since("2.6.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .tips(&["nondeterministic_output"])
    .history(&[("2.8.0", "Added the -2 reply.")])
    .args(&[key("key", 0)]);

fn pttl(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms;
    Ok(answer(db, args, reply, |when_ms| when_ms.saturating_sub(now_ms)))
}

pub static EXPIRETIME: Command = Command::data("EXPIRETIME", expiretime)
    .summary("Tells at which unix time in seconds a key expires.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0)]);

fn expiretime(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    Ok(answer(db, args, reply, |when_ms| when_ms.saturating_add(500) / 1000))
}

pub static PEXPIRETIME: Command = Command::data("PEXPIRETIME", pexpiretime)
    .summary("Tells at which unix time in milliseconds a key expires.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0)]);

fn pexpiretime(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    Ok(answer(db, args, reply, |when_ms| when_ms))
}

/// Replies with what `shown` makes of the key's expiry in unix ms.
fn answer(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, shown: impl FnOnce(u64) -> u64) -> Flow {
    reply.int(match db.inspect(args.at(1)).map(|entry| entry.expiry_ms()) {
        None => NO_KEY,
        Some(None) => NO_EXPIRY,
        Some(Some(when_ms)) => i64::try_from(shown(when_ms)).unwrap_or(i64::MAX),
    });
    Flow::Done
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn seconds_are_rounded_to_the_nearest() {
        let mut s = Session::new();
        s.run("SET k v");
        for cmd in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
            assert_eq!(s.run(&format!("{cmd} none")), ":-2\r\n");
            assert_eq!(s.run(&format!("{cmd} k")), ":-1\r\n");
        }
        s.run("PEXPIRE k 1499");
        assert_eq!(s.run("TTL k"), ":1\r\n");
        assert_eq!(s.run("PTTL k"), ":1499\r\n");
        s.run("PEXPIRE k 1500");
        assert_eq!(s.run("TTL k"), ":2\r\n");
        s.run("PEXPIREAT k 99999999999500");
        assert_eq!(s.run("EXPIRETIME k"), ":100000000000\r\n");
        assert_eq!(s.run("PEXPIRETIME k"), ":99999999999500\r\n");
        s.run("PEXPIREAT k 9223372036854775807");
        assert_eq!(s.run("PEXPIRETIME k"), ":9223372036854775807\r\n");
        assert_eq!(s.run("EXPIRETIME k"), ":9223372036854776\r\n");
    }

    #[test]
    fn a_key_is_there_through_its_last_millisecond() {
        let mut s = Session::new();
        s.run("SET k v");
        s.run("PEXPIRE k 10");
        s.advance_ms(10);
        assert_eq!(s.run("PTTL k"), ":0\r\n");
        s.advance_ms(1);
        assert_eq!(s.run("PTTL k"), ":-2\r\n");
        assert_eq!(s.server.env.stats.expired, 1);
    }
}
