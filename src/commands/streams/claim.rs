//! Taking over what is pending for another consumer: XCLAIM, XAUTOCLAIM.

use super::{consumer_created, consumer_or_create, id, no_group, propagate_claim, propagate_position, reply_entry, reply_id};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{self, Body, Bound, ConsumerNo, Pending, StreamId};
use crate::util::number::parse_i64;

/// Tells what was claimed, and forgets nothing: what was cleared is claimed too, so that it is cleared there as well.
fn tell(db: &mut Db<'_>, args: Args<'_>, last_id: StreamId, told: &[(StreamId, Pending, Vec<u8>)]) {
    for (id, pending, consumer) in told {
        propagate_claim(db, args.at(1), args.at(2), consumer, last_id, *id, *pending);
    }
}

/// The group and the stream it is of.
fn parts<'a>(stream: Option<&'a mut Stream>, args: Args<'_>) -> Result<(&'a stream::Log, &'a mut stream::Group), CmdError> {
    let missing = || no_group(args.at(1), args.at(2));
    let Body { log, groups, .. } = &mut **stream.ok_or_else(missing)?;
    Ok((log, groups.get_mut(args.at(2)).ok_or_else(missing)?))
}

pub static XCLAIM: Command = Command::data("XCLAIM", xclaim)
    .summary("Makes another consumer the owner of pending entries, as if they had been delivered to it.")
    .since("5.0.0")
    .complexity("O(log N) with N being the number of messages in the PEL of the consumer group.")
    .group(Group::Stream)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        string("group"),
        string("consumer"),
        string("min-idle-time"),
        string("id").multiple(),
        integer("ms").token("IDLE").optional(),
        unix_time("unix-time-milliseconds").token("TIME").optional(),
        integer("count").token("RETRYCOUNT").optional(),
        token("force", "FORCE").optional(),
        token("justid", "JUSTID").optional(),
        string("lastid").token("LASTID").optional(),
    ])
    .tips(&["nondeterministic_output"]);

/// XCLAIM's options.
struct Options {
    delivered_ms: i64,
    deliveries: Option<i64>,
    force: bool,
    just_id: bool,
    last_id: Option<StreamId>,
}

