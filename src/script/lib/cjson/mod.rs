//! `cjson`: values as JSON and back, in the words and with the limits of lua-cjson 2.1.
//!
//! ```text
//! table with keys 1..n      array (holes are null; refused where they outnumber what is there, `encode_sparse_array`)
//! any other table           object; empty ones too, unless they were decoded from an array with `decode_array_with_array_mt`
//! null                      cjson.null
//! ```
//!
//! Settings are the running script's own: the next one begins with the defaults. Depth is bounded whatever a script asks for.

mod decode;
mod encode;

use std::ffi::CStr;

use crate::script::lend;
use crate::script::vm::{Kind, Native, Raise, Vm};

/// Tables nested deeper than this are refused whatever the settings.
const DEPTH_MAX: u32 = 2000;

/// What a script may set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    sparse_convert: bool,
    sparse_ratio: u32,
    sparse_safe: u32,
    encode_depth: u32,
    decode_depth: u32,
    precision: usize,
    encode_invalid: Invalid,
    decode_invalid: bool,
    keep_buffer: bool,
    array_metatable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            precision: 14,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
            keep_buffer: true,
            array_metatable: false,
        }
    }
}

const NATIVES: [(&CStr, Native); 11] = [
    (c"encode", encode::encode),
    (c"decode", decode::decode),
    (c"new", new),
    (c"encode_sparse_array", encode_sparse_array),
    (c"encode_max_depth", encode_max_depth),
    (c"decode_max_depth", decode_max_depth),
    (c"encode_number_precision", encode_number_precision),
    (c"encode_keep_buffer", encode_keep_buffer),
    (c"encode_invalid_numbers", encode_invalid_numbers),
    (c"decode_invalid_numbers", decode_invalid_numbers),
    (c"decode_array_with_array_mt", decode_array_with_array_mt),
];

/// Adds the library.
pub fn open(vm: &mut Vm<'_>) {
    super::library(vm, c"cjson", &NATIVES);
    constants(vm);
    vm.push_table(0, 0);
    let (table, marker) = (vm.top() - 1, vm.top());
    vm.set_readonly(marker, true);
    vm.set_field(table, c"array_mt");
    vm.pop(1);
}

fn constants(vm: &mut Vm<'_>) {
    let table = vm.top();
    vm.push_null();
    vm.set_field(table, c"null");
    vm.push_bytes(b"cjson");
    vm.set_field(table, c"_NAME");
    vm.push_bytes(b"2.1.0");
    vm.set_field(table, c"_VERSION");
}

/// Another table of the same.
fn new(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    vm.push_table(0, NATIVES.len() + 3);
    let table = vm.top();
    for (name, native) in NATIVES {
        vm.push_native(name, native);
        vm.set_field(table, name);
    }
    constants(vm);
    Ok(1)
}

fn settings() -> Settings {
    lend::with(|server| server.scripts.json).unwrap_or_default()
}

fn change(change: impl FnOnce(&mut Settings)) -> Settings {
    lend::with(|server| {
        change(&mut server.scripts.json);
        server.scripts.json
    })
    .unwrap_or_default()
}

/// The whole number at `index`, if one is given.
fn bounded(vm: &Vm<'_>, index: i32, function: &str, max: u32, min: u32) -> Result<Option<u32>, Raise> {
    if matches!(vm.kind(index), Kind::None | Kind::Nil) {
        return Ok(None);
    }
    let n = super::number_argument(vm, index, function)?;
    if n >= f64::from(min) && n <= f64::from(max) {
        return Ok(Some(n as u32));
    }
    Err(Raise::argument(index, function, &format!("expected integer between {min} and {max}")))
}

fn too_many(vm: &Vm<'_>, most: i32, function: &str) -> Result<(), Raise> {
    if vm.top() > most {
        return Err(Raise::argument(most + 1, function, "found too many arguments"));
    }
    Ok(())
}

const INT_MAX: u32 = i32::MAX as u32;

