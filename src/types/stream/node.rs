//! One node of a stream: a listpack of up to a hundred entries or so, upstream's layout.
//!
//! ```text
//!  master entry                                     entries
//!  ┌───────┬─────────┬───┬─────────┬─ ─ ─ ┬─────┬───┬────────────────────────────── ─ ─
//!  │ count │ deleted │ n │ field 1 │      │ f n │ 0 │
//!  └───────┴─────────┴───┴─────────┴─ ─ ─ ┴─────┴───┴────────────────────────────── ─ ─
//!  entry with the master's fields (flag 2)
//!  ┌───────┬─────────┬──────────┬─────────┬─ ─ ─ ┬─────────┬───────┐
//!  │ flags │ ms diff │ seq diff │ value 1 │      │ value n │ n + 3 │
//!  └───────┴─────────┴──────────┴─────────┴─ ─ ─ ┴─────────┴───────┘
//!  entry with fields of its own
//!  ┌───────┬─────────┬──────────┬───┬─────────┬─────────┬─ ─ ─ ┬────────┐
//!  │ flags │ ms diff │ seq diff │ m │ field 1 │ value 1 │      │ 2m + 4 │
//!  └───────┴─────────┴──────────┴───┴─────────┴─────────┴─ ─ ─ ┴────────┘
//!  flags: 1 deleted, 2 same fields as the master entry
//!  the last number counts the elements before it, for walks from the end
//! ```
//!
//! `count` entries live, `deleted` ones are marked; differences are to the node's own id, which is that of its first
//! entry and lies beside the listpack. Every read is total: what makes no sense ends the walk. Foreign bytes become a
//! node through [`Node::validated`] only.

use super::id::StreamId;
use crate::encoding::blob::TooLong;
use crate::encoding::listpack::{Elem, Iter, Listpack, Pack, Pos};
use crate::resp::Args;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Some entries of a stream in one block.
#[derive(Clone, Debug)]
pub struct Node {
    /// The id its entries' differences are to.
    pub(super) id: StreamId,
    pub(super) lp: Listpack,
}

/// What the master entry says.
#[derive(Clone)]
pub(super) struct Master<'a> {
    pub(super) count: u64,
    pub(super) deleted: u64,
    field_count: usize,
    /// Stands at the first field.
    fields: Iter<'a>,
    /// Stands at the first entry.
    entries: Iter<'a>,
}

impl Node {
    /// A node that holds one entry.
    ///
    /// # Errors
    /// [`TooLong`] when the entry does not fit a listpack.
    pub(super) fn with_entry(id: StreamId, pairs: Args<'_>) -> Result<Node, TooLong> {
        let mut lp = Listpack::new();
        let mut pack = Pack::<PACK_BYTES>::new();
        let field_count = (pairs.len() / 2) as i64;
        let head = [1, 0, field_count].map(Elem::Int);
        let fields = (0..pairs.len()).step_by(2).map(|at| Elem::Bytes(pairs.at(at)));
        push_all(&mut lp, &mut pack, head.into_iter().chain(fields).chain([Elem::Int(0)]))?;
        let mut node = Node { id, lp };
        node.write_entry(id, pairs, true)?;
        Ok(node)
    }

    /// The whole node as RDB and DUMP hold it.
    pub fn as_bytes(&self) -> &[u8] {
        self.lp.as_bytes()
    }

    /// The id that stands beside the listpack.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Entries that live.
    pub(super) fn live(&self) -> u64 {
        self.master().map_or(0, |master| master.count)
    }

