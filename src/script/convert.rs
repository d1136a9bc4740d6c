//! Replies to Lua values and back.
//!
//! ```text
//! RESP -> Lua    :1 number   $ string   +s {ok=s}   -e {err=e}   * table   $-1, *-1 false
//!     RESP3      _ nil   #t boolean   ,1.5 {double=1.5}   %n {map={}}   ~n {set={k=true}}
//!                ( {big_number=s}   = {verbatim_string={format=,string=}}   | left out
//! Lua -> RESP    number cut to :n   string $   true :1 (RESP3 script: #t)   false null   nil null
//!                a table is what its first of err, ok, double, map, set, big_number, verbatim_string says,
//!                else an array up to its first nil
//! ```

use super::number;
use super::vm::{Kind, Vm};
use crate::resp::Reply;

/// Replies nested deeper than this are no replies of ours.
const READ_DEPTH_MAX: u32 = 128;
/// Tables nested deeper than this (or in themselves) are answered with an error at that place.
const WRITE_DEPTH_MAX: u32 = 2000;

/// Pushes the value that a reply says; returns how many bytes it took, or None where it is none.
pub fn push_reply(vm: &mut Vm<'_>, reply: &[u8]) -> Option<usize> {
    push_value(vm, reply, 0, 0)
}

/// The line at `at`, and where the next begins.
fn line(reply: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = reply.get(at..)?;
    let end = memchr::memchr(b'\r', rest)?;
    Some((&rest[..end], at + end + 2))
}

fn integer(text: &[u8]) -> Option<i64> {
    crate::util::number::parse_i64(text)
}

fn push_value(vm: &mut Vm<'_>, reply: &[u8], at: usize, depth: u32) -> Option<usize> {
    if depth > READ_DEPTH_MAX {
        return None;
    }
    let mark = *reply.get(at)?;
    let (text, next) = line(reply, at + 1)?;
    match mark {
        b':' => vm.push_number(integer(text)? as f64),
        b'$' => {
            let Ok(len) = usize::try_from(integer(text)?) else {
                vm.push_bool(false);
                return Some(next);
            };
            vm.push_bytes(reply.get(next..next.checked_add(len)?)?);
            return Some(next + len + 2);
        }
        b'+' => push_named(vm, c"ok", text),
        b'-' => push_named(vm, c"err", text),
        b'_' => vm.push_nil(),
        b'#' => vm.push_bool(text == b"t"),
        b',' => {
            vm.push_table(0, 1);
            let n = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())?;
            vm.push_number(n);
            let table = vm.top() - 1;
            vm.set_field(table, c"double");
        }
        b'(' => push_named(vm, c"big_number", text),
        b'=' => {
            let len = usize::try_from(integer(text)?).ok()?;
            let body = reply.get(next..next.checked_add(len)?)?;
            let (format, text) = (body.get(..3)?, body.get(4..)?);
            vm.push_table(0, 1);
            vm.push_table(0, 2);
            let inner = vm.top();
            vm.push_bytes(text);
            vm.set_field(inner, c"string");
            vm.push_bytes(format);
            vm.set_field(inner, c"format");
            vm.set_field(inner - 1, c"verbatim_string");
            return Some(next + len + 2);
        }
        b'*' | b'>' => {
            let Ok(count) = usize::try_from(integer(text)?) else {
                vm.push_bool(false);
                return Some(next);
            };
            vm.push_table(count.min(reply.len()), 0);
            let table = vm.top();
            let mut at = next;
            for n in 1..=count {
                at = push_value(vm, reply, at, depth + 1)?;
                vm.set_index(table, i32::try_from(n).ok()?);
            }
            return Some(at);
        }
        b'%' | b'~' => {
            let count = usize::try_from(integer(text)?).ok()?;
            vm.push_table(0, 1);
            vm.push_table(0, count.min(reply.len()));
            let inner = vm.top();
            let mut at = next;
            for _ in 0..count {
                at = push_value(vm, reply, at, depth + 1)?;
                if mark == b'%' {
                    at = push_value(vm, reply, at, depth + 1)?;
                } else {
                    vm.push_bool(true);
                }
                vm.set(inner);
            }
            vm.set_field(inner - 1, if mark == b'%' { c"map" } else { c"set" });
            return Some(at);
        }
        b'|' => {
            let count = usize::try_from(integer(text)?).ok()?;
            let mut at = next;
            for _ in 0..count.checked_mul(2)? {
                at = push_value(vm, reply, at, depth + 1)?;
                vm.pop(1);
            }
            return push_value(vm, reply, at, depth + 1);
        }
        _ => return None,
    }
    Some(next)
}

fn push_named(vm: &mut Vm<'_>, name: &std::ffi::CStr, text: &[u8]) {
    vm.push_table(0, 1);
    vm.push_bytes(text);
    let table = vm.top() - 1;
    vm.set_field(table, name);
}

