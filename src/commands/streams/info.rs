//! XINFO: what there is to know of streams, groups and consumers.

use super::group::no_such;
use super::{reply_entries, reply_entry, reply_id};
use crate::dispatch::call::wrong_subcommand;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::idmp::Sent;
use crate::types::stream::{self, Log, StreamId};
use crate::util::number::parse_i64;

pub static XINFO: Command = Command::container("XINFO", &[&CONSUMERS, &GROUPS, &HELP, &STREAM])
    .summary("Commands that describe streams.")
    .since("5.0.0")
    .complexity("Depends on subcommand.")
    .group(Group::Stream);

const READ: &[Keys] = &[Keys::one(2).does(&[Use::RO, Use::Access])];

static CONSUMERS: Command = Command::data("CONSUMERS", consumers)
    .summary("Describes the consumers of a consumer group.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(4)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), string("group")])
    .tips(&["nondeterministic_output"])
    .history(&[("7.2.0", "`inactive` tells since when nothing was delivered, `idle` since when nothing was asked for.")]);

fn consumers(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms as i64;
    let stream = db.get::<Stream>(args.at(2))?.ok_or(CmdError::NO_SUCH_KEY)?;
    let group = stream.groups.get(args.at(3)).ok_or_else(|| no_such(args.at(2), args.at(3)))?;
    reply.array(group.consumers().len());
    for (_, consumer) in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"pending");
        reply.count(consumer.pending_len());
        reply.bulk(b"idle");
        reply.int(now_ms.saturating_sub(consumer.seen_ms).max(0));
        reply.bulk(b"inactive");
        match consumer.active_ms {
            -1 => reply.int(-1),
            active_ms => reply.int(now_ms.saturating_sub(active_ms).max(0)),
        }
    }
    Ok(Flow::Done)
}

static GROUPS: Command = Command::data("GROUPS", groups)
    .summary("Describes the consumer groups of a stream.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(3)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0)])
    .history(&[("7.0.0", "`entries-read` and `lag` tell how far a group has read.")]);

fn int_or_null(reply: &mut Reply, n: Option<i64>) {
    match n {
        Some(n) => reply.int(n),
        None => reply.null(),
    }
}

fn groups(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let stream = db.get::<Stream>(args.at(2))?.ok_or(CmdError::NO_SUCH_KEY)?;
    reply.array(stream.groups.len());
    for (name, group) in stream.groups.iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        reply.bulk(b"consumers");
        reply.count(group.consumers().len());
        reply.bulk(b"pending");
        reply.count(group.pending_len());
        reply.bulk(b"last-delivered-id");
        reply_id(reply, group.last_id);
        reply.bulk(b"entries-read");
        int_or_null(reply, group.entries_read);
        reply.bulk(b"lag");
        int_or_null(reply, group.lag(&stream.log));
    }
    Ok(Flow::Done)
}

