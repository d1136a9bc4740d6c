//! The stack of the running function: values pushed, read and dropped.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::marker::PhantomData;

use mlua::ffi;

use super::{Kind, Raise};
use crate::script::number;

/// The stack of the running function.
pub struct Vm<'a> {
    pub(super) state: *mut ffi::lua_State,
    _inside: PhantomData<&'a mut ()>,
}

impl<'a> Vm<'a> {
    /// # Safety
    /// `state` is alive and, unless nothing is done that may raise an error, inside a protected call; the result lives no longer.
    pub(super) unsafe fn of(state: *mut ffi::lua_State) -> Vm<'a> {
        Vm { state, _inside: PhantomData }
    }

    /// Leaves an error's value on top. Owns what `raised` owns, so that the caller has nothing to drop.
    pub(super) fn prepare_error(&mut self, raised: Raise) {
        match raised {
            Raise::Text(text) => {
                self.push_place(1);
                self.push_bytes(&text);
                self.concat(2);
            }
            Raise::Top if self.top() == 0 => self.push_nil(),
            Raise::Top => {}
        }
    }

    /// Number of values.
    #[inline]
    pub fn top(&self) -> c_int {
        // SAFETY: reads only.
        unsafe { ffi::lua_gettop(self.state) }
    }

    /// Cuts the stack down to `top` values.
    #[inline]
    pub fn cut(&mut self, top: c_int) {
        let top = top.clamp(0, self.top());
        // SAFETY: not above the top, so nothing needs room.
        unsafe { ffi::lua_settop(self.state, top) };
    }

    /// Drops the last `n`.
    #[inline]
    pub fn pop(&mut self, n: c_int) {
        self.cut(self.top() - n);
    }

    #[inline]
    pub(super) fn room(&mut self, n: c_int) {
        // SAFETY: grows the stack or raises an error.
        unsafe { ffi::lua_rawcheckstack(self.state, n) };
    }

    /// Whether the stack may grow by that much without being too deep.
    pub fn has_room(&mut self, n: c_int) -> bool {
        // SAFETY: grows the stack, or says no.
        unsafe { ffi::lua_checkstack(self.state, n) != 0 }
    }

    #[inline]
    pub fn kind(&self, index: c_int) -> Kind {
        if index < 1 {
            return Kind::None;
        }
        // SAFETY: positive indices above the top read as none.
        match unsafe { ffi::lua_type(self.state, index) } {
            ffi::LUA_TNONE => Kind::None,
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            _ => Kind::Other,
        }
    }

    /// The type's name as scripts know it.
    pub fn kind_name(&self, index: c_int) -> &'static str {
        match self.kind(index) {
            Kind::None => "no value",
            Kind::Nil => "nil",
            Kind::Boolean => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::LightUserdata | Kind::Other => "userdata",
        }
    }

    /// The bytes of a string (not of a number).
    #[inline]
    pub fn bytes(&self, index: c_int) -> Option<&[u8]> {
        if self.kind(index) != Kind::String {
            return None;
        }
        let mut len = 0;
        // SAFETY: it is a string, so nothing is converted; the bytes stay while the stack is not changed, which takes `&mut self`.
        unsafe {
            let start = ffi::lua_tolstring(self.state, index, &raw mut len);
            Some(std::slice::from_raw_parts(start.cast(), len))
        }
    }

    /// A number (not a string that looks like one).
    #[inline]
    pub fn number(&self, index: c_int) -> Option<f64> {
        if self.kind(index) != Kind::Number {
            return None;
        }
        // SAFETY: it is a number.
        Some(unsafe { ffi::lua_tonumberx(self.state, index, std::ptr::null_mut()) })
    }

    /// A number, or a string that reads as one: what the language itself takes for a number.
    pub fn to_number(&self, index: c_int) -> Option<f64> {
        if !matches!(self.kind(index), Kind::Number | Kind::String) {
            return None;
        }
        let mut is_number = 0;
        // SAFETY: the index holds a value; nothing is changed.
        let n = unsafe { ffi::lua_tonumberx(self.state, index, &raw mut is_number) };
        (is_number != 0).then_some(n)
    }

    /// The bytes of a string, or of a number's text.
    pub fn to_bytes(&self, index: c_int) -> Option<Vec<u8>> {
        match self.kind(index) {
            Kind::String => self.bytes(index).map(<[u8]>::to_vec),
            Kind::Number => self.number(index).map(number::text),
            _ => None,
        }
    }

    /// False for nil and false.
    #[inline]
    pub fn truth(&self, index: c_int) -> bool {
        // SAFETY: positive indices above the top read as none.
        index >= 1 && unsafe { ffi::lua_toboolean(self.state, index) != 0 }
    }

    #[inline]
    pub fn push_nil(&mut self) {
        self.room(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnil(self.state) };
    }

    #[inline]
    pub fn push_bool(&mut self, yes: bool) {
        self.room(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushboolean(self.state, c_int::from(yes)) };
    }

    #[inline]
    pub fn push_number(&mut self, n: f64) {
        self.room(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnumber(self.state, n) };
    }

    #[inline]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.room(1);
        // SAFETY: there is room; the bytes are copied.
        unsafe { ffi::lua_pushlstring_(self.state, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Joins the topmost `n` strings or numbers.
    pub fn concat(&mut self, n: c_int) {
        if (1..=self.top()).contains(&n) {
            self.room(1);
            // SAFETY: so many values are there.
            unsafe { ffi::lua_concat(self.state, n) };
        }
    }

    /// Moves the top value to `index`, what is there and above it up by one.
    pub fn insert(&mut self, index: c_int) {
        if (1..=self.top()).contains(&index) {
            // SAFETY: the index holds a value.
            unsafe { ffi::lua_insert(self.state, index) };
        }
    }

    /// Pushes the text of the value at `index`, as `tostring` gives it (metatables heeded).
    pub fn push_text(&mut self, index: c_int) {
        if index < 1 || index > self.top() {
            return self.push_bytes(b"nil");
        }
        if let Some(n) = self.number(index) {
            return self.push_bytes(&number::text(n));
        }
        self.room(4);
        // SAFETY: the index holds a value; there is room.
        unsafe { ffi::luaL_tolstring_(self.state, index, std::ptr::null_mut()) };
    }

    /// Bytes the interpreter holds.
    pub fn used_bytes(&self) -> usize {
        // SAFETY: reads figures only.
        unsafe {
            ffi::lua_gc(self.state, ffi::LUA_GCCOUNT, 0) as usize * 1024 + ffi::lua_gc(self.state, ffi::LUA_GCCOUNTB, 0) as usize
        }
    }

    /// Collects garbage: all of it, or a little.
    pub fn collect(&mut self, all: bool) {
        let what = if all { ffi::LUA_GCCOLLECT } else { ffi::LUA_GCSTEP };
        // SAFETY: collecting runs no code of scripts: Luau has no finalizers.
        unsafe { ffi::lua_gc(self.state, what, 200) };
    }

    /// A userdata that is nothing but itself: `cjson.null`.
    pub fn push_null(&mut self) {
        self.room(1);
        // SAFETY: there is room; the address is never followed.
        unsafe { ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()) };
    }

    /// Another copy of the value at `index`.
    pub fn push_copy(&mut self, index: c_int) {
        if index < 1 || index > self.top() {
            return self.push_nil();
        }
        self.room(1);
        // SAFETY: the index holds a value; there is room.
        unsafe { ffi::lua_pushvalue(self.state, index) };
    }
}
