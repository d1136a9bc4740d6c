//! Streams: entries under ascending ids, read by position or by groups of consumers.

pub mod ack;
pub mod add;
pub mod claim;
pub mod cut;
pub mod delete;
pub mod group;
pub mod idmp;
pub mod info;
pub mod nack;
pub mod pending;
pub mod range;
pub mod read;
#[cfg(test)]
mod tests;

use crate::commands::elems;
use crate::dispatch::CmdError;
use crate::dispatch::command::Command;
use crate::keyspace::{Db, Env};
use crate::resp::Reply;
use crate::types::Stream;
use crate::types::stream::idmp::Sent;
use crate::types::stream::{Bound, ConsumerNo, Entry, Fields, Group, Limits, Pending, StreamId};

pub static COMMANDS: &[&Command] = &[
    &ack::XACK,
    &delete::XACKDEL,
    &add::XADD,
    &claim::XAUTOCLAIM,
    &idmp::XCFGSET,
    &claim::XCLAIM,
    &delete::XDEL,
    &delete::XDELEX,
    &group::XGROUP,
    &idmp::XIDMPRECORD,
    &info::XINFO,
    &range::XLEN,
    &nack::XNACK,
    &pending::XPENDING,
    &range::XRANGE,
    &read::XREAD,
    &read::XREADGROUP,
    &range::XREVRANGE,
    &add::XSETID,
    &cut::XTRIM,
];

const INVALID_ID: CmdError = CmdError::text("ERR Invalid stream ID specified as stream command argument");

/// How big a node may grow, as configured.
#[inline]
fn limits(env: &Env) -> Limits {
    Limits { max_bytes: env.config.stream_node_max_bytes, max_entries: env.config.stream_node_max_entries }
}

/// What a stream's producers have sent, while that is nothing yet.
fn nothing_sent(env: &Env) -> Sent {
    Sent::new(env.config.stream_idmp_duration_s, env.config.stream_idmp_maxsize as usize)
}

/// An id as an argument; without a sequence number it gets this one.
fn id(word: &[u8], missing_seq: u64) -> Result<StreamId, CmdError> {
    StreamId::parse(word, missing_seq).ok_or(INVALID_ID)
}

/// The two ends of an interval of ids, both included.
fn interval(start: &[u8], end: &[u8]) -> Result<(StreamId, StreamId), CmdError> {
    let first = Bound::parse(start, 0).ok_or(INVALID_ID)?;
    let first = match first {
        Bound { id, exclusive: false } => id,
        Bound { id, .. } => id.next().ok_or(CmdError::text("ERR invalid start ID for the interval"))?,
    };
    let last = Bound::parse(end, u64::MAX).ok_or(INVALID_ID)?;
    let last = match last {
        Bound { id, exclusive: false } => id,
        Bound { id, .. } => id.prev().ok_or(CmdError::text("ERR invalid end ID for the interval"))?,
    };
    Ok((first, last))
}

/// The error for a group that is not there, or whose key is not.
#[cold]
fn no_group(key: &[u8], group: &[u8]) -> CmdError {
    CmdError::new([b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"].concat())
}

fn reply_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(&id.text());
}

fn reply_fields(reply: &mut Reply, fields: Fields<'_>) {
    reply.array(2 * fields.len());
    for (field, value) in fields {
        elems::bulk(reply, field);
        elems::bulk(reply, value);
    }
}

#[inline]
fn reply_entry(reply: &mut Reply, entry: Entry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply_fields(reply, entry.fields);
}

/// Writes up to `count` entries (0: all) as an array; `each` is told of every one. Returns how many there were.
fn reply_entries<'a>(
    reply: &mut Reply,
    entries: impl Iterator<Item = Entry<'a>>,
    count: u64,
    mut each: impl FnMut(StreamId),
) -> usize {
    let at = reply.defer();
    let mut written = 0;
    let max = if count == 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
    for entry in entries.take(max) {
        each(entry.id);
        reply_entry(reply, entry);
        written += 1;
    }
    reply.finish_array(at, written);
    written
}

/// Tells the log and replicas who has an entry pending now.
fn propagate_claim(db: &mut Db<'_>, key: &[u8], name: &[u8], consumer: &[u8], last_id: StreamId, id: StreamId, pending: Pending) {
    let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    db.propagate(&[
        b"XCLAIM",
        key,
        name,
        consumer,
        b"0",
        &id.text(),
        b"TIME",
        time.format(pending.delivered_ms).as_bytes(),
        b"RETRYCOUNT",
        count.format(pending.deliveries).as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        &last_id.text(),
    ]);
}

/// Tells the log and replicas how far a group has read.
fn propagate_position(db: &mut Db<'_>, key: &[u8], name: &[u8], last_id: StreamId, entries_read: Option<i64>) {
    let mut read = itoa::Buffer::new();
    let read = read.format(entries_read.unwrap_or(-1)).as_bytes();
    db.propagate(&[b"XGROUP", b"SETID", key, name, &last_id.text(), b"ENTRIESREAD", read]);
}

/// Says that a consumer was created as a side effect.
fn consumer_created(db: &mut Db<'_>, key: &[u8], name: &[u8], consumer: &[u8]) {
    use crate::keyspace::Class;
    db.changed(key, Class::Stream, "xgroup-createconsumer");
    db.propagate(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer]);
}

/// The group of this name, and the stream around it.
fn group_mut<'a>(stream: &'a mut Stream, name: &[u8]) -> Option<&'a mut Group> {
    stream.groups.get_mut(name)
}

/// The consumer of this name, seen now; the flag says whether it had to be created.
fn consumer_or_create(group: &mut Group, name: &[u8], now_ms: i64) -> Option<(ConsumerNo, bool)> {
    if let Some(no) = group.find(name) {
        if let Some(consumer) = group.consumer_mut(no) {
            consumer.seen_ms = now_ms;
        }
        return Some((no, false));
    }
    Some((group.add_consumer(name, now_ms)?, true))
}
