//! One interpreter, and the protected calls that are the only way into it.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use mlua::ffi;

use super::memory::{Meter, allocate};
use super::{Interrupter, Native, Raise, Ref, Vm};

/// Calls the native whose address is the closure's upvalue.
///
/// # Safety
/// The interpreter calls it, for a closure that `push_native` has made.
pub(super) unsafe extern "C-unwind" fn call_native(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: upvalue 1 of every closure over this function is the address of a `Native`, put there by `push_native`; the state is
    // the running one, inside a protected call.
    let (native, mut vm) = unsafe {
        let address = ffi::lua_tolightuserdata(state, ffi::lua_upvalueindex(1));
        (std::mem::transmute::<*mut c_void, Native>(address), Vm::of(state))
    };
    let raised = match native(&mut vm) {
        Ok(results) => return results,
        Err(raised) => raised,
    };
    vm.prepare_error(raised);
    // SAFETY: `prepare_error` left a value on top, and consumed what had to be dropped.
    unsafe { ffi::lua_error(state) }
}

type Body<'a> = &'a mut dyn FnMut(&mut Vm<'_>) -> Result<c_int, Raise>;

/// Calls the closure whose address is the first argument: the inside of [`Interpreter::protected`].
unsafe extern "C-unwind" fn call_body(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: only `protected` calls this, with the address of a `Body` that lives until it returns.
    let (body, mut vm) = unsafe {
        let body = &mut *ffi::lua_tolightuserdata(state, 1).cast::<Body<'_>>();
        ffi::lua_settop(state, 0);
        (body, Vm::of(state))
    };
    let raised = match body(&mut vm) {
        Ok(results) => return results,
        Err(raised) => raised,
    };
    vm.prepare_error(raised);
    // SAFETY: as in `call_native`.
    unsafe { ffi::lua_error(state) }
}

/// An interpreter and its memory.
pub struct Interpreter {
    state: *mut ffi::lua_State,
    meter: *mut Meter,
    body: c_int,
    slot: Interrupter,
}

/// How a protected call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// An error was raised; the handler has seen it.
    Raised,
    /// Memory ran out.
    Memory,
    /// The handler itself failed.
    Handler,
}

impl Interpreter {
    /// An interpreter with Luau's own libraries, that may use `limit` bytes. None: the memory for it is not there.
    pub fn new(limit: usize) -> Option<Interpreter> {
        let meter = Box::into_raw(Box::new(Meter { used: 0, limit: usize::MAX }));
        // SAFETY: the allocator keeps to Luau's contract; the meter lives until `drop` has closed the state. The libraries are opened
        // before anything limits memory, so nothing here raises an error.
        unsafe {
            let state = ffi::lua_newstate(allocate, meter.cast());
            if state.is_null() {
                drop(Box::from_raw(meter));
                return None;
            }
            let slot = Interrupter::of(ffi::lua_callbacks(state));
            let keys: [u64; 4] = std::array::from_fn(|_| crate::util::random::u64());
            ffi::lua_setpointerencodekey(state, keys[0], keys[1] | 1, keys[2], keys[3] | 1);
            ffi::luaL_openlibs(state);
            ffi::lua_pushcclosurek(state, call_body, c"script".as_ptr(), 0, None);
            let body = ffi::lua_ref(state, -1);
            ffi::lua_settop(state, 0);
            (*meter).limit = limit;
            Some(Interpreter { state, meter, body, slot })
        }
    }

    /// Bytes of its objects; the pages they lie in may be more.
    pub fn used_bytes(&self) -> usize {
        // SAFETY: reads figures only.
        unsafe {
            ffi::lua_gc(self.state, ffi::LUA_GCCOUNT, 0) as usize * 1024 + ffi::lua_gc(self.state, ffi::LUA_GCCOUNTB, 0) as usize
        }
    }

    /// How to interrupt it.
    pub fn interrupter(&self) -> Interrupter {
        self.slot.clone()
    }

    /// It is not to be interrupted any more.
    pub fn calm(&mut self) {
        self.slot.set(false);
    }

    /// Runs `body` where errors are caught. The handler is a function that is called with an error's value where it was raised.
    ///
    /// # Errors
    /// How it failed.
    pub fn protected(
        &mut self,
        handler: Option<&Ref>,
        body: &mut dyn FnMut(&mut Vm<'_>) -> Result<c_int, Raise>,
    ) -> Result<(), Failed> {
        let mut body: Body<'_> = body;
        // SAFETY: `state` is alive. Pushing what is referenced, and an address, allocates nothing: the stack has room for these few
        // at its base. `call_body` gets the address of `body`, which outlives the call.
        unsafe {
            let base = ffi::lua_gettop(self.state);
            if ffi::lua_checkstack(self.state, 8) == 0 {
                return Err(Failed::Memory);
            }
            let errfunc = match handler {
                Some(handler) => {
                    ffi::lua_rawgeti_(self.state, ffi::LUA_REGISTRYINDEX, handler.0);
                    base + 1
                }
                None => 0,
            };
            ffi::lua_rawgeti_(self.state, ffi::LUA_REGISTRYINDEX, self.body);
            ffi::lua_pushlightuserdata(self.state, (&raw mut body).cast());
            let status = ffi::lua_pcall(self.state, 1, 0, errfunc);
            ffi::lua_settop(self.state, base);
            match status {
                ffi::LUA_OK => Ok(()),
                ffi::LUA_ERRMEM => Err(Failed::Memory),
                ffi::LUA_ERRERR => Err(Failed::Handler),
                _ => Err(Failed::Raised),
            }
        }
    }

    /// Does a piece of garbage collection; `all` of it, if asked.
    pub fn collect(&mut self, all: bool) {
        let what = if all { ffi::LUA_GCCOLLECT } else { ffi::LUA_GCSTEP };
        // SAFETY: the state is alive; collecting raises no error (no finalizers are installed).
        unsafe { ffi::lua_gc(self.state, what, 200) };
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        self.slot.forget();
        // SAFETY: nothing else holds the state: `Vm`s live only inside `protected`, and whoever may still interrupt finds null.
        unsafe {
            ffi::lua_close(self.state);
            drop(Box::from_raw(self.meter));
        }
    }
}
