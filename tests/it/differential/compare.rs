//! When two replies count as the same.
//!
//! Most have to be equal byte for byte. Sets have no order, clocks do not tick together, and an oracle older
//! than the version whose behaviour is ours says some things differently: each such difference is a rule here
//! with its reason.

use std::collections::BTreeMap;

use super::generator::{is_random, upper};
use crate::client::Value;

/// What two servers said to the same request.
pub struct Exchange<'a> {
    pub args: &'a [Vec<u8>],
    pub oracle: &'a Value,
    pub subject: &'a Value,
    /// (major, minor) of the oracle.
    pub version: (u32, u32),
    /// Both hold the key in a small encoding, whose order is the order of insertion or of the numbers.
    pub small: bool,
}

/// Whether the replies agree.
pub fn same(exchange: &Exchange<'_>) -> bool {
    let Exchange { args, oracle, subject, .. } = exchange;
    oracle == subject || as_the_command_allows(exchange) || excuse(exchange).is_some() || {
        // A transaction's reply is judged by its parts elsewhere; other nesting only differs by numbers.
        exchange.version < (7, 2) && !is_random(args) && same_but_for_digits(oracle, subject)
    }
}

fn word(args: &[Vec<u8>], at: usize) -> Vec<u8> {
    args.get(at).map(|arg| upper(arg)).unwrap_or_default()
}

fn has(args: &[Vec<u8>], option: &[u8]) -> bool {
    args.iter().skip(1).any(|arg| arg.eq_ignore_ascii_case(option))
}

/// Freedom that every server has with this command.
fn as_the_command_allows(exchange: &Exchange<'_>) -> bool {
    let Exchange { args, oracle, subject, small, .. } = *exchange;
    if oracle.is_error() || subject.is_error() {
        return false;
    }
    let alike = std::mem::discriminant(oracle) == std::mem::discriminant(subject);
    match word(args, 0).as_slice() {
        b"SINTER" | b"SUNION" | b"SDIFF" | b"KEYS" => alike && sorted(oracle) == sorted(subject),
        b"SMEMBERS" | b"HKEYS" | b"HVALS" => !small && alike && sorted(oracle) == sorted(subject),
        b"HGETALL" => !small && alike && pairs(oracle) == pairs(subject),
        // Ties of an alphabetic comparison, and sets taken as they come, have no order.
        b"SORT" | b"SORT_RO" if has(args, b"BY") => alike && (sorted(oracle) == sorted(subject) || has(args, b"LIMIT")),
        b"TTL" | b"EXPIRETIME" => near(oracle, subject, 2),
        b"PTTL" | b"PEXPIRETIME" => near(oracle, subject, 3000),
        b"OBJECT" if word(args, 1) == b"IDLETIME" => near(oracle, subject, 5),
        b"TIME" | b"MEMORY" => alike,
        b"COMMAND" if args.len() == 1 => alike,
        b"CLIENT" if word(args, 1) == b"ID" => alike,
        b"XPENDING" | b"XINFO" => same_but_for_times(oracle, subject),
        b"HELLO" => alike && greeting(oracle) == greeting(subject),
        _ => false,
    }
}

fn near(one: &Value, other: &Value, by: i64) -> bool {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => *one >= 0 && *other >= 0 && one.abs_diff(*other) <= by as u64,
        _ => false,
    }
}

/// Whether two descriptions of streams differ only in when something happened, by a little, and in the nodes of what is one
/// kind of tree there and another here, and some of which upstream keeps when all in them has been deleted and trimmed.
fn same_but_for_times(oracle: &Value, subject: &Value) -> bool {
    const TIMES: [&str; 6] = ["idle", "inactive", "seen-time", "active-time", "radix-tree-nodes", "radix-tree-keys"];
    let close = |one: &Value, other: &Value| one == other || near(one, other, 3000);
    match (oracle, subject) {
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            // A pending entry: id, consumer or not, time, number of deliveries.
            let is_pending = matches!(
                one.as_slice(),
                [Value::Bulk(_), Value::Bulk(_), Value::Int(_), Value::Int(_)] | [Value::Bulk(_), Value::Int(_), Value::Int(_)]
            );
            one.iter().zip(other).enumerate().all(|(at, (a, b))| {
                let is_time =
                    if is_pending { at + 2 == one.len() } else { at > 0 && TIMES.contains(&one[at - 1].text().as_str()) };
                if is_time { close(a, b) } else { same_but_for_times(a, b) }
            })
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(a, b)| {
                    let is_time = TIMES.contains(&a.0.text().as_str());
                    a.0 == b.0 && if is_time { close(&a.1, &b.1) } else { same_but_for_times(&a.1, &b.1) }
                })
        }
        _ => oracle == subject,
    }
}

fn sorted(value: &Value) -> Vec<Value> {
    let mut all = value.elements();
    all.sort();
    all
}

