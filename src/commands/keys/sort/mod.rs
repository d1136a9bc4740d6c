//! SORT and SORT_RO: the elements of a list, a set or a sorted set, in an order of one's own.
//!
//! Elements are copied out first, for what BY and GET lead to is read (and may expire) meanwhile. Then each gets its
//! weight, and no more is put in order than LIMIT leaves.
//!
//! | file | what |
//! |---|---|
//! | `options` | the words behind the key |
//! | `pattern` | what BY and GET lead to |

pub mod options;
mod pattern;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::commands::lists;
use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::encoding::listpack::Elem;
use crate::keyspace::{Class, Ref, Value};
use crate::resp::{Args, Reply};
use crate::sys::locale;
use crate::types::List;
use crate::types::list::End;
use crate::types::{Zset, zset};
use crate::util::float;
use options::{By, Options};
use pattern::Pattern;

const CATEGORIES: &[Category] = &[Category::Set, Category::SortedSet, Category::List, Category::Dangerous];

const COMPLEXITY: &str = "O(N+M*log(M)) for N elements of which M are returned; O(N) when they are not sorted.";

const BY_GET_KEYS: Keys = Keys::unknown().does(&[Use::RO, Use::Access]).notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
);

pub static SORT: Command = Command::data("SORT", sort)
    .summary("Returns or stores the elements of a list, a set or a sorted set in order.")
    .since("1.0.0")
    .complexity(COMPLEXITY)
    .group(Group::Generic)
    .arity(-2)
    .flags(&[Write, DenyOom])
    .categories(CATEGORIES)
    .keys(&[
        Keys::one(1).does(&[Use::RO, Use::Access]),
        BY_GET_KEYS,
        Keys::unknown().does(&[Use::OW, Use::Update]).notes(
            "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument \
             array",
        ),
    ])
    .keys_fn(keys_of)
    .args(&[
        key("key", 0),
        Arg { key_spec: Some(1), ..pattern("by-pattern") }.token("BY").optional().display("pattern"),
        block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        Arg { key_spec: Some(1), ..pattern("get-pattern") }.token("GET").optional().multiple_token().display("pattern"),
        oneof("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional(),
        token("sorting", "ALPHA").optional(),
        key("destination", 2).token("STORE").optional(),
    ]);

fn sort(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, false)
}

pub static SORT_RO: Command = Command::data("SORT_RO", sort_ro)
    .summary("Returns the elements of a list, a set or a sorted set in order.")
    .since("7.0.0")
    .complexity(COMPLEXITY)
    .group(Group::Generic)
    .arity(-2)
    .flags(&[ReadOnly])
    .categories(CATEGORIES)
    .keys(&[Keys::one(1).does(&[Use::RO, Use::Access]), BY_GET_KEYS])
    .keys_fn(keys_of)
    .args(&[
        key("key", 0),
        Arg { key_spec: Some(1), ..pattern("by-pattern") }.token("BY").optional().display("pattern"),
        block("limit", &[integer("offset"), integer("count")]).token("LIMIT").optional(),
        Arg { key_spec: Some(1), ..pattern("get-pattern") }.token("GET").optional().multiple_token().display("pattern"),
        oneof("order", &[token("asc", "ASC"), token("desc", "DESC")]).optional(),
        token("sorting", "ALPHA").optional(),
    ]);

fn sort_ro(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    run(db, args, reply, true)
}

/// The key to be sorted, and the last one that STORE names.
fn keys_of(args: Args<'_>) -> Option<Vec<KeyAt>> {
    let mut keys = vec![KeyAt { index: 1, uses: Uses::of(&[Use::RO, Use::Access]) }];
    let (mut at, mut store) = (2, None);
    while at < args.len() {
        if args.is(at, "LIMIT") {
            at += 2;
        } else if args.is(at, "GET") || args.is(at, "BY") {
            at += 1;
        } else if args.is(0, "SORT") && args.is(at, "STORE") && at + 1 < args.len() {
            store = Some(at + 1);
        }
        at += 1;
    }
    keys.extend(store.map(|index| KeyAt { index, uses: Uses::of(&[Use::OW, Use::Update]) }));
    Some(keys)
}

