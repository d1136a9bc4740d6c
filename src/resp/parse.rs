//! Requests out of bytes: RESP arrays of bulk strings, and inline commands.
//!
//! ```text
//! *2\r\n $3\r\nGET\r\n $3\r\nkey\r\n      a multibulk request: count, then length and bytes of each word
//! GET key\r\n                             an inline request: words split on blanks, quotes honoured
//! ```
//!
//! The parser keeps no bytes: it walks a buffer that others own and appends [`Span`]s to a flat array. A request
//! that has not arrived whole leaves a [`Partial`] behind (what was understood so far), so that the bytes of a
//! long request are looked at once however many reads they take. Nothing is allocated by a claimed length.

use super::args::{OwnedArgs, Span};
use crate::util::{number, quote};

/// The longest inline request and the longest length line, in bytes.
pub const INLINE_MAX: usize = 64 * 1024;

/// Words and bytes that a client may send in one request before it has authenticated.
const UNAUTHENTICATED_WORDS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_MAX: i64 = 16 * 1024;

/// What bounds a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `proto-max-bulk-len`: the longest word, in bytes.
    pub bulk_max: i64,
    /// Whether the small limits for clients that have not logged in are lifted.
    pub authenticated: bool,
}

/// A multibulk request that is still arriving. Offsets count from the request's first byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Words still to come, the one in progress included; 0 while the count itself is missing.
    pub words_left: u32,
    /// Length of the word in progress, when its length line has been read.
    pub bulk_len: Option<u32>,
    /// Words already there.
    pub spans: Vec<Span>,
    /// Where to go on.
    pub next: usize,
}

impl Partial {
    /// Bytes from the request's start that the word in progress needs before parsing can go on; 0 if unknown.
    pub fn needed(&self) -> usize {
        self.bulk_len.map_or(0, |len| self.next + len as usize + 2)
    }
}

/// One step of parsing.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole request: its words are the spans appended to the array (offsets count from the buffer's start),
    /// and its bytes end at `end`.
    Request { end: usize },
    /// A whole inline request, unquoted into bytes of its own.
    Inline { args: OwnedArgs, end: usize },
    /// An empty request (`*0`, a blank line): skipped, bytes up to `end` are consumed.
    Empty { end: usize },
    /// The bytes end inside a request.
    Incomplete(Option<Box<Partial>>),
}

/// A request no server could understand; the text goes out as `-ERR Protocol error: …` and the client is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolError(pub String);

fn fail<T>(text: &str) -> Result<T, ProtocolError> {
    Err(ProtocolError(text.to_string()))
}

/// Parses the request that starts at `buf[start]`.
///
/// `partial` is what an earlier call on the same request left. Spans are appended to `spans` only for a whole
/// multibulk request.
#[inline]
pub fn parse(
    buf: &[u8],
    start: usize,
    partial: Option<Box<Partial>>,
    spans: &mut Vec<Span>,
    limits: &Limits,
) -> Result<Step, ProtocolError> {
    match (buf.get(start), &partial) {
        (None, _) => Ok(Step::Incomplete(partial)),
        (Some(b'*'), None) => multibulk(buf, start, spans, limits),
        (_, Some(_)) => resume(buf, start, partial.unwrap_or_default(), spans, limits),
        _ => inline(buf, start),
    }
}

/// The number on a length line that begins at `pos` (after its type byte), and where the next line begins.
/// `Ok(None)`: the line is not all there.
#[inline]
fn length_line(buf: &[u8], pos: usize, too_big: &str) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
    // One to seven digits and CR LF: nearly every line there is.
    let mut value: i64 = 0;
    let mut at = pos;
    while let Some(&byte) = buf.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || at - pos > 7 {
            break;
        }
        value = value * 10 + i64::from(digit);
        at += 1;
    }
    if at > pos && buf.get(at) == Some(&b'\r') && at + 1 < buf.len() {
        if buf[pos] == b'0' && at > pos + 1 {
            return Ok(Some((None, at + 2)));
        }
        return Ok(Some((Some(value), at + 2)));
    }
    length_line_slow(buf, pos, too_big)
}

