//! INFO: the server's figures, in sections.
//!
//! [`SECTIONS`] is all there is to know of a section: its name, who asks for it, and who writes it. They appear in the
//! table's order, however they were asked for. The writers are in files by what they tell of.

mod clients;
mod commands;
mod keys;
mod memory;
mod parts;
mod process;
mod traffic;

use std::fmt::{Arguments, Display, Write};

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::server::Server;

pub use commands::percentile_name;

pub static INFO: Command = Command::server("INFO", info)
    .summary("Reports the server's state and figures.")
    .since("1.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(-1)
    .flags(&[Loading, Stale])
    .categories(&[Category::Dangerous])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .history(&[("7.0.0", "Takes several sections.")])
    .args(&[string("section").multiple().optional()]);

/// Who gets a section without naming it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// Everybody.
    Always,
    /// Those who ask for `all` or `everything`.
    InAll,
    /// Nobody.
    ByName,
}

struct Section {
    name: &'static str,
    shown: Shown,
    write: fn(&mut Server, &mut Report),
}

const fn section(name: &'static str, shown: Shown, write: fn(&mut Server, &mut Report)) -> Section {
    Section { name, shown, write }
}

static SECTIONS: [Section; 16] = [
    section("Server", Shown::Always, process::server),
    section("Clients", Shown::Always, clients::clients),
    section("Memory", Shown::Always, memory::memory),
    section("Persistence", Shown::Always, parts::persistence),
    section("Threads", Shown::Always, traffic::threads),
    section("Stats", Shown::Always, traffic::stats),
    section("Replication", Shown::Always, parts::replication),
    section("CPU", Shown::Always, process::cpu),
    section("Modules", Shown::Always, parts::modules),
    section("Commandstats", Shown::InAll, commands::command_stats),
    section("Errorstats", Shown::Always, commands::error_stats),
    section("Latencystats", Shown::InAll, commands::latency_stats),
    section("Cluster", Shown::Always, parts::cluster),
    section("Keyspace", Shown::Always, keys::keyspace),
    section("Keysizes", Shown::Always, keys::key_sizes),
    section("Debug", Shown::ByName, traffic::debug),
];

/// The text as it grows.
#[derive(Default)]
pub struct Report {
    text: String,
}

impl Report {
    fn begin(&mut self, section: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        self.line(format_args!("# {section}"));
    }

    fn line(&mut self, line: Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(line);
        self.text.push_str("\r\n");
    }

    fn field(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("{name}:{value}"));
    }

    /// Fields that are 0 because there is nothing yet that they could count.
    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.field(name, 0);
        }
    }

    /// A size in bytes, and again for people.
    fn size(&mut self, name: &str, bytes: usize) {
        self.field(name, bytes);
        self.human(name, bytes);
    }

    /// A size for people.
    fn human(&mut self, name: &str, bytes: usize) {
        self.line(format_args!("{name}_human:{}", crate::util::units::human_bytes(bytes as u64)));
    }
}

/// The sections that these words ask for, as text. Unknown words ask for nothing.
pub fn report<'a>(server: &mut Server, words: impl Iterator<Item = &'a [u8]>) -> String {
    let mut upto = None;
    let mut named = [false; SECTIONS.len()];
    let mut any = false;
    for word in words {
        any = true;
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("all") || is("everything") {
            upto = Some(Shown::InAll);
        } else if is("default") {
            upto = upto.max(Some(Shown::Always));
        } else if let Some(at) = SECTIONS.iter().position(|section| is(section.name)) {
            named[at] = true;
        }
    }
    if !any {
        upto = Some(Shown::Always);
    }
    let mut report = Report::default();
    for (section, named) in SECTIONS.iter().zip(named) {
        if named || upto.is_some_and(|upto| section.shown <= upto) {
            report.begin(section.name);
            (section.write)(server, &mut report);
        }
    }
    report.text
}

fn info(ctx: &mut Ctx<'_>) -> CmdResult {
    let text = report(ctx.server, ctx.args.from(1).iter());
    ctx.reply.verbatim(text.as_bytes(), "txt");
    Ok(Flow::Done)
}

/// `part` of `whole`, or nothing of nothing.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    fn names(text: &str) -> Vec<&str> {
        text.split("\r\n").filter_map(|line| line.strip_prefix("# ")).collect()
    }

    #[test]
    fn sections_come_once_and_in_order() {
        let mut session = Session::new();
        let text = session.run("info keyspace CPU server cpu nosuch");
        assert_eq!(names(&text), ["Server", "CPU", "Keyspace"]);
        let text = session.run("info");
        assert_eq!(names(&text).len(), 13);
        assert!(!text.contains("rejected_calls"));
        assert_eq!(names(&session.run("info default")).len(), 13);
        assert_eq!(names(&session.run("info default all")).len(), 15);
        assert_eq!(names(&session.run("info cpu default everything")).len(), 15);
        assert_eq!(names(&session.run("info default debug")).len(), 14);
        assert_eq!(session.run("info nosuch"), "$0\r\n\r\n");
    }

    #[test]
    fn every_line_is_a_header_a_field_or_empty() {
        let mut session = Session::new();
        session.run("set k v");
        session.run("nosuch");
        let text = session.run("info everything debug");
        let mut fields = hashbrown::HashSet::new();
        for line in text.split("\r\n").skip(1).filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line}"));
            assert!(fields.insert(name.to_owned()), "{name} is there twice");
            assert!(!value.contains("NaN") && !value.contains("inf"), "{line}");
        }
        assert!(fields.contains("cmdstat_set") && fields.contains("errorstat_ERR") && fields.contains("db0"));
    }
}
