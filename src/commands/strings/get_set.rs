//! GET and SET.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Ref};
use crate::resp::{Args, Reply};

pub static GET: Command = Command::data("GET", get)
    .summary("Returns the string a key holds.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(2)
    .flags(&[ReadOnly, Fast])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[key("key", 0)]);

fn get(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    match db.read(args.at(1)) {
        None => reply.null(),
        Some(Ref::Str { bytes, .. }) => reply.bulk(bytes),
        Some(Ref::Int(n)) => reply.bulk_int(n),
        Some(_) => return Err(CmdError::WRONG_TYPE),
    }
    Ok(Flow::Done)
}

pub static SET: Command = Command::data("SET", set)
    .summary("Sets a key to a string, whatever it held.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::OW, Use::Update])])
    .args(&[key("key", 0), string("value")]);

fn set(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    db.set_string(args.at(1), args.at(2), None);
    db.changed(args.at(1), Class::String, "set");
    reply.ok();
    Ok(Flow::Done)
}
