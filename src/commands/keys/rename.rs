//! RENAME and RENAMENX.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};

pub static RENAME: Command = Command::data("RENAME", rename)
    .summary("Gives a key another name; a key that has the name is overwritten.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[Write])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete]), Keys::one(2).does(&[Use::OW, Use::Update])])
    .args(&[key("key", 0), key("newkey", 1)]);

fn rename(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    move_value(db, args, true)?;
    reply.ok();
    Ok(Flow::Done)
}

pub static RENAMENX: Command = Command::data("RENAMENX", renamenx)
    .summary("Gives a key another name unless a key has it already.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Delete]), Keys::one(2).does(&[Use::OW, Use::Insert])])
    .history(&[("3.2.0", "The command no longer returns an error when source and destination names are the same.")])
    .args(&[key("key", 0), key("newkey", 1)]);

fn renamenx(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let moved = move_value(db, args, false)?;
    reply.int(moved.into());
    Ok(Flow::Done)
}

/// Moves value and expiry under the new name; `false` if that is taken and must not be overwritten. Moving a key onto
/// itself changes nothing.
fn move_value(db: &mut Db<'_>, args: Args<'_>, overwrite: bool) -> Result<bool, CmdError> {
    let (from, to) = (args.at(1), args.at(2));
    if db.read_for_write(from).is_none() {
        return Err(CmdError::NO_SUCH_KEY);
    }
    if from == to || !overwrite && db.exists(to) {
        return Ok(overwrite);
    }
    let lazily = db.env.config.lazyfree_lazy_server_del;
    db.remove(to, lazily);
    if let Some(value) = db.lift(from) {
        db.set_down(to, value);
    }
    db.env.fx.touched(db.index, from);
    db.event(from, Class::Generic, "rename_from");
    db.changed(to, Class::Generic, "rename_to");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::keyspace::effects::Effect;
    use crate::server::testing::Session;

    #[test]
    fn value_and_expiry_go_along() {
        let mut s = Session::new();
        s.run("SET a v");
        s.run("EXPIRE a 100");
        s.run("SET b old");
        s.run("EXPIRE b 7");
        assert_eq!(s.run("RENAME a b"), "+OK\r\n");
        assert_eq!(s.run("GET b"), "$1\r\nv\r\n");
        assert_eq!(s.run("TTL b"), ":100\r\n");
        assert_eq!(s.run("EXISTS a"), ":0\r\n");
        s.run("SET c v");
        assert_eq!(s.run("RENAME c b"), "+OK\r\n");
        assert_eq!(s.run("TTL b"), ":-1\r\n");
        assert_eq!(s.server.dbs[0].expiring_len(), 0);
    }

    #[test]
    fn names_that_are_missing_taken_or_the_same() {
        let mut s = Session::new();
        assert_eq!(s.run("RENAME none a"), "-ERR no such key\r\n");
        assert_eq!(s.run("RENAMENX none none"), "-ERR no such key\r\n");
        s.run("SET a 1");
        s.run("SET b 2");
        let dirty = s.server.env.fx.dirty;
        assert_eq!(s.run("RENAME a a"), "+OK\r\n");
        assert_eq!(s.run("RENAMENX a a"), ":0\r\n");
        assert_eq!(s.run("RENAMENX a b"), ":0\r\n");
        assert_eq!(s.server.env.fx.dirty, dirty);
        assert_eq!(s.run("RENAMENX a c"), ":1\r\n");
        assert_eq!(s.run("GET c"), "$1\r\n1\r\n");
    }

    #[test]
    fn events_in_order() {
        let mut s = Session::new();
        s.run("SET a 1");
        s.run("SET b 1");
        s.server.env.fx.listen(crate::config::values::KeyspaceEvents::all());
        let args: crate::resp::OwnedArgs = ["RENAME", "a", "b"].into_iter().collect();
        assert!(super::rename(&mut s.server.db(0), args.view(), &mut crate::resp::Reply::new()).is_ok());
        let names = s.server.env.fx.take().into_iter().map(|effect| match effect {
            Effect::Event { name, .. } => name,
            other => panic!("{other:?}"),
        });
        assert_eq!(names.collect::<Vec<_>>(), ["new", "rename_from", "rename_to"]);
    }
}
