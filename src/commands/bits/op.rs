//! Whole strings combined bit by bit: BITOP.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::keyspace::database::string_bytes;
use crate::keyspace::entry::EMBED_MAX;
use crate::keyspace::value::{BigStr, Value};
use crate::resp::{Args, Reply};

pub static BITOP: Command = Command::data("BITOP", bitop)
    .summary("Combines strings bit by bit and stores what comes out.")
    .since("2.6.0")
    .complexity("O(N)")
    .group(Group::Bitmap)
    .arity(-4)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(2).does(&[Use::OW, Use::Update]), Keys::range(3, -1, 1).does(&[Use::RO, Use::Access])])
    .args(&[
        oneof(
            "operation",
            &[
                token("and", "AND"),
                token("or", "OR"),
                token("xor", "XOR"),
                token("not", "NOT"),
                token("diff", "DIFF").since("8.2.0"),
                token("diff1", "DIFF1").since("8.2.0"),
                token("andor", "ANDOR").since("8.2.0"),
                token("one", "ONE").since("8.2.0"),
            ],
        ),
        key("destkey", 0),
        key("key", 1).multiple(),
    ])
    .history(&[("8.2.0", "The operations `DIFF`, `DIFF1`, `ANDOR` and `ONE`.")]);

/// What is done with the bits at the same place of all sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    And,
    Or,
    Xor,
    Not,
    /// In the first, and in none of the others.
    Diff,
    /// Not in the first, but in one of the others.
    Diff1,
    /// In the first, and in one of the others.
    AndOr,
    /// In exactly one.
    One,
}

impl Op {
    const ALL: [(&'static str, Op); 8] = [
        ("AND", Op::And),
        ("OR", Op::Or),
        ("XOR", Op::Xor),
        ("NOT", Op::Not),
        ("DIFF", Op::Diff),
        ("DIFF1", Op::Diff1),
        ("ANDOR", Op::AndOr),
        ("ONE", Op::One),
    ];
}

fn bitop(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let Some((name, op)) = Op::ALL.into_iter().find(|(name, _)| args.is(1, name)) else { return Err(CmdError::SYNTAX) };
    let (dest, keys) = (args.at(2), args.from(3));
    if op == Op::Not && keys.len() != 1 {
        return Err(CmdError::text("ERR BITOP NOT must be called with a single source key."));
    }
    if matches!(op, Op::Diff | Op::Diff1 | Op::AndOr) && keys.len() < 2 {
        return Err(CmdError::err(format!("BITOP {name} must be called with at least two source keys.")));
    }
    let mut longest = 0;
    for key in keys.iter() {
        longest = longest.max(db.get_string(key)?.map_or(0, |bytes| bytes.len()));
    }
    if longest == 0 {
        db.delete(dest, db.env.config.lazyfree_lazy_server_del);
        reply.int(0);
        return Ok(Flow::Done);
    }
    let value = match BigStr::zeroed(longest).filter(|_| longest > EMBED_MAX) {
        Some(mut big) => {
            combine(db, op, keys, big.as_mut_slice());
            Value::Big(big)
        }
        None => {
            let mut bytes = vec![0; longest].into_boxed_slice();
            combine(db, op, keys, &mut bytes);
            Value::Str { bytes, raw: true }
        }
    };
    db.put(dest, value, None);
    db.changed(dest, Class::String, "set");
    reply.count(longest);
    Ok(Flow::Done)
}

/// Calls `take` with the string of a key; an empty one if there is none.
fn with_source(db: &mut Db<'_>, key: &[u8], take: impl FnOnce(&[u8])) {
    let mut digits = itoa::Buffer::new();
    let bytes = db.peek(key).and_then(|entry| string_bytes(entry.value(), &mut digits));
    take(bytes.unwrap_or_default());
}

/// Fills `out`, which is as long as the longest source and zero, with what the operation makes of the sources.
fn combine(db: &mut Db<'_>, op: Op, keys: Args<'_>, out: &mut [u8]) {
    let (first, others) = (keys.at(0), keys.from(1));
    match op {
        Op::And | Op::Or | Op::Xor | Op::Not | Op::Diff => {
            with_source(db, first, |bytes| out[..bytes.len()].copy_from_slice(bytes));
            if op == Op::Not {
                out.iter_mut().for_each(|byte| *byte = !*byte);
            }
            for key in others.iter() {
                with_source(db, key, |bytes| match op {
                    Op::And => intersect(out, bytes),
                    Op::Or => each(out, bytes, |a, b| a | b),
                    Op::Xor => each(out, bytes, |a, b| a ^ b),
                    _ => each(out, bytes, |a, b| a & !b),
                });
            }
        }
        Op::Diff1 | Op::AndOr => {
            for key in others.iter() {
                with_source(db, key, |bytes| each(out, bytes, |a, b| a | b));
            }
            with_source(db, first, |bytes| match op {
                Op::AndOr => intersect(out, bytes),
                _ => each(out, bytes, |a, b| a & !b),
            });
        }
        Op::One => {
            let mut twice = vec![0; out.len()];
            for key in keys.iter() {
                with_source(db, key, |bytes| {
                    for ((seen, twice), byte) in out.iter_mut().zip(&mut twice).zip(bytes) {
                        *twice |= *seen & byte;
                        *seen |= byte;
                    }
                });
            }
            each(out, &twice, |a, b| a & !b);
        }
    }
}

/// Combines a source with what is there so far. The loop is left to the compiler to make vectors of.
#[inline(always)]
fn each(out: &mut [u8], bytes: &[u8], combine: impl Fn(u8, u8) -> u8) {
    for (out, byte) in out.iter_mut().zip(bytes) {
        *out = combine(*out, *byte);
    }
}

/// Keeps what is in both; behind its end a source is zeros.
fn intersect(out: &mut [u8], bytes: &[u8]) {
    each(out, bytes, |a, b| a & b);
    out[bytes.len()..].fill(0);
}

#[cfg(test)]
mod tests {
    use super::Op;
    use crate::server::testing::Session;

