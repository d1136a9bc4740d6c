//! When fields of a hash expire.

use super::expiring::Expiring;
use super::{Hash, Limits, Repr, pair};
use crate::encoding::listpack::Elem;
use crate::types::item::{Field, Name};

impl Hash {
    /// The last moment at which a field can expire, in unix ms.
    pub const EXPIRY_MAX_MS: u64 = (1 << 48) - 1;

    /// When the first of the fields expires; `None` if none does.
    #[inline]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        match &self.0 {
            Repr::Listpack(_) => None,
            Repr::Expiring(list) => list.next_expiry_ms(),
            Repr::Table(fields) if fields.expiries.is_empty() => None,
            Repr::Table(fields) => fields.expiries.first().map(|(when_ms, _)| when_ms),
        }
    }

    /// Whether a field is due.
    #[inline]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.next_expiry_ms().is_some_and(|when_ms| now_ms > when_ms)
    }

    /// When a field expires, if ever; `None`: no such field.
    pub fn expiry_ms(&self, field: &[u8]) -> Option<Option<u64>> {
        match &self.0 {
            Repr::Listpack(_) => self.contains(field).then_some(None),
            Repr::Expiring(list) => list.expiry_ms(field),
            Repr::Table(fields) => fields.items.find(&Name::new(field)).map(Field::expiry_ms),
        }
    }

    /// Sets when a field expires, if ever: no later than [`EXPIRY_MAX_MS`](Self::EXPIRY_MAX_MS). Answers whether there is such a field.
    pub fn set_expiry(&mut self, field: &[u8], expiry_ms: Option<u64>) -> bool {
        if let (Repr::Listpack(list), Some(when_ms)) = (&self.0, expiry_ms) {
            match Expiring::from_pairs(list, when_ms) {
                Ok(list) => self.0 = Repr::Expiring(list),
                Err(_) => {
                    self.unpack();
                }
            }
        }
        if let Repr::Expiring(list) = &mut self.0
            && let Ok(before) = list.set_expiry(field, expiry_ms)
        {
            return before.is_some();
        }
        match &mut self.0 {
            Repr::Listpack(_) => self.contains(field),
            _ => self.unpack().set_expiry(&Name::new(field), expiry_ms).is_some(),
        }
    }

    /// Gives a field a value and leaves its time, if it has one; answers whether the field is new.
    pub fn set_keep_ttl(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        let expiry_ms = if self.next_expiry_ms().is_some() { self.expiry_ms(field).flatten() } else { None };
        if let (Some(_), Repr::Expiring(list)) = (expiry_ms, &mut self.0)
            && value.len() <= limits.value_bytes
            && list.fits(value.len())
            && list.set_value(field, value).is_ok()
        {
            return false;
        }
        let new = self.set(field, value, limits);
        if expiry_ms.is_some() {
            self.set_expiry(field, expiry_ms);
        }
        new
    }

    /// The name of the field that is due first, if one is.
    pub fn first_due(&self, now_ms: u64) -> Option<Elem<'_>> {
        if !self.is_due(now_ms) {
            return None;
        }
        match &self.0 {
            Repr::Listpack(_) => None,
            Repr::Expiring(list) => list.triples().next().map(|[field, ..]| field),
            Repr::Table(fields) => {
                let (when_ms, hash) = fields.expiries.first()?;
                fields.items.find_expiring(when_ms, hash).map(Field::name)
            }
        }
    }

    /// How many fields are not due.
    pub fn live_len(&self, now_ms: u64) -> usize {
        let due = match &self.0 {
            Repr::Listpack(_) => 0,
            Repr::Expiring(list) => list.iter().take_while(|(_, _, at)| at.is_some_and(|at| now_ms > at)).count(),
            Repr::Table(fields) => fields.expiries.rank_where(|when_ms, _| now_ms > when_ms),
        };
        self.len() - due
    }

    /// The fields that are not due, with their values.
    pub fn each_live<'a>(&'a self, now_ms: u64, mut visit: impl FnMut(Elem<'a>, Elem<'a>)) {
        if !self.is_due(now_ms) {
            return self.iter().for_each(|(field, value)| visit(field, value));
        }
        self.each_with_expiry(|field, value, expiry_ms| {
            if expiry_ms.is_none_or(|when_ms| now_ms <= when_ms) {
                visit(field, value);
            }
        });
    }

    /// All fields with their values and when they expire, in the order of [`iter`](Self::iter).
    pub fn each_with_expiry<'a>(&'a self, mut visit: impl FnMut(Elem<'a>, Elem<'a>, Option<u64>)) {
        match &self.0 {
            Repr::Listpack(_) => self.iter().for_each(|(field, value)| visit(field, value, None)),
            Repr::Expiring(list) => list.iter().for_each(|(field, value, expiry_ms)| visit(field, value, expiry_ms)),
            Repr::Table(fields) => fields.items.iter().for_each(|item| {
                let (field, value) = pair(item);
                visit(field, value, item.expiry_ms());
            }),
        }
    }
}
