//! MOVE and COPY: values that go to another key, perhaps of another database.

use super::db_index;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;

pub static MOVE: Command = Command::server("MOVE", move_)
    .summary("Moves a key to another database, unless that has such a key.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Generic)
    .arity(3)
    .flags(&[Write, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Update])])
    .args(&[key("key", 0), integer("db")]);

fn move_(ctx: &mut Ctx<'_>) -> CmdResult {
    let key = ctx.args.at(1);
    if ctx.server.env.config.cluster_enabled {
        return Err(CmdError::text("ERR MOVE is not allowed in cluster mode"));
    }
    let from = ctx.client().db as usize;
    let to = db_index(ctx.args.at(2), ctx.server.dbs.len())?;
    if from == to {
        return Err(CmdError::SAME_OBJECT);
    }
    let server = &mut *ctx.server;
    let moves = server.db(from).read_for_write(key).is_some() && !server.db(to).exists(key);
    if moves && let Some(value) = server.db(from).lift(key) {
        server.db(to).set_down(key, value);
        server.db(from).changed(key, Class::Generic, "move_from");
        server.env.fx.touched(to, key);
        server.env.fx.event(to, Class::Generic, "move_to", key);
    }
    ctx.reply.int(moves.into());
    Ok(Flow::Done)
}

pub static COPY: Command = Command::server("COPY", copy)
    .summary("Copies a value, with its expiry, to another key.")
    .since("6.2.0")
    .complexity("O(1) for strings, O(N) for a collection of N elements.")
    .group(Group::Generic)
    .arity(-3)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access]), Keys::one(2).does(&[Use::OW, Use::Update])])
    .args(&[
        key("source", 0),
        key("destination", 1),
        integer("destination-db").token("DB").optional(),
        token("replace", "REPLACE").optional(),
    ]);

fn copy(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let (from_key, to_key) = (args.at(1), args.at(2));
    let from = ctx.client().db as usize;
    let (mut to, mut replace) = (from, false);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "REPLACE") {
            replace = true;
            at += 1;
        } else if args.is(at, "DB")
            && let Some(word) = args.get(at + 1)
        {
            to = db_index(word, ctx.server.dbs.len())?;
            at += 2;
        } else {
            return Err(CmdError::SYNTAX);
        }
    }
    if ctx.server.env.config.cluster_enabled && (from != 0 || to != 0) {
        return Err(CmdError::text("ERR Copying to another database is not allowed in cluster mode"));
    }
    if from == to && from_key == to_key {
        return Err(CmdError::SAME_OBJECT);
    }
    let server = &mut *ctx.server;
    let mut source = server.db(from);
    let value = source.read(from_key).map(|value| value.to_value());
    let expiry_ms = source.expiry_ms(from_key).flatten();
    let mut target = server.db(to);
    let taken = value.is_some() && target.exists(to_key);
    let Some(value) = value.filter(|_| replace || !taken) else {
        ctx.reply.int(0);
        return Ok(Flow::Done);
    };
    if taken {
        let lazily = target.env.config.lazyfree_lazy_server_del;
        target.remove(to_key, lazily);
    }
    target.put(to_key, value, expiry_ms);
    target.changed(to_key, Class::Generic, "copy_to");
    ctx.reply.int(1);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn moving() {
        let mut s = Session::new();
        s.run("SET k v");
        s.run("EXPIRE k 100");
        assert_eq!(s.run("MOVE k abc"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(s.run("MOVE k 16"), "-ERR DB index is out of range\r\n");
        assert_eq!(s.run("MOVE none -1"), "-ERR DB index is out of range\r\n");
        assert_eq!(s.run("MOVE k 0"), "-ERR source and destination objects are the same\r\n");
        assert_eq!(s.run("MOVE none 1"), ":0\r\n");
        assert_eq!(s.run("MOVE k 1"), ":1\r\n");
        assert_eq!(s.run("EXISTS k"), ":0\r\n");
        s.run("SET k other");
        assert_eq!(s.run("MOVE k 1"), ":0\r\n");
        s.run("SELECT 1");
        assert_eq!(s.run("GET k"), "$1\r\nv\r\n");
        assert_eq!(s.run("TTL k"), ":100\r\n");
    }

    #[test]
    fn copying() {
        let mut s = Session::new();
        s.run("SET k 12");
        s.run("EXPIRE k 100");
        assert_eq!(s.run("COPY k c"), ":1\r\n");
        assert_eq!(s.run("COPY k c"), ":0\r\n");
        assert_eq!(s.run("COPY none c"), ":0\r\n");
        assert_eq!(s.run("COPY none c REPLACE"), ":0\r\n");
        assert_eq!(s.run("TTL c"), ":100\r\n");
        s.run("SET k new");
        assert_eq!(s.run("COPY k c REPLACE"), ":1\r\n");
        assert_eq!(s.run("GET c"), "$3\r\nnew\r\n");
        assert_eq!(s.run("TTL c"), ":-1\r\n");
        assert_eq!(s.run("COPY k k DB 3 replace"), ":1\r\n");
        assert_eq!(s.run("COPY k k DB 3"), ":0\r\n");
        s.run("SELECT 3");
        assert_eq!(s.run("GET k"), "$3\r\nnew\r\n");
        assert_eq!(s.run("COPY k k"), "-ERR source and destination objects are the same\r\n");
        assert_eq!(s.run("COPY k k DB 3"), "-ERR source and destination objects are the same\r\n");
        assert_eq!(s.run("COPY k k DB"), "-ERR syntax error\r\n");
        assert_eq!(s.run("COPY k k DB x"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(s.run("COPY k k DB 99"), "-ERR DB index is out of range\r\n");
        assert_eq!(s.run("COPY k k FOO"), "-ERR syntax error\r\n");
    }
}
