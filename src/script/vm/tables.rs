//! Tables: elements, fields, metatables, and who may write to them.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::{Kind, Vm};

impl Vm<'_> {
    /// A new table with room for so many.
    #[inline]
    pub fn push_table(&mut self, list: usize, named: usize) {
        const MAX: usize = 1 << 16;
        self.room(1);
        // SAFETY: there is room; the sizes are small.
        unsafe { ffi::lua_createtable(self.state, list.min(MAX) as c_int, named.min(MAX) as c_int) };
    }

    pub(super) fn is_table(&self, index: c_int) -> bool {
        self.kind(index) == Kind::Table
    }

    /// Pushes element `n` of the table, metatables aside; nil if it is no table.
    #[inline]
    pub fn push_index(&mut self, table: c_int, n: i32) -> Kind {
        if !self.is_table(table) {
            self.push_nil();
            return Kind::Nil;
        }
        self.room(1);
        // SAFETY: it is a table; there is room.
        unsafe { ffi::lua_rawgeti_(self.state, table, n) };
        self.kind(self.top())
    }

    /// Pushes the named field of the table, metatables aside; nil if it is no table.
    #[inline]
    pub fn push_field(&mut self, table: c_int, name: &CStr) -> Kind {
        if !self.is_table(table) {
            self.push_nil();
            return Kind::Nil;
        }
        self.room(2);
        // SAFETY: it is a table; there is room.
        unsafe { ffi::lua_rawgetfield(self.state, table, name.as_ptr()) };
        self.kind(self.top())
    }

    /// Takes the top value into element `n` of the table.
    #[inline]
    pub fn set_index(&mut self, table: c_int, n: i32) {
        if !self.is_table(table) || table >= self.top() {
            return self.pop(1);
        }
        // SAFETY: it is a table below the top.
        unsafe { ffi::lua_rawseti_(self.state, table, n) };
    }

    /// Takes the top value into the named field of the table.
    #[inline]
    pub fn set_field(&mut self, table: c_int, name: &CStr) {
        if !self.is_table(table) || table >= self.top() {
            return self.pop(1);
        }
        self.room(1);
        // SAFETY: it is a table below the top.
        unsafe { ffi::lua_rawsetfield(self.state, table, name.as_ptr()) };
    }

    /// Takes key and value, the two topmost, into the table. A key that cannot be one is left out.
    pub fn set(&mut self, table: c_int) {
        let key = self.top() - 1;
        let valid = match self.kind(key) {
            Kind::None | Kind::Nil => false,
            Kind::Number => self.number(key).is_some_and(|n| !n.is_nan()),
            _ => true,
        };
        if !valid || !self.is_table(table) || table >= key {
            return self.pop(2);
        }
        // SAFETY: it is a table below a key and a value.
        unsafe { ffi::lua_rawset(self.state, table) };
    }

    /// Walks a table: pushes the key and the value behind position `at` (0 to begin) and returns where to go on; None at the end.
    pub fn next(&mut self, table: c_int, at: c_int) -> Option<c_int> {
        if !self.is_table(table) || at < 0 {
            return None;
        }
        self.room(2);
        // SAFETY: it is a table; positions out of range end the walk.
        let next = unsafe { ffi::lua_rawiter(self.state, table, at) };
        (next >= 0).then_some(next)
    }

    /// Length of a string, or border of a table.
    pub fn len(&self, index: c_int) -> usize {
        match self.kind(index) {
            // SAFETY: it has a length.
            Kind::String | Kind::Table => unsafe { ffi::lua_objlen_(self.state, index).max(0) as usize },
            _ => 0,
        }
    }

    /// A number that tells two tables or functions apart.
    pub fn identity(&self, index: c_int) -> usize {
        // SAFETY: positive indices above the top read as none.
        if index < 1 { 0 } else { unsafe { ffi::lua_topointer(self.state, index) as usize } }
    }

    /// Pushes the value's metatable, if it has one.
    pub fn push_metatable(&mut self, index: c_int) -> bool {
        if index < 1 || index > self.top() {
            return false;
        }
        self.room(1);
        // SAFETY: the index holds a value; there is room.
        unsafe { ffi::lua_getmetatable(self.state, index) != 0 }
    }

    /// Takes the table on top as metatable of the value at `index`.
    pub fn set_metatable(&mut self, index: c_int) {
        let top = self.top();
        if index < 1 || index >= top || !self.is_table(top) {
            return self.pop(1);
        }
        // SAFETY: a value, and a table above it.
        unsafe { ffi::lua_setmetatable(self.state, index) };
    }

    /// Makes a table read-only, or not.
    pub fn set_readonly(&mut self, table: c_int, readonly: bool) {
        if self.is_table(table) {
            // SAFETY: it is a table.
            unsafe { ffi::lua_setreadonly(self.state, table, c_int::from(readonly)) };
        }
    }

    /// Whether a table is read-only.
    pub fn is_readonly(&self, table: c_int) -> bool {
        // SAFETY: it is a table.
        self.is_table(table) && unsafe { ffi::lua_getreadonly(self.state, table) != 0 }
    }

    /// Lets code with this table as environment take builtins for what they are, or not.
    pub fn set_safe_environment(&mut self, table: c_int, safe: bool) {
        if self.is_table(table) {
            // SAFETY: it is a table.
            unsafe { ffi::lua_setsafeenv(self.state, table, c_int::from(safe)) };
        }
    }

    /// Pushes the table of globals.
    pub fn push_globals(&mut self) {
        self.room(1);
        // SAFETY: the pseudo-index is always valid.
        unsafe { ffi::lua_pushvalue(self.state, ffi::LUA_GLOBALSINDEX) };
    }

    /// Takes the top value as global of this name, read-only though the globals are.
    pub fn set_global(&mut self, name: &CStr) {
        if self.top() == 0 {
            return;
        }
        self.room(1);
        // SAFETY: the globals are a table, and there is a value on top.
        unsafe {
            ffi::lua_setreadonly(self.state, ffi::LUA_GLOBALSINDEX, 0);
            ffi::lua_rawsetfield(self.state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
            ffi::lua_setreadonly(self.state, ffi::LUA_GLOBALSINDEX, 1);
        }
    }
}
