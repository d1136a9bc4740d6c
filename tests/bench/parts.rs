//! What the parts of a request cost by themselves: parser, reply, table, listpack, tree. Nanoseconds, by criterion.
//!
//! The whole server is measured by `scripts/bench`, against other servers; these say where its time goes.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use redoubt::encoding::listpack::{Elem, Listpack};
use redoubt::encoding::tree::Tree;
use redoubt::keyspace::Entry;
use redoubt::keyspace::table::Table;
use redoubt::resp::Reply;
use redoubt::resp::parse::{self, Limits, Step};
use redoubt::util::hash::hash;

const KEYS: u64 = 1_000_000;

fn key(n: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let digits = format!("{n:012}");
    key[4..].copy_from_slice(digits.as_bytes());
    key
}

fn parser(c: &mut Criterion) {
    let limits = Limits { bulk_max: 512 << 20, authenticated: true };
    let mut group = c.benchmark_group("parse");
    for (name, request) in [
        ("get", b"*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n".to_vec()),
        ("set", b"*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n".to_vec()),
        ("mset of 10", [&b"*21\r\n$4\r\nMSET\r\n"[..], &b"$16\r\nkey:000000000001\r\n$3\r\nxxx\r\n".repeat(10)].concat()),
    ] {
        let mut spans = Vec::new();
        group.throughput(Throughput::Bytes(request.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                spans.clear();
                matches!(parse::parse(black_box(&request), 0, None, &mut spans, &limits), Ok(Step::Request { .. }))
            });
        });
    }
}

fn reply(c: &mut Criterion) {
    let mut reply = Reply::new();
    c.bench_function("reply/bulk of 16", |b| {
        b.iter(|| {
            reply.buf.clear();
            reply.bulk(black_box(b"val:000000000001"));
        });
    });
    c.bench_function("reply/array of 100 integers", |b| {
        b.iter(|| {
            reply.buf.clear();
            reply.array(100);
            (0..100).for_each(|n| reply.int(black_box(n * 1000)));
        });
    });
}

fn table(c: &mut Criterion) {
    let mut table = Table::new();
    for n in 0..KEYS {
        table.insert_unique(hash(&key(n)), Entry::with_string(&key(n), b"val:000000000001", None));
    }
    let mut rng = fastrand::Rng::with_seed(1);
    c.bench_function("table/find one of a million", |b| {
        b.iter_batched(
            || key(rng.u64(..KEYS)),
            |key| table.find(hash(&key), &key).map(|entry| entry.clock()),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("table/find 64 of a million, fetched ahead", |b| {
        b.iter_batched(
            || std::array::from_fn::<_, 64, _>(|_| key(rng.u64(..KEYS))),
            |keys| {
                let hashes = keys.map(|key| hash(&key));
                hashes.iter().for_each(|&hash| table.prefetch_bucket(hash));
                hashes.iter().for_each(|&hash| table.prefetch_item(hash));
                let found = keys.iter().zip(hashes).filter(|(key, hash)| table.find(*hash, *key).is_some());
                found.count()
            },
            BatchSize::SmallInput,
        );
    });
    let mut next = KEYS;
    c.bench_function("table/insert and remove", |b| {
        b.iter(|| {
            next += 1;
            let (key, old) = (key(next), key(next - KEYS));
            table.insert_unique(hash(&key), Entry::with_string(&key, b"val:000000000001", None));
            table.remove(hash(&old), &old).is_some()
        });
    });
}

fn listpack(c: &mut Criterion) {
    let words: Vec<String> = (0..100).map(|n| format!("field{n:03}")).collect();
    let list = Listpack::from_elems(words.iter().map(|word| Elem::Bytes(word.as_bytes()))).expect("it is short");
    c.bench_function("listpack/walk 100", |b| b.iter(|| black_box(&list).iter().count()));
    c.bench_function("listpack/find the last of 100", |b| {
        b.iter(|| list.first().and_then(|first| list.find(black_box(b"field099"), first, 0)));
    });
    c.bench_function("listpack/push 100", |b| {
        b.iter(|| {
            let mut list = Listpack::new();
            words.iter().for_each(|word| list.push_back(word.as_bytes()).expect("it is short"));
            list
        });
    });
}

fn tree(c: &mut Criterion) {
    let mut tree: Tree<u64, u64> = Tree::from_sorted((0..KEYS).map(|n| (n, n)));
    let mut rng = fastrand::Rng::with_seed(1);
    c.bench_function("tree/rank of one of a million", |b| {
        b.iter(|| {
            let n = rng.u64(..KEYS);
            tree.rank_of(n, |other| other.cmp(&n))
        });
    });
    c.bench_function("tree/get by rank", |b| b.iter(|| tree.get(rng.usize(..KEYS as usize))));
    c.bench_function("tree/remove and insert", |b| {
        b.iter(|| {
            let n = rng.u64(..KEYS);
            tree.remove(n, |other| other.cmp(&n));
            tree.insert(n, n, |other| other.cmp(&n))
        });
    });
}

criterion_group!(benches, parser, reply, table, listpack, tree);
criterion_main!(benches);
