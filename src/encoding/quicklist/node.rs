//! A node of a quicklist: a listpack, or one element too large for any, and either of them perhaps compressed.

use super::Limits;
use crate::encoding::blob::{self, Blob, TooLong};
use crate::encoding::listpack::{Deque, Elem, Iter, Listpack};
use crate::encoding::lzf;
use crate::sys::defrag::Mover;
use std::borrow::Cow;

/// Nodes smaller than this are not worth compressing, in bytes.
const MIN_COMPRESS_BYTES: usize = 48;
/// Nor is it worth it for a saving of no more than this.
const MIN_SAVED_BYTES: usize = 8;

/// Some elements of the list. 32 bytes; never empty while it is in a list.
#[derive(Clone)]
pub(super) struct Node {
    count: u32,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Packed(Deque),
    /// One element: the blob's body.
    Plain(Blob),
    /// Either, compressed: the blob's body is an LZF stream of `raw_bytes` bytes.
    Lzf {
        plain: bool,
        raw_bytes: u32,
        stream: Blob,
    },
}

/// What a node holds, uncompressed.
#[derive(Clone)]
pub(super) enum Content<'a> {
    /// All elements of the node.
    Packed(Iter<'a>),
    Plain(&'a [u8]),
}

/// A node as it is kept, for whoever writes it to a file or describes it.
#[derive(Clone, Debug)]
pub enum NodeView<'a> {
    /// Copied only where the first node has room at its front.
    Packed(Cow<'a, Listpack>),
    /// One large element.
    Plain(&'a [u8]),
    /// An LZF stream of `raw_bytes` bytes: of one element when `plain`, else of a listpack.
    Lzf { plain: bool, raw_bytes: usize, stream: &'a [u8] },
}

impl NodeView<'_> {
    /// Size uncompressed, in bytes.
    pub fn raw_bytes(&self) -> usize {
        match self {
            NodeView::Packed(listpack) => listpack.bytes_len(),
            NodeView::Plain(text) => text.len(),
            NodeView::Lzf { raw_bytes, .. } => *raw_bytes,
        }
    }
}

fn body_of(blob: &Blob) -> &[u8] {
    &blob.as_slice()[blob::HEADER_BYTES..]
}

/// Decompresses what [`Node::compress`] made.
fn expand(plain: bool, raw_bytes: u32, stream: &Blob) -> Body {
    let bytes = match lzf::decompress(body_of(stream), raw_bytes as usize) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("our own stream: {error}"),
    };
    let body = if plain {
        Blob::from_body(&bytes).map(Body::Plain)
    } else {
        Listpack::from_bytes_trusted(&bytes).map(|listpack| Body::Packed(listpack.into()))
    };
    match body {
        Ok(body) => body,
        Err(TooLong) => unreachable!("it was a blob before"),
    }
}

impl Node {
    /// A node of one element.
    pub(super) fn of(text: &[u8], limits: &Limits) -> Result<Node, TooLong> {
        if limits.is_large(text.len()) {
            return Node::plain(text);
        }
        let mut listpack = Listpack::new();
        listpack.push_back(text)?;
        Ok(Node { count: 1, body: Body::Packed(listpack.into()) })
    }

    /// A node of one element, kept as it is.
    pub(super) fn plain(text: &[u8]) -> Result<Node, TooLong> {
        let body = Body::Plain(Blob::from_body(text)?);
        Ok(Node { count: 1, body })
    }

    /// A node of these elements; `None` when there are none.
    pub(super) fn packed(listpack: Listpack) -> Option<Node> {
        // A listpack has less than 2^32 bytes, and an element takes two of them.
        let count = listpack.len() as u32;
        let body = Body::Packed(listpack.into());
        (count != 0).then_some(Node { count, body })
    }

    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Size uncompressed, in bytes.
    #[inline]
    pub(super) fn raw_bytes(&self) -> usize {
        match &self.body {
            Body::Packed(deque) => deque.bytes_len(),
            Body::Plain(blob) => blob.len() - blob::HEADER_BYTES,
            Body::Lzf { raw_bytes, .. } => *raw_bytes as usize,
        }
    }

    /// Moves the block, if it ought to move.
    pub(super) fn defrag(&mut self, mover: &mut Mover) {
        match &mut self.body {
            Body::Packed(deque) => deque.defrag(mover),
            Body::Plain(blob) | Body::Lzf { stream: blob, .. } => blob.defrag(mover),
        }
    }

    /// Bytes taken from the allocator.
    pub(super) fn alloc_bytes(&self) -> usize {
        match &self.body {
            Body::Packed(deque) => deque.alloc_bytes(),
            Body::Plain(blob) | Body::Lzf { stream: blob, .. } => blob.alloc_bytes(),
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.body, Body::Plain(_) | Body::Lzf { plain: true, .. })
    }

    pub(super) fn view(&self) -> NodeView<'_> {
        match &self.body {
            Body::Packed(deque) => NodeView::Packed(deque.to_listpack()),
            Body::Plain(blob) => NodeView::Plain(body_of(blob)),
            Body::Lzf { plain, raw_bytes, stream } => {
                NodeView::Lzf { plain: *plain, raw_bytes: *raw_bytes as usize, stream: body_of(stream) }
            }
        }
    }

    /// Lends the content, of a compressed node for as long as `reader` runs.
    #[inline]
    pub(super) fn read<R>(&self, reader: impl FnOnce(Content<'_>) -> R) -> R {
        match &self.body {
            Body::Packed(deque) => reader(Content::Packed(deque.iter())),
            Body::Plain(blob) => reader(Content::Plain(body_of(blob))),
            Body::Lzf { plain, raw_bytes, stream } => match expand(*plain, *raw_bytes, stream) {
                Body::Packed(deque) => reader(Content::Packed(deque.iter())),
                Body::Plain(blob) | Body::Lzf { stream: blob, .. } => reader(Content::Plain(body_of(&blob))),
            },
        }
    }

    /// The elements, decompressed first; `None` in a plain node.
    #[inline]
    fn deque_mut(&mut self) -> Option<&mut Deque> {
        self.decompress();
        match &mut self.body {
            Body::Packed(deque) => Some(deque),
            _ => None,
        }
    }

    /// The elements as a listpack, to be changed in any way; `None` in a plain node.
    #[inline]
    fn listpack_mut(&mut self) -> Option<&mut Listpack> {
        self.deque_mut().map(Deque::close)
    }

    /// Gives up the room at the front, for a node that is no longer the first.
    pub(super) fn close(&mut self) {
        if let Body::Packed(deque) = &mut self.body {
            deque.close();
        }
    }

    #[inline]
    pub(super) fn decompress(&mut self) {
        if let Body::Lzf { plain, raw_bytes, stream } = &self.body {
            self.body = expand(*plain, *raw_bytes, stream);
        }
    }

    /// Compresses the node if that is worth it.
    pub(super) fn compress(&mut self) {
        let (plain, raw) = match &mut self.body {
            Body::Packed(deque) => (false, deque.close().as_bytes()),
            Body::Plain(blob) => (true, body_of(blob)),
            Body::Lzf { .. } => return,
        };
        if raw.len() < MIN_COMPRESS_BYTES {
            return;
        }
        let mut stream = Vec::new();
        if lzf::compress(raw, raw.len() - MIN_SAVED_BYTES - 1, &mut stream).is_none() {
            return;
        }
        // Shorter than a blob's body, so the cast is exact and the stream fits a blob.
        let raw_bytes = raw.len() as u32;
        if let Ok(stream) = Blob::from_body(&stream) {
            self.body = Body::Lzf { plain, raw_bytes, stream };
        }
    }

    /// Whether one more element of `text_len` bytes may go in here.
    #[inline]
    pub(super) fn has_room(&self, text_len: usize, limits: &Limits) -> bool {
        !self.is_plain() && !limits.is_large(text_len) && limits.has_room(self.raw_bytes(), self.count(), text_len)
    }

    /// Whether the elements of `next` may join these.
    pub(super) fn may_absorb(&self, next: &Node, limits: &Limits) -> bool {
        if self.is_plain() || next.is_plain() {
            return false;
        }
        // Header and end byte are there once instead of twice.
        let bytes = self.raw_bytes() + next.raw_bytes() - Listpack::EMPTY_BYTES;
        !limits.exceeded(bytes, self.count() + next.count())
    }

    /// Takes over the elements of `next`, which [`Node::may_absorb`] allowed.
    pub(super) fn absorb(&mut self, mut next: Node) -> Result<(), TooLong> {
        if let (Some(mine), Some(theirs)) = (self.listpack_mut(), next.listpack_mut()) {
            mine.append(theirs)?;
            self.count += next.count;
        }
        Ok(())
    }

    /// Appends to a packed node.
    #[inline]
    pub(super) fn push_back(&mut self, text: &[u8]) -> Result<(), TooLong> {
        if let Some(deque) = self.deque_mut() {
            deque.push_back(text)?;
            self.count += 1;
        }
        Ok(())
    }

    /// Prepends to a packed node.
    #[inline]
    pub(super) fn push_front(&mut self, text: &[u8], limits: &Limits) -> Result<(), TooLong> {
        let spare_bytes = limits.spare_bytes(self.raw_bytes());
        if let Some(deque) = self.deque_mut() {
            deque.push_front(text, spare_bytes)?;
            self.count += 1;
        }
        Ok(())
    }

    /// Inserts into a packed node before its element `offset`, or at its end.
    pub(super) fn insert(&mut self, offset: usize, text: &[u8]) -> Result<(), TooLong> {
        let Some(listpack) = self.listpack_mut() else {
            return Ok(());
        };
        match listpack.seek(offset as i64) {
            Some(pos) => {
                listpack.insert_before(pos, text)?;
            }
            None => listpack.push_back(text)?,
        }
        self.count += 1;
        Ok(())
    }

    /// Replaces element `offset` where this node may hold the new text too; answers whether.
    pub(super) fn replace(&mut self, offset: usize, text: &[u8], limits: &Limits) -> Result<bool, TooLong> {
        if self.count == 1 {
            *self = Node::of(text, limits)?;
            return Ok(true);
        }
        if limits.is_large(text.len()) {
            return Ok(false);
        }
        let Some(listpack) = self.listpack_mut() else {
            return Ok(false);
        };
        let Some((pos, old)) = listpack.seek(offset as i64).and_then(|pos| Some((pos, listpack.get(pos)?))) else {
            return Ok(false);
        };
        let old_bytes = old.packed_bytes();
        let new_bytes = listpack.bytes_len() - old_bytes + Elem::Bytes(text).packed_bytes();
        if new_bytes > listpack.bytes_len() && limits.exceeded(new_bytes, 1) {
            return Ok(false);
        }
        listpack.replace(pos, text)?;
        Ok(true)
    }

    /// Removes `n` elements from `offset` on, some of them all but never all of them.
    pub(super) fn remove(&mut self, offset: usize, n: usize) {
        if let Some(listpack) = self.listpack_mut() {
            let removed = listpack.delete_range_at(offset as i64, n);
            self.count -= removed as u32;
        }
    }

    /// Removes those elements that `select` says, from the first on or from the last; answers how many. The
    /// node may be empty afterwards.
    pub(super) fn remove_where(&mut self, from_tail: bool, mut select: impl FnMut(Elem<'_>) -> bool) -> usize {
        // Positions are those of the listpack without a gap.
        self.close();
        let mut positions = Vec::new();
        let plain = self.read(|content| {
            let mut elems = match content {
                Content::Plain(text) => return select(Elem::Bytes(text)),
                Content::Packed(elems) => elems,
            };
            if from_tail {
                while let Some(elem) = elems.next_back() {
                    if select(elem) {
                        positions.extend(elems.back_pos());
                    }
                }
                positions.reverse();
            } else {
                let mut pos = elems.pos();
                while let Some(elem) = elems.next() {
                    if select(elem) {
                        positions.extend(pos);
                    }
                    pos = elems.pos();
                }
            }
            false
        });
        let removed = if plain { 1 } else { positions.len() };
        if !positions.is_empty()
            && let Some(listpack) = self.listpack_mut()
        {
            listpack.delete_many(&positions);
        }
        self.count -= removed as u32;
        removed
    }

    /// Cuts before element `offset`, neither the first nor beyond the last; answers the later part.
    pub(super) fn split_off(&mut self, offset: usize) -> Option<Node> {
        let tail = self.listpack_mut()?.split_off(offset as i64);
        let tail = Node::packed(tail)?;
        self.count -= tail.count;
        Some(tail)
    }

    /// Hands the first or last element to `reader` and removes it. The node may be empty afterwards.
    #[inline]
    pub(super) fn pop<R>(&mut self, from_tail: bool, reader: impl FnOnce(Elem<'_>) -> R) -> Option<R> {
        self.decompress();
        let answer = match &mut self.body {
            Body::Packed(deque) if from_tail => deque.pop_back(reader)?,
            Body::Packed(deque) => deque.pop_front(reader)?,
            Body::Plain(blob) | Body::Lzf { stream: blob, .. } => reader(Elem::Bytes(body_of(blob))),
        };
        self.count -= 1;
        Some(answer)
    }

    /// The elements of a packed node as a listpack.
    pub(super) fn into_listpack(mut self) -> Option<Listpack> {
        self.decompress();
        match self.body {
            Body::Packed(deque) => Some(deque.into_listpack()),
            _ => None,
        }
    }
}
