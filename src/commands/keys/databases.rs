//! FLUSHDB, FLUSHALL, SWAPDB and SELECT: databases as a whole.
//!
//! Emptying takes no time in any case: the content is taken out and dropped, in the background unless nothing may
//! wait there (a transaction, a script). Without ASYNC the client is answered when its memory is free, while others go on.

use super::db_index;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::persist::child::Purpose;
use crate::resp::Args;
use crate::server::Server;
use crate::util::number;

/// The argument of FLUSHDB and FLUSHALL.
const FLUSH_TYPE: argspec::Arg =
    oneof("flush-type", &[token("async", "ASYNC").since("4.0.0"), token("sync", "SYNC").since("6.2.0")]).optional();

const FLUSH_HISTORY: &[(&str, &str)] =
    &[("4.0.0", "Added the `ASYNC` flushing mode modifier."), ("6.2.0", "Added the `SYNC` flushing mode modifier.")];

pub static FLUSHDB: Command = Command::server("FLUSHDB", flushdb)
    .summary("Removes all keys of the selected database.")
    .since("1.0.0")
    .complexity("O(N) for N keys in the database.")
    .group(Group::Server)
    .arity(-1)
    .flags(&[Write])
    .categories(&[Category::Keyspace, Category::Dangerous])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .history(FLUSH_HISTORY)
    .args(&[FLUSH_TYPE]);

fn flushdb(ctx: &mut Ctx<'_>) -> CmdResult {
    let index = ctx.client().db as usize;
    flush(ctx, &[index])
}

pub static FLUSHALL: Command = Command::server("FLUSHALL", flushall)
    .summary("Removes all keys of all databases.")
    .since("1.0.0")
    .complexity("O(N) for N keys in all databases.")
    .group(Group::Server)
    .arity(-1)
    .flags(&[Write])
    .categories(&[Category::Keyspace, Category::Dangerous])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .history(FLUSH_HISTORY)
    .args(&[FLUSH_TYPE]);

fn flushall(ctx: &mut Ctx<'_>) -> CmdResult {
    let all: Vec<usize> = (0..ctx.server.dbs.len()).collect();
    let flow = flush(ctx, &all)?;
    // What it would write is not wanted any more.
    ctx.server.stop_child(Purpose::Rdb);
    if !ctx.server.env.config.save.is_empty() {
        // An empty one, so that nothing comes back. Whether it could be written is in the log.
        let _ = ctx.server.save_now();
    }
    Ok(flow)
}

/// Whether ASYNC is asked for, by word or by configuration.
fn is_async(args: Args<'_>, by_default: bool) -> Result<bool, CmdError> {
    match args.len() {
        1 => Ok(by_default),
        2 if args.is(1, "ASYNC") => Ok(true),
        2 if args.is(1, "SYNC") => Ok(false),
        _ => Err(CmdError::SYNTAX),
    }
}

fn flush(ctx: &mut Ctx<'_>, indices: &[usize]) -> CmdResult {
    let is_async = is_async(ctx.args, ctx.server.env.config.lazyfree_lazy_user_flush)?;
    let may_wait = ctx.origin == Origin::Client;
    let removed: usize = indices.iter().map(|&index| ctx.server.empty_database(index, is_async || may_wait)).sum();
    ctx.server.everything_invalid();
    let selected = ctx.client().db as usize;
    let fx = &mut ctx.server.env.fx;
    fx.dirty += removed as u64;
    // Told to others even when there was nothing here: they may have something.
    let words: Vec<&[u8]> = ctx.args.iter().collect();
    fx.propagate(selected, &words);
    if is_async || !may_wait {
        ctx.reply.ok();
        return Ok(Flow::Done);
    }
    Ok(Flow::Block(Box::new(Wait::without_keys(Until::Reclaimed, 0))))
}

