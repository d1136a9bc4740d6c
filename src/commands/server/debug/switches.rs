//! DEBUG's switches and exercises.

use std::time::Duration;

use super::{integer_at, loose_integer_at, unknown};
use crate::dispatch::*;
use crate::keyspace::Value;
use crate::server::client_memory::SIZE_CLASSES;
use crate::util::glob::{self, Case};
use crate::util::{random, units};

/// The longest sleep, so that a typing error does not stop the server for good.
const SLEEP_S_MAX: f64 = 3600.0;

/// Stands still, clients and all.
pub fn sleep(ctx: &mut Ctx<'_>) -> CmdResult {
    let text = String::from_utf8_lossy(ctx.args.at(2)).into_owned();
    let seconds: f64 = text.trim().parse().unwrap_or(0.0);
    if seconds > 0.0 {
        std::thread::sleep(Duration::from_secs_f64(seconds.min(SLEEP_S_MAX)));
    }
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub fn active_expire(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.cron.expiry_stopped = loose_integer_at(ctx.args, 2) == 0;
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub fn pause_cron(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.cron.paused = loose_integer_at(ctx.args, 2) != 0;
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub fn skip_checksums(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.env.skip_checksums = loose_integer_at(ctx.args, 2) != 0;
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Stops the tables from moving elements that need not be moved.
pub fn dict_resizing(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.resizing_disabled = loose_integer_at(ctx.args, 2) == 0;
    ctx.server.settle_tables();
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub fn packed_threshold(ctx: &mut Ctx<'_>) -> CmdResult {
    let bytes = units::parse_memory(ctx.args.at(2)).and_then(|bytes| u32::try_from(bytes).ok());
    let Some(bytes) = bytes else {
        return Err(CmdError::text("ERR argument must be a memory value bigger than 1 and smaller than 4gb"));
    };
    ctx.server.env.packed_threshold_bytes = bytes;
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// `RESIZING <0|1>`, `PEAK-RESET-TIME <NEVER|RESET|ms>`: buffers that are empty are given back at once here, so that there
/// is nothing to switch.
pub fn reply_buffer(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    if args.is(2, "PEAK-RESET-TIME") {
        if !args.is(3, "NEVER") && !args.is(3, "RESET") {
            integer_at(args, 3)?;
        }
    } else if !args.is(2, "RESIZING") {
        return Err(unknown(args));
    }
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Sleeps so many us behind each write of the append only file.
pub fn aof_flush_sleep(ctx: &mut Ctx<'_>) -> CmdResult {
    let us = super::integer_at(ctx.args, 2)?;
    ctx.server.aof.flush_sleep_us = u64::try_from(us).unwrap_or(0);
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Throws the dataset away and loads the append only file.
pub fn load_aof(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.server.reload_aof().is_err() {
        return Err(CmdError::text("ERR Error trying to load the AOF files, check server logs."));
    }
    log::warn!("Append Only File loaded by DEBUG LOADAOF");
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Lets scripts call what is not for scripts.
pub fn scripts_may_all(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.scripts.all_commands = loose_integer_at(ctx.args, 2) != 0;
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub fn change_repl_id(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.process.replication_id = String::from_utf8_lossy(&random::id()).into_owned();
    log::info!("Changing replication IDs after receiving change-repl-id");
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Sends replicas, of which there are none, a command that did not run here. The append only file is no replica.
pub fn replicate(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.ok();
    Ok(Flow::Done)
}

pub fn log(ctx: &mut Ctx<'_>) -> CmdResult {
    log::warn!("DEBUG LOG: {}", String::from_utf8_lossy(ctx.args.at(2)));
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Loses the argument's memory, for tests of leak checkers.
pub fn leak(ctx: &mut Ctx<'_>) -> CmdResult {
    Box::leak(Box::<[u8]>::from(ctx.args.at(2)));
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// `POPULATE count [prefix [size]]`: keys `prefix:n` that hold `value:n`, filled up with NULs to `size`.
pub fn populate(ctx: &mut Ctx<'_>) -> CmdResult {
    let positive = |at| match integer_at(ctx.args, at) {
        Ok(n @ 0..) => Ok(n as usize),
        _ => Err(CmdError::OUT_OF_RANGE_POSITIVE),
    };
    let count = positive(2)?;
    let prefix = ctx.args.get(3).unwrap_or(b"key");
    let size = if ctx.args.len() > 4 { positive(4)? } else { 0 };
    if size as u64 > ctx.server.env.config.proto_max_bulk_len_bytes {
        return Err(CmdError::STRING_TOO_LONG);
    }
    let mut db = ctx.db();
    let mut key = Vec::new();
    for n in 0..count {
        key.clear();
        key.extend_from_slice(prefix);
        key.extend_from_slice(format!(":{n}").as_bytes());
        if db.exists(&key) {
            continue;
        }
        let mut value = format!("value:{n}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        db.put(&key, Value::Str { bytes: value.into(), raw: false }, None);
        db.env.fx.touched(db.index, &key);
    }
    ctx.reply.ok();
    Ok(Flow::Done)
}

/// Matches a text of `length` letters against a pattern, to see how long that takes.
pub fn stringmatch_len(ctx: &mut Ctx<'_>) -> CmdResult {
    const LEN_MAX: i64 = 64 << 20;
    let len = integer_at(ctx.args, 2)?;
    if !(0..=LEN_MAX).contains(&len) {
        return Err(CmdError::OUT_OF_RANGE);
    }
    let text = vec![b'a'; len as usize];
    let matched = glob::matches(ctx.args.at(3), &text, Case::Sensitive);
    ctx.reply.int(i64::from(matched));
    Ok(Flow::Done)
}

/// Matches random texts against random patterns.
pub fn stringmatch_test(ctx: &mut Ctx<'_>) -> CmdResult {
    const LETTERS: &[u8] = b"ab*?[]^-\\\0\xff";
    let rng = &mut ctx.server.env.rng;
    for _ in 0..100_000 {
        let mut word = || {
            let len = rng.usize(0..12);
            (0..len).map(|_| LETTERS[rng.usize(..LETTERS.len())]).collect::<Vec<u8>>()
        };
        let (pattern, text) = (word(), word());
        std::hint::black_box(glob::matches(&pattern, &text, Case::Insensitive));
    }
    ctx.reply.simple("Apparently Redis did not crash: test passed");
    Ok(Flow::Done)
}

/// How many clients of which size there are, and what they take together.
pub fn client_eviction(ctx: &mut Ctx<'_>) -> CmdResult {
    if ctx.server.clients_memory_limit() == 0 {
        return Err(CmdError::text("ERR maxmemory-clients is disabled."));
    }
    let mut text = String::new();
    for (class, (bytes, clients)) in ctx.server.clients_by_size().into_iter().enumerate() {
        let from = SIZE_CLASSES[class];
        let range = match SIZE_CLASSES.get(class + 1) {
            Some(next) => format!("{from:>10} - {:>10}", next - 1),
            None => format!("{:<23}", format!("{from:>10}+")),
        };
        text.push_str(&format!("bucket {range}: tot-mem: {bytes:>10}, clients: {clients}\n"));
    }
    ctx.reply.verbatim(text.as_bytes(), "txt");
    Ok(Flow::Done)
}

/// The few of the allocator's numbers that tests ask for.
pub fn mallctl(ctx: &mut Ctx<'_>) -> CmdResult {
    match ctx.args.at(2) {
        b"arenas.page" => ctx.reply.count(crate::sys::host::page_size()),
        _ => return Err(CmdError::text("ERR No such file or directory")),
    }
    Ok(Flow::Done)
}

pub fn mallctl_str(ctx: &mut Ctx<'_>) -> CmdResult {
    match ctx.args.at(2) {
        b"version" => ctx.reply.bulk(crate::util::version::ALLOCATOR.as_bytes()),
        b"thread.tcache.flush" => ctx.reply.ok(),
        _ => return Err(CmdError::text("ERR No such file or directory")),
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn populate_makes_keys_of_the_wanted_size() {
        let mut session = Session::new();
        assert_eq!(session.run("debug populate 3"), "+OK\r\n");
        assert_eq!(session.run("get key:2"), "$7\r\nvalue:2\r\n");
        assert_eq!(session.run("debug populate 2 p 9"), "+OK\r\n");
        assert_eq!(session.run("get p:1"), "$9\r\nvalue:1\0\0\r\n");
        assert_eq!(session.run("debug populate 1 q 3"), "+OK\r\n");
        assert_eq!(session.run("get q:0"), "$3\r\nval\r\n");
        assert_eq!(session.run("debug populate -1"), "-ERR value is out of range, must be positive\r\n");
    }

    #[test]
    fn switches_switch() {
        let mut session = Session::new();
        session.run("debug set-active-expire 0");
        assert!(session.server.cron.expiry_stopped);
        session.run("debug pause-cron 1");
        assert!(session.server.cron.paused);
        assert_eq!(session.run("debug quicklist-packed-threshold 100b"), "+OK\r\n");
        assert_eq!(session.server.env.packed_threshold_bytes, 100);
        assert!(session.run("debug quicklist-packed-threshold 4gb").starts_with("-ERR argument must be a memory value"));
        assert!(session.run("debug replybuffer foo 1").starts_with("-ERR unknown subcommand or wrong"));
        assert_eq!(session.run("debug sleep 0"), "+OK\r\n");
        assert_eq!(session.run("debug sleep nan"), "+OK\r\n");
        assert_eq!(session.run("debug stringmatch-len 100 a*b"), ":0\r\n");
        assert!(session.run("debug stringmatch-test").contains("test passed"));
        assert_eq!(session.run("debug client-eviction"), "-ERR maxmemory-clients is disabled.\r\n");
    }
}
