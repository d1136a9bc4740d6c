//! Decimal integers as they travel in commands, replies and files.
//!
//! Parsing is strict because an integer's text decides its encoding: a value is stored as a number only
//! when printing that number gives back the very same bytes. So what always holds is
//! `parse_i64(s) == Some(n)` exactly when `write_i64(n) == s`; likewise for `u64`.

/// The longest text of an `i64`: a sign and nineteen digits.
pub const I64_TEXT_MAX_LEN: usize = 20;

/// Eighteen digits always fit an `i64`, so that many can be summed without a check.
const UNCHECKED_DIGITS: usize = 18;

/// Parses the canonical decimal text of an `i64`: no space, no `+`, no leading zero, no `-0`, nothing after it.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if digits.len() <= UNCHECKED_DIGITS {
        let magnitude = short_digits(digits)? as i64;
        if !negative {
            return Some(magnitude);
        }
        return if magnitude == 0 { None } else { Some(-magnitude) };
    }
    let magnitude = parse_u64(digits)?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Parses the canonical decimal text of a `u64`: digits only, no leading zero.
#[inline]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.len() <= UNCHECKED_DIGITS {
        return short_digits(text);
    }
    if text.len() > I64_TEXT_MAX_LEN || text[0] == b'0' {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        let digit = digit(byte)?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

/// At most [`UNCHECKED_DIGITS`] digits without a leading zero.
#[inline]
fn short_digits(text: &[u8]) -> Option<u64> {
    let (&first, rest) = text.split_first()?;
    let mut value = digit(first)?;
    if value == 0 && !rest.is_empty() {
        return None;
    }
    for &byte in rest {
        value = value * 10 + digit(byte)?;
    }
    Some(value)
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    let value = byte.wrapping_sub(b'0');
    if value <= 9 { Some(u64::from(value)) } else { None }
}

/// Whether `text` is what [`write_i64`] prints for some `i64`.
#[inline]
pub fn is_canonical_i64(text: &[u8]) -> bool {
    parse_i64(text).is_some()
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Bytes of the decimal text of `value`, sign included.
#[inline]
pub fn i64_len(value: i64) -> usize {
    usize::from(value < 0) + u64_len(value.unsigned_abs())
}

/// Decimal digits of `value`.
#[inline]
pub fn u64_len(value: u64) -> usize {
    value.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        write_i64(&mut out, value);
        out
    }

    #[test]
    #[rustfmt::skip]
    fn refuses_everything_that_is_not_canonical() {
        for bad in [
            "", "-", "+", "+1", "01", "00", "-0", "-00", "-01", " 1", "1 ", "1\0", "1a", "a", "--1", "1-",
            "0x1", "1e3", "9223372036854775808", "-9223372036854775809", "99999999999999999999",
            "111111111111111111111", "-99999999999999999999", "18446744073709551616", "1.0",
        ] {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn covers_the_whole_range() {
        for value in [0, 1, -1, 9, 10, -10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 10i64.pow(18) - 1, 10i64.pow(18)] {
            assert_eq!(parse_i64(&text(value)), Some(value));
            assert_eq!(i64_len(value), text(value).len());
        }
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"0"), Some(0));
        assert_eq!(parse_u64(b"00"), None);
        assert_eq!(parse_u64(b"-1"), None);
        assert_eq!(parse_u64(b"01844674407370955161"), None);
        assert_eq!(u64_len(u64::MAX), 20);
        assert_eq!(u64_len(0), 1);
    }

    proptest! {
        #[test]
        fn a_number_comes_back(value: i64) {
            prop_assert_eq!(parse_i64(&text(value)), Some(value));
            prop_assert_eq!(i64_len(value), text(value).len());
            prop_assert!(is_canonical_i64(&text(value)));
        }

        #[test]
        fn what_parses_prints_as_it_was(bytes in "[-+ 0-9a]{0,22}") {
            let bytes = bytes.as_bytes();
            match parse_i64(bytes) {
                Some(value) => prop_assert_eq!(text(value), bytes),
                None => {
                    let other = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<i64>().ok());
                    prop_assert!(other.is_none_or(|value| text(value) != bytes));
                }
            }
        }
    }
}
