//! PFADD, PFCOUNT and PFMERGE.

use super::open;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Class;
use crate::resp::{Args, Reply};
use crate::types::hyperloglog::{self as hll, Corrupt, Form, Histogram, REGISTERS, Registers};

pub static PFADD: Command = Command::data("PFADD", pfadd)
    .summary("Shows elements to a HyperLogLog, which is created if there is none.")
    .since("2.8.9")
    .complexity("O(1) for each element.")
    .group(Group::HyperLogLog)
    .arity(-2)
    .flags(&[Write, DenyOom, Fast])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Insert])])
    .args(&[key("key", 0), string("element").multiple().optional()]);

/// What PFADD does to the string of its key.
enum Addition {
    Nothing,
    /// Dense registers are to be raised, from this element on.
    InPlace {
        len: usize,
        from: usize,
    },
    /// The string that takes its place, how many registers changed, and what was wrong with it in the end: the elements
    /// before that one are in it all the same.
    New(Vec<u8>, usize, Result<(), Corrupt>),
}

fn pfadd(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let key = args.at(1);
    let sparse_max_bytes = db.env.config.hll_sparse_max_bytes as usize;
    let addition = match db.read_for_write(key) {
        None => {
            let mut bytes = hll::empty();
            let (raised, result) = raise_all(&mut bytes, args.from(2), sparse_max_bytes);
            Addition::New(bytes, raised + 1, result)
        }
        Some(value) => match open(value)? {
            (bytes, Form::Dense) => {
                let registers = &bytes[hll::HEADER_BYTES..];
                let higher = |element: &[u8]| {
                    let (index, value) = hll::place(element);
                    hll::dense::get(registers, index) < value
                };
                match args.from(2).iter().position(higher) {
                    Some(at) => Addition::InPlace { len: bytes.len(), from: at + 2 },
                    None => Addition::Nothing,
                }
            }
            (bytes, Form::Sparse) => add_sparse(bytes, args.from(2), sparse_max_bytes)?,
        },
    };
    let raised = match addition {
        Addition::Nothing => 0,
        Addition::InPlace { len, from } => {
            let mut raised = 0;
            db.edit_string(key, len, |bytes| {
                let registers = &mut bytes[hll::HEADER_BYTES..];
                for element in args.from(from).iter() {
                    let (index, value) = hll::place(element);
                    raised += usize::from(hll::dense::raise(registers, index, value));
                }
                hll::spoil(bytes);
            });
            raised
        }
        Addition::New(mut bytes, raised, result) => {
            hll::spoil(&mut bytes);
            db.edit_string(key, bytes.len(), |to| to.copy_from_slice(&bytes));
            if let Err(corrupt) = result {
                db.env.fx.dirty += raised as u64;
                db.env.fx.touched(db.index, key);
                return Err(corrupt.into());
            }
            raised
        }
    };
    if raised > 0 {
        db.changed_n(key, Class::String, "pfadd", raised);
    }
    reply.int(i64::from(raised > 0));
    Ok(Flow::Done)
}

/// Raises the registers of all elements, up to one that has none; answers how many changed.
fn raise_all(bytes: &mut Vec<u8>, elements: Args<'_>, sparse_max_bytes: usize) -> (usize, Result<(), Corrupt>) {
    let mut raised = 0;
    for element in elements.iter() {
        let (index, value) = hll::place(element);
        match hll::raise(bytes, index, value, sparse_max_bytes) {
            Ok(higher) => raised += usize::from(higher),
            Err(corrupt) => return (raised, Err(corrupt)),
        }
    }
    (raised, Ok(()))
}

/// What elements make of a sparse HyperLogLog; it is copied only if they change something.
fn add_sparse(bytes: &[u8], elements: Args<'_>, sparse_max_bytes: usize) -> Result<Addition, CmdError> {
    for (at, element) in elements.iter().enumerate() {
        let (index, value) = hll::place(element);
        let mut copy = match hll::sparse::plan(bytes, index, value, sparse_max_bytes)? {
            hll::sparse::Plan::Nothing => continue,
            hll::sparse::Plan::Replace(change) => {
                let mut copy = Vec::with_capacity(bytes.len() + 8);
                copy.extend_from_slice(bytes);
                change.apply(&mut copy);
                copy
            }
            hll::sparse::Plan::Promote => {
                let mut dense = hll::to_dense(bytes)?;
                hll::dense::raise(&mut dense[hll::HEADER_BYTES..], index, value);
                dense
            }
        };
        let (raised, result) = raise_all(&mut copy, elements.from(at + 1), sparse_max_bytes);
        return Ok(Addition::New(copy, 1 + raised, result));
    }
    Ok(Addition::Nothing)
}

pub static PFCOUNT: Command = Command::data("PFCOUNT", pfcount)
    .summary("Estimates how many different elements HyperLogLogs have been shown, together if there are several.")
    .since("2.8.9")
    .complexity("O(1) for one key, whose estimate is kept. O(N) for N keys, at a much higher cost.")
    .group(Group::HyperLogLog)
    .arity(-2)
    .flags(&[ReadOnly, MayReplicate])
    .keys(&[Keys::range(1, -1, 1)
        .does(&[Use::RW, Use::Access])
        .notes("RW because it may change the internal representation of the key, and propagate to replicas")])
    .args(&[key("key", 0).multiple()]);