fn run(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply, read_only: bool) -> CmdResult {
    let mut options = Options::parse(args, read_only, db.env.config.cluster_enabled)?;
    if let Ok(Some(mut sorted_set)) = db.get_mut::<Zset>(args.at(1)) {
        // Upstream walks sorted sets in their big encoding only, and leaves them in it.
        sorted_set.hint(usize::MAX, &zset::Limits { max_entries: 0, max_value_bytes: 0 });
    }
    let in_script = db.env.in_script;
    let value = db.read(args.at(1));
    // What order a set has by itself is nobody's business: what is stored must not depend on it.
    if matches!(value, Some(Ref::Set(_))) && options.by == By::Nothing && (options.store.is_some() || in_script) {
        (options.by, options.alpha) = (By::Element, true);
    }
    let sorted = match value {
        None => Vec::new(),
        Some(Ref::Int(_) | Ref::Str { .. } | Ref::Hash(_) | Ref::Stream(_)) => return Err(CmdError::WRONG_TYPE),
        Some(value) if options.by == By::Nothing => unsorted(value, &options),
        Some(value) => {
            let (start, end) = options.places(value.size());
            let mut elements = copy_all(value);
            arrange(db, &mut elements, start..end, &options)?;
            elements.truncate(end);
            elements.drain(..start);
            elements
        }
    };
    match options.store {
        Some(target) => store(db, &sorted, &options, target, reply)?,
        None => answer(db, &sorted, &options, reply),
    }
    Ok(Flow::Done)
}

/// Copies all elements, in the order they lie.
fn copy_all(value: Ref<'_>) -> Vec<Box<[u8]>> {
    let mut elements = Vec::with_capacity(value.size());
    let copy = |element: Elem<'_>| elements.push(element.to_vec().into_boxed_slice());
    match value {
        Ref::List(list) => list.for_each_range(0, list.len(), copy),
        Ref::Set(set) => set.iter().for_each(copy),
        Ref::Zset(zset) => zset.iter().map(|(member, _)| member).for_each(copy),
        Ref::Int(_) | Ref::Str { .. } | Ref::Hash(_) | Ref::Stream(_) => {}
    }
    elements
}

/// Copies the elements that LIMIT leaves, in the order they lie; a list and a sorted set may be taken from the end.
fn unsorted(value: Ref<'_>, options: &Options<'_>) -> Vec<Box<[u8]>> {
    let (start, end) = options.places(value.size());
    let mut elements = Vec::with_capacity(end - start);
    let mut copy = |element: Elem<'_>| elements.push(element.to_vec().into_boxed_slice());
    match value {
        Ref::List(list) if options.descending => {
            let mut left = start;
            list.for_each_from_tail(end, |element| match left {
                0 => copy(element),
                _ => left -= 1,
            });
        }
        Ref::List(list) => list.for_each_range(start, end - start, copy),
        Ref::Set(set) => set.iter().skip(start).take(end - start).for_each(copy),
        Ref::Zset(zset) if options.descending => {
            let len = zset.len();
            zset.range(len - end..len - start).rev().for_each(|(member, _)| copy(member));
        }
        Ref::Zset(zset) => zset.range(start..end).for_each(|(member, _)| copy(member)),
        Ref::Int(_) | Ref::Str { .. } | Ref::Hash(_) | Ref::Stream(_) => {}
    }
    elements
}

