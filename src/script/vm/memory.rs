//! The interpreter's memory: the process's allocator, counted and limited.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ffi::c_void;

/// What memory the interpreter has, and may have.
pub(super) struct Meter {
    pub used: usize,
    pub limit: usize,
}

/// Alignment of what the interpreter is given.
const ALIGNMENT: usize = 16;

/// Luau's allocator: the process's own, counted.
///
/// # Safety
/// `meter` is what the interpreter was made with, and `block` came from here with the size `old`, or is null.
pub(super) unsafe extern "C" fn allocate(meter: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
    // SAFETY: `meter` is what `lua_newstate` was given: it outlives the interpreter, which is used by one thread only.
    let meter = unsafe { &mut *meter.cast::<Meter>() };
    let layout = |size: usize| Layout::from_size_align(size, ALIGNMENT);
    let (Ok(old_layout), Ok(new_layout)) = (layout(old.max(1)), layout(new.max(1))) else { return std::ptr::null_mut() };
    if new == 0 {
        if !block.is_null() {
            // SAFETY: Luau passes a block it was given here with the size it has.
            unsafe { std::alloc::dealloc(block.cast(), old_layout) };
            meter.used -= old;
        }
        return std::ptr::null_mut();
    }
    let had = if block.is_null() { 0 } else { old };
    if new > had && meter.used.saturating_add(new - had) > meter.limit {
        return std::ptr::null_mut();
    }
    // SAFETY: as above; sizes are not zero.
    let given = unsafe {
        if block.is_null() {
            std::alloc::alloc(new_layout)
        } else {
            std::alloc::realloc(block.cast(), old_layout, new_layout.size())
        }
    };
    if !given.is_null() {
        meter.used = meter.used - had + new;
    }
    given.cast()
}
