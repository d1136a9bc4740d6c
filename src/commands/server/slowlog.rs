//! SLOWLOG: the commands that took longest.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::resp::Reply;
use crate::stats::slowlog::Entry;
use crate::util::number;

/// Entries that GET shows when it is not told how many.
const SHOWN: usize = 10;

pub static SLOWLOG: Command = Command::container("SLOWLOG", &[&GET, &LEN, &RESET, &HELP])
    .summary("Leads to the commands about the slow log.")
    .since("2.2.12")
    .complexity("Depends on subcommand.")
    .group(Group::Server);

static GET: Command = Command::server("GET", get)
    .summary("Returns the newest entries of the slow log.")
    .since("2.2.12")
    .complexity("O(N) where N is the number of entries returned")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Admin, Loading, Stale])
    .tips(&["request_policy:all_nodes", "nondeterministic_output"])
    .history(&[("4.0.0", "Entries tell the client's address and name.")])
    .args(&[integer("count").optional()]);

static LEN: Command = Command::server("LEN", len)
    .summary("Counts the entries of the slow log.")
    .since("2.2.12")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, Loading, Stale])
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]);

static RESET: Command = Command::server("RESET", reset)
    .summary("Empties the slow log.")
    .since("2.2.12")
    .complexity("O(N) where N is the number of entries in the slowlog")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, Loading, Stale])
    .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale]);

fn get(ctx: &mut Ctx<'_>) -> CmdResult {
    let count = match ctx.args.len() {
        2 => SHOWN,
        3 => match number::parse_i64(ctx.args.at(2)) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => count as usize,
            _ => return Err(CmdError::text("ERR count should be greater than or equal to -1")),
        },
        _ => {
            return Err(CmdError::text("ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP."));
        }
    };
    let entries = &ctx.server.slowlog.entries;
    ctx.reply.array(count.min(entries.len()));
    for entry in entries.iter().take(count) {
        write_entry(ctx.reply, entry);
    }
    Ok(Flow::Done)
}

fn write_entry(reply: &mut Reply, entry: &Entry) {
    reply.array(6);
    reply.int(entry.id as i64);
    reply.int(entry.time_s as i64);
    reply.int(entry.duration_us as i64);
    reply.array(entry.args.len());
    for arg in &entry.args {
        reply.bulk(arg);
    }
    reply.bulk(&entry.peer);
    reply.bulk(&entry.client_name);
}

fn len(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.count(ctx.server.slowlog.entries.len());
    Ok(Flow::Done)
}

fn reset(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.server.slowlog.entries.clear();
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET [<count>]",
        "    Show the newest <count> entries of the slow log (default: 10, -1: all).",
        "    An entry consists of: id, unix time, microseconds taken, arguments,",
        "    client address and port, client name",
        "LEN",
        "    Count the entries of the slow log.",
        "RESET",
        "    Empty the slow log.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn slow_commands_are_logged_and_counted() {
        let mut session = Session::new();
        session.server.env.config.slowlog_log_slower_than_us = 0;
        session.server.configured();
        session.run("set k v");
        session.run("get k");
        let newest = session.run("slowlog get 1");
        assert!(newest.starts_with("*1\r\n*6\r\n:1\r\n"), "{newest}");
        assert!(newest.contains("*2\r\n$3\r\nget\r\n$1\r\nk\r\n"), "{newest}");
        assert_eq!(session.run("slowlog len"), ":3\r\n");
        assert_eq!(session.run("slowlog get -2"), "-ERR count should be greater than or equal to -1\r\n");
        assert_eq!(session.run("slowlog reset"), "+OK\r\n");
        assert_eq!(session.run("slowlog len"), ":1\r\n");
    }

    #[test]
    fn secrets_are_not_kept() {
        let mut session = Session::new();
        session.run("config set slowlog-log-slower-than 0");
        for line in [
            "auth secret",
            "auth default secret",
            "hello 3 auth default secret setname x",
            "config set maxmemory 0 masterauth secret hz 10 requirepass secret",
            "config set requirepass ''",
        ] {
            session.run(line);
        }
        let entries: Vec<String> = session
            .server
            .slowlog
            .entries
            .iter()
            .map(|entry| entry.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            entries[..5],
            [
                "config set requirepass (redacted)",
                "config set maxmemory 0 masterauth (redacted) hz 10 requirepass (redacted)",
                "hello 3 auth (redacted) (redacted) setname x",
                "auth (redacted) (redacted)",
                "auth (redacted)",
            ]
        );
    }
}
