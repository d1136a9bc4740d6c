//! A request's arguments: borrowed as spans into the buffer they arrived in, or owned when they must outlive it.
//!
//! Parsing allocates nothing per word: a request is a run of [`Span`]s in one flat array, and [`Args`] is the
//! `Copy` view that handlers get. Spans always lie inside the buffer they were parsed from; a view over other
//! bytes would panic on access, never read out of bounds.

/// Where one argument lies: offset and length in bytes, relative to the request's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub offset: u32,
    pub len: u32,
}

/// The arguments of one request, the command's name included at index 0.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buf: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// A view over `spans` of `buf`.
    #[inline]
    pub fn new(buf: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buf, spans }
    }

    /// How many words, the command's name included.
    #[inline]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`; panics when there is none: arity is checked before a handler runs.
    #[inline]
    pub fn at(self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        let start = span.offset as usize;
        &self.buf[start..start + span.len as usize]
    }

    /// Argument `index`, if there is one.
    #[inline]
    pub fn get(self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        let start = span.offset as usize;
        self.buf.get(start..start + span.len as usize)
    }

    /// All words in order.
    #[inline]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator {
        self.spans.iter().map(move |span| {
            let start = span.offset as usize;
            &self.buf[start..start + span.len as usize]
        })
    }

    /// The words from `index` on (none when `index` is past the end).
    #[inline]
    pub fn from(self, index: usize) -> Args<'a> {
        Args { buf: self.buf, spans: self.spans.get(index..).unwrap_or(&[]) }
    }

    /// The words `start..end`; panics when out of range.
    pub fn slice(self, start: usize, end: usize) -> Args<'a> {
        Args { buf: self.buf, spans: &self.spans[start..end] }
    }

    /// Whether argument `index` exists and equals the option name `word`, ASCII case aside.
    #[inline]
    pub fn is(self, index: usize, word: &str) -> bool {
        self.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Sum of the words' lengths in bytes.
    pub fn total_bytes(self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }

    /// A copy that owns its bytes.
    pub fn to_owned(self) -> OwnedArgs {
        self.iter().collect()
    }
}

/// Arguments that own their bytes: queued by MULTI, kept by a blocked client, typed inline.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct OwnedArgs {
    buf: Vec<u8>,
    spans: Vec<Span>,
}

impl OwnedArgs {
    pub fn new() -> Self {
        OwnedArgs::default()
    }

    /// Forgets the words, and keeps the room.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.spans.clear();
    }

    /// Gives the room back if it is more than is worth keeping.
    pub fn shrink_if_big(&mut self) {
        const KEPT_BYTES: usize = 64 * 1024;
        if self.mem_bytes() > KEPT_BYTES {
            *self = OwnedArgs::new();
        }
    }

    /// Appends one word. Panics past 4 GiB in total, which the query buffer's limit rules out.
    pub fn push(&mut self, word: &[u8]) {
        let offset = u32::try_from(self.buf.len()).expect("a request is smaller than 4 GiB");
        let len = u32::try_from(word.len()).expect("a request is smaller than 4 GiB");
        self.buf.extend_from_slice(word);
        self.spans.push(Span { offset, len });
    }

    /// The view that handlers take.
    #[inline]
    pub fn view(&self) -> Args<'_> {
        Args { buf: &self.buf, spans: &self.spans }
    }

    /// Heap bytes owned.
    pub fn mem_bytes(&self) -> usize {
        self.buf.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

impl<W: AsRef<[u8]>> FromIterator<W> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = W>>(words: I) -> Self {
        let mut args = OwnedArgs::new();
        for word in words {
            args.push(word.as_ref());
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_and_view_agree() {
        let args: OwnedArgs = ["SET", "k", ""].into_iter().collect();
        let view = args.view();
        assert_eq!(view.len(), 3);
        assert_eq!(view.at(1), b"k");
        assert_eq!(view.get(2), Some(&b""[..]));
        assert_eq!(view.get(3), None);
        assert!(view.is(0, "set") && !view.is(5, "set"));
        assert_eq!(view.from(1).iter().collect::<Vec<_>>(), vec![&b"k"[..], b""]);
        assert!(view.from(9).is_empty());
        assert_eq!(view.to_owned(), args);
        assert_eq!(view.total_bytes(), 4);
    }
}
