//! Output for many clients at once: written once, and shared between them where copying would cost more.
//!
//! A client's output is its [`Backlog`], if it has one, and then its own buffer ([`Client::reply`]), which is where
//! everything is appended. A long [`Message`] becomes a piece of the backlog, behind what the buffer held; a short one is
//! copied, which costs less than a reference and a piece of its own. What always holds: bytes leave in the order in which
//! they were added, and every byte a client holds counts as its own, shared or not.
//!
//! [`Client::reply`]: super::client::Client

use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;

/// From this length on a message is shared instead of copied, in bytes.
pub const SHARE_MIN: usize = 1024;
/// Most pieces that leave in one write.
const PIECES_MAX: usize = 64;

/// An array of words, or in RESP3 a push, for any number of clients.
///
/// ```text
/// *3 $7 message $2 ch $5 hello      RESP2
/// >3 $7 message $2 ch $5 hello      RESP3: another first byte, and nothing else
/// ```
pub struct Message {
    /// As RESP2 has it.
    bytes: Vec<u8>,
    /// To be shared: the RESP2 form and the RESP3 form, each made on first use.
    shared: [Option<Rc<[u8]>>; 2],
}

impl Message {
    /// An array of these words.
    pub fn new(words: &[&[u8]]) -> Message {
        let mut bytes = Vec::with_capacity(16 + words.iter().map(|word| word.len() + 16).sum::<usize>());
        header(&mut bytes, b'*', words.len());
        for word in words {
            bulk(&mut bytes, word);
        }
        Message { bytes, shared: [None, None] }
    }

    /// An array of these words and a last element that is there already, as it goes on the wire.
    pub fn with_last(words: &[&[u8]], last: &[u8]) -> Message {
        let mut bytes = Vec::with_capacity(16 + last.len() + words.iter().map(|word| word.len() + 16).sum::<usize>());
        header(&mut bytes, b'*', words.len() + 1);
        for word in words {
            bulk(&mut bytes, word);
        }
        bytes.extend_from_slice(last);
        Message { bytes, shared: [None, None] }
    }

    /// Length in bytes, in either form.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether sharing it is worth a piece of its own.
    #[inline]
    pub fn is_long(&self) -> bool {
        self.bytes.len() >= SHARE_MIN
    }

    /// Appends a copy.
    #[inline]
    pub fn copy_to(&self, out: &mut Vec<u8>, resp3: bool) {
        let at = out.len();
        out.extend_from_slice(&self.bytes);
        if resp3 {
            out[at] = b'>';
        }
    }

    /// A reference to the form for this version of the protocol.
    pub fn share(&mut self, resp3: bool) -> Rc<[u8]> {
        let bytes = &mut self.bytes;
        let form = self.shared[usize::from(resp3)].get_or_insert_with(|| {
            bytes[0] = if resp3 { b'>' } else { b'*' };
            let form = Rc::from(&bytes[..]);
            bytes[0] = b'*';
            form
        });
        Rc::clone(form)
    }
}

/// `prefix`, the number in decimal, CR LF.
pub fn header(out: &mut Vec<u8>, prefix: u8, n: usize) {
    out.push(prefix);
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A bulk string.
pub fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// A piece of output.
enum Piece {
    Own(Vec<u8>),
    Shared(Rc<[u8]>),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Own(bytes) => bytes,
            Piece::Shared(bytes) => bytes,
        }
    }

    /// What holding it costs, in bytes.
    fn held_bytes(&self) -> usize {
        match self {
            Piece::Own(bytes) => bytes.capacity(),
            Piece::Shared(bytes) => bytes.len(),
        }
    }
}

/// The older part of a client's output, in pieces. It is never empty: who has none has no backlog.
#[derive(Default)]
pub struct Backlog {
    pieces: VecDeque<Piece>,
    /// Sum of the pieces' lengths.
    len: usize,
    held_bytes: usize,
}

impl Backlog {
    /// Bytes waiting, those of the first piece included that have been sent.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What it costs its client, in bytes.
    pub fn mem_bytes(&self) -> usize {
        size_of::<Backlog>() + self.held_bytes + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Appends a client's own output.
    pub fn push_own(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.push(Piece::Own(bytes));
        }
    }

    /// Appends what is shared.
    pub fn push_shared(&mut self, bytes: Rc<[u8]>) {
        self.push(Piece::Shared(bytes));
    }

    fn push(&mut self, piece: Piece) {
        self.len += piece.bytes().len();
        self.held_bytes += piece.held_bytes();
        self.pieces.push_back(piece);
    }

    /// Calls `write` with the first pieces, without the first `sent` bytes, and with `last` if there is room for it.
    pub fn gather<R>(&self, sent: usize, last: &[u8], write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let mut slices = [IoSlice::new(&[]); PIECES_MAX];
        let mut count = 0;
        let mut skip = sent;
        for bytes in self.pieces.iter().map(Piece::bytes).chain([last]).take(PIECES_MAX) {
            slices[count] = IoSlice::new(&bytes[skip.min(bytes.len())..]);
            skip = 0;
            count += 1;
        }
        write(&slices[..count])
    }

    /// Drops the pieces of which all has been sent; returns how much of what is first now has been.
    pub fn advance(&mut self, mut sent: usize) -> usize {
        while let Some(first) = self.pieces.front().filter(|first| first.bytes().len() <= sent) {
            let len = first.bytes().len();
            self.held_bytes -= first.held_bytes();
            self.len -= len;
            sent -= len;
            self.pieces.pop_front();
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let mut message = Message::new(&[b"message", b"ch", b"hello"]);
        let mut out = b"+OK\r\n".to_vec();
        message.copy_to(&mut out, true);
        assert_eq!(out, b"+OK\r\n>3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n");
        assert_eq!(&*message.share(false), b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n");
        assert_eq!(*message.share(true), out[5..]);
        assert_eq!(*message.share(false), message.bytes);
        let last = Message::with_last(&[b"invalidate"], b"*0\r\n");
        assert_eq!(last.bytes, b"*2\r\n$10\r\ninvalidate\r\n*0\r\n");
    }

    /// Whatever the order of pieces and however the writes are cut, the same bytes leave.
    #[test]
    fn pieces_leave_in_order() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let (mut backlog, mut expected, mut written) = (Backlog::default(), Vec::new(), Vec::new());
            let mut sent = 0;
            for _ in 0..rng.usize(1..150) {
                if rng.u8(..4) > 0 {
                    let bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
                    expected.extend_from_slice(&bytes);
                    if rng.bool() {
                        backlog.push_own(bytes);
                    } else {
                        backlog.push_shared(Rc::from(bytes));
                    }
                } else {
                    let n = backlog.gather(sent, b"", |slices| {
                        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                        let n = rng.usize(..=all.len());
                        written.extend_from_slice(&all[..n]);
                        n
                    });
                    sent = backlog.advance(sent + n);
                    assert_eq!(written.len() + backlog.len() - sent, expected.len());
                }
            }
            while !backlog.is_empty() {
                let n = backlog.gather(sent, b"", |slices| {
                    slices.iter().for_each(|slice| written.extend_from_slice(slice));
                    slices.iter().map(|slice| slice.len()).sum::<usize>()
                });
                sent = backlog.advance(sent + n);
            }
            assert_eq!((written, backlog.held_bytes, backlog.len()), (expected, 0, 0));
        }
    }
}
