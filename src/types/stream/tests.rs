//! Streams against what a map of entries would do, and foreign nodes.

use std::collections::BTreeMap;

use super::parts::{Broken, Builder, Counters};
use super::*;
use crate::resp::OwnedArgs;

type Twin = BTreeMap<StreamId, Vec<Vec<u8>>>;

const LIMITS: Limits = Limits { max_bytes: 4096, max_entries: 5 };

fn content(entry: Entry<'_>) -> (StreamId, Vec<Vec<u8>>) {
    (entry.id, entry.fields.flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect())
}

fn check(log: &Log, twin: &Twin) {
    assert_eq!(log.len() as usize, twin.len());
    assert!(log.iter().map(content).eq(twin.iter().map(|(id, pairs)| (*id, pairs.clone()))));
    let back = log.range(StreamId::MIN, StreamId::MAX, true).map(content);
    assert!(back.eq(twin.iter().rev().map(|(id, pairs)| (*id, pairs.clone()))));
    assert_eq!(log.first_id, twin.keys().next().copied().unwrap_or(StreamId::MIN));
    if let Some(last) = twin.keys().next_back() {
        assert_eq!(log.last_valid_id(), *last);
    }
}

fn rebuilt(stream: &Stream) -> Result<Stream, Broken> {
    let log = &stream.log;
    let mut builder = Builder::new();
    for node in log.nodes() {
        builder.node(node.id(), node.as_bytes())?;
    }
    builder.counters(Counters {
        len: log.len(),
        last_id: log.last_id,
        first_id: Some(log.first_id),
        max_deleted_id: Some(log.max_deleted_id),
        entries_added: Some(log.entries_added),
    })?;
    builder.finish()
}

#[test]
fn behaves_as_a_map_does() {
    let mut rng = fastrand::Rng::with_seed(11);
    for round in 0..40 {
        let limits = Limits { max_entries: [0, 1, 3, 5, 100][round % 5], max_bytes: [0, 60, 4096][round % 3] };
        let (mut stream, mut twin) = (Stream::new(), Twin::new());
        for _ in 0..120 {
            let log = &mut stream.log;
            match rng.u8(0..20) {
                0..12 => {
                    let names: [&[u8]; 3] = [b"a", b"b", b"7"];
                    let mut pairs = OwnedArgs::new();
                    for name in &names[..rng.usize(1..4)] {
                        pairs.push(if rng.u8(..) < 20 { b"odd" } else { name });
                        pairs.push(&vec![b'v'; rng.choice([0, 1, 30, 70, 300]).unwrap_or(1)]);
                    }
                    let id = StreamId::new(log.last_id.ms + rng.u64(0..3), rng.u64(0..4));
                    let Ok(id) = log.next_id(Some(Written { ms: id.ms, seq: Seq::Given(id.seq) }), 0) else { continue };
                    log.append(id, pairs.view(), limits).unwrap();
                    twin.insert(id, pairs.view().iter().map(<[u8]>::to_vec).collect());
                }
                12..17 => {
                    let id = StreamId::new(rng.u64(0..=log.last_id.ms), rng.u64(0..4));
                    assert_eq!(log.delete(id), twin.remove(&id).is_some());
                }
                17 => {
                    let max = rng.u64(0..40);
                    let gone = log.trim(Cut { keep: Keep::Newest(max), approx: false, limit: 0 }, None);
                    assert_eq!(gone, (twin.len() as u64).saturating_sub(max));
                    while twin.len() as u64 > max {
                        twin.pop_first();
                    }
                }
                18 => {
                    let id = StreamId::new(rng.u64(0..=log.last_id.ms), 1);
                    let keep_odd = rng.bool();
                    let mut kept = |id: StreamId| !(keep_odd && id.seq % 2 == 1);
                    let cut = Cut { keep: Keep::From(id), approx: false, limit: 0 };
                    log.trim(cut, if keep_odd { Some(&mut kept) } else { None });
                    twin.retain(|other, _| *other >= id || (keep_odd && other.seq % 2 == 1));
                }
                _ => {
                    let before = log.len();
                    let gone = log.trim(Cut { keep: Keep::Newest(8), approx: true, limit: 6 }, None);
                    assert!(gone <= 6 && before - gone >= 8.min(before));
                    for _ in 0..gone {
                        twin.pop_first();
                    }
                }
            }
            check(&stream.log, &twin);
        }
        let (low, high) = (StreamId::new(rng.u64(0..40), 1), StreamId::new(rng.u64(0..80), 2));
        let between = stream.log.range(low, high, false).map(|entry| entry.id);
        assert!(between.eq(twin.keys().copied().filter(|id| (low..=high).contains(id))));
        check(&rebuilt(&stream).unwrap().log, &twin);
    }
}

#[test]
fn a_node_is_upstreams() {
    let mut stream = Stream::new();
    let pairs: OwnedArgs = ["f", "v"].into_iter().collect();
    let other: OwnedArgs = ["g", "1000"].into_iter().collect();
    stream.log.append(StreamId::new(1, 1), pairs.view(), LIMITS).unwrap();
    stream.log.append(StreamId::new(2, 0), other.view(), LIMITS).unwrap();
    let bytes = stream.log.nodes().next().unwrap().as_bytes();
    let expected = [
        &[2, 1, 0, 1, 1, 1, 0x81, b'f', 2, 0, 1][..],
        &[2, 1, 0, 1, 0, 1, 0x81, b'v', 2, 4, 1],
        &[0, 1, 1, 1, 0xdf, 0xff, 2, 1, 1, 0x81, b'g', 2, 0xc3, 0xe8, 2, 6, 1],
    ];
    assert_eq!(bytes[6..bytes.len() - 1], expected.concat());
}

