//! A small hash some of whose fields expire: a listpack of triples.
//!
//! ```text
//!  base │ field value ttl │ field value ttl │ …
//!
//!  base   8 bytes: a moment in unix ms (LE)
//!  ttl    an integer: ms from that moment to the end of the field; or empty: it does not expire
//! ```
//!
//! Those that expire come first, the earliest at the front; the others follow in the order they came. Counting from a
//! moment that all have in common makes most times two to five bytes instead of ten. Upstream's `listpackex` has the
//! whole times and no base, in the same order.

use super::Limits;
use crate::encoding::blob::TooLong;
use crate::encoding::listpack::{Elem, Listpack, Pos, Tuples};
use crate::sys::defrag::Mover;

/// The triples; see the file's head.
#[derive(Clone)]
pub struct Expiring {
    list: Listpack,
}

/// Elements of a triple.
const WIDTH: usize = 3;
/// What stands for no time.
const NEVER: Elem<'static> = Elem::Bytes(b"");

impl Expiring {
    /// Takes over the pairs of a listpack, none of which expires; `base_ms` is a moment near which fields will.
    ///
    /// # Errors
    /// When it would become too long.
    pub fn from_pairs(pairs: &Listpack, base_ms: u64) -> Result<Expiring, TooLong> {
        let base = base_ms.to_le_bytes();
        let triples = pairs.tuples().flat_map(|[field, value]| [field, value, NEVER]);
        let list = Listpack::from_elems(std::iter::once(Elem::Bytes(&base)).chain(triples))?;
        Ok(Expiring { list })
    }

    fn base_ms(&self) -> i64 {
        match self.list.first().and_then(|first| self.list.get(first)) {
            Some(Elem::Bytes(bytes)) => bytes.first_chunk().map_or(0, |le| i64::from_le_bytes(*le)),
            // Eight bytes that spell a number are kept as one.
            Some(elem) => elem.to_vec().first_chunk().map_or(0, |le| i64::from_le_bytes(*le)),
            None => 0,
        }
    }

    /// The first field.
    fn start(&self) -> Option<Pos> {
        self.list.next(self.list.first()?)
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.list.len() / WIDTH
    }

    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        self.list.defrag(mover);
    }

    pub fn mem_bytes(&self) -> usize {
        self.list.alloc_bytes()
    }

    /// Whether so many bytes more still make a listpack.
    pub fn fits(&self, added_bytes: usize) -> bool {
        self.list.fits(added_bytes)
    }

    /// The fields, each with its value and its time.
    #[inline]
    pub fn triples(&self) -> Tuples<'_, WIDTH> {
        self.list.tuples_from(self.start())
    }

    /// The fields, each with its value and when it expires.
    pub fn iter(&self) -> impl Iterator<Item = (Elem<'_>, Elem<'_>, Option<u64>)> {
        let base = self.base_ms();
        self.triples().map(move |[field, value, ttl]| (field, value, when(base, ttl)))
    }

    /// When the first field expires.
    #[inline]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        let [_, _, ttl] = self.triples().next()?;
        when(self.base_ms(), ttl)
    }

    fn find(&self, field: &[u8]) -> Option<Pos> {
        self.list.find(field, self.start()?, WIDTH - 1)
    }

    /// The value of a field.
    pub fn get(&self, field: &[u8]) -> Option<Elem<'_>> {
        self.list.get(self.list.next(self.find(field)?)?)
    }

    /// When a field expires; `None`: no such field.
    pub fn expiry_ms(&self, field: &[u8]) -> Option<Option<u64>> {
        let [_, _, ttl] = self.list.tuples_from(Some(self.find(field)?)).next()?;
        Some(when(self.base_ms(), ttl))
    }

    /// Gives a field a value and no time; answers whether it is new.
    ///
    /// # Errors
    /// When it would become too long; it is then unchanged.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> Result<bool, TooLong> {
        match self.expiry_ms(field) {
            None => self.list.extend([Elem::Bytes(field), Elem::Bytes(value), NEVER]).map(|()| true),
            Some(expiry_ms) => {
                self.set_value(field, value)?;
                if expiry_ms.is_some() {
                    self.set_expiry(field, None)?;
                }
                Ok(false)
            }
        }
    }

    /// Gives a field that is there another value, and leaves its time.
    ///
    /// # Errors
    /// When it would become too long; it is then unchanged.
    pub fn set_value(&mut self, field: &[u8], value: &[u8]) -> Result<(), TooLong> {
        match self.find(field).and_then(|pos| self.list.next(pos)) {
            Some(pos) => self.list.replace(pos, value),
            None => Ok(()),
        }
    }

    /// Sets when a field expires, and moves it to its place; answers when it did before. `None`: no such field.
    ///
    /// # Errors
    /// When it would become too long; it is then unchanged.
    pub fn set_expiry(&mut self, field: &[u8], expiry_ms: Option<u64>) -> Result<Option<Option<u64>>, TooLong> {
        let Some(pos) = self.find(field) else { return Ok(None) };
        let base = self.base_ms();
        let Some([name, value, ttl]) = self.list.tuples_from::<WIDTH>(Some(pos)).next() else { return Ok(None) };
        let before = when(base, ttl);
        if before == expiry_ms {
            return Ok(Some(before));
        }
        if !self.list.fits(Self::TTL_BYTES_MAX) {
            return Err(TooLong);
        }
        let (name, value) = (name.to_vec(), value.to_vec());
        let ttl = expiry_ms.map_or(NEVER, |when_ms| Elem::Int((when_ms as i64).wrapping_sub(base)));
        self.list.delete_range(pos, WIDTH);
        let mut triples = self.triples();
        let place = loop {
            let at = triples.pos();
            match (triples.next(), expiry_ms) {
                (Some([_, _, other]), Some(when_ms)) if when(base, other).is_none_or(|other_ms| other_ms > when_ms) => break at,
                (Some(_), _) => {}
                (None, _) => break None,
            }
        };
        match place {
            None => self.list.extend([Elem::Bytes(&name), Elem::Bytes(&value), ttl])?,
            Some(pos) => {
                let mut pos = self.list.insert_before(pos, Elem::Bytes(&name))?;
                pos = self.list.insert_after(pos, Elem::Bytes(&value))?;
                self.list.insert_after(pos, ttl)?;
            }
        }
        Ok(Some(before))
    }

    /// The most bytes that a time takes, and more.
    pub const TTL_BYTES_MAX: usize = 32;

    /// Removes a field; answers whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let found = self.find(field);
        if let Some(pos) = found {
            self.list.delete_range(pos, WIDTH);
        }
        found.is_some()
    }

    /// One of the fields with its value, each with the same probability.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<(Elem<'_>, Elem<'_>)> {
        let len = self.len();
        let [field, value, _] = self.triples().nth(rng.usize(..len.max(1)))?;
        Some((field, value))
    }

    /// Whether a field more still makes a small hash.
    pub fn is_within(&self, limits: &Limits) -> bool {
        self.len() <= limits.entries
    }
}

/// The moment that a time stands for.
#[inline]
fn when(base_ms: i64, ttl: Elem<'_>) -> Option<u64> {
    match ttl {
        Elem::Int(ttl_ms) => Some(base_ms.wrapping_add(ttl_ms) as u64),
        Elem::Bytes(_) => None,
    }
}
