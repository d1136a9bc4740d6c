//! Names in a table, whose bytes are counted: what big sets and big hashes are made of.
//!
//! A thin layer over the table: it turns names into hashes, keeps the sum of the items' memory, and samples.

use hashbrown::HashSet;

use super::item::{Field, Item, Member, Name};
use crate::encoding::listpack::Elem;
use crate::keyspace::table::{Iter, Slot, Stats, Table};
use crate::sys::defrag::Mover;

/// A table of [`Item`]s.
pub struct Items<const VALUED: bool> {
    table: Table<Item<VALUED>>,
    /// Bytes of all items' blocks.
    item_bytes: usize,
}

impl<const VALUED: bool> Default for Items<VALUED> {
    fn default() -> Self {
        Items { table: Table::new(), item_bytes: 0 }
    }
}

impl<const VALUED: bool> Items<VALUED> {
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Heap bytes, but for the `Items` themselves.
    pub fn mem_bytes(&self) -> usize {
        self.table.mem_bytes() + self.item_bytes
    }

    /// The table's shape.
    pub fn stats(&self) -> Stats {
        self.table.stats()
    }

    /// The item of that name, whose hash is `hash`.
    #[inline]
    pub fn find_hashed(&self, hash: u64, name: &Name<'_>) -> Option<&Item<VALUED>> {
        self.table.find_by(hash, |item| item.is(name))
    }

    /// The item of that name.
    #[inline]
    pub fn find(&self, name: &Name<'_>) -> Option<&Item<VALUED>> {
        self.find_hashed(name.hash(), name)
    }

    /// Adds an item whose name, of this hash, is not there.
    #[inline]
    fn insert_hashed(&mut self, hash: u64, item: Item<VALUED>) {
        self.item_bytes += item.alloc_bytes();
        self.table.insert_unique(hash, item);
    }

    /// Takes an item out.
    #[inline]
    pub fn remove(&mut self, name: &Name<'_>) -> Option<Item<VALUED>> {
        let item = self.table.remove_by(name.hash(), |item| item.is(name))?;
        self.item_bytes -= item.alloc_bytes();
        Some(item)
    }

    /// One of the items, each with the same probability.
    #[inline]
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&Item<VALUED>> {
        self.table.random(rng)
    }

    /// Takes a random item out.
    pub fn take_random(&mut self, rng: &mut fastrand::Rng) -> Option<Item<VALUED>> {
        let drawn = self.table.random(rng)?;
        let (hash, place) = (drawn.hash(), std::ptr::from_ref(drawn));
        let item = self.table.remove_by(hash, |item| std::ptr::eq(item, place))?;
        self.item_bytes -= item.alloc_bytes();
        Some(item)
    }

    /// Visits `count` different items, or all when there are not so many; each choice has the same probability. The
    /// order of the visits is not random.
    pub fn sample<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut each: impl FnMut(&'a Item<VALUED>)) {
        // A walk costs a few nanoseconds per item, a draw that is to be remembered a hundred or more.
        if count >= self.len() / 16 {
            return select(rng, self.len(), count, self.iter(), each);
        }
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            let Some(item) = self.random(rng) else { return };
            if drawn.insert(std::ptr::from_ref(item).addr()) {
                each(item);
            }
        }
    }

    /// Visits the next few items from `cursor` on; see [`Table::scan`].
    #[inline]
    pub fn scan<'a>(&'a self, cursor: u64, visit: impl FnMut(&'a Item<VALUED>)) -> u64 {
        self.table.scan(cursor, visit)
    }

    /// Moves the next few items from `cursor` on; see [`Table::defrag`].
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        self.table.defrag(cursor, mover, Item::defrag)
    }

    #[inline]
    pub fn iter(&self) -> Iter<'_, Item<VALUED>> {
        self.table.iter()
    }

    /// Empties the table; the items are handed out.
    pub fn drain(&mut self) -> impl Iterator<Item = Item<VALUED>> + use<VALUED> {
        self.item_bytes = 0;
        self.table.drain()
    }
}

impl Items<false> {
    /// Adds a member; answers whether it is new.
    #[inline]
    pub fn add(&mut self, name: &Name<'_>) -> bool {
        let hash = name.hash();
        let new = self.find_hashed(hash, name).is_none();
        if new {
            self.insert_hashed(hash, Member::new(name, b""));
        }
        new
    }
}

impl Items<true> {
    /// Gives a field a value; answers whether the field is new.
    #[inline]
    pub fn set(&mut self, name: &Name<'_>, value: &[u8]) -> bool {
        let hash = name.hash();
        match self.table.locate_by(hash, |item| item.is(name)) {
            Some(loc) => {
                let growth = self.table.at_mut(loc).set_value(value);
                self.item_bytes = self.item_bytes.wrapping_add_signed(growth);
                false
            }
            None => {
                self.insert_hashed(hash, Field::new(name, value));
                true
            }
        }
    }
}

impl Items<true> {
    /// Sets when a field expires, if ever; answers when it was to before. `None`: no such field.
    pub fn set_expiry(&mut self, name: &Name<'_>, expiry_ms: Option<u64>) -> Option<Option<u64>> {
        let loc = self.table.locate_by(name.hash(), |item| item.is(name))?;
        let item = self.table.at_mut(loc);
        let before = item.expiry_ms();
        if before != expiry_ms {
            let growth = item.set_expiry(expiry_ms);
            self.item_bytes = self.item_bytes.wrapping_add_signed(growth);
        }
        Some(before)
    }

    /// A field that expires then, of those whose names have this hash.
    pub fn find_expiring(&self, when_ms: u64, hash: u64) -> Option<&Field> {
        self.table.find_by(hash, |item| item.expiry_ms() == Some(when_ms) && item.hash() == hash)
    }
}

impl<const VALUED: bool> Clone for Items<VALUED> {
    fn clone(&self) -> Self {
        let mut copy = Items::default();
        for item in self.iter() {
            copy.insert_hashed(item.hash(), item.clone());
        }
        copy
    }
}

/// Whether no two elements have the same text. They are compared by hash, under a key nobody knows: two that differ are taken
/// for the same once in 2^64 pairs.
pub fn all_distinct<'e>(elems: impl Iterator<Item = Elem<'e>>) -> bool {
    let mut hashes: Vec<u64> = elems.map(|elem| Name::of(elem).hash()).collect();
    hashes.sort_unstable();
    hashes.windows(2).all(|pair| pair[0] != pair[1])
}

/// Visits `count` of the `len` items that `all` gives, in their order: selection sampling (Knuth's algorithm S), each
/// choice with the same probability.
pub fn select<I: Iterator>(rng: &mut fastrand::Rng, len: usize, count: usize, all: I, mut each: impl FnMut(I::Item)) {
    let mut wanted = count.min(len);
    for (left, item) in (1..=len).rev().zip(all) {
        if wanted == 0 {
            return;
        }
        if rng.usize(..left) < wanted {
            wanted -= 1;
            each(item);
        }
    }
}