impl Options {
    fn parse(args: Args<'_>, first: usize, now_ms: i64) -> Result<Options, CmdError> {
        let mut options = Options { delivered_ms: now_ms, deliveries: None, force: false, just_id: false, last_id: None };
        let mut at = first;
        while at < args.len() {
            let value = args.get(at + 1);
            at += 1;
            if args.is(at - 1, "force") {
                options.force = true;
                continue;
            }
            if args.is(at - 1, "justid") {
                options.just_id = true;
                continue;
            }
            let number = |value: &[u8], error| parse_i64(value).ok_or(CmdError::text(error));
            match value {
                Some(value) if args.is(at - 1, "idle") => {
                    let idle_ms = number(value, "ERR Invalid IDLE option argument for XCLAIM")?;
                    options.delivered_ms = now_ms.wrapping_sub(idle_ms);
                }
                Some(value) if args.is(at - 1, "time") => {
                    options.delivered_ms = number(value, "ERR Invalid TIME option argument for XCLAIM")?;
                }
                Some(value) if args.is(at - 1, "retrycount") => {
                    let count = number(value, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                    options.deliveries = Some(count);
                }
                Some(value) if args.is(at - 1, "lastid") => options.last_id = Some(id(value, 0)?),
                _ => {
                    let shown = String::from_utf8_lossy(args.at(at - 1)).into_owned();
                    return Err(CmdError::err(format!("Unrecognized XCLAIM option '{shown}'")));
                }
            }
            at += 1;
        }
        // A time that cannot be is now: nothing was delivered in the future.
        if options.delivered_ms < 0 || options.delivered_ms > now_ms {
            options.delivered_ms = now_ms;
        }
        Ok(options)
    }
}

fn xclaim(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms as i64;
    let propagates = db.env.fx.propagates();
    let mut stream = db.get_noting::<Stream>(args.at(1))?;
    let (log, group) = parts(stream.as_deref_mut(), args)?;
    let min_idle_ms = parse_i64(args.at(4)).ok_or(CmdError::text("ERR Invalid min-idle-time argument for XCLAIM"))?.max(0);
    let ids_end = (5..args.len()).find(|&at| StreamId::parse(args.at(at), 0).is_none()).unwrap_or(args.len());
    let options = Options::parse(args, ids_end, now_ms)?;
    let mut position_changed = false;
    if let Some(last_id) = options.last_id.filter(|&last_id| last_id > group.last_id) {
        group.last_id = last_id;
        position_changed = true;
    }
    let Some((consumer, created)) = consumer_or_create(group, args.at(3), now_ms) else { return Err(CmdError::OOM) };
    let at = reply.defer();
    let (mut written, mut dirty) = (0, 0u64);
    let mut told = Vec::new();
    for word in args.slice(5, ids_end).iter() {
        let id = id(word, 0)?;
        let pending = group.pending(id);
        let Some(entry) = log.get(id) else {
            // What is no more can be pending no more.
            if let Some(pending) = pending {
                if propagates {
                    told.push((id, pending, group.name_of(pending.consumer).to_vec()));
                }
                group.acknowledge(id);
                position_changed = false;
                dirty += 1;
            }
            continue;
        };
        let old = match pending {
            Some(old) => old,
            None if options.force => Pending { delivered_ms: 0, deliveries: 0, consumer: ConsumerNo::NOBODY },
            None => continue,
        };
        if old.consumer != ConsumerNo::NOBODY && min_idle_ms > 0 && now_ms.saturating_sub(old.delivered_ms) < min_idle_ms {
            continue;
        }
        let deliveries = match options.deliveries {
            Some(count) if count >= 0 => count as u64,
            _ => old.deliveries.saturating_add(u64::from(!options.just_id)),
        };
        let new = Pending { delivered_ms: options.delivered_ms, deliveries, consumer };
        group.deliver(id, new);
        if options.just_id {
            reply_id(reply, id)
        } else {
            reply_entry(reply, entry)
        }
        written += 1;
        if let Some(consumer) = group.consumer_mut(consumer) {
            consumer.active_ms = now_ms;
        }
        if propagates {
            told.push((id, new, args.at(3).to_vec()));
        }
        position_changed = false;
        dirty += 1;
    }
    let (last_id, entries_read) = (group.last_id, group.entries_read);
    drop(stream);
    reply.finish_array(at, written);
    db.env.fx.propagate_nothing();
    if created {
        consumer_created(db, args.at(1), args.at(2), args.at(3));
    }
    tell(db, args, last_id, &told);
    db.env.fx.dirty += dirty;
    if position_changed {
        propagate_position(db, args.at(1), args.at(2), last_id, entries_read);
        db.env.fx.dirty += 1;
    }
    Ok(Flow::Done)
}

pub static XAUTOCLAIM: Command = Command::data("XAUTOCLAIM", xautoclaim)
    .summary("Makes a consumer the owner of entries that have been pending for long.")
    .since("6.2.0")
    .complexity("O(1) if COUNT is small.")
    .group(Group::Stream)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[
        key("key", 0),
        string("group"),
        string("consumer"),
        string("min-idle-time"),
        string("start"),
        integer("count").token("COUNT").optional(),
        token("justid", "JUSTID").optional(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[("7.0.0", "The reply names the entries that were pending and are no more.")]);

fn xautoclaim(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    /// Entries looked at for each that may be claimed.
    const ATTEMPTS: i64 = 10;
    let now_ms = db.env.now_ms as i64;
    let propagates = db.env.fx.propagates();
    let min_idle_ms = parse_i64(args.at(4)).ok_or(CmdError::text("ERR Invalid min-idle-time argument for XAUTOCLAIM"))?.max(0);
    let start = match Bound::parse(args.at(5), 0).ok_or(super::INVALID_ID)? {
        Bound { id, exclusive: false } => id,
        Bound { id, .. } => id.next().ok_or(CmdError::text("ERR invalid start ID for the interval"))?,
    };
    let (mut count, mut just_id) = (100, false);
    let mut at = 6;
    while at < args.len() {
        if args.is(at, "count") && at + 1 < args.len() {
            const COUNT: CmdError = CmdError::text("ERR COUNT must be > 0");
            count = parse_i64(args.at(at + 1)).filter(|count| (1..=i64::MAX / 16).contains(count)).ok_or(COUNT)?;
            at += 2;
        } else if args.is(at, "justid") {
            just_id = true;
            at += 1;
        } else {
            return Err(CmdError::SYNTAX);
        }
    }
    let mut stream = db.get_noting::<Stream>(args.at(1))?;
    let (log, group) = parts(stream.as_deref_mut(), args)?;
    let Some((consumer, created)) = consumer_or_create(group, args.at(3), now_ms) else { return Err(CmdError::OOM) };
    let mut attempts = count.saturating_mul(ATTEMPTS);
    let mut claimed = Vec::new();
    let mut gone = Vec::new();
    let mut told = Vec::new();
    let mut next = Some(start);
    let mut here = None;
    while attempts > 0 && count > 0 {
        attempts -= 1;
        here = next.and_then(|next| group.pending_from(next).next());
        let Some((id, old)) = here else { break };
        next = id.next();
        if log.get(id).is_none() {
            if propagates {
                told.push((id, old, group.name_of(old.consumer).to_vec()));
            }
            group.acknowledge(id);
            gone.push(id);
            count -= 1;
            continue;
        }
        if old.consumer != ConsumerNo::NOBODY && min_idle_ms > 0 && now_ms.saturating_sub(old.delivered_ms) < min_idle_ms {
            continue;
        }
        let deliveries = old.deliveries.saturating_add(u64::from(!just_id));
        let new = Pending { delivered_ms: now_ms, deliveries, consumer };
        group.deliver(id, new);
        if let Some(consumer) = group.consumer_mut(consumer) {
            consumer.active_ms = now_ms;
        }
        if propagates {
            told.push((id, new, args.at(3).to_vec()));
        }
        claimed.push(id);
        count -= 1;
    }
    let cursor = match here {
        None => None,
        Some(_) => next.and_then(|next| group.pending_from(next).next()),
    };
    reply.array(3);
    reply_id(reply, cursor.map_or(StreamId::MIN, |(id, _)| id));
    reply.array(claimed.len());
    for &id in &claimed {
        match log.get(id) {
            Some(entry) if !just_id => reply_entry(reply, entry),
            _ => reply_id(reply, id),
        }
    }
    reply.array(gone.len());
    gone.iter().for_each(|&id| reply_id(reply, id));
    let last_id = group.last_id;
    drop(stream);
    db.env.fx.propagate_nothing();
    if created {
        consumer_created(db, args.at(1), args.at(2), args.at(3));
    }
    tell(db, args, last_id, &told);
    db.env.fx.dirty += (claimed.len() + gone.len()) as u64;
    Ok(Flow::Done)
}