    #[inline]
    pub(super) fn master(&self) -> Option<Master<'_>> {
        let mut iter = self.lp.iter();
        let count = small(&mut iter)?;
        let deleted = small(&mut iter)?;
        let field_count = usize::try_from(small(&mut iter)?).ok()?;
        let fields = iter.clone();
        for _ in 0..=field_count {
            iter.skip_one()?;
        }
        Some(Master { count, deleted, field_count, fields, entries: iter })
    }

    /// Appends an entry whose id is above all others. `true`: done; `false`: the node is full, nothing changed.
    ///
    /// # Errors
    /// [`TooLong`] when the listpack would outgrow 4 GiB.
    #[inline]
    pub(super) fn append(&mut self, id: StreamId, pairs: Args<'_>, max_entries: u64) -> Result<bool, TooLong> {
        let mut iter = self.lp.iter();
        let (Some(count), Some(deleted), Some(field_count)) = (small(&mut iter), small(&mut iter), small(&mut iter)) else {
            return Ok(false);
        };
        if max_entries != 0 && count.saturating_add(deleted) >= max_entries {
            return Ok(false);
        }
        let same = field_count == (pairs.len() / 2) as u64
            && (0..pairs.len()).step_by(2).all(|at| iter.next().is_some_and(|field| field.eq_bytes(pairs.at(at))));
        self.write_entry(id, pairs, same)?;
        self.set_counts(count + 1, deleted);
        Ok(true)
    }

    /// Writes an entry at the end. The counts stay.
    #[inline]
    fn write_entry(&mut self, id: StreamId, pairs: Args<'_>, same: bool) -> Result<(), TooLong> {
        let ms = id.ms.wrapping_sub(self.id.ms) as i64;
        let seq = id.seq.wrapping_sub(self.id.seq) as i64;
        let n = (pairs.len() / 2) as i64;
        let mut pack = Pack::<PACK_BYTES>::new();
        let lp = &mut self.lp;
        if same {
            let values = (1..pairs.len()).step_by(2).map(|at| Elem::Bytes(pairs.at(at)));
            let head = [SAME_FIELDS, ms, seq].map(Elem::Int);
            push_all(lp, &mut pack, head.into_iter().chain(values).chain([Elem::Int(n + 3)]))
        } else {
            let head = [0, ms, seq, n].map(Elem::Int);
            push_all(
                lp,
                &mut pack,
                head.into_iter().chain((0..pairs.len()).map(|at| Elem::Bytes(pairs.at(at)))).chain([Elem::Int(2 * n + 4)]),
            )
        }
    }

    /// Puts the master entry's first two numbers.
    #[inline]
    fn set_counts(&mut self, count: u64, deleted: u64) {
        let Some(first) = self.lp.first() else { return };
        // A number in place of a number takes a few bytes more at most, which is no length at all beside 4 GiB less the entry
        // that is being deleted; a listpack that has no room even for that keeps its old count.
        let _ = self.lp.replace_int(first, count as i64);
        if let Some(second) = self.lp.next(first) {
            let _ = self.lp.replace_int(second, deleted as i64);
        }
    }

    /// The entries, the deleted ones too, from either end.
    #[inline]
    pub(super) fn entries(&self) -> Entries<'_> {
        let none = || self.lp.iter().split_at(0, 0).0;
        match self.master() {
            Some(Master { field_count, fields, entries, .. }) => Entries { node: self, field_count, fields, entries },
            None => Entries { node: self, field_count: 0, fields: none(), entries: none() },
        }
    }

    /// Marks the entries at these places, which live, as deleted. `true`: one that lives is left.
    pub(super) fn delete(&mut self, at: &[Pos]) -> bool {
        let Some(Master { count, deleted, .. }) = self.master() else { return false };
        for &pos in at {
            if let Some(Elem::Int(flags)) = self.lp.get(pos) {
                // The flags take one byte, marked or not.
                let _ = self.lp.replace_int(pos, flags | DELETED);
            }
        }
        let n = at.len() as u64;
        self.set_counts(count.saturating_sub(n), deleted.saturating_add(n));
        count > n
    }

    /// A node of foreign bytes, after everything in it has been looked at: the master entry, each entry, that counts are
    /// what they say, and that ids ascend from the node's own.
    pub fn validated(id: StreamId, bytes: &[u8]) -> Option<Node> {
        let lp = Listpack::from_bytes_validated(bytes).ok()?;
        let node = Node { id, lp };
        let mut iter = node.lp.iter();
        let (count, deleted) = (small(&mut iter)?, small(&mut iter)?);
        let field_count = usize::try_from(small(&mut iter)?).ok()?;
        for _ in 0..field_count {
            iter.skip_one()?;
        }
        if iter.next()? != Elem::Int(0) {
            return None;
        }
        let (mut live, mut dead) = (0u64, 0u64);
        let mut before = None;
        while !iter.is_done() {
            let (flags, ms, seq) = (int(&mut iter)?, int(&mut iter)?, int(&mut iter)?);
            if flags & !(DELETED | SAME_FIELDS) != 0 {
                return None;
            }
            let here = id.plus(ms, seq);
            if here < id || before.is_some_and(|before| here <= before) {
                return None;
            }
            before = Some(here);
            let (elements, more) = if flags & SAME_FIELDS != 0 {
                (field_count, 3)
            } else {
                let own = usize::try_from(small(&mut iter)?).ok()?;
                (own.checked_mul(2)?, 4)
            };
            for _ in 0..elements {
                iter.skip_one()?;
            }
            if int(&mut iter)? != i64::try_from(elements).ok()?.checked_add(more)? {
                return None;
            }
            if flags & DELETED != 0 { dead += 1 } else { live += 1 }
        }
        (live == count && dead == deleted && live > 0).then_some(node)
    }
}

