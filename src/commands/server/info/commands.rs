//! What INFO tells of commands: how often they ran, how they failed, how long they took.

use super::Report;
use crate::server::Server;
use crate::stats::histogram::Histogram;

pub fn command_stats(server: &mut Server, out: &mut Report) {
    for cmd in server.commands.iter() {
        let stats = &server.stats.commands[cmd.id as usize];
        if stats.calls == 0 && stats.rejected == 0 && stats.failed == 0 {
            continue;
        }
        let usec = stats.elapsed_ns / 1000;
        let per_call = if stats.calls == 0 { 0.0 } else { usec as f64 / stats.calls as f64 };
        out.line(format_args!(
            "cmdstat_{}:calls={},usec={usec},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
            cmd.full_name, stats.calls, stats.rejected, stats.failed
        ));
    }
}

pub fn error_stats(server: &mut Server, out: &mut Report) {
    let mut errors: Vec<_> = server.stats.errors.iter().collect();
    errors.sort_unstable();
    for (code, count) in errors {
        out.line(format_args!("errorstat_{}:count={count}", field_name(code)));
    }
}

/// A code as part of a field's name: what would end the name or the line is replaced.
fn field_name(code: &[u8]) -> String {
    let text = String::from_utf8_lossy(code);
    text.chars().map(|c| if matches!(c, '#' | ':' | '\n' | '\r') { '_' } else { c }).collect()
}

pub fn latency_stats(server: &mut Server, out: &mut Report) {
    let percentiles = &server.env.config.latency_tracking_info_percentiles;
    for cmd in server.commands.iter() {
        if let Some(histogram) = &server.stats.commands[cmd.id as usize].latency {
            let percentiles: Vec<String> = percentiles.iter().map(|&percent| percentile(histogram, percent)).collect();
            out.line(format_args!("latency_percentiles_usec_{}:{}", cmd.full_name, percentiles.join(",")));
        }
    }
}

fn percentile(histogram: &Histogram, percent: f64) -> String {
    let ns = histogram.percentile_ns(percent);
    format!("{}={}.{:03}", percentile_name(percent), ns / 1000, ns % 1000)
}

/// `p50`, `p99.9`.
pub fn percentile_name(percent: f64) -> String {
    let digits = format!("{percent:.6}");
    format!("p{}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn percentiles_are_named_as_written() {
        assert_eq!(percentile_name(50.0), "p50");
        assert_eq!(percentile_name(99.9), "p99.9");
        assert_eq!(percentile_name(100.0), "p100");
        assert_eq!(percentile_name(0.0), "p0");
    }

    #[test]
    fn calls_refusals_and_failures_are_told_apart() {
        let mut session = Session::new();
        session.run("set k");
        session.run("set k v");
        session.run("lcs k");
        session.run("slowlog get x");
        let text = session.run("info commandstats errorstats latencystats");
        assert!(text.contains("cmdstat_set:calls=1,usec="), "{text}");
        assert!(text.contains(",rejected_calls=1,failed_calls=0\r\n"), "{text}");
        assert!(text.contains("cmdstat_slowlog|get:calls=1,"), "{text}");
        assert!(text.contains("rejected_calls=0,failed_calls=1"), "{text}");
        assert!(text.contains("errorstat_ERR:count=3\r\n"), "{text}");
        assert!(text.contains("latency_percentiles_usec_set:p50="), "{text}");
    }

    #[test]
    fn codes_cannot_break_the_line() {
        assert_eq!(field_name(b"A:#\r\nB"), "A____B");
    }
}
