//! CONFIG GET: parameters by name or pattern.

use super::fields::Config;
use super::host::has_wildcard;
use super::param::Flags;
use super::params;
use super::values::Text;
use crate::util::glob::{self, Case};

/// Names and values of what `queries` ask for, each name once.
///
/// A query without wildcards names one parameter, hidden ones included, and is echoed as it was spelt. A pattern meets
/// every listed name, aliases included, in any case. Order: queries as they come, within a pattern that of the table;
/// upstream's is that of a hash table and changes with every start.
pub fn get(config: &Config, queries: &[&[u8]]) -> Vec<(Text, Text)> {
    let mut answer: Vec<(Text, Text)> = Vec::new();
    let mut add = |name: &[u8], value: Text| {
        if !answer.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            answer.push((name.to_vec(), value));
        }
    };
    for query in queries {
        if !has_wildcard(query) {
            if let Some(param) = params::find(query) {
                add(query, param.show(config));
            }
            continue;
        }
        for param in params::all().filter(|param| !param.flags.contains(Flags::HIDDEN)) {
            for name in param.names().filter(|name| glob::matches(query, name.as_bytes(), Case::Insensitive)) {
                add(name.as_bytes(), param.show(config));
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(queries: &[&str]) -> Vec<String> {
        let queries: Vec<&[u8]> = queries.iter().map(|query| query.as_bytes()).collect();
        let answer = get(&Config::default(), &queries);
        answer.into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn names_are_echoed_and_patterns_list() {
        assert_eq!(names(&["MaxMemory"]), ["MaxMemory"]);
        assert_eq!(names(&["maxmemory", "MAXMEMORY"]), ["maxmemory"]);
        assert_eq!(names(&["hash-max-ziplist-entries"]), ["hash-max-ziplist-entries"]);
        assert_eq!(names(&["hash-max-*-entries"]), ["hash-max-listpack-entries", "hash-max-ziplist-entries"]);
        assert_eq!(names(&["*of"]), ["replicaof", "slaveof"]);
        assert_eq!(names(&["[m]aXmemory"]), ["maxmemory"]);
        assert_eq!(names(&["server?cpulist"]), ["server-cpulist", "server_cpulist"]);
        assert_eq!(names(&["maxmemory*", "maxmemory"]).iter().filter(|name| *name == "maxmemory").count(), 1);
        assert_eq!(names(&["bind", "port"]), ["bind", "port"]);
        for nothing in ["nosuch", "include", "user", "rename-command", "maxmemor\\y", "maxmemory\\*", "maxmemory\0x", ""] {
            assert!(names(&[nothing]).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn hidden_names_must_be_known() {
        assert_eq!(names(&["key-load-delay"]), ["key-load-delay"]);
        assert!(names(&["key-load*"]).is_empty());
        assert_eq!(names(&["primaryauth"]), ["primaryauth"]);
        assert!(!names(&["*"]).iter().any(|name| name == "primaryauth" || name == "key-load-delay"));
    }

    /// The number of names in the genuine 8.0.6's answer, and the names that are newer.
    #[test]
    fn everything_is_as_much_as_upstream_lists() {
        assert_eq!(names(&["stream-idmp-*"]).len(), 2);
        assert_eq!(names(&["*"]).len(), 203 + 2);
    }
}
