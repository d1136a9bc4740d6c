//! The interpreter as safe code sees it: a stack of values, natives that take and return values by it, protected calls.
//!
//! Luau's C API trusts its caller: a wrong index or a table that is none is undefined behaviour. [`Vm`] checks each use, so that the
//! libraries and the conversions above it are safe code. An error of the interpreter (out of memory, a metamethod that fails) is a C++
//! exception that unwinds through Rust frames as `C-unwind` allows: destructors run, and the frames below [`Interpreter::protected`]
//! are the only ones that ever see it. That is why the crate is built with unwinding; a panic still ends the process (the panic hook
//! does that).
//!
//! Reading order: [`interpreter`] (one interpreter and protected calls), [`memory`] (what it may use), [`interrupt`] (how it is stopped),
//! [`stack`] (values), [`tables`], [`code`] (functions: loaded, called, kept).
//!
//! What always holds: a [`Vm`] exists only inside a protected call, so no error ever leaves by way of the reactor; indices count
//! from 1 and stay below the top; strings are read as bytes borrowed from the `Vm`, so none is kept across a change of the stack.

mod code;
mod interpreter;
mod interrupt;
mod memory;
mod stack;
mod tables;

use std::ffi::c_int;

pub use interpreter::{Failed, Interpreter};
pub use interrupt::Interrupter;
pub use stack::Vm;

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
    pub(in crate::script) fn same(&self) -> Ref {
        Ref(self.0)
    }
}
