//! What a table holds: items that are one owning pointer wide, and the word such a pointer is kept in.
//!
//! ```text
//!   63           48 47                                  3 2   0
//!  +---------------+-------------------------------------+-----+
//!  |  tag (hash)   |  address, 8-byte aligned, < 2^48    | own |
//!  +---------------+-------------------------------------+-----+
//! ```
//!
//! The table writes a piece of the hash into the sixteen bits above an address and uses the three below it for its own
//! bookkeeping. So that callers get plain `&T` (which point straight into a bucket, live as long as the borrow of the
//! table, and cost nothing), an item keeps its pointer in a [`TagPtr`], whose reader masks those nineteen bits off.
#![allow(unsafe_code)]

use std::mem::{ManuallyDrop, transmute_copy};
use std::ptr::NonNull;

/// The bits of a word that are the address.
pub(super) const ADDRESS: usize = 0x0000_ffff_ffff_fff8;

/// A non-null pointer, 8-byte aligned and below 2^48, whose other nineteen bits belong to the table that holds it.
#[repr(transparent)]
pub struct TagPtr(NonNull<u8>);

impl TagPtr {
    /// Wraps `pointer`.
    ///
    /// # Panics
    /// When the pointer is not 8-byte aligned or not below 2^48 (no user-space address is, on the machines this runs on).
    #[inline]
    pub fn new(pointer: NonNull<u8>) -> Self {
        check(pointer);
        TagPtr(pointer)
    }

    /// The pointer itself.
    #[inline(always)]
    pub fn get(&self) -> NonNull<u8> {
        let pointer = self.0.as_ptr().map_addr(|word| word & ADDRESS);
        // SAFETY: `new` and `set` admit only non-null pointers all of whose bits lie in ADDRESS, and the table
        // changes only the others.
        unsafe { NonNull::new_unchecked(pointer) }
    }

    /// Changes the pointer (the pointee was moved by a reallocation) and leaves the table's bits alone.
    ///
    /// # Panics
    /// As [`TagPtr::new`].
    #[inline]
    pub fn set(&mut self, pointer: NonNull<u8>) {
        check(pointer);
        let own = self.0.as_ptr().addr() & !ADDRESS;
        // SAFETY: not null, since `pointer` is not and only bits outside of it are added.
        self.0 = unsafe { NonNull::new_unchecked(pointer.as_ptr().map_addr(|address| address | own)) };
    }
}

#[inline(always)]
fn check(pointer: NonNull<u8>) {
    assert!(pointer.as_ptr().addr() & !ADDRESS == 0, "a table item is 8-byte aligned and below 2^48");
}

/// An owning, pointer-sized item of a [`Table`](super::Table).
///
/// # Safety
/// - `Self` is `#[repr(transparent)]` over one [`TagPtr`].
/// - Whatever it reaches, it reaches through [`TagPtr::get`]: two values that differ only in the table's bits are the same
///   item, and moving its bytes elsewhere moves the item (no self-reference, no registration of its own address).
pub unsafe trait Slot: Sized {
    /// The bytes the item is found by. They do not change while it is in a table.
    fn key(&self) -> &[u8];

    /// The hash that callers pass to the table for this item.
    #[inline]
    fn hash(&self) -> u64 {
        crate::util::hash::hash(self.key())
    }
}

/// Gives the item's ownership to the returned address.
#[inline(always)]
pub(super) fn into_raw<T: Slot>(item: T) -> *mut u8 {
    let item = ManuallyDrop::new(item);
    // SAFETY: `Slot` makes T transparent over TagPtr; the original is never used or dropped again.
    let word: TagPtr = unsafe { transmute_copy(&item) };
    word.get().as_ptr()
}

/// Takes the ownership back that [`into_raw`] gave away.
///
/// # Safety
/// `address` came from `into_raw::<T>` and its ownership has not been taken since.
#[inline(always)]
pub(super) unsafe fn from_raw<T: Slot>(address: *mut u8) -> T {
    // SAFETY: not null, as into_raw's result; T is transparent over TagPtr by the contract of Slot.
    unsafe { transmute_copy(&TagPtr(NonNull::new_unchecked(address))) }
}
