//! DEL, UNLINK, EXISTS, TOUCH and TYPE.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};

pub static DEL: Command = Command::data("DEL", del)
    .summary("Removes keys; those that are not there are passed over.")
    .since("1.0.0")
    .complexity("O(N) for N keys, and O(M) more for each that holds a collection of M elements.")
    .group(Group::Generic)
    .arity(-2)
    .flags(&[Write])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RM, Use::Delete])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .args(&[key("key", 0).multiple()]);

fn del(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let lazily = db.env.config.lazyfree_lazy_user_del;
    Ok(remove(db, args, reply, lazily))
}

pub static UNLINK: Command = Command::data("UNLINK", unlink)
    .summary("Removes keys at once and frees big values in the background.")
    .since("4.0.0")
    .complexity("O(1) for each key; a background thread then frees the M allocations of each value in O(M).")
    .group(Group::Generic)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RM, Use::Delete])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .args(&[key("key", 0).multiple()]);

fn unlink(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    Ok(remove(db, args, reply, true))
}

fn remove(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, lazily: bool) -> Flow {
    let removed = args.from(1).iter().filter(|key| db.delete(key, lazily)).count();
    reply.count(removed);
    Flow::Done
}

pub static EXISTS: Command = Command::data("EXISTS", exists)
    .summary("Counts which of the given keys are there; a key named twice counts twice.")
    .since("1.0.0")
    .complexity("O(N) for N keys.")
    .group(Group::Generic)
    .arity(-2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RO])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .history(&[("3.0.3", "Accepts multiple `key` arguments.")])
    .args(&[key("key", 0).multiple()]);

fn exists(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let found = args.from(1).iter().filter(|key| db.inspect(key).is_some()).count();
    reply.count(found);
    Ok(Flow::Done)
}

pub static TOUCH: Command = Command::data("TOUCH", touch)
    .summary("Marks keys as just used and counts those that are there.")
    .since("3.2.1")
    .complexity("O(N) for N keys.")
    .group(Group::Generic)
    .arity(-2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RO])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .args(&[key("key", 0).multiple()]);

fn touch(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let found = args.from(1).iter().filter(|key| db.touch_key(key)).count();
    reply.count(found);
    Ok(Flow::Done)
}

pub static TYPE: Command = Command::data("TYPE", kind)
    .summary("Names the type of the value a key holds.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO])])
    .args(&[key("key", 0)]);

fn kind(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.simple(db.inspect(args.at(1)).map_or("none", |entry| entry.kind().name()));
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn keys_come_and_go() {
        let mut s = Session::new();
        s.run("SET a 1");
        s.run("SET b 2");
        assert_eq!(s.run("EXISTS a b a c"), ":3\r\n");
        assert_eq!(s.run("TYPE a"), "+string\r\n");
        assert_eq!(s.run("TYPE c"), "+none\r\n");
        assert_eq!(s.run("TOUCH a c"), ":1\r\n");
        assert_eq!(s.run("DEL a a c"), ":1\r\n");
        assert_eq!(s.run("UNLINK a b"), ":1\r\n");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
        assert_eq!(s.server.env.fx.dirty, 4);
    }

    #[test]
    fn asking_is_counted_but_is_no_use() {
        let mut s = Session::new();
        s.run("SET a 1");
        s.advance_ms(10_000);
        s.run("EXISTS a b");
        s.run("TYPE a");
        assert_eq!((s.server.env.stats.hits, s.server.env.stats.misses), (2, 1));
        assert_eq!(s.run("OBJECT IDLETIME a"), ":10\r\n");
        s.run("TOUCH a");
        assert_eq!(s.run("OBJECT IDLETIME a"), ":0\r\n");
        assert_eq!((s.server.env.stats.hits, s.server.env.stats.misses), (3, 1));
    }
}
