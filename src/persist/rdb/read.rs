//! Bytes to values: every type that Redis from its beginning to 8.0, and Valkey to 9.1, write for the types that there are here.
//!
//! Blocks that are kept as they come (listpacks, intsets) are looked at byte by byte before they are taken, whatever
//! `sanitize-dump-payload` says; that setting decides whether also members are compared with one another, where a repetition would
//! be odd but harmless. Older blocks (ziplists, zipmaps) become listpacks.

use super::format::{Family, kind, node};
use super::source::{Error, Source, TextHead, expand};
use super::streams;
use crate::commands::{hashes, lists, sets, zsets};
use crate::encoding::intset::Intset;
use crate::encoding::listpack::{Elem, Listpack};
use crate::encoding::quicklist::Quicklist;
use crate::encoding::ziplist::Ziplist;
use crate::encoding::zipmap::Zipmap;
use crate::keyspace::value::BigStr;
use crate::keyspace::{Entry, Env, Value};
use crate::types::list::End;
use crate::types::{Hash, List, Set, Zset, hash, list, set, zset};
use crate::util::float::parse_f64;

/// How values are read: the limits of the encodings, and how closely to look.
#[derive(Clone, Copy)]
pub struct Reading {
    pub family: Family,
    /// Members are compared with one another wherever that is not done anyway.
    pub deep: bool,
    list: list::Limits,
    set: set::Limits,
    zset: zset::Limits,
    hash: hash::Limits,
}

impl Reading {
    /// Under the configured limits.
    pub fn new(env: &Env, family: Family, deep: bool) -> Reading {
        Reading {
            family,
            deep,
            list: lists::limits(env),
            set: sets::limits(&env.config),
            zset: zsets::limits(env),
            hash: hashes::limits(&env.config),
        }
    }

    /// A key's entry.
    #[inline]
    pub fn entry(&self, source: &mut impl Source, kind: u8, key: &[u8], expiry_ms: Option<u64>) -> Result<Entry, Error> {
        if kind != kind::STRING {
            return Ok(Entry::with_value(key, self.value(source, kind)?, expiry_ms));
        }
        match source.text_head()? {
            TextHead::Plain(len) => {
                check_len(len)?;
                Ok(Entry::with_string(key, source.take(len)?, expiry_ms))
            }
            TextHead::Int(value) => Ok(Entry::with_int(key, value, expiry_ms)),
            TextHead::Lzf { compressed, len } => {
                check_len(len)?;
                Ok(Entry::with_string(key, &expand(source.take(compressed)?, len)?, expiry_ms))
            }
        }
    }

