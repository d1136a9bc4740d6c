//! XGROUP: consumer groups made, moved and removed.

use super::{id, propagate_position};
use crate::dispatch::call::wrong_subcommand;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Type};
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{self, StreamId};
use crate::util::number::parse_i64;

const NO_KEY: CmdError = CmdError::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to \
        create an empty stream automatically.",
);

pub static XGROUP: Command = Command::container("XGROUP", &[&CREATE, &CREATECONSUMER, &DELCONSUMER, &DESTROY, &HELP, &SETID])
    .summary("Commands about consumer groups.")
    .since("5.0.0")
    .complexity("Depends on subcommand.")
    .group(Group::Stream);

/// The group that a subcommand is about.
fn find<'a>(stream: &'a mut Stream, key: &[u8], name: &[u8]) -> Result<&'a mut stream::Group, CmdError> {
    stream.groups.get_mut(name).ok_or_else(|| no_such(key, name))
}

/// The error for a group that is not there while its key is.
#[cold]
pub fn no_such(key: &[u8], name: &[u8]) -> CmdError {
    CmdError::new([b"NOGROUP No such consumer group '", name, b"' for key name '", key, b"'"].concat())
}

/// ENTRIESREAD's argument: -1 stands for "not known".
fn entries_read(word: &[u8]) -> Result<Option<i64>, CmdError> {
    match parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER)? {
        -1 => Ok(None),
        n if n < 0 => Err(CmdError::text("ERR value for ENTRIESREAD must be positive or -1")),
        n => Ok(Some(n)),
    }
}

