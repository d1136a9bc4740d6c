//! Key specifications: where among a command's arguments its keys are, and what it does with them.
//!
//! A [`Keys`] says where the first key is found (a fixed index, or behind a keyword) and how the others follow (a
//! range, or a count among the arguments). The one extraction that walks them, [`find`], serves COMMAND GETKEYS,
//! access control, cluster routing and tracking, so that what is checked is what is used.

use crate::resp::Args;

/// What a command does with a key. The order is the order in which COMMAND INFO lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Use {
    /// Reads the value and may change it.
    RW,
    /// Only reads.
    RO,
    /// Overwrites without reading.
    OW,
    /// Removes the key.
    RM,
    /// Returns, copies or uses the user's data.
    Access,
    /// Changes existing data.
    Update,
    /// Adds data.
    Insert,
    /// Deletes data.
    Delete,
    /// Not really a key, though routed like one.
    NotKey,
    /// The spec does not find every key.
    Incomplete,
    /// What is done depends on the arguments.
    VariableFlags,
}

/// A set of [`Use`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses(u16);

impl Uses {
    pub const fn of(list: &[Use]) -> Uses {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u16;
            i += 1;
        }
        Uses(bits)
    }

    pub const fn has(self, use_: Use) -> bool {
        self.0 & (1 << use_ as u16) != 0
    }

    /// Names as COMMAND INFO shows them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const SHOWN: [(Use, &str); 11] = [
            (Use::RW, "RW"),
            (Use::RO, "RO"),
            (Use::OW, "OW"),
            (Use::RM, "RM"),
            (Use::Access, "access"),
            (Use::Update, "update"),
            (Use::Insert, "insert"),
            (Use::Delete, "delete"),
            (Use::NotKey, "not_key"),
            (Use::Incomplete, "incomplete"),
            (Use::VariableFlags, "variable_flags"),
        ];
        SHOWN.into_iter().filter(move |(use_, _)| self.has(*use_)).map(|(_, name)| name)
    }
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// At this argument.
    Index(i32),
    /// Behind the first such word at or after `from` (from the end, backwards, if negative).
    Keyword {
        word: &'static str,
        from: i32,
    },
    Unknown,
}

/// How the keys follow from there.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// Up to `last` (relative to the first key, or from the end if negative), every `step`; `limit` > 1 takes
    /// only that fraction of the rest.
    Range {
        last: i32,
        step: i32,
        limit: i32,
    },
    /// Argument `count` holds how many keys there are, the first being argument `first` (both relative).
    Number {
        count: i32,
        first: i32,
        step: i32,
    },
    Unknown,
}

/// One key specification.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    pub begin: Begin,
    pub find: Find,
    pub uses: Uses,
    pub notes: &'static str,
}

impl Keys {
    const fn new(begin: Begin, find: Find) -> Keys {
        Keys { begin, find, uses: Uses(0), notes: "" }
    }

    /// The one key at `index`.
    pub const fn one(index: i32) -> Keys {
        Keys::range(index, 0, 1)
    }

    /// Keys from `first`, `last` counted from the first (0: only it) or from the end (-1: the last argument).
    pub const fn range(first: i32, last: i32, step: i32) -> Keys {
        Keys::new(Begin::Index(first), Find::Range { last, step, limit: 0 })
    }

    /// As many keys as argument `index` says, right behind it.
    pub const fn counted(index: i32) -> Keys {
        Keys::new(Begin::Index(index), Find::Number { count: 0, first: 1, step: 1 })
    }

    /// The key behind `word`, which is looked for from argument `from` on.
    pub const fn after(word: &'static str, from: i32) -> Keys {
        Keys::new(Begin::Keyword { word, from }, Find::Range { last: 0, step: 1, limit: 0 })
    }

    /// Keys that no rule finds: the command's own function does.
    pub const fn unknown() -> Keys {
        Keys::new(Begin::Unknown, Find::Unknown)
    }

    /// With a way to find them of its own.
    pub const fn find(self, find: Find) -> Keys {
        Keys { find, ..self }
    }

