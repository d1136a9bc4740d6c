//! `cjson`: values as JSON and back, in the words and with the limits of lua-cjson 2.1.
//!
//! ```text
//! table with keys 1..n      array (holes are null; refused where they outnumber what is there, `encode_sparse_array`)
//! any other table           object; empty ones too, unless they were decoded from an array with `decode_array_with_array_mt`
//! null                      cjson.null
//! ```
//!
//! Settings are the running script's own: the next one begins with the defaults. Depth is bounded whatever a script asks for.

use std::ffi::CStr;

use super::super::lend;
use super::super::number;
use super::super::vm::{Kind, Native, Raise, Vm};

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
    (c"encode", encode),
    (c"decode", decode),
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

fn encode(vm: &mut Vm<'_>) -> Result<i32, Raise> {
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

fn decode(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 {
        return Err(Raise::argument(1, "decode", "expected 1 argument"));
    }
    let text = super::text_argument(vm, 1, "decode")?;
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Raise::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser { text: &text, at: 0, json: settings(), scratch: Vec::new() };
    let token = parser.token()?;
    parser.value(vm, token, 0)?;
    let token = parser.token()?;
    if token.kind != Token::End {
        return Err(parser.unexpected("the end", &token));
    }
    Ok(1)
}

/// What the text has next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// Its text is in the parser's scratch.
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

/// A token, and where it begins (or its error lies), counted from 0.
struct Found {
    kind: Token,
    at: usize,
}

impl Token {
    /// The name in error messages.
    fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(what) => what,
        }
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    json: Settings,
    scratch: Vec<u8>,
}

