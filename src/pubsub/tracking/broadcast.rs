//! Prefixes that clients want to hear of, and the keys below them that have changed in this turn.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::ClientId;

/// Changed keys, in order; and which client changed each last, if one did.
pub type Changed = BTreeMap<Box<[u8]>, Option<ClientId>>;

#[derive(Default)]
struct Prefix {
    clients: BTreeSet<ClientId>,
    changed: Changed,
}

/// All prefixes.
#[derive(Default)]
pub struct Prefixes {
    by_name: BTreeMap<Box<[u8]>, Prefix>,
    /// How many prefixes there are of each length. A key is looked up once for each length, however many prefixes there are.
    lengths: BTreeMap<usize, usize>,
    has_changes: bool,
}

impl Prefixes {
    /// Number of prefixes.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether somebody is to be told of something.
    #[inline]
    pub fn has_changes(&self) -> bool {
        self.has_changes
    }

    /// A client wants to hear of keys below a prefix.
    pub fn add(&mut self, prefix: &[u8], client: ClientId) {
        if !self.by_name.contains_key(prefix) {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        self.by_name.entry(prefix.into()).or_default().clients.insert(client);
    }

    /// A client does not want to any more.
    pub fn remove(&mut self, prefix: &[u8], client: ClientId) {
        let Some(entry) = self.by_name.get_mut(prefix) else { return };
        entry.clients.remove(&client);
        if !entry.clients.is_empty() {
            return;
        }
        self.by_name.remove(prefix);
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
    }

    /// A key has changed, by a client's doing or by itself.
    pub fn changed(&mut self, key: &[u8], by: Option<ClientId>) {
        for (&len, _) in self.lengths.range(..=key.len()) {
            if let Some(prefix) = self.by_name.get_mut(&key[..len]) {
                prefix.changed.insert(key.into(), by);
                self.has_changes = true;
            }
        }
    }

    /// Who is to be told of what, prefix by prefix; it counts as told.
    pub fn take_changes(&mut self) -> Vec<(Vec<ClientId>, Changed)> {
        self.has_changes = false;
        let changed = self.by_name.values_mut().filter(|prefix| !prefix.changed.is_empty());
        changed.map(|prefix| (prefix.clients.iter().copied().collect(), std::mem::take(&mut prefix.changed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_that_fits_and_no_other() {
        let client = |id| ClientId { slot: 0, id };
        let mut prefixes = Prefixes::default();
        for (name, id) in [("", 1), ("a", 2), ("ab", 3), ("b", 4), ("ab", 5)] {
            prefixes.add(name.as_bytes(), client(id));
        }
        prefixes.changed(b"abc", Some(client(9)));
        prefixes.changed(b"abc", None);
        prefixes.changed(b"", None);
        assert!(prefixes.has_changes());
        let told: Vec<_> = prefixes
            .take_changes()
            .into_iter()
            .map(|(clients, changed)| {
                (clients.iter().map(|client| client.id).collect::<Vec<_>>(), changed.len(), changed[&b"abc"[..]])
            })
            .collect();
        assert_eq!(told, [(vec![1], 2, None), (vec![2], 1, None), (vec![3, 5], 1, None)]);
        assert!(!prefixes.has_changes() && prefixes.take_changes().is_empty());
        prefixes.remove(b"ab", client(3));
        assert_eq!(prefixes.len(), 4);
        prefixes.remove(b"ab", client(5));
        prefixes.remove(b"ab", client(5));
        assert_eq!((prefixes.len(), prefixes.lengths.len()), (3, 2));
    }
}
