//! `cmsgpack`: values as MessagePack and back.
//!
//! ```text
//! 00-7f, e0-ff  small integers   80-8f map   90-9f array   a0-bf string   c0 nil   c2 c3 false true
//! c4-c6 bytes   ca cb float, double   cc-cf, d0-d3 integers   d9-db string   dc dd array   de df map
//! ```
//!
//! A table with keys 1 to n alone is an array, any other a map. Tables nested deeper than sixteen are packed as nil. What is packed
//! as an extension is not understood. A count in the data makes room for nothing: every element has to be there.

use super::super::vm::{Kind, Raise, Vm};

const PACK_DEPTH_MAX: u32 = 16;
const UNPACK_DEPTH_MAX: u32 = 1000;

const MISSING: &str = "Missing bytes in input.";
const BAD: &str = "Bad data format in input.";

/// Adds the library.
pub fn open(vm: &mut Vm<'_>) {
    super::library(
        vm,
        c"cmsgpack",
        &[(c"pack", pack), (c"unpack", unpack), (c"unpack_one", unpack_one), (c"unpack_limit", unpack_limit)],
    );
    let table = vm.top();
    for (name, text) in [
        (c"_NAME", "cmsgpack"),
        (c"_VERSION", "lua-cmsgpack 0.4.0"),
        (c"_COPYRIGHT", "Redoubt"),
        (c"_DESCRIPTION", "MessagePack for scripts"),
    ] {
        vm.push_bytes(text.as_bytes());
        vm.set_field(table, name);
    }
    vm.pop(1);
}

fn pack(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let count = vm.top();
    if count == 0 {
        return Err(Raise::argument(0, "pack", "MessagePack pack needs input."));
    }
    let mut out = Vec::new();
    for index in 1..=count {
        pack_value(vm, index, &mut out, 0);
    }
    vm.push_bytes(&out);
    Ok(1)
}