    /// What the operation makes of the bits at one place.
    fn bit(op: Op, bits: &[bool]) -> bool {
        let (first, others) = (bits[0], bits[1..].iter().any(|bit| *bit));
        match op {
            Op::And => bits.iter().all(|bit| *bit),
            Op::Or => first | others,
            Op::Xor => bits.iter().filter(|bit| **bit).count() % 2 == 1,
            Op::Not => !first,
            Op::Diff => first & !others,
            Op::Diff1 => !first & others,
            Op::AndOr => first & others,
            Op::One => bits.iter().filter(|bit| **bit).count() == 1,
        }
    }

    #[test]
    fn operations_are_what_they_are_bit_by_bit() {
        let (mut s, mut rng) = (Session::new(), fastrand::Rng::with_seed(3));
        for round in 0..200 {
            let (name, op) = Op::ALL[round % Op::ALL.len()];
            let count = if op == Op::Not { 1 } else { rng.usize(2..5) };
            let sources: Vec<Vec<u8>> =
                (0..count).map(|_| (0..rng.usize(..if round < 100 { 9 } else { 400 })).map(|_| rng.u8(..)).collect()).collect();
            let mut words = vec![b"BITOP".to_vec(), name.as_bytes().to_vec(), b"out".to_vec()];
            for (index, source) in sources.iter().enumerate() {
                words.push(format!("k{index}").into_bytes());
                s.run_args(&[b"SET", &words[3 + index], source]);
            }
            let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            assert_eq!(s.run_args(&words), format!(":{longest}\r\n"));
            let want: Vec<u8> = (0..longest)
                .map(|at| {
                    (0..8).fold(0, |byte, place| {
                        let bits: Vec<bool> =
                            sources.iter().map(|source| source.get(at).copied().unwrap_or(0) >> (7 - place) & 1 == 1).collect();
                        byte << 1 | u8::from(bit(op, &bits))
                    })
                })
                .collect();
            let head = format!("${longest}\r\n").into_bytes();
            if longest > 0 {
                let got = s.run_bytes(s.client, &[b"GET", b"out"]);
                assert_eq!(got, [&head[..], &want, b"\r\n"].concat(), "{name} {sources:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_and_what_is_empty() {
        let mut s = Session::new();
        for (line, error) in [
            ("BITOP NAND d a", "syntax error"),
            ("BITOP NOT d a b", "BITOP NOT must be called with a single source key."),
            ("BITOP diff d a", "BITOP DIFF must be called with at least two source keys."),
            ("BITOP DIFF1 d a", "BITOP DIFF1 must be called with at least two source keys."),
            ("BITOP ANDOR d a", "BITOP ANDOR must be called with at least two source keys."),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
        s.run("RPUSH l a");
        assert!(s.run("BITOP OR d l").starts_with("-WRONGTYPE"));
        assert_eq!(s.run("BITOP OR l none"), ":0\r\n");
        assert_eq!(s.run("EXISTS l"), ":0\r\n");
        s.run("SET n 12");
        assert_eq!(s.run("BITOP ONE d n"), ":2\r\n");
        assert_eq!(s.run("OBJECT ENCODING d"), "$3\r\nraw\r\n");
    }
}
