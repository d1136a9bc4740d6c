//! The interpreter as safe code sees it: a stack of values, natives that take and return values by it, protected calls.
//!
//! Luau's C API trusts its caller: a wrong index or a table that is none is undefined behaviour. [`Vm`] checks each use, so that the
//! libraries and the conversions above it are safe code. An error of the interpreter (out of memory, a metamethod that fails) is a C++
//! exception that unwinds through Rust frames as `C-unwind` allows: destructors run, and the frames below [`Interpreter::protected`]
//! are the only ones that ever see it. That is why the crate is built with unwinding; a panic still ends the process (the panic hook
//! does that).
//!
//! What always holds: a [`Vm`] exists only inside a protected call, so no error ever leaves by way of the reactor; indices count
//! from 1 and stay below the top; strings are read as bytes borrowed from the `Vm`, so none is kept across a change of the stack.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use mlua::ffi;

/// Why a native fails.
#[derive(Debug)]
pub enum Raise {
    /// With this text, the place it was called from put in front.
    Text(Vec<u8>),
    /// With the value on top of the stack.
    Top,
}

impl Raise {
    pub fn text(text: impl Into<Vec<u8>>) -> Raise {
        Raise::Text(text.into())
    }

    /// An argument is not what it should be.
    pub fn argument(index: c_int, function: &str, what: &str) -> Raise {
        Raise::Text(format!("bad argument #{index} to '{function}' ({what})").into_bytes())
    }
}

/// A function that scripts call: arguments are the whole stack, from index 1; it returns how many results it left on top.
pub type Native = fn(&mut Vm<'_>) -> Result<c_int, Raise>;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    None,
    Nil,
    Boolean,
    Number,
    String,
    Table,
    Function,
    LightUserdata,
    /// Whatever else there is.
    Other,
}

/// A value kept outside the stack. It belongs to the interpreter that made it, and is given back by [`Vm::unref`].
#[derive(Debug, PartialEq, Eq)]
pub struct Ref(c_int);

impl Ref {
    /// The same value under the same number, for the length of a run; only one of the two is ever given back.
    pub(super) fn same(&self) -> Ref {
        Ref(self.0)
    }
}

/// How the interpreter is told, from any thread, to stop and look.
#[derive(Clone)]
pub struct Interrupter(Arc<Mutex<Callbacks>>);

/// Where the interpreter looks for its hook; null once it is gone.
struct Callbacks(*mut ffi::lua_Callbacks);

// SAFETY: the pointer is used by other threads under the lock only, and for nothing but the one field that may be set from any thread.
unsafe impl Send for Callbacks {}

impl Interrupter {
    /// Has the running script call the interrupt hook at the next loop or call it comes by.
    pub fn interrupt(&self) {
        self.set(true);
    }

    /// Whether its interpreter is still there.
    pub fn is_alive(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).0.is_null()
    }

    fn set(&self, on: bool) {
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

/// What memory the interpreter has, and may have.
struct Meter {
    used: usize,
    limit: usize,
}

/// Alignment of what the interpreter is given.
const ALIGNMENT: usize = 16;

/// Luau's allocator: the process's own, counted.
unsafe extern "C" fn allocate(meter: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
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
    match super::busy::interrupted() {
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

/// Calls the native whose address is the closure's upvalue.
unsafe extern "C-unwind" fn call_native(state: *mut ffi::lua_State) -> c_int {
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
            let slot = Interrupter(Arc::new(Mutex::new(Callbacks(ffi::lua_callbacks(state)))));
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
        self.slot.0.lock().unwrap_or_else(PoisonError::into_inner).0 = std::ptr::null_mut();
        // SAFETY: nothing else holds the state: `Vm`s live only inside `protected`, and whoever may still interrupt finds null.
        unsafe {
            ffi::lua_close(self.state);
            drop(Box::from_raw(self.meter));
        }
    }
}

/// The stack of the running function.
pub struct Vm<'a> {
    state: *mut ffi::lua_State,
    _inside: PhantomData<&'a mut ()>,
}

impl<'a> Vm<'a> {
    /// # Safety
    /// `state` is alive and, unless nothing is done that may raise an error, inside a protected call; the result lives no longer.
    unsafe fn of(state: *mut ffi::lua_State) -> Vm<'a> {
        Vm { state, _inside: PhantomData }
    }

    /// Leaves an error's value on top. Owns what `raised` owns, so that the caller has nothing to drop.
    fn prepare_error(&mut self, raised: Raise) {
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
    fn room(&mut self, n: c_int) {
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
            Kind::Number => self.number(index).map(super::number::text),
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

    /// Pushes the place that call level `level` is at, as error messages begin with it.
    pub fn push_place(&mut self, level: c_int) {
        self.room(3);
        // SAFETY: there is room; levels that are not there give an empty text.
        unsafe { ffi::luaL_where(self.state, level) };
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
            return self.push_bytes(&super::number::text(n));
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

    /// A new table with room for so many.
    #[inline]
    pub fn push_table(&mut self, list: usize, named: usize) {
        const MAX: usize = 1 << 16;
        self.room(1);
        // SAFETY: there is room; the sizes are small.
        unsafe { ffi::lua_createtable(self.state, list.min(MAX) as c_int, named.min(MAX) as c_int) };
    }

    /// A native function; `name` is what error messages call it.
    pub fn push_native(&mut self, name: &'static CStr, native: Native) {
        self.room(2);
        // SAFETY: there is room; `call_native` expects exactly this upvalue.
        unsafe {
            ffi::lua_pushlightuserdata(self.state, native as *mut c_void);
            ffi::lua_pushcclosurek(self.state, call_native, name.as_ptr(), 1, None);
        }
    }

    fn is_table(&self, index: c_int) -> bool {
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

    /// Pushes the function that compiled code is, or an error message: `false`. `environment` is the index of its globals, 0 for the
    /// common ones. The code must come from [`super::compile`].
    pub fn load(&mut self, chunk: &CStr, code: &super::compile::Code, environment: c_int) -> bool {
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
}
