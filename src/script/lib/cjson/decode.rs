//! From JSON to values: a tokenizer, and a descent that knows how deep it is.

use super::super::text_argument;
use super::{DEPTH_MAX, Settings, push_array_metatable, settings};
use crate::script::vm::{Raise, Vm};

pub(super) fn decode(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    if vm.top() != 1 {
        return Err(Raise::argument(1, "decode", "expected 1 argument"));
    }
    let text = text_argument(vm, 1, "decode")?;
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