    /// A value of the type that `kind` is the number of.
    pub fn value(&self, source: &mut impl Source, kind: u8) -> Result<Value, Error> {
        match kind {
            kind::STRING => {
                let entry = self.entry(source, kind, b"", None)?;
                Ok(entry.into_value())
            }
            kind::LIST => self.list(source).map(Value::List),
            kind::SET => self.set(source).map(Value::Set),
            kind::ZSET => self.zset(source, old_score).map(Value::Zset),
            kind::ZSET_2 => self.zset(source, |source| Ok(f64::from_le_bytes(source.array()?))).map(Value::Zset),
            kind::HASH => self.hash(source).map(Value::Hash),
            kind::HASH_ZIPMAP => {
                let mut limits = self.hash;
                let listpack = source.text(|bytes| {
                    let map = Zipmap::new(bytes).map_err(|_| Error::corrupt("Zipmap integrity check failed."))?;
                    if map.iter().any(|(field, value)| field.len().max(value.len()) > limits.value_bytes) {
                        limits.entries = 0;
                    }
                    let elems = map.iter().flat_map(|(field, value)| [Elem::Bytes(field), Elem::Bytes(value)]);
                    Listpack::from_elems(elems).map_err(|_| TOO_LONG)
                })??;
                let complaint = "Hash zipmap with dup elements, or big length (0)";
                Reading { hash: limits, ..*self }.hash_of(listpack, true, complaint)
            }
            kind::LIST_ZIPLIST => {
                let listpack = from_ziplist(source, "List ziplist integrity check failed.")?;
                not_empty(listpack.is_empty())?;
                Ok(Value::List(List::from_listpack(listpack, self.list)))
            }
            kind::SET_INTSET => {
                let ints = source.text(|bytes| {
                    Intset::from_bytes_validated(bytes).map_err(|_| Error::corrupt("Intset integrity check failed."))
                })??;
                not_empty(ints.is_empty())?;
                Ok(Value::Set(Set::from_intset(ints, &self.set)))
            }
            kind::ZSET_ZIPLIST => {
                let listpack = from_ziplist(source, "Zset ziplist integrity check failed.")?;
                self.zset_of(listpack, "Zset ziplist integrity check failed.")
            }
            kind::HASH_ZIPLIST => {
                let listpack = from_ziplist(source, "Hash ziplist integrity check failed.")?;
                self.hash_of(listpack, true, "Hash ziplist integrity check failed: dup elements, or uneven number of items")
            }
            kind::LIST_QUICKLIST => self.quicklist(source, false).map(Value::List),
            kind::LIST_QUICKLIST_2 => self.quicklist(source, true).map(Value::List),
            kind::HASH_LISTPACK => {
                let listpack = listpack(source, "Hash listpack integrity check failed.")?;
                self.hash_of(listpack, self.deep, "Hash listpack with dup elements, or uneven number of items")
            }
            kind::ZSET_LISTPACK => {
                let listpack = listpack(source, "Zset listpack integrity check failed.")?;
                self.zset_of(listpack, "Zset listpack integrity check failed: order, scores or dup elements")
            }
            kind::SET_LISTPACK => {
                let listpack = listpack(source, "Set listpack integrity check failed.")?;
                not_empty(listpack.is_empty())?;
                let set = Set::from_listpack(listpack, &self.set, self.deep);
                set.map(Value::Set).ok_or(Error::corrupt("Set listpack with dup elements"))
            }
            kind::STREAM_LISTPACKS
            | kind::STREAM_LISTPACKS_2
            | kind::STREAM_LISTPACKS_3
            | kind::STREAM_LISTPACKS_4
            | kind::STREAM_LISTPACKS_5 => streams::read(source, kind).map(Value::Stream),
            kind::MODULE_PRE_GA | kind::MODULE_2 => self.module(source),
            kind::HASH_TTL_PRE_GA if self.family == Family::Valkey => self.hash_with_times(source, Times::Behind),
            kind::HASH_TTL_PRE_GA => self.hash_with_times(source, Times::Absolute),
            kind::HASH_TTL if kind <= kind::max(self.family) => self.hash_with_times(source, Times::Relative),
            kind::HASH_LISTPACK_TTL_PRE_GA | kind::HASH_LISTPACK_TTL if kind <= kind::max(self.family) => {
                if kind == kind::HASH_LISTPACK_TTL {
                    // The first of the times, which the listpack begins with.
                    source.take(8)?;
                }
                self.hash_of_triples(listpack(source, "Hash listpack integrity check failed.")?)
            }
            _ => Err(Error::Corrupt(format!("Unknown RDB encoding type {kind}").into())),
        }
    }

    fn list(&self, source: &mut impl Source) -> Result<List, Error> {
        let count = source.count(1)?;
        not_empty(count == 0)?;
        let mut list = List::default();
        for _ in 0..count {
            source.text(|text| {
                list.expect(text.len(), 1, self.list);
                list.push(text, End::Tail).map_err(|_| TOO_LONG)
            })??;
        }
        Ok(list)
    }

