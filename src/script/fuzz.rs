//! What fuzz targets do with scripts' libraries and with the conversion of replies.

use std::ffi::CStr;

use super::convert::{self, Written};
use super::engine::{Engine, Purpose};
use super::vm::Vm;
use crate::resp::Reply;

const MEMORY_MAX: usize = 64 << 20;

fn with_engine(body: &mut dyn FnMut(&mut Vm<'_>)) {
    let Some(mut engine) = Engine::new(Purpose::Eval, false, MEMORY_MAX) else { return };
    let _ = engine.run(&mut |vm| {
        body(vm);
        Ok(0)
    });
}

/// Calls a library's function with the `arguments` topmost values; whether it succeeded.
fn call(vm: &mut Vm<'_>, library: &CStr, function: &CStr, arguments: i32) -> bool {
    let at = vm.top() - arguments + 1;
    vm.push_globals();
    let globals = vm.top();
    vm.push_field(globals, library);
    vm.push_field(globals + 1, function);
    vm.insert(at);
    vm.pop(2);
    vm.pcall(arguments)
}

/// What is decoded is encoded again, and decoded to the same.
pub fn cjson(data: &[u8]) {
    with_engine(&mut |vm| {
        vm.push_bytes(data);
        if !call(vm, c"cjson", c"decode", 1) || !call(vm, c"cjson", c"encode", 1) {
            return;
        }
        let text = vm.to_bytes(1).unwrap_or_default();
        assert!(call(vm, c"cjson", c"decode", 1), "{}", String::from_utf8_lossy(&text));
    });
}

/// What is unpacked is packed again, and unpacked.
pub fn cmsgpack(data: &[u8]) {
    with_engine(&mut |vm| {
        vm.push_bytes(data);
        if !call(vm, c"cmsgpack", c"unpack", 1) || vm.top() == 0 || vm.top() > 100 {
            return;
        }
        let values = vm.top();
        assert!(call(vm, c"cmsgpack", c"pack", values));
        // A key that is a table nested too deep comes back as nil, which is none.
        call(vm, c"cmsgpack", c"unpack", 1);
    });
}

/// A format and data, with a NUL between.
pub fn structs(data: &[u8]) {
    let (format, rest) = match memchr::memchr(0, data) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &data[..0]),
    };
    with_engine(&mut |vm| {
        vm.push_bytes(format);
        call(vm, c"struct", c"size", 1);
        vm.cut(0);
        vm.push_bytes(format);
        vm.push_bytes(rest);
        let unpacked = call(vm, c"struct", c"unpack", 2);
        let values = vm.top();
        if unpacked && values < 100 {
            vm.push_bytes(format);
            vm.insert(1);
            call(vm, c"struct", c"pack", values + 1);
        }
    });
}

/// A reply becomes a value, and the value a reply that is one.
pub fn conversion(data: &[u8]) {
    with_engine(&mut |vm| {
        if convert::push_reply(vm, data).is_none() {
            return;
        }
        for resp3 in [false, true] {
            vm.push_copy(vm.top());
            let mut reply = Reply { resp3, ..Reply::default() };
            convert::write_top(vm, &mut reply, resp3, &mut Written::default());
            let top = vm.top();
            assert_eq!(convert::push_reply(vm, &reply.buf), Some(reply.buf.len()));
            vm.cut(top);
        }
    });
}
