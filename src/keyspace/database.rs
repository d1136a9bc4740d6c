//! One numbered database: its keys, the index of those that expire, and the histogram of their sizes.
//!
//! The expiry of a key lies in its entry; the index (a tree of `(when, hash)`) holds it a second time so that the
//! keys that are due can be found in order, and it holds nothing else: the hash leads back to the entry, wherever
//! that has moved. Keys with fields that expire are in a second index, by the field that is due first.
//! What always holds: a key has an expiry in its entry exactly when the index has its pair, and its value elements that
//! expire exactly when the second one has; the histogram counts every key once, by type and size.

use super::entry::Entry;
use super::table::{Loc, Table};
use super::value::{Ref, Type, Typed, Value};
use crate::encoding::tree::Tree;
use crate::sys::defrag::Mover;
use crate::util::hash::hash;

/// How many keys of each type have a size in each power of two: `[type][bits of the size]`.
#[derive(Clone)]
pub struct KeySizes([[u64; 65]; Type::ALL.len()]);

impl Default for KeySizes {
    fn default() -> Self {
        KeySizes([[0; 65]; Type::ALL.len()])
    }
}

impl KeySizes {
    #[inline]
    fn bin(size: usize) -> usize {
        (usize::BITS - size.leading_zeros()) as usize
    }

    #[inline]
    fn add(&mut self, kind: Type, size: usize) {
        self.0[kind as usize][Self::bin(size)] += 1;
    }

    #[inline]
    fn remove(&mut self, kind: Type, size: usize) {
        let count = &mut self.0[kind as usize][Self::bin(size)];
        debug_assert!(*count > 0);
        *count = count.wrapping_sub(1);
    }

    #[inline]
    fn moved(&mut self, kind: Type, from: usize, to: usize) {
        if Self::bin(from) != Self::bin(to) {
            self.remove(kind, from);
            self.add(kind, to);
        }
    }

    /// The counts for sizes of 0, 1, 2-3, 4-7, … of one type.
    pub fn of(&self, kind: Type) -> &[u64] {
        &self.0[kind as usize]
    }
}

/// A numbered database.
#[derive(Default)]
pub struct Database {
    table: Table<Entry>,
    expiries: Tree<u64, u64>,
    elem_expiries: Tree<u64, u64>,
    sizes: KeySizes,
}

/// A collection lent out to be changed: when the loan ends, the size histogram is told of the new size, and the index of
/// elements that expire of a change there.
pub struct Mut<'a, T: Typed> {
    value: &'a mut T,
    size_before: usize,
    expiry_before_ms: Option<u64>,
    hash: u64,
    sizes: &'a mut KeySizes,
    elem_expiries: &'a mut Tree<u64, u64>,
}

impl<T: Typed> std::ops::Deref for Mut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: Typed> std::ops::DerefMut for Mut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.value
    }
}

impl<T: Typed> Drop for Mut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.sizes.moved(T::TYPE, self.size_before, self.value.size());
        let expiry_ms = self.value.next_expiry_ms();
        if self.expiry_before_ms != expiry_ms {
            reindex(self.elem_expiries, self.hash, self.expiry_before_ms, expiry_ms);
        }
    }
}

/// Changes the moment under which an index has a hash.
fn reindex(index: &mut Tree<u64, u64>, hash: u64, before_ms: Option<u64>, after_ms: Option<u64>) {
    if before_ms == after_ms {
        return;
    }
    if let Some(when_ms) = before_ms {
        let removed = index.remove(when_ms, |other| other.cmp(&hash));
        debug_assert!(removed.is_some());
    }
    if let Some(when_ms) = after_ms {
        index.insert(when_ms, hash, |other| other.cmp(&hash));
    }
}

impl Database {
    pub fn new() -> Self {
        Database::default()
    }

    /// Number of keys.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys with an expiry.
    pub fn expiring_len(&self) -> usize {
        self.expiries.len()
    }

    /// The sizes' histogram.
    pub fn sizes(&self) -> &KeySizes {
        &self.sizes
    }

    /// The table, for walks, samples and figures.
    pub fn table(&self) -> &Table<Entry> {
        &self.table
    }