/// Room for an entry that is written in one go, in bytes.
const PACK_BYTES: usize = 384;

/// Appends elements to a listpack, in one go if they fit the pack.
#[inline]
fn push_all<'e>(
    lp: &mut Listpack,
    pack: &mut Pack<PACK_BYTES>,
    elems: impl Iterator<Item = Elem<'e>> + Clone,
) -> Result<(), TooLong> {
    for elem in elems.clone() {
        if !pack.push(elem) {
            return lp.extend(elems);
        }
    }
    lp.push_pack(pack)
}

#[inline]
fn int(iter: &mut Iter<'_>) -> Option<i64> {
    match iter.next()? {
        Elem::Int(n) => Some(n),
        Elem::Bytes(_) => None,
    }
}

#[inline]
fn small(iter: &mut Iter<'_>) -> Option<u64> {
    u64::try_from(int(iter)?).ok()
}

/// An entry as it lies in its node.
pub(super) struct Raw<'a> {
    pub(super) id: StreamId,
    pub(super) is_deleted: bool,
    /// Where its flags are.
    pub(super) pos: Option<Pos>,
    pub(super) fields: Fields<'a>,
}

/// A node's entries, from either end.
#[derive(Clone)]
pub(super) struct Entries<'a> {
    node: &'a Node,
    field_count: usize,
    fields: Iter<'a>,
    entries: Iter<'a>,
}

impl<'a> Entries<'a> {
    /// Reads the entry that `iter` stands at, and leaves it behind it.
    #[inline]
    fn read(&self, iter: &mut Iter<'a>) -> Option<Raw<'a>> {
        let pos = iter.pos();
        let (flags, ms, seq) = (int(iter)?, int(iter)?, int(iter)?);
        let id = self.node.id.plus(ms, seq);
        let fields = if flags & SAME_FIELDS != 0 {
            Fields { names: Some(self.fields.clone()), values: iter.clone(), left: self.field_count }
        } else {
            let left = usize::try_from(int(iter)?).ok()?;
            Fields { names: None, values: iter.clone(), left }
        };
        let elements = if fields.names.is_some() { fields.left } else { fields.left.checked_mul(2)? };
        for _ in 0..=elements {
            iter.skip_one()?;
        }
        Some(Raw { id, is_deleted: flags & DELETED != 0, pos, fields })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Raw<'a>;

    #[inline]
    fn next(&mut self) -> Option<Raw<'a>> {
        let mut iter = self.entries.clone();
        let raw = self.read(&mut iter)?;
        self.entries = iter;
        Some(raw)
    }
}

impl<'a> DoubleEndedIterator for Entries<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Raw<'a>> {
        let Elem::Int(elements) = self.entries.next_back()? else { return None };
        for _ in 0..elements {
            self.entries.next_back()?;
        }
        let start = self.entries.back_pos()?;
        self.read(&mut self.node.lp.iter_from(start))
    }
}

/// The fields of an entry with their values, in order.
#[derive(Clone)]
pub struct Fields<'a> {
    /// The master entry's, if the entry shares them; else they lie among the values.
    names: Option<Iter<'a>>,
    values: Iter<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Elem<'a>, Elem<'a>);

    #[inline]
    fn next(&mut self) -> Option<(Elem<'a>, Elem<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next()?,
            None => self.values.next()?,
        };
        Some((name, self.values.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}