    /// What is done with them.
    pub const fn does(self, uses: &[Use]) -> Keys {
        Keys { uses: Uses::of(uses), ..self }
    }

    pub const fn notes(self, notes: &'static str) -> Keys {
        Keys { notes, ..self }
    }

    /// Appends the positions of this spec's keys; `None` if the arguments do not fit it.
    fn positions(&self, args: Args<'_>, out: &mut Vec<KeyAt>) -> Option<()> {
        let argc = args.len() as i64;
        let first = match self.begin {
            Begin::Index(index) => i64::from(index),
            Begin::Keyword { word, from } => {
                let found = if from >= 0 {
                    (from as usize..args.len()).find(|&i| args.is(i, word))
                } else {
                    (1..args.len().saturating_sub((-from - 1) as usize)).rev().find(|&i| args.is(i, word))
                };
                match found {
                    Some(at) => at as i64 + 1,
                    None => return Some(()),
                }
            }
            Begin::Unknown => return None,
        };
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } => {
                let last = match i64::from(last) {
                    last if last >= 0 => first + last,
                    last if limit <= 1 => argc + last,
                    last => first + (argc - first) / i64::from(limit) + last,
                };
                (first, last, i64::from(step))
            }
            Find::Number { count, first: offset, step } => {
                let count = args.get(usize::try_from(first + i64::from(count)).ok()?)?;
                let count = crate::util::number::parse_i64(count)?;
                if !(0..=argc).contains(&count) {
                    return None;
                }
                let first = first + i64::from(offset);
                (first, first + (count - 1) * i64::from(step), i64::from(step))
            }
            Find::Unknown => return None,
        };
        if last >= argc || (first >= argc && last >= first) {
            return None;
        }
        let mut at = first;
        while at <= last {
            out.push(KeyAt { index: at as usize, uses: self.uses });
            at += step;
        }
        Some(())
    }
}

/// A key among a request's arguments, and what will be done with it.
#[derive(Clone, Copy, Debug)]
pub struct KeyAt {
    pub index: usize,
    pub uses: Uses,
}

/// A command's own key search, for syntaxes that no spec describes. `None`: the arguments make no sense.
pub type KeysFn = fn(Args<'_>) -> Option<Vec<KeyAt>>;

/// The keys of a request, in the specs' order; `None` if the arguments do not fit the specs.
pub fn find(specs: &[Keys], own: Option<KeysFn>, args: Args<'_>) -> Option<Vec<KeyAt>> {
    if let Some(own) = own {
        return own(args);
    }
    let mut keys = Vec::new();
    for spec in specs {
        spec.positions(args, &mut keys)?;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    fn at(specs: &[Keys], line: &str) -> Option<Vec<usize>> {
        let args: OwnedArgs = line.split(' ').collect();
        find(specs, None, args.view()).map(|keys| keys.iter().map(|key| key.index).collect())
    }

    #[test]
    fn finds_what_the_specs_say() {
        assert_eq!(at(&[Keys::one(1)], "GET a"), Some(vec![1]));
        assert_eq!(at(&[Keys::one(1)], "GET"), None);
        assert_eq!(at(&[Keys::range(1, -1, 2)], "MSET a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(at(&[Keys::range(1, -2, 1)], "BLPOP a b 0"), Some(vec![1, 2]));
        assert_eq!(at(&[Keys::counted(1)], "ZUNION 2 a b"), Some(vec![2, 3]));
        assert_eq!(at(&[Keys::counted(1)], "ZUNION 3 a b"), None);
        assert_eq!(at(&[Keys::counted(1)], "ZUNION -9223372036854775808 a b"), None);
        assert_eq!(at(&[Keys::one(1), Keys::after("STORE", 2)], "GEORADIUS a 1 store b"), Some(vec![1, 4]));
        let streams = Keys::after("STREAMS", 1).find(Find::Range { last: -1, step: 1, limit: 2 });
        assert_eq!(at(&[streams], "XREAD STREAMS a b 0 0"), Some(vec![2, 3]));
    }
}
