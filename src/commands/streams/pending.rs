//! XPENDING: what was delivered and not acknowledged.

use super::{interval, no_group, reply_id};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{self, ConsumerNo, StreamId};
use crate::util::number::parse_i64;

pub static XPENDING: Command = Command::data("XPENDING", xpending)
    .summary("Tells what is pending in a consumer group: in sum, or entry by entry.")
    .since("5.0.0")
    .complexity("O(N) for N entries returned, O(M) for M entries looked at with IDLE; the summary O(N) for N consumers.")
    .group(Group::Stream)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key", 0),
        string("group"),
        block(
            "filters",
            &[
                integer("min-idle-time").token("IDLE").optional().since("6.2.0"),
                string("start"),
                string("end"),
                integer("count"),
                string("consumer").optional(),
            ],
        )
        .optional(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[("6.2.0", "Entries can be chosen by how long they have been pending (`IDLE`), and ranges can be open.")]);

/// Which entries are asked for.
struct Wanted<'a> {
    start: StreamId,
    end: StreamId,
    count: i64,
    min_idle_ms: i64,
    consumer: Option<&'a [u8]>,
}

fn parse(args: Args<'_>) -> Result<Option<Wanted<'_>>, CmdError> {
    if args.len() == 3 {
        return Ok(None);
    }
    if !(6..=9).contains(&args.len()) {
        return Err(CmdError::SYNTAX);
    }
    let mut first = 3;
    let mut min_idle_ms = 0;
    if args.is(3, "idle") {
        min_idle_ms = parse_i64(args.at(4)).ok_or(CmdError::NOT_AN_INTEGER)?;
        if args.len() < 8 {
            return Err(CmdError::SYNTAX);
        }
        first = 5;
    }
    let count = parse_i64(args.at(first + 2)).ok_or(CmdError::NOT_AN_INTEGER)?.max(0);
    let (start, end) = interval(args.at(first), args.at(first + 1))?;
    Ok(Some(Wanted { start, end, count, min_idle_ms, consumer: args.get(first + 3) }))
}

fn xpending(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let wanted = parse(args)?;
    let now_ms = db.env.now_ms as i64;
    let stream = db.get::<Stream>(args.at(1))?;
    let Some(group) = stream.and_then(|stream| stream.groups.get(args.at(2))) else {
        return Err(no_group(args.at(1), args.at(2)));
    };
    match wanted {
        None => summary(group, reply),
        Some(wanted) => list(group, &wanted, now_ms, reply),
    }
    Ok(Flow::Done)
}

fn summary(group: &stream::Group, reply: &mut Reply) {
    reply.array(4);
    reply.count(group.pending_len());
    let Some((first, last)) = group.pending_edges() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(reply, first);
    reply_id(reply, last);
    let at = reply.defer();
    let mut shown = 0;
    for (_, consumer) in group.consumers().filter(|(_, consumer)| consumer.pending_len() > 0) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_int(consumer.pending_len() as i64);
        shown += 1;
    }
    reply.finish_array(at, shown);
}

fn list(group: &stream::Group, wanted: &Wanted<'_>, now_ms: i64, reply: &mut Reply) {
    let at = reply.defer();
    let mut shown = 0;
    let mut show = |id: StreamId, pending: stream::Pending| {
        // What was given back waits for nobody: its time does not count.
        let given_back = pending.consumer == ConsumerNo::NOBODY;
        let idle_ms = if given_back { i64::MAX } else { now_ms.saturating_sub(pending.delivered_ms).max(0) };
        if shown as i64 >= wanted.count || id > wanted.end {
            return false;
        }
        if wanted.min_idle_ms != 0 && idle_ms < wanted.min_idle_ms {
            return true;
        }
        reply.array(4);
        reply_id(reply, id);
        reply.bulk(group.name_of(pending.consumer));
        reply.int(if given_back { -1 } else { idle_ms });
        reply.int(pending.deliveries as i64);
        shown += 1;
        true
    };
    match wanted.consumer {
        None => {
            group.pending_from(wanted.start).all(|(id, pending)| show(id, pending));
        }
        Some(name) => {
            if let Some(consumer) = group.find(name).and_then(|no| group.consumer(no)) {
                consumer.pending_from(wanted.start).all(|id| group.pending(id).is_none_or(|pending| show(id, pending)));
            }
        }
    }
    reply.finish_array(at, shown);
}