    fn quicklist(&self, source: &mut impl Source, second: bool) -> Result<List, Error> {
        let nodes = source.count(1)?;
        not_empty(nodes == 0)?;
        let mut quick: Option<Quicklist> = None;
        for _ in 0..nodes {
            let form = if second { source.len()? } else { node::PACKED };
            let listpack = match form {
                node::PACKED if second => listpack(source, "Listpack integrity check failed.")?,
                node::PACKED => from_ziplist(source, "Ziplist integrity check failed.")?,
                node::PLAIN => {
                    let quick = quick.get_or_insert_with(|| Quicklist::new(self.list));
                    source.text(|text| match text {
                        // An element without bytes is never too large for a listpack.
                        [] => Err(Error::corrupt("Quicklist integrity check failed.")),
                        _ => quick.push_node_plain(text).map_err(|_| TOO_LONG),
                    })??;
                    continue;
                }
                _ => return Err(Error::corrupt("Quicklist integrity check failed.")),
            };
            if nodes == 1 {
                // The usual small list.
                not_empty(listpack.is_empty())?;
                return Ok(List::from_listpack(listpack, self.list));
            }
            // A node without elements is passed over.
            quick.get_or_insert_with(|| Quicklist::new(self.list)).push_node_packed(listpack);
        }
        match quick {
            Some(quick) if !quick.is_empty() => Ok(List::from_quicklist(quick)),
            _ => Err(Error::Empty),
        }
    }

    fn set(&self, source: &mut impl Source) -> Result<Set, Error> {
        let count = source.count(1)?;
        not_empty(count == 0)?;
        let mut set = Set::default();
        for index in 0..count {
            let added = source.text(|member| {
                if index == 0 {
                    set.expect_first(member, count, &self.set);
                }
                set.add(member, &self.set)
            })?;
            if !added {
                return Err(Error::corrupt("Duplicate set members detected"));
            }
        }
        Ok(set)
    }

    fn zset<S: Source>(&self, source: &mut S, score: impl Fn(&mut S) -> Result<f64, Error>) -> Result<Zset, Error> {
        let count = source.count(2)?;
        not_empty(count == 0)?;
        let mut builder = Zset::builder(count, &self.zset);
        let mut member = Vec::new();
        for _ in 0..count {
            member.clear();
            source.append_text(&mut member)?;
            let score = score(source)?;
            if score.is_nan() {
                return Err(Error::corrupt("Zset with NAN score detected"));
            }
            if !builder.push(&member, score) {
                return Err(Error::corrupt("Duplicate zset fields detected"));
            }
        }
        Ok(builder.finish())
    }

    fn hash(&self, source: &mut impl Source) -> Result<Hash, Error> {
        let count = source.count(2)?;
        not_empty(count == 0)?;
        let mut hash = Hash::default();
        hash.expect(count, 0, 0, &self.hash);
        let mut field = Vec::new();
        for _ in 0..count {
            field.clear();
            source.append_text(&mut field)?;
            check_len(field.len())?;
            if !source.text(|value| hash.set(&field, value, &self.hash))? {
                return Err(DUPLICATE_FIELD);
            }
        }
        Ok(hash)
    }

    /// A hash whose fields have times, in one of three forms.
    ///
    /// ```text
    /// relative   first u64, count, then per field: time (count from `first`, plus 1; or 0), field, value
    /// absolute   count, then per field: time (count, or 0), field, value
    /// behind     count, then per field: field, value, time i64 (or -1)
    /// ```
    fn hash_with_times(&self, source: &mut impl Source, times: Times) -> Result<Value, Error> {
        let first_ms = if times == Times::Relative { u64::from_le_bytes(source.array()?) } else { 0 };
        let count = source.count(3)?;
        not_empty(count == 0)?;
        let mut hash = Hash::default();
        hash.expect(count, 0, 0, &self.hash);
        let mut field = Vec::new();
        for _ in 0..count {
            let ahead = if times == Times::Behind { 0 } else { source.len()? };
            field.clear();
            source.append_text(&mut field)?;
            check_len(field.len())?;
            if !source.text(|value| hash.set(&field, value, &self.hash))? {
                return Err(DUPLICATE_FIELD);
            }
            let when_ms = match times {
                Times::Behind => {
                    Some(i64::from_le_bytes(source.array()?)).filter(|when_ms| *when_ms >= 0).map(i64::cast_unsigned)
                }
                _ if ahead == 0 => None,
                Times::Absolute => Some(ahead),
                Times::Relative => Some(first_ms.checked_add(ahead - 1).ok_or(BAD_TIME)?),
            };
            give_time(&mut hash, &field, when_ms)?;
        }
        Ok(Value::Hash(hash))
    }

