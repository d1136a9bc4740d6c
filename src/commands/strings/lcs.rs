//! LCS: the longest common subsequence of two strings, by dynamic programming.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::keyspace::Ref;
use crate::resp::{Args, Reply};
use crate::util::number;

pub static LCS: Command = Command::data("LCS", lcs)
    .summary("Finds the longest common subsequence of two strings.")
    .since("7.0.0")
    .complexity("O(N*M) where N and M are the lengths of the two strings")
    .group(Group::String)
    .arity(-3)
    .flags(&[ReadOnly])
    .keys(&[Keys::range(1, 1, 1).does(&[Use::RO, Use::Access])])
    .args(&[
        key("key1", 0),
        key("key2", 0),
        token("len", "LEN").optional(),
        token("idx", "IDX").optional(),
        integer("min-match-len").token("MINMATCHLEN").optional(),
        token("withmatchlen", "WITHMATCHLEN").optional(),
    ]);

/// A run of bytes that both strings have: its ends in each, inclusive.
struct Match {
    a: (usize, usize),
    b: (usize, usize),
}

fn lcs(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    // Both are looked up, whatever they hold.
    let (a, b) = (operand(db, args.at(1)), operand(db, args.at(2)));
    let (a, b) = (a?, b?);
    let (mut only_len, mut indexes, mut with_match_len, mut min_match_len) = (false, false, false, 0);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "IDX") {
            indexes = true;
        } else if args.is(at, "LEN") {
            only_len = true;
        } else if args.is(at, "WITHMATCHLEN") {
            with_match_len = true;
        } else if args.is(at, "MINMATCHLEN") && at + 1 < args.len() {
            at += 1;
            min_match_len = number::parse_i64(args.at(at)).ok_or(CmdError::NOT_AN_INTEGER)?.max(0);
        } else {
            return Err(CmdError::SYNTAX);
        }
        at += 1;
    }
    if indexes && only_len {
        return Err(CmdError::text("ERR If you want both the length and indexes, please just use IDX."));
    }
    let cells = (a.len() + 1).checked_mul(b.len() + 1);
    let max = db.env.config.proto_max_bulk_len_bytes as usize / size_of::<u32>();
    let Some(cells) = cells.filter(|cells| *cells <= max) else {
        return Err(CmdError::text("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"));
    };
    let lengths = table(&a, &b, cells);
    let len = lengths[cells - 1] as usize;
    if only_len {
        reply.count(len);
        return Ok(Flow::Done);
    }
    let (text, matches) = walk(&a, &b, &lengths, len);
    if !indexes {
        reply.bulk(&text);
        return Ok(Flow::Done);
    }
    let long_enough = |found: &&Match| (found.a.1 - found.a.0 + 1) as i64 >= min_match_len;
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.iter().filter(long_enough).count());
    for found in matches.iter().filter(long_enough) {
        reply.array(if with_match_len { 3 } else { 2 });
        for (start, end) in [found.a, found.b] {
            reply.array(2);
            reply.count(start);
            reply.count(end);
        }
        if with_match_len {
            reply.count(found.a.1 - found.a.0 + 1);
        }
    }
    reply.bulk(b"len");
    reply.count(len);
    Ok(Flow::Done)
}

fn operand(db: &mut Db<'_>, key: &[u8]) -> Result<Vec<u8>, CmdError> {
    match db.read(key) {
        None => Ok(Vec::new()),
        Some(Ref::Str { bytes, .. }) => Ok(bytes.to_vec()),
        Some(Ref::Int(n)) => Ok(n.to_string().into_bytes()),
        Some(_) => Err(CmdError::text("ERR The specified keys must contain string values")),
    }
}

/// Length of the longest common subsequence of the first `i` bytes of `a` and the first `j` of `b`, at
/// `i * (b.len() + 1) + j`.
fn table(a: &[u8], b: &[u8], cells: usize) -> Vec<u32> {
    let width = b.len() + 1;
    let mut lengths = vec![0u32; cells];
    for (i, byte) in a.iter().enumerate() {
        let (above, below) = lengths[i * width..].split_at_mut(width);
        for (j, other) in b.iter().enumerate() {
            below[j + 1] = if byte == other { above[j] + 1 } else { above[j + 1].max(below[j]) };
        }
    }
    lengths
}

/// Walks the table back from its end: the subsequence, and the runs it consists of, last first.
fn walk(a: &[u8], b: &[u8], lengths: &[u32], len: usize) -> (Vec<u8>, Vec<Match>) {
    let width = b.len() + 1;
    let mut text = vec![0; len];
    let mut matches: Vec<Match> = Vec::new();
    let (mut i, mut j, mut left) = (a.len(), b.len(), len);
    while i > 0 && j > 0 && left > 0 {
        if a[i - 1] == b[j - 1] {
            left -= 1;
            text[left] = a[i - 1];
            match matches.last_mut() {
                Some(run) if run.a.0 == i && run.b.0 == j => {
                    run.a.0 = i - 1;
                    run.b.0 = j - 1;
                }
                _ => matches.push(Match { a: (i - 1, i - 1), b: (j - 1, j - 1) }),
            }
            i -= 1;
            j -= 1;
        } else if lengths[(i - 1) * width + j] > lengths[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    (text, matches)
}
