//! Values to bytes.
//!
//! A [`Writer`] collects bytes and hands them on in big pieces, the checksum being taken of each piece while it is in the
//! cache. A dump is a writer that never hands on. Errors stick: once something could not be written nothing is, and [`Writer::finish`]
//! says so.
//!
//! What is one block here is one block there: listpacks, intsets and compressed nodes go out as they are.

use std::io::{self, Write};

use super::format::{self, kind, node, op};
use super::streams;
use crate::encoding::listpack::Elem;
use crate::encoding::lzf;
use crate::encoding::quicklist::NodeView;
use crate::keyspace::Entry;
use crate::keyspace::value::Ref;
use crate::types::{Hash, List, Set, Zset};
use crate::util::crc64::crc64;
use crate::util::number::parse_i64;

/// Bytes collected before they are handed on.
const PIECE_BYTES: usize = 128 * 1024;
/// A block from here on is not copied into the piece.
const DIRECT_BYTES: usize = 32 * 1024;
/// Texts up to this length are not worth compressing.
const COMPRESS_MIN_BYTES: usize = 20;
/// Nor is it worth it for a saving of less than this.
const SAVED_MIN_BYTES: usize = 4;
/// The longest text that may be an integer of 32 bits.
const INT_TEXT_MAX: usize = 11;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Texts are compressed where that saves something (`rdbcompression`).
    pub compress: bool,
    /// The checksum is computed (`rdbchecksum`).
    pub checksum: bool,
}

/// Where bytes go. See the file's head.
pub struct Writer<W> {
    to: W,
    buf: Vec<u8>,
    /// Where texts are compressed.
    scratch: Vec<u8>,
    style: Style,
    /// Bytes collected before they are handed on.
    piece_bytes: usize,
    crc: u64,
    written: u64,
    error: Option<io::Error>,
}

impl Writer<io::Sink> {
    /// A writer that keeps everything.
    pub fn to_memory(style: Style) -> Self {
        Writer { piece_bytes: usize::MAX, ..Writer::build(io::sink(), style, 0) }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buf
    }
}

impl<W: Write> Writer<W> {
    /// A writer that hands on to `to`.
    pub fn new(to: W, style: Style) -> Self {
        Writer::build(to, style, PIECE_BYTES + DIRECT_BYTES)
    }

    fn build(to: W, style: Style, capacity: usize) -> Self {
        let buf = Vec::with_capacity(capacity);
        Writer { to, buf, scratch: Vec::new(), style, piece_bytes: PIECE_BYTES, crc: 0, written: 0, error: None }
    }

