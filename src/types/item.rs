//! What a set's table and a hash's table hold: a name, and in a hash a value with it, in one allocation.
//!
//! ```text
//!  0
//!  ├──────┬─ ─ ─ ─┬ ─ ─ ─ ─┬─ ─ ─ ─┬────────────┬ ─ ─ ─ ─ ─ ─┐
//!  │ name │ more  │ value  │ more  │ name       │ value       │
//!  └──────┴─ ─ ─ ─┴ ─ ─ ─ ─┴─ ─ ─ ─┴────────────┴ ─ ─ ─ ─ ─ ─┘
//!                  ◄─ only in a hash ─►          ◄ in a hash ►
//!  name    00 to 7f   a name of so many bytes
//!          80 to 83   a name of as many bytes as the next 1, 2, 4 or 8 bytes say (LE)
//!          87, 88     a name that is an integer, in so many bytes less 80 hex (LE, signed)
//!          c0         a time when it expires (unix ms, 6 bytes, LE) follows, then the name as above
//!  value   00 to fb   a value of so many bytes
//!          fc to fe   a value of as many bytes as the next 2, 4 or 8 bytes say (LE)
//! ```
//!
//! The size of the block is not stored: it is `good_size` of what the lengths add up to. So a member of 14 bytes takes
//! 16, a field of 12 bytes with a value of 10 takes 24, and an integer that fits 55 bits, however many digits it has,
//! takes 8. A value is replaced in place when the lengths keep their form and the block its size.
//!
//! What always holds: an item owns its block alone; the head says what follows and where; a name that spells a 64-bit
//! integer canonically is stored as one, in the shorter form that can hold it, so that equal names are equal bytes.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::slice;

use crate::encoding::blob::good_size;
use crate::encoding::listpack::Elem;
use crate::keyspace::table::{Slot, TagPtr, same_bytes};
use crate::sys::defrag::Mover;
use crate::util::hash::hash;
use crate::util::number::parse_i64;

/// A name longer than this has its length behind the head's first byte.
const NAME_SHORT_MAX: usize = 0x7f;
const NAME_LONG: u8 = 0x80;
const NAME_INT_7: u8 = 0x87;
const NAME_INT_8: u8 = 0x88;
/// A value longer than this has its length behind its own byte.
const VALUE_SHORT_MAX: usize = 0xfb;
const VALUE_LONG: u8 = 0xfb;
/// Before the name's byte: the field expires, six bytes say when.
const EXPIRES: u8 = 0xc0;
/// Bytes of that mark and the time.
const EXPIRY_BYTES: usize = 7;
/// The longest head there can be.
const HEAD_MAX: usize = 18 + EXPIRY_BYTES;

/// Whether an integer is one of those kept in seven bytes.
#[inline]
const fn fits_seven(value: i64) -> bool {
    value >= -(1 << 55) && value < 1 << 55
}

/// A name to be looked for or stored: what it is as an integer is worked out once.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    elem: Elem<'a>,
    /// An integer's bytes.
    le: [u8; 8],
}

impl<'a> Name<'a> {
    /// The name that this text is.
    #[inline]
    pub fn new(text: &'a [u8]) -> Name<'a> {
        match parse_i64(text) {
            Some(value) => Name::int(value),
            None => Name { elem: Elem::Bytes(text), le: [0; 8] },
        }
    }

    /// The name that this integer's text is.
    #[inline]
    pub fn int(value: i64) -> Name<'a> {
        Name { elem: Elem::Int(value), le: value.to_le_bytes() }
    }

    /// The name that this element's text is.
    #[inline]
    pub fn of(elem: Elem<'a>) -> Name<'a> {
        match elem {
            Elem::Int(value) => Name::int(value),
            Elem::Bytes(text) => Name::new(text),
        }
    }

    /// The name: an integer if its text spells one canonically.
    #[inline]
    pub fn elem(&self) -> Elem<'a> {
        self.elem
    }

    /// The hash by which tables find it.
    #[inline]
    pub fn hash(&self) -> u64 {
        hash(self.bytes())
    }

