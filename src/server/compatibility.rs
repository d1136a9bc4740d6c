//! Would what the clients do work in a cluster, too? `cluster-compatibility-sample-ratio` per cent of the commands
//! are looked at, and those that would not are counted.
//!
//! A cluster has one database, and all keys of a command, or of a whole transaction, lie in one slot.

use crate::commands::keys::sort::options::Options;
use crate::dispatch::keyspec;
use crate::dispatch::table::Cmd;
use crate::net::ClientId;
use crate::resp::Args;
use crate::server::Server;
use crate::util::crc16::key_slot;
use crate::util::number::parse_i64;

/// The slot that the keys seen so far lie in.
#[derive(Default)]
struct OneSlot(Option<u16>);

impl OneSlot {
    /// Whether the key lies there, too.
    fn holds(&mut self, key: &[u8]) -> bool {
        let slot = key_slot(key);
        *self.0.get_or_insert(slot) == slot
    }
}

impl Server {
    /// Looks at a command that is about to run for a client, if its turn has come.
    pub fn sample_compatibility(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>) {
        let ratio = self.env.config.cluster_compatibility_sample_ratio_percent;
        if ratio == 0 || self.env.config.cluster_enabled || self.env.rng.u32(..100) >= ratio {
            return;
        }
        let Some(client) = self.clients.get(id) else { return };
        let mut slot = OneSlot::default();
        let db = client.db as usize;
        let queue = match client.extra() {
            Some(extra) if cmd.spec.name == "EXEC" => extra.transaction.queue.as_slice(),
            _ => &[],
        };
        let mut queued = queue.iter().filter_map(|args| Some((self.commands.resolve(args.view())?, args.view())));
        if !fits_cluster(cmd, args, db, &mut slot) || !queued.all(|(cmd, args)| fits_cluster(cmd, args, db, &mut slot)) {
            self.stats.cluster_incompatible += 1;
        }
    }
}

/// Whether a request could run in a cluster, with its keys in the slot of those before it.
fn fits_cluster(cmd: &Cmd, args: Args<'_>, db: usize, slot: &mut OneSlot) -> bool {
    let names_db = |at| args.get(at).and_then(parse_i64).is_some_and(|other| usize::try_from(other) != Ok(db));
    let fits = match cmd.spec.name {
        "SELECT" => args.get(1).and_then(parse_i64).is_none_or(|db| db == 0),
        "SWAPDB" => false,
        "MOVE" => !names_db(2),
        "COPY" => !(3..args.len()).any(|at| args.is(at, "DB") && names_db(at + 1)),
        "SORT" | "SORT_RO" => {
            let read_only = cmd.spec.name == "SORT_RO";
            Options::parse(args, read_only, true).is_ok() || Options::parse(args, read_only, false).is_err()
        }
        _ => true,
    };
    let keys = keyspec::find(cmd.spec.keys, cmd.spec.keys_fn, args).unwrap_or_default();
    fits && keys.iter().all(|key| args.get(key.index).is_none_or(|key| slot.holds(key)))
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn what_a_cluster_would_refuse_is_counted() {
        let mut s = Session::new();
        s.server.env.config.cluster_compatibility_sample_ratio_percent = 100;
        s.server.configured();
        for (line, counts) in [
            ("SELECT 0", 0),
            ("SELECT 1", 1),
            ("SELECT 0", 0),
            ("SWAPDB 0 1", 1),
            ("SET key1 v", 0),
            ("COPY key1 key2{key1}", 0),
            ("COPY key1 key1 DB 1", 1),
            ("COPY key1 key1 DB 0", 0),
            ("MOVE key1 1", 1),
            ("MSET foo 1 bar 2", 1),
            ("MSET {a}foo 1 {a}bar 2", 0),
            ("RPUSH l 1", 0),
            ("SORT l BY w_*", 1),
            ("SORT l BY w{l}_*", 0),
            ("SORT l nonsense", 0),
            ("EXEC", 0),
            ("MULTI", 0),
            ("SET foo 1", 0),
            ("SET bar 1", 0),
            ("EXEC", 1),
        ] {
            let before = s.server.stats.cluster_incompatible;
            s.run(line);
            assert_eq!(s.server.stats.cluster_incompatible - before, counts, "{line}");
        }
        assert!(s.run("INFO stats").contains("cluster_incompatible_ops:7\r\n"));
        s.server.env.config.cluster_compatibility_sample_ratio_percent = 0;
        s.server.configured();
        s.run("MSET foo 1 bar 2");
        assert_eq!(s.server.stats.cluster_incompatible, 7);
        assert!(!s.run("INFO stats").contains("cluster_incompatible_ops"));
    }
}
