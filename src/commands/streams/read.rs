//! Reading what is new, and waiting for it: XREAD, XREADGROUP.

use super::{
    consumer_created, consumer_or_create, id, propagate_claim, propagate_position, reply_entries, reply_entry, reply_fields,
    reply_id,
};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Type;
use crate::resp::reply::Deferred;
use crate::resp::{Args, OwnedArgs, Reply};
use crate::types::Stream;
use crate::types::stream::{self, Body, ConsumerNo, Pending, StreamId};
use crate::util::number::parse_i64;

const STREAMS: Find = Find::Range { last: -1, step: 1, limit: 2 };

pub static XREAD: Command = Command::data("XREAD", xread)
    .summary("Reads the entries of several streams that come after given ones, and waits for some if need be.")
    .since("5.0.0")
    .group(Group::Stream)
    .arity(-4)
    .flags(&[ReadOnly, Blocking, MovableKeys])
    .keys(&[Keys::after("STREAMS", 1).find(STREAMS).does(&[Use::RO, Use::Access])])
    .args(&[
        integer("count").token("COUNT").optional(),
        integer("milliseconds").token("BLOCK").optional(),
        block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS"),
    ]);

pub static XREADGROUP: Command = Command::data("XREADGROUP", xreadgroup)
    .summary("Reads for a consumer of a group: new entries, which become pending, or again those that are.")
    .since("5.0.0")
    .complexity("O(M) per stream for M entries returned; XADD pays O(N) for N clients that wait.")
    .group(Group::Stream)
    .arity(-7)
    .flags(&[Write, Blocking, MovableKeys])
    .keys(&[Keys::after("STREAMS", 4).find(STREAMS).does(&[Use::RO, Use::Access])])
    .args(&[
        block("group-block", &[string("group"), string("consumer")]).token("GROUP"),
        integer("count").token("COUNT").optional(),
        integer("milliseconds").token("BLOCK").optional(),
        integer("min-idle-time").token("CLAIM").optional().since("8.4.0"),
        token("noack", "NOACK").optional(),
        block("streams", &[key("key", 0).multiple(), string("id").multiple()]).token("STREAMS"),
    ]);

/// The two commands' options.
struct Options<'a> {
    count: u64,
    /// How long to wait; 0: for ever.
    block_ms: Option<u64>,
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    /// Entries that have been pending for so long come first.
    claim_ms: Option<i64>,
    keys: Args<'a>,
    ids: Args<'a>,
}