    /// The bytes that are stored.
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self.elem {
            Elem::Int(value) => &self.le[..if fits_seven(value) { 7 } else { 8 }],
            Elem::Bytes(text) => text,
        }
    }

    #[inline]
    fn is_int(&self) -> bool {
        matches!(self.elem, Elem::Int(_))
    }
}

/// Where the parts of an item lie, in bytes from its start.
#[derive(Clone, Copy)]
struct Shape {
    expires: bool,
    int: bool,
    name_at: usize,
    name_len: usize,
    value_len: usize,
}

impl Shape {
    #[inline]
    fn value_at(self) -> usize {
        self.name_at + self.name_len
    }

    #[inline]
    fn layout(self) -> Layout {
        match Layout::from_size_align(good_size(self.value_at() + self.value_len), 8) {
            Ok(layout) => layout,
            // Both parts have been slices in memory at the same time.
            Err(_) => unreachable!("an item beyond the address space"),
        }
    }
}

/// A head that is being written.
struct Head {
    bytes: [u8; HEAD_MAX],
    len: usize,
}

impl Head {
    /// The head of an item, and the shape that it describes.
    #[inline]
    fn new<const VALUED: bool>(int: bool, name_len: usize, value_len: usize, expiry_ms: Option<u64>) -> (Head, Shape) {
        let mut head = Head { bytes: [0; HEAD_MAX], len: 1 };
        let mut first = 0;
        if let Some(when_ms) = expiry_ms {
            head.bytes[..8].copy_from_slice(&(when_ms << 8 | u64::from(EXPIRES)).to_le_bytes());
            first = EXPIRY_BYTES;
            head.len += EXPIRY_BYTES;
        }
        head.bytes[first] = if int {
            NAME_LONG + name_len as u8
        } else if name_len <= NAME_SHORT_MAX {
            name_len as u8
        } else {
            NAME_LONG + head.long(name_len, 1)
        };
        if VALUED {
            let at = head.len;
            head.len += 1;
            head.bytes[at] = match value_len {
                0..=VALUE_SHORT_MAX => value_len as u8,
                _ => VALUE_LONG + head.long(value_len, 2),
            };
        }
        let shape = Shape { expires: expiry_ms.is_some(), int, name_at: head.len, name_len, value_len };
        (head, shape)
    }

    /// Writes a length in the first of 1, 2, 4 or 8 bytes that can hold it, but in no fewer than `width`; answers the
    /// power of two.
    fn long(&mut self, len: usize, mut width: usize) -> u8 {
        while width < 8 && len >> (8 * width) != 0 {
            width *= 2;
        }
        self.bytes[self.len..self.len + width].copy_from_slice(&len.to_le_bytes()[..width]);
        self.len += width;
        width.trailing_zeros() as u8
    }
}

/// A name in its table, with a value if `VALUED`. See the file's head for the layout.
#[repr(transparent)]
pub struct Item<const VALUED: bool>(TagPtr);

/// A member of a set.
pub type Member = Item<false>;
/// A field of a hash, with its value.
pub type Field = Item<true>;

// SAFETY: an item owns its block of plain bytes alone; moving it moves everything.
unsafe impl<const VALUED: bool> Send for Item<VALUED> {}
// SAFETY: `&Item` only reads the block.
unsafe impl<const VALUED: bool> Sync for Item<VALUED> {}

// SAFETY: transparent over one TagPtr, and the block is reached through `TagPtr::get` alone; the block does not know
// where the pointer to it lies.
unsafe impl<const VALUED: bool> Slot for Item<VALUED> {
    /// The name's bytes: an integer's are its own, not its text's.
    #[inline]
    fn key(&self) -> &[u8] {
        self.bytes(self.shape())
    }
}

impl<const VALUED: bool> Item<VALUED> {
    /// A name with a value (an empty one, unless `VALUED`).
    #[inline]
    pub fn new(name: &Name<'_>, value: &[u8]) -> Self {
        debug_assert!(VALUED || value.is_empty());
        let bytes = name.bytes();
        Self::of_parts(Head::new::<VALUED>(name.is_int(), bytes.len(), value.len(), None), bytes, value)
    }

