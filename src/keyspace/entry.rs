//! A key with its value: one allocation, eight bytes to point at.
//!
//! ```text
//!  0        4      5 or 9   (8)                     …
//!  ├────────┼──────┼────────┼───────────┼────────────┐
//!  │ head   │ klen │ expiry │ key bytes │ payload    │
//!  └────────┴──────┴────────┴───────────┴────────────┘
//!  head     u32: bits 0-23 access clock (LRU or LFU), 24-27 form, 28 has expiry, 29 raw
//!  klen     key length: one byte below 255, else 255 and a u32
//!  expiry   u64, unix time in ms; only with the flag
//!  payload  INT: the i64.   STR: length of the string (as klen) and its bytes.
//!           BIG and collections: the value itself, 16 bytes at most, aligned to 8.
//! ```
//!
//! The key's place depends on nothing behind it, so that a lookup reads head and key length and can compare.
//! A string up to [`EMBED_MAX`] bytes lies in the entry, so that a lookup costs the bucket's line and this one.
//! The allocation's size is never stored: it follows from the fields (`good_size` of their sum), and so a string is
//! rewritten in place exactly when its new length gives the same size.
//!
//! What always holds: an `Entry` owns its block alone; the form says what the payload is; nothing outside this file
//! sees the block's bytes except as typed references that borrow the entry.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::{ManuallyDrop, size_of};
use std::ptr::{self, NonNull};
use std::slice;

use super::table::{Slot, TagPtr};
use super::value::{BigStr, Ref, RefMut, Type, Value};
use crate::encoding::blob::good_size;
use crate::sys::defrag::Mover;
use crate::types::{Hash, List, Set, Stream, Zset};

/// The longest string kept in the entry itself, in bytes.
pub const EMBED_MAX: usize = 1024;

/// The longest key, in bytes.
pub const KEY_MAX: usize = u32::MAX as usize;

const CLOCK_MASK: u32 = 0x00ff_ffff;
const FORM_SHIFT: u32 = 24;
const EXPIRES: u32 = 1 << 28;
const RAW: u32 = 1 << 29;
const LONG: u8 = 255;

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Form {
    Int,
    Str,
    Big,
    List,
    Set,
    Zset,
    Hash,
    Stream,
}

/// Bytes a length takes: one, or five.
#[inline]
const fn len_bytes(len: usize) -> usize {
    if len < LONG as usize { 1 } else { 5 }
}

const _: () = assert!(size_of::<BigStr>() == 8);
const _: () = assert!(size_of::<List>() <= 16 && size_of::<Set>() <= 16);
const _: () = assert!(size_of::<Zset>() <= 16 && size_of::<Hash>() <= 16 && size_of::<Stream>() <= 16);
const _: () = assert!(align_of::<List>() <= 8 && align_of::<Set>() <= 8);
const _: () = assert!(align_of::<Zset>() <= 8 && align_of::<Hash>() <= 8 && align_of::<Stream>() <= 8);

/// A key and its value. See the file's head for the layout.
#[repr(transparent)]
pub struct Entry(TagPtr);

// SAFETY: an entry owns its block alone and holds only `Send` values (strings, integers, collections that are
// `Send`, asserted below); moving it moves everything.
unsafe impl Send for Entry {}

const _: fn() = || {
    fn send<T: Send>() {}
    send::<BigStr>();
    send::<List>();
    send::<Set>();
    send::<Zset>();
    send::<Hash>();
    send::<Stream>();
};

/// Where the parts of an entry lie, in bytes from its start.
struct Shape {
    form: Form,
    expiry: usize,
    payload: usize,
    key: usize,
    /// Length of an embedded string.
    vlen: usize,
    total: usize,
}

impl Shape {
    #[inline]
    fn new(form: Form, klen: usize, expires: bool, vlen: usize) -> Shape {
        let expiry = 4 + len_bytes(klen);
        let key = expiry + if expires { 8 } else { 0 };
        let after = key + klen;
        let (payload, total) = match form {
            Form::Int => (after, after + 8),
            Form::Str => (after, after + len_bytes(vlen) + vlen),
            form => {
                let payload = (after + 7) & !7;
                (payload, payload + Self::payload_bytes(form))
            }
        };
        Shape { form, expiry, payload, key, vlen, total }
    }