    /// Where the key is. The place holds until the table next changes.
    #[inline]
    pub fn locate(&self, hash: u64, key: &[u8]) -> Option<Loc> {
        self.table.locate(hash, key)
    }

    /// The entry at a place that `locate` has just given.
    #[inline]
    pub fn at(&self, loc: Loc) -> &Entry {
        self.table.at(loc)
    }

    /// As `at`, to be changed; its expiry and its size must not be.
    #[inline]
    pub fn at_mut(&mut self, loc: Loc) -> &mut Entry {
        self.table.at_mut(loc)
    }

    /// The collection at a place, if it is of type `T`.
    #[inline]
    pub fn lend<T: Typed>(&mut self, hash: u64, loc: Loc) -> Option<Mut<'_, T>> {
        let value = T::of_mut(self.table.at_mut(loc).value_mut())?;
        let (size_before, expiry_before_ms) = (value.size(), value.next_expiry_ms());
        let (sizes, elem_expiries) = (&mut self.sizes, &mut self.elem_expiries);
        Some(Mut { size_before, expiry_before_ms, hash, value, sizes, elem_expiries })
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert(&mut self, hash: u64, entry: Entry) -> Loc {
        self.sizes.add(entry.kind(), entry.value().size());
        if let Some(when) = entry.expiry_ms() {
            self.index(when, hash);
        }
        reindex(&mut self.elem_expiries, hash, None, entry.value().next_expiry_ms());
        self.table.insert_unique(hash, entry)
    }

    /// Puts another entry of the same key at a place; returns the old one.
    pub fn replace(&mut self, hash: u64, loc: Loc, entry: Entry) -> Entry {
        self.sizes.add(entry.kind(), entry.value().size());
        let new_expiry = entry.expiry_ms();
        let new_elem_expiry = entry.value().next_expiry_ms();
        let old = self.table.replace(loc, entry);
        reindex(&mut self.elem_expiries, hash, old.value().next_expiry_ms(), new_elem_expiry);
        self.sizes.remove(old.kind(), old.value().size());
        let old_expiry = old.expiry_ms();
        if old_expiry != new_expiry {
            if let Some(when) = old_expiry {
                self.unindex(when, hash);
            }
            if let Some(when) = new_expiry {
                self.index(when, hash);
            }
        }
        old
    }

    /// Takes the entry at a place out.
    pub fn remove(&mut self, hash: u64, loc: Loc) -> Entry {
        let entry = self.table.remove_at(loc);
        self.sizes.remove(entry.kind(), entry.value().size());
        if let Some(when) = entry.expiry_ms() {
            self.unindex(when, hash);
        }
        reindex(&mut self.elem_expiries, hash, entry.value().next_expiry_ms(), None);
        entry
    }

    /// Changes the string at a place as `change` says, keeping the histogram true.
    pub fn change_string<R>(&mut self, loc: Loc, change: impl FnOnce(&mut Entry) -> R) -> R {
        let entry = self.table.at_mut(loc);
        let before = entry.value().size();
        let result = change(entry);
        let after = entry.value().size();
        self.sizes.moved(Type::String, before, after);
        result
    }

    /// Gives the key at a place an expiry, or takes it away. Afterwards the entry may lie elsewhere.
    pub fn set_expiry(&mut self, hash: u64, loc: Loc, expiry_ms: Option<u64>) {
        let entry = self.table.at_mut(loc);
        let old = entry.expiry_ms();
        if old == expiry_ms {
            return;
        }
        let moved_in_place = expiry_ms.is_some_and(|when| entry.try_set_expiry(when));
        if !moved_in_place {
            self.table.rebuild(loc, |entry| entry.with_expiry(expiry_ms));
        }
        if let Some(when) = old {
            self.unindex(when, hash);
        }
        if let Some(when) = expiry_ms {
            self.index(when, hash);
        }
    }

    fn index(&mut self, when_ms: u64, hash: u64) {
        reindex(&mut self.expiries, hash, None, Some(when_ms));
    }

    fn unindex(&mut self, when_ms: u64, hash: u64) {
        reindex(&mut self.expiries, hash, Some(when_ms), None);
    }