/// Puts those elements in order that belong in these places.
///
/// # Errors
/// When they are to be compared as numbers, and one is none.
fn arrange(
    db: &mut Db<'_>,
    elements: &mut Vec<Box<[u8]>>,
    places: std::ops::Range<usize>,
    options: &Options<'_>,
) -> Result<(), CmdError> {
    let directed = |order: Ordering| if options.descending { order.reverse() } else { order };
    // What is stored must not depend on where the server runs.
    let plain = options.store.is_some() || locale::is_plain();
    if let (By::Element, true, true) = (&options.by, options.alpha, plain) {
        order(elements, places, |a, b| directed(a.cmp(b)));
        return Ok(());
    }
    let by = match &options.by {
        By::Pattern(pattern) => Some(pattern),
        By::Element | By::Nothing => None,
    };
    if options.alpha {
        let text = |weight: Cow<'_, [u8]>| if plain { weight.into_owned() } else { locale::sort_key(&weight) };
        let mut weighed = weigh(db, elements, by, |weight| Ok(weight.map(text)))?;
        order(&mut weighed, places, |a, b| directed(a.0.cmp(&b.0)));
        elements.extend(weighed.into_iter().map(|(_, element)| element));
    } else {
        let mut weighed = weigh(db, elements, by, |weight| match weight {
            None => Ok(0.0),
            Some(text) => {
                float::parse_bound(&text).ok_or(CmdError::text("ERR One or more scores can't be converted into double"))
            }
        })?;
        // Where numbers are the same the elements decide, so that the order is always the same.
        order(&mut weighed, places, |a, b| {
            directed(a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(&b.1)))
        });
        elements.extend(weighed.into_iter().map(|(_, element)| element));
    }
    Ok(())
}

/// An element behind its weight.
type Weighed<W> = (W, Box<[u8]>);