    #[inline]
    fn payload_bytes(form: Form) -> usize {
        match form {
            Form::Int | Form::Str => 8,
            Form::Big => size_of::<BigStr>(),
            Form::List => size_of::<List>(),
            Form::Set => size_of::<Set>(),
            Form::Zset => size_of::<Zset>(),
            Form::Hash => size_of::<Hash>(),
            Form::Stream => size_of::<Stream>(),
        }
    }

    /// Where the bytes of an embedded string begin.
    #[inline]
    fn text(&self) -> usize {
        self.payload + len_bytes(self.vlen)
    }

    #[inline]
    fn layout(&self) -> Layout {
        // Sizes are far below isize::MAX: a key and an embedded string are bounded by 4 GiB and 1 KiB.
        Layout::from_size_align(good_size(self.total), 8).unwrap_or_else(|_| unreachable!("entry size"))
    }
}

impl Entry {
    /// A key with a string value, embedded when short enough, as an integer when it is one in canonical form.
    pub fn with_string(key: &[u8], bytes: &[u8], expiry_ms: Option<u64>) -> Entry {
        match as_int(bytes) {
            Some(n) => Entry::with_int(key, n, expiry_ms),
            None => Entry::with_bytes(key, bytes, expiry_ms, false),
        }
    }

    /// A key with an integer.
    pub fn with_int(key: &[u8], n: i64, expiry_ms: Option<u64>) -> Entry {
        let (entry, shape) = Entry::allocate(Form::Int, key, expiry_ms, 0, 0);
        // SAFETY: the payload of form INT is 8 bytes inside the fresh block; no alignment is needed.
        unsafe { entry.at(shape.payload).cast::<i64>().write_unaligned(n) };
        entry
    }

    /// A key with bytes that stay bytes.
    pub fn with_bytes(key: &[u8], bytes: &[u8], expiry_ms: Option<u64>, raw: bool) -> Entry {
        if bytes.len() > EMBED_MAX {
            let big = BigStr::new(bytes).unwrap_or_else(|| unreachable!("strings are bounded before they get here"));
            return Entry::with_payload(key, Form::Big, big, expiry_ms);
        }
        let (entry, shape) = Entry::allocate(Form::Str, key, expiry_ms, bytes.len(), if raw { RAW } else { 0 });
        // SAFETY: `allocate` made room for the length at `payload` and for `vlen` bytes behind it.
        unsafe {
            write_len(entry.at(shape.payload), bytes.len());
            ptr::copy_nonoverlapping(bytes.as_ptr(), entry.at(shape.text()), bytes.len());
        }
        entry
    }

    /// A key with any value.
    pub fn with_value(key: &[u8], value: Value, expiry_ms: Option<u64>) -> Entry {
        match value {
            Value::Int(n) => Entry::with_int(key, n, expiry_ms),
            Value::Str { bytes, raw } => Entry::with_bytes(key, &bytes, expiry_ms, raw),
            Value::Big(big) => Entry::with_payload(key, Form::Big, big, expiry_ms),
            Value::List(list) => Entry::with_payload(key, Form::List, list, expiry_ms),
            Value::Set(set) => Entry::with_payload(key, Form::Set, set, expiry_ms),
            Value::Zset(zset) => Entry::with_payload(key, Form::Zset, zset, expiry_ms),
            Value::Hash(hash) => Entry::with_payload(key, Form::Hash, hash, expiry_ms),
            Value::Stream(stream) => Entry::with_payload(key, Form::Stream, stream, expiry_ms),
        }
    }

    fn with_payload<T>(key: &[u8], form: Form, value: T, expiry_ms: Option<u64>) -> Entry {
        let (entry, shape) = Entry::allocate(form, key, expiry_ms, 0, 0);
        debug_assert_eq!(Shape::payload_bytes(form), size_of::<T>());
        // SAFETY: `allocate` left room for the form's type at `payload`, a multiple of 8 in a block aligned to 8;
        // every caller passes the form that belongs to `T`.
        unsafe { entry.at(shape.payload).cast::<T>().write(value) };
        entry
    }

