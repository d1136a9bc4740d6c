//! `struct`: values packed into bytes by a format, and back.
//!
//! ```text
//! > < =  big, little, native (little) endian      !n  align to at most n (a power of two up to 16)
//! b B h H l L T  integers of 1 2 8 8 8 bytes      in In  of n bytes (4 without n, at most 32)
//! x a byte of padding    f d  float, double       s  text with a final NUL    cn  n bytes (c0: as many as the number before says)
//! ```
//!
//! What always holds: nothing is read beyond the data, and no size comes from the format alone that is not checked against it.

use super::super::vm::{Raise, Vm};

const INT_MAX_BYTES: usize = 32;
const ALIGN_MAX: usize = 16;

/// Adds the library.
pub fn open(vm: &mut Vm<'_>) {
    super::library(vm, c"struct", &[(c"pack", pack), (c"unpack", unpack), (c"size", size)]);
    vm.pop(1);
}

/// What an item of a format is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Integer { signed: bool },
    Padding,
    Float,
    Double,
    Text,
    Bytes,
}

/// Reads a format item by item.
struct Format<'a> {
    rest: &'a [u8],
    big: bool,
    align: usize,
    /// Which function reads it, for its errors.
    function: &'static str,
}

impl<'a> Format<'a> {
    fn new(text: &'a [u8], function: &'static str) -> Format<'a> {
        Format { rest: text, big: false, align: 1, function }
    }

    /// The number that follows, if one does.
    fn number(&mut self, absent: usize) -> Result<usize, Raise> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(absent);
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        let value = std::str::from_utf8(number).ok().and_then(|text| text.parse::<usize>().ok());
        value.filter(|value| *value <= i32::MAX as usize).ok_or_else(|| Raise::text("integral size overflow"))
    }

    /// The next item and its size in bytes.
    fn next(&mut self) -> Result<Option<(Item, usize)>, Raise> {
        loop {
            let Some((option, rest)) = self.rest.split_first() else { return Ok(None) };
            self.rest = rest;
            let item = match option {
                b'b' | b'B' => (Item::Integer { signed: *option == b'b' }, 1),
                b'h' | b'H' => (Item::Integer { signed: *option == b'h' }, 2),
                b'l' | b'L' => (Item::Integer { signed: *option == b'l' }, 8),
                b'T' => (Item::Integer { signed: false }, 8),
                b'i' | b'I' => {
                    let bytes = self.number(4)?;
                    if bytes > INT_MAX_BYTES {
                        let text = format!("integral size {bytes} is larger than limit of {INT_MAX_BYTES}");
                        return Err(Raise::text(text));
                    }
                    (Item::Integer { signed: *option == b'i' }, bytes)
                }
                b'x' => (Item::Padding, 1),
                b'f' => (Item::Float, 4),
                b'd' => (Item::Double, 8),
                b's' => (Item::Text, 0),
                b'c' => (Item::Bytes, self.number(1)?),
                b' ' => continue,
                b'>' => {
                    self.big = true;
                    continue;
                }
                b'<' | b'=' => {
                    self.big = false;
                    continue;
                }
                b'!' => {
                    let align = self.number(8)?;
                    if align == 0 || !align.is_power_of_two() || align > ALIGN_MAX {
                        return Err(Raise::text(format!("alignment {align} is not a power of 2")));
                    }
                    self.align = align;
                    continue;
                }
                other => {
                    let shown = format!("invalid format option '{}'", char::from(*other));
                    return Err(Raise::argument(1, self.function, &shown));
                }
            };
            return Ok(Some(item));
        }
    }

    /// Bytes of padding before an item at this position.
    fn padding(&self, item: Item, size: usize, at: usize) -> usize {
        if size == 0 || matches!(item, Item::Bytes | Item::Text | Item::Padding) {
            return 0;
        }
        let align = size.min(self.align);
        match align {
            0 | 1 => 0,
            align if align.is_power_of_two() => (align - (at & (align - 1))) & (align - 1),
            _ => 0,
        }
    }
}

fn pack(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let text = super::text_argument(vm, 1, "pack")?;
    let mut format = Format::new(&text, "pack");
    let mut out = Vec::new();
    let mut argument = 2;
    while let Some((item, size)) = format.next()? {
        out.resize(out.len() + format.padding(item, size, out.len()), 0);
        match item {
            Item::Padding => {
                out.push(0);
                continue;
            }
            Item::Integer { .. } => {
                let n = super::number_argument(vm, argument, "pack")?;
                // The machine's conversion, of either sign.
                let bits = if n < 0.0 { n as i64 as u64 } else { n as u64 };
                let start = out.len();
                out.extend((0..size).map(|at| bits.to_le_bytes().get(at).copied().unwrap_or(0)));
                if format.big {
                    out[start..].reverse();
                }
            }
            Item::Float => {
                let n = super::number_argument(vm, argument, "pack")? as f32;
                out.extend_from_slice(&if format.big { n.to_be_bytes() } else { n.to_le_bytes() });
            }
            Item::Double => {
                let n = super::number_argument(vm, argument, "pack")?;
                out.extend_from_slice(&if format.big { n.to_be_bytes() } else { n.to_le_bytes() });
            }
            Item::Text | Item::Bytes => {
                let bytes = super::text_argument(vm, argument, "pack")?;
                let take = if size == 0 { bytes.len() } else { size };
                if bytes.len() < take {
                    return Err(Raise::argument(argument + 1, "pack", "string too short"));
                }
                out.extend_from_slice(&bytes[..take]);
                if item == Item::Text {
                    out.push(0);
                }
            }
        }
        argument += 1;
    }
    vm.push_bytes(&out);
    Ok(1)
}

