//! LATENCY GRAPH: an event's spikes as a picture of letters.
//!
//! ```text
//! command - high 500 ms, low 300 ms (all time high 500 ms)
//! --------------------------------------------------------------------------------
//!   _
//!  `|        one column a spike, oldest first; a letter stands for a third of a line
//! _||
//!
//! 210
//! sss        how long ago, read downwards
//! ```

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::stats::latency::{Series, Spike};

/// Lines of the picture, and what a line's lower, middle and upper third look like.
const LINES: u64 = 4;
const THIRDS: [u8; 3] = *b"_-`";
/// Spikes drawn at most.
const COLUMNS: usize = 80;

pub static GRAPH: Command = Command::server("GRAPH", graph)
    .summary("Draws the spikes of an event.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .tips(&["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"])
    .args(&[string("event")]);

fn graph(ctx: &mut Ctx<'_>) -> CmdResult {
    let event = ctx.args.at(2);
    let now_s = ctx.server.clock.now_us() / 1_000_000;
    let (server, reply, _) = ctx.split();
    match server.latency.find(event) {
        Some(series) => reply.verbatim(&draw(event, series, now_s), "txt"),
        None => {
            let shown = String::from_utf8_lossy(event);
            return Err(CmdError::err(format!("No samples available for event '{shown}'")));
        }
    }
    Ok(Flow::Done)
}

fn draw(event: &[u8], series: &Series, now_s: u64) -> Vec<u8> {
    let spikes = &series.spikes[series.spikes.len().saturating_sub(COLUMNS)..];
    let high = spikes.iter().map(|spike| spike.latency_ms).max().unwrap_or(0);
    let low = spikes.iter().map(|spike| spike.latency_ms).min().unwrap_or(0);
    let head = format!(" - high {high} ms, low {low} ms (all time high {} ms)\n", series.max_ms);
    let mut text = [event, head.as_bytes(), "-".repeat(COLUMNS).as_bytes(), b"\n"].concat();
    let steps = LINES * THIRDS.len() as u64;
    let height = |spike: &Spike| match high - low {
        0 => 0,
        range => ((u128::from(spike.latency_ms - low) * u128::from(steps - 1)) / u128::from(range)) as u64,
    };
    for line in (0..LINES).rev() {
        let bottom = line * THIRDS.len() as u64;
        text.extend(spikes.iter().map(|spike| match height(spike).checked_sub(bottom) {
            None => b' ',
            Some(third) => THIRDS.get(third as usize).copied().unwrap_or(b'|'),
        }));
        text.push(b'\n');
    }
    text.push(b'\n');
    let ages: Vec<String> = spikes.iter().map(|spike| age(now_s.saturating_sub(spike.time_s))).collect();
    for line in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text.extend(ages.iter().map(|age| age.as_bytes().get(line).copied().unwrap_or(b' ')));
        text.push(b'\n');
    }
    text
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn a_picture() {
        let mut monitor = crate::stats::latency::LatencyMonitor::default();
        for (time_s, latency_ms) in [(100, 300), (101, 500), (102, 400)] {
            monitor.add("command", latency_ms, time_s);
        }
        let text = String::from_utf8(draw(b"command", &monitor.events["command"], 112)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "command - high 500 ms, low 300 ms (all time high 500 ms)");
        assert_eq!(lines[2..], [" ` ", " | ", " |`", "_||", "", "111", "210", "sss"]);
    }

    #[test]
    fn nothing_to_draw() {
        let mut session = Session::new();
        assert_eq!(session.run("latency graph foo"), "-ERR No samples available for event 'foo'\r\n");
    }
}
