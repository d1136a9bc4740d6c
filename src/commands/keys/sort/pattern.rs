//! The patterns of BY and GET: keys, and fields of hashes, that belong to an element.
//!
//! ```text
//! prefix*suffix           the string that key prefix<element>suffix holds
//! prefix*suffix->field    that field of the hash it holds
//! ```
//!
//! Only the first star stands for the element, and only an arrow behind it that is followed by something names a field.

use std::borrow::Cow;

use crate::encoding::listpack::Elem;
use crate::keyspace::{Db, Ref};

/// A pattern with a place for the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern<'a> {
    prefix: &'a [u8],
    suffix: &'a [u8],
    field: Option<&'a [u8]>,
}

impl<'a> Pattern<'a> {
    /// Parses a pattern; `None` if it has no star, and so is the same for every element.
    pub fn parse(word: &'a [u8]) -> Option<Pattern<'a>> {
        // A NUL ends the search, not the pattern.
        let searched = &word[..memchr::memchr(0, word).unwrap_or(word.len())];
        let star = memchr::memchr(b'*', searched)?;
        let arrow = memchr::memmem::find(&searched[star + 1..], b"->").map(|at| star + 1 + at);
        let (suffix, field) = match arrow.filter(|at| at + 2 < searched.len()) {
            Some(at) => (&word[star + 1..at], Some(&word[at + 2..])),
            None => (&word[star + 1..], None),
        };
        Some(Pattern { prefix: &word[..star], suffix, field })
    }

    /// What the pattern leads to for an element, read as any command reads; `key` is a buffer for the key's name.
    pub fn look_up<'d>(&self, db: &'d mut Db<'_>, element: &[u8], key: &mut Vec<u8>) -> Option<Cow<'d, [u8]>> {
        key.clear();
        for part in [self.prefix, element, self.suffix] {
            key.extend_from_slice(part);
        }
        if let Some(field) = self.field
            && db.has_fields_due()
        {
            db.expire_fields_named(key, std::iter::once(field));
        }
        let digits = |n: i64| Cow::Owned(itoa::Buffer::new().format(n).as_bytes().to_vec());
        match (db.read(key)?, self.field) {
            (Ref::Str { bytes, .. }, None) => Some(Cow::Borrowed(bytes)),
            (Ref::Int(n), None) => Some(digits(n)),
            (Ref::Hash(hash), Some(field)) => hash.get(field).map(|value| match value {
                Elem::Bytes(bytes) => Cow::Borrowed(bytes),
                Elem::Int(n) => digits(n),
            }),
            _ => None,
        }
    }
}

/// What GET returns for an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Get<'a> {
    /// `#`: the element itself.
    Element,
    Pattern(Pattern<'a>),
    /// A word without a star leads nowhere.
    Nothing,
}

impl<'a> Get<'a> {
    pub fn parse(word: &'a [u8]) -> Get<'a> {
        match Pattern::parse(word) {
            _ if word == b"#" => Get::Element,
            Some(pattern) => Get::Pattern(pattern),
            None => Get::Nothing,
        }
    }

    /// What it is for this element.
    pub fn of<'d>(&self, db: &'d mut Db<'_>, element: &'d [u8], key: &mut Vec<u8>) -> Option<Cow<'d, [u8]>> {
        match self {
            Get::Element => Some(Cow::Borrowed(element)),
            Get::Pattern(pattern) => pattern.look_up(db, element, key),
            Get::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_pattern() {
        let parse = |word: &'static str| {
            Pattern::parse(word.as_bytes()).map(|pattern| {
                let text = |bytes| std::str::from_utf8(bytes).unwrap();
                (text(pattern.prefix), text(pattern.suffix), pattern.field.map(text))
            })
        };
        assert_eq!(parse("w_*"), Some(("w_", "", None)));
        assert_eq!(parse("w_*_x->f"), Some(("w_", "_x", Some("f"))));
        assert_eq!(parse("*->f->g"), Some(("", "", Some("f->g"))));
        assert_eq!(parse("x:*->"), Some(("x:", "->", None)));
        assert_eq!(parse("a->b*c"), Some(("a->b", "c", None)));
        assert_eq!(parse("a*b*c->*"), Some(("a", "b*c", Some("*"))));
        assert_eq!(parse("a\0*"), None);
        assert_eq!(parse("a*\0->f"), Some(("a", "\0->f", None)));
        assert_eq!(parse("nosort"), None);
        assert_eq!(parse(""), None);
        assert_eq!(Get::parse(b"#"), Get::Element);
        assert_eq!(Get::parse(b"foo"), Get::Nothing);
    }
}