impl Parser<'_> {
    fn unexpected(&self, wanted: &str, found: &Found) -> Raise {
        Raise::text(format!("Expected {wanted} but found {} at character {}", found.kind.name(), found.at + 1))
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn token(&mut self) -> Result<Found, Raise> {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let at = self.at;
        let one = match self.peek() {
            b'{' => Some(Token::ObjectBegin),
            b'}' => Some(Token::ObjectEnd),
            b'[' => Some(Token::ArrayBegin),
            b']' => Some(Token::ArrayEnd),
            b':' => Some(Token::Colon),
            b',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(kind) = one {
            self.at += 1;
            return Ok(Found { kind, at });
        }
        let kind = match self.peek() {
            // A NUL ends the text as the end does.
            0 => Token::End,
            b'"' => return Ok(self.string()),
            b'-' | b'0'..=b'9' if !self.json.decode_invalid && self.is_invalid_number() => Token::Error("invalid number"),
            b'-' | b'+' | b'0'..=b'9' => self.number(),
            b'i' | b'I' | b'n' | b'N' if self.json.decode_invalid && self.is_word_number() => self.number(),
            b't' if self.word(b"true") => Token::Boolean(true),
            b'f' if self.word(b"false") => Token::Boolean(false),
            b'n' if self.word(b"null") => Token::Null,
            _ => Token::Error("invalid token"),
        };
        Ok(Found { kind, at })
    }

    fn word(&mut self, word: &[u8]) -> bool {
        let there = self.text[self.at..].starts_with(word);
        if there {
            self.at += word.len();
        }
        there
    }

    /// Whether `inf`, `infinity` or `nan` is here, in any case.
    fn is_word_number(&self) -> bool {
        let rest = &self.text[self.at..];
        [&b"inf"[..], b"nan"].iter().any(|word| rest.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(word)))
    }

    /// Whether what begins a number here is none that JSON knows: hexadecimal, a leading zero, a word behind a sign.
    fn is_invalid_number(&self) -> bool {
        let rest = &self.text[self.at..];
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        match rest {
            [b'0', second, ..] => matches!(second, b'x' | b'X' | b'0'..=b'9'),
            [first, ..] => !first.is_ascii_digit(),
            [] => true,
        }
    }

    /// A number as the C library's `strtod` takes it from here.
    fn number(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let signs = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
        let negative = rest.first() == Some(&b'-');
        let body = &rest[signs..];
        let sign = if negative { -1.0 } else { 1.0 };
        for (word, value) in [(&b"infinity"[..], f64::INFINITY), (b"inf", f64::INFINITY), (b"nan", f64::NAN)] {
            if body.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)) {
                self.at += signs + word.len();
                return Token::Number(value * sign);
            }
        }
        if let [b'0', b'x' | b'X', digits @ ..] = body {
            let len = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if len > 0 {
                self.at += signs + 2 + len;
                let value =
                    digits[..len].iter().fold(0.0, |n, byte| n * 16.0 + f64::from(char::from(*byte).to_digit(16).unwrap_or(0)));
                return Token::Number(value * sign);
            }
        }
        let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = digits(body);
        let mut len = whole;
        let mut fraction = 0;
        if body.get(len) == Some(&b'.') {
            fraction = digits(&body[len + 1..]);
            len += 1 + fraction;
        }
        if whole + fraction == 0 {
            return Token::Error("invalid number");
        }
        if matches!(body.get(len), Some(b'e' | b'E')) {
            let behind = &body[len + 1..];
            let signed = usize::from(matches!(behind.first(), Some(b'-' | b'+')));
            let exponent = digits(&behind[signed..]);
            if exponent > 0 {
                len += 1 + signed + exponent;
            }
        }
        self.at += signs + len;
        let text = std::str::from_utf8(&body[..len]).unwrap_or_default();
        Token::Number(sign * text.parse::<f64>().unwrap_or_default())
    }

    /// A string, its text to `scratch`.
    fn string(&mut self) -> Found {
        let begin = self.at;
        self.at += 1;
        self.scratch.clear();
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0)) else {
                return Found { kind: Token::Error("unexpected end of string"), at: self.text.len() };
            };
            self.scratch.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.text[self.at] {
                b'"' => {
                    self.at += 1;
                    return Found { kind: Token::String, at: begin };
                }
                0 => {
                    // Only a real end is one.
                    if self.at >= self.text.len() {
                        return Found { kind: Token::Error("unexpected end of string"), at: self.at };
                    }
                    self.scratch.push(0);
                    self.at += 1;
                }
                _ => {
                    if let Err(found) = self.escape() {
                        return found;
                    }
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), Found> {
        let at = self.at;
        let plain = match self.text.get(at + 1) {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let invalid = Found { kind: Token::Error("invalid unicode escape code"), at };
                let Some(code) = self.unit(at) else { return Err(invalid) };
                self.at += 6;
                let code = match code {
                    0xd800..=0xdbff => match self.unit(self.at) {
                        Some(low @ 0xdc00..=0xdfff) => {
                            self.at += 6;
                            0x1_0000 + ((code & 0x3ff) << 10) + (low & 0x3ff)
                        }
                        _ => return Err(invalid),
                    },
                    code => code,
                };
                let Some(character) = char::from_u32(code) else { return Err(invalid) };
                self.scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Found { kind: Token::Error("invalid escape code"), at }),
        };
        self.scratch.push(plain);
        self.at += 2;
        Ok(())
    }

    /// The number of a `\uXXXX` at this place.
    fn unit(&self, at: usize) -> Option<u32> {
        let escape = self.text.get(at..at + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }

    fn deeper(&self, vm: &mut Vm<'_>, depth: u32) -> Result<(), Raise> {
        if depth > self.json.decode_depth.min(DEPTH_MAX) || !vm.has_room(8) {
            return Err(Raise::text(format!("Found too many nested data structures ({depth}) at character {}", self.at)));
        }
        Ok(())
    }

    fn value(&mut self, vm: &mut Vm<'_>, token: Found, depth: u32) -> Result<(), Raise> {
        match token.kind {
            Token::String => vm.push_bytes(&self.scratch),
            Token::Number(n) => vm.push_number(n),
            Token::Boolean(yes) => vm.push_bool(yes),
            Token::Null => vm.push_null(),
            Token::ObjectBegin => return self.object(vm, depth + 1),
            Token::ArrayBegin => return self.array(vm, depth + 1),
            _ => return Err(self.unexpected("value", &token)),
        }
        Ok(())
    }

    fn object(&mut self, vm: &mut Vm<'_>, depth: u32) -> Result<(), Raise> {
        self.deeper(vm, depth)?;
        vm.push_table(0, 0);
        let table = vm.top();
        let mut token = self.token()?;
        if token.kind == Token::ObjectEnd {
            return Ok(());
        }
        loop {
            if token.kind != Token::String {
                return Err(self.unexpected("object key string", &token));
            }
            vm.push_bytes(&self.scratch);
            token = self.token()?;
            if token.kind != Token::Colon {
                return Err(self.unexpected("colon", &token));
            }
            token = self.token()?;
            self.value(vm, token, depth)?;
            vm.set(table);
            token = self.token()?;
            match token.kind {
                Token::ObjectEnd => return Ok(()),
                Token::Comma => token = self.token()?,
                _ => return Err(self.unexpected("comma or object end", &token)),
            }
        }
    }

    fn array(&mut self, vm: &mut Vm<'_>, depth: u32) -> Result<(), Raise> {
        self.deeper(vm, depth)?;
        vm.push_table(0, 0);
        let table = vm.top();
        if self.json.array_metatable {
            push_array_metatable(vm);
            vm.set_metatable(table);
        }
        let mut token = self.token()?;
        if token.kind == Token::ArrayEnd {
            return Ok(());
        }
        for n in 1.. {
            self.value(vm, token, depth)?;
            vm.set_index(table, n);
            token = self.token()?;
            match token.kind {
                Token::ArrayEnd => break,
                Token::Comma => token = self.token()?,
                _ => return Err(self.unexpected("comma or array end", &token)),
            }
        }
        Ok(())
    }
}
