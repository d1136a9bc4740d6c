//! Walking a hash, whatever its encoding.

use super::pair;
use crate::encoding::listpack::{Elem, Tuples};
use crate::keyspace::table;
use crate::types::item::Field;

/// The fields of a hash with their values; see [`Hash::iter`](super::Hash::iter). `for_each` decides once which loop
/// to run.
pub enum Iter<'a> {
    Listpack(Tuples<'a, 2>),
    Expiring(Tuples<'a, 3>),
    Table(table::Iter<'a, Field>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Elem<'a>, Elem<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Listpack(list) => list.next().map(|[field, value]| (field, value)),
            Iter::Expiring(list) => list.next().map(|[field, value, _]| (field, value)),
            Iter::Table(items) => items.next().map(pair),
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut each: F) -> B {
        match self {
            Iter::Listpack(list) => list.fold(init, |so_far, [field, value]| each(so_far, (field, value))),
            Iter::Expiring(list) => list.fold(init, |so_far, [field, value, _]| each(so_far, (field, value))),
            Iter::Table(items) => items.fold(init, |so_far, item| each(so_far, pair(item))),
        }
    }
}
