//! LZF: the small, fast compression of RDB strings and of a long list's inner nodes.
//!
//! The stream is a sequence of instructions. Each begins with a control byte:
//!
//! ```text
//!  000lllll  bytes…                    copy the next l + 1 (1..32) bytes
//!  LLLooooo  oooooooo                  L = 1..6: copy L + 2 (3..8) bytes of output from distance o + 1
//!  111ooooo  llllllll  oooooooo        the same for l + 9 (9..264) bytes
//!
//!  o: 13 bits, high ones first; so a distance is 1..8192, counted back from the end of the output so far.
//!  It may be shorter than the length: then the copy repeats what it has just written.
//! ```
//!
//! The uncompressed length is not in the stream; whoever stores it keeps it beside. No instruction makes more
//! than 88 bytes of one of its own, so a claim beyond that is refused before anything is allocated.
//!
//! The compressor is greedy: one table of the last place each three-byte start was seen, no chains. It strides
//! through data that does not repeat.

/// Longest run of literals one instruction copies.
const MAX_LITERALS: usize = 32;
/// Farthest a reference reaches back.
const MAX_DISTANCE: usize = 1 << 13;
/// Shortest and longest reference.
const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 264;
/// Most output bytes per input byte: three bytes for 264.
const MAX_RATIO: usize = MAX_MATCH / 3;

/// Why a stream cannot be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the stream ends inside an instruction")]
    Truncated,
    #[error("a reference to before the start")]
    Distance,
    #[error("not the length it should have")]
    Length,
}

/// Decompresses all of `input`, which has to give exactly `len` bytes.
///
/// # Errors
/// [`Malformed`] for a stream that is cut, refers to before its start, or gives another length.
pub fn decompress(input: &[u8], len: usize) -> Result<Vec<u8>, Malformed> {
    if len > input.len().saturating_mul(MAX_RATIO) {
        return Err(Malformed::Length);
    }
    let mut out = vec![0u8; len];
    decompress_into(input, &mut out)?;
    Ok(out)
}

/// Decompresses all of `input` into `out`, which it has to fill exactly.
///
/// # Errors
/// As [`decompress`]; the content of `out` is then unspecified.
pub fn decompress_into(input: &[u8], out: &mut [u8]) -> Result<(), Malformed> {
    let mut rest = input;
    let mut at = 0;
    while let Some((&control, tail)) = rest.split_first() {
        if control < 32 {
            let run = usize::from(control) + 1;
            let (literals, tail) = tail.split_at_checked(run).ok_or(Malformed::Truncated)?;
            let dst = out.get_mut(at..at + run).ok_or(Malformed::Length)?;
            dst.copy_from_slice(literals);
            at += run;
            rest = tail;
            continue;
        }
        let (len, low, tail) = match (control >> 5, tail) {
            (7, [more, low, tail @ ..]) => (usize::from(*more) + 9, *low, tail),
            (short @ ..=6, [low, tail @ ..]) => (usize::from(short) + 2, *low, tail),
            _ => return Err(Malformed::Truncated),
        };
        let distance = usize::from(u16::from_be_bytes([control & 0x1f, low])) + 1;
        let from = at.checked_sub(distance).ok_or(Malformed::Distance)?;
        let end = at + len;
        if end > out.len() {
            return Err(Malformed::Length);
        }
        if distance >= len {
            out.copy_within(from..from + len, at);
        } else {
            repeat(out, from, at, end);
        }
        at = end;
        rest = tail;
    }
    if at == out.len() { Ok(()) } else { Err(Malformed::Length) }
}

/// Fills `at..end` with the bytes from `from` on, over and over: each copy doubles what there is to copy from.
fn repeat(out: &mut [u8], from: usize, at: usize, end: usize) {
    let mut filled = at;
    while filled < end {
        // A whole number of periods is already there, so copying from the start keeps the phase.
        let step = (filled - from).min(end - filled);
        out.copy_within(from..from + step, filled);
        filled += step;
    }
}

