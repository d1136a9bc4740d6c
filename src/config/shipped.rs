//! Holds the shipped `redis.conf` to the table: what it names exists, what it shows is the default, and nothing that works
//! is missing from it.
//!
//! In that file `name value` is in force, `#name value` is an example of something unset by default, and `# text` or a row
//! of hashes explains.

use super::fields::Config;
use super::file::{load, tests::Paper};
use super::param::{Flags, Param};
use super::params;
use super::rewrite::OTHER_DIRECTIVES;
use crate::util::quote;
use std::collections::BTreeSet;

const SHIPPED: &str = include_str!("../../redis.conf");

/// Where the file is stricter than the default, and says so.
const STRICTER: [&str; 1] = ["bind"];

/// Prefixes of what tunes parts that are not in this build, and needs no explanation before they are.
const UNEXPLAINED: [&str; 26] = [
    "acl-",
    "acllog-",
    "aof-",
    "append",
    "auto-aof-",
    "bgsave-",
    "busy-reply-",
    "cluster-",
    "crash-memcheck-",
    "dbfilename",
    "masterauth",
    "masteruser",
    "max-new-tls-",
    "min-replicas-",
    "no-appendfsync-",
    "propagation-",
    "rdb",
    "repl-",
    "replica-",
    "sanitize-",
    "stop-writes-",
    "stream-",
    "tls-",
    "tracking-",
    "aclfile",
    "replicaof",
];

fn active() -> impl Iterator<Item = &'static str> {
    SHIPPED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn examples() -> impl Iterator<Item = &'static str> {
    let is_example = |rest: &&str| rest.starts_with(|first: char| first.is_ascii_lowercase());
    SHIPPED.lines().filter_map(|line| line.strip_prefix('#')).filter(is_example)
}

fn name(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn param(line: &str) -> &'static Param {
    let param = params::all().find(|param| param.name == name(line));
    param.unwrap_or_else(|| panic!("no parameter has the name of: {line}"))
}

fn read(text: &str) -> Config {
    let mut config = Config::default();
    let outcome = load(&mut config, text.as_bytes(), &mut Paper::default());
    outcome.unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error.report(crate::util::version::REDIS))));
    config
}

#[test]
fn it_loads_as_the_defaults() {
    let mut config = read(SHIPPED);
    assert_eq!(config.bind, [&b"127.0.0.1"[..], b"-::1"]);
    config.bind = Config::default().bind;
    assert_eq!(config, Config::default());
}

#[test]
fn every_line_in_force_shows_a_default() {
    for line in active().filter(|line| !STRICTER.contains(&name(line))) {
        param(line);
        assert_eq!(read(line), Config::default(), "{line}");
    }
}

#[test]
fn every_example_is_of_something_unset() {
    for line in examples() {
        if OTHER_DIRECTIVES.contains(&name(line)) {
            if name(line) != "include" {
                read(line);
            }
            continue;
        }
        let param = param(line);
        assert!(param.show(&Config::default()).is_empty(), "{line} has a default");
        assert_ne!(read(line), Config::default(), "{line}");
    }
}

#[test]
fn nothing_that_works_is_missing() {
    let named: BTreeSet<&str> = active().chain(examples()).map(name).collect();
    let is_unexplained = |param: &Param| UNEXPLAINED.iter().any(|prefix| param.name.starts_with(prefix));
    for param in params::all().filter(|param| !param.flags.contains(Flags::HIDDEN)) {
        if !is_unexplained(param) {
            assert!(named.contains(param.name), "{} is not explained", param.name);
        }
    }
}

#[test]
fn its_lines_are_plain() {
    for line in SHIPPED.lines() {
        assert!(line.len() <= 124 && line.trim_end() == line, "{line}");
        assert!(line.starts_with('#') || quote::split_args(line.as_bytes()).is_ok(), "{line}");
    }
}
