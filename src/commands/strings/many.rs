//! Several keys at once: MGET, MSET, MSETNX.

use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};

/// Key and value, again and again.
const PAIRS: Arg = block("data", &[key("key", 0), string("value")]).multiple();

pub static MGET: Command = Command::data("MGET", mget)
    .summary("Returns the strings that several keys hold.")
    .since("1.0.0")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0).multiple()])
    .tips(&["request_policy:multi_shard"]);

fn mget(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.array(args.len() - 1);
    for key in args.from(1).iter() {
        match db.read(key) {
            Some(Ref::Str { bytes, .. }) => reply.bulk(bytes),
            Some(Ref::Int(n)) => reply.bulk_int(n),
            _ => reply.null(),
        }
    }
    Ok(Flow::Done)
}

pub static MSET: Command = Command::data("MSET", mset)
    .summary("Makes several keys hold a string each.")
    .since("1.0.1")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::range(1, -1, 2).does(&[Use::OW, Use::Update])])
    .args(&[PAIRS])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]);

fn mset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    check_pairs(args, "mset")?;
    set_all(db, args);
    reply.ok();
    Ok(Flow::Done)
}

pub static MSETNX: Command = Command::data("MSETNX", msetnx)
    .summary("Makes several keys hold a string each, unless one of the keys exists.")
    .since("1.0.1")
    .complexity("O(N) where N is the number of keys")
    .group(Group::String)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::range(1, -1, 2).does(&[Use::OW, Use::Insert])])
    .args(&[PAIRS]);

fn msetnx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    check_pairs(args, "msetnx")?;
    let none_exists = (1..args.len()).step_by(2).all(|i| !db.exists(args.at(i)));
    if none_exists {
        set_all(db, args);
    }
    reply.int(i64::from(none_exists));
    Ok(Flow::Done)
}

fn check_pairs(args: Args<'_>, command: &str) -> Result<(), CmdError> {
    if args.len().is_multiple_of(2) { Err(CmdError::arity(command)) } else { Ok(()) }
}

fn set_all(db: &mut Db<'_>, args: Args<'_>) {
    // The keys' buckets are fetched ahead of the writes, as for a pipeline of SETs.
    let hashes: Vec<u64> = (1..args.len()).step_by(2).map(|i| db.prefetch(args.at(i))).collect();
    for hash in &hashes {
        db.data.prefetch_entry(*hash);
    }
    for (pair, hash) in hashes.into_iter().enumerate() {
        let (key, value) = (args.at(pair * 2 + 1), args.at(pair * 2 + 2));
        db.expect(key, hash);
        db.set_string(key, value, None);
        db.changed(key, Class::String, "set");
    }
}
