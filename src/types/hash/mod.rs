//! The hash: fields with values.
//!
//! | encoding | what | while |
//! |---|---|---|
//! | `listpack` | field, value, field, value, … | no more than `entries` fields, and nothing longer than `value_bytes` |
//! | `hashtable` | [`Items`]: a table of one block per field and value | otherwise |
//!
//! What always holds: a field is in it once; a hash leaves the listpack when an addition breaks the limits passed with
//! it, and returns only by [`Hash::pack`].

mod iter;
#[cfg(test)]
mod tests;

use super::item::{Field, Name};
use super::items::{Items, all_distinct, select};
use crate::encoding::listpack::{Elem, Listpack, Pos};
use crate::keyspace::table::Stats;
use crate::sys::defrag::Mover;
pub use iter::Iter;

/// The largest hash that stays a listpack.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most fields.
    pub entries: usize,
    /// Longest field or value, in bytes.
    pub value_bytes: usize,
}

/// A hash.
#[derive(Clone)]
pub struct Hash(Repr);

#[derive(Clone)]
enum Repr {
    Listpack(Listpack),
    Table(Box<Items<true>>),
}

impl Default for Hash {
    fn default() -> Hash {
        Hash(Repr::Listpack(Listpack::new()))
    }
}

impl Hash {
    /// Takes over a listpack from a file or a peer; `None` unless it holds field, value, …; with no field twice, as far as
    /// that is looked at: when `distinct` is to be checked, or when there are too many for a listpack.
    pub fn from_listpack(list: Listpack, limits: &Limits, distinct: bool) -> Option<Hash> {
        let len = list.len();
        if !len.is_multiple_of(2) || distinct && !all_distinct(list.tuples().map(|[field, _]| field)) {
            return None;
        }
        let mut hash = Hash(Repr::Listpack(list));
        if len / 2 > limits.entries && hash.unpack().len() != len / 2 {
            return None;
        }
        Some(hash)
    }

