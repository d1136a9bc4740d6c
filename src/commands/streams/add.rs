//! Adding entries, and setting a stream's counters: XADD, XSETID.

use super::cut::{self, Exact, Trimming};
use super::idmp::Name;
use super::{INVALID_ID, id, limits, nothing_sent};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Type};
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{Refused, Seq, StreamId, Written};
use crate::util::number::parse_i64;

pub static XADD: Command = Command::data("XADD", xadd)
    .summary("Appends an entry to a stream, which is created if there is none.")
    .since("5.0.0")
    .complexity("O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.")
    .group(Group::Stream)
    .arity(-5)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1)
        .does(&[Use::RW, Use::Update])
        .notes("UPDATE instead of INSERT because of the optional trimming feature")])
    .args(&[
        key("key", 0),
        token("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
        block(
            "trim",
            &[
                oneof("strategy", &[token("maxlen", "MAXLEN"), token("minid", "MINID").since("6.2.0")]),
                oneof("operator", &[token("equal", "="), token("approximately", "~")]).optional(),
                string("threshold"),
                integer("count").token("LIMIT").optional().since("6.2.0"),
            ],
        )
        .optional(),
        oneof("id-selector", &[token("auto-id", "*"), string("id")]),
        block("data", &[string("field"), string("value")]).multiple(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[
        ("6.2.0", "The stream can be left uncreated (`NOMKSTREAM`), cut by id (`MINID`) and a little at a time (`LIMIT`)."),
        ("7.0.0", "The id may leave its sequence number open: `<ms>-*`."),
    ]);

fn refused(refused: Refused) -> CmdError {
    match refused {
        Refused::Id => CmdError::text("ERR The ID specified in XADD is equal or smaller than the target stream top item"),
        Refused::TooBig => CmdError::text("ERR Elements are too large to be stored"),
    }
}

fn xadd(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    let mut trimming = Trimming::default();
    let mut no_create = false;
    let mut name: Option<Name<'_>> = None;
    let mut at = 2;
    let wanted = loop {
        let Some(word) = args.get(at) else { return Err(CmdError::arity("xadd")) };
        if word == b"*" {
            break None;
        }
        if let Some(words) = trimming.take(args, at)? {
            at += words;
        } else if let Some(given) = Name::take(args, at)? {
            if name.is_some() {
                return Err(CmdError::SYNTAX);
            }
            at += given.words;
            name = Some(given);
        } else if args.is(at, "nomkstream") {
            no_create = true;
            at += 1;
        } else {
            break Some(Written::parse(word, true).ok_or(INVALID_ID)?);
        }
    };
    let cut = trimming.finish(db.env, false)?;
    let pairs = args.from(at + 1);
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(CmdError::arity("xadd"));
    }
    if name.is_some() && wanted.is_some() {
        return Err(CmdError::text("ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"));
    }
    let name = name.map(|name| (name.of(pairs), name));
    if matches!(wanted, Some(Written { ms: 0, seq: Seq::Given(0) | Seq::Missing })) {
        return Err(CmdError::text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    if pairs.total_bytes() > 1 << 30 {
        return Err(refused(Refused::TooBig));
    }
    let (limits, now_ms) = (limits(db.env), db.env.now_ms);
    let nothing = name.as_ref().map(|_| nothing_sent(db.env));
    let mut stream = if no_create {
        match db.get_mut::<Stream>(key)? {
            Some(stream) => stream,
            None => {
                reply.null();
                return Ok(Flow::Done);
            }
        }
    } else {
        db.get_or_create::<Stream>(key)?
    };
    let body = &mut **stream;
    if let Some((text, name)) = &name
        && let Some(sent) = &mut body.sent
        && let Some(known) = sent.find(name.producer, text, now_ms)
    {
        sent.duplicates += 1;
        reply.bulk(&known.text());
        return Ok(Flow::Done);
    }
    let log = &mut body.log;
    if log.last_id == StreamId::MAX {
        return Err(CmdError::text("ERR The stream has exhausted the last possible ID, unable to add more items"));
    }
    let id = log.next_id(wanted, now_ms).map_err(refused)?;
    log.append(id, pairs, limits).map_err(refused)?;
    let gone = cut.map(|wanted| cut::cut(log, &mut body.groups, wanted, trimming.references.unwrap_or_default()));
    let now = Exact { len: log.len(), first_id: log.first_id };
    if let (Some((text, name)), Some(nothing)) = (&name, nothing) {
        body.sent.get_or_insert_with(|| Box::new(nothing)).note(name.producer, text, id, now_ms);
    }
    drop(stream);
    reply.bulk(&id.text());
    db.changed(key, Class::Stream, "xadd");
    if gone.is_some_and(|gone| gone > 0) {
        db.event(key, Class::Stream, "xtrim");
    }
    if db.env.fx.propagates() {
        let left_out = name.as_ref().map_or(0..0, |(_, name)| name.at..name.at + name.words);
        trimming.exact(db, args, &now, Some((at, id)), left_out);
        if let Some((text, name)) = &name {
            db.propagate(&[b"XIDMPRECORD", key, name.producer, text, &id.text()]);
        }
    }
    db.ready(key, Type::Stream);
    Ok(Flow::Done)
}

pub static XSETID: Command = Command::data("XSETID", xsetid)
    .summary("Sets the last id of a stream, and its counters; made for replication.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(-3)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        string("last-id"),
        integer("entries-added").token("ENTRIESADDED").optional().since("7.0.0"),
        string("max-deleted-id").token("MAXDELETEDID").optional().since("7.0.0"),
    ])
    .history(&[("7.0.0", "The number of entries added and the highest deleted id can be given.")]);

fn xsetid(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let last_id = id(args.at(2), 0)?;
    let (mut entries_added, mut max_deleted) = (None, None);
    let mut at = 3;
    while at < args.len() {
        let Some(value) = args.get(at + 1) else { return Err(CmdError::SYNTAX) };
        if args.is(at, "entriesadded") {
            let added = parse_i64(value).ok_or(CmdError::NOT_AN_INTEGER)?;
            entries_added = Some(u64::try_from(added).map_err(|_| CmdError::text("ERR entries_added must be positive"))?);
        } else if args.is(at, "maxdeletedid") {
            let deleted = id(value, 0)?;
            if deleted > last_id {
                return Err(CmdError::text("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"));
            }
            max_deleted = Some(deleted);
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 2;
    }
    let mut stream = db.get_mut::<Stream>(args.at(1))?.ok_or(CmdError::NO_SUCH_KEY)?;
    let log = &mut stream.log;
    if last_id < log.max_deleted_id {
        return Err(CmdError::text("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"));
    }
    if !log.is_empty() {
        if last_id < log.last_valid_id() {
            return Err(CmdError::text("ERR The ID specified in XSETID is smaller than the target stream top item"));
        }
        if entries_added.is_some_and(|added| added < log.len()) {
            return Err(CmdError::text("ERR The entries_added specified in XSETID is smaller than the target stream length"));
        }
    }
    log.last_id = last_id;
    log.entries_added = entries_added.unwrap_or(log.entries_added);
    if let Some(deleted) = max_deleted.filter(|&deleted| deleted != StreamId::MIN) {
        log.max_deleted_id = deleted;
    }
    drop(stream);
    reply.ok();
    db.changed(args.at(1), Class::Stream, "xsetid");
    Ok(Flow::Done)
}
