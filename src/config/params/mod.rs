//! The one table of parameters, by area. An entry here is all there is to a parameter besides its field.
//!
//! What always holds (the tests below walk the table): names and aliases are unique, a default reads without error, shows
//! what it read, and survives being written back and read again.

mod cluster;
mod memory;
mod network;
mod observability;
mod persistence;
mod process;
mod replication;
mod tls;

use super::fields::Config;
use super::param::{EnumField, Field, IntField, Kind, Param};
use super::values::Text;

/// Greatest value of the numbers upstream keeps in a C `int`.
const INT_MAX: i64 = i32::MAX as i64;

/// Greatest value of the sizes upstream keeps in a signed 64-bit number.
const BYTES_MAX: u64 = i64::MAX as u64;

static AREAS: [&[Param]; 8] = [
    network::PARAMS,
    process::PARAMS,
    memory::PARAMS,
    observability::PARAMS,
    persistence::PARAMS,
    replication::PARAMS,
    cluster::PARAMS,
    tls::PARAMS,
];

/// Directives upstream once had: a file may still hold them, with one value, and nothing happens.
pub const RETIRED: [&str; 4] =
    ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands", "io-threads-do-reads"];

/// Every parameter, in table order.
pub fn all() -> impl Iterator<Item = &'static Param> {
    AREAS.iter().flat_map(|area| area.iter())
}

/// The parameter called `name`, in any case, aliases included.
pub fn find(name: &[u8]) -> Option<&'static Param> {
    all().find(|param| param.is_called(name))
}

impl Default for Config {
    fn default() -> Config {
        let mut config = Config::blank();
        all().for_each(|param| param.reset(&mut config));
        config
    }
}

const fn boolean(name: &'static str, field: &'static Field<bool>, default: &'static str) -> Param {
    Param::new(name, Kind::Bool(field), default)
}

const fn int(name: &'static str, field: &'static dyn IntField, min: i64, max: i64, default: &'static str) -> Param {
    Param::new(name, Kind::int(field, min, max), default)
}

const fn memory(name: &'static str, field: &'static Field<u64>, min: u64, max: u64, default: &'static str) -> Param {
    Param::new(name, Kind::memory(field, min, max), default)
}

const fn choice(name: &'static str, field: &'static dyn EnumField, default: &'static str) -> Param {
    Param::new(name, Kind::Enum(field), default)
}