/// What was written of errors.
#[derive(Default)]
pub struct Written {
    /// An error is in the reply.
    pub failed: bool,
    /// Codes of errors that nobody has counted yet.
    pub codes: Vec<Vec<u8>>,
}

/// Writes the value on top of the stack as a reply, and drops it. `resp3`: the script has asked for RESP3's values.
pub fn write_top(vm: &mut Vm<'_>, reply: &mut Reply, resp3: bool, written: &mut Written) {
    write_value(vm, reply, resp3, written, 0);
}

fn write_value(vm: &mut Vm<'_>, reply: &mut Reply, resp3: bool, written: &mut Written, depth: u32) {
    let top = vm.top();
    match vm.kind(top) {
        Kind::String => reply.bulk(vm.bytes(top).unwrap_or_default()),
        Kind::Number => reply.int(number::reply(vm.number(top).unwrap_or_default())),
        Kind::Boolean if resp3 => reply.bool(vm.truth(top)),
        Kind::Boolean if vm.truth(top) => reply.int(1),
        Kind::Table if depth >= WRITE_DEPTH_MAX => reply.error(b"ERR reached lua stack limit"),
        Kind::Table => write_table(vm, reply, resp3, written, depth),
        _ => reply.null(),
    }
    vm.cut(top - 1);
}

/// Text with line breaks made blanks.
fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

fn write_table(vm: &mut Vm<'_>, reply: &mut Reply, resp3: bool, written: &mut Written, depth: u32) {
    let table = vm.top();
    if vm.push_field(table, c"err") == Kind::String {
        let text = vm.bytes(table + 1).unwrap_or_default();
        reply.error(text);
        written.failed = true;
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default().to_vec();
        if vm.push_field(table, c"ignore_error_stats_update") != Kind::Boolean {
            written.codes.push(code);
        }
        return;
    }
    vm.cut(table);
    if vm.push_field(table, c"ok") == Kind::String {
        let text = one_line(vm.bytes(table + 1).unwrap_or_default());
        reply.buf.push(b'+');
        reply.buf.extend_from_slice(&text);
        reply.buf.extend_from_slice(b"\r\n");
        return;
    }
    vm.cut(table);
    if vm.push_field(table, c"double") == Kind::Number {
        return reply.double(vm.number(table + 1).unwrap_or_default());
    }
    vm.cut(table);
    if vm.push_field(table, c"map") == Kind::Table {
        let at = reply.defer();
        let pairs = each(vm, table + 1, |vm| {
            // The key is written first, and stays for the walk.
            let key = vm.top() - 1;
            vm.push_copy(key);
            write_value(vm, reply, resp3, written, depth + 1);
            write_value(vm, reply, resp3, written, depth + 1);
        });
        return reply.finish_map(at, pairs);
    }
    vm.cut(table);
    if vm.push_field(table, c"set") == Kind::Table {
        let at = reply.defer();
        let members = each(vm, table + 1, |vm| {
            vm.pop(1);
            write_value(vm, reply, resp3, written, depth + 1);
        });
        return reply.finish_set(at, members);
    }
    vm.cut(table);
    if vm.push_field(table, c"big_number") == Kind::String {
        let digits = one_line(vm.bytes(table + 1).unwrap_or_default());
        if reply.resp3 {
            reply.buf.push(b'(');
            reply.buf.extend_from_slice(&digits);
            reply.buf.extend_from_slice(b"\r\n");
        } else {
            reply.bulk(&digits);
        }
        return;
    }
    vm.cut(table);
    if vm.push_field(table, c"verbatim_string") == Kind::Table
        && vm.push_field(table + 1, c"format") == Kind::String
        && vm.push_field(table + 1, c"string") == Kind::String
    {
        let format: String = vm.bytes(table + 2).unwrap_or_default().iter().take(3).map(|byte| char::from(byte & 0x7f)).collect();
        let text = vm.bytes(table + 3).unwrap_or_default();
        return match format.len() {
            3 if !format.contains(['\r', '\n']) => reply.verbatim(text, &format),
            _ => reply.verbatim(text, "txt"),
        };
    }
    vm.cut(table);
    let mut count = 0;
    while vm.push_index(table, count + 1) != Kind::Nil {
        vm.pop(1);
        count += 1;
    }
    vm.pop(1);
    reply.array(count as usize);
    for n in 1..=count {
        vm.push_index(table, n);
        write_value(vm, reply, resp3, written, depth + 1);
    }
}

/// Calls `body` with each key and value of a table on top; returns how many there were.
fn each(vm: &mut Vm<'_>, table: i32, mut body: impl FnMut(&mut Vm<'_>)) -> usize {
    let (mut at, mut count) = (0, 0);
    let base = vm.top();
    while let Some(next) = vm.next(table, at) {
        at = next;
        count += 1;
        body(vm);
        vm.cut(base);
    }
    count
}
