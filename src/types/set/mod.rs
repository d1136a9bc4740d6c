//! The set: members, each once, in no order.
//!
//! | encoding | what | while |
//! |---|---|---|
//! | `intset` | sorted integers | all members are integers and there are no more than `intset_entries` |
//! | `listpack` | the members in a row | no more than `listpack_entries`, none longer than `listpack_value_bytes` |
//! | `hashtable` | [`Items`]: a table of one small block per member | otherwise |
//!
//! Members are [`Elem`]s: an integer is an integer in every encoding, so that a set of numbers is compared, copied and
//! intersected without its digits ever being written.
//!
//! What always holds: a member is in it once; a set goes down this list when an addition breaks the limits passed with
//! it, and up only by [`Set::pack`].

mod iter;
#[cfg(test)]
mod tests;

use super::item::Name;
use super::items::{Items, all_distinct, select};
use crate::encoding::intset::Intset;
use crate::encoding::listpack::{Elem, Listpack, Pos};
use crate::keyspace::table::Stats;
use crate::sys::defrag::Mover;
use crate::util::number::{i64_len, parse_i64};
pub use iter::Iter;

/// The largest sets that stay packed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most members of an intset.
    pub intset_entries: usize,
    /// Most members of a listpack.
    pub listpack_entries: usize,
    /// Longest member in a listpack, in bytes.
    pub listpack_value_bytes: usize,
}

/// A set.
#[derive(Clone)]
pub struct Set(Repr);

#[derive(Clone)]
enum Repr {
    Intset(Intset),
    Listpack(Listpack),
    Table(Box<Items<false>>),
}

impl Default for Set {
    fn default() -> Set {
        Set(Repr::Intset(Intset::new()))
    }
}

impl Set {
    /// Takes over integers from a file or a peer.
    pub fn from_intset(ints: Intset, limits: &Limits) -> Set {
        let mut set = Set(Repr::Intset(ints));
        if set.len() > limits.intset_entries {
            set.unpack();
        }
        set
    }

    /// Takes over a listpack from a file or a peer; `None` if a member is in it twice, as far as that is looked at: when
    /// `distinct` is to be checked, or when there are too many for a listpack.
    pub fn from_listpack(list: Listpack, limits: &Limits, distinct: bool) -> Option<Set> {
        if distinct && !all_distinct(list.iter()) {
            return None;
        }
        let len = list.len();
        let mut set = Set(Repr::Listpack(list));
        if len > limits.listpack_entries && set.unpack().len() != len {
            return None;
        }
        Some(set)
    }

    /// The integers, when that is the encoding.
    pub fn as_intset(&self) -> Option<&Intset> {
        match &self.0 {
            Repr::Intset(ints) => Some(ints),
            _ => None,
        }
    }

