//! MEMORY: where it goes.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::server::usage::Usage;
use crate::sys;
use crate::util::number;

/// Used memory below which the doctor has nothing to look at.
const DOCTOR_BYTES_MIN: usize = 5 << 20;

pub static MEMORY: Command = Command::container("MEMORY", &[&DOCTOR, &HELP, &MALLOC_STATS, &PURGE, &STATS, &USAGE])
    .summary("Leads to the commands about memory.")
    .since("4.0.0")
    .complexity("Depends on subcommand.")
    .group(Group::Server);

static USAGE: Command = Command::data("USAGE", usage)
    .summary("Tells how many bytes a key and its value take.")
    .since("4.0.0")
    .complexity("O(N) for N samples")
    .group(Group::Server)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::one(2).does(&[Use::RO])])
    .args(&[key("key", 0), integer("count").token("SAMPLES").optional()]);

static STATS: Command = Command::server("STATS", stats)
    .summary("Tells what memory is used for.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

static DOCTOR: Command = Command::server("DOCTOR", doctor)
    .summary("Judges the use of memory, in words.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

static PURGE: Command = Command::server("PURGE", purge)
    .summary("Has the allocator give unused pages back.")
    .since("4.0.0")
    .complexity("Depends on how much memory is in use")
    .group(Group::Server)
    .arity(2)
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]);

static MALLOC_STATS: Command = Command::server("MALLOC-STATS", malloc_stats)
    .summary("Returns the allocator's own report.")
    .since("4.0.0")
    .complexity("Depends on how much memory is in use")
    .group(Group::Server)
    .arity(2)
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]);

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale]);

