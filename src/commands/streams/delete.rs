//! Deleting entries by id: XDEL, XDELEX, XACKDEL.

use super::cut::References;
use super::id;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::Stream;
use crate::types::stream::{Body, StreamId};
use crate::util::number::parse_i64;

const COST: &str = "O(1) for each single item to delete in the stream, regardless of the stream size.";

pub static XDEL: Command = Command::data("XDEL", xdel)
    .summary("Deletes entries of a stream.")
    .since("5.0.0")
    .complexity(COST)
    .group(Group::Stream)
    .arity(-3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("id").multiple()]);

fn xdel(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let Some(mut stream) = db.get_mut::<Stream>(args.at(1))? else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    for word in args.from(2).iter() {
        id(word, 0)?;
    }
    let mut deleted = 0;
    for word in args.from(2).iter() {
        deleted += usize::from(stream.log.delete(id(word, 0)?));
    }
    drop(stream);
    if deleted > 0 {
        db.changed_n(args.at(1), Class::Stream, "xdel", deleted);
    }
    reply.count(deleted);
    Ok(Flow::Done)
}

/// What a command says of each id.
#[derive(Clone, Copy)]
enum Outcome {
    NotThere = -1,
    Deleted = 1,
    StillReferenced = 2,
}

/// The ids behind their number, which stands at `at`: as many as it says, and all of them ids.
///
/// # Errors
/// In upstream's words.
pub fn counted_ids(args: Args<'_>, at: usize) -> Result<Args<'_>, CmdError> {
    let count = args.get(at).and_then(parse_i64).filter(|&count| count > 0);
    let count = count.ok_or(CmdError::text("ERR Number of IDs must be a positive integer"))?;
    let rest = args.len() - at - 1;
    let count = usize::try_from(count).ok().filter(|&count| count <= rest);
    let count = count.ok_or(CmdError::text("ERR The `numids` parameter must match the number of arguments"))?;
    let ids = args.slice(at + 1, at + 1 + count);
    for word in ids.iter() {
        id(word, 0)?;
    }
    Ok(ids)
}

/// The options of the two newer commands: what becomes of references, and the ids.
struct Options<'a> {
    references: References,
    ids: Args<'a>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>, first: usize) -> Result<Options<'a>, CmdError> {
        let (mut references, mut ids) = (None, None);
        let mut at = first;
        while at < args.len() {
            if args.is(at, "ids") && ids.is_none() && at + 1 < args.len() {
                let given = counted_ids(args, at + 1)?;
                at += 2 + given.len();
                ids = Some(given);
            } else if let Some(given) = References::parse(args.at(at))
                && references.is_none()
            {
                references = Some(given);
                at += 1;
            } else {
                return Err(CmdError::SYNTAX);
            }
        }
        let ids = ids.ok_or(CmdError::SYNTAX)?;
        Ok(Options { references: references.unwrap_or_default(), ids })
    }
}

/// Deletes one entry, as far as references allow.
fn delete(body: &mut Body, id: StreamId, references: References) -> Outcome {
    let Body { log, groups, .. } = body;
    match references {
        References::Acknowledged if log.get(id).is_some() && !groups.all_done_with(id) => return Outcome::StillReferenced,
        // References are dropped even to what is no more.
        References::Delete => {
            groups.forget(id);
        }
        _ => {}
    }
    if log.delete(id) { Outcome::Deleted } else { Outcome::NotThere }
}

const IDS: crate::dispatch::argspec::Arg = block("ids", &[integer("numids"), string("id").multiple()]).token("IDS");
const CONDITION: crate::dispatch::argspec::Arg =
    oneof("condition", &[token("keepref", "KEEPREF"), token("delref", "DELREF"), token("acked", "ACKED")]).optional();

pub static XDELEX: Command = Command::data("XDELEX", xdelex)
    .summary("Deletes entries of a stream, with a choice of what becomes of those that are pending.")
    .since("8.2.0")
    .complexity(COST)
    .group(Group::Stream)
    .arity(-5)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), CONDITION, IDS]);

fn xdelex(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    db.get_mut::<Stream>(args.at(1))?;
    let options = Options::parse(args, 2)?;
    reply.array(options.ids.len());
    let Some(mut stream) = db.get_mut::<Stream>(args.at(1))? else {
        (0..options.ids.len()).for_each(|_| reply.int(Outcome::NotThere as i64));
        return Ok(Flow::Done);
    };
    let mut deleted = 0;
    let mut forgotten = false;
    for word in options.ids.iter() {
        let id = id(word, 0)?;
        let pending = options.references == References::Delete && stream.groups.any_pending(id);
        let outcome = delete(&mut stream, id, options.references);
        deleted += usize::from(matches!(outcome, Outcome::Deleted));
        forgotten |= pending;
        reply.int(outcome as i64);
    }
    drop(stream);
    if deleted > 0 {
        db.changed_n(args.at(1), Class::Stream, "xdel", deleted);
    } else if forgotten {
        db.env.fx.dirty += 1;
    }
    Ok(Flow::Done)
}

pub static XACKDEL: Command = Command::data("XACKDEL", xackdel)
    .summary("Takes entries off what is pending in a consumer group and deletes them.")
    .since("8.2.0")
    .complexity("O(1) for each entry ID processed.")
    .group(Group::Stream)
    .arity(-6)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Delete])])
    .args(&[key("key", 0), string("group"), CONDITION, IDS]);

fn xackdel(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let stream = db.get_mut::<Stream>(args.at(1))?;
    let options = Options::parse(args, 3)?;
    reply.array(options.ids.len());
    let Some(mut stream) = stream.filter(|stream| stream.groups.get(args.at(2)).is_some()) else {
        (0..options.ids.len()).for_each(|_| reply.int(Outcome::NotThere as i64));
        return Ok(Flow::Done);
    };
    let (mut acknowledged, mut deleted) = (0u64, 0);
    for word in options.ids.iter() {
        let id = id(word, 0)?;
        let was_pending = super::group_mut(&mut stream, args.at(2)).is_some_and(|group| group.acknowledge(id));
        if !was_pending {
            reply.int(Outcome::NotThere as i64);
            continue;
        }
        acknowledged += 1;
        // What was acknowledged and is no more counts as deleted.
        let outcome = match delete(&mut stream, id, options.references) {
            Outcome::StillReferenced => Outcome::StillReferenced,
            outcome => {
                deleted += usize::from(matches!(outcome, Outcome::Deleted));
                Outcome::Deleted
            }
        };
        reply.int(outcome as i64);
    }
    drop(stream);
    if deleted > 0 {
        db.changed(args.at(1), Class::Stream, "xdel");
    }
    db.env.fx.dirty += acknowledged.saturating_sub(u64::from(deleted > 0));
    Ok(Flow::Done)
}