    /// A block with head, key length, expiry and key written; the payload is the caller's to write.
    #[inline]
    fn allocate(form: Form, key: &[u8], expiry_ms: Option<u64>, vlen: usize, bits: u32) -> (Entry, Shape) {
        let shape = Shape::new(form, key.len(), expiry_ms.is_some(), vlen);
        let layout = shape.layout();
        // SAFETY: the layout's size is at least 8.
        let Some(block) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let entry = Entry(TagPtr::new(block));
        let head = (form as u32) << FORM_SHIFT | bits | if expiry_ms.is_some() { EXPIRES } else { 0 };
        // SAFETY: all offsets of `shape` lie inside the block of `shape.total` bytes; the block is aligned to 8, so
        // the head is aligned; the expiry is written unaligned.
        unsafe {
            entry.at(0).cast::<u32>().write(head);
            write_len(entry.at(4), key.len());
            if let Some(when) = expiry_ms {
                entry.at(shape.expiry).cast::<u64>().write_unaligned(when);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), entry.at(shape.key), key.len());
        }
        (entry, shape)
    }

    /// A pointer `offset` bytes into the block; the caller stays inside it.
    #[inline]
    fn at(&self, offset: usize) -> *mut u8 {
        self.0.get().as_ptr().wrapping_add(offset)
    }

    #[inline]
    fn head(&self) -> u32 {
        // SAFETY: the head is always written, at the block's aligned start.
        unsafe { self.0.get().cast::<u32>().read() }
    }

    #[inline]
    fn set_head(&mut self, head: u32) {
        // SAFETY: as for `head`; `&mut self` makes the write exclusive.
        unsafe { self.0.get().cast::<u32>().write(head) }
    }

    #[inline]
    fn form(&self) -> Form {
        match self.head() >> FORM_SHIFT & 15 {
            0 => Form::Int,
            1 => Form::Str,
            2 => Form::Big,
            3 => Form::List,
            4 => Form::Set,
            5 => Form::Zset,
            6 => Form::Hash,
            _ => Form::Stream,
        }
    }

    #[inline]
    fn shape(&self) -> Shape {
        let form = self.form();
        let expires = self.head() & EXPIRES != 0;
        // SAFETY: the key length was written at offset 4.
        let klen = unsafe { read_len(self.at(4)) };
        let mut shape = Shape::new(form, klen, expires, 0);
        if form == Form::Str {
            // SAFETY: for form STR the payload is a length that was written; its place does not depend on it.
            let vlen = unsafe { read_len(self.at(shape.payload)) };
            shape = Shape::new(form, klen, expires, vlen);
        }
        shape
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let expiry_bytes = if self.head() & EXPIRES != 0 { 8 } else { 0 };
        // SAFETY: the key length lies at offset 4, and that many initialised bytes behind it and the expiry; they live as
        // long as the entry and are never written again.
        unsafe {
            let klen = read_len(self.at(4));
            slice::from_raw_parts(self.at(4 + len_bytes(klen) + expiry_bytes), klen)
        }
    }

    /// When it expires, in unix ms.
    #[inline]
    pub fn expiry_ms(&self) -> Option<u64> {
        if self.head() & EXPIRES == 0 {
            return None;
        }
        // SAFETY: with the flag set the expiry lies right behind the key length.
        unsafe {
            let klen = read_len(self.at(4));
            Some(self.at(4 + len_bytes(klen)).cast::<u64>().read_unaligned())
        }
    }

    /// The access clock: 24 bits, LRU seconds or LFU minutes and counter.
    #[inline]
    pub fn clock(&self) -> u32 {
        self.head() & CLOCK_MASK
    }

    /// Sets the access clock; nothing is written when it says so already, to spare a shared page.
    #[inline]
    pub fn set_clock(&mut self, clock: u32) {
        let head = self.head();
        let new = head & !CLOCK_MASK | clock & CLOCK_MASK;
        if new != head {
            self.set_head(new);
        }
    }

    /// The value's type.
    #[inline]
    pub fn kind(&self) -> Type {
        match self.form() {
            Form::Int | Form::Str | Form::Big => Type::String,
            Form::List => Type::List,
            Form::Set => Type::Set,
            Form::Zset => Type::Zset,
            Form::Hash => Type::Hash,
            Form::Stream => Type::Stream,
        }
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> Ref<'_> {
        let shape = self.shape();
        let payload = self.at(shape.payload);
        // SAFETY: the form says which type was written at `payload` (aligned for it); the references borrow the
        // entry, so nothing changes or frees them meanwhile.
        unsafe {
            match shape.form {
                Form::Int => Ref::Int(payload.cast::<i64>().read_unaligned()),
                Form::Str => {
                    Ref::Str { bytes: slice::from_raw_parts(self.at(shape.text()), shape.vlen), raw: self.head() & RAW != 0 }
                }
                Form::Big => Ref::Str { bytes: (*payload.cast::<BigStr>()).as_slice(), raw: true },
                Form::List => Ref::List(&*payload.cast::<List>()),
                Form::Set => Ref::Set(&*payload.cast::<Set>()),
                Form::Zset => Ref::Zset(&*payload.cast::<Zset>()),
                Form::Hash => Ref::Hash(&*payload.cast::<Hash>()),
                Form::Stream => Ref::Stream(&*payload.cast::<Stream>()),
            }
        }
    }

    /// The value, to be changed in place. Strings are replaced, or changed by the methods below.
    #[inline]
    pub fn value_mut(&mut self) -> RefMut<'_> {
        let shape = self.shape();
        let payload = self.at(shape.payload);
        // SAFETY: as in `value`; `&mut self` makes the references exclusive.
        unsafe {
            match shape.form {
                Form::Int | Form::Str | Form::Big => RefMut::String,
                Form::List => RefMut::List(&mut *payload.cast::<List>()),
                Form::Set => RefMut::Set(&mut *payload.cast::<Set>()),
                Form::Zset => RefMut::Zset(&mut *payload.cast::<Zset>()),
                Form::Hash => RefMut::Hash(&mut *payload.cast::<Hash>()),
                Form::Stream => RefMut::Stream(&mut *payload.cast::<Stream>()),
            }
        }
    }

    /// The big string, to be changed in place, if it is one.
    pub fn big_mut(&mut self) -> Option<&mut BigStr> {
        let shape = self.shape();
        if shape.form != Form::Big {
            return None;
        }
        // SAFETY: form BIG has a `BigStr` at `payload`; `&mut self` makes the reference exclusive.
        Some(unsafe { &mut *self.at(shape.payload).cast::<BigStr>() })
    }

    /// The embedded string, to be changed in place without changing its length; it is `raw` from now on.
    pub fn embedded_mut(&mut self) -> Option<&mut [u8]> {
        let shape = self.shape();
        if shape.form != Form::Str {
            return None;
        }
        self.set_head(self.head() | RAW);
        // SAFETY: `vlen` initialised bytes lie behind the length; `&mut self` makes the reference exclusive.
        Some(unsafe { slice::from_raw_parts_mut(self.at(shape.text()), shape.vlen) })
    }

    /// Overwrites an integer in place; `false` if the value is no integer.
    #[inline]
    pub fn try_set_int(&mut self, n: i64) -> bool {
        let shape = self.shape();
        if shape.form != Form::Int {
            return false;
        }
        // SAFETY: form INT has 8 bytes at `payload`.
        unsafe { self.at(shape.payload).cast::<i64>().write_unaligned(n) };
        true
    }

    /// Overwrites an embedded string in place when the new one needs a block of the same size; `false` if not.
    #[inline]
    pub fn try_set_bytes(&mut self, bytes: &[u8], raw: bool) -> bool {
        let shape = self.shape();
        if shape.form != Form::Str || bytes.len() > EMBED_MAX || len_bytes(bytes.len()) != len_bytes(shape.vlen) {
            return false;
        }
        if good_size(shape.total - shape.vlen + bytes.len()) != good_size(shape.total) {
            return false;
        }
        let head = self.head() & !RAW | if raw { RAW } else { 0 };
        self.set_head(head);
        // SAFETY: the length field keeps its width and the block its size, which holds `bytes.len()` bytes behind
        // it; `bytes` cannot overlap the block, which `&mut self` holds exclusively.
        unsafe {
            write_len(self.at(shape.payload), bytes.len());
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.at(shape.text()), bytes.len());
        }
        true
    }

    /// Changes an expiry in place; `false` if the entry has no room for one.
    pub fn try_set_expiry(&mut self, when_ms: u64) -> bool {
        if self.head() & EXPIRES == 0 {
            return false;
        }
        let shape = self.shape();
        // SAFETY: with the flag set 8 bytes lie at `expiry`.
        unsafe { self.at(shape.expiry).cast::<u64>().write_unaligned(when_ms) };
        true
    }

    /// The same key and value in a new block, with this expiry or none. The access clock is kept.
    pub fn with_expiry(self, expiry_ms: Option<u64>) -> Entry {
        let clock = self.clock();
        let mut moved = match self.value() {
            Ref::Int(n) => Entry::with_int(self.key(), n, expiry_ms),
            Ref::Str { bytes, raw } if self.form() == Form::Str => Entry::with_bytes(self.key(), bytes, expiry_ms, raw),
            _ => {
                // The key must outlive the value's move out of the block.
                let key = self.key().to_vec();
                Entry::with_value(&key, self.into_value(), expiry_ms)
            }
        };
        moved.set_clock(clock);
        moved
    }

    /// The value alone.
    pub fn into_value(self) -> Value {
        let this = ManuallyDrop::new(self);
        let shape = this.shape();
        let payload = this.at(shape.payload);
        // SAFETY: the form says which type lies at `payload`; it is read out once, and the block is then freed
        // without dropping it (`ManuallyDrop`), with the layout it was allocated with.
        unsafe {
            let value = match shape.form {
                Form::Int => Value::Int(payload.cast::<i64>().read_unaligned()),
                Form::Str => Value::Str {
                    bytes: slice::from_raw_parts(this.at(shape.text()), shape.vlen).into(),
                    raw: this.head() & RAW != 0,
                },
                Form::Big => Value::Big(payload.cast::<BigStr>().read()),
                Form::List => Value::List(payload.cast::<List>().read()),
                Form::Set => Value::Set(payload.cast::<Set>().read()),
                Form::Zset => Value::Zset(payload.cast::<Zset>().read()),
                Form::Hash => Value::Hash(payload.cast::<Hash>().read()),
                Form::Stream => Value::Stream(payload.cast::<Stream>().read()),
            };
            dealloc(this.0.get().as_ptr(), shape.layout());
            value
        }
    }

    /// Moves the block, if it ought to move, and a big string that belongs to it.
    pub fn defrag(&mut self, mover: &mut Mover) {
        // SAFETY: the block is this entry's own and was allocated with this layout; its address is replaced by the new one's.
        // What lies in it may lie anywhere.
        if let Some(moved) = unsafe { mover.relocate(self.0.get(), self.shape().layout()) } {
            self.0.set(moved);
        }
        if let Some(big) = self.big_mut() {
            big.defrag(mover);
        }
    }

    /// Moves a part of the collection, from `cursor` on (0 to begin with); returns where to go on, 0 at the end.
    pub fn defrag_value(&mut self, cursor: u64, mover: &mut Mover) -> u64 {
        match self.value_mut() {
            RefMut::String => 0,
            RefMut::List(list) => list.defrag(cursor, mover),
            RefMut::Set(set) => set.defrag(cursor, mover),
            RefMut::Zset(zset) => zset.defrag(cursor, mover),
            RefMut::Hash(hash) => hash.defrag(cursor, mover),
            RefMut::Stream(stream) => stream.defrag(cursor, mover),
        }
    }

    /// Bytes of the block itself.
    pub fn block_bytes(&self) -> usize {
        good_size(self.shape().total)
    }

    /// Heap bytes of block and value.
    pub fn mem_bytes(&self) -> usize {
        let beside = match self.form() {
            Form::Int | Form::Str => 0,
            _ => self.value().mem_bytes(),
        };
        self.block_bytes() + beside
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let shape = self.shape();
        let payload = self.at(shape.payload);
        // SAFETY: the form says which type lies at `payload`, dropped here once; the block is freed with the layout
        // it was allocated with, for its size follows from the same fields.
        unsafe {
            match shape.form {
                Form::Int | Form::Str => {}
                Form::Big => ptr::drop_in_place(payload.cast::<BigStr>()),
                Form::List => ptr::drop_in_place(payload.cast::<List>()),
                Form::Set => ptr::drop_in_place(payload.cast::<Set>()),
                Form::Zset => ptr::drop_in_place(payload.cast::<Zset>()),
                Form::Hash => ptr::drop_in_place(payload.cast::<Hash>()),
                Form::Stream => ptr::drop_in_place(payload.cast::<Stream>()),
            }
            dealloc(self.0.get().as_ptr(), shape.layout());
        }
    }
}