    /// The listpack, when that is the encoding.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match &self.0 {
            Repr::Listpack(list) => Some(list),
            _ => None,
        }
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Intset(ints) => ints.len(),
            Repr::Listpack(list) => list.len(),
            Repr::Table(items) => items.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Repr::Intset(ints) => ints.is_empty(),
            Repr::Listpack(list) => list.is_empty(),
            Repr::Table(items) => items.is_empty(),
        }
    }

    /// The encoding's name, as OBJECT ENCODING reports it.
    pub fn encoding(&self) -> &'static str {
        match &self.0 {
            Repr::Intset(_) => "intset",
            Repr::Listpack(_) => "listpack",
            Repr::Table(_) => "hashtable",
        }
    }

    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        match &self.0 {
            Repr::Intset(ints) => ints.alloc_bytes(),
            Repr::Listpack(list) => list.alloc_bytes(),
            Repr::Table(items) => size_of::<Items<false>>() + items.mem_bytes(),
        }
    }

    /// Moves a part of what it is made of, beginning with 0; returns where to go on, 0 at the end. The cursor holds whatever
    /// changes in between.
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        match &mut self.0 {
            Repr::Intset(ints) => ints.defrag(mover),
            Repr::Listpack(list) => list.defrag(mover),
            Repr::Table(items) => {
                if cursor == 0 {
                    mover.boxed(items);
                }
                return items.defrag(cursor, mover);
            }
        }
        0
    }

    /// The table's shape, if the encoding is `hashtable`.
    pub fn table_stats(&self) -> Option<Stats> {
        match &self.0 {
            Repr::Table(items) => Some(items.stats()),
            _ => None,
        }
    }

    /// Whether `member` is in it.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Repr::Intset(ints) => parse_i64(member).is_some_and(|value| ints.contains(value)),
            Repr::Listpack(list) => find(list, member).is_some(),
            Repr::Table(items) => items.find(&Name::new(member)).is_some(),
        }
    }

    /// As [`contains`](Self::contains), for a member that may be looked for in several sets.
    #[inline]
    pub fn contains_probe(&self, probe: &mut Probe<'_>) -> bool {
        match (&self.0, probe.name.elem()) {
            (Repr::Table(items), _) => items.find_hashed(probe.hash(), &probe.name).is_some(),
            (Repr::Intset(ints), Elem::Int(value)) => ints.contains(value),
            (Repr::Intset(_), Elem::Bytes(_)) => false,
            (Repr::Listpack(list), elem) => find(list, elem.text(&mut itoa::Buffer::new())).is_some(),
        }
    }

    /// Says that `count` members are about to be added to an empty set, the first of them being `first`: it takes the
    /// encoding that befits them.
    pub fn expect_first(&mut self, first: &[u8], count: usize, limits: &Limits) {
        debug_assert!(self.is_empty());
        if count <= limits.intset_entries && parse_i64(first).is_some() {
            // As it is by default.
        } else if count <= limits.listpack_entries {
            self.0 = Repr::Listpack(Listpack::new());
        } else {
            self.0 = Repr::Table(Box::default());
        }
    }

    /// Says that `count` members are about to be added: when even they alone would be too many, the set is converted
    /// at once.
    #[inline]
    pub fn expect(&mut self, count: usize, limits: &Limits) {
        let most = match &self.0 {
            Repr::Intset(_) => limits.intset_entries,
            Repr::Listpack(_) => limits.listpack_entries,
            Repr::Table(_) => return,
        };
        if count > most {
            self.unpack();
        }
    }

    /// Adds a member; answers whether it is new.
    #[inline]
    pub fn add(&mut self, member: &[u8], limits: &Limits) -> bool {
        match &mut self.0 {
            Repr::Table(items) => items.add(&Name::new(member)),
            Repr::Intset(_) => self.add_packed(Name::new(member).elem(), limits),
            Repr::Listpack(_) => self.add_packed(Elem::Bytes(member), limits),
        }
    }

    /// As [`add`](Self::add), for a member of another set.
    #[inline]
    pub fn add_elem(&mut self, member: Elem<'_>, limits: &Limits) -> bool {
        match &mut self.0 {
            Repr::Table(items) => items.add(&Name::of(member)),
            Repr::Intset(_) => self.add_packed(Name::of(member).elem(), limits),
            Repr::Listpack(_) => self.add_packed(member, limits),
        }
    }

    /// Adds to an intset (integers come as such) or a listpack.
    fn add_packed(&mut self, member: Elem<'_>, limits: &Limits) -> bool {
        match &mut self.0 {
            Repr::Intset(ints) => {
                if let Elem::Int(value) = member {
                    match ints.add(value) {
                        Ok(false) => return false,
                        Ok(true) => {
                            if ints.len() > limits.intset_entries {
                                self.unpack();
                            }
                            return true;
                        }
                        // 4 GiB of integers: on to the table.
                        Err(_) => {}
                    }
                } else if let Some(list) = spelled_out(ints, member, limits) {
                    self.0 = Repr::Listpack(list);
                    return true;
                }
            }
            Repr::Listpack(list) => {
                let mut digits = itoa::Buffer::new();
                let text = member.text(&mut digits);
                if find(list, text).is_some() {
                    return false;
                }
                if list.len() < limits.listpack_entries
                    && text.len() <= limits.listpack_value_bytes
                    && list.fits(text.len())
                    && list.push_back(member).is_ok()
                {
                    return true;
                }
            }
            Repr::Table(_) => {}
        }
        self.unpack().add(&Name::of(member))
    }

    /// Removes a member; answers whether it was there.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Repr::Intset(ints) => parse_i64(member).is_some_and(|value| ints.remove(value)),
            Repr::Listpack(list) => {
                let found = find(list, member);
                if let Some(pos) = found {
                    list.delete(pos);
                }
                found.is_some()
            }
            Repr::Table(items) => items.remove(&Name::new(member)).is_some(),
        }
    }

    /// One of the members, each with the same probability.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<Elem<'_>> {
        match &self.0 {
            Repr::Intset(ints) => ints.random(rng).map(Elem::Int),
            Repr::Listpack(list) => list.get(random_pos(list, rng)?),
            Repr::Table(items) => items.random(rng).map(|item| item.name()),
        }
    }

    /// Visits `count` different members, or all when there are not so many; each choice has the same probability. The
    /// order of the visits is not random.
    pub fn sample<'a>(&'a self, rng: &mut fastrand::Rng, count: usize, mut each: impl FnMut(Elem<'a>)) {
        match &self.0 {
            Repr::Table(items) => items.sample(rng, count, |item| each(item.name())),
            _ => select(rng, self.len(), count, self.iter(), each),
        }
    }

    /// Shows a random member to `take` and removes it; answers what `take` did, or `None` from an empty set.
    #[inline]
    pub fn pop<R>(&mut self, rng: &mut fastrand::Rng, take: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        match &mut self.0 {
            Repr::Table(items) => items.take_random(rng).map(|item| take(item.name())),
            Repr::Intset(ints) => {
                let index = rng.usize(..ints.len().max(1));
                ints.remove_at(index).map(|value| take(Elem::Int(value)))
            }
            Repr::Listpack(list) => {
                let pos = random_pos(list, rng)?;
                let taken = take(list.get(pos)?);
                list.delete(pos);
                Some(taken)
            }
        }
    }

    /// Shows `count` random members to `take` and removes them, or all when there are not so many.
    pub fn pop_many(&mut self, rng: &mut fastrand::Rng, count: usize, limits: &Limits, mut take: impl FnMut(Elem<'_>)) {
        /// Rather than so many for each that is left, the ones left are taken out, and become the set.
        const TAKEN_PER_LEFT: usize = 5;
        let len = self.len();
        let left = len.saturating_sub(count);
        if left == 0 {
            self.iter().for_each(take);
            *self = Set::default();
        } else if let Repr::Listpack(list) = &mut self.0 {
            let mut positions = Vec::with_capacity(count.min(len));
            let mut walk = list.iter();
            let all = std::iter::from_fn(|| Some((walk.pos()?, walk.next()?)));
            select(rng, len, count, all, |(pos, member)| {
                positions.push(pos);
                take(member);
            });
            list.delete_many(&positions);
        } else if left.saturating_mul(TAKEN_PER_LEFT) > count {
            for _ in 0..count {
                self.pop(rng, &mut take);
            }
        } else {
            let mut rest = Set::default();
            for _ in 0..left {
                self.pop(rng, |member| rest.add_elem(member, limits));
            }
            self.iter().for_each(take);
            *self = rest;
        }
    }

    /// Visits some members from `cursor` on and answers the cursor of the next call, 0 at the end. From the first call
    /// with 0 to the last every member is visited that is there throughout; a packed set is visited whole by one call.
    pub fn scan<'a>(&'a self, cursor: u64, mut visit: impl FnMut(Elem<'a>)) -> u64 {
        match &self.0 {
            Repr::Table(items) => items.scan(cursor, |item| visit(item.name())),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// All members: ascending in an intset, in no order otherwise.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Repr::Intset(ints) => Iter::Intset(ints.iter()),
            Repr::Listpack(list) => Iter::Listpack(list.iter()),
            Repr::Table(items) => Iter::Table(items.iter()),
        }
    }

    /// Converts to the most compact encoding that the limits allow.
    pub fn pack(&mut self, limits: &Limits) {
        let len = self.len();
        if self.as_intset().is_some() || len > limits.intset_entries.max(limits.listpack_entries) {
            return;
        }
        let (mut ints, mut longest) = (true, 0);
        for member in self.iter() {
            ints &= matches!(Name::of(member).elem(), Elem::Int(_));
            longest = longest.max(member.text_bytes());
        }
        let fits = len <= limits.listpack_entries && longest <= limits.listpack_value_bytes;
        if (ints && len <= limits.intset_entries) || (fits && self.as_listpack().is_none()) {
            let mut packed = Set::default();
            for member in self.iter() {
                packed.add_elem(member, limits);
            }
            *self = packed;
        }
    }

    /// Converts to `hashtable`, unless it is one.
    fn unpack(&mut self) -> &mut Items<false> {
        if !matches!(self.0, Repr::Table(_)) {
            let mut items: Box<Items<false>> = Box::default();
            self.iter().for_each(|member| {
                items.add(&Name::of(member));
            });
            self.0 = Repr::Table(items);
        }
        match &mut self.0 {
            Repr::Table(items) => items,
            _ => unreachable!("just converted"),
        }
    }
}

