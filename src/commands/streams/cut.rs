//! Cutting streams down: XTRIM, and the options that XADD shares with it.

use std::ops::Range;

use super::INVALID_ID;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::{Class, Env};
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{Cut, Groups, Keep, Log, StreamId};
use crate::util::number::parse_i64;

/// What becomes of a deleted entry that is pending somewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// It stays pending.
    #[default]
    Keep,
    /// It is pending no more.
    Delete,
    /// It is not deleted before every group has read and acknowledged it.
    Acknowledged,
}

impl References {
    /// The policy of this name.
    pub fn parse(word: &[u8]) -> Option<References> {
        match word {
            _ if word.eq_ignore_ascii_case(b"keepref") => Some(References::Keep),
            _ if word.eq_ignore_ascii_case(b"delref") => Some(References::Delete),
            _ if word.eq_ignore_ascii_case(b"acked") => Some(References::Acknowledged),
            _ => None,
        }
    }
}

const LIMIT_EXACT: CmdError = CmdError::text("ERR syntax error, LIMIT cannot be used without the special ~ option");

/// The options about cutting, as given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trimming {
    keep: Option<Keep>,
    approx: bool,
    limit: Option<i64>,
    /// Where the threshold stands.
    threshold_at: usize,
    pub references: Option<References>,
}

impl Trimming {
    /// Takes the option at `at`; how many words it has, or `None` if it is another's.
    ///
    /// # Errors
    /// In upstream's words.
    pub fn take(&mut self, args: Args<'_>, at: usize) -> Result<Option<usize>, CmdError> {
        let more = args.len() - 1 - at;
        let by_length = args.is(at, "maxlen");
        if (by_length || args.is(at, "minid")) && more > 0 {
            if self.keep.is_some() {
                return Err(CmdError::text("ERR syntax error, MAXLEN and MINID options at the same time are not compatible"));
            }
            let operator = match args.at(at + 1) {
                b"~" | b"=" if more >= 2 => 1,
                _ => 0,
            };
            self.approx = operator == 1 && args.at(at + 1) == b"~";
            self.threshold_at = at + 1 + operator;
            let threshold = args.at(self.threshold_at);
            self.keep = Some(if by_length {
                let max = parse_i64(threshold).ok_or(CmdError::NOT_AN_INTEGER)?;
                let max = u64::try_from(max).map_err(|_| CmdError::text("ERR The MAXLEN argument must be >= 0."))?;
                Keep::Newest(max)
            } else {
                Keep::From(StreamId::parse(threshold, 0).ok_or(INVALID_ID)?)
            });
            return Ok(Some(2 + operator));
        }
        if args.is(at, "limit") && more > 0 {
            let limit = parse_i64(args.at(at + 1)).ok_or(CmdError::NOT_AN_INTEGER)?;
            if limit < 0 {
                return Err(CmdError::text("ERR The LIMIT argument must be >= 0."));
            }
            self.limit = Some(limit);
            return Ok(Some(2));
        }
        if let Some(references) = References::parse(args.at(at)) {
            if self.references.is_some() {
                return Err(CmdError::SYNTAX);
            }
            self.references = Some(references);
            return Ok(Some(1));
        }
        Ok(None)
    }

