//! What INFO tells of keys: how many, and how big.

use super::Report;
use crate::keyspace::Type;
use crate::server::Server;

pub fn keyspace(server: &mut Server, out: &mut Report) {
    for (index, db) in server.dbs.iter().enumerate() {
        if !db.is_empty() || db.expiring_len() > 0 {
            let (keys, expires, ttl) = (db.len(), db.expiring_len(), db.avg_ttl_ms(server.env.now_ms));
            let fields = db.elem_expiring_len();
            out.line(format_args!("db{index}:keys={keys},expires={expires},avg_ttl={ttl},subexpiry={fields}"));
        }
    }
}

pub fn key_sizes(server: &mut Server, out: &mut Report) {
    for (index, db) in server.dbs.iter().enumerate() {
        for kind in Type::ALL {
            let bins = db.sizes().of(kind).iter().enumerate().filter(|(_, count)| **count > 0);
            let bins: Vec<String> = bins.map(|(bits, count)| format!("{}={count}", bin_name(bits))).collect();
            if !bins.is_empty()
                && let Some(name) = histogram_name(kind)
            {
                out.line(format_args!("db{index}_distrib_{name}:{}", bins.join(",")));
            }
        }
    }
}

/// The histogram's name; streams are not shown.
const fn histogram_name(kind: Type) -> Option<&'static str> {
    Some(match kind {
        Type::String => "strings_sizes",
        Type::List => "lists_items",
        Type::Set => "sets_items",
        Type::Zset => "zsets_items",
        Type::Hash => "hashes_items",
        Type::Stream => return None,
    })
}

/// The smallest size of so many bits, as the histogram's label: `0`, `1`, `512`, `4K`, `1M`.
fn bin_name(bits: usize) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    match bits.checked_sub(1) {
        None => "0".to_owned(),
        Some(power) => format!("{}{}", 1u64 << (power % 10), UNITS[(power / 10).min(6)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn bins_are_named_by_their_smallest_size() {
        let names: Vec<String> = [0, 1, 2, 10, 11, 20, 21, 33, 64].into_iter().map(bin_name).collect();
        assert_eq!(names, ["0", "1", "2", "512", "1K", "512K", "1M", "4G", "8E"]);
    }

    #[test]
    fn keys_are_counted_by_database_and_size() {
        let mut session = Session::new();
        session.run("set a ''");
        session.run("set b xyz");
        session.run("setex c 100 v");
        let text = session.run("info keyspace");
        assert!(text.contains("\r\ndb0:keys=3,expires=1,avg_ttl="), "{text}");
        let text = session.run("info keysizes");
        assert!(text.ends_with("# Keysizes\r\ndb0_distrib_strings_sizes:0=1,1=1,2=1\r\n\r\n"), "{text}");
    }
}
