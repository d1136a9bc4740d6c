//! Words to requests: what a log, a replica or another server is sent.
//!
//! ```text
//! *2\r\n $3\r\nGET\r\n $3\r\nkey\r\n
//! ```

/// Appends a line of a type byte and a number.
#[inline]
fn line(buf: &mut Vec<u8>, kind: u8, n: usize) {
    buf.push(kind);
    if n < 10 {
        buf.push(b'0' + n as u8);
    } else {
        buf.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    }
    buf.extend_from_slice(b"\r\n");
}

/// Appends the head of a request of `words` words.
#[inline]
pub fn head(buf: &mut Vec<u8>, words: usize) {
    line(buf, b'*', words);
}

/// Appends one word.
#[inline]
pub fn word(buf: &mut Vec<u8>, word: &[u8]) {
    buf.reserve(word.len() + 16);
    line(buf, b'$', word.len());
    buf.extend_from_slice(word);
    buf.extend_from_slice(b"\r\n");
}

/// Appends a whole request.
#[inline]
pub fn request<'a>(buf: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'a [u8]>) {
    head(buf, words.len());
    for each in words {
        word(buf, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_parsed() {
        use crate::resp::parse::{Limits, Step, parse};
        let long = vec![b'x'; 12345];
        let mut buf = Vec::new();
        request(&mut buf, [&b"SET"[..], b"", &long].into_iter());
        assert!(buf.starts_with(b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12345\r\nxxx"));
        let mut spans = Vec::new();
        let limits = Limits { bulk_max: 1 << 20, authenticated: true };
        assert_eq!(parse(&buf, 0, None, &mut spans, &limits), Ok(Step::Request { end: buf.len() }));
        assert_eq!(spans.len(), 3);
    }
}