    /// What is to be done, all options having been taken; something must be if it is `required`.
    ///
    /// # Errors
    /// When they do not fit together.
    pub fn finish(&self, env: &Env, required: bool) -> Result<Option<Cut>, CmdError> {
        let Some(keep) = self.keep else {
            if self.limit.is_some_and(|limit| limit != 0) {
                return Err(CmdError::text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"));
            }
            if required {
                return Err(CmdError::text("ERR syntax error, XTRIM must be called with a trimming strategy"));
            }
            return if self.limit.is_some() { Err(LIMIT_EXACT) } else { Ok(None) };
        };
        let limit = match self.limit {
            Some(_) if !self.approx => return Err(LIMIT_EXACT),
            Some(limit) => limit as u64,
            None if !self.approx => 0,
            None => match env.config.stream_node_max_entries.saturating_mul(100) {
                0 => 10_000,
                limit => limit.min(1_000_000),
            },
        };
        Ok(Some(Cut { keep, approx: self.approx, limit }))
    }

    /// The words to propagate: exact where the options were not, the id in place of the word at its place, some words left out.
    pub fn exact(&self, db: &mut Db<'_>, args: Args<'_>, now: &Exact, id: Option<(usize, StreamId)>, left_out: Range<usize>) {
        if !db.env.fx.propagates() || (!self.approx && id.is_none()) {
            return;
        }
        let id_text = id.map(|(_, id)| id.text());
        let mut digits = itoa::Buffer::new();
        let first_id = now.first_id.text();
        let threshold: &[u8] = match self.keep {
            Some(Keep::Newest(_)) => digits.format(now.len).as_bytes(),
            _ => &first_id,
        };
        let end = id.map_or(args.len(), |(at, _)| at);
        let mut words: Vec<&[u8]> = Vec::with_capacity(args.len());
        for (at, word) in args.iter().enumerate() {
            let is_limit = |at: usize| at < end && at > 1 && args.is(at, "limit");
            if left_out.contains(&at) {
                continue;
            }
            words.push(match (&id_text, id) {
                (Some(text), Some((id_at, _))) if id_at == at => text,
                _ if self.approx && at == self.threshold_at => threshold,
                _ if self.approx && at + 1 == self.threshold_at => b"=",
                _ if self.approx && (is_limit(at) || is_limit(at - usize::from(at > 0))) => continue,
                _ => word,
            });
        }
        db.propagate(&words);
    }
}

/// What an approximate cut has left.
#[derive(Clone, Copy, Debug)]
pub struct Exact {
    pub len: u64,
    pub first_id: StreamId,
}

/// Cuts a stream down; returns how many entries went.
pub fn cut(log: &mut Log, groups: &mut Groups, cut: Cut, references: References) -> u64 {
    if groups.is_empty() {
        return log.trim(cut, None);
    }
    match references {
        References::Keep => log.trim(cut, None),
        References::Delete => log.trim(
            cut,
            Some(&mut |id| {
                groups.forget(id);
                true
            }),
        ),
        References::Acknowledged => log.trim(cut, Some(&mut |id| groups.all_done_with(id))),
    }
}

pub static XTRIM: Command = Command::data("XTRIM", xtrim)
    .summary("Removes entries from the beginning of a stream.")
    .since("5.0.0")
    .complexity("O(N) for N entries that go; cheap, for most go by whole nodes.")
    .group(Group::Stream)
    .arity(-4)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[
        key("key", 0),
        block(
            "trim",
            &[
                oneof("strategy", &[token("maxlen", "MAXLEN"), token("minid", "MINID").since("6.2.0")]),
                oneof("operator", &[token("equal", "="), token("approximately", "~")]).optional(),
                string("threshold"),
                integer("count").token("LIMIT").optional().since("6.2.0"),
            ],
        ),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[("6.2.0", "Entries can be cut off by id (`MINID`), and so many at most (`LIMIT`).")]);

fn xtrim(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut options = Trimming::default();
    let mut at = 2;
    while at < args.len() {
        at += options.take(args, at)?.ok_or(CmdError::SYNTAX)?;
    }
    let Some(wanted) = options.finish(db.env, true)? else { return Err(CmdError::SYNTAX) };
    let Some(mut stream) = db.get_mut::<Stream>(args.at(1))? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    let body = &mut **stream;
    let gone = cut(&mut body.log, &mut body.groups, wanted, options.references.unwrap_or_default());
    let now = Exact { len: body.log.len(), first_id: body.log.first_id };
    drop(stream);
    if gone > 0 {
        db.changed_n(args.at(1), Class::Stream, "xtrim", gone as usize);
        options.exact(db, args, &now, None, 0..0);
    }
    reply.int(gone as i64);
    Ok(Flow::Done)
}