/// Sizes are known without sampling, so that `SAMPLES` is checked and makes no difference.
fn usage(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut at = 3;
    while at < args.len() {
        let Some(count) = args.get(at + 1).filter(|_| args.is(at, "SAMPLES")) else { return Err(CmdError::SYNTAX) };
        match number::parse_i64(count) {
            None => return Err(CmdError::NOT_AN_INTEGER),
            Some(..0) => return Err(CmdError::SYNTAX),
            Some(_) => at += 2,
        }
    }
    match db.peek(args.at(2)) {
        Some(entry) => reply.count(entry.mem_bytes()),
        None => reply.null(),
    }
    Ok(Flow::Done)
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn stats(ctx: &mut Ctx<'_>) -> CmdResult {
    let usage = Usage::of(ctx.server);
    let alloc = usage.allocator;
    let scripts = &ctx.server.scripts;
    let (eval_vm, functions_vm) = scripts.vm_bytes();
    let reply = &mut *ctx.reply;
    let tables = usage.databases.iter().map(|(_, table, expiries)| table + expiries).sum();
    reply.map(33 + usage.databases.len());
    for (name, bytes) in [
        ("peak.allocated", usage.peak),
        ("total.allocated", usage.used),
        ("startup.allocated", usage.startup),
        ("replication.backlog", 0),
        ("replica.fullsync.buffer", 0),
        ("clients.slaves", 0),
        ("clients.normal", usage.clients),
        ("cluster.links", 0),
        ("aof.buffer", usage.log_buffer),
        ("lua.caches", scripts.cache.mem_bytes()),
        ("functions.caches", scripts.libraries.mem_bytes()),
        ("script.VMs", eval_vm + functions_vm),
    ] {
        count(reply, name, bytes);
    }
    for (index, table, expiries) in &usage.databases {
        reply.bulk(format!("db.{index}").as_bytes());
        reply.map(2);
        count(reply, "overhead.hashtable.main", *table);
        count(reply, "overhead.hashtable.expires", *expiries);
    }
    let added = usage.used.saturating_sub(usage.startup);
    count(reply, "overhead.db.hashtable.lut", tables);
    count(reply, "overhead.db.hashtable.rehashing", 0);
    count(reply, "overhead.total", usage.overhead);
    count(reply, "db.dict.rehashing.count", 0);
    count(reply, "keys.count", usage.keys);
    count(reply, "keys.bytes-per-key", added.checked_div(usage.keys).unwrap_or(0));
    count(reply, "dataset.bytes", usage.dataset);
    fraction(reply, "dataset.percentage", usage.dataset_percent());
    fraction(reply, "peak.percentage", share(usage.used, usage.peak) * 100.0);
    count(reply, "allocator.allocated", alloc.allocated);
    count(reply, "allocator.active", alloc.active);
    count(reply, "allocator.resident", alloc.resident);
    count(reply, "allocator.muzzy", alloc.muzzy);
    fraction(reply, "allocator-fragmentation.ratio", alloc.fragmentation());
    count(reply, "allocator-fragmentation.bytes", alloc.free_in_slabs);
    for (name, part, whole) in [("allocator-rss", alloc.resident, alloc.active), ("rss-overhead", usage.resident, alloc.resident)]
    {
        fraction(reply, &format!("{name}.ratio"), share(part, whole));
        difference(reply, &format!("{name}.bytes"), part, whole);
    }
    fraction(reply, "fragmentation", share(usage.resident, usage.used));
    difference(reply, "fragmentation.bytes", usage.resident, usage.used);
    Ok(Flow::Done)
}

fn count(reply: &mut Reply, name: &str, n: usize) {
    reply.bulk(name.as_bytes());
    reply.count(n);
}

fn fraction(reply: &mut Reply, name: &str, value: f64) {
    reply.bulk(name.as_bytes());
    reply.double(value);
}

fn difference(reply: &mut Reply, name: &str, part: usize, whole: usize) {
    reply.bulk(name.as_bytes());
    reply.int(part as i64 - whole as i64);
}

fn doctor(ctx: &mut Ctx<'_>) -> CmdResult {
    let usage = Usage::of(ctx.server);
    let report = examine(&usage, ctx.server.clients.len());
    ctx.reply.verbatim(report.as_bytes(), "txt");
    Ok(Flow::Done)
}

fn examine(usage: &Usage, clients: usize) -> String {
    const MB: usize = 1 << 20;
    if usage.used < DOCTOR_BYTES_MIN {
        return "There is too little data here to judge: the server uses less than 5 MB.\n".to_owned();
    }
    let alloc = &usage.allocator;
    let over =
        |part: usize, whole: usize, times: f64, bytes: usize| share(part, whole) > times && part.saturating_sub(whole) > bytes;
    let findings = [
        (
            usage.peak as f64 / usage.used as f64 > 1.5,
            "Peak memory: the server once used more than 1.5 times what it uses now. The allocator may keep what was \
             freed, and memory will be used again before more is taken; MEMORY PURGE gives it back.",
        ),
        (
            over(usage.resident, usage.used, 1.4, 10 * MB),
            "High total fragmentation: the process holds more than 1.4 times the memory in use.",
        ),
        (
            over(alloc.allocated + alloc.free_in_slabs, alloc.allocated, 1.1, 10 * MB),
            "High allocator fragmentation: pages are partly empty, as happens when values of very different sizes come \
             and go. CONFIG SET activedefrag yes moves values together.",
        ),
        (
            over(alloc.resident, alloc.active, 1.1, 10 * MB),
            "High allocator overhead: the allocator keeps unused pages; MEMORY PURGE gives them back.",
        ),
        (
            over(usage.resident, alloc.resident, 1.1, 10 * MB),
            "High process overhead: much of the process's memory is not the allocator's.",
        ),
        (
            clients > 0 && usage.clients / clients > 200 * 1024,
            "Big client buffers: clients use more than 200 KB each on average. Look for slow readers and very large \
             requests in CLIENT LIST.",
        ),
    ];
    let found: Vec<String> = findings.iter().filter(|(is, _)| *is).map(|(_, finding)| format!("- {finding}\n")).collect();
    if found.is_empty() { "No problem with memory was found.\n".to_owned() } else { found.concat() }
}

fn purge(ctx: &mut Ctx<'_>) -> CmdResult {
    if sys::memory::purge().is_err() {
        return Err(CmdError::text("ERR Error purging dirty pages"));
    }
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn malloc_stats(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.verbatim(&sys::memory::allocator_report(), "txt");
    Ok(Flow::Done)
}

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DOCTOR",
        "    Judge the use of memory, in words.",
        "MALLOC-STATS",
        "    Show the allocator's own report.",
        "PURGE",
        "    Have the allocator give unused pages back.",
        "STATS",
        "    Tell what memory is used for.",
        "USAGE <key> [SAMPLES <count>]",
        "    Tell how many bytes <key> and its value take. Sizes are exact, so that",
        "    SAMPLES makes no difference.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn usage_is_that_of_the_entry() {
        let mut session = Session::new();
        session.run("set k v");
        let small = session.run("memory usage k");
        assert!(small.starts_with(':'), "{small}");
        session.run(&format!("set k {}", "x".repeat(10_000)));
        let big: usize = session.run("memory usage k samples 0").trim_matches([':', '\r', '\n']).parse().unwrap();
        assert!((10_000..11_500).contains(&big), "{big}");
        assert_eq!(session.run("memory usage none"), "$-1\r\n");
        assert_eq!(session.run("memory usage k samples -1"), "-ERR syntax error\r\n");
        assert_eq!(session.run("memory usage k samples"), "-ERR syntax error\r\n");
        assert_eq!(session.run("memory usage k samples x"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(session.run("memory usage k foo 1"), "-ERR syntax error\r\n");
    }

    #[test]
    fn stats_have_as_many_pairs_as_announced() {
        let mut session = Session::new();
        session.run("setex k 100 v");
        let reply = session.run("memory stats");
        let bulks = reply.matches("\r\n$").count();
        let ints = reply.matches("\r\n:").count();
        // Of a database: its name, then a map of two pairs.
        assert_eq!(reply.split("\r\n").next(), Some("*68"));
        assert_eq!(bulks + ints, 68 + 3, "{reply}");
        assert!(session.run("memory doctor").contains("too little data") || session.server.memory.meter.used() > 5 << 20);
        assert_eq!(session.run("memory purge"), "+OK\r\n");
    }
}
