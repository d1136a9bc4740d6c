//! Reading a string and changing something about it at once: GETSET, GETDEL, GETEX.

use super::expiry::{self, Form};
use super::get_set::write_string;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};

pub static GETSET: Command = Command::data("GETSET", getset)
    .summary("Makes a key hold another string, and returns the one it held.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])])
    .args(&[key("key", 0), string("value")])
    .deprecated("6.2.0", "`SET` with the `GET` argument");

fn getset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    write_string(db, args.at(1), reply)?;
    db.set_string(args.at(1), args.at(2), None);
    db.changed(args.at(1), Class::String, "set");
    db.propagate(&[b"SET", args.at(1), args.at(2)]);
    Ok(Flow::Done)
}

pub static GETDEL: Command = Command::data("GETDEL", getdel)
    .summary("Returns the string that a key holds, and deletes the key.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete])])
    .args(&[key("key", 0)]);

fn getdel(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    write_string(db, args.at(1), reply)?;
    let lazily = db.env.config.lazyfree_lazy_user_del;
    if db.delete(args.at(1), lazily) {
        db.propagate(&[if lazily { b"UNLINK" } else { b"DEL" }, args.at(1)]);
    }
    Ok(Flow::Done)
}

pub static GETEX: Command = Command::data("GETEX", getex)
    .summary("Returns the string that a key holds, and changes when the key expires.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::String)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update]).notes("RW and UPDATE because it changes the TTL")])
    .args(&[key("key", 0), oneof("expiration", &expiry::GETEX_FORMS).optional()]);

fn getex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (mut form, mut persist) = (None, false);
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "PERSIST") && form.is_none() {
            persist = true;
        } else if let Some(found) = Form::at(args, at)
            && !persist
            && form.is_none_or(|(other, _)| other == found)
            && at + 1 < args.len()
        {
            at += 1;
            form = Some((found, at));
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 1;
    }
    let key = args.at(1);
    // A key that is missing or of another type is told of before a bad time is.
    write_string(db, key, reply)?;
    let Some(expiry_ms) = db.expiry_ms(key) else { return Ok(Flow::Done) };
    if let Some((form, at)) = form {
        let when = form.resolve(args.at(at), db.env.now_ms, "getex")?;
        if when <= db.env.now_ms {
            let lazily = db.env.config.lazyfree_lazy_expire;
            db.delete(key, lazily);
            db.propagate(&[if lazily { b"UNLINK" } else { b"DEL" }, key]);
        } else {
            db.set_expiry(key, Some(when));
            db.changed(key, Class::Generic, "expire");
            db.propagate(&[b"PEXPIREAT", key, when.to_string().as_bytes()]);
        }
    } else if persist && expiry_ms.is_some() {
        db.set_expiry(key, None);
        db.changed(key, Class::Generic, "persist");
        db.propagate(&[b"PERSIST", key]);
    }
    Ok(Flow::Done)
}
