//! Replies: values written as RESP2 or RESP3 straight into a client's output buffer.
//!
//! One contiguous buffer, appended to; a handler validates first and then writes, so that an error never follows
//! half a reply. Where a count is known only afterwards, [`Reply::defer`] leaves a mark and the header is put in
//! when it is known.
//!
//! ```text
//! RESP2   +OK  -ERR text  :1  $3 foo  $-1  *2  *-1
//! RESP3   adds _ (null)  #t #f  ,3.14  (123 big number  =15 txt:...  %n map  ~n set  >n push  |n attribute
//! ```

use crate::util::float;

/// A place where an aggregate's header belongs once its length is known.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Deferred(usize);

/// The output buffer of one client, with the protocol version it speaks.
#[derive(Debug, Default)]
pub struct Reply {
    pub buf: Vec<u8>,
    /// Whether the client speaks RESP3.
    pub resp3: bool,
    /// Output from which on its client is closed, in bytes; 0: there is no limit.
    pub limit_bytes: u64,
}

impl Reply {
    /// An empty RESP2 buffer.
    pub fn new() -> Self {
        Reply::default()
    }

    /// Bytes waiting.
    #[inline]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Whether it is so long that its client will be closed: nothing more needs to be written.
    #[inline]
    pub fn is_over_limit(&self) -> bool {
        self.limit_bytes != 0 && self.buf.len() as u64 >= self.limit_bytes
    }

    /// Room for `n` more bytes; `false` if they would never be sent.
    #[inline]
    fn make_room(&mut self, n: usize) -> bool {
        self.buf.capacity() - self.buf.len() >= n || self.grow(n)
    }

    /// A long output grows by eighths, not by doubling: what is owned is near what is needed.
    #[cold]
    fn grow(&mut self, n: usize) -> bool {
        const LONG_BYTES: usize = 1 << 20;
        if self.is_over_limit() {
            return false;
        }
        if self.buf.len() < LONG_BYTES {
            self.buf.reserve(n);
        } else {
            self.buf.reserve_exact(n.max(self.buf.len() / 8));
        }
        true
    }

    /// `prefix`, the number in decimal, CR LF.
    #[inline]
    fn header(&mut self, prefix: u8, n: usize) {
        if n < 10 {
            self.buf.extend_from_slice(&[prefix, b'0' + n as u8, b'\r', b'\n']);
        } else if n < 100 {
            self.buf.extend_from_slice(&[prefix, b'0' + (n / 10) as u8, b'0' + (n % 10) as u8, b'\r', b'\n']);
        } else {
            self.header_long(prefix, n as i64);
        }
    }

    fn header_long(&mut self, prefix: u8, n: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n).as_bytes();
        self.buf.reserve(digits.len() + 3);
        self.buf.push(prefix);
        self.buf.extend_from_slice(digits);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; the text must hold no CR or LF.
    pub fn simple(&mut self, text: &str) {
        debug_assert!(!text.contains(['\r', '\n']));
        self.buf.push(b'+');
        self.buf.extend_from_slice(text.as_bytes());
        self.buf.extend_from_slice(b"\r\n");
    }

    /// An error: the text begins with its code (`ERR …`); line breaks in it become blanks.
    pub fn error(&mut self, text: &[u8]) {
        self.buf.push(b'-');
        self.buf.extend(text.iter().map(|&byte| if byte == b'\r' || byte == b'\n' { b' ' } else { byte }));
        self.buf.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, n: i64) {
        if (0..100).contains(&n) {
            self.header(b':', n as usize);
        } else {
            self.header_long(b':', n);
        }
    }

    /// A count, as an integer.
    #[inline]
    pub fn count(&mut self, n: usize) {
        self.int(n as i64);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if !self.make_room(bytes.len() + 24) {
            return;
        }
        self.header(b'$', bytes.len());
        self.buf.extend_from_slice(bytes);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// A bulk string or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// An integer as a bulk string.
    #[inline]
    pub fn bulk_int(&mut self, n: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(n).as_bytes());
    }

    /// A double as a bulk string, whatever the protocol version.
    pub fn bulk_double(&mut self, n: f64) {
        // Written in place behind a header of two digits, moved up where one digit does.
        const HEADER: &[u8] = b"$00\r\n";
        let start = self.buf.len();
        self.buf.extend_from_slice(HEADER);
        float::write_f64(&mut self.buf, n);
        let len = self.buf.len() - start - HEADER.len();
        debug_assert!(len < 100);
        if len < 10 {
            self.buf[start + 1] = b'0' + len as u8;
            self.buf.copy_within(start + 3.., start + 2);
            self.buf.pop();
        } else {
            self.buf[start + 1] = b'0' + (len / 10) as u8;
            self.buf[start + 2] = b'0' + (len % 10) as u8;
        }
        self.buf.extend_from_slice(b"\r\n");
    }