const fn optional(name: &'static str, field: &'static Field<Option<Text>>) -> Param {
    Param::new(name, Kind::OptStr(field), "")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::file::{load, tests::Paper};
    use crate::config::param::{Flags, Source};
    use std::collections::HashSet;

    pub fn words(text: &str) -> Vec<&[u8]> {
        text.split(' ').map(str::as_bytes).collect()
    }

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut names = HashSet::new();
        let other = crate::config::rewrite::OTHER_DIRECTIVES.into_iter().chain(RETIRED);
        for name in all().flat_map(|param| param.names().chain(param.valkey.iter().copied())).chain(other) {
            assert!(names.insert(name), "{name} twice");
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }

    #[test]
    fn defaults_read_show_and_read_again() {
        let defaults = Config::default();
        for param in all() {
            let shown = String::from_utf8(param.show(&defaults)).unwrap();
            // A text that is unset is shown as nothing, and nothing unsets it.
            let again = match (&param.kind, shown.as_str()) {
                (Kind::Special(_), shown) if param.flags.contains(Flags::MULTI_ARG) => words(shown),
                (_, shown) => vec![shown.as_bytes()],
            };
            let mut config = defaults.clone();
            param.parse(&mut config, &again, Source::Set).unwrap_or_else(|error| panic!("{}: {error}", param.name));
            assert_eq!(config, defaults, "{}", param.name);
        }
    }

    /// Values of which at least one is not the default.
    pub fn values(param: &Param) -> Vec<String> {
        let texts: &[&str] = match &param.kind {
            Kind::Bool(_) => &["yes", "no"],
            Kind::Int { min, max, .. } => return vec![min.to_string(), max.to_string()],
            Kind::Octal(_) => &["777"],
            Kind::Memory { min, max, .. } => return vec![min.to_string(), max.to_string()],
            Kind::Percent(_) => &["5%"],
            Kind::Str(..) | Kind::OptStr(_) => &["x"],
            Kind::Enum(field) => {
                return field.names().iter().map(|name| name.to_string()).collect();
            }
            Kind::Special(_) => &["1", "1 2", "1 2 3", "normal 1 2 3", "K", "now"],
        };
        texts.iter().map(|text| text.to_string()).collect()
    }

    #[test]
    fn every_field_is_reached_by_one_parameter() {
        let defaults = Config::default();
        for param in all().filter(|param| param.absent.is_none()) {
            let changed = values(param).iter().find_map(|text| {
                let mut config = defaults.clone();
                let read = param.parse(&mut config, &words(text), Source::Set);
                (read.is_ok() && config != defaults).then_some(config)
            });
            let changed = changed.unwrap_or_else(|| panic!("{} changes nothing", param.name));
            for other in all() {
                let same = other.show(&changed) == other.show(&defaults);
                assert_eq!(same, other.name != param.name, "{} and {}", param.name, other.name);
            }
        }
        assert_eq!(Config::FIELD_COUNT, all().count());
    }

    #[test]
    fn numbers_keep_to_their_range() {
        for param in all() {
            if let Kind::Int { min, max, .. } = &param.kind {
                for value in [*min, *max] {
                    let text = value.to_string();
                    let outcome = param.parse(&mut Config::default(), &[text.as_bytes()], Source::Set);
                    assert!(outcome.is_ok() || param.absent.is_some(), "{} {value}: {outcome:?}", param.name);
                }
                for value in [i128::from(*min) - 1, i128::from(*max) + 1] {
                    let text = value.to_string();
                    assert!(
                        param.parse(&mut Config::default(), &[text.as_bytes()], Source::Set).is_err(),
                        "{} {value}",
                        param.name
                    );
                }
            }
        }
    }

    #[test]
    fn secrets_are_marked() {
        let sensitive: Vec<&str> = all().filter(|param| param.flags.contains(Flags::SENSITIVE)).map(|param| param.name).collect();
        assert_eq!(sensitive, ["requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass"]);
    }

    /// Names and values of CONFIG GET * on a genuine 8.0.6 without a configuration file.
    #[test]
    fn defaults_are_upstreams() {
        let config = Config::default();
        for line in include_str!("upstream_defaults.txt").lines() {
            let (name, value) = line.split_once('\t').unwrap();
            let param = find(name.as_bytes()).unwrap_or_else(|| panic!("no {name}"));
            let shown = String::from_utf8(param.show(&config)).unwrap();
            match name {
                // The working directory is taken when the server starts.
                "dir" => assert_ne!(shown, value),
                // Nobody should wait for memory to be freed unless he asks for it, as the other family has it.
                "lazyfree-lazy-server-del" | "lazyfree-lazy-user-del" => assert_eq!(shown, "yes", "{name}"),
                _ => assert_eq!(shown, value, "{name}"),
            }
        }
    }

    #[test]
    fn the_default_configuration_of_upstreams_tests_loads() {
        let text = "always-show-logo yes\nnotify-keyspace-events KEA\ndaemonize no\npidfile /var/run/redis.pid\nport 6379\n\
                    timeout 0\nbind 127.0.0.1\nloglevel verbose\nlogfile ''\ndatabases 16\nlatency-monitor-threshold 1\n\
                    repl-diskless-sync-delay 0\nsave ''\nrdbcompression yes\ndbfilename dump.rdb\nslave-serve-stale-data yes\n\
                    appendonly no\nappendfsync everysec\nno-appendfsync-on-rewrite no\nactiverehashing yes\n\
                    enable-protected-configs yes\nenable-debug-command yes\nenable-module-command yes\n\
                    propagation-error-behavior panic\nshutdown-on-sigterm force\n";
        let mut config = Config::default();
        load(&mut config, text.as_bytes(), &mut Paper::default()).unwrap();
        assert_eq!(config.notify_keyspace_events.letters(), b"AKE");
    }
}
