//! From values to JSON.

use super::{DEPTH_MAX, INT_MAX, Invalid, Settings, push_array_metatable, settings};
use crate::script::number;
use crate::script::vm::{Kind, Raise, Vm};

pub(super) fn encode(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 {
        return Err(Raise::argument(1, "encode", "expected 1 argument"));
    }
    let settings = settings();
    push_array_metatable(vm);
    let marker = vm.identity(2);
    let mut out = Vec::new();
    encode_value(vm, 1, &mut out, &settings, marker, 0)?;
    vm.push_bytes(&out);
    Ok(1)
}

fn refuse(kind: &str, why: &str) -> Raise {
    Raise::text(format!("Cannot serialise {kind}: {why}"))
}

fn encode_value(vm: &mut Vm<'_>, index: i32, out: &mut Vec<u8>, json: &Settings, marker: usize, depth: u32) -> Result<(), Raise> {
    match vm.kind(index) {
        Kind::String => encode_string(out, vm.bytes(index).unwrap_or_default()),
        Kind::Number => encode_number(out, vm.number(index).unwrap_or_default(), json)?,
        Kind::Boolean => out.extend_from_slice(if vm.truth(index) { b"true" } else { b"false" }),
        Kind::Nil | Kind::None | Kind::LightUserdata => out.extend_from_slice(b"null"),
        Kind::Table => return encode_table(vm, index, out, json, marker, depth + 1),
        Kind::Function | Kind::Other => return Err(refuse(vm.kind_name(index), "type not supported")),
    }
    Ok(())
}

fn encode_number(out: &mut Vec<u8>, n: f64, json: &Settings) -> Result<(), Raise> {
    if !n.is_finite() {
        match json.encode_invalid {
            Invalid::Refused => return Err(refuse("number", "must not be NaN or Inf")),
            Invalid::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Invalid::Written if n.is_nan() => {
                out.extend_from_slice(b"nan");
                return Ok(());
            }
            Invalid::Written => {}
        }
    }
    number::write(out, n, json.precision);
    Ok(())
}

fn encode_string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'/' => out.extend_from_slice(b"\\/"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=31 | 127 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The greatest index, if the table is to be an array.
fn array_length(vm: &mut Vm<'_>, table: i32, json: &Settings) -> Result<Option<u32>, Raise> {
    let base = vm.top();
    let (mut at, mut count, mut max) = (0, 0u32, 0.0f64);
    while let Some(next) = vm.next(table, at) {
        at = next;
        match vm.number(base + 1) {
            Some(n) if n >= 1.0 && n == n.trunc() && n <= f64::from(INT_MAX) => max = max.max(n),
            _ => {
                vm.cut(base);
                return Ok(None);
            }
        }
        count += 1;
        vm.cut(base);
    }
    let max = max as u32;
    let sparse =
        json.sparse_ratio > 0 && u64::from(max) > u64::from(count) * u64::from(json.sparse_ratio) && max > json.sparse_safe;
    match sparse {
        true if json.sparse_convert => Ok(None),
        true => Err(refuse("table", "excessively sparse array")),
        false => Ok(Some(max).filter(|max| *max > 0)),
    }
}

fn encode_table(vm: &mut Vm<'_>, table: i32, out: &mut Vec<u8>, json: &Settings, marker: usize, depth: u32) -> Result<(), Raise> {
    if depth > json.encode_depth.min(DEPTH_MAX) || !vm.has_room(8) {
        return Err(Raise::text(format!("Cannot serialise, excessive nesting ({depth})")));
    }
    let base = vm.top();
    if let Some(len) = array_length(vm, table, json)? {
        out.push(b'[');
        for n in 1..=len {
            if n > 1 {
                out.push(b',');
            }
            vm.push_index(table, n as i32);
            encode_value(vm, base + 1, out, json, marker, depth)?;
            vm.cut(base);
        }
        out.push(b']');
        return Ok(());
    }
    let (mut at, mut first) = (0, true);
    while let Some(next) = vm.next(table, at) {
        at = next;
        out.push(if first { b'{' } else { b',' });
        first = false;
        match vm.kind(base + 1) {
            Kind::String => encode_string(out, vm.bytes(base + 1).unwrap_or_default()),
            Kind::Number => {
                out.push(b'"');
                encode_number(out, vm.number(base + 1).unwrap_or_default(), json)?;
                out.push(b'"');
            }
            _ => return Err(refuse(vm.kind_name(base + 1), "table key must be a number or string")),
        }
        out.push(b':');
        encode_value(vm, base + 2, out, json, marker, depth)?;
        vm.cut(base);
    }
    if !first {
        out.push(b'}');
        return Ok(());
    }
    let marked = vm.push_metatable(table) && vm.identity(base + 1) == marker;
    vm.cut(base);
    out.extend_from_slice(if marked { b"[]" } else { b"{}" });
    Ok(())
}