#[cold]
fn length_line_slow(buf: &[u8], pos: usize, too_big: &str) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
    let rest = &buf[pos.min(buf.len())..];
    match memchr::memchr(b'\r', rest) {
        Some(len) if len + 1 < rest.len() => Ok(Some((number::parse_i64(&rest[..len]), pos + len + 2))),
        None if rest.len() > INLINE_MAX => fail(too_big),
        _ => Ok(None),
    }
}

fn words_in(count: Option<i64>, limits: &Limits) -> Result<i64, ProtocolError> {
    match count {
        Some(count) if count <= i64::from(i32::MAX) => {
            if count > UNAUTHENTICATED_WORDS_MAX && !limits.authenticated {
                return fail("unauthenticated multibulk length");
            }
            Ok(count)
        }
        _ => fail("invalid multibulk length"),
    }
}

#[inline]
fn bulk_in(len: Option<i64>, limits: &Limits) -> Result<u32, ProtocolError> {
    match len {
        Some(len) if (0..=limits.bulk_max).contains(&len) && len < i64::from(u32::MAX) => {
            if len > UNAUTHENTICATED_BULK_MAX && !limits.authenticated {
                return fail("unauthenticated bulk length");
            }
            Ok(len as u32)
        }
        _ => fail("invalid bulk length"),
    }
}

/// A request from its first byte: the path of every request that is already there in full.
#[inline]
fn multibulk(buf: &[u8], start: usize, spans: &mut Vec<Span>, limits: &Limits) -> Result<Step, ProtocolError> {
    let Some((count, mut pos)) = length_line(buf, start + 1, "too big mbulk count string")? else {
        return Ok(Step::Incomplete(None));
    };
    let count = words_in(count, limits)?;
    if count <= 0 {
        return Ok(Step::Empty { end: pos });
    }
    let first = spans.len();
    for done in 0..count {
        let word = match buf.get(pos) {
            None => None,
            Some(b'$') => match length_line(buf, pos + 1, "too big bulk count string")? {
                Some((len, body)) => {
                    let len = bulk_in(len, limits)?;
                    let end = body + len as usize + 2;
                    if end <= buf.len() {
                        spans.push(Span { offset: body as u32, len });
                        pos = end;
                        continue;
                    }
                    pos = body;
                    Some(len)
                }
                None => None,
            },
            Some(&other) => return expected_dollar(other),
        };
        let origin = start as u32;
        let have = spans.drain(first..).map(|span| Span { offset: span.offset - origin, ..span }).collect();
        return Ok(Step::Incomplete(Some(Box::new(Partial {
            words_left: (count - done) as u32,
            bulk_len: word,
            spans: have,
            next: pos - start,
        }))));
    }
    Ok(Step::Request { end: pos })
}

#[cold]
fn expected_dollar(got: u8) -> Result<Step, ProtocolError> {
    let got = if got.is_ascii_control() || !got.is_ascii() { '?' } else { got as char };
    Err(ProtocolError(format!("expected '$', got '{got}'")))
}

/// Goes on with a request whose beginning an earlier call has understood.
fn resume(
    buf: &[u8],
    start: usize,
    mut partial: Box<Partial>,
    spans: &mut Vec<Span>,
    limits: &Limits,
) -> Result<Step, ProtocolError> {
    while partial.words_left > 0 {
        let pos = start + partial.next;
        let len = match partial.bulk_len {
            Some(len) => len,
            None => {
                match buf.get(pos) {
                    None => return Ok(Step::Incomplete(Some(partial))),
                    Some(b'$') => {}
                    Some(&other) => return expected_dollar(other),
                }
                let Some((len, body)) = length_line(buf, pos + 1, "too big bulk count string")? else {
                    return Ok(Step::Incomplete(Some(partial)));
                };
                let len = bulk_in(len, limits)?;
                partial.next = body - start;
                partial.bulk_len = Some(len);
                continue;
            }
        };
        let end = pos + len as usize + 2;
        if end > buf.len() {
            return Ok(Step::Incomplete(Some(partial)));
        }
        partial.spans.push(Span { offset: partial.next as u32, len });
        partial.next = end - start;
        partial.bulk_len = None;
        partial.words_left -= 1;
    }
    let origin = start as u32;
    spans.extend(partial.spans.iter().map(|span| Span { offset: span.offset + origin, ..*span }));
    Ok(Step::Request { end: start + partial.next })
}