/// A member to be looked for in several sets: it is hashed once at most.
pub struct Probe<'a> {
    name: Name<'a>,
    hash: Option<u64>,
}

impl<'a> Probe<'a> {
    #[inline]
    pub fn new(member: Elem<'a>) -> Probe<'a> {
        Probe { name: Name::of(member), hash: None }
    }

    #[inline]
    fn hash(&mut self) -> u64 {
        *self.hash.get_or_insert_with(|| self.name.hash())
    }
}

#[inline]
fn find(list: &Listpack, member: &[u8]) -> Option<Pos> {
    list.find(member, list.first()?, 0)
}

fn random_pos(list: &Listpack, rng: &mut fastrand::Rng) -> Option<Pos> {
    match list.len() {
        0 => None,
        len => list.seek(rng.usize(..len) as i64),
    }
}

/// The integers and one more member as a listpack, if the limits allow one.
fn spelled_out(ints: &Intset, member: Elem<'_>, limits: &Limits) -> Option<Listpack> {
    let longest = [ints.min(), ints.max()].into_iter().flatten().map(i64_len).max().unwrap_or(0);
    if ints.len() >= limits.listpack_entries || longest.max(member.text_bytes()) > limits.listpack_value_bytes {
        return None;
    }
    let list = Listpack::from_elems(ints.iter().map(Elem::Int).chain([member])).ok()?;
    list.fits(0).then_some(list)
}
