//! Makes a failing round small: first fewer steps, then fewer and shorter words.

use std::time::{Duration, Instant};

use super::generator::{Step, keep_small};

/// Shrinking ends after this long with what it has.
const TIME_MAX: Duration = Duration::from_secs(90);

/// The smallest sequence found for which `fails` still says true; it must say true for `steps`.
pub fn shrink(steps: &[Step], mut fails: impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let end = Instant::now() + TIME_MAX;
    let mut best = steps.to_vec();
    let mut size = best.len().div_ceil(2);
    while size > 0 && Instant::now() < end {
        let mut at = 0;
        let before = best.len();
        while at < best.len() && Instant::now() < end {
            let mut fewer = best.clone();
            fewer.drain(at..(at + size).min(best.len()));
            if fails(&fewer) {
                best = fewer;
            } else {
                at += size;
            }
        }
        size = if size > 1 {
            size.div_ceil(2)
        } else if best.len() < before {
            1
        } else {
            0
        };
    }
    for at in 0..best.len() {
        shorten(&mut best, at, end, &mut fails);
    }
    best
}

/// Take words out of a step, then cut long ones, as long as it fails.
fn shorten(best: &mut Vec<Step>, at: usize, end: Instant, fails: &mut impl FnMut(&[Step]) -> bool) {
    let Step::Send { args, .. } = &best[at] else {
        return;
    };
    for word in (1..args.len()).rev() {
        let mut tried = best.clone();
        if let Step::Send { args, .. } = &mut tried[at] {
            args.remove(word);
            keep_small(args);
        }
        if Instant::now() < end && fails(&tried) {
            *best = tried;
        }
    }
    let Step::Send { args, .. } = &best[at] else {
        return;
    };
    for word in 1..args.len() {
        for length in [8, 45, 65] {
            let mut tried = best.clone();
            let Step::Send { args, .. } = &mut tried[at] else {
                return;
            };
            if args[word].len() <= length {
                break;
            }
            args[word].truncate(length);
            if Instant::now() < end && fails(&tried) {
                *best = tried;
                break;
            }
        }
    }
}