fn pairs(value: &Value) -> BTreeMap<Value, Value> {
    value.elements().chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// What HELLO says that does not depend on the connection or the version.
fn greeting(value: &Value) -> Vec<(String, String)> {
    let all = value.elements();
    let fields = all.chunks_exact(2).map(|pair| {
        let name = pair[0].text();
        let shown = matches!(name.as_str(), "proto" | "mode" | "role");
        let content = if shown { format!("{:?}", pair[1]) } else { String::new() };
        (name, content)
    });
    fields.collect()
}

/// Whether two replies differ only in how a double is printed: before 7.2 with seventeen digits and an exponent
/// when it is long, now with as few digits as tell it from its neighbours.
pub fn same_but_for_digits(oracle: &Value, subject: &Value) -> bool {
    match (oracle, subject) {
        (Value::Array(one), Value::Array(other)) | (Value::Set(one), Value::Set(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_but_for_digits(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| same_but_for_digits(&one.0, &other.0) && same_but_for_digits(&one.1, &other.1))
        }
        (Value::Bulk(one), Value::Bulk(other)) | (Value::Double(one), Value::Double(other)) if one != other => {
            let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            (one.len() >= 16 || one.contains(&b'e')) && number(one).is_some() && number(one) == number(other)
        }
        _ => oracle == subject,
    }
}

/// Whether two replies agree but for the last digits of numbers.
fn same_places(oracle: &Value, subject: &Value) -> bool {
    let number = |value: &Value| value.bytes().and_then(|text| std::str::from_utf8(text).ok()?.parse::<f64>().ok());
    match (oracle, subject) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_places(one, other))
        }
        _ if oracle == subject => true,
        _ => matches!((number(oracle), number(subject)), (Some(one), Some(other)) if (one - other).abs() < 1e-13),
    }
}

/// A difference between versions, and why it is none of ours.
struct Excuse {
    /// The first version of the oracle that has today's behaviour.
    before: (u32, u32),
    /// Why.
    reason: &'static str,
    applies: fn(&Exchange<'_>) -> bool,
}

const EXCUSES: &[Excuse] = &[
    Excuse {
        before: (7, 2),
        reason: "small lists and sets are listpacks now",
        applies: |it| {
            let [oracle, subject] = [it.oracle.text(), it.subject.text()];
            is(it, &[b"OBJECT"]) && ["list", "set"].iter().any(|kind| same_encoding(kind, &oracle, &subject, it.version))
        },
    },
    Excuse {
        before: (8, 0),
        reason: "cursors are read by another function of the C library",
        applies: |it| {
            let at = if is(it, &[b"SCAN"]) { 1 } else { 2 };
            let cursor = it.args.get(at).map(Vec::as_slice).unwrap_or_default();
            is(it, &[b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN"]) && (cursor.is_empty() || !cursor.iter().all(u8::is_ascii_digit))
        },
    },
    Excuse {
        before: (8, 0),
        reason: "the least number is refused where its sign would have to be turned",
        applies: |it| is(it, &[b"LPOS", b"LREM"]) && says(it.subject, "value must between"),
    },
    Excuse {
        before: (8, 0),
        reason: "a negative offset counts as none",
        applies: |it| {
            let offset =
                it.args.windows(2).find(|pair| upper(&pair[0]) == b"LIMIT").is_some_and(|pair| pair[1].starts_with(b"-"));
            offset && word(it.args, 0).starts_with(b"Z") && it.oracle.elements().is_empty()
        },
    },
    Excuse {
        before: (8, 0),
        reason: "places were printed with seventeen digits behind the point",
        applies: |it| word(it.args, 0).starts_with(b"GEO") && same_places(it.oracle, it.subject),
    },
    Excuse {
        before: (7, 2),
        reason: "ranges of bits were looked at only if there was a key",
        applies: |it| is(it, &[b"BITCOUNT", b"BITPOS"]) && it.subject.is_error(),
    },
    Excuse {
        before: (7, 2),
        reason: "COMMAND GETKEYS looked at the number of arguments first",
        applies: |it| is(it, &[b"COMMAND"]) && it.subject.is_error() && says(it.oracle, "wrong number of arguments"),
    },
    Excuse {
        before: (9, 0),
        reason: "redis 8.0 takes an error of an earlier command's number for SORT's own",
        applies: |it| it.version >= (8, 0) && is(it, &[b"SORT", b"SORT_RO"]) && says(it.oracle, "be converted into double"),
    },
];

fn is(exchange: &Exchange<'_>, names: &[&[u8]]) -> bool {
    names.contains(&word(exchange.args, 0).as_slice())
}

/// Whether a reply is an error with these words in it.
fn says(value: &Value, words: &str) -> bool {
    value.is_error() && value.text().contains(words)
}

/// The reason for which a difference does not count, if there is one.
pub fn excuse(exchange: &Exchange<'_>) -> Option<&'static str> {
    let found = EXCUSES.iter().find(|excuse| exchange.version < excuse.before && (excuse.applies)(exchange));
    found.map(|excuse| excuse.reason)
}

/// Whether the encodings of a key agree. Sets have had listpacks since 7.2, and a short list is one listpack
/// since then.
pub fn same_encoding(kind: &str, oracle: &str, subject: &str, version: (u32, u32)) -> bool {
    oracle == subject
        || version < (7, 2)
            && matches!((kind, oracle, subject), ("set", "hashtable", "listpack") | ("list", "quicklist", "listpack"))
}

/// Whether two servers told the same of some requests: events of the oracle, then ours.
pub fn same_events(requests: &[&[Vec<u8>]], events: &[Vec<String>; 2]) -> bool {
    let names: Vec<Vec<u8>> = requests.iter().map(|args| upper(&args[0])).collect();
    // What is drawn at random differs, and how it is looked into afterwards.
    if requests.is_empty() || requests.iter().any(|args| is_random(args)) {
        return true;
    }
    // A set is sorted in the order in which it lies there, and that may be all the order there is.
    if names.iter().any(|name| matches!(name.as_slice(), b"SORT" | b"SORT_RO" | b"EXEC")) {
        return true;
    }
    // Refused before the key is looked for, by the newer of the two only.
    if requests.iter().any(|args| upper(&args[0]) == b"LPOS" && args.iter().any(|arg| arg == b"-9223372036854775808")) {
        return true;
    }
    events[0] == events[1]
}