/// A head: up to `small` in one byte from `fix` on, else behind one of the wider `marks` (of one, two and four bytes).
fn pack_head(out: &mut Vec<u8>, len: usize, fix: u8, small: usize, marks: [Option<u8>; 3]) {
    match (len, marks) {
        (len, _) if len <= small => out.push(fix | len as u8),
        (len @ 0..=0xff, [Some(mark), ..]) => out.extend_from_slice(&[mark, len as u8]),
        (len @ 0..=0xffff, [_, Some(mark), _]) => {
            out.push(mark);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        (len, [.., mark]) => {
            out.push(mark.unwrap_or_default());
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
    }
}

fn pack_number(out: &mut Vec<u8>, n: f64) {
    if n == n.trunc() && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) {
        return pack_integer(out, n as i64);
    }
    let short = n as f32;
    if f64::from(short) == n {
        out.push(0xca);
        out.extend_from_slice(&short.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&n.to_be_bytes());
    }
}

fn pack_integer(out: &mut Vec<u8>, n: i64) {
    let (mark, width) = match n {
        -32..=127 => return out.push(n as u8),
        0x80..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..-32 => (0xd0, 1),
        -0x8000..-0x80 => (0xd1, 2),
        -0x8000_0000..-0x8000 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(mark);
    out.extend_from_slice(&n.to_be_bytes()[8 - width..]);
}

fn pack_value(vm: &mut Vm<'_>, index: i32, out: &mut Vec<u8>, depth: u32) {
    match vm.kind(index) {
        Kind::String => {
            let bytes = vm.bytes(index).unwrap_or_default();
            pack_head(out, bytes.len(), 0xa0, 31, [Some(0xd9), Some(0xda), Some(0xdb)]);
            out.extend_from_slice(bytes);
        }
        Kind::Boolean => out.push(if vm.truth(index) { 0xc3 } else { 0xc2 }),
        Kind::Number => pack_number(out, vm.number(index).unwrap_or_default()),
        Kind::Table if depth < PACK_DEPTH_MAX => pack_table(vm, index, out, depth),
        _ => out.push(0xc0),
    }
}

fn pack_table(vm: &mut Vm<'_>, table: i32, out: &mut Vec<u8>, depth: u32) {
    let base = vm.top();
    let (mut at, mut count, mut max, mut list) = (0, 0usize, 0.0f64, true);
    while let Some(next) = vm.next(table, at) {
        at = next;
        count += 1;
        match vm.number(base + 1) {
            Some(n) if n >= 1.0 && n == n.trunc() => max = max.max(n),
            _ => list = false,
        }
        vm.cut(base);
    }
    if list && max == count as f64 {
        pack_head(out, count, 0x90, 15, [None, Some(0xdc), Some(0xdd)]);
        for n in 1..=count {
            vm.push_index(table, n as i32);
            pack_value(vm, base + 1, out, depth + 1);
            vm.cut(base);
        }
        return;
    }
    pack_head(out, count, 0x80, 15, [None, Some(0xde), Some(0xdf)]);
    let mut at = 0;
    while let Some(next) = vm.next(table, at) {
        at = next;
        pack_value(vm, base + 1, out, depth + 1);
        pack_value(vm, base + 2, out, depth + 1);
        vm.cut(base);
    }
}

fn unpack(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    unpack_all(vm, "unpack", 0, 0)
}

fn integer(vm: &Vm<'_>, index: i32, function: &str) -> Result<i64, Raise> {
    super::number_argument(vm, index, function).map(|n| n as i64)
}

fn unpack_one(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let offset = if vm.top() < 2 { 0 } else { integer(vm, 2, "unpack_one")? };
    unpack_all(vm, "unpack_one", 1, offset)
}

fn unpack_limit(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let limit = integer(vm, 2, "unpack_limit")?;
    let offset = if vm.top() < 3 { 0 } else { integer(vm, 3, "unpack_limit")? };
    unpack_all(vm, "unpack_limit", limit, offset)
}

/// Unpacks up to `limit` values from `offset` on; all of them, and no more than them, if neither is given.
fn unpack_all(vm: &mut Vm<'_>, function: &str, limit: i64, offset: i64) -> Result<i32, Raise> {
    let data = super::text_argument(vm, 1, function)?;
    let len = data.len();
    let Some(start) = usize::try_from(offset).ok().filter(|_| limit >= 0) else {
        return Err(Raise::text(format!("Invalid request to unpack with offset of {offset} and limit of {len}.")));
    };
    if start > len {
        return Err(Raise::text(format!("Start offset {offset} greater than input length {len}.")));
    }
    let all = limit == 0 && offset == 0;
    let limit = if all { i64::MAX } else { limit };
    vm.cut(0);
    let mut rest = &data[start..];
    let mut count = 0;
    while count < limit && !rest.is_empty() {
        if !vm.has_room(8) {
            return Err(Raise::text("too many results"));
        }
        unpack_value(vm, &mut rest, 0)?;
        count += 1;
    }
    if !all {
        vm.push_number(if rest.is_empty() { -1.0 } else { (len - rest.len()) as f64 });
        vm.insert(1);
    }
    Ok(vm.top())
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Raise> {
    let Some((taken, left)) = rest.split_at_checked(len) else { return Err(Raise::text(MISSING)) };
    *rest = left;
    Ok(taken)
}

/// A number of so many bytes, most significant first.
fn unsigned(rest: &mut &[u8], width: usize) -> Result<u64, Raise> {
    Ok(take(rest, width)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

fn signed(rest: &mut &[u8], width: usize) -> Result<i64, Raise> {
    let spare = 64 - 8 * width as u32;
    Ok((unsigned(rest, width)? << spare) as i64 >> spare)
}

fn unpack_value(vm: &mut Vm<'_>, rest: &mut &[u8], depth: u32) -> Result<(), Raise> {
    if depth > UNPACK_DEPTH_MAX {
        return Err(Raise::text("too many nested data structures"));
    }
    let mark = take(rest, 1)?[0];
    match mark {
        0x00..=0x7f => vm.push_number(f64::from(mark)),
        0xe0..=0xff => vm.push_number(f64::from(mark as i8)),
        0x80..=0x8f => return unpack_map(vm, rest, usize::from(mark & 15), depth),
        0x90..=0x9f => return unpack_array(vm, rest, usize::from(mark & 15), depth),
        0xa0..=0xbf => vm.push_bytes(take(rest, usize::from(mark & 31))?),
        0xc0 => vm.push_nil(),
        0xc2 => vm.push_bool(false),
        0xc3 => vm.push_bool(true),
        0xc4 | 0xd9 => {
            let len = unsigned(rest, 1)? as usize;
            vm.push_bytes(take(rest, len)?);
        }
        0xc5 | 0xda => {
            let len = unsigned(rest, 2)? as usize;
            vm.push_bytes(take(rest, len)?);
        }
        0xc6 | 0xdb => {
            let len = unsigned(rest, 4)? as usize;
            vm.push_bytes(take(rest, len)?);
        }
        0xca => vm.push_number(f64::from(f32::from_bits(unsigned(rest, 4)? as u32))),
        0xcb => vm.push_number(f64::from_bits(unsigned(rest, 8)?)),
        0xcc => vm.push_number(unsigned(rest, 1)? as f64),
        0xcd => vm.push_number(unsigned(rest, 2)? as f64),
        0xce => vm.push_number(unsigned(rest, 4)? as f64),
        0xcf => vm.push_number(unsigned(rest, 8)? as f64),
        0xd0 => vm.push_number(signed(rest, 1)? as f64),
        0xd1 => vm.push_number(signed(rest, 2)? as f64),
        0xd2 => vm.push_number(signed(rest, 4)? as f64),
        0xd3 => vm.push_number(signed(rest, 8)? as f64),
        0xdc => {
            let count = unsigned(rest, 2)? as usize;
            return unpack_array(vm, rest, count, depth);
        }
        0xdd => {
            let count = unsigned(rest, 4)? as usize;
            return unpack_array(vm, rest, count, depth);
        }
        0xde => {
            let count = unsigned(rest, 2)? as usize;
            return unpack_map(vm, rest, count, depth);
        }
        0xdf => {
            let count = unsigned(rest, 4)? as usize;
            return unpack_map(vm, rest, count, depth);
        }
        _ => return Err(Raise::text(BAD)),
    }
    Ok(())
}

fn unpack_array(vm: &mut Vm<'_>, rest: &mut &[u8], count: usize, depth: u32) -> Result<(), Raise> {
    vm.push_table(count.min(rest.len()), 0);
    let table = vm.top();
    for n in 1..=count {
        unpack_value(vm, rest, depth + 1)?;
        vm.set_index(table, i32::try_from(n).map_err(|_| Raise::text(BAD))?);
    }
    Ok(())
}

fn unpack_map(vm: &mut Vm<'_>, rest: &mut &[u8], count: usize, depth: u32) -> Result<(), Raise> {
    vm.push_table(0, count.min(rest.len() / 2));
    let table = vm.top();
    for _ in 0..count {
        unpack_value(vm, rest, depth + 1)?;
        match vm.kind(table + 1) {
            Kind::Nil => return Err(Raise::text("table index is nil")),
            Kind::Number if vm.number(table + 1).is_some_and(f64::is_nan) => return Err(Raise::text("table index is NaN")),
            _ => {}
        }
        unpack_value(vm, rest, depth + 1)?;
        vm.set(table);
    }
    Ok(())
}
