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
//! ```
//!
//! What was given back (XNACK) and is nobody's is written under a consumer without a name, for no version read here knows of
//! such entries: a server that does not either lets anybody claim them, for they were delivered in 1970.
//!
//! Numbers without a width are lengths. `[2]` is there in types 19 and 21, `[3]` in type 21. A stream is written as type 19,
//! which Redis 7.0 reads, when its consumers' times fit that: it is read with both times alike.

use std::io::Write;

use super::format::kind;
use super::source::{Error, Source};
use super::write::Writer;
use crate::types::Stream;
use crate::types::stream::parts::{Broken, Builder, Counters};
use crate::types::stream::{ConsumerNo, StreamId};

/// The number that the stream's type is written under.
pub fn kind_of(stream: &Stream) -> u8 {
    let mut consumers = stream.groups.iter().flat_map(|(_, group)| group.consumers());
    if consumers.all(|(_, consumer)| consumer.active_ms == consumer.seen_ms) {
        kind::STREAM_LISTPACKS_2
    } else {
        kind::STREAM_LISTPACKS_3
    }
}

fn write_id<W: Write>(to: &mut Writer<W>, id: StreamId) {
    to.len_field(id.ms as usize);
    to.len_field(id.seq as usize);
}

/// Writes a stream as the type that [`kind_of`] says.
pub fn write<W: Write>(to: &mut Writer<W>, stream: &Stream) {
    let with_active = kind_of(stream) == kind::STREAM_LISTPACKS_3;
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
        let all = group.pending_from(StreamId::MIN);
        let mut given_back: Vec<StreamId> =
            all.filter(|(_, pending)| pending.consumer == ConsumerNo::NOBODY).map(|(id, _)| id).collect();
        let stand_in = !given_back.is_empty() && group.find(b"").is_none();
        to.len_field(group.consumers().len() + usize::from(stand_in));
        if stand_in {
            consumer(to, b"", [0, 0], with_active, &std::mem::take(&mut given_back));
        }
        for (_, one) in group.consumers() {
            let mut ids: Vec<StreamId> = one.pending_from(StreamId::MIN).collect();
            if one.name().is_empty() {
                ids.append(&mut given_back);
            }
            consumer(to, one.name(), [one.seen_ms, one.active_ms], with_active, &ids);
        }
    }
}

/// Writes a consumer: when it was seen and active, and what is pending for it.
fn consumer<W: Write>(to: &mut Writer<W>, name: &[u8], times_ms: [i64; 2], with_active: bool, ids: &[StreamId]) {
    to.text(name);
    to.raw(&times_ms[0].to_le_bytes());
    if with_active {
        to.raw(&times_ms[1].to_le_bytes());
    }
    to.len_field(ids.len());
    for id in ids {
        to.raw(&id.to_bytes());
    }
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

/// Reads a stream of type 15, 19 or 21.
pub fn read(source: &mut impl Source, kind: u8) -> Result<Stream, Error> {
    let second = kind != kind::STREAM_LISTPACKS;
    let third = kind == kind::STREAM_LISTPACKS_3;
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
    }
    builder.finish().map_err(complaint)
}
