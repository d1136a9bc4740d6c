//! How a running script is made to stop and look: a hook that the interpreter calls only while it is set, from any thread.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::{Arc, Mutex, PoisonError};

use mlua::ffi;

use super::Vm;
use crate::script::busy;

/// How the interpreter is told, from any thread, to stop and look.
#[derive(Clone)]
pub struct Interrupter(Arc<Mutex<Callbacks>>);

/// Where the interpreter looks for its hook; null once it is gone.
struct Callbacks(*mut ffi::lua_Callbacks);

// SAFETY: the pointer is used by other threads under the lock only, and for nothing but the one field that may be set from any thread.
unsafe impl Send for Callbacks {}

impl Interrupter {
    /// # Safety
    /// The callbacks are those of an interpreter that lives until [`forget`](Self::forget) has been called.
    pub(super) unsafe fn of(callbacks: *mut ffi::lua_Callbacks) -> Interrupter {
        Interrupter(Arc::new(Mutex::new(Callbacks(callbacks))))
    }

    /// The interpreter is about to go: whoever still interrupts finds nothing.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = std::ptr::null_mut();
    }

    /// Has the running script call the interrupt hook at the next loop or call it comes by.
    pub fn interrupt(&self) {
        self.set(true);
    }

    /// Whether its interpreter is still there.
    pub fn is_alive(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).0.is_null()
    }

    pub(super) fn set(&self, on: bool) {
        let callbacks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        set_interrupt(callbacks.0, on);
    }
}

fn set_interrupt(callbacks: *mut ffi::lua_Callbacks, on: bool) {
    if callbacks.is_null() {
        return;
    }
    // SAFETY: only Luau calls the hook, with a living state.
    let hook: Option<unsafe extern "C-unwind" fn(*mut ffi::lua_State, c_int)> = if on { Some(on_interrupt) } else { None };
    // SAFETY: the pointer is that of a living interpreter: other threads have it from under the lock that clears it before the
    // interpreter goes. Luau documents this one field as safe to set from any thread. The write is one aligned word.
    unsafe { std::ptr::write_volatile(&raw mut (*callbacks).interrupt, hook) };
}

/// Called by the interpreter where it may be stopped, once [`Interrupter::interrupt`] has asked.
unsafe extern "C-unwind" fn on_interrupt(state: *mut ffi::lua_State, gc: c_int) {
    if gc >= 0 {
        return;
    }
    // SAFETY: the interpreter calls with its own living state, inside a protected call.
    let mut vm = unsafe { Vm::of(state) };
    // SAFETY: as above.
    let callbacks = unsafe { ffi::lua_callbacks(state) };
    set_interrupt(callbacks, false);
    match busy::interrupted() {
        None => {}
        Some(message) => {
            // Whoever catches this is interrupted again at once.
            set_interrupt(callbacks, true);
            vm.push_place(0);
            vm.push_bytes(message.as_bytes());
            vm.concat(2);
            // SAFETY: there is a value on top; nothing in this frame needs dropping.
            unsafe { ffi::lua_error(state) };
        }
    }
}