// SAFETY: an entry is one `TagPtr`, reaches its block only through `TagPtr::get`, and may lie anywhere itself; the
// key never changes while the entry lives.
unsafe impl Slot for Entry {
    #[inline]
    fn key(&self) -> &[u8] {
        Entry::key(self)
    }
}

/// The integer that `bytes` is the canonical text of, if any.
#[inline]
pub fn as_int(bytes: &[u8]) -> Option<i64> {
    // 20 bytes hold every i64; a first byte beyond digits and minus rules nearly all others out.
    match bytes {
        [b'-' | b'0'..=b'9', ..] if bytes.len() <= 20 => crate::util::number::parse_i64(bytes),
        _ => None,
    }
}

/// # Safety
/// `at` points to `len_bytes` of the length, initialised.
#[inline]
unsafe fn read_len(at: *const u8) -> usize {
    // SAFETY: by contract the first byte, and behind a 255 four more, are initialised.
    unsafe {
        match *at {
            LONG => at.add(1).cast::<u32>().read_unaligned() as usize,
            len => len as usize,
        }
    }
}

/// # Safety
/// `at` points to room for `len_bytes(len)` bytes; `len` fits in 32 bits.
#[inline]
unsafe fn write_len(at: *mut u8, len: usize) {
    debug_assert!(len <= KEY_MAX);
    // SAFETY: by contract there is room for one byte, or for five.
    unsafe {
        if len < LONG as usize {
            *at = len as u8;
        } else {
            *at = LONG;
            at.add(1).cast::<u32>().write_unaligned(len as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            Ref::Int(n) => n.to_string().into_bytes(),
            Ref::Str { bytes, .. } => bytes.to_vec(),
            _ => panic!("not a string"),
        }
    }

    #[test]
    fn strings_of_every_length_round_trip() {
        for klen in [0, 1, 16, 254, 255, 256, 5000] {
            for vlen in [0, 1, 21, 254, 255, 256, EMBED_MAX, EMBED_MAX + 1, 9000] {
                for expiry in [None, Some(1u64), Some(u64::MAX)] {
                    let (key, value) = (vec![b'k'; klen], vec![b'v'; vlen]);
                    let mut entry = Entry::with_string(&key, &value, expiry);
                    entry.set_clock(0xabcdef);
                    assert_eq!((entry.key(), text(&entry), entry.expiry_ms()), (&key[..], value.clone(), expiry));
                    let moved = entry.with_expiry(Some(77));
                    assert_eq!((moved.key(), text(&moved), moved.expiry_ms()), (&key[..], value.clone(), Some(77)));
                    assert_eq!(moved.clock(), 0xabcdef);
                    let bare = moved.with_expiry(None);
                    assert_eq!((bare.expiry_ms(), text(&bare)), (None, value));
                }
            }
        }
    }

    #[test]
    fn integers_are_kept_as_integers() {
        for n in [0, -1, 42, i64::MIN, i64::MAX] {
            let mut entry = Entry::with_string(b"k", n.to_string().as_bytes(), Some(5));
            assert!(matches!(entry.value(), Ref::Int(m) if m == n));
            assert!(entry.try_set_int(7) && !entry.try_set_bytes(b"x", false));
            assert!(matches!(entry.value(), Ref::Int(7)));
        }
        assert!(matches!(Entry::with_string(b"k", b"007", None).value(), Ref::Str { .. }));
    }

    #[test]
    fn rewriting_in_place_matches_a_fresh_entry() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut entry = Entry::with_bytes(b"some key", b"start", None, false);
        for _ in 0..5000 {
            let len = rng.usize(0..400);
            let value: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
            if !entry.try_set_bytes(&value, rng.bool()) {
                entry = Entry::with_bytes(b"some key", &value, None, false);
            }
            assert_eq!((entry.key(), text(&entry)), (&b"some key"[..], value));
        }
    }

    #[test]
    fn the_sizes_that_were_planned() {
        let bytes = |klen: usize, value: &[u8], expiry| Entry::with_string(&vec![b'k'; klen], value, expiry).block_bytes();
        assert_eq!(bytes(16, &[b'v'; 16], None), 40);
        assert_eq!(bytes(16, &[b'v'; 16], Some(1)), 48);
        assert_eq!(bytes(16, b"123456789", None), 32);
        assert_eq!(bytes(16, &[b'v'; 100], None), 128);
    }

    #[test]
    fn collections_move_in_and_out() {
        let entry = Entry::with_value(b"k", Value::Set(Set::default()), None);
        assert_eq!(entry.kind(), Type::Set);
        let entry = entry.with_expiry(Some(9));
        assert_eq!((entry.key(), entry.expiry_ms()), (&b"k"[..], Some(9)));
        assert!(matches!(entry.into_value(), Value::Set(_)));
        let mut big = Entry::with_bytes(b"k", &[b'x'; 5000], None, false);
        assert!(big.big_mut().unwrap().resize(6000));
        assert_eq!(text(&big).len(), 6000);
        assert!(matches!(big.into_value(), Value::Big(_)));
    }
}
