//! Would what the clients do work in a cluster, too? `cluster-compatibility-sample-ratio` per cent of the commands
//! are looked at, and those that would not are counted.
//!
//! A cluster has one database, and all keys of a command, or of a whole transaction, lie in one slot.

use crate::commands::keys::sort::options::Options;
use crate::dispatch::keyspec;
use crate::dispatch::table::Cmd;
use crate::net::ClientId;
use crate::resp::Args;
use crate::script::shebang::ScriptFlags;
use crate::server::Server;
use crate::util::crc16::key_slot;
use crate::util::number::parse_i64;

/// The slot that the keys seen so far lie in.
#[derive(Clone, Default)]
pub struct OneSlot(Option<u16>);

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
            self.scripts.sampled = None;
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
        let fits = fits_cluster(cmd, args, db, &mut slot) && queued.all(|(cmd, args)| fits_cluster(cmd, args, db, &mut slot));
        self.stats.cluster_incompatible += u64::from(!fits);
        self.scripts.sampled = fits.then_some(slot);
    }

    /// The same of a script that a command which is looked at has begun.
    pub fn sample_script(&mut self, flags: ScriptFlags) {
        if flags.contains(ScriptFlags::NO_CLUSTER) && self.scripts.sampled.take().is_some() {
            self.stats.cluster_incompatible += 1;
        }
    }

    /// The same of a command that such a script calls. A script counts once.
    pub fn sample_call(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>, flags: ScriptFlags) {
        let Some(mut slot) = self.scripts.sampled.clone() else { return };
        // Where a script may use several slots, each of its commands may not.
        let one = !flags.intersects(ScriptFlags::ALLOW_CROSS_SLOT_KEYS | ScriptFlags::UNDECLARED);
        if !one {
            slot = OneSlot::default();
        }
        let db = self.clients.get(id).map_or(0, |client| client.db as usize);
        if !fits_cluster(cmd, args, db, &mut slot) {
            self.stats.cluster_incompatible += 1;
            self.scripts.sampled = None;
        } else if one {
            self.scripts.sampled = Some(slot);
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
        for (script, keys, counts) in [
            ("#!lua flags=no-cluster\nreturn 1", &[][..], 1),
            ("#!lua\nreturn 1", &[], 0),
            ("#!lua\nredis.call('mset', KEYS[1], 0, KEYS[2], 0)", &["foo", "bar"], 1),
            ("#!lua\nredis.call('mset', 'foo', 0, 'bar', 0)", &[], 1),
            ("#!lua\nredis.call('set', 'foo', 0) redis.call('set', 'bar', 0)", &[], 1),
            ("#!lua flags=allow-cross-slot-keys\nredis.call('set', 'foo', 0) redis.call('set', 'bar', 0)", &[], 0),
            ("redis.call('set', 'foo', 0) redis.call('set', 'bar', 0)", &[], 0),
        ] {
            let before = s.server.stats.cluster_incompatible;
            let count = keys.len().to_string();
            let words = [&["EVAL", script, &count][..], keys].concat();
            s.run_args(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
            assert_eq!(s.server.stats.cluster_incompatible - before, counts, "{script}");
        }
        let before = s.server.stats.cluster_incompatible;
        s.server.env.config.cluster_compatibility_sample_ratio_percent = 0;
        s.server.configured();
        s.run("MSET foo 1 bar 2");
        assert_eq!(s.server.stats.cluster_incompatible, before);
        assert!(!s.run("INFO stats").contains("cluster_incompatible_ops"));
    }
}