impl Server {
    /// Empties a database, dropping its content in the background when `lazily`; returns how many keys it had.
    pub fn empty_database(&mut self, index: usize, lazily: bool) -> usize {
        self.watched_database_replaced(index, None);
        let content = self.dbs[index].take_all();
        self.blocked.database_ready(index);
        let removed = content.len();
        if lazily && removed > 0 {
            self.env.reclaim.database(content);
        } else {
            drop(content);
            self.env.reclaim.purge(removed as u64);
        }
        removed
    }
}

pub static SWAPDB: Command = Command::server("SWAPDB", swapdb)
    .summary("Exchanges two databases, whoever uses them.")
    .since("4.0.0")
    .complexity("O(N) for N clients that watch keys of the two databases or wait for some.")
    .group(Group::Server)
    .arity(3)
    .flags(&[Write, Fast])
    .categories(&[Category::Keyspace, Category::Dangerous])
    .args(&[integer("index1"), integer("index2")]);

fn swapdb(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.server.env.config.cluster_enabled {
        return Err(CmdError::text("ERR SWAPDB is not allowed in cluster mode"));
    }
    let parse = |at, error| {
        let index = number::parse_i64(ctx.args.at(at)).and_then(|index| i32::try_from(index).ok());
        index.ok_or(CmdError::text(error))
    };
    let first = parse(1, "ERR invalid first DB index")?;
    let second = parse(2, "ERR invalid second DB index")?;
    let server = &mut *ctx.server;
    let index = |n: i32| usize::try_from(n).ok().filter(|&n| n < server.dbs.len()).ok_or(CmdError::DB_INDEX);
    let (first, second) = (index(first)?, index(second)?);
    if first != second {
        server.watched_database_replaced(first, Some(second));
        server.watched_database_replaced(second, Some(first));
        server.dbs.swap(first, second);
        server.blocked.database_ready(first);
        server.blocked.database_ready(second);
    }
    server.env.fx.dirty += 1;
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub static SELECT: Command = Command::server("SELECT", select)
    .summary("Chooses the database that the connection works on.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Connection)
    .arity(2)
    .flags(&[Loading, Stale, Fast])
    .args(&[integer("index")]);

fn select(ctx: &mut Ctx<'_>) -> CmdResult {
    let index = db_index(ctx.args.at(1), ctx.server.dbs.len())?;
    if ctx.server.env.config.cluster_enabled && index != 0 {
        return Err(CmdError::text("ERR SELECT is not allowed in cluster mode"));
    }
    ctx.client().db = index as u32;
    ctx.reply.ok();
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn selecting() {
        let mut s = Session::new();
        assert_eq!(s.run("SELECT 15"), "+OK\r\n");
        assert_eq!(s.run("SET k v"), "+OK\r\n");
        assert_eq!(s.run("SELECT 16"), "-ERR DB index is out of range\r\n");
        assert_eq!(s.run("SELECT -1"), "-ERR DB index is out of range\r\n");
        assert_eq!(s.run("SELECT x"), "-ERR value is not an integer or out of range\r\n");
        assert!(s.run("SELECT 99999999999").starts_with("-ERR value is out of range, value must between"));
        assert_eq!(s.run("DBSIZE"), ":1\r\n");
        s.run("SELECT 0");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
    }

    #[test]
    fn flushing_one_and_all() {
        let mut s = Session::new();
        for db in 0..3 {
            s.run(&format!("SELECT {db}"));
            s.run("SET a 1");
            s.run("SETEX b 100 1");
            s.run("EXPIRE a 100");
        }
        for word in ["FOO", "ASYNC SYNC", "ASYNC FOO"] {
            assert_eq!(s.run(&format!("FLUSHDB {word}")), "-ERR syntax error\r\n");
        }
        assert_eq!(s.run("FLUSHDB"), "+OK\r\n");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
        s.run("SELECT 1");
        assert_eq!(s.run("FLUSHDB async"), "+OK\r\n");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
        assert_eq!(s.run("FLUSHALL SYNC"), "+OK\r\n");
        s.run("SELECT 0");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
        assert_eq!(s.server.dbs[0].expiring_len(), 0);
    }

    #[test]
    fn what_is_flushed_by_a_waiting_client_is_freed_in_the_background() {
        let mut s = Session::new();
        s.run("SET a 1");
        s.run("SET b 1");
        assert_eq!(s.run("FLUSHALL"), "+OK\r\n");
        assert_eq!(s.server.env.reclaim.figures(), (0, 2));
        assert_eq!(s.run("FLUSHALL"), "+OK\r\n");
        assert_eq!((s.server.env.reclaim.figures(), s.server.blocked.len), ((0, 2), 0));
    }

    #[test]
    fn swapping() {
        let mut s = Session::new();
        s.run("SET k zero");
        assert_eq!(s.run("SWAPDB 0 1"), "+OK\r\n");
        assert_eq!(s.run("DBSIZE"), ":0\r\n");
        s.run("SELECT 1");
        assert_eq!(s.run("GET k"), "$4\r\nzero\r\n");
        assert_eq!(s.run("SWAPDB 1 1"), "+OK\r\n");
        assert_eq!(s.run("SWAPDB 44 55"), "-ERR DB index is out of range\r\n");
        assert_eq!(s.run("SWAPDB 44 a"), "-ERR invalid second DB index\r\n");
        assert_eq!(s.run("SWAPDB a b"), "-ERR invalid first DB index\r\n");
        assert_eq!(s.run("SWAPDB 0 99999999999"), "-ERR invalid second DB index\r\n");
        assert_eq!(s.run("SWAPDB -1 0"), "-ERR DB index is out of range\r\n");
    }

    /// Watches `key` of database 0, lets another client run the lines, and tells whether EXEC still runs.
    fn survives(prepare: &[&str], key: &str, lines: &[&str]) -> bool {
        let mut s = Session::new();
        for line in prepare {
            s.run(line);
        }
        s.advance_ms(5);
        s.run("SELECT 0");
        s.run(&format!("WATCH {key}"));
        let other = s.connect();
        for line in lines {
            s.run_as(other, line);
        }
        s.run("MULTI");
        s.run("PING");
        s.run("EXEC") == "*1\r\n+PONG\r\n"
    }

    #[test]
    fn transactions_depend_on_keys_that_go_or_come() {
        let there = ["SET k v"];
        let elsewhere = ["SELECT 1", "SET k v"];
        let stale = ["SET k v", "PEXPIRE k 1"];
        let stale_elsewhere = ["SELECT 1", "SET k v", "PEXPIRE k 1"];
        let both_stale = ["SET k v", "PEXPIRE k 1", "SELECT 1", "SET k v", "PEXPIRE k 1"];
        for (prepare, lines, survive) in [
            (&there[..], &["FLUSHALL"][..], false),
            (&there, &["FLUSHDB ASYNC"], false),
            (&there, &["SELECT 1", "FLUSHDB"], true),
            (&there, &["SWAPDB 0 1"], false),
            (&there, &["SWAPDB 1 2"], true),
            (&elsewhere, &["FLUSHALL"], true),
            (&elsewhere, &["SWAPDB 0 1"], false),
            (&[], &["FLUSHALL"], true),
            (&[], &["SWAPDB 0 1"], true),
            (&stale, &["FLUSHALL"], true),
            (&stale, &["SWAPDB 0 1"], true),
            (&stale_elsewhere, &["SWAPDB 0 1"], true),
            (&both_stale, &["SWAPDB 0 1"], true),
        ] {
            assert_eq!(survives(prepare, "k", lines), survive, "{prepare:?} {lines:?}");
        }
    }

    #[test]
    fn a_transaction_flushes_in_place() {
        let mut s = Session::new();
        s.run("SET k v");
        s.run("MULTI");
        s.run("FLUSHALL");
        assert_eq!(s.run("EXEC"), "*1\r\n+OK\r\n");
        assert_eq!((s.run("DBSIZE").as_str(), s.server.env.reclaim.figures().1), (":0\r\n", 0));
    }
}