#[cold]
fn inline(buf: &[u8], start: usize) -> Result<Step, ProtocolError> {
    let rest = &buf[start..];
    let Some(newline) = memchr::memchr(b'\n', rest) else {
        return if rest.len() > INLINE_MAX { fail("too big inline request") } else { Ok(Step::Incomplete(None)) };
    };
    let line = rest[..newline].strip_suffix(b"\r").unwrap_or(&rest[..newline]);
    let end = start + newline + 1;
    match quote::split_args(line) {
        Err(_) => fail("unbalanced quotes in request"),
        Ok(words) if words.is_empty() => Ok(Step::Empty { end }),
        Ok(words) => Ok(Step::Inline { args: words.into_iter().collect(), end }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Limits = Limits { bulk_max: 512 << 20, authenticated: true };

    /// Feeds `input` in two pieces and returns the words of each request, or the error.
    fn run(input: &[u8], cut: usize, limits: &Limits) -> Result<Vec<Vec<Vec<u8>>>, String> {
        let (mut out, mut start, mut partial) = (Vec::new(), 0, None);
        for end in [cut, input.len()] {
            let buf = &input[..end];
            loop {
                let mut spans = Vec::new();
                match parse(buf, start, partial.take(), &mut spans, limits).map_err(|e| e.0)? {
                    Step::Request { end } => {
                        out.push(spans.iter().map(|s| buf[s.offset as usize..][..s.len as usize].to_vec()).collect());
                        start = end;
                    }
                    Step::Inline { args, end } => {
                        out.push(args.view().iter().map(<[u8]>::to_vec).collect());
                        start = end;
                    }
                    Step::Empty { end } => start = end,
                    Step::Incomplete(rest) => {
                        partial = rest;
                        break;
                    }
                }
            }
        }
        Ok(out)
    }

    #[test]
    fn every_split_gives_the_same_requests() {
        let input = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*0\r\n\r\nPING \"a b\"\r\n*1\r\n$0\r\n\r\n*-1\r\n\
                      *3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$1\r\nx\r\n";
        let whole = run(input, input.len(), &OPEN).unwrap();
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[1], vec![b"PING".to_vec(), b"a b".to_vec()]);
        assert_eq!(whole[3][1], b"\r\n");
        for cut in 0..input.len() {
            assert_eq!(run(input, cut, &OPEN).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn errors_in_upstreams_words() {
        let closed = Limits { authenticated: false, ..OPEN };
        for (input, limits, want) in [
            (&b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfoo\r\n"[..], &OPEN, "expected '$', got 'f'"),
            (b"*x\r\n", &OPEN, "invalid multibulk length"),
            (b"*01\r\n", &OPEN, "invalid multibulk length"),
            (b"*2147483648\r\n", &OPEN, "invalid multibulk length"),
            (b"*1\r\n$-1\r\n", &OPEN, "invalid bulk length"),
            (b"*1\r\n$536870913\r\n", &OPEN, "invalid bulk length"),
            (b"*11\r\n", &closed, "unauthenticated multibulk length"),
            (b"*1\r\n$16385\r\n", &closed, "unauthenticated bulk length"),
            (b"SET \"a\r\n", &OPEN, "unbalanced quotes in request"),
        ] {
            for cut in 0..=input.len() {
                assert_eq!(run(input, cut, limits).unwrap_err(), want);
            }
        }
        let long = vec![b'a'; INLINE_MAX + 1];
        assert_eq!(run(&long, long.len(), &OPEN).unwrap_err(), "too big inline request");
        let mut line = vec![b'1'; INLINE_MAX + 2];
        line[0] = b'*';
        assert_eq!(run(&line, line.len(), &OPEN).unwrap_err(), "too big mbulk count string");
        let mut bulk = b"*1\r\n$".to_vec();
        bulk.extend(vec![b'1'; INLINE_MAX + 1]);
        assert_eq!(run(&bulk, bulk.len(), &OPEN).unwrap_err(), "too big bulk count string");
    }
}