/// Takes the elements, each with what `measure` makes of its weight: what BY leads to, or itself.
fn weigh<W>(
    db: &mut Db<'_>,
    elements: &mut Vec<Box<[u8]>>,
    by: Option<&Pattern<'_>>,
    measure: impl Fn(Option<Cow<'_, [u8]>>) -> Result<W, CmdError>,
) -> Result<Vec<Weighed<W>>, CmdError> {
    let mut key = Vec::new();
    let weighed = elements.drain(..).map(|element| {
        let weight = match by {
            Some(pattern) => measure(pattern.look_up(db, &element, &mut key)),
            None => measure(Some(Cow::Borrowed(&element))),
        };
        Ok((weight?, element))
    });
    weighed.collect()
}

/// Sorts so that the right items lie in these places; the others lie anywhere on their side of them.
fn order<T>(items: &mut [T], places: std::ops::Range<usize>, compare: impl Fn(&T, &T) -> Ordering) {
    if places.is_empty() {
        return;
    }
    let mut wanted = items;
    if places.end < wanted.len() {
        wanted.select_nth_unstable_by(places.end, &compare);
        wanted = &mut wanted[..places.end];
    }
    if places.start > 0 {
        wanted.select_nth_unstable_by(places.start, &compare);
        wanted = &mut wanted[places.start..];
    }
    wanted.sort_by(compare);
}

fn answer(db: &mut Db<'_>, sorted: &[Box<[u8]>], options: &Options<'_>, reply: &mut Reply) {
    reply.array(sorted.len() * options.gets.len().max(1));
    let mut key = Vec::new();
    for element in sorted {
        if options.gets.is_empty() {
            reply.bulk(element);
        }
        for get in &options.gets {
            reply.bulk_or_null(get.of(db, element, &mut key).as_deref());
        }
    }
}

/// Stores the result as a list, in which what GET does not find is an empty string.
fn store(db: &mut Db<'_>, sorted: &[Box<[u8]>], options: &Options<'_>, target: &[u8], reply: &mut Reply) -> Result<(), CmdError> {
    let stored = sorted.len() * options.gets.len().max(1);
    if stored == 0 {
        let lazily = db.env.config.lazyfree_lazy_server_del;
        db.delete(target, lazily);
    } else {
        let limits = lists::limits(db.env);
        let mut list = List::default();
        let mut push = |text: &[u8]| {
            list.expect(text.len(), 1, limits);
            list.push(text, End::Tail)
        };
        let mut key = Vec::new();
        for element in sorted {
            if options.gets.is_empty() {
                push(element)?;
            }
            for get in &options.gets {
                push(&get.of(db, element, &mut key).unwrap_or_default())?;
            }
        }
        db.put(target, Value::List(list), None);
        db.changed_n(target, Class::List, "sortstore", stored);
    }
    reply.count(stored);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::keyspace::Value;
    use crate::server::testing::Session;
    use crate::types::{Zset, zset};

    /// The elements of an array reply, in brackets those that are null.
    fn list(reply: &str) -> String {
        let mut words = Vec::new();
        let mut lines = reply.split("\r\n").skip(1);
        while let Some(head) = lines.next().filter(|line| !line.is_empty()) {
            words.push(if head == "$-1" { "()" } else { lines.next().unwrap() });
        }
        words.join(" ")
    }

    fn sorts(s: &mut Session, cases: &[(&str, &str)]) {
        for (line, words) in cases {
            assert_eq!(list(&s.run(line)), *words, "{line}");
        }
    }

    #[test]
    fn numbers_and_bytes() {
        let mut s = Session::new();
        s.run("RPUSH l 2 1 3 10 -5 1.5 +4 inf");
        sorts(
            &mut s,
            &[
                ("SORT l", "-5 1 1.5 2 3 +4 10 inf"),
                ("SORT l DESC", "inf 10 +4 3 2 1.5 1 -5"),
                ("SORT l ALPHA", "+4 -5 1 1.5 10 2 3 inf"),
                ("SORT l LIMIT 2 3", "1.5 2 3"),
                ("SORT l LIMIT -1 2 DESC", "inf 10"),
                ("SORT l LIMIT 7 100", "inf"),
                ("SORT l LIMIT 8 1", ""),
                ("SORT l LIMIT 2 0", ""),
                ("SORT l BY nosort", "2 1 3 10 -5 1.5 +4 inf"),
                ("SORT l BY nosort LIMIT 1 2", "1 3"),
                ("SORT l BY nosort DESC", "inf +4 1.5 -5 10 3 1 2"),
                ("SORT l BY nosort DESC LIMIT 1 2", "+4 1.5"),
                ("SORT l BY nosort DESC LIMIT 9 2", ""),
                ("SORT none", ""),
            ],
        );
        s.run("RPUSH l x");
        assert_eq!(s.run("SORT l"), "-ERR One or more scores can't be converted into double\r\n");
        assert_eq!(s.run("SORT l LIMIT 0 0"), "-ERR One or more scores can't be converted into double\r\n");
        s.run("SET s x");
        assert!(s.run("SORT s").starts_with("-WRONGTYPE"));
        assert_eq!(s.run("SORT s FOO"), "-ERR syntax error\r\n");
    }

    #[test]
    fn weights_and_what_is_got() {
        let mut s = Session::new();
        s.run("RPUSH l a b c d");
        s.run("MSET w_a 3 w_b 1 w_d text x:a-> arrow");
        s.run("HSET h_a f 1");
        s.run("HSET h_c f 2");
        s.run("DEL w_d");
        sorts(
            &mut s,
            &[
                // Without a weight it counts as zero, and the same weight leaves it to the elements.
                ("SORT l BY w_*", "c d b a"),
                ("SORT l BY w_* DESC", "a b d c"),
                ("SORT l BY h_*->f", "b d a c"),
                ("SORT l BY w_* ALPHA LIMIT 2 2", "b a"),
                ("SORT l BY w_* GET # GET w_* GET nope GET h_*->f", "c () () 2 d () () () b 1 () () a 3 () 1"),
                ("SORT l BY nosort GET x:*-> LIMIT 0 1", "arrow"),
                ("SORT l BY nosort GET w_*->f LIMIT 0 1", "()"),
                ("SORT l BY nosort GET h_* LIMIT 0 1", "()"),
                ("SORT_RO l ALPHA GET *", "() () () ()"),
            ],
        );
    }

    #[test]
    fn sets_and_sorted_sets() {
        let mut s = Session::new();
        s.run("SADD e 3 1 2");
        let mut zset = Zset::default();
        for (member, score) in [("a", 1.0), ("b", 5.0), ("c", 2.0), ("d", 10.0), ("e", 3.0)] {
            let limits = zset::Limits { max_entries: 128, max_value_bytes: 64 };
            zset.add(member.as_bytes(), score, zset::AddFlags::default(), &limits);
        }
        s.server.db(0).put(b"z", Value::Zset(zset), None);
        sorts(
            &mut s,
            &[
                ("SORT e DESC", "3 2 1"),
                ("SORT z ALPHA DESC", "e d c b a"),
                ("SORT z BY nosort", "a c e b d"),
                ("SORT z BY nosort DESC", "d b e c a"),
                ("SORT z BY nosort LIMIT 1 2", "c e"),
                ("SORT z BY nosort DESC LIMIT 1 2", "b e"),
            ],
        );
        s.run("SADD words b c a");
        s.run("SORT words BY nosort STORE l");
        assert_eq!(list(&s.run("LRANGE l 0 -1")), "a b c");
    }

    #[test]
    fn storing() {
        let mut s = Session::new();
        s.run("RPUSH l 3 1 2");
        s.run("MSET w_1 one");
        assert_eq!(s.run("SORT l STORE d"), ":3\r\n");
        assert_eq!(list(&s.run("LRANGE d 0 -1")), "1 2 3");
        assert_eq!(s.run("SORT l GET w_* GET # STORE d"), ":6\r\n");
        assert_eq!(s.run("LINDEX d 2"), "$0\r\n\r\n");
        s.run("SETEX d 100 x");
        assert_eq!(s.run("SORT l STORE d"), ":3\r\n");
        assert_eq!(s.run("TTL d"), ":-1\r\n");
        assert_eq!(s.run("SORT none STORE d"), ":0\r\n");
        assert_eq!(s.run("EXISTS d"), ":0\r\n");
        assert_eq!(s.run("SORT l LIMIT 0 0 STORE l"), ":0\r\n");
        assert_eq!(s.run("EXISTS l"), ":0\r\n");
        assert_eq!(s.run("SORT_RO l STORE d"), "-ERR syntax error\r\n");
    }

    #[test]
    fn whatever_limit_leaves_is_the_same_as_in_the_whole() {
        let mut s = Session::new();
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            s.run(&format!("RPUSH l {}", rng.i32(-50..50)));
        }
        for options in ["", "DESC", "ALPHA", "ALPHA DESC"] {
            let whole = list(&s.run(&format!("SORT l {options}")));
            let whole: Vec<&str> = whole.split(' ').collect();
            for _ in 0..50 {
                let (start, count) = (rng.usize(0..200), rng.usize(1..50));
                let part = list(&s.run(&format!("SORT l {options} LIMIT {start} {count}")));
                assert_eq!(part, whole[start..(start + count).min(200)].join(" "));
            }
        }
    }

    #[test]
    fn keys_are_found() {
        let at = |line: &str| {
            let args: crate::resp::OwnedArgs = line.split(' ').collect();
            let keys = super::keys_of(args.view()).unwrap_or_default();
            keys.iter().map(|key| args.view().at(key.index).to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(at("SORT abc store invalid store stillbad store def"), [b"abc", b"def"]);
        assert_eq!(at("SORT abc GET store BY store LIMIT store store"), [b"abc"]);
        assert_eq!(at("SORT abc store"), [b"abc"]);
        assert_eq!(at("SORT_RO abc store def"), [b"abc"]);
    }
}