    /// A hash that is a listpack of field, value and time, which is 0 for never.
    fn hash_of_triples(&self, listpack: Listpack) -> Result<Value, Error> {
        const WIDTH: usize = 3;
        not_empty(listpack.is_empty())?;
        if !listpack.len().is_multiple_of(WIDTH) {
            return Err(Error::corrupt("Hash listpack with times: uneven number of items"));
        }
        let mut hash = Hash::default();
        hash.expect(listpack.len() / WIDTH, 0, 0, &self.hash);
        let mut before = 0;
        for [field, value, time] in listpack.tuples::<WIDTH>() {
            let (mut name, mut text) = (itoa::Buffer::new(), itoa::Buffer::new());
            let name = field.text(&mut name);
            if !hash.set(name, value.text(&mut text), &self.hash) {
                return Err(DUPLICATE_FIELD);
            }
            let time = time.as_i64().and_then(|time| u64::try_from(time).ok()).ok_or(BAD_TIME)?;
            // The earliest comes first, and those without a time come last. Nothing here depends on it.
            let rank = if time == 0 { u64::MAX } else { time };
            if self.deep && rank < before {
                return Err(Error::corrupt("Hash listpack with times: out of order"));
            }
            before = rank;
            give_time(&mut hash, name, (time > 0).then_some(time))?;
        }
        Ok(Value::Hash(hash))
    }

    fn hash_of(&self, listpack: Listpack, distinct: bool, complaint: &'static str) -> Result<Value, Error> {
        not_empty(listpack.is_empty())?;
        Hash::from_listpack(listpack, &self.hash, distinct).map(Value::Hash).ok_or(Error::corrupt(complaint))
    }

    fn zset_of(&self, listpack: Listpack, complaint: &'static str) -> Result<Value, Error> {
        not_empty(listpack.is_empty())?;
        Zset::from_listpack(listpack, &self.zset).map(Value::Zset).ok_or(Error::corrupt(complaint))
    }

    fn module(&self, source: &mut impl Source) -> Result<Value, Error> {
        let name = module_name(source.len()?);
        Err(Error::Unsupported(
            format!("The RDB file contains module data I can't load: no matching module type '{name}'").into(),
        ))
    }
}

/// How the times of a hash's fields are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    Relative,
    Absolute,
    Behind,
}

const DUPLICATE_FIELD: Error = Error::corrupt("Duplicate hash fields detected");
const BAD_TIME: Error = Error::corrupt("invalid expireAt time");

/// Has a field that has just been set expire.
fn give_time(hash: &mut Hash, field: &[u8], when_ms: Option<u64>) -> Result<(), Error> {
    if let Some(when_ms) = when_ms {
        if when_ms > Hash::EXPIRY_MAX_MS {
            return Err(BAD_TIME);
        }
        hash.set_expiry(field, Some(when_ms));
    }
    Ok(())
}

const TOO_LONG: Error = Error::unsupported("it holds an element of more than 4 GiB");

/// A string is kept in one block, which has a limit.
fn check_len(len: usize) -> Result<(), Error> {
    if len > BigStr::MAX_BYTES { Err(TOO_LONG) } else { Ok(()) }
}

fn not_empty(empty: bool) -> Result<(), Error> {
    if empty { Err(Error::Empty) } else { Ok(()) }
}

