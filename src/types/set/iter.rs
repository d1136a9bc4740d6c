//! Walking a set, whatever its encoding.

use crate::encoding::listpack::Elem;
use crate::encoding::{intset, listpack};
use crate::keyspace::table;
use crate::types::item::Member;

/// The members of a set; see [`Set::iter`](super::Set::iter). `for_each` decides once which loop to run.
pub enum Iter<'a> {
    Intset(intset::Iter<'a>),
    Listpack(listpack::Iter<'a>),
    Table(table::Iter<'a, Member>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Elem<'a>;

    #[inline]
    fn next(&mut self) -> Option<Elem<'a>> {
        match self {
            Iter::Intset(ints) => ints.next().map(Elem::Int),
            Iter::Listpack(list) => list.next(),
            Iter::Table(items) => items.next().map(Member::name),
        }
    }

    #[inline]
    fn fold<B, F: FnMut(B, Elem<'a>) -> B>(self, init: B, mut each: F) -> B {
        match self {
            Iter::Intset(ints) => ints.fold(init, |so_far, value| each(so_far, Elem::Int(value))),
            Iter::Listpack(list) => list.fold(init, each),
            Iter::Table(items) => items.fold(init, |so_far, item| each(so_far, item.name())),
        }
    }
}
