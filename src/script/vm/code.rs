//! Functions: natives and compiled code, called and kept, and the place where one is at.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi;

use super::interpreter::call_native;
use super::{Kind, Native, Ref, Vm};
use crate::script::compile;

impl Vm<'_> {
    /// A native function; `name` is what error messages call it.
    pub fn push_native(&mut self, name: &'static CStr, native: Native) {
        self.room(2);
        // SAFETY: there is room; `call_native` expects exactly this upvalue.
        unsafe {
            ffi::lua_pushlightuserdata(self.state, native as *mut c_void);
            ffi::lua_pushcclosurek(self.state, call_native, name.as_ptr(), 1, None);
        }
    }

    /// Pushes the function that compiled code is, or an error message: `false`. `environment` is the index of its globals, 0 for the
    /// common ones. The code must come from [`super::compile`].
    pub fn load(&mut self, chunk: &CStr, code: &compile::Code, environment: c_int) -> bool {
        self.room(2);
        let code = code.bytes();
        let environment = if self.is_table(environment) { environment } else { 0 };
        // SAFETY: the bytes were made by this very version of the compiler, and by nobody else: `Code` cannot be had otherwise.
        let status = unsafe { ffi::luau_load(self.state, chunk.as_ptr(), code.as_ptr().cast(), code.len(), environment) };
        status == ffi::LUA_OK
    }

    /// Calls the function below its `arguments`; `results` (-1: all) take their place.
    pub fn call(&mut self, arguments: c_int, results: c_int) {
        if arguments < 0 || self.top() <= arguments {
            return;
        }
        self.room(results.max(1));
        // SAFETY: a value and its arguments are there; what cannot be called raises an error.
        unsafe { ffi::lua_call(self.state, arguments, results) };
    }

    /// As [`call`](Self::call) with all results; on an error `false`, and its value alone.
    pub fn pcall(&mut self, arguments: c_int) -> bool {
        if arguments < 0 || self.top() <= arguments {
            return false;
        }
        // SAFETY: as in `call`.
        unsafe { ffi::lua_pcall(self.state, arguments, ffi::LUA_MULTRET, 0) == ffi::LUA_OK }
    }

    /// Has a function, those it defines and those it has by name from around it run as machine code from now on, as far as the
    /// machine and its rules allow; what it does is the same.
    pub fn make_native(&mut self, index: c_int) {
        const FUNCTIONS_MAX: usize = 64;
        // SAFETY: says what machine this is.
        if unsafe { ffi::luau_codegen_supported() } == 0 {
            return;
        }
        // SAFETY: prepares the interpreter, again if it is: that does nothing.
        unsafe { ffi::luau_codegen_create(self.state) };
        let base = self.top();
        let mut seen = Vec::new();
        self.push_copy(index);
        while self.top() > base {
            let function = self.top();
            // SAFETY: the index holds a value.
            let is_code = self.kind(function) == Kind::Function && unsafe { ffi::lua_iscfunction(self.state, function) } == 0;
            let identity = self.identity(function);
            if !is_code || seen.len() >= FUNCTIONS_MAX || seen.contains(&identity) || !self.has_room(4) {
                self.pop(1);
                continue;
            }
            seen.push(identity);
            // SAFETY: it is a function of the language. Its bytecode stays as it is; what cannot be translated is left alone.
            unsafe { ffi::luau_codegen_compile(self.state, function) };
            for n in 1..=c_int::from(u8::MAX) {
                // SAFETY: a function is at the index, and there is room; numbers out of range push nothing.
                let name = unsafe { ffi::lua_getupvalue(self.state, function, n) };
                if name.is_null() || !self.has_room(4) {
                    break;
                }
                if self.kind(self.top()) != Kind::Function {
                    self.pop(1);
                }
            }
            // SAFETY: the index holds a value.
            unsafe { ffi::lua_remove(self.state, function) };
        }
    }

    /// Keeps the value at `index` outside the stack.
    pub fn make_ref(&mut self, index: c_int) -> Ref {
        if index < 1 || index > self.top() {
            return Ref(ffi::LUA_NOREF);
        }
        // SAFETY: the index holds a value.
        Ref(unsafe { ffi::lua_ref(self.state, index) })
    }

    /// Pushes what was kept.
    #[inline]
    pub fn push_ref(&mut self, kept: &Ref) {
        self.room(1);
        // SAFETY: there is room; a reference that is none reads as nil.
        unsafe { ffi::lua_rawgeti_(self.state, ffi::LUA_REGISTRYINDEX, kept.0) };
    }

    /// Gives it back.
    pub fn unref(&mut self, kept: Ref) {
        if kept.0 > 0 {
            // SAFETY: a `Ref` is neither copied nor given back twice.
            unsafe { ffi::lua_unref(self.state, kept.0) };
        }
    }

    /// Where the running code is: source and line of the innermost function that is no native, from call level `from` on.
    pub fn place(&mut self, from: c_int) -> Option<(Vec<u8>, u32)> {
        for level in from..from + 3 {
            let mut info = std::mem::MaybeUninit::<ffi::lua_Debug>::zeroed();
            // SAFETY: the record is zeroed, and filled as far as is asked for; its texts live as long as the function.
            unsafe {
                if ffi::lua_getinfo(self.state, level, c"sl".as_ptr(), info.as_mut_ptr()) == 0 {
                    return None;
                }
                let info = info.assume_init();
                if info.currentline >= 0 && !info.source.is_null() {
                    return Some((CStr::from_ptr(info.source).to_bytes().to_vec(), info.currentline as u32));
                }
            }
        }
        None
    }

    /// Pushes the place that call level `level` is at, as error messages begin with it.
    pub fn push_place(&mut self, level: c_int) {
        self.room(3);
        // SAFETY: there is room; levels that are not there give an empty text.
        unsafe { ffi::luaL_where(self.state, level) };
    }
}