    /// An item of these parts, which have the lengths that the head says.
    #[inline]
    fn of_parts((head, shape): (Head, Shape), name: &[u8], value: &[u8]) -> Self {
        assert!(shape.name_len == name.len() && shape.value_len == value.len());
        let layout = shape.layout();
        // SAFETY: the size is at least 8.
        let Some(block) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let item = Item(TagPtr::new(block));
        // SAFETY: the block is fresh, hence no slice of it exists, and holds head, name and value one behind the other:
        // that is what its size was made of. It is at least 8 bytes long, so eight may be written for a shorter head;
        // what they wrote beyond it is overwritten or slack.
        unsafe {
            let start = block.as_ptr();
            if head.len <= 8 {
                ptr::copy_nonoverlapping(head.bytes.as_ptr(), start, 8);
            } else {
                ptr::copy_nonoverlapping(head.bytes.as_ptr(), start, head.len);
            }
            ptr::copy_nonoverlapping(name.as_ptr(), start.add(shape.name_at), name.len());
            ptr::copy_nonoverlapping(value.as_ptr(), start.add(shape.value_at()), value.len());
        }
        item
    }

    /// The name.
    #[inline]
    pub fn name(&self) -> Elem<'_> {
        self.name_in(self.shape())
    }

    #[inline]
    fn name_in(&self, shape: Shape) -> Elem<'_> {
        let bytes = self.bytes(shape);
        if !shape.int {
            return Elem::Bytes(bytes);
        }
        // Seven bytes go to the upper end of the word, so that its shift brings their sign.
        let mut le = [0; 8];
        let gap = 8 - bytes.len().min(8);
        le[gap..].copy_from_slice(bytes);
        Elem::Int(i64::from_le_bytes(le) >> (8 * gap))
    }

    /// Whether this is the item of that name.
    #[inline]
    pub fn is(&self, name: &Name<'_>) -> bool {
        let shape = self.shape();
        shape.int == name.is_int() && same_bytes(self.bytes(shape), name.bytes())
    }

    /// Bytes of its block.
    #[inline]
    pub fn alloc_bytes(&self) -> usize {
        self.shape().layout().size()
    }

    /// Moves the block, if it ought to move.
    pub fn defrag(&mut self, mover: &mut Mover) {
        // SAFETY: the block is this item's own and was allocated with this layout; its address is replaced by the new one's.
        if let Some(moved) = unsafe { mover.relocate(self.0.get(), self.shape().layout()) } {
            self.0.set(moved);
        }
    }

    #[inline]
    fn shape(&self) -> Shape {
        let mut at = 1;
        let mut first = self.byte(0);
        let expires = VALUED && first == EXPIRES;
        if expires {
            at += EXPIRY_BYTES;
            first = self.byte(EXPIRY_BYTES);
        }
        let (int, name_len) = match first {
            short @ 0..NAME_LONG => (false, usize::from(short)),
            form @ NAME_INT_7..=NAME_INT_8 => (true, usize::from(form - NAME_LONG)),
            form => (false, self.long(&mut at, form - NAME_LONG)),
        };
        let mut value_len = 0;
        if VALUED {
            let byte = self.byte(at);
            at += 1;
            value_len = match byte {
                0..=VALUE_LONG => usize::from(byte),
                form => self.long(&mut at, form - VALUE_LONG),
            };
        }
        Shape { expires, int, name_at: at, name_len, value_len }
    }

    /// A byte of the head.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        // SAFETY: `shape` and `expiry_in`, the only callers, ask for what the head's bytes before this one say is there.
        unsafe { self.0.get().add(at).read() }
    }

    /// A length of `1 << log2` bytes at `at`, which moves behind it.
    #[cold]
    fn long(&self, at: &mut usize, log2: u8) -> usize {
        let mut le = [0; 8];
        for byte in le.iter_mut().take(1 << log2) {
            *byte = self.byte(*at);
            *at += 1;
        }
        usize::from_le_bytes(le)
    }

    /// When it expires.
    #[inline]
    fn expiry_in(&self, shape: Shape) -> Option<u64> {
        if !shape.expires {
            return None;
        }
        let le: [u8; 8] = std::array::from_fn(|at| if at < EXPIRY_BYTES { self.byte(at) } else { 0 });
        Some(u64::from_le_bytes(le) >> 8)
    }

    /// The name's bytes as they are stored.
    #[inline(always)]
    fn bytes(&self, shape: Shape) -> &[u8] {
        // SAFETY: `shape` is this item's own; so many initialised bytes lie there, they never change, and they live as
        // long as the item.
        unsafe { slice::from_raw_parts(self.0.get().as_ptr().add(shape.name_at), shape.name_len) }
    }

    /// The value; empty in a set.
    #[inline(always)]
    fn value_in(&self, shape: Shape) -> &[u8] {
        // SAFETY: `shape` is this item's own; so many initialised bytes lie there and live as long as the item; only
        // `set_value`, which has the item exclusively, changes them.
        unsafe { slice::from_raw_parts(self.0.get().as_ptr().add(shape.value_at()), shape.value_len) }
    }
}