    /// The listpack, when that is the encoding.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Repr::Listpack(list) => Some(list),
            Repr::Table(_) => None,
        }
    }

    /// Number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Listpack(list) => list.len() / 2,
            Repr::Table(items) => items.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Listpack(list) => list.is_empty(),
            Repr::Table(items) => items.is_empty(),
        }
    }

    /// The encoding's name, as OBJECT ENCODING reports it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Listpack(_) => "listpack",
            Repr::Table(_) => "hashtable",
        }
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        match &self.0 {
            Repr::Listpack(list) => list.alloc_bytes(),
            Repr::Table(items) => size_of::<Items<true>>() + items.mem_bytes(),
        }
    }

    /// Moves a part of what it is made of, beginning with 0; returns where to go on, 0 at the end. The cursor holds whatever
    /// changes in between.
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        match &mut self.0 {
            Repr::Listpack(list) => {
                list.defrag(mover);
                0
            }
            Repr::Table(items) => {
                if cursor == 0 {
                    mover.boxed(items);
                }
                items.defrag(cursor, mover)
            }
        }
    }

    /// The table's shape, if the encoding is `hashtable`.
    pub fn table_stats(&self) -> Option<Stats> {
        match &self.0 {
            Repr::Listpack(_) => None,
            Repr::Table(items) => Some(items.stats()),
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Elem<'_>> {
        match &self.0 {
            Repr::Listpack(list) => list.get(list.next(find(list, field)?)?),
            Repr::Table(items) => Some(Elem::Bytes(items.find(&Name::new(field))?.value())),
        }
    }

    /// Whether the field is there.
    #[inline]
    pub fn contains(&self, field: &[u8]) -> bool {
        match &self.0 {
            Repr::Listpack(list) => find(list, field).is_some(),
            Repr::Table(items) => items.find(&Name::new(field)).is_some(),
        }
    }

    /// Says that `count` fields are about to be set, the longest word among fields and values being `longest` bytes and
    /// all of them together `total`: when they do not fit a listpack, the hash is converted at once.
    #[inline]
    pub fn expect(&mut self, count: usize, longest: usize, total: usize, limits: &Limits) {
        if let Repr::Listpack(list) = &self.0
            && (count > limits.entries || longest > limits.value_bytes || !list.fits(total))
        {
            self.unpack();
        }
    }

    /// Gives a field a value; answers whether the field is new.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        match &mut self.0 {
            Repr::Table(items) => items.set(&Name::new(field), value),
            Repr::Listpack(_) => self.set_packed(field, value, limits),
        }
    }

    fn set_packed(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        if let Repr::Listpack(list) = &mut self.0
            && field.len().max(value.len()) <= limits.value_bytes
            && list.fits(field.len() + value.len())
        {
            if let Some(pos) = find(list, field).and_then(|pos| list.next(pos)) {
                if list.replace(pos, value).is_ok() {
                    return false;
                }
            } else if list.extend([Elem::Bytes(field), Elem::Bytes(value)]).is_ok() {
                if list.len() > limits.entries.saturating_mul(2) {
                    self.unpack();
                }
                return true;
            }
        }
        self.unpack().set(&Name::new(field), value)
    }

    /// Removes a field; answers whether it was there.
    #[inline]
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Repr::Listpack(list) => {
                let found = find(list, field);
                if let Some(pos) = found {
                    list.delete_range(pos, 2);
                }
                found.is_some()
            }
            Repr::Table(items) => items.remove(&Name::new(field)).is_some(),
        }
    }

    /// One of the fields with its value, each with the same probability.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<(Elem<'_>, Elem<'_>)> {
        match &self.0 {
            Repr::Listpack(list) => match self.len() {
                0 => None,
                len => {
                    let mut walk = list.iter_from(list.seek(2 * rng.usize(..len) as i64)?);
                    Some((walk.next()?, walk.next()?))
                }
            },
            Repr::Table(items) => items.random(rng).map(pair),
        }
    }

    /// Visits `count` different fields, or all when there are not so many; each choice has the same probability. The
    /// order of the visits is not random.
    pub fn sample<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut each: impl FnMut((Elem<'a>, Elem<'a>))) {
        match &self.0 {
            Repr::Listpack(_) => select(rng, self.len(), count, self.iter(), each),
            Repr::Table(items) => items.sample(rng, count, |item| each(pair(item))),
        }
    }

    /// Visits some fields from `cursor` on and answers the cursor of the next call, 0 at the end. From the first call
    /// with 0 to the last every field is visited that is there throughout; a listpack is visited whole by one call.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut((Elem<'a>, Elem<'a>))) -> u64 {
        match &self.0 {
            Repr::Listpack(_) => {
                self.iter().for_each(visit);
                0
            }
            Repr::Table(items) => items.scan(cursor, |item| visit(pair(item))),
        }
    }

    /// All fields with their values: in the order they came in a listpack, in no order otherwise.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Repr::Listpack(list) => Iter::Listpack(list.tuples()),
            Repr::Table(items) => Iter::Table(items.iter()),
        }
    }

    /// Converts back to `listpack` if the hash is within the limits.
    pub fn pack(&mut self, limits: &Limits) {
        let Repr::Table(items) = &self.0 else { return };
        if items.len() > limits.entries {
            return;
        }
        let mut list = Listpack::new();
        for (field, value) in self.iter() {
            let (field_bytes, value_bytes) = (field.text_bytes(), value.text_bytes());
            if field_bytes.max(value_bytes) > limits.value_bytes
                || !list.fits(field_bytes + value_bytes)
                || list.extend([field, value]).is_err()
            {
                return;
            }
        }
        self.0 = Repr::Listpack(list);
    }

    /// Converts to `hashtable`, unless it is one.
    fn unpack(&mut self) -> &mut Items<true> {
        if let Repr::Listpack(list) = &self.0 {
            let mut items: Box<Items<true>> = Box::default();
            for [field, value] in list.tuples() {
                items.set(&Name::of(field), value.text(&mut itoa::Buffer::new()));
            }
            self.0 = Repr::Table(items);
        }
        match &mut self.0 {
            Repr::Table(items) => items,
            Repr::Listpack(_) => unreachable!("just converted"),
        }
    }
}

#[inline]
fn pair(item: &Field) -> (Elem<'_>, Elem<'_>) {
    let (field, value) = item.pair();
    (field, Elem::Bytes(value))
}

#[inline]
fn find(list: &Listpack, field: &[u8]) -> Option<Pos> {
    list.find(field, list.first()?, 1)
}
