//! Entries that come twice and are added once: XCFGSET, XIDMPRECORD, and XADD's options about them.

use super::{id, nothing_sent};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::idmp::{DURATION_MAX_S, MAX_MAX};
use crate::util::number::parse_i64;

/// Under which name a producer sends an entry.
#[derive(Clone)]
pub struct Name<'a> {
    pub producer: &'a [u8],
    /// None: it follows from what is in the entry.
    pub name: Option<&'a [u8]>,
    /// Where the option stands, and how many words it has.
    pub at: usize,
    pub words: usize,
}

impl<'a> Name<'a> {
    /// The option at `at`, if it is one of these.
    ///
    /// # Errors
    /// When something is missing.
    pub fn take(args: Args<'a>, at: usize) -> Result<Option<Name<'a>>, CmdError> {
        let words = match args.at(at) {
            word if word.eq_ignore_ascii_case(b"idmpauto") => 2,
            word if word.eq_ignore_ascii_case(b"idmp") => 3,
            _ => return Ok(None),
        };
        let Some(producer) = args.get(at + 1) else { return Err(CmdError::SYNTAX) };
        let name = match words {
            3 => Some(args.get(at + 2).ok_or(CmdError::SYNTAX)?),
            _ => None,
        };
        if producer.is_empty() || name.is_some_and(<[u8]>::is_empty) {
            return Err(EMPTY);
        }
        Ok(Some(Name { producer, name, at, words }))
    }

    /// The name that an entry of these fields and values has.
    pub fn of(&self, pairs: Args<'_>) -> Vec<u8> {
        use sha1::{Digest, Sha1};
        if let Some(name) = self.name {
            return name.to_vec();
        }
        let mut digest = Sha1::new();
        for word in pairs.iter() {
            digest.update((word.len() as u64).to_le_bytes());
            digest.update(word);
        }
        digest.finalize()[..16].to_vec()
    }
}

const EMPTY: CmdError = CmdError::text("ERR producer id and idempotent id must not be empty");

pub static XCFGSET: Command = Command::data("XCFGSET", xcfgset)
    .summary("Sets for how long, and for how many entries of a producer, a stream recognises what comes twice.")
    .since("8.6.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(-2)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[
        key("key", 0),
        integer("idmp-duration").token("IDMP-DURATION").optional(),
        integer("idmp-maxsize").token("IDMP-MAXSIZE").optional(),
    ]);

fn xcfgset(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let (mut duration_s, mut max) = (None, None);
    let mut at = 2;
    while at < args.len() {
        let Some(value) = args.get(at + 1) else { return Err(CmdError::SYNTAX) };
        let value = || parse_i64(value).and_then(|value| u64::try_from(value).ok());
        if args.is(at, "idmp-duration") && duration_s.is_none() {
            let given = value().filter(|given| (1..=DURATION_MAX_S).contains(given));
            duration_s = Some(given.ok_or(CmdError::text("ERR invalid duration"))?);
        } else if args.is(at, "idmp-maxsize") && max.is_none() {
            let given = value().filter(|given| (1..=MAX_MAX as u64).contains(given));
            max = Some(given.ok_or(CmdError::text("ERR invalid maxsize"))? as usize);
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 2;
    }
    if duration_s.is_none() && max.is_none() {
        return Err(CmdError::SYNTAX);
    }
    let nothing = nothing_sent(db.env);
    let mut stream = db.get_mut::<Stream>(args.at(1))?.ok_or(CmdError::NO_SUCH_KEY)?;
    stream.sent.get_or_insert_with(|| Box::new(nothing)).configure(duration_s, max);
    drop(stream);
    db.changed(args.at(1), Class::Stream, "xcfgset");
    reply.ok();
    Ok(Flow::Done)
}

pub static XIDMPRECORD: Command = Command::data("XIDMPRECORD", xidmprecord)
    .summary("Notes under which name a producer has sent an entry; made for logs.")
    .since("8.8.0")
    .complexity("O(1)")
    .group(Group::Stream)
    .arity(5)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), string("pid"), string("iid"), string("stream-id")])
    .internal();

fn xidmprecord(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let now_ms = db.env.now_ms;
    let (producer, name) = (args.at(2), args.at(3));
    if producer.is_empty() || name.is_empty() {
        return Err(EMPTY);
    }
    let entry = id(args.at(4), 0)?;
    let nothing = nothing_sent(db.env);
    let mut stream = db.get_mut::<Stream>(args.at(1))?.ok_or(CmdError::NO_SUCH_KEY)?;
    if stream.log.get(entry).is_none() {
        return Err(CmdError::text("ERR the stream has no entry of this id"));
    }
    let sent = stream.sent.get_or_insert_with(|| Box::new(nothing));
    match sent.find(producer, name, now_ms) {
        Some(known) if known == entry => {}
        Some(_) => return Err(CmdError::text("ERR the producer has sent another entry under this id")),
        None => {
            sent.note(producer, name, entry, now_ms);
            drop(stream);
            db.env.fx.dirty += 1;
        }
    }
    reply.ok();
    Ok(Flow::Done)
}
