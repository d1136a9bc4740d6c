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
        b"TIME" => alike,
        b"MEMORY" => alike,
        b"CLIENT" if word(args, 1) == b"ID" => alike,
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

/// Whether two replies differ only in how many digits a double has: before 7.2 seventeen were printed, now as
/// few as tell it from its neighbours.
pub fn same_but_for_digits(oracle: &Value, subject: &Value) -> bool {
    match (oracle, subject) {
        (Value::Array(one), Value::Array(other)) | (Value::Set(one), Value::Set(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_but_for_digits(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| same_but_for_digits(&one.0, &other.0) && same_but_for_digits(&one.1, &other.1))
        }
        (Value::Bulk(one), Value::Bulk(other)) | (Value::Double(one), Value::Double(other)) if one != other => {
            let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            one.len() >= 16 && number(one).is_some() && number(one) == number(other)
        }
        _ => oracle == subject,
    }
}

/// A difference between versions, and why it is none of ours.
struct Excuse {
    /// The first version of the oracle that has today's behaviour.
    before: (u32, u32),
    /// Shown by `REDOUBT_DIFF_EXPLAIN`.
    reason: &'static str,
    applies: fn(&Exchange<'_>) -> bool,
}

const EXCUSES: &[Excuse] = &[];

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
