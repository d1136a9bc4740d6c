//! LOLWUT: the ground plan of a redoubt, another one each time.
//!
//! A star fort in polar coordinates: the rampart's distance from the middle swings between bastions and curtains, a
//! moat lies before it, and a path leads to the gate.

use std::f64::consts::TAU;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::util::{number, version};

const COLUMNS: usize = 66;
const LINES: usize = 24;
/// The largest plan somebody may ask for.
const COLUMNS_MAX: usize = 160;
const LINES_MAX: usize = 80;

pub static LOLWUT: Command = Command::server("LOLWUT", lolwut)
    .summary("Draws a picture, and tells the version.")
    .since("5.0.0")
    .group(Group::Server)
    .arity(-1)
    .flags(&[ReadOnly, Fast])
    .args(&[integer("version").token("VERSION").optional()]);

/// `LOLWUT [VERSION n] [columns [lines [bastions]]]`; there is one picture for all versions.
fn lolwut(ctx: &mut Ctx<'_>) -> CmdResult {
    let mut numbers = ctx.args.from(1);
    if numbers.is(0, "VERSION") && numbers.len() >= 2 {
        number::parse_i64(numbers.at(1)).ok_or(CmdError::NOT_AN_INTEGER)?;
        numbers = numbers.from(2);
    }
    let wanted = |i: usize, range: std::ops::RangeInclusive<usize>| {
        let given = numbers.get(i).and_then(number::parse_i64)?;
        Some((given.max(0) as usize).clamp(*range.start(), *range.end()))
    };
    let rng = &mut ctx.server.env.rng;
    let bastions = wanted(2, 3..=12).unwrap_or_else(|| rng.usize(4..=8));
    let mut text =
        plan(wanted(0, 1..=COLUMNS_MAX).unwrap_or(COLUMNS), wanted(1, 1..=LINES_MAX).unwrap_or(LINES), bastions, rng.f64() * TAU);
    text.push_str(&format!(
        "\nA redoubt of {bastions} bastions. Redoubt ver. {}, Redis ver. {}\n",
        version::REDOUBT,
        version::REDIS
    ));
    ctx.reply.verbatim(text.as_bytes(), "txt");
    Ok(Flow::Done)
}

fn plan(columns: usize, lines: usize, bastions: usize, turn: f64) -> String {
    let mut text = String::with_capacity((columns + 1) * lines);
    for line in 0..lines {
        for column in 0..columns {
            // Letters are twice as high as wide; -1 to 1 spans the picture.
            let x = (column as f64 + 0.5) / columns as f64 * 2.0 - 1.0;
            let y = (line as f64 + 0.5) / lines as f64 * 2.0 - 1.0;
            text.push(ground(x, y, bastions, turn));
        }
        let end = text.trim_end_matches(' ').len();
        text.truncate(end);
        text.push('\n');
    }
    text
}

fn ground(x: f64, y: f64, bastions: usize, turn: f64) -> char {
    let distance = x.hypot(y);
    let angle = (y.atan2(x) + turn).rem_euclid(TAU);
    // 0 on a bastion's tip, 1 halfway to the next.
    let swing = ((angle * bastions as f64 / TAU).fract() - 0.5).abs() * 2.0;
    let rampart = 0.46 + 0.24 * (1.0 - swing).powi(2);
    let gate = angle < TAU / 2.0 / bastions as f64 + 0.06 && angle > TAU / 2.0 / bastions as f64 - 0.06;
    match distance - rampart {
        _ if gate && distance > 0.12 && distance < 0.95 => '=',
        _ if distance < 0.12 => '@',
        over if over < -0.06 => '.',
        over if over < 0.02 => '#',
        over if over < 0.08 => ' ',
        over if over < 0.2 => '~',
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn every_plan_has_walls_and_a_moat() {
        for bastions in 3..=12 {
            let text = plan(COLUMNS, LINES, bastions, 1.0);
            assert_eq!(text.lines().count(), LINES);
            assert!("#~.@=".chars().all(|c| text.contains(c)), "{text}");
        }
    }

    #[test]
    fn versions_and_sizes() {
        let mut session = Session::new();
        assert!(session.run("lolwut").contains("Redis ver. "));
        assert!(session.run("lolwut version 6 10 5").contains("Redis ver. "));
        assert!(session.run("lolwut version 5 9223372036854775807 -1 x").len() < 1000);
        assert_eq!(session.run("lolwut version x"), "-ERR value is not an integer or out of range\r\n");
    }
}