#[test]
fn foreign_nodes_are_refused_or_harmless() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut stream = Stream::new();
    for n in 1..5 {
        let pairs: OwnedArgs = if n == 3 { ["x", "y", "z", "1"] } else { ["a", "1", "b", "text"] }.into_iter().collect();
        stream.log.append(StreamId::new(n * 300, n), pairs.view(), LIMITS).unwrap();
    }
    stream.log.delete(StreamId::new(600, 2));
    let node = stream.log.nodes().next().unwrap().clone();
    assert!(Node::validated(node.id(), node.as_bytes()).is_some());
    let mut accepted = 0;
    for _ in 0..30_000 {
        let mut bytes = node.as_bytes().to_vec();
        for _ in 0..rng.usize(1..3) {
            let at = rng.usize(6..bytes.len() - 1);
            bytes[at] = if rng.bool() { rng.u8(0..8) } else { rng.u8(..) };
        }
        let mut builder = Builder::new();
        if builder.node(node.id(), &bytes).is_err() {
            continue;
        }
        accepted += 1;
        let (len, last_id) = (3, StreamId::MAX);
        let counters = Counters { len, last_id, first_id: None, max_deleted_id: None, entries_added: None };
        builder.counters(counters).unwrap();
        let mut stream = builder.finish().unwrap();
        let ids: Vec<StreamId> = stream.log.iter().map(|entry| entry.id).collect();
        assert_eq!((ids.len(), ids.is_sorted()), (3, true));
        assert_eq!(stream.log.range(StreamId::MIN, StreamId::MAX, true).count(), 3);
        assert!(ids.iter().all(|&id| stream.log.delete(id)));
        assert_eq!(stream.log.node_count(), 0);
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    let counters =
        |len, last| Counters { len, last_id: StreamId::new(last, 0), first_id: None, max_deleted_id: None, entries_added: None };
    let mut stream = Stream::new();
    let pairs: OwnedArgs = ["f", "v"].into_iter().collect();
    stream.log.append(StreamId::new(5, 0), pairs.view(), LIMITS).unwrap();
    let node = stream.log.nodes().next().unwrap();
    let begin = || {
        let mut builder = Builder::new();
        builder.node(node.id(), node.as_bytes()).unwrap();
        builder
    };
    assert_eq!(begin().node(StreamId::new(5, 0), node.as_bytes()), Err(Broken::Order));
    assert_eq!(begin().counters(counters(2, 5)), Err(Broken::Length));
    assert_eq!(begin().counters(counters(1, 4)), Err(Broken::LastId));
    let mut builder = begin();
    builder.counters(counters(1, 9)).unwrap();
    builder.group(b"g", StreamId::MIN, Some(None)).unwrap();
    builder.pending(StreamId::new(5, 0), 1, 1).unwrap();
    assert_eq!(builder.pending(StreamId::new(5, 0), 1, 1), Err(Broken::Pending));
    assert_eq!(builder.owned(StreamId::new(5, 0)), Err(Broken::Pending));
    builder.consumer(b"c", 1, 1).unwrap();
    assert_eq!(builder.consumer(b"c", 1, 1), Err(Broken::Consumer));
    assert_eq!(builder.group(b"h", StreamId::MIN, None), Err(Broken::Pending));
}

#[test]
fn pending_entries_have_one_owner() {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut group = Group::new(StreamId::MIN, None);
    let mut twin: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for step in 0..3000 {
        let name = [b'a' + rng.u8(0..4)];
        let n = rng.u64(0..60);
        let id = StreamId::new(n, 0);
        match rng.u8(0..10) {
            0..6 => {
                let no = group.find(&name).or_else(|| group.add_consumer(&name, 0)).unwrap();
                group.deliver(id, Pending { delivered_ms: step, deliveries: 1, consumer: no });
                twin.insert(n, name.to_vec());
            }
            6 => {
                group.deliver(id, Pending { delivered_ms: 0, deliveries: 1, consumer: ConsumerNo::NOBODY });
                twin.insert(n, Vec::new());
            }
            7 if rng.u8(..) < 30 => {
                if let Some(no) = group.find(&name) {
                    let before = twin.len();
                    twin.retain(|_, owner| owner[..] != name);
                    assert_eq!(group.remove_consumer(no), before - twin.len());
                }
            }
            _ => assert_eq!(group.acknowledge(id), twin.remove(&n).is_some()),
        }
        let all = group.pending_from(StreamId::MIN).map(|(id, pending)| (id.ms, group.name_of(pending.consumer).to_vec()));
        assert!(all.eq(twin.iter().map(|(n, owner)| (*n, owner.clone()))));
        for (_, consumer) in group.consumers() {
            let own = consumer.pending_from(StreamId::MIN).map(|id| id.ms);
            assert!(own.eq(twin.iter().filter(|(_, owner)| owner[..] == *consumer.name()).map(|(n, _)| *n)));
        }
    }
}