fn listpack(source: &mut impl Source, complaint: &'static str) -> Result<Listpack, Error> {
    source.text(|bytes| Listpack::from_bytes_validated(bytes).map_err(|_| Error::corrupt(complaint)))?
}

fn from_ziplist(source: &mut impl Source, complaint: &'static str) -> Result<Listpack, Error> {
    source.text(|bytes| {
        let list = Ziplist::new(bytes).map_err(|_| Error::corrupt(complaint))?;
        Listpack::from_elems(list.iter()).map_err(|_| TOO_LONG)
    })?
}

/// A score as the first version of sorted sets had it: a length and digits, or a number that says all.
fn old_score<S: Source>(source: &mut S) -> Result<f64, Error> {
    match source.byte()? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        len => parse_f64(source.take(usize::from(len))?).ok_or(Error::corrupt("a score is not a number")),
    }
}

/// The name of a module's type: nine letters of six bits each, in the upper bits of its number.
pub fn module_name(id: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|at| char::from(LETTERS[(id >> (58 - 6 * at) & 63) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::keyspace::Ref;
    use crate::persist::rdb::dump;

    const FIRST_MS: u64 = 2_524_600_800_123;

    fn restored(hex: &str, family: Family) -> Result<Value, Error> {
        let digits: Vec<u8> = hex.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
        let body: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        dump::restore(&body, family, true, &Env::new(Config::default()))
    }

    #[test]
    fn fields_with_times_in_every_form() {
        // Two of these were written by redis 8.0 and one by valkey 9.1; the pre-release forms are made of them.
        let table = "187b13efcd4b0200000480000f42410163c003010161c0010001620374776f000164c004";
        let list =
            "36360000000c008161020101f47b13efcd4b020000098163020301f4bb55fecd4b020000098162028374776f04000181640204010001ff";
        let behind = "16040161c0017b13efcd4b02000001620374776fffffffffffffffff0163c003bb55fecd4b0200000164c004ffffffffffffffff";
        let absolute = "1604810000024bcdef137b0161c0010001620374776f81000002\
                        4bcdfe55bb0163c003000164c004"
            .replace(char::is_whitespace, "");
        for (hex, family) in [
            (table.to_owned(), Family::Redis),
            (format!("197b13efcd4b020000{list}"), Family::Redis),
            (format!("17{list}"), Family::Redis),
            (absolute, Family::Redis),
            (behind.to_owned(), Family::Valkey),
        ] {
            let Ok(Value::Hash(hash)) = restored(&hex, family) else { panic!("{hex}") };
            assert_eq!(hash.len(), 4);
            assert_eq!(hash.get(b"b").map(|value| value.to_vec()), Some(b"two".to_vec()));
            let times = [b"a", b"b", b"c", b"d"].map(|field| hash.expiry_ms(field));
            assert_eq!(times, [Some(Some(FIRST_MS)), Some(None), Some(Some(FIRST_MS + 1_000_000)), Some(None)], "{hex}");
            let again = dump::dump(Ref::Hash(&hash), false);
            assert!(matches!(dump::open(&again, true), Some((_, body)) if body[0] == kind::HASH_TTL));
        }
    }

    #[test]
    fn times_that_cannot_be() {
        for (hex, family) in [
            // Beyond the last moment; a field twice; a time that is a text; a triple that is none; no fields.
            ("187b13efcd4b02ffff0101016101b0", Family::Redis),
            ("160200016101310001610131", Family::Redis),
            ("170f0f0000000300816102010181780203ff", Family::Redis),
            ("170b0b00000002008161020101ff", Family::Redis),
            ("160101610131ffffffffffffff7f", Family::Valkey),
            ("1600", Family::Valkey),
            ("187b13efcd4b020000ffffffff", Family::Redis),
        ] {
            assert!(restored(hex, family).is_err(), "{hex}");
        }
    }
}