    /// Null: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        self.buf.extend_from_slice(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// A null array: `*-1` or `_`.
    pub fn null_array(&mut self) {
        self.buf.extend_from_slice(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The header of an array of `n` elements.
    #[inline]
    pub fn array(&mut self, n: usize) {
        self.header(b'*', n);
    }

    /// The header of a map of `pairs` pairs: a flat array in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 { self.header(b'%', pairs) } else { self.header(b'*', pairs * 2) }
    }

    /// The header of a set of `n` members: an array in RESP2.
    pub fn set(&mut self, n: usize) {
        self.header(if self.resp3 { b'~' } else { b'*' }, n);
    }

    /// The header of an out-of-band push: an array in RESP2.
    pub fn push(&mut self, n: usize) {
        self.header(if self.resp3 { b'>' } else { b'*' }, n);
    }

    /// The header of an attribute of `pairs` pairs; only RESP3 has them.
    pub fn attribute(&mut self, pairs: usize) {
        debug_assert!(self.resp3);
        self.header(b'|', pairs);
    }

    /// A double: `,1.5` or a bulk string.
    pub fn double(&mut self, n: f64) {
        if !self.resp3 {
            return self.bulk_double(n);
        }
        self.buf.push(b',');
        float::write_f64(&mut self.buf, n);
        self.buf.extend_from_slice(b"\r\n");
    }

    /// A boolean: `#t` or an integer.
    pub fn bool(&mut self, yes: bool) {
        match (self.resp3, yes) {
            (true, true) => self.buf.extend_from_slice(b"#t\r\n"),
            (true, false) => self.buf.extend_from_slice(b"#f\r\n"),
            (false, yes) => self.int(i64::from(yes)),
        }
    }

    /// A big number in decimal: `(…` or a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        if self.resp3 {
            self.buf.push(b'(');
            self.buf.extend_from_slice(digits.as_bytes());
            self.buf.extend_from_slice(b"\r\n");
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// A text with its format of three letters (`txt`, `mkd`): `=…` or a bulk string.
    pub fn verbatim(&mut self, text: &[u8], format: &str) {
        debug_assert_eq!(format.len(), 3);
        if self.resp3 {
            self.header(b'=', text.len() + 4);
            self.buf.extend_from_slice(format.as_bytes());
            self.buf.push(b':');
            self.buf.extend_from_slice(text);
            self.buf.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// Marks the place of a header that [`finish_array`](Self::finish_array) and its siblings will put in.
    pub fn defer(&mut self) -> Deferred {
        Deferred(self.buf.len())
    }

    fn finish(&mut self, at: Deferred, prefix: u8, n: usize) {
        let mut digits = itoa::Buffer::new();
        let header = [&[prefix], digits.format(n).as_bytes(), b"\r\n"].concat();
        self.buf.splice(at.0..at.0, header);
    }

    /// Puts the header of an array of `n` elements where `at` was marked.
    pub fn finish_array(&mut self, at: Deferred, n: usize) {
        self.finish(at, b'*', n);
    }

    /// Puts the header of a set of `n` members where `at` was marked.
    pub fn finish_set(&mut self, at: Deferred, n: usize) {
        self.finish(at, if self.resp3 { b'~' } else { b'*' }, n);
    }

    /// Puts the header of a map of `pairs` pairs where `at` was marked.
    pub fn finish_map(&mut self, at: Deferred, pairs: usize) {
        if self.resp3 { self.finish(at, b'%', pairs) } else { self.finish(at, b'*', pairs * 2) }
    }

    /// The lines of a HELP reply.
    pub fn help(&mut self, lines: &[&str]) {
        self.array(lines.len());
        for line in lines {
            self.simple(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp3: bool, write: impl FnOnce(&mut Reply)) -> String {
        let mut reply = Reply { resp3, ..Reply::default() };
        write(&mut reply);
        String::from_utf8(reply.buf).unwrap()
    }

    #[test]
    fn shapes_in_both_versions() {
        type Case = (fn(&mut Reply), &'static str, &'static str);
        let cases: [Case; 12] = [
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.bool(true), ":1\r\n", "#t\r\n"),
            (|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (|r| r.map(12), "*24\r\n", "%12\r\n"),
            (|r| r.set(2), "*2\r\n", "~2\r\n"),
            (|r| r.push(2), "*2\r\n", ">2\r\n"),
            (|r| r.big_number("123"), "$3\r\n123\r\n", "(123\r\n"),
            (|r| r.verbatim(b"abc", "txt"), "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n"),
            (|r| r.int(-5), ":-5\r\n", ":-5\r\n"),
            (|r| r.bulk(&[b'x'; 123]), X123, X123),
            (|r| r.error(b"ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"),
        ];
        const X: [u8; 131] = {
            let mut bytes = [b'x'; 131];
            let head = *b"$123\r\n";
            let mut i = 0;
            while i < 6 {
                bytes[i] = head[i];
                i += 1;
            }
            bytes[129] = b'\r';
            bytes[130] = b'\n';
            bytes
        };
        static X123: &str = match std::str::from_utf8(&X) {
            Ok(text) => text,
            Err(_) => panic!("ascii"),
        };
        for (write, resp2, resp3) in cases {
            assert_eq!(written(false, write), resp2);
            assert_eq!(written(true, write), resp3);
        }
    }

    #[test]
    fn nothing_is_written_far_beyond_the_limit() {
        let mut reply = Reply { limit_bytes: 1000, ..Reply::default() };
        for _ in 0..1000 {
            reply.bulk(&[b'x'; 100]);
        }
        assert!(reply.is_over_limit() && reply.buf.capacity() < 3000);
    }

    #[test]
    fn a_deferred_header_lands_where_it_was_marked() {
        let text = written(false, |r| {
            r.int(1);
            let at = r.defer();
            r.int(2);
            r.int(3);
            r.finish_array(at, 2);
        });
        assert_eq!(text, ":1\r\n*2\r\n:2\r\n:3\r\n");
    }
}
