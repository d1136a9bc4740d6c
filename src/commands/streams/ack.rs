//! XACK: what was delivered has been dealt with.

use super::{group_mut, id};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::Stream;

pub static XACK: Command = Command::data("XACK", xack)
    .summary("Takes entries off what is pending in a consumer group.")
    .since("5.0.0")
    .complexity("O(1) for each message ID processed.")
    .group(Group::Stream)
    .arity(-4)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Update])])
    .args(&[key("key", 0), string("group"), string("id").multiple()]);

fn xack(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut stream = db.get_noting::<Stream>(args.at(1))?;
    let Some(group) = stream.as_mut().and_then(|stream| group_mut(stream, args.at(2))) else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    for word in args.from(3).iter() {
        id(word, 0)?;
    }
    let mut acknowledged = 0;
    for word in args.from(3).iter() {
        acknowledged += u64::from(group.acknowledge(id(word, 0)?));
    }
    drop(stream);
    db.env.fx.dirty += acknowledged;
    reply.int(acknowledged as i64);
    Ok(Flow::Done)
}