    /// Bytes written so far.
    pub fn len(&self) -> u64 {
        self.written + self.buf.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether something could not be written.
    pub fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Where bytes are handed on to.
    pub fn destination(&mut self) -> &mut W {
        &mut self.to
    }

    /// Hands everything on; what could not be written, or `to`.
    ///
    /// # Errors
    /// The first error there was.
    pub fn finish(mut self) -> io::Result<W> {
        self.spill();
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.to),
        }
    }

    /// Ends the file: the end mark and the checksum.
    pub fn end_of_file(&mut self) {
        self.byte(op::EOF);
        self.spill();
        let crc = if self.style.checksum { self.crc } else { 0 };
        self.buf.extend_from_slice(&crc.to_le_bytes());
    }

    /// Hands a piece on when there is one.
    #[inline]
    fn check(&mut self) {
        if self.buf.len() >= self.piece_bytes {
            self.spill();
        }
    }

    #[cold]
    fn spill(&mut self) {
        let buf = std::mem::take(&mut self.buf);
        self.hand_on(&buf);
        self.buf = buf;
        self.buf.clear();
    }

    fn hand_on(&mut self, bytes: &[u8]) {
        if self.style.checksum {
            self.crc = crc64(self.crc, bytes);
        }
        self.written += bytes.len() as u64;
        if self.error.is_none() {
            self.error = self.to.write_all(bytes).err();
        }
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.buf.push(byte);
    }

    /// Bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if bytes.len() >= DIRECT_BYTES && self.piece_bytes != usize::MAX {
            self.spill();
            self.hand_on(bytes);
        } else {
            self.buf.extend_from_slice(bytes);
            self.check();
        }
    }

    #[inline]
    pub fn len_field(&mut self, len: usize) {
        format::put_len(&mut self.buf, len as u64);
    }

    /// A length and bytes.
    #[inline]
    fn block(&mut self, bytes: &[u8]) {
        self.len_field(bytes.len());
        self.raw(bytes);
    }

    /// A text: as an integer if it is one, compressed if that saves something, or as it is.
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        if text.len() <= INT_TEXT_MAX {
            let integer = parse_i64(text).is_some_and(|value| format::put_int(&mut self.buf, value));
            if !integer {
                self.buf.push(text.len() as u8);
                self.buf.extend_from_slice(text);
            }
            return self.check();
        }
        self.long_text(text);
    }

    /// The same of a text that is no integer.
    #[inline]
    fn long_text(&mut self, text: &[u8]) {
        if !(self.style.compress && text.len() > COMPRESS_MIN_BYTES && self.compressed(text)) {
            self.block(text);
        }
    }

    /// Writes a text compressed; `false` if that is not worth it.
    fn compressed(&mut self, text: &[u8]) -> bool {
        if text.len() >= u32::MAX as usize {
            return false;
        }
        let mut stream = std::mem::take(&mut self.scratch);
        stream.clear();
        let compressed = lzf::compress(text, text.len() - SAVED_MIN_BYTES, &mut stream).is_some();
        if compressed {
            self.lzf(&stream, text.len());
        }
        self.scratch = stream;
        compressed
    }

    /// Text that is compressed already.
    fn lzf(&mut self, stream: &[u8], raw_bytes: usize) {
        self.byte(format::ENCODED << 6 | format::text::LZF);
        self.len_field(stream.len());
        self.len_field(raw_bytes);
        self.raw(stream);
    }

    #[inline]
    fn integer(&mut self, value: i64) {
        if !format::put_int(&mut self.buf, value) {
            self.long_text(itoa::Buffer::new().format(value).as_bytes());
        }
        self.check();
    }

    /// An element, as its text would be written.
    #[inline]
    fn elem(&mut self, elem: Elem<'_>) {
        match elem {
            Elem::Int(value) => self.integer(value),
            Elem::Bytes(text) => self.text(text),
        }
    }

    /// An aux record.
    pub fn aux(&mut self, key: &str, value: &[u8]) {
        self.byte(op::AUX);
        self.text(key.as_bytes());
        self.text(value);
    }

    /// An entry: type, key and value.
    #[inline]
    pub fn entry(&mut self, entry: &Entry) {
        let value = entry.value();
        self.kind(value);
        self.text(entry.key());
        self.value(value);
    }

    /// The number of a value's type, as [`value`](Self::value) writes it.
    #[inline]
    pub fn kind(&mut self, value: Ref<'_>) {
        self.byte(kind_of(value));
    }

    /// A value.
    #[inline]
    pub fn value(&mut self, value: Ref<'_>) {
        match value {
            Ref::Int(value) => self.integer(value),
            Ref::Str { bytes, .. } => self.text(bytes),
            Ref::List(list) => self.list(list),
            Ref::Set(set) => self.set(set),
            Ref::Zset(zset) => self.zset(zset),
            Ref::Hash(hash) => self.hash(hash),
            Ref::Stream(stream) => streams::write(self, stream),
        }
    }

    /// A block that is kept as such: as text that cannot be an integer.
    fn packed(&mut self, bytes: &[u8]) {
        self.long_text(bytes);
    }

    fn list(&mut self, list: &List) {
        if let Some(listpack) = list.as_listpack() {
            self.len_field(1);
            format::put_len(&mut self.buf, node::PACKED);
            return self.packed(listpack.as_bytes());
        }
        let Some(quick) = list.as_quicklist() else { return };
        self.len_field(quick.node_count());
        for (_, view) in quick.nodes() {
            let plain = matches!(view, NodeView::Plain(_) | NodeView::Lzf { plain: true, .. });
            format::put_len(&mut self.buf, if plain { node::PLAIN } else { node::PACKED });
            match view {
                NodeView::Packed(listpack) => self.packed(listpack.as_bytes()),
                NodeView::Plain(text) => self.long_text(text),
                NodeView::Lzf { raw_bytes, stream, .. } => self.lzf(stream, raw_bytes),
            }
        }
    }

    fn set(&mut self, set: &Set) {
        if let Some(ints) = set.as_intset() {
            return self.packed(ints.as_bytes());
        }
        self.len_field(set.len());
        for member in set.iter() {
            self.elem(member);
        }
    }

    fn zset(&mut self, zset: &Zset) {
        if let Some(listpack) = zset.as_listpack() {
            return self.packed(listpack.as_bytes());
        }
        self.len_field(zset.len());
        // From the highest score down: what upstream likes best to load.
        for (member, score) in zset.iter().rev() {
            self.elem(member);
            self.raw(&score.to_le_bytes());
        }
    }

    fn hash(&mut self, hash: &Hash) {
        if let Some(listpack) = hash.as_listpack() {
            return self.packed(listpack.as_bytes());
        }
        let Some(first_ms) = hash.next_expiry_ms() else {
            self.len_field(hash.len());
            for (field, value) in hash.iter() {
                self.elem(field);
                self.elem(value);
            }
            return;
        };
        self.raw(&first_ms.to_le_bytes());
        self.len_field(hash.len());
        hash.each_with_expiry(|field, value, expiry_ms| {
            // Counted from one before the first; 0 stands for never.
            format::put_len(&mut self.buf, expiry_ms.map_or(0, |when_ms| when_ms - first_ms + 1));
            self.elem(field);
            self.elem(value);
        });
    }
}

/// The number that a value's type is written under.
pub fn kind_of(value: Ref<'_>) -> u8 {
    match value {
        Ref::Int(_) | Ref::Str { .. } => kind::STRING,
        Ref::List(_) => kind::LIST_QUICKLIST_2,
        Ref::Set(set) if set.as_intset().is_some() => kind::SET_INTSET,
        // As a listpack it would be version 11, which Redis 7.0 does not read.
        Ref::Set(_) => kind::SET,
        Ref::Zset(zset) if zset.as_listpack().is_some() => kind::ZSET_LISTPACK,
        Ref::Zset(_) => kind::ZSET_2,
        Ref::Hash(hash) if hash.as_listpack().is_some() => kind::HASH_LISTPACK,
        Ref::Hash(hash) if hash.next_expiry_ms().is_some() => kind::HASH_TTL,
        Ref::Hash(_) => kind::HASH,
        Ref::Stream(stream) => streams::kind_of(stream),
    }
}