fn pfcount(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    if args.len() > 2 {
        let mut union = [0; REGISTERS];
        merge_all(db, args.from(1), &mut union)?;
        let mut histogram = Histogram::default();
        union.iter().for_each(|value| histogram.add(*value, 1));
        reply.int(histogram.estimate() as i64);
        return Ok(Flow::Done);
    }
    let key = args.at(1);
    let Some(value) = db.read(key) else {
        reply.int(0);
        return Ok(Flow::Done);
    };
    let (bytes, form) = open(value)?;
    let count = match hll::cached(bytes) {
        Some(count) => count,
        None => {
            let (count, len) = (hll::count(bytes, form)?, bytes.len());
            // The estimate lies in the string: replicas keep it too.
            db.edit_string(key, len, |bytes| hll::cache(bytes, count));
            db.env.fx.dirty += 1;
            db.env.fx.touched(db.index, key);
            db.propagate(&[b"PFCOUNT", key]);
            count
        }
    };
    reply.int(count as i64);
    Ok(Flow::Done)
}

/// Raises registers to those of all keys; answers whether one of them is dense.
fn merge_all(db: &mut Db<'_>, keys: Args<'_>, into: &mut Registers) -> Result<bool, CmdError> {
    let mut dense = false;
    for key in keys.iter() {
        if let Some(value) = db.read(key) {
            let (bytes, form) = open(value)?;
            dense |= form == Form::Dense;
            hll::merge(bytes, form, into)?;
        }
    }
    Ok(dense)
}

pub static PFMERGE: Command = Command::data("PFMERGE", pfmerge)
    .summary("Makes a HyperLogLog what it would be had it been shown the elements of others, too.")
    .since("2.8.9")
    .complexity("O(N) to merge N HyperLogLogs, but with high constant times.")
    .group(Group::HyperLogLog)
    .arity(-2)
    .flags(&[Write, DenyOom])
    .keys(&[Keys::one(1).does(&[Use::RW, Use::Access, Use::Insert]), Keys::range(2, -1, 1).does(&[Use::RO, Use::Access])])
    .args(&[key("destkey", 0), key("sourcekey", 1).multiple().optional()]);

fn pfmerge(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    let mut union = [0; REGISTERS];
    let some_dense = merge_all(db, args.from(1), &mut union)?;
    let sparse_max_bytes = db.env.config.hll_sparse_max_bytes as usize;
    let dest = args.at(1);
    let mut bytes = match db.read_for_write(dest) {
        Some(value) => open(value)?.0.to_vec(),
        None => hll::empty(),
    };
    if some_dense && hll::form(&bytes) == Ok(Form::Sparse) {
        bytes = hll::to_dense(&bytes)?;
    }
    if some_dense {
        hll::dense::pack(&union, &mut bytes[hll::HEADER_BYTES..]);
    } else {
        for (index, value) in union.iter().enumerate().filter(|(_, value)| **value > 0) {
            hll::raise(&mut bytes, index, *value, sparse_max_bytes)?;
        }
    }
    hll::spoil(&mut bytes);
    db.edit_string(dest, bytes.len(), |to| to.copy_from_slice(&bytes));
    db.changed(dest, Class::String, "pfadd");
    reply.ok();
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn elements_are_counted_once() {
        let mut s = Session::new();
        assert_eq!(s.run("PFADD h"), ":1\r\n");
        assert_eq!(s.run("PFADD h"), ":0\r\n");
        assert_eq!(s.run("PFCOUNT h"), ":0\r\n");
        assert_eq!(s.run("PFADD h a b c d e f g"), ":1\r\n");
        assert_eq!(s.run("PFADD h a g"), ":0\r\n");
        assert_eq!(s.run("PFCOUNT h"), ":7\r\n");
        assert_eq!(s.run("PFCOUNT h"), ":7\r\n");
        assert_eq!(s.run("PFDEBUG TODENSE h"), ":1\r\n");
        assert_eq!(s.run("PFCOUNT h"), ":7\r\n");
        assert_eq!(s.run("PFADD h a g"), ":0\r\n");
        assert_eq!(s.run("PFADD h h"), ":1\r\n");
        assert_eq!(s.run("PFCOUNT h"), ":8\r\n");
        assert_eq!(s.run("PFCOUNT none"), ":0\r\n");
        assert_eq!(s.run("PFCOUNT none h none"), ":8\r\n");
    }

    #[test]
    fn merging() {
        let mut s = Session::new();
        s.run("PFADD a 1 2 3");
        s.run("PFADD b 3 4 5");
        assert_eq!(s.run("PFMERGE c a b none"), "+OK\r\n");
        assert_eq!(s.run("PFCOUNT c"), ":5\r\n");
        assert_eq!(s.run("PFCOUNT a b"), ":5\r\n");
        assert_eq!(s.run("PFDEBUG ENCODING c"), "+sparse\r\n");
        s.run("PFDEBUG TODENSE a");
        assert_eq!(s.run("PFMERGE c a"), "+OK\r\n");
        assert_eq!(s.run("PFDEBUG ENCODING c"), "+dense\r\n");
        assert_eq!(s.run("PFCOUNT c"), ":5\r\n");
        assert_eq!(s.run("PFMERGE new"), "+OK\r\n");
        assert_eq!(s.run("PFCOUNT new"), ":0\r\n");
    }

    #[test]
    fn what_is_no_hyperloglog() {
        let mut s = Session::new();
        s.run("SET str x");
        s.run("SET n 1");
        s.run("RPUSH l a");
        for line in ["PFADD str a", "PFCOUNT n", "PFCOUNT a str", "PFMERGE a str", "PFMERGE str"] {
            assert_eq!(s.run(line), "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n");
        }
        assert_eq!(s.run("PFADD l a"), "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
        s.run("PFADD h a b c");
        s.run("APPEND h hello");
        assert_eq!(s.run("PFCOUNT h"), "-INVALIDOBJ Corrupted HLL object detected\r\n");
        assert_eq!(s.run("PFMERGE x h"), "-INVALIDOBJ Corrupted HLL object detected\r\n");
        assert_eq!(s.run("EXISTS x"), ":0\r\n");
    }
}
