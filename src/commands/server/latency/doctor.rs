//! LATENCY DOCTOR: what the spikes seen may mean, and what to do about them.

use std::fmt::Write;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::server::Server;
use crate::stats::latency::Series;

pub static DOCTOR: Command = Command::server("DOCTOR", doctor)
    .summary("Judges the spikes seen, in words.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"]);

fn doctor(ctx: &mut Ctx<'_>) -> CmdResult {
    let report = examine(ctx.server);
    ctx.reply.verbatim(report.as_bytes(), "txt");
    Ok(Flow::Done)
}

fn examine(server: &Server) -> String {
    let events = &server.latency.events;
    let threshold_ms = server.env.config.latency_monitor_threshold_ms;
    if events.is_empty() {
        return if threshold_ms == 0 {
            "The latency monitor is switched off. CONFIG SET latency-monitor-threshold <milliseconds> switches it on.\n"
        } else {
            "No latency spike has been seen since the start or the last LATENCY RESET.\n"
        }
        .to_owned();
    }
    let mut names: Vec<_> = events.iter().collect();
    names.sort_unstable_by_key(|(name, _)| **name);
    let mut text = String::from("Latency spikes were seen:\n\n");
    for (i, (name, series)) in names.iter().enumerate() {
        describe(&mut text, i + 1, name, series);
    }
    text.push_str("\nAdvice:\n\n");
    for advice in advise(server) {
        let _ = writeln!(text, "- {advice}");
    }
    text
}

fn describe(text: &mut String, number: usize, name: &str, series: &Series) {
    let count = series.spikes.len() as u64;
    let mean = series.spikes.iter().map(|spike| spike.latency_ms).sum::<u64>() / count.max(1);
    let deviation = series.spikes.iter().map(|spike| spike.latency_ms.abs_diff(mean)).sum::<u64>() / count.max(1);
    let (first, last) = (series.spikes.first(), series.spikes.last());
    let span_s = last.map_or(0, |spike| spike.time_s) - first.map_or(0, |spike| spike.time_s);
    let period_s = span_s as f64 / count.saturating_sub(1).max(1) as f64;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{number}. {name}: {count} latency spikes (average {mean}ms, mean deviation {deviation}ms, period {period_s:.2} sec). \
         Worst all time event {}ms.",
        series.max_ms
    );
}

fn advise(server: &Server) -> Vec<String> {
    let config = &server.env.config;
    let seen = |names: &[&str]| names.iter().any(|name| server.latency.events.contains_key(name));
    let mut advice = Vec::new();
    if seen(&["command", "fast-command"]) {
        let threshold_us = config.latency_monitor_threshold_ms.saturating_mul(1000);
        if config.slowlog_log_slower_than_us < 0 || config.slowlog_log_slower_than_us as u64 > threshold_us {
            advice.push(format!(
                "The slow log misses some of these commands: CONFIG SET slowlog-log-slower-than {threshold_us} has it \
                 record whatever the latency monitor sees."
            ));
        }
        advice.push("SLOWLOG GET shows which commands are slow, with their arguments.".to_owned());
        advice.push(
            "Removing a key with very many elements takes time: use UNLINK, leave the lazyfree-* options at yes, or spread \
             the elements over several keys."
                .to_owned(),
        );
    }
    if seen(&["expire-cycle", "eviction-cycle", "eviction-del", "expire-del"]) {
        advice.push(
            "Keys are removed in numbers, or are big: lazyfree-lazy-expire and lazyfree-lazy-eviction free them in the \
             background, and expiry times that are spread out do not come due together."
                .to_owned(),
        );
    }
    if seen(&["fork"]) {
        advice.push("Forking is slow: prefer a machine that forks fast, and switch transparent huge pages off.".to_owned());
    }
    if seen(&["aof-write-pending-fsync", "aof-write-active-child", "aof-fsync-always", "aof-write-alone", "aof-write"]) {
        advice.push(
            "The disk is busy: appendfsync everysec or no, no-appendfsync-on-rewrite yes, or a disk of its own for the \
             append only file relieve it."
                .to_owned(),
        );
    }
    if advice.is_empty() {
        advice.push("There is nothing to advise about these events.".to_owned());
    }
    advice
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn off_healthy_and_ill() {
        let mut session = Session::new();
        assert!(session.run("latency doctor").contains("switched off"));
        session.server.env.config.latency_monitor_threshold_ms = 10;
        assert!(session.run("latency doctor").contains("No latency spike"));
        session.server.latency.add("command", 12, 1000);
        session.server.latency.add("command", 14, 1004);
        let report = session.run("latency doctor");
        let line = "1. command: 2 latency spikes (average 13ms, mean deviation 1ms, period 4.00 sec). Worst all time event 14ms.";
        assert!(report.contains(line) && report.contains("SLOWLOG GET"), "{report}");
    }
}