fn encode_sparse_array(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 3, "encode_sparse_array")?;
    let convert = (vm.kind(1) == Kind::Boolean).then(|| vm.truth(1));
    let ratio = bounded(vm, 2, "encode_sparse_array", INT_MAX, 0)?;
    let safe = bounded(vm, 3, "encode_sparse_array", INT_MAX, 0)?;
    let now = change(|json| {
        json.sparse_convert = convert.unwrap_or(json.sparse_convert);
        json.sparse_ratio = ratio.unwrap_or(json.sparse_ratio);
        json.sparse_safe = safe.unwrap_or(json.sparse_safe);
    });
    vm.push_bool(now.sparse_convert);
    vm.push_number(f64::from(now.sparse_ratio));
    vm.push_number(f64::from(now.sparse_safe));
    Ok(3)
}

fn encode_max_depth(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "encode_max_depth")?;
    let depth = bounded(vm, 1, "encode_max_depth", INT_MAX, 1)?;
    let now = change(|json| json.encode_depth = depth.unwrap_or(json.encode_depth));
    vm.push_number(f64::from(now.encode_depth));
    Ok(1)
}

fn decode_max_depth(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "decode_max_depth")?;
    let depth = bounded(vm, 1, "decode_max_depth", INT_MAX, 1)?;
    let now = change(|json| json.decode_depth = depth.unwrap_or(json.decode_depth));
    vm.push_number(f64::from(now.decode_depth));
    Ok(1)
}

fn encode_number_precision(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "encode_number_precision")?;
    let digits = bounded(vm, 1, "encode_number_precision", 14, 1)?;
    let now = change(|json| json.precision = digits.map_or(json.precision, |digits| digits as usize));
    vm.push_number(now.precision as f64);
    Ok(1)
}

fn encode_keep_buffer(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "encode_keep_buffer")?;
    let keep = (vm.kind(1) == Kind::Boolean).then(|| vm.truth(1));
    let now = change(|json| json.keep_buffer = keep.unwrap_or(json.keep_buffer));
    vm.push_bool(now.keep_buffer);
    Ok(1)
}

fn encode_invalid_numbers(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "encode_invalid_numbers")?;
    let how = match (vm.kind(1), vm.bytes(1)) {
        (Kind::None | Kind::Nil, _) => None,
        (Kind::Boolean, _) => Some(if vm.truth(1) { Invalid::Written } else { Invalid::Refused }),
        (_, Some(b"on")) => Some(Invalid::Written),
        (_, Some(b"off")) => Some(Invalid::Refused),
        (_, Some(b"null")) => Some(Invalid::Null),
        (_, other) => {
            let shown = format!("invalid option '{}'", String::from_utf8_lossy(other.unwrap_or_default()));
            return Err(Raise::argument(1, "encode_invalid_numbers", &shown));
        }
    };
    match change(|json| json.encode_invalid = how.unwrap_or(json.encode_invalid)).encode_invalid {
        Invalid::Refused => vm.push_bool(false),
        Invalid::Written => vm.push_bool(true),
        Invalid::Null => vm.push_bytes(b"null"),
    }
    Ok(1)
}

fn decode_invalid_numbers(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "decode_invalid_numbers")?;
    let allow = (vm.kind(1) == Kind::Boolean).then(|| vm.truth(1));
    let now = change(|json| json.decode_invalid = allow.unwrap_or(json.decode_invalid));
    vm.push_bool(now.decode_invalid);
    Ok(1)
}

fn decode_array_with_array_mt(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    too_many(vm, 1, "decode_array_with_array_mt")?;
    let mark = (vm.kind(1) == Kind::Boolean).then(|| vm.truth(1));
    let now = change(|json| json.array_metatable = mark.unwrap_or(json.array_metatable));
    vm.push_bool(now.array_metatable);
    Ok(1)
}

/// Pushes the metatable that marks arrays.
fn push_array_metatable(vm: &mut Vm<'_>) {
    let base = vm.top();
    vm.push_globals();
    vm.push_field(base + 1, c"cjson");
    vm.push_field(base + 2, c"array_mt");
    vm.insert(base + 1);
    vm.cut(base + 1);
}
