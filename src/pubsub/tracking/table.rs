//! Which clients have read which keys: a hash index over an array, so that any key can be picked at random.
//!
//! Keys are known by name alone, whatever their database, as clients know them.

use hashbrown::HashTable;

use crate::util::hash::hash;

/// A key, and who has read it.
struct Entry {
    key: Box<[u8]>,
    /// In order.
    clients: Vec<u64>,
}

/// Who has read what.
#[derive(Default)]
pub struct KeyTable {
    index: HashTable<u32>,
    entries: Vec<Entry>,
    items: usize,
}

impl KeyTable {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Number of pairs of key and client.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Remembers that a client has read a key.
    pub fn add(&mut self, key: &[u8], client: u64) {
        let hash = hash(key);
        let entries = &mut self.entries;
        match self.index.find(hash, |&at| *entries[at as usize].key == *key) {
            Some(&at) => {
                let clients = &mut entries[at as usize].clients;
                if let Err(place) = clients.binary_search(&client) {
                    clients.insert(place, client);
                    self.items += 1;
                }
            }
            // More keys than an index can name are not remembered; memory ends long before.
            None if entries.len() < u32::MAX as usize => {
                let at = entries.len() as u32;

                entries.push(Entry { key: key.into(), clients: vec![client] });
                self.index.insert_unique(hash, at, |&at| self::hash(&entries[at as usize].key));
                self.items += 1;
            }
            None => {}
        }
    }

    /// Forgets a key; returns who has read it.
    pub fn remove(&mut self, key: &[u8]) -> Vec<u64> {
        let entries = &self.entries;
        let found = self.index.find_entry(hash(key), |&at| *entries[at as usize].key == *key);
        let Ok(found) = found else { return Vec::new() };
        let (at, _) = found.remove();
        let entry = self.entries.swap_remove(at as usize);
        if let Some(moved) = self.entries.get(at as usize) {
            let was_at = self.entries.len() as u32;
            if let Some(place) = self.index.find_mut(hash(&moved.key), |&other| other == was_at) {
                *place = at;
            }
        }
        self.items -= entry.clients.len();
        entry.clients
    }

    /// Any key, each as likely as another.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&[u8]> {
        if self.is_empty() { None } else { Some(&self.entries[rng.usize(..self.entries.len())].key) }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = KeyTable::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn agrees_with_a_model() {
        let mut rng = fastrand::Rng::with_seed(9);
        let mut table = KeyTable::default();
        let mut model: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for _ in 0..20_000 {
            let key = format!("key:{}", rng.u32(..300));
            if rng.u8(..3) > 0 {
                let client = rng.u64(..10);
                table.add(key.as_bytes(), client);
                model.entry(key).or_default().insert(client);
            } else {
                let clients: Vec<u64> = model.remove(&key).into_iter().flatten().collect();
                assert_eq!(table.remove(key.as_bytes()), clients);
            }
            assert_eq!(table.len(), model.len());
            assert_eq!(table.items(), model.values().map(BTreeSet::len).sum::<usize>());
            if let Some(key) = table.random(&mut rng) {
                assert!(model.contains_key(std::str::from_utf8(key).unwrap()));
            }
        }
        table.clear();
        assert_eq!((table.len(), table.items(), table.random(&mut rng)), (0, 0, None));
    }
}
