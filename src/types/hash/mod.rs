//! The hash: fields with values.
//!
//! | encoding | what | while |
//! |---|---|---|
//! | `listpack` | field, value, field, value, … | no more than `entries` fields, and nothing longer than `value_bytes` |
//! | `listpackex` | [`Expiring`]: the same with times | the same, once a field has got a time |
//! | `hashtable` | [`Items`]: a table of one block per field and value; the times are in the blocks and in an index | otherwise |
//!
//! What always holds: a field is in it once; a hash leaves the listpack when an addition breaks the limits passed with
//! it, and returns only by [`Hash::pack`]. A field that is due stays until somebody removes it: who asks for fields says
//! whether those count.

mod expiring;
mod expiry;
mod iter;
#[cfg(test)]
mod tests;

use super::item::{Field, Name};
use super::items::{Items, all_distinct, select};
use crate::encoding::listpack::{Elem, Listpack, Pos};
use crate::encoding::tree::Tree;
use crate::keyspace::table::Stats;
use crate::sys::defrag::Mover;
use expiring::Expiring;
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
    Expiring(Expiring),
    Table(Box<Fields>),
}

/// The bit of a cursor of [`Hash::defrag`] that says that the rest is a rank of the index; the table's cursors have 48 bits.
const IN_ORDER: u64 = 1 << 63;

/// The fields of a big hash.
#[derive(Default)]
struct Fields {
    items: Items<true>,
    /// When fields expire, and the hashes of their names.
    expiries: Tree<u64, u64>,
}

impl Clone for Fields {
    fn clone(&self) -> Self {
        let items = self.items.clone();
        Fields { items, expiries: Tree::from_sorted(self.expiries.iter()) }
    }
}

impl Fields {
    fn index(&mut self, when_ms: u64, hash: u64) {
        self.expiries.insert(when_ms, hash, |other| other.cmp(&hash));
    }