impl Field {
    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        self.value_in(self.shape())
    }

    /// Name and value.
    #[inline]
    pub fn pair(&self) -> (Elem<'_>, &[u8]) {
        let shape = self.shape();
        (self.name_in(shape), self.value_in(shape))
    }

    /// Replaces the value: in place, if the head keeps its length and the block its size. Answers by how many bytes the
    /// block grew.
    pub fn set_value(&mut self, value: &[u8]) -> isize {
        let old = self.shape();
        let (head, new) = Head::new::<true>(old.int, old.name_len, value.len(), self.expiry_in(old));
        if new.name_at != old.name_at || new.layout() != old.layout() {
            let moved = Field::of_parts((head, new), self.bytes(old), value);
            return self.move_to(moved, old, new);
        }
        // SAFETY: the block holds head, name and value of these lengths, as its layout is the same; `&mut self` makes
        // the write exclusive, so `value` is none of its bytes. The head has the length of the old one: the name stays.
        unsafe {
            let start = self.0.get().as_ptr();
            ptr::copy_nonoverlapping(head.bytes.as_ptr(), start, head.len);
            ptr::copy_nonoverlapping(value.as_ptr(), start.add(new.value_at()), value.len());
        }
        0
    }
}

impl Field {
    /// Takes the block of another item in place of its own, which has the shape `old`. Answers by how many bytes it grew.
    fn move_to(&mut self, moved: Field, old: Shape, new: Shape) -> isize {
        let moved = ManuallyDrop::new(moved);
        let freed = self.0.get();
        self.0.set(moved.0.get());
        // SAFETY: this was the item's block, allocated with this very layout; nothing points to it any more. The
        // new block has one owner: the item that it was made as is never dropped.
        unsafe { dealloc(freed.as_ptr(), old.layout()) };
        new.layout().size() as isize - old.layout().size() as isize
    }

    /// When it expires, in unix ms.
    #[inline]
    pub fn expiry_ms(&self) -> Option<u64> {
        self.expiry_in(self.shape())
    }

    /// Sets when it expires, if ever: a time below 2^48. Answers by how many bytes the block grew.
    pub fn set_expiry(&mut self, expiry_ms: Option<u64>) -> isize {
        let old = self.shape();
        let (head, new) = Head::new::<true>(old.int, old.name_len, old.value_len, expiry_ms);
        let moved = Field::of_parts((head, new), self.bytes(old), self.value_in(old));
        self.move_to(moved, old, new)
    }
}

impl<const VALUED: bool> Clone for Item<VALUED> {
    fn clone(&self) -> Self {
        let shape = self.shape();
        let expiry_ms = self.expiry_in(shape);
        let head = Head::new::<VALUED>(shape.int, shape.name_len, shape.value_len, expiry_ms);
        Self::of_parts(head, self.bytes(shape), self.value_in(shape))
    }
}