    /// The key that expires first: when, and its hash.
    pub fn first_expiry(&self) -> Option<(u64, u64)> {
        self.expiries.first()
    }

    /// The key with the element that expires first: when, and the key's hash.
    pub fn first_elem_expiry(&self) -> Option<(u64, u64)> {
        self.elem_expiries.first()
    }

    /// Number of keys with elements that expire.
    pub fn elem_expiring_len(&self) -> usize {
        self.elem_expiries.len()
    }

    /// The entry whose key has this hash and whose first element expires then.
    pub fn locate_elem_expiring(&self, when_ms: u64, hash: u64) -> Option<Loc> {
        self.table.locate_by(hash, |entry| entry.value().next_expiry_ms() == Some(when_ms) && self::hash(entry.key()) == hash)
    }

    /// The pair at this rank of the expiry index.
    pub fn expiry_at(&self, rank: usize) -> Option<(u64, u64)> {
        self.expiries.get(rank)
    }

    /// The entry whose key has this hash and expires then. (The table compares some bits of a hash; another key that
    /// expires then may share those.)
    pub fn locate_expiring(&self, when_ms: u64, hash: u64) -> Option<Loc> {
        self.table.locate_by(hash, |entry| entry.expiry_ms() == Some(when_ms) && self::hash(entry.key()) == hash)
    }

    /// Empties the database; what was in it is returned, to be dropped where it disturbs nobody.
    pub fn take_all(&mut self) -> Database {
        let content = std::mem::take(self);
        self.table.set_frozen(content.table.is_frozen());
        content
    }

    /// Lets `each` move the entries of the next bucket; see [`Table::defrag`].
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover, each: impl FnMut(&mut Entry, &mut Mover)) -> u64 {
        self.table.defrag(cursor, mover, each)
    }

    /// Moves a part of a key's collection; see [`Entry::defrag_value`]. 0 too when there is no such key.
    pub fn defrag_value(&mut self, key: &[u8], cursor: u64, mover: &mut Mover) -> u64 {
        self.table.find_mut(hash(key), key).map_or(0, |entry| entry.defrag_value(cursor, mover))
    }

    /// Moves a leaf of the expiry index; see [`Tree::defrag`].
    pub fn defrag_expiries(&mut self, rank: u64, mover: &mut Mover) -> u64 {
        self.expiries.defrag(usize::try_from(rank).unwrap_or(usize::MAX), mover) as u64
    }

    /// The same of the index of elements.
    pub fn defrag_elem_expiries(&mut self, rank: u64, mover: &mut Mover) -> u64 {
        self.elem_expiries.defrag(usize::try_from(rank).unwrap_or(usize::MAX), mover) as u64
    }

    /// Heap bytes of table and index, beside the entries.
    pub fn overhead_bytes(&self) -> (usize, usize) {
        (self.table.mem_bytes(), self.expiries.mem_bytes() + self.elem_expiries.mem_bytes())
    }

    /// All entries, in hash order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// Forbids moves that can wait, while a forked child shares the memory.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.table.set_frozen(frozen);
    }

    /// Brings the bucket of `hash` closer.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Brings the entry of `hash` closer, once its bucket is there.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.table.prefetch_item(hash);
    }
}

/// The string in an entry, as text: integers get their digits written.
pub fn string_bytes<'a>(value: Ref<'a>, digits: &'a mut itoa::Buffer) -> Option<&'a [u8]> {
    match value {
        Ref::Int(n) => Some(digits.format(n).as_bytes()),
        Ref::Str { bytes, .. } => Some(bytes),
        _ => None,
    }
}

/// An entry's value when its whole content is to be dropped: the number of elements to free one by one.
pub fn free_effort(value: &Value) -> usize {
    match value {
        Value::Int(_) | Value::Str { .. } | Value::Big(_) => 1,
        Value::List(list) => list.node_count(),
        Value::Set(set) => set.len(),
        Value::Zset(zset) => zset.len(),
        Value::Hash(hash) => hash.len(),
        Value::Stream(stream) => stream.free_effort(),
    }
}
