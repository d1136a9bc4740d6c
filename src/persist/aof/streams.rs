//! A stream as the commands that make it.

use std::io;

use super::rewrite::{Writer, elem};
use crate::resp::request;
use crate::types::Stream;
use crate::types::stream::{ConsumerNo, StreamId};

/// Writes the commands that make this stream under `key`.
///
/// # Errors
/// When what was collected could not be written.
pub(super) fn write(to: &mut Writer, key: &[u8], stream: &Stream) -> io::Result<()> {
    let log = &stream.log;
    for entry in log.iter() {
        request::head(&mut to.buf, 3 + 2 * entry.fields.len());
        for word in [&b"XADD"[..], key, &entry.id.text()] {
            request::word(&mut to.buf, word);
        }
        for (field, value) in entry.fields {
            elem(&mut to.buf, field);
            elem(&mut to.buf, value);
        }
        to.spill()?;
    }
    if log.is_empty() {
        // A stream without entries is made by adding one that is trimmed away at once.
        to.command(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
    }
    let mut digits = itoa::Buffer::new();
    let added = digits.format(log.entries_added).as_bytes();
    let (last_id, max_deleted_id) = (log.last_id.text(), log.max_deleted_id.text());
    to.command(&[b"XSETID", key, &last_id, b"ENTRIESADDED", added, b"MAXDELETEDID", &max_deleted_id]);
    if let Some(sent) = &stream.sent {
        let (mut duration, mut max) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (duration, max) = (duration.format(sent.duration_s).as_bytes(), max.format(sent.max).as_bytes());
        to.command(&[b"XCFGSET", key, b"IDMP-DURATION", duration, b"IDMP-MAXSIZE", max]);
        for (producer, name, id) in sent.iter().filter(|(.., id)| log.get(*id).is_some()) {
            to.command(&[b"XIDMPRECORD", key, producer, name, &id.text()]);
            to.spill()?;
        }
    }
    for (name, group) in stream.groups.iter() {
        let mut digits = itoa::Buffer::new();
        let read = digits.format(group.entries_read.unwrap_or(-1)).as_bytes();
        to.command(&[b"XGROUP", b"CREATE", key, name, &group.last_id.text(), b"ENTRIESREAD", read]);
        for (_, consumer) in group.consumers() {
            to.command(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer.name()]);
            to.spill()?;
        }
        for (id, pending) in group.pending_from(StreamId::MIN) {
            let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
            let time = time.format(pending.delivered_ms).as_bytes();
            let count = count.format(pending.deliveries).as_bytes();
            let id = id.text();
            if pending.consumer == ConsumerNo::NOBODY {
                to.command(&[b"XNACK", key, name, b"FAIL", b"IDS", b"1", &id, b"RETRYCOUNT", count, b"FORCE"]);
                continue;
            }
            let consumer = group.name_of(pending.consumer);
            to.command(&[b"XCLAIM", key, name, consumer, b"0", &id, b"TIME", time, b"RETRYCOUNT", count, b"JUSTID", b"FORCE"]);
            to.spill()?;
        }
    }
    Ok(())
}