impl<const VALUED: bool> Drop for Item<VALUED> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, for its size follows from the same head, and owned by `self`.
        unsafe { dealloc(self.0.get().as_ptr(), self.shape().layout()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths on both sides of every change of form.
    const LENGTHS: [usize; 16] = [0, 1, 6, 7, 8, 15, 126, 127, 128, 251, 252, 255, 256, 65_535, 65_536, 100_000];

    #[test]
    fn names_and_values_come_back() {
        for name_len in LENGTHS {
            let name = vec![b'n'; name_len];
            let member = Member::new(&Name::new(&name), b"");
            assert_eq!(member.name().to_vec(), name);
            assert!(member.is(&Name::new(&name)) && !member.is(&Name::new(b"other")));
            assert_eq!(member.hash(), Name::new(&name).hash());
            for value_len in LENGTHS {
                let value = vec![b'v'; value_len];
                let mut field = Field::new(&Name::new(&name), &value);
                assert_eq!((field.name().to_vec(), field.value()), (name.clone(), &value[..]));
                for other_len in LENGTHS {
                    let other = vec![b'w'; other_len];
                    let before = field.alloc_bytes() as isize;
                    assert_eq!(before + field.set_value(&other), field.alloc_bytes() as isize);
                    assert_eq!((field.name().to_vec(), field.value()), (name.clone(), &other[..]));
                }
            }
        }
    }

    #[test]
    fn integers_are_kept_as_such() {
        let edge = 1i64 << 55;
        for value in [0, 1, -1, 127, 1_000_000_000, edge - 1, edge, -edge, -edge - 1, i64::MAX, i64::MIN] {
            let text = value.to_string();
            let member = Member::new(&Name::new(text.as_bytes()), b"");
            assert!(matches!(member.name(), Elem::Int(n) if n == value));
            assert!(member.is(&Name::int(value)) && !member.is(&Name::int(value ^ 1)));
            assert_eq!(member.hash(), Name::of(Elem::Bytes(text.as_bytes())).hash());
            assert_eq!(member.alloc_bytes(), if fits_seven(value) { 8 } else { 16 });
            // A name whose bytes are the integer's is another name.
            let bytes = Name::int(value).bytes().to_vec();
            assert!(!member.is(&Name::new(&bytes)));
        }
    }

    #[test]
    fn sizes_are_as_announced() {
        assert_eq!(Member::new(&Name::new(b"member:0000001"), b"").alloc_bytes(), 16);
        assert_eq!(Field::new(&Name::new(b"field:000001"), b"0123456789").alloc_bytes(), 24);
        assert_eq!(Field::new(&Name::new(b"1234567890"), b"").alloc_bytes(), 16);
    }

    #[test]
    fn fields_may_expire() {
        for name_len in LENGTHS {
            let name = vec![b'n'; name_len];
            for value_len in LENGTHS {
                let value = vec![b'v'; value_len];
                let mut field = Field::new(&Name::new(&name), &value);
                for expiry_ms in [Some(1_700_000_000_000), Some(1), Some((1 << 48) - 1), None, Some(0)] {
                    let before = field.alloc_bytes() as isize;
                    assert_eq!(before + field.set_expiry(expiry_ms), field.alloc_bytes() as isize);
                    assert_eq!((field.expiry_ms(), field.name().to_vec(), field.value()), (expiry_ms, name.clone(), &value[..]));
                    field.set_value(b"other");
                    assert_eq!((field.expiry_ms(), field.value()), (expiry_ms, &b"other"[..]));
                    assert_eq!(field.clone().expiry_ms(), expiry_ms);
                    field.set_value(&value);
                }
                assert_eq!(field.hash(), Name::new(&name).hash());
            }
        }
        let mut field = Field::new(&Name::int(-5), b"1");
        field.set_expiry(Some(77));
        assert!(matches!(field.name(), Elem::Int(-5)) && field.is(&Name::new(b"-5")));
    }

    #[test]
    fn values_of_the_same_size_stay_in_place() {
        let mut field = Field::new(&Name::new(b"counter"), b"1");
        let block = field.0.get();
        field.set_value(b"1234567");
        assert_eq!(field.0.get(), block);
        field.set_value(b"12345678");
        assert_eq!(field.value(), b"12345678");
        assert_eq!(field.alloc_bytes(), 24);
    }
}
