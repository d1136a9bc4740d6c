//! The basic functions where Luau's differ from 5.1's, or are not there.

use super::super::compile;
use super::super::messages;
use super::super::vm::{Kind, Raise, Vm};

/// Longest text that `load` gathers, in bytes.
const SOURCE_MAX: usize = 64 << 20;

/// Puts them among the globals, and into the tables of strings and tables.
pub fn open(vm: &mut Vm<'_>) {
    let base = vm.top();
    vm.push_native(c"pcall", pcall);
    vm.set_global(c"pcall");
    vm.push_native(c"tostring", tostring);
    vm.set_global(c"tostring");
    vm.push_native(c"loadstring", loadstring);
    vm.set_global(c"loadstring");
    vm.push_native(c"load", load);
    vm.set_global(c"load");
    vm.push_native(c"collectgarbage", collectgarbage);
    vm.set_global(c"collectgarbage");
    vm.push_globals();
    let globals = vm.top();
    vm.push_field(globals, c"string");
    let string = vm.top();
    vm.push_field(string, c"gmatch");
    vm.set_field(string, c"gfind");
    vm.push_native(c"dump", dump);
    vm.set_field(string, c"dump");
    vm.push_field(globals, c"table");
    let table = vm.top();
    vm.push_native(c"setn", setn);
    vm.set_field(table, c"setn");
    vm.push_field(globals, c"os");
    let os = vm.top();
    vm.push_table(0, 1);
    vm.push_field(os, c"clock");
    vm.set_field(os + 1, c"clock");
    vm.set_global(c"os");
    vm.cut(base);
}

/// Luau's, but that an error which is a table with a text is given as the text.
fn pcall(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() == 0 {
        return Err(Raise::argument(1, "pcall", "value expected"));
    }
    let ok = vm.pcall(vm.top() - 1);
    if !ok {
        let top = vm.top();
        match vm.kind(top) {
            Kind::Table if vm.push_field(top, c"err") == Kind::String => {}
            Kind::String => {
                let message = vm.bytes(top).unwrap_or_default().to_vec();
                vm.push_bytes(&messages::upstreams(message));
            }
            _ => vm.cut(top),
        }
        let error = vm.top();
        vm.push_bool(false);
        vm.push_copy(error);
        return Ok(2);
    }
    vm.push_bool(true);
    vm.insert(1);
    Ok(vm.top())
}

/// Numbers with fourteen digits.
fn tostring(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() == 0 {
        return Err(Raise::argument(1, "tostring", "value expected"));
    }
    vm.push_text(1);
    Ok(1)
}

/// Compiles a text. Anything that looks like compiled code is refused.
fn compiled(vm: &mut Vm<'_>, source: &[u8], name: Option<Vec<u8>>) -> i32 {
    let name = name.unwrap_or_else(|| {
        let first = source.split(|byte| *byte == b'\n' || *byte == 0).next().unwrap_or_default();
        let shown = String::from_utf8_lossy(&first[..first.len().min(60)]).into_owned();
        format!("[string \"{shown}\"]").into_bytes()
    });
    let shown: Vec<u8> = name.strip_prefix(b"@").or(name.strip_prefix(b"=")).unwrap_or(&name).to_vec();
    let refused = |message: &[u8]| [&shown[..], b":1: ", message].concat();
    let outcome = if source.first().is_some_and(|byte| *byte < b'\t') || source.first() == Some(&0x1b) {
        Err(refused(b"compiled code is not accepted"))
    } else {
        compile::compile(source).map_err(|message| match message.strip_prefix(b":") {
            Some(rest) => [&shown[..], b":", rest].concat(),
            None => message,
        })
    };
    let error = match outcome {
        Ok(code) => {
            let chunk = std::ffi::CString::new([b"=", &shown[..]].concat()).unwrap_or_default();
            if vm.load(&chunk, &code, 0) {
                return 1;
            }
            vm.to_bytes(vm.top()).unwrap_or_default()
        }
        Err(message) => message,
    };
    vm.push_nil();
    vm.push_bytes(&error);
    2
}

fn loadstring(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let source = super::text_argument(vm, 1, "loadstring")?;
    let name = vm.to_bytes(2);
    Ok(compiled(vm, &source, name))
}

/// From a function that gives a text piece by piece.
fn load(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.kind(1) != Kind::Function {
        return Err(Raise::argument(1, "load", &format!("function expected, got {}", vm.kind_name(1))));
    }
    let name = vm.to_bytes(2).unwrap_or_else(|| b"=(load)".to_vec());
    vm.cut(1);
    let mut source = Vec::new();
    loop {
        vm.push_copy(1);
        vm.call(0, 1);
        match vm.kind(2) {
            Kind::Nil => break,
            Kind::String if vm.len(2) == 0 => break,
            Kind::String => source.extend_from_slice(vm.bytes(2).unwrap_or_default()),
            _ => return Err(Raise::text("reader function must return a string")),
        }
        if source.len() > SOURCE_MAX {
            return Err(Raise::text("text is too long"));
        }
        vm.cut(1);
    }
    Ok(compiled(vm, &source, Some(name)))
}

/// There is no code to be had: what this gives, nothing loads.
fn dump(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    vm.push_bytes(b"\x1bLuau");
    Ok(1)
}

fn setn(_vm: &mut Vm<'_>) -> Result<i32, Raise> {
    Err(Raise::text("'setn' is obsolete"))
}

fn collectgarbage(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let option = vm.to_bytes(1).unwrap_or_else(|| b"collect".to_vec());
    match option.as_slice() {
        b"count" => {
            let bytes = vm.used_bytes();
            vm.push_number(bytes as f64 / 1024.0);
        }
        b"collect" => {
            vm.collect(true);
            vm.push_number(0.0);
        }
        b"step" => {
            vm.collect(false);
            vm.push_bool(true);
        }
        b"stop" | b"restart" | b"setpause" | b"setstepmul" => vm.push_number(0.0),
        other => {
            let shown = format!("invalid option '{}'", String::from_utf8_lossy(other));
            return Err(Raise::argument(1, "collectgarbage", &shown));
        }
    }
    Ok(1)
}