static STREAM: Command = Command::data("STREAM", stream)
    .summary("Describes a stream.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(READ)
    .args(&[key("key", 0), block("full-block", &[token("full", "FULL"), integer("count").token("COUNT").optional()]).optional()])
    .history(&[
        ("6.0.0", "`FULL` tells all there is."),
        ("7.0.0", "Counters of entries added and deleted, and how far groups have read."),
        ("7.2.0", "`active-time` tells when something was delivered, `seen-time` when something was asked for."),
    ]);

fn stream(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    db.get::<Stream>(args.at(2))?.ok_or(CmdError::NO_SUCH_KEY)?;
    let full = args.len() > 3;
    let mut count = 10;
    if full {
        if !args.is(3, "full") || !(args.len() == 4 || args.len() == 6) || (args.len() == 6 && !args.is(4, "count")) {
            return Err(wrong_subcommand(args));
        }
        if let Some(word) = args.get(5) {
            count = match parse_i64(word).ok_or(CmdError::NOT_AN_INTEGER)? {
                n if n < 0 => 10,
                n => n as u64,
            };
        }
    }
    let stream = db.get_mut::<Stream>(args.at(2))?.ok_or(CmdError::NO_SUCH_KEY)?;
    let log = &stream.log;
    let extra = if stream.sent.is_some() { 6 } else { 0 };
    reply.map(extra + if full { 9 } else { 10 });
    counters(log, reply);
    if let Some(sent) = &stream.sent {
        producers(sent, reply);
    }
    if !full {
        reply.bulk(b"groups");
        reply.count(stream.groups.len());
        for (name, backwards) in [("first-entry", false), ("last-entry", true)] {
            reply.bulk(name.as_bytes());
            match log.range(StreamId::MIN, StreamId::MAX, backwards).next() {
                Some(entry) => reply_entry(reply, entry),
                None => reply.null(),
            }
        }
        return Ok(Flow::Done);
    }
    reply.bulk(b"entries");
    reply_entries(reply, log.iter(), count, |_| {});
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for (name, group) in stream.groups.iter() {
        describe(name, group, log, count, reply);
    }
    Ok(Flow::Done)
}

/// The counters that both forms of XINFO STREAM begin with. Nodes are upstream's at the least: one for each listpack, and one
/// that leads to them.
fn counters(log: &Log, reply: &mut Reply) {
    reply.bulk(b"length");
    reply.int(log.len() as i64);
    reply.bulk(b"radix-tree-keys");
    reply.count(log.node_count());
    reply.bulk(b"radix-tree-nodes");
    reply.count(log.node_count() + 1);
    reply.bulk(b"last-generated-id");
    reply_id(reply, log.last_id);
    reply.bulk(b"max-deleted-entry-id");
    reply_id(reply, log.max_deleted_id);
    reply.bulk(b"entries-added");
    reply.int(log.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    reply_id(reply, log.first_id);
}

/// What is known of entries that may come twice.
fn producers(sent: &Sent, reply: &mut Reply) {
    let figures = [
        ("idmp-duration", sent.duration_s),
        ("idmp-maxsize", sent.max as u64),
        ("pids-tracked", sent.producer_count() as u64),
        ("iids-tracked", sent.iter().count() as u64),
        ("iids-added", sent.added),
        ("iids-duplicates", sent.duplicates),
    ];
    for (name, figure) in figures {
        reply.bulk(name.as_bytes());
        reply.int(figure as i64);
    }
}

/// A group, its consumers and what is pending, up to `count` each (0: all).
fn describe(name: &[u8], group: &stream::Group, log: &Log, count: u64, reply: &mut Reply) {
    let max = if count == 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    reply.bulk(b"last-delivered-id");
    reply_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    int_or_null(reply, group.entries_read);
    reply.bulk(b"lag");
    int_or_null(reply, group.lag(log));
    reply.bulk(b"pel-count");
    reply.count(group.pending_len());
    reply.bulk(b"pending");
    reply.array(group.pending_len().min(max));
    for (id, pending) in group.pending_from(StreamId::MIN).take(max) {
        reply.array(4);
        reply_id(reply, id);
        reply.bulk(group.name_of(pending.consumer));
        reply.int(pending.delivered_ms);
        reply.int(pending.deliveries as i64);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers().len());
    for (_, consumer) in group.consumers() {
        reply.map(5);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"seen-time");
        reply.int(consumer.seen_ms);
        reply.bulk(b"active-time");
        reply.int(consumer.active_ms);
        reply.bulk(b"pel-count");
        reply.count(consumer.pending_len());
        reply.bulk(b"pending");
        reply.array(consumer.pending_len().min(max));
        for id in consumer.pending_from(StreamId::MIN).take(max) {
            let pending = group.pending(id);
            reply.array(3);
            reply_id(reply, id);
            reply.int(pending.map_or(0, |pending| pending.delivered_ms));
            reply.int(pending.map_or(0, |pending| pending.deliveries as i64));
        }
    }
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
        "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CONSUMERS <key> <groupname>",
        "    Show consumers of <groupname>.",
        "GROUPS <key>",
        "    Show the stream consumer groups.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Show information about the stream.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}