fn unpack(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let text = super::text_argument(vm, 1, "unpack")?;
    let data = super::text_argument(vm, 2, "unpack")?;
    let mut at = match vm.top() {
        0..=2 => 0,
        _ => {
            let start = super::number_argument(vm, 3, "unpack")?;
            if start.is_nan() || start < 1.0 {
                return Err(Raise::argument(3, "unpack", "offset must be 1 or greater"));
            }
            start as usize - 1
        }
    };
    vm.cut(0);
    let mut format = Format::new(&text, "unpack");
    const SHORT: &str = "data string too short";
    let short = || Raise::argument(2, "unpack", SHORT);
    while let Some((item, mut size)) = format.next()? {
        at = at.checked_add(format.padding(item, size, at)).ok_or_else(short)?;
        let rest = data.get(at..).ok_or_else(short)?;
        if !vm.has_room(2) {
            return Err(Raise::text("too many results"));
        }
        match item {
            Item::Text => {
                let Some(end) = memchr::memchr(0, rest) else { return Err(Raise::text("unfinished string in data")) };
                vm.push_bytes(&rest[..end]);
                at += end + 1;
                continue;
            }
            Item::Bytes if size == 0 => {
                let top = vm.top();
                let Some(count) = vm.number(top) else { return Err(Raise::text("format 'c0' needs a previous size")) };
                if !(0.0..=data.len() as f64).contains(&count) {
                    return Err(short());
                }
                size = count as usize;
                vm.pop(1);
            }
            _ => {}
        }
        let bytes = rest.get(..size).ok_or_else(short)?;
        match item {
            Item::Integer { signed } => {
                let mut word: Vec<u8> = bytes.to_vec();
                if format.big {
                    word.reverse();
                }
                vm.push_number(integer(&word, signed));
            }
            Item::Float => {
                let mut word = [0; 4];
                word.copy_from_slice(bytes);
                vm.push_number(f64::from(if format.big { f32::from_be_bytes(word) } else { f32::from_le_bytes(word) }));
            }
            Item::Double => {
                let mut word = [0; 8];
                word.copy_from_slice(bytes);
                vm.push_number(if format.big { f64::from_be_bytes(word) } else { f64::from_le_bytes(word) });
            }
            Item::Bytes => vm.push_bytes(bytes),
            Item::Padding | Item::Text => {}
        }
        at += size;
    }
    vm.push_number(at as f64 + 1.0);
    Ok(vm.top())
}

/// The number that little-endian bytes are; of more than eight the lowest count.
fn integer(bytes: &[u8], signed: bool) -> f64 {
    let mut word = [0; 8];
    let used = bytes.len().min(8);
    word[..used].copy_from_slice(&bytes[..used]);
    let n = u64::from_le_bytes(word);
    if !signed {
        return n as f64;
    }
    let spare = 64 - 8 * used as u32;
    let n = if used == 0 { 0 } else { ((n << spare) as i64) >> spare };
    n as f64
}

fn size(vm: &mut Vm<'_>) -> Result<i32, Raise> {
    let text = super::text_argument(vm, 1, "size")?;
    let mut format = Format::new(&text, "size");
    let mut at = 0usize;
    while let Some((item, size)) = format.next()? {
        at += format.padding(item, size, at);
        match item {
            Item::Text => return Err(Raise::argument(1, "size", "option 's' has no fixed size")),
            Item::Bytes if size == 0 => return Err(Raise::argument(1, "size", "option 'c0' has no fixed size")),
            _ => {}
        }
        at = at.checked_add(size).filter(|at| *at <= i32::MAX as usize).ok_or_else(|| Raise::text("format too large"))?;
    }
    vm.push_number(at as f64);
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_width() {
        assert_eq!(integer(&[0xff], true), -1.0);
        assert_eq!(integer(&[0xff], false), 255.0);
        assert_eq!(integer(&[1, 0, 0, 0, 0, 0, 0, 0x80], true), -9_223_372_036_854_775_807.0);
        assert_eq!(integer(&[], true), 0.0);
        assert_eq!(integer(&[1; 32], false), 72_340_172_838_076_673.0);
    }

    #[test]
    fn formats_are_checked() {
        let sizes = |text: &[u8]| {
            let mut format = Format::new(text, "pack");
            let mut sizes = Vec::new();
            while let Ok(Some((_, size))) = format.next() {
                sizes.push(size);
            }
            sizes
        };
        assert_eq!(sizes(b"bhliI2c10>d"), [1, 2, 8, 4, 2, 10, 8]);
        for bad in [&b"i33"[..], b"!3i", b"c99999999999999999999", b"q"] {
            assert!(Format::new(bad, "pack").next().is_err());
        }
    }
}
