//! The libraries scripts have beside Luau's own, and what Lua 5.1 had that Luau has not.

pub mod base;
pub mod bit;
pub mod cjson;
pub mod cmsgpack;
pub mod math;
pub mod structs;

use std::ffi::CStr;

use super::vm::{Native, Raise, Vm};

/// Adds everything to the globals.
pub fn open(vm: &mut Vm<'_>) {
    base::open(vm);
    math::open(vm);
    bit::open(vm);
    structs::open(vm);
    cmsgpack::open(vm);
    cjson::open(vm);
}

/// Makes a global table of natives; it is left on top of the stack.
fn library(vm: &mut Vm<'_>, name: &'static CStr, natives: &[(&'static CStr, Native)]) {
    vm.push_table(0, natives.len());
    let table = vm.top();
    for (name, native) in natives {
        vm.push_native(name, *native);
        vm.set_field(table, name);
    }
    vm.push_copy(table);
    vm.set_global(name);
}

/// The number at `index`, or a string that is one.
///
/// # Errors
/// What `function` says when there is none.
fn number_argument(vm: &Vm<'_>, index: i32, function: &str) -> Result<f64, Raise> {
    vm.to_number(index).ok_or_else(|| Raise::argument(index, function, &format!("number expected, got {}", vm.kind_name(index))))
}

/// The text at `index`, or a number's.
///
/// # Errors
/// What `function` says when there is none.
fn text_argument(vm: &Vm<'_>, index: i32, function: &str) -> Result<Vec<u8>, Raise> {
    vm.to_bytes(index).ok_or_else(|| Raise::argument(index, function, &format!("string expected, got {}", vm.kind_name(index))))
}