    /// Moves some items from `cursor` on, and when all are done a leaf of the index; answers where to go on, 0 at the end.
    fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        if cursor & IN_ORDER != 0 {
            return match self.expiries.defrag((cursor & !IN_ORDER) as usize, mover) {
                0 => 0,
                rank => rank as u64 | IN_ORDER,
            };
        }
        match self.items.defrag(cursor, mover) {
            0 if !self.expiries.is_empty() => IN_ORDER,
            next => next,
        }
    }

    fn unindex(&mut self, when_ms: u64, hash: u64) {
        let removed = self.expiries.remove(when_ms, |other| other.cmp(&hash));
        debug_assert!(removed.is_some());
    }

    /// Sets when a field expires; answers when it did before. `None`: no such field.
    fn set_expiry(&mut self, name: &Name<'_>, expiry_ms: Option<u64>) -> Option<Option<u64>> {
        let before = self.items.set_expiry(name, expiry_ms)?;
        if before != expiry_ms {
            before.inspect(|when_ms| self.unindex(*when_ms, name.hash()));
            expiry_ms.inspect(|when_ms| self.index(*when_ms, name.hash()));
        }
        Some(before)
    }

    /// Gives a field a value and no time; answers whether it is new.
    #[inline]
    fn set(&mut self, name: &Name<'_>, value: &[u8]) -> bool {
        let new = self.items.set(name, value);
        if !new && !self.expiries.is_empty() {
            self.set_expiry(name, None);
        }
        new
    }

    fn remove(&mut self, name: &Name<'_>) -> bool {
        let removed = self.items.remove(name);
        if let Some(when_ms) = removed.as_ref().and_then(Field::expiry_ms) {
            self.unindex(when_ms, name.hash());
        }
        removed.is_some()
    }
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
        if len / 2 > limits.entries && hash.unpack().items.len() != len / 2 {
            return None;
        }
        Some(hash)
    }

    /// The listpack, when that is the encoding.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Repr::Listpack(list) => Some(list),
            Repr::Expiring(_) | Repr::Table(_) => None,
        }
    }

    /// Number of fields, those that are due included.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Listpack(list) => list.len() / 2,
            Repr::Expiring(list) => list.len(),
            Repr::Table(fields) => fields.items.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The encoding's name, as OBJECT ENCODING reports it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Listpack(_) => "listpack",
            Repr::Expiring(_) => "listpackex",
            Repr::Table(_) => "hashtable",
        }
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        match &self.0 {
            Repr::Listpack(list) => list.alloc_bytes(),
            Repr::Expiring(list) => list.mem_bytes(),
            Repr::Table(fields) => size_of::<Fields>() + fields.items.mem_bytes() + fields.expiries.mem_bytes(),
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
            Repr::Expiring(expiring) => {
                expiring.defrag(mover);
                0
            }
            Repr::Table(fields) => {
                if cursor == 0 {
                    mover.boxed(fields);
                }
                fields.defrag(cursor, mover)
            }
        }
    }

    /// The table's shape, if the encoding is `hashtable`.
    pub fn table_stats(&self) -> Option<Stats> {
        match &self.0 {
            Repr::Listpack(_) | Repr::Expiring(_) => None,
            Repr::Table(fields) => Some(fields.items.stats()),
        }
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Elem<'_>> {
        match &self.0 {
            Repr::Listpack(list) => list.get(list.next(find(list, field)?)?),
            Repr::Table(fields) => Some(Elem::Bytes(fields.items.find(&Name::new(field))?.value())),
            Repr::Expiring(list) => list.get(field),
        }
    }

    /// Whether the field is there.
    #[inline]
    pub fn contains(&self, field: &[u8]) -> bool {
        match &self.0 {
            Repr::Listpack(list) => find(list, field).is_some(),
            Repr::Expiring(list) => list.get(field).is_some(),
            Repr::Table(fields) => fields.items.find(&Name::new(field)).is_some(),
        }
    }

    /// Says that `count` fields are about to be set, the longest word among fields and values being `longest` bytes and
    /// all of them together `total`: when they do not fit a listpack, the hash is converted at once.
    #[inline]
    pub fn expect(&mut self, count: usize, longest: usize, total: usize, limits: &Limits) {
        let fits = match &self.0 {
            Repr::Table(_) => return,
            Repr::Listpack(list) => list.fits(total),
            Repr::Expiring(list) => list.fits(total),
        };
        if count > limits.entries || longest > limits.value_bytes || !fits {
            self.unpack();
        }
    }

    /// Gives a field a value; answers whether the field is new. If it is not, it does not expire any more.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        match &mut self.0 {
            Repr::Table(fields) => fields.set(&Name::new(field), value),
            Repr::Listpack(_) => self.set_packed(field, value, limits),
            Repr::Expiring(_) => self.set_expiring(field, value, limits),
        }
    }

    #[cold]
    fn set_expiring(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        if let Repr::Expiring(list) = &mut self.0
            && field.len().max(value.len()) <= limits.value_bytes
            && list.fits(field.len() + value.len() + Expiring::TTL_BYTES_MAX)
            && let Ok(new) = list.set(field, value)
        {
            if new && !list.is_within(limits) {
                self.unpack();
            }
            return new;
        }
        self.unpack().set(&Name::new(field), value)
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
            Repr::Expiring(list) => list.remove(field),
            Repr::Table(fields) => fields.remove(&Name::new(field)),
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
            Repr::Expiring(list) => list.random(rng),
            Repr::Table(fields) => fields.items.random(rng).map(pair),
        }
    }

    /// Visits `count` different fields, or all when there are not so many; each choice has the same probability. The
    /// order of the visits is not random.
    pub fn sample<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut each: impl FnMut((Elem<'a>, Elem<'a>))) {
        match &self.0 {
            Repr::Listpack(_) | Repr::Expiring(_) => select(rng, self.len(), count, self.iter(), each),
            Repr::Table(fields) => fields.items.sample(rng, count, |item| each(pair(item))),
        }
    }

    /// Visits some fields from `cursor` on, with when they expire, and answers the cursor of the next call, 0 at the end.
    /// From the first call with 0 to the last every field is visited that is there throughout; a listpack is visited
    /// whole by one call.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut((Elem<'a>, Elem<'a>), Option<u64>)) -> u64 {
        match &self.0 {
            Repr::Listpack(_) => self.iter().for_each(|pair| visit(pair, None)),
            Repr::Expiring(list) => list.iter().for_each(|(field, value, expiry_ms)| visit((field, value), expiry_ms)),
            Repr::Table(fields) => return fields.items.scan(cursor, |item| visit(pair(item), item.expiry_ms())),
        }
        0
    }

    /// All fields with their values: in the order they came in a listpack, in no order otherwise.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Repr::Listpack(list) => Iter::Listpack(list.tuples()),
            Repr::Expiring(list) => Iter::Expiring(list.triples()),
            Repr::Table(fields) => Iter::Table(fields.items.iter()),
        }
    }

    /// Converts back to `listpack` if the hash is within the limits and no field expires.
    pub fn pack(&mut self, limits: &Limits) {
        let Repr::Table(fields) = &self.0 else { return };
        if fields.items.len() > limits.entries || !fields.expiries.is_empty() {
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
    fn unpack(&mut self) -> &mut Fields {
        if !matches!(self.0, Repr::Table(_)) {
            let mut fields: Box<Fields> = Box::default();
            self.scan(0, |(field, value), expiry_ms| {
                let name = Name::of(field);
                fields.items.set(&name, value.text(&mut itoa::Buffer::new()));
                if expiry_ms.is_some() {
                    fields.set_expiry(&name, expiry_ms);
                }
            });
            self.0 = Repr::Table(fields);
        }
        match &mut self.0 {
            Repr::Table(fields) => fields,
            Repr::Listpack(_) | Repr::Expiring(_) => unreachable!("just converted"),
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
