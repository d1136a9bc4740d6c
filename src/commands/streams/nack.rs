//! XNACK: what was delivered is given back, for somebody else.

use super::{group_mut, id, no_group};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Type;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{Body, ConsumerNo, Pending};
use crate::util::number::parse_i64;

pub static XNACK: Command = Command::data("XNACK", xnack)
    .summary("Gives pending entries back to the group, so that any consumer can claim them at once.")
    .since("8.8.0")
    .complexity("O(1) for each message ID processed.")
    .group(Group::Stream)
    .arity(-7)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        string("group"),
        oneof("mode", &[token("silent", "SILENT"), token("fail", "FAIL"), token("fatal", "FATAL")]),
        block("ids", &[integer("numids"), string("id").multiple()]).token("IDS"),
        integer("count").token("RETRYCOUNT").optional(),
        token("force", "FORCE").optional(),
    ]);

/// How often an entry is said to have been delivered that must not be any more.
const NEVER_AGAIN: u64 = i64::MAX as u64;

/// Why an entry is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The delivery did not count.
    Silent,
    /// This consumer could not deal with it.
    Fail,
    /// Nobody can.
    Fatal,
}

fn xnack(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mode = match args.at(3) {
        word if word.eq_ignore_ascii_case(b"silent") => Mode::Silent,
        word if word.eq_ignore_ascii_case(b"fail") => Mode::Fail,
        word if word.eq_ignore_ascii_case(b"fatal") => Mode::Fatal,
        _ => return Err(CmdError::SYNTAX),
    };
    if !args.is(4, "ids") {
        return Err(CmdError::SYNTAX);
    }
    let ids = super::delete::counted_ids(args, 5)?;
    let (mut count, mut force) = (None, false);
    let mut at = 6 + ids.len();
    while at < args.len() {
        if args.is(at, "retrycount") && at + 1 < args.len() {
            let given = parse_i64(args.at(at + 1)).ok_or(CmdError::NOT_AN_INTEGER)?;
            count = Some(u64::try_from(given).map_err(|_| CmdError::OUT_OF_RANGE_POSITIVE)?);
            at += 2;
        } else if args.is(at, "force") {
            force = true;
            at += 1;
        } else {
            return Err(CmdError::SYNTAX);
        }
    }
    let mut stream = db.get_noting::<Stream>(args.at(1))?;
    let missing = || no_group(args.at(1), args.at(2));
    let stream_ref = stream.as_deref_mut().ok_or_else(missing)?;
    group_mut(stream_ref, args.at(2)).ok_or_else(missing)?;
    let Body { log, groups, .. } = &mut **stream_ref;
    let group = groups.get_mut(args.at(2)).ok_or_else(missing)?;
    let mut released = 0;
    for word in ids.iter() {
        let id = id(word, 0)?;
        let old = match group.pending(id) {
            Some(pending) => pending.deliveries,
            None if force && log.get(id).is_some() => 0,
            None => continue,
        };
        let is_new = group.pending(id).is_none();
        let deliveries = match (count, mode) {
            (Some(count), _) => count,
            (None, Mode::Fatal) => NEVER_AGAIN,
            (None, Mode::Silent) if !is_new => old.saturating_sub(1),
            (None, _) => old,
        };
        group.deliver(id, Pending { delivered_ms: 0, deliveries, consumer: ConsumerNo::NOBODY });
        released += 1;
    }
    drop(stream);
    db.env.fx.dirty += released;
    if released > 0 {
        // Who waits to claim something can.
        db.ready(args.at(1), Type::Stream);
    }
    reply.int(released as i64);
    Ok(Flow::Done)
}