/// The timeout of BLOCK.
fn timeout(word: &[u8], now_ms: u64) -> Result<u64, CmdError> {
    let ms = parse_i64(word).ok_or(CmdError::text("ERR timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| CmdError::TIMEOUT_NEGATIVE)?;
    if ms > i64::MAX as u64 - now_ms { Err(CmdError::text("ERR timeout is out of range")) } else { Ok(ms) }
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, for_group: bool, now_ms: u64) -> Result<Options<'a>, CmdError> {
        let (mut count, mut block_ms, mut group, mut no_ack, mut claim_ms) = (0, None, None, false, None);
        let mut at = 1;
        loop {
            if at >= args.len() {
                return Err(CmdError::SYNTAX);
            }
            let more = args.len() - 1 - at;
            if args.is(at, "block") && more > 0 {
                block_ms = Some(timeout(args.at(at + 1), now_ms)?);
                at += 2;
            } else if args.is(at, "count") && more > 0 {
                count = parse_i64(args.at(at + 1)).ok_or(CmdError::NOT_AN_INTEGER)?.max(0) as u64;
                at += 2;
            } else if args.is(at, "claim") && more > 0 && for_group {
                let idle_ms = parse_i64(args.at(at + 1)).ok_or(CmdError::NOT_AN_INTEGER)?;
                claim_ms = Some(if idle_ms < 0 { return Err(CmdError::OUT_OF_RANGE_POSITIVE) } else { idle_ms });
                at += 2;
            } else if args.is(at, "streams") && more > 0 {
                break;
            } else if args.is(at, "group") && more >= 2 {
                if !for_group {
                    return Err(CmdError::text(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                group = Some((args.at(at + 1), args.at(at + 2)));
                at += 3;
            } else if args.is(at, "noack") {
                if !for_group {
                    return Err(CmdError::text(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    ));
                }
                no_ack = true;
                at += 1;
            } else {
                return Err(CmdError::SYNTAX);
            }
        }
        let streams = args.from(at + 1);
        if !streams.len().is_multiple_of(2) {
            return Err(CmdError::text(if for_group {
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified."
            } else {
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified."
            }));
        }
        if for_group && group.is_none() {
            return Err(CmdError::text("ERR Missing GROUP option for XREADGROUP"));
        }
        let half = streams.len() / 2;
        Ok(Options { count, block_ms, group, no_ack, claim_ms, keys: streams.slice(0, half), ids: streams.from(half) })
    }

    /// When the first entry that is pending in one of the streams will have been so for long enough to be claimed, in unix ms; 0: none is.
    fn claimable_from_ms(&self, db: &mut Db<'_>) -> Result<u64, CmdError> {
        let (Some(idle_ms), Some((name, _))) = (self.claim_ms, self.group) else { return Ok(0) };
        let mut first_ms = u64::MAX;
        for (key, word) in self.keys.iter().zip(self.ids.iter()) {
            if word != b">" {
                continue;
            }
            let Some(stream) = db.get_mut::<Stream>(key)? else { continue };
            let Body { log, groups, .. } = &**stream;
            let Some(group) = groups.get(name) else { continue };
            let there = group.pending_from(StreamId::MIN).filter(|(id, _)| log.get(*id).is_some());
            let due = there.map(|(_, pending)| pending.delivered_ms.saturating_add(idle_ms).max(1) as u64).min();
            first_ms = first_ms.min(due.unwrap_or(u64::MAX));
        }
        Ok(if first_ms == u64::MAX { 0 } else { first_ms })
    }

    /// The wish to wait, or the answer that there is nothing.
    fn nothing(&self, again: Option<OwnedArgs>, alarm_ms: u64, reply: &mut Reply) -> CmdResult {
        let Some(timeout_ms) = self.block_ms else {
            reply.null_array();
            return Ok(Flow::Done);
        };
        let keys = self.keys.iter().map(Box::from).collect();
        let wait = Wait::for_keys(keys, Type::Stream, timeout_ms, Nothing::NullArray);
        Ok(Flow::Block(Box::new(Wait { or_gone: self.group.is_some(), alarm_ms, again, ..wait })))
    }
}

/// Marks the place for the reply's header, and the number of streams in it.
struct Head(Deferred, usize);

impl Head {
    fn new(reply: &mut Reply) -> Head {
        Head(reply.defer(), 0)
    }

    /// Begins the part of a stream.
    fn stream(&mut self, key: &[u8], reply: &mut Reply) {
        self.1 += 1;
        if !reply.resp3 {
            reply.array(2);
        }
        reply.bulk(key);
    }

    /// Puts the header in, if there was anything. `false`: nothing was.
    fn finish(self, reply: &mut Reply) -> bool {
        match self {
            Head(_, 0) => return false,
            Head(at, n) if reply.resp3 => reply.finish_map(at, n),
            Head(at, n) => reply.finish_array(at, n),
        }
        true
    }
}

fn xread(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let options = Options::parse(args, false, db.env.now_ms)?;
    // The first pass finds what is wrong, and what `$` stands for.
    let mut after = Vec::with_capacity(options.keys.len());
    let mut again: Option<OwnedArgs> = None;
    for (index, (key, word)) in options.keys.iter().zip(options.ids.iter()).enumerate() {
        let stream = db.get::<Stream>(key)?;
        after.push(match word {
            b"$" => {
                let last_id = stream.map_or(StreamId::MIN, |stream| stream.log.last_id);
                let at = args.len() - options.ids.len() + index;
                let request = again.take().unwrap_or_else(|| args.to_owned());
                let replaced = request.view().iter().enumerate();
                let text = last_id.text();
                again = Some(replaced.map(|(i, word)| if i == at { &*text } else { word }).collect());
                last_id
            }
            b"+" => match stream {
                Some(stream) if !stream.log.is_empty() => stream.log.last_valid_id().prev().unwrap_or(StreamId::MIN),
                Some(stream) => stream.log.last_id,
                None => StreamId::MIN,
            },
            b">" => {
                return Err(CmdError::text(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                ));
            }
            word => id(word, 0)?,
        });
    }
    let mut head = Head::new(reply);
    for (key, after) in options.keys.iter().zip(after) {
        let Some(stream) = db.get::<Stream>(key)? else { continue };
        let log = &stream.log;
        if let Some(start) = after.next()
            && !log.is_empty()
            && log.last_valid_id() > after
        {
            head.stream(key, reply);
            reply_entries(reply, log.range(start, StreamId::MAX, false), options.count, |_| {});
        }
    }
    if head.finish(reply) { Ok(Flow::Done) } else { options.nothing(again, 0, reply) }
}

fn xreadgroup(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let options = Options::parse(args, true, db.env.now_ms)?;
    let Some((name, consumer)) = options.group else { return Err(CmdError::SYNTAX) };
    let mut after = Vec::with_capacity(options.keys.len());
    for (key, word) in options.keys.iter().zip(options.ids.iter()) {
        let stream = db.get_noting::<Stream>(key)?;
        if stream.is_none_or(|stream| stream.groups.get(name).is_none()) {
            let parts: [&[u8]; 5] =
                [b"NOGROUP No such key '", key, b"' or consumer group '", name, b"' in XREADGROUP with GROUP option"];
            return Err(CmdError::new(parts.concat()));
        }
        after.push(match word {
            b"$" => {
                return Err(CmdError::text(
                    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                        consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
                        return an empty result set.",
                ));
            }
            b"+" => {
                return Err(CmdError::text(
                    "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                        consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just \
                        return an empty result set.",
                ));
            }
            b">" => None,
            word => Some(id(word, 0)?).filter(|&id| id != StreamId::MAX),
        });
    }
    db.env.fx.propagate_nothing();
    let mut head = Head::new(reply);
    for (key, after) in options.keys.iter().zip(after) {
        let read = Reading { key, name, consumer, count: options.count, no_ack: options.no_ack, claim_ms: options.claim_ms };
        match after {
            None => read.new_entries(db, &mut head, reply)?,
            Some(after) => read.history(db, after, &mut head, reply)?,
        }
    }
    if head.finish(reply) {
        return Ok(Flow::Done);
    }
    let alarm_ms = options.claimable_from_ms(db)?;
    options.nothing(None, alarm_ms, reply)
}

/// What has been pending for so long, longest first, up to `count` (0: all); what is no more is left out.
fn claimable(group: &stream::Group, log: &stream::Log, now_ms: i64, idle_ms: i64, count: u64) -> Vec<(StreamId, Pending)> {
    let is_due =
        |pending: &Pending| pending.consumer == ConsumerNo::NOBODY || now_ms.saturating_sub(pending.delivered_ms) >= idle_ms;
    let mut due: Vec<_> = group.pending_from(StreamId::MIN).filter(|(_, pending)| is_due(pending)).collect();
    due.sort_by_key(|(_, pending)| pending.delivered_ms);
    due.retain(|(id, _)| log.get(*id).is_some());
    if count != 0 {
        due.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    }
    due
}

/// Writes an entry with how long it had been pending, in ms, and how often it had been delivered.
fn reply_claimed(reply: &mut Reply, entry: stream::Entry<'_>, idle_ms: i64, deliveries: i64) {
    reply.array(4);
    reply_id(reply, entry.id);
    reply_fields(reply, entry.fields);
    reply.bulk_int(idle_ms);
    reply.bulk_int(deliveries);
}

/// What is read of one stream for a group.
struct Reading<'a> {
    key: &'a [u8],
    name: &'a [u8],
    consumer: &'a [u8],
    count: u64,
    no_ack: bool,
    claim_ms: Option<i64>,
}

impl Reading<'_> {
    /// Writes new entries, if there are any, which become pending.
    fn new_entries(&self, db: &mut Db<'_>, head: &mut Head, reply: &mut Reply) -> Result<(), CmdError> {
        let now_ms = db.env.now_ms as i64;
        let propagates = db.env.fx.propagates();
        let Some(mut stream) = db.get_mut::<Stream>(self.key)? else { return Ok(()) };
        let Body { log, groups, .. } = &mut **stream;
        let Some(group) = groups.get_mut(self.name) else { return Ok(()) };
        let has_new = !log.is_empty() && log.last_valid_id() > group.last_id;
        let Some((no, created)) = consumer_or_create(group, self.consumer, now_ms) else { return Ok(()) };
        let mut told = Vec::new();
        let mut advanced = false;
        if let Some(idle_ms) = self.claim_ms {
            let claimed = claimable(group, log, now_ms, idle_ms, self.count);
            if claimed.is_empty() && !has_new {
                drop(stream);
                return self.tell(db, created, false, &[]);
            }
            head.stream(self.key, reply);
            let at = reply.defer();
            let mut written = claimed.len();
            for (id, old) in claimed {
                let Some(entry) = log.get(id) else { continue };
                let idle_ms = if old.consumer == ConsumerNo::NOBODY { 0 } else { now_ms.saturating_sub(old.delivered_ms) };
                reply_claimed(reply, entry, idle_ms, old.deliveries as i64);
                let new = Pending { delivered_ms: now_ms, deliveries: old.deliveries.saturating_add(1), consumer: no };
                group.deliver(id, new);
                if propagates {
                    told.push((id, new));
                }
            }
            let room = if self.count == 0 { usize::MAX } else { (self.count as usize).saturating_sub(written) };
            let start = group.last_id.next().filter(|_| has_new);
            for entry in start.map(|start| log.range(start, StreamId::MAX, false)).into_iter().flatten().take(room) {
                let id = entry.id;
                reply_claimed(reply, entry, 0, 0);
                written += 1;
                group.advance(id, log);
                if !self.no_ack {
                    let new = Pending { delivered_ms: now_ms, deliveries: 1, consumer: no };
                    group.deliver(id, new);
                    if propagates {
                        told.push((id, new));
                    }
                }
            }
            if let Some(consumer) = group.consumer_mut(no) {
                consumer.active_ms = now_ms;
            }
            reply.finish_array(at, written);
            drop(stream);
            db.env.fx.dirty += 1;
            return self.tell(db, created, propagates, &told);
        }
        if has_new && let Some(start) = group.last_id.next() {
            head.stream(self.key, reply);
            let pending = Pending { delivered_ms: now_ms, deliveries: 1, consumer: no };
            let read = reply_entries(reply, log.range(start, StreamId::MAX, false), self.count, |id| {
                group.advance(id, log);
                advanced = true;
                if !self.no_ack {
                    group.deliver(id, pending);
                    if propagates {
                        told.push((id, pending));
                    }
                }
            });
            if read > 0
                && let Some(consumer) = group.consumer_mut(no)
            {
                consumer.active_ms = now_ms;
            }
        }
        drop(stream);
        db.env.fx.dirty += u64::from(advanced);
        self.tell(db, created, advanced && propagates, &told)
    }

    /// Tells the log and replicas.
    fn tell(&self, db: &mut Db<'_>, created: bool, advanced: bool, told: &[(StreamId, Pending)]) -> Result<(), CmdError> {
        if created {
            consumer_created(db, self.key, self.name, self.consumer);
        }
        if !advanced {
            return Ok(());
        }
        let position = |stream: &Stream| {
            stream
                .groups
                .get(self.name)
                .map_or((StreamId::MIN, None), |group: &stream::Group| (group.last_id, group.entries_read))
        };
        let (last_id, entries_read) = db.get_mut::<Stream>(self.key)?.map_or((StreamId::MIN, None), |stream| position(&stream));
        for &(id, pending) in told {
            propagate_claim(db, self.key, self.name, self.consumer, last_id, id, pending);
        }
        propagate_position(db, self.key, self.name, last_id, entries_read);
        Ok(())
    }

    /// Writes what is pending for the consumer after an id, which counts as delivered once more.
    fn history(&self, db: &mut Db<'_>, after: StreamId, head: &mut Head, reply: &mut Reply) -> Result<(), CmdError> {
        let now_ms = db.env.now_ms as i64;
        let Some(mut stream) = db.get_mut::<Stream>(self.key)? else { return Ok(()) };
        let Body { log, groups, .. } = &mut **stream;
        let Some(group) = groups.get_mut(self.name) else { return Ok(()) };
        let Some((no, created)) = consumer_or_create(group, self.consumer, now_ms) else { return Ok(()) };
        head.stream(self.key, reply);
        let max = if self.count == 0 { usize::MAX } else { usize::try_from(self.count).unwrap_or(usize::MAX) };
        let ids: Vec<StreamId> = match (group.consumer(no), after.next()) {
            (Some(consumer), Some(start)) => consumer.pending_from(start).take(max).collect(),
            _ => Vec::new(),
        };
        reply.array(ids.len());
        for id in ids {
            match log.get(id) {
                Some(entry) => {
                    reply_entry(reply, entry);
                    if let Some(pending) = group.pending(id) {
                        let deliveries = pending.deliveries.saturating_add(1);
                        group.deliver(id, Pending { delivered_ms: now_ms, deliveries, consumer: no });
                    }
                }
                None => {
                    reply.array(2);
                    reply_id(reply, id);
                    reply.null_array();
                }
            }
        }
        drop(stream);
        self.tell(db, created, false, &[])
    }
}