static CREATE: Command = Command::data("CREATE", create)
    .summary("Adds a consumer group to a stream.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(-5)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(2).does(&[Use::RW, Use::Insert])])
    .args(&[
        key("key", 0),
        string("group"),
        oneof("id-selector", &[string("id"), token("new-id", "$")]),
        token("mkstream", "MKSTREAM").optional(),
        integer("entriesread").token("ENTRIESREAD").display("entries-read").optional(),
    ])
    .history(&[("7.0.0", "How many entries the group has read can be given.")]);

fn create(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    const WORDS_MAX: usize = 8;
    let (key, name) = (args.at(2), args.at(3));
    let (mut make, mut read) = (false, None);
    let mut at = 5;
    while at < args.len() {
        if args.is(at, "mkstream") {
            make = true;
            at += 1;
        } else if args.is(at, "entriesread") && at + 1 < args.len() {
            read = entries_read(args.at(at + 1))?;
            at += 2;
        } else {
            return Err(wrong_subcommand(args));
        }
    }
    if args.len() > WORDS_MAX {
        return Err(wrong_subcommand(args));
    }
    let there = db.get_mut::<Stream>(key)?.is_some();
    if !there && !make {
        return Err(NO_KEY);
    }
    let wanted = if args.at(4) == b"$" { None } else { Some(id(args.at(4), 0)?) };
    let mut stream = db.get_or_create::<Stream>(key)?;
    let last_id = wanted.unwrap_or(stream.log.last_id);
    if !stream.groups.add(name, stream::Group::new(last_id, read)) {
        return Err(CmdError::text("BUSYGROUP Consumer Group name already exists"));
    }
    drop(stream);
    reply.ok();
    db.changed(key, Class::Stream, "xgroup-create");
    Ok(Flow::Done)
}

static SETID: Command = Command::data("SETID", setid)
    .summary("Sets the last id that a consumer group was delivered.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(-5)
    .flags(&[Write])
    .keys(&[Keys::one(2).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        string("group"),
        oneof("id-selector", &[string("id"), token("new-id", "$")]),
        integer("entriesread").token("ENTRIESREAD").display("entries-read").optional(),
    ])
    .history(&[("7.0.0", "How many entries the group has read can be given.")]);

fn setid(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    const WORDS_MAX: usize = 7;
    let (key, name) = (args.at(2), args.at(3));
    let mut read = None;
    let mut at = 5;
    while at < args.len() {
        if !args.is(at, "entriesread") || at + 1 >= args.len() {
            return Err(wrong_subcommand(args));
        }
        read = entries_read(args.at(at + 1))?;
        at += 2;
    }
    if args.len() > WORDS_MAX {
        return Err(wrong_subcommand(args));
    }
    let mut stream = db.get_mut::<Stream>(key)?.ok_or(NO_KEY)?;
    let last_id = stream.log.last_id;
    let group = find(&mut stream, key, name)?;
    group.last_id = match args.at(4) {
        b"$" => last_id,
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        word => id(word, 0)?,
    };
    group.entries_read = read;
    let group_id = group.last_id;
    drop(stream);
    reply.ok();
    db.changed(key, Class::Stream, "xgroup-setid");
    propagate_position(db, key, name, group_id, read);
    Ok(Flow::Done)
}

static DESTROY: Command = Command::data("DESTROY", destroy)
    .summary("Removes a consumer group.")
    .since("5.0.0")
    .complexity("O(N) where N is the number of entries in the group's pending entries list (PEL).")
    .group(Group::Stream)
    .arity(4)
    .flags(&[Write])
    .keys(&[Keys::one(2).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("group")]);

fn destroy(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, name) = (args.at(2), args.at(3));
    let mut stream = db.get_mut::<Stream>(key)?.ok_or(NO_KEY)?;
    let removed = stream.groups.remove(name);
    drop(stream);
    if removed {
        db.changed(key, Class::Stream, "xgroup-destroy");
        // Who waits to read for the group is told.
        db.ready(key, Type::Stream);
    }
    reply.int(i64::from(removed));
    Ok(Flow::Done)
}

static CREATECONSUMER: Command = Command::data("CREATECONSUMER", create_consumer)
    .summary("Adds a consumer to a consumer group.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(5)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(2).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("group"), string("consumer")]);

fn create_consumer(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, name) = (args.at(2), args.at(3));
    let now_ms = db.env.now_ms as i64;
    let mut stream = db.get_mut::<Stream>(key)?.ok_or(NO_KEY)?;
    let created = find(&mut stream, key, name)?.add_consumer(args.at(4), now_ms).is_some();
    drop(stream);
    if created {
        db.changed(key, Class::Stream, "xgroup-createconsumer");
    }
    reply.int(i64::from(created));
    Ok(Flow::Done)
}

static DELCONSUMER: Command = Command::data("DELCONSUMER", delete_consumer)
    .summary("Removes a consumer from a consumer group, with what is pending for it.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(5)
    .flags(&[Write])
    .keys(&[Keys::one(2).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("group"), string("consumer")]);

fn delete_consumer(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (key, name) = (args.at(2), args.at(3));
    let mut stream = db.get_mut::<Stream>(key)?.ok_or(NO_KEY)?;
    let group = find(&mut stream, key, name)?;
    let pending = group.find(args.at(4)).map(|no| group.remove_consumer(no));
    drop(stream);
    if pending.is_some() {
        db.changed(key, Class::Stream, "xgroup-delconsumer");
    }
    reply.count(pending.unwrap_or(0));
    Ok(Flow::Done)
}

static HELP: Command = Command::data("HELP", help)
    .summary("Describes the subcommands.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(2)
    .flags(&[Loading, Stale]);

fn help(_: &mut Db<'_>, _: Args<'_>, reply: &mut Reply) -> CmdResult {
    reply.help(&[
        "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CREATE <key> <groupname> <id|$> [option]",
        "    Create a new consumer group. Options are:",
        "    * MKSTREAM",
        "      Create the empty stream if it does not exist.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's entries_read counter (internal use).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Create a new consumer in the specified group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the specified consumer.",
        "DESTROY <key> <groupname>",
        "    Remove the specified group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set the current group ID and entries_read counter.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}