/// Appends the compressed form of `input` to `out` if it takes at most `limit` bytes; answers how many.
/// Otherwise `out` is left as it was.
pub fn compress(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<usize> {
    // A table no larger than the input deserves: clearing it is most of the work for a short string.
    match input.len() {
        ..=512 => compress_with::<{ 1 << 8 }>(input, limit, out),
        513..=8192 => compress_with::<{ 1 << 11 }>(input, limit, out),
        _ => compress_with::<{ 1 << 14 }>(input, limit, out),
    }
}

/// [`compress`] with a table of `PLACES` places, a power of two.
#[inline(never)]
fn compress_with<const PLACES: usize>(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<usize> {
    let start = out.len();
    if write_stream::<PLACES>(input, limit, out).is_some() {
        return Some(out.len() - start);
    }
    out.truncate(start);
    None
}

fn write_stream<const PLACES: usize>(input: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    // Places are kept modulo 2^32 and are always compared with the input itself, so a stale one costs a miss.
    let mut table = [0u32; PLACES];
    let end = out.len().saturating_add(limit);
    let mut literals_from = 0;
    let mut at = 0;
    let mut misses = 0usize;
    while let Some(key) = key_at(input, at) {
        let slot = hash::<PLACES>(key);
        let seen = table[slot] as usize;
        table[slot] = at as u32;
        let is_match = seen < at && at - seen <= MAX_DISTANCE && key_at(input, seen) == Some(key);
        if !is_match {
            misses += 1;
            at += 1 + (misses >> 6);
            continue;
        }
        misses = 0;
        let len = match_len(input, seen, at);
        write_literals(&input[literals_from..at], end, out)?;
        write_reference(at - seen, len, end, out)?;
        let next = at + len;
        // The last two places inside the match: the next match likeliest starts there.
        for place in next - 2..next {
            if let Some(key) = key_at(input, place) {
                table[hash::<PLACES>(key)] = place as u32;
            }
        }
        at = next;
        literals_from = next;
    }
    write_literals(input.get(literals_from..)?, end, out)
}

/// The three bytes at `at`.
#[inline(always)]
fn key_at(input: &[u8], at: usize) -> Option<u32> {
    match input.get(at..at + MIN_MATCH) {
        Some(&[a, b, c]) => Some(u32::from_le_bytes([a, b, c, 0])),
        _ => None,
    }
}

/// Multiplicative hashing of three bytes to one of `PLACES` places.
#[inline(always)]
fn hash<const PLACES: usize>(key: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> (32 - PLACES.ilog2())) as usize % PLACES
}

/// How many bytes at `at` repeat those at `seen`, at most what one reference can say.
#[inline]
fn match_len(input: &[u8], seen: usize, at: usize) -> usize {
    let end = input.len().min(at + MAX_MATCH);
    let there = input.get(at..end).unwrap_or(&[]);
    let here = input.get(seen..).unwrap_or(&[]);
    let mut len = 0;
    for (a, b) in there.as_chunks::<8>().0.iter().zip(here.as_chunks::<8>().0) {
        let differing = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differing != 0 {
            return len + differing.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let tails = there[len..].iter().zip(&here[len..]);
    len + tails.take_while(|(a, b)| a == b).count()
}

fn write_literals(literals: &[u8], end: usize, out: &mut Vec<u8>) -> Option<()> {
    for run in literals.chunks(MAX_LITERALS) {
        if out.len() + 1 + run.len() > end {
            return None;
        }
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
    Some(())
}

fn write_reference(distance: usize, len: usize, end: usize, out: &mut Vec<u8>) -> Option<()> {
    debug_assert!((1..=MAX_DISTANCE).contains(&distance) && (MIN_MATCH..=MAX_MATCH).contains(&len));
    let [high, low] = ((distance - 1) as u16).to_be_bytes();
    if out.len() + 3 > end {
        return None;
    }
    if len <= 8 {
        out.extend_from_slice(&[((len - 2) as u8) << 5 | high, low]);
    } else {
        out.extend_from_slice(&[0xe0 | high, (len - 9) as u8, low]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let len = compress(input, usize::MAX / 2, &mut out);
        assert_eq!(len, Some(out.len()));
        out
    }

    #[test]
    fn reads_each_instruction() {
        assert_eq!(decompress(b"\x02abc", 3).unwrap(), b"abc");
        // Six bytes from distance three.
        assert_eq!(decompress(b"\x02abc\x80\x02", 9).unwrap(), b"abcabcabc");
        assert_eq!(decompress(b"\x00a\xe0\x5b\x00", 101).unwrap(), [b'a'; 101]);
        assert_eq!(decompress(b"\x00a\xe0\xff\x00", 265).unwrap(), [b'a'; 265]);
        assert_eq!(decompress(b"", 0).unwrap(), b"");
    }

    #[test]
    fn refuses_what_is_not_whole() {
        for (input, len, error) in [
            (&b"\x02ab"[..], 3, Malformed::Truncated),
            (b"\x00a\x20", 4, Malformed::Truncated),
            (b"\x00a\xe0\x01", 11, Malformed::Truncated),
            (b"\x00a\x20\x01", 4, Malformed::Distance),
            (b"\x20\x00", 3, Malformed::Distance),
            (b"\x02abc", 2, Malformed::Length),
            (b"\x02abc", 4, Malformed::Length),
            (b"\x00a\x20\x00", 3, Malformed::Length),
            (b"\x00a", usize::MAX, Malformed::Length),
            (b"", 1, Malformed::Length),
        ] {
            assert_eq!(decompress(input, len), Err(error), "{}", input.escape_ascii());
        }
    }

    /// The LZF part of what a genuine 8.0.6 dumps for these two strings.
    #[test]
    fn reads_what_a_genuine_server_writes() {
        let run = b"\x01aa\xe0\xff\x00\xe0\x17\x00\x01aa";
        assert_eq!(decompress(run, 300).unwrap(), [b'a'; 300]);
        let prose = b"\x1fthe quick brown fox jumps over t\x20\x1e\x08lazy dog;\x60\x0d\xe0\x07\x2c\
            \x05sleeps\x80\x1b\xc0\x29\x05 barks";
        let text = "the quick brown fox jumps over the lazy dog; the quick brown fox sleeps; the lazy dog barks";
        assert_eq!(decompress(prose, text.len()).unwrap(), text.as_bytes());
    }

    #[test]
    fn gives_back_what_it_was_given() {
        let mut rng = fastrand::Rng::with_seed(23);
        for round in 0..3000 {
            let len = match round % 4 {
                0 => rng.usize(0..70),
                1 => rng.usize(0..600),
                2 => rng.usize(0..9000),
                _ => rng.usize(0..30_000),
            };
            let letters = rng.choice([1u8, 2, 4, 20, 255]).unwrap_or(1);
            let mut input: Vec<u8> = (0..len).map(|_| rng.u8(0..letters)).collect();
            // Long repeats at every distance.
            for _ in 0..rng.usize(0..4) {
                if len > 10 {
                    let from = rng.usize(0..len);
                    let to = rng.usize(0..len);
                    let count = rng.usize(0..len - from.max(to));
                    input.copy_within(from..from + count, to);
                }
            }
            let stream = packed(&input);
            assert_eq!(decompress(&stream, len).as_deref(), Ok(&input[..]));
            // The limit is kept to the byte, and a refusal leaves no trace.
            let mut out = b"before".to_vec();
            if let Some(limit) = stream.len().checked_sub(1) {
                assert_eq!(compress(&input, limit, &mut out), None);
                assert_eq!(out, b"before");
            }
            let fits = compress(&input, stream.len() + 1, &mut out);
            assert_eq!(fits, Some(stream.len()));
            assert_eq!(out[6..], stream);
        }
    }

    #[test]
    fn compresses_what_repeats() {
        assert!(packed(&[0; 8000]).len() < 100);
        assert!(packed("key:000000000001 ".repeat(100).as_bytes()).len() < 60);
    }

    #[test]
    fn mutated_streams_are_refused_or_harmless() {
        let mut rng = fastrand::Rng::with_seed(29);
        let text = "the quick brown fox jumps over the lazy dog; the quick brown fox sleeps ".repeat(9);
        let stream = packed(text.as_bytes());
        for _ in 0..50_000 {
            let mut bytes = stream.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..bytes.len());
                bytes[at] = rng.u8(..);
            }
            bytes.truncate(rng.usize(0..=bytes.len() * 2));
            let len = if rng.bool() { text.len() } else { rng.usize(0..2000) };
            if let Ok(out) = decompress(&bytes, len) {
                assert_eq!(out.len(), len);
            }
        }
    }
}
