//! The differential test: the same random commands to a genuine server and to ours, replies and states compared.
//!
//! The oracle is Debian's `redis-server`, or what `REDOUBT_DIFF_ORACLE` names; `REDOUBT_DIFF_SUBJECT` puts another
//! server in our place, and `REDOUBT_DIFF_FAMILIES` narrows the commands down to some of
//! `strings,keys,lists,sets,hashes,zsets,connection,bits,hll,geo,streams`. The seeds of the tests are fixed; `random_seeds` draws its own
//! for `REDOUBT_DIFF_SECONDS` and is run by `make fuzz-diff`. A difference is shrunk and printed as the commands
//! that lead to it; with `REDOUBT_DIFF_COLLECT=N` the run goes on until N different ones are known.

mod compare;
mod generator;
mod grammar;
mod messages;
mod runner;
mod shrink;

use std::collections::BTreeMap;
use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use generator::{Generator, Step};
use runner::{Pair, Setup, show};

use crate::server::our_binary;

/// Steps in a round; every round begins with an empty state.
const ROUND_STEPS: usize = 400;
/// Rounds of each of the tests with fixed seeds: together these make more than 100 000 commands.
const ROUNDS: u64 = 66;

fn pair() -> Pair {
    let oracle = env::var("REDOUBT_DIFF_ORACLE").unwrap_or_else(|_| "redis-server".to_string());
    let subject = env::var("REDOUBT_DIFF_SUBJECT").unwrap_or_else(|_| our_binary());
    Pair::start(&oracle, &subject)
}

fn round(pair: &Pair, seed: u64) -> Vec<Step> {
    let families = env::var("REDOUBT_DIFF_FAMILIES").unwrap_or_default();
    Generator::new(seed, pair.version, &families).round(ROUND_STEPS)
}

/// Run one seed; a difference comes back as a report with the shortest commands found.
fn run_seed(pair: &mut Pair, setup: &Setup, seed: u64) -> Result<(), String> {
    let steps = round(pair, seed);
    let Err(first) = pair.run(setup, &steps) else {
        return Ok(());
    };
    let steps = &steps[..(first.at + 1).min(steps.len())];
    let small = shrink::shrink(steps, |steps| pair.run(setup, steps).is_err());
    let mut report = format!("{}\nseed {seed}, {setup:?}\n", pair.versions());
    report += &match pair.run(setup, &small) {
        Err(difference) => format!("{}\n", difference.what),
        Ok(()) => format!("not seen every time: {}\n", first.what),
    };
    if steps.len() < 10 * small.len() {
        report += &format!("hard to shrink; at first it was: {}\n", first.what);
    }
    report += "the commands, with the connection before each:\n";
    for step in &small {
        report += &match step {
            Step::Send { client, args } => format!("  {client}> {}\n", show(args)),
            Step::Park { args } => format!("  parked> {}\n", show(args)),
            Step::Unpark => "  unblock what is parked\n".to_string(),
            Step::Pause { millis } => format!("  wait {millis} ms\n"),
        };
    }
    Err(report)
}

#[track_caller]
fn run_seeds(setup: &Setup, first_seed: u64) {
    let mut pair = pair();
    for seed in first_seed..first_seed + ROUNDS {
        if let Err(report) = run_seed(&mut pair, setup, seed) {
            panic!("{report}");
        }
    }
}

#[test]
fn resp2() {
    run_seeds(&Setup { protocol: 2, pipeline: 1, tiny: false, events: false }, 1000);
}

#[test]
fn resp3() {
    run_seeds(&Setup { protocol: 3, pipeline: 1, tiny: false, events: false }, 2000);
}

#[test]
fn small_thresholds() {
    run_seeds(&Setup { protocol: 2, pipeline: 1, tiny: true, events: false }, 3000);
}

#[test]
fn pipelined() {
    run_seeds(&Setup { protocol: 3, pipeline: 16, tiny: true, events: false }, 4000);
}

#[test]
fn keyspace_events() {
    run_seeds(&Setup { protocol: 2, pipeline: 1, tiny: true, events: true }, 5000);
}

#[test]
#[ignore = "runs as long as it is told to; started by `make fuzz-diff`"]
fn random_seeds() {
    let seconds = env::var("REDOUBT_DIFF_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let collect: usize = env::var("REDOUBT_DIFF_COLLECT").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut pair = pair();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos() as u64).unwrap_or(1);
    let mut rng = fastrand::Rng::with_seed(env::var("REDOUBT_DIFF_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(now));
    let (mut rounds, mut reports) = (0, BTreeMap::new());
    while Instant::now() < end && reports.len() < collect {
        let setup =
            Setup { protocol: rng.u32(2..4), pipeline: [1, 1, 4, 32][rng.usize(..4)], tiny: rng.bool(), events: rng.bool() };
        let seed = rng.u64(..);
        rounds += 1;
        if let Err(report) = run_seed(&mut pair, &setup, seed) {
            let title: String = report.lines().nth(2).unwrap_or("").split(' ').take(1).collect::<String>().to_uppercase();
            if collect > 1 && !reports.contains_key(&title) {
                println!("{report}\n");
            }
            reports.insert(title, report);
        }
    }
    println!("{rounds} rounds of {ROUND_STEPS} steps");
    if !reports.is_empty() {
        panic!("{}", reports.into_values().collect::<Vec<_>>().join("\n\n"));
    }
}
