//! Streams in files and dumps.
//!
//! ```text
//! number of nodes; for each   id: text of 16 bytes, big-endian      listpack: text
//! number of entries           last id: two lengths
//! [2] first id: two lengths   highest deleted id: two lengths       entries ever added
//! number of groups; for each  name: text          last id: two lengths       [2] entries read
//!     number pending; for each    id: 16 bytes    delivered: u64 ms    deliveries
//!     number of consumers; for each   name: text   seen: u64 ms   [3] active: u64 ms
//!         number pending; for each    id: 16 bytes
//!     [5] number given back; for each     id: 16 bytes
//! [4] names are kept for: s       so many of each producer
//!     number of producers; for each   name: text
//!         number sent; for each   name: text       entry's id: two lengths
//!     number ever added under a name  number that came again
//! ```
//!
//! Numbers without a width are lengths. `[2]` is there in types 19 and later ones, `[3]` in types 21, 26 and 27, `[4]` (XADD's
//! IDMP) in the last two, `[5]` (XNACK) in type 27 alone. A stream is written as type 19, which Redis 7.0 reads, unless it
//! holds what only a later one can say; type 19 is read with both times of a consumer alike.

use std::io::Write;

use super::format::kind;
use super::source::{Error, Source};
use super::write::Writer;
use crate::types::Stream;
use crate::types::stream::idmp::{DURATION_MAX_S, MAX_MAX, Sent};
use crate::types::stream::parts::{Broken, Builder, Counters};
use crate::types::stream::{ConsumerNo, Group, StreamId};

/// The number that the stream's type is written under.
pub fn kind_of(stream: &Stream) -> u8 {
    if stream.groups.iter().any(|(_, group)| given_back(group).next().is_some()) {
        return kind::STREAM_LISTPACKS_5;
    }
    if stream.sent.is_some() {
        return kind::STREAM_LISTPACKS_4;
    }
    let mut consumers = stream.groups.iter().flat_map(|(_, group)| group.consumers());
    if consumers.all(|(_, consumer)| consumer.active_ms == consumer.seen_ms) {
        kind::STREAM_LISTPACKS_2
    } else {
        kind::STREAM_LISTPACKS_3
    }
}

/// What is pending in a group and nobody's.
fn given_back(group: &Group) -> impl Iterator<Item = StreamId> {
    let owned: usize = group.consumers().map(|(_, consumer)| consumer.pending_len()).sum();
    // Most groups have nothing of the kind, and need not be walked to know.
    let any = group.pending_len() > owned;
    let all = any.then(|| group.pending_from(StreamId::MIN)).into_iter().flatten();
    all.filter(|(_, pending)| pending.consumer == ConsumerNo::NOBODY).map(|(id, _)| id)
}

fn write_id<W: Write>(to: &mut Writer<W>, id: StreamId) {
    to.len_field(id.ms as usize);
    to.len_field(id.seq as usize);
}

/// Writes a stream as the type that [`kind_of`] says.
pub fn write<W: Write>(to: &mut Writer<W>, stream: &Stream) {
    let kind = kind_of(stream);
    let log = &stream.log;
    to.len_field(log.node_count());
    for node in log.nodes() {
        to.text(&node.id().to_bytes());
        to.text(node.as_bytes());
    }
    to.len_field(log.len() as usize);
    for id in [log.last_id, log.first_id, log.max_deleted_id] {
        write_id(to, id);
    }
    to.len_field(log.entries_added as usize);
    to.len_field(stream.groups.len());
    for (name, group) in stream.groups.iter() {
        to.text(name);
        write_id(to, group.last_id);
        to.len_field(group.entries_read.unwrap_or(-1) as usize);
        to.len_field(group.pending_len());
        for (id, pending) in group.pending_from(StreamId::MIN) {
            to.raw(&id.to_bytes());
            to.raw(&pending.delivered_ms.to_le_bytes());
            to.len_field(pending.deliveries as usize);
        }
        to.len_field(group.consumers().len());
        for (_, consumer) in group.consumers() {
            to.text(consumer.name());
            to.raw(&consumer.seen_ms.to_le_bytes());
            if kind >= kind::STREAM_LISTPACKS_3 {
                to.raw(&consumer.active_ms.to_le_bytes());
            }
            to.len_field(consumer.pending_len());
            for id in consumer.pending_from(StreamId::MIN) {
                to.raw(&id.to_bytes());
            }
        }
        if kind == kind::STREAM_LISTPACKS_5 {
            to.len_field(given_back(group).count());
            for id in given_back(group) {
                to.raw(&id.to_bytes());
            }
        }
    }
    if kind >= kind::STREAM_LISTPACKS_4 {
        write_sent(to, stream.sent.as_deref().unwrap_or(&Sent::default()));
    }
}

