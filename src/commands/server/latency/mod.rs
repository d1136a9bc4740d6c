//! LATENCY: spikes the latency monitor has seen, and how long commands take.

mod doctor;
mod graph;

use hashbrown::HashSet;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::resp::Reply;
use crate::stats::histogram::Histogram;

/// The smallest and the largest duration LATENCY HISTOGRAM tells apart, as powers of two of nanoseconds.
const POWERS: std::ops::Range<u32> = 10..36;

pub static LATENCY: Command =
    Command::container("LATENCY", &[&doctor::DOCTOR, &graph::GRAPH, &HELP, &HISTOGRAM, &HISTORY, &LATEST, &RESET])
        .summary("Leads to the commands about latency.")
        .since("2.8.13")
        .complexity("Depends on subcommand.")
        .group(Group::Server);

static HISTOGRAM: Command = Command::server("HISTOGRAM", histogram)
    .summary("Tells how long calls of some or all commands took, as cumulative histograms.")
    .since("7.0.0")
    .complexity("O(N) for N commands")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
    .args(&[string("command").multiple().optional()]);

static HISTORY: Command = Command::server("HISTORY", history)
    .summary("Lists the spikes of an event.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
    .args(&[string("event")]);

static LATEST: Command = Command::server("LATEST", latest)
    .summary("Tells the newest spike of each event, and the worst.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

static RESET: Command = Command::server("RESET", reset)
    .summary("Forgets the spikes of some or all events.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
    .args(&[string("event").multiple().optional()]);

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale]);

fn histogram(ctx: &mut Ctx<'_>) -> CmdResult {
    let table = ctx.server.commands;
    let mut ids: Vec<u16> = Vec::new();
    if ctx.args.len() == 2 {
        ids.extend(table.iter().map(|cmd| cmd.id));
    } else {
        let mut seen = HashSet::new();
        for cmd in ctx.args.from(2).iter().filter_map(|name| super::command::named(table, name)) {
            let family = std::iter::once(cmd.id).chain(cmd.subcommands.iter().copied());
            ids.extend(family.filter(|&id| seen.insert(id)));
        }
    }
    let stats = &ctx.server.stats.commands;
    let at = ctx.reply.defer();
    let mut count = 0;
    for id in ids {
        if let Some(histogram) = &stats[id as usize].latency {
            ctx.reply.bulk(table.get(id).full_name.as_bytes());
            write_histogram(ctx.reply, histogram);
            count += 1;
        }
    }
    ctx.reply.finish_map(at, count);
    Ok(Flow::Done)
}

/// For each power of two at which the count grows: microseconds, and how many calls took at most as long. Bucket
/// borders are those of a histogram of two significant digits, so that they read as upstream's do.
fn write_histogram(reply: &mut Reply, histogram: &Histogram) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.int(histogram.total as i64);
    reply.bulk(b"histogram_usec");
    let at = reply.defer();
    let (mut pairs, mut before) = (0, 0);
    for power in POWERS {
        let upto_ns = (1u64 << power) + (1 << (power - 7)) - 1;
        let count = if power + 1 == POWERS.end { histogram.total } else { histogram.at_most(upto_ns) };
        if count > before {
            reply.int((upto_ns / 1000) as i64);
            reply.int(count as i64);
            pairs += 1;
            before = count;
        }
    }
    reply.finish_map(at, pairs);
}

fn history(ctx: &mut Ctx<'_>) -> CmdResult {
    let event = ctx.args.at(2);
    let (server, reply, _) = ctx.split();
    let Some(series) = server.latency.find(event) else {
        reply.array(0);
        return Ok(Flow::Done);
    };
    reply.array(series.spikes.len());
    for spike in &series.spikes {
        reply.array(2);
        reply.int(spike.time_s as i64);
        reply.int(spike.latency_ms as i64);
    }
    Ok(Flow::Done)
}

fn latest(ctx: &mut Ctx<'_>) -> CmdResult {
    let (server, reply, _) = ctx.split();
    reply.array(server.latency.events.len());
    for (event, series) in &server.latency.events {
        let last = series.spikes.last();
        reply.array(4);
        reply.bulk(event.as_bytes());
        reply.int(last.map_or(0, |spike| spike.time_s as i64));
        reply.int(last.map_or(0, |spike| spike.latency_ms as i64));
        reply.int(series.max_ms as i64);
    }
    Ok(Flow::Done)
}

fn reset(ctx: &mut Ctx<'_>) -> CmdResult {
    let events = &mut ctx.server.latency.events;
    let before = events.len();
    if ctx.args.len() == 2 {
        events.clear();
    } else {
        let names = ctx.args.from(2);
        events.retain(|event, _| !names.iter().any(|name| name.eq_ignore_ascii_case(event.as_bytes())));
    }
    ctx.reply.count(before - events.len());
    Ok(Flow::Done)
}

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DOCTOR",
        "    Judge the spikes seen, in words.",
        "GRAPH <event>",
        "    Draw the spikes of <event>.",
        "HISTORY <event>",
        "    List time and latency of the spikes of <event>.",
        "LATEST",
        "    Tell the newest spike of each event, and the worst.",
        "RESET [<event> ...]",
        "    Forget the spikes of these events, or of all.",
        "HISTOGRAM [<command> ...]",
        "    Tell how long calls of these commands took, or of all, as cumulative",
        "    histograms.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn spikes_are_listed_and_forgotten() {
        let mut session = Session::new();
        session.server.latency.add("command", 12, 1000);
        session.server.latency.add("command", 7, 1001);
        session.server.latency.add("fork", 3, 1001);
        assert_eq!(session.run("latency history command"), "*2\r\n*2\r\n:1000\r\n:12\r\n*2\r\n:1001\r\n:7\r\n");
        assert_eq!(session.run("latency history nosuch"), "*0\r\n");
        assert!(session.run("latency latest").contains("*4\r\n$7\r\ncommand\r\n:1001\r\n:7\r\n:12\r\n"));
        assert_eq!(session.run("latency reset nosuch FORK"), ":1\r\n");
        assert_eq!(session.run("latency reset"), ":1\r\n");
        assert_eq!(session.run("latency latest"), "*0\r\n");
    }

    #[test]
    fn histograms_count_up() {
        let mut session = Session::new();
        session.run("set k v");
        let id = session.server.commands.by_full_name("set").unwrap().id;
        let stats = &mut session.server.stats.commands[id as usize];
        *stats = Default::default();
        for ns in [500, 3_000, 3_000, 100_000] {
            stats.ran(ns, true);
        }
        let expected =
            "*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n*6\r\n:1\r\n:1\r\n:4\r\n:3\r\n:132\r\n:4\r\n";
        assert_eq!(session.run("latency histogram set nosuch set"), expected);
        assert_eq!(session.run("latency histogram nosuch"), "*0\r\n");
        session.run("latency history x");
        assert!(session.run("latency histogram latency").contains("latency|history"));
    }
}