/// Writes what producers have sent.
fn write_sent<W: Write>(to: &mut Writer<W>, sent: &Sent) {
    to.len_field(sent.duration_s as usize);
    to.len_field(sent.max);
    to.len_field(sent.producer_count());
    for (producer, names) in sent.producers() {
        to.text(producer);
        to.len_field(names.len());
        for (name, id) in names {
            to.text(name);
            write_id(to, id);
        }
    }
    to.len_field(sent.added as usize);
    to.len_field(sent.duplicates as usize);
}

/// Reads what producers have sent; nothing, if there is nothing in it that a stream does not have anyway.
fn read_sent(source: &mut impl Source) -> Result<Option<Sent>, Error> {
    const CORRUPT: Error = Error::corrupt("Invalid idempotent producers of a stream");
    let (duration_s, max) = (source.len()?, source.len()?);
    let max = usize::try_from(max).ok().filter(|max| (1..=MAX_MAX).contains(max)).ok_or(CORRUPT)?;
    if !(1..=DURATION_MAX_S).contains(&duration_s) {
        return Err(CORRUPT);
    }
    let mut sent = Sent::new(duration_s, max);
    let (mut producer, mut name) = (Vec::new(), Vec::new());
    for _ in 0..source.count(2)? {
        producer.clear();
        source.append_text(&mut producer)?;
        for _ in 0..source.count(3)? {
            name.clear();
            source.append_text(&mut name)?;
            let id = read_id(source)?;
            if !sent.restore(&producer, &name, id) {
                return Err(CORRUPT);
            }
        }
    }
    (sent.added, sent.duplicates) = (source.len()?, source.len()?);
    Ok((!sent.is_default()).then_some(sent))
}

fn read_id(source: &mut impl Source) -> Result<StreamId, Error> {
    Ok(StreamId::new(source.len()?, source.len()?))
}

/// Upstream's words for what is wrong with a stream.
fn complaint(broken: Broken) -> Error {
    Error::corrupt(match broken {
        Broken::Node => "Stream listpack integrity check failed.",
        Broken::Order => "Stream nodes are not in order",
        Broken::Length => "Stream length inconsistent with rax entries",
        Broken::LastId => "Stream last id inconsistent with its entries",
        Broken::Group => "Duplicated consumer group name detected",
        Broken::Consumer => "Duplicate stream consumer detected",
        Broken::Pending => "Consumer entry not found in group global PEL",
    })
}

/// Reads a stream of type 15, 19, 21, 26 or 27.
pub fn read(source: &mut impl Source, kind: u8) -> Result<Stream, Error> {
    let second = kind != kind::STREAM_LISTPACKS;
    let third = kind >= kind::STREAM_LISTPACKS_3;
    let mut builder = Builder::new();
    for _ in 0..source.count(18)? {
        let id = source.text(|text| <[u8; 16]>::try_from(text).ok())?;
        let id = id.ok_or(Error::corrupt("Stream node key entry is not the size of a stream ID"))?;
        source.text(|listpack| builder.node(StreamId::from_bytes(id), listpack))?.map_err(complaint)?;
    }
    let (len, last_id) = (source.len()?, read_id(source)?);
    let (mut first_id, mut max_deleted_id, mut entries_added) = (None, None, None);
    if second {
        first_id = Some(read_id(source)?);
        max_deleted_id = Some(read_id(source)?);
        entries_added = Some(source.len()?);
    }
    builder.counters(Counters { len, last_id, first_id, max_deleted_id, entries_added }).map_err(complaint)?;
    for _ in 0..source.count(4)? {
        let mut name = Vec::new();
        source.append_text(&mut name)?;
        let last_id = read_id(source)?;
        let entries_read = match second {
            true => Some(i64::try_from(source.len()?).ok()),
            false => None,
        };
        builder.group(&name, last_id, entries_read).map_err(complaint)?;
        for _ in 0..source.count(25)? {
            let id = StreamId::from_bytes(source.array()?);
            let delivered_ms = i64::from_le_bytes(source.array()?);
            builder.pending(id, delivered_ms, source.len()?).map_err(|_| Error::corrupt("Duplicated global PEL entry"))?;
        }
        for _ in 0..source.count(10)? {
            name.clear();
            source.append_text(&mut name)?;
            let seen_ms = i64::from_le_bytes(source.array()?);
            let active_ms = if third { i64::from_le_bytes(source.array()?) } else { seen_ms };
            builder.consumer(&name, seen_ms, active_ms).map_err(complaint)?;
            for _ in 0..source.count(16)? {
                builder.owned(StreamId::from_bytes(source.array()?)).map_err(complaint)?;
            }
        }
        if kind == kind::STREAM_LISTPACKS_5 {
            for _ in 0..source.count(16)? {
                builder.given_back(StreamId::from_bytes(source.array()?)).map_err(complaint)?;
            }
        }
    }
    if kind >= kind::STREAM_LISTPACKS_4 {
        builder.sent(read_sent(source)?);
    }
    builder.finish().map_err(complaint)
}
