//! Doubles as text, both ways: scores, RESP3 doubles, timeouts, INFO ratios.
//!
//! Reading accepts what C's `strtod` does in the C locale (decimal, hexadecimal, infinities, both signs),
//! except that nothing may surround the number. Writing has three layouts:
//!
//! ```text
//! write_f64       1  -0  1.5  123456789012345680  1.5e-7  1e+20  inf  nan     replies and scores (Grisu2 digits)
//! write_general   0.10000000000000001  1.0000000000000000e+25 without zeros   C's %.<precision>g
//! write_fixed     3.14                                                        C's %.<decimals>f
//! ```
//!
//! What always holds: `parse_f64(write_f64(x))` is `x` for every double but NaN.

use super::{grisu, number};
use std::io::Write;

/// Parses a double that is the whole of `text`, as scores and float arguments are read.
///
/// `None`: not a number in full, NaN, or out of range (`1e400`, and also `1e-400`: a nonzero text must
/// not become zero). `inf` and `infinity` in any case, with a sign or not, are numbers.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    if let Some(value) = short_integer(text) {
        return Some(value);
    }
    let (negative, body) = split_sign(text);
    if let [b'0', b'x' | b'X', hex @ ..] = body {
        let value = HexFloat::parse(hex)?.to_f64()?;
        return Some(if negative { -value } else { value });
    }
    let value = decimal(text)?;
    if value.is_infinite() && !body[0].is_ascii_alphabetic() {
        return None;
    }
    if value == 0.0 && has_nonzero_digit(body) {
        return None;
    }
    Some(value)
}

/// Parses the bound of a score range, the `(` already taken off.
///
/// More lenient and poorer than [`parse_f64`]: empty is zero, a NUL ends the text, too big becomes infinite and too small
/// zero, but there is no hexadecimal form. `None` for anything else and for NaN.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    match &text[..memchr::memchr(0, text).unwrap_or(text.len())] {
        [] => Some(0.0),
        text => decimal(text),
    }
}

/// The decimal forms and infinity; never NaN.
fn decimal(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_nan() { None } else { Some(value) }
}

/// The most frequent case: an integer that a double holds exactly.
#[inline]
fn short_integer(text: &[u8]) -> Option<f64> {
    const EXACT_DIGITS: usize = 15;
    if text.len() > EXACT_DIGITS {
        return None;
    }
    number::parse_i64(text).map(|value| value as f64)
}

pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// Whether the digits in front of the exponent have any that is not zero.
fn has_nonzero_digit(body: &[u8]) -> bool {
    body.iter().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e')).any(|byte| matches!(byte, b'1'..=b'9'))
}

/// `mantissa * 2^exponent`, plus something below the last bit of the mantissa when `sticky`.
#[derive(Clone, Copy, Debug)]
pub(super) struct HexFloat {
    pub mantissa: u128,
    pub exponent: i64,
    pub sticky: bool,
}

impl HexFloat {
    /// Parses what follows `0x`: hexadecimal digits with at most one point, then optionally `p` and a signed decimal exponent.
    pub(super) fn parse(text: &[u8]) -> Option<HexFloat> {
        // Far beyond every exponent that matters, and far from overflow.
        const EXPONENT_CAP: i64 = 1 << 40;
        let mut float = HexFloat { mantissa: 0, exponent: 0, sticky: false };
        let (mut any, mut point) = (false, false);
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            if byte == b'.' && !point {
                point = true;
            } else if let Some(digit) = char::from(byte).to_digit(16) {
                any = true;
                if float.mantissa >> 120 == 0 {
                    float.mantissa = float.mantissa << 4 | u128::from(digit);
                    float.exponent -= if point { 4 } else { 0 };
                } else {
                    float.sticky |= digit != 0;
                    float.exponent += if point { 0 } else { 4 };
                }
            } else {
                break;
            }
            at += 1;
        }
        if !any {
            return None;
        }
        if let [b'p' | b'P', rest @ ..] = &text[at..] {
            let (negative, digits) = split_sign(rest);
            if digits.is_empty() {
                return None;
            }
            let mut exponent = 0i64;
            for &byte in digits {
                if !byte.is_ascii_digit() {
                    return None;
                }
                exponent = (exponent * 10 + i64::from(byte - b'0')).min(EXPONENT_CAP);
            }
            float.exponent += if negative { -exponent } else { exponent };
        } else if at < text.len() {
            return None;
        }
        Some(float)
    }

    /// Rounds to the nearest double; `None` when that is infinite, or zero for a nonzero number.
    fn to_f64(self) -> Option<f64> {
        if self.mantissa == 0 {
            return Some(0.0);
        }
        let smallest = i64::from(f64::MIN_EXP) - i64::from(f64::MANTISSA_DIGITS);
        let (mantissa, exponent) = round(self.mantissa, self.exponent, self.sticky, f64::MANTISSA_DIGITS, smallest)?;
        if exponent + i64::from(64 - mantissa.leading_zeros()) > i64::from(f64::MAX_EXP) {
            return None;
        }
        // Two exact steps, since 2^-1074 is in range but 2^1074 is not.
        let half = exponent / 2;
        let value = mantissa as f64 * 2f64.powi(half as i32) * 2f64.powi((exponent - half) as i32);
        (value != 0.0).then_some(value)
    }
}

/// Rounds `mantissa * 2^exponent` (and a bit more when `sticky`) to at most `bits` bits (64 at most) and an
/// exponent of at least `smallest`, to the nearest, ties to even. `mantissa` is not zero. The result may be
/// zero; `None` when the exponent is beyond any use.
pub(super) fn round(mantissa: u128, exponent: i64, sticky: bool, bits: u32, smallest: i64) -> Option<(u64, i64)> {
    let width = 128 - mantissa.leading_zeros();
    let drop = i64::from(width.saturating_sub(bits)).max(smallest.checked_sub(exponent)?);
    if drop <= 0 {
        return Some((mantissa as u64, exponent));
    }
    if drop > 128 {
        return Some((0, smallest));
    }
    let exponent = exponent.checked_add(drop)?;
    let drop = drop as u32;
    let kept = mantissa.checked_shr(drop).unwrap_or(0);
    let lost = if drop == 128 { mantissa } else { mantissa & ((1 << drop) - 1) };
    let half = 1u128 << (drop - 1);
    let up = lost > half || (lost == half && (sticky || kept & 1 == 1));
    let kept = kept + u128::from(up);
    if kept >> bits != 0 { Some(((kept >> 1) as u64, exponent + 1)) } else { Some((kept as u64, exponent)) }
}

/// Integers up to this magnitude are written in full, whatever their digits as a double would be.
const INTEGER_MAX: f64 = (1u64 << 62) as f64;

/// Appends a double as replies and scores show it.
///
/// Integers up to 2^62 in full. Else the [`grisu`] digits: zeros up to six behind them, a decimal point inside
/// or up to six places in front of them (more when the number is at least 0.001), else with an exponent.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value.abs() <= INTEGER_MAX && value as i64 as f64 == value {
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        number::write_i64(out, value as i64);
        return;
    }
    if value.is_nan() {
        // Without a sign, unlike C: machines disagree about the sign of 0/0.
        out.extend_from_slice(b"nan");
        return;
    }
    if write_special(out, value) {
        return;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    let decimal = grisu::decimal(value.abs());
    let digits = decimal.digits();
    let (count, exponent) = (digits.len() as i32, decimal.exponent);
    let leading = exponent + count - 1;
    if exponent >= 0 && leading < count + 7 {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', exponent as usize));
    } else if exponent < 0 && (exponent > -7 || leading.abs() < 4) {
        if leading < 0 {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-leading - 1) as usize));
            out.extend_from_slice(digits);
        } else {
            let (whole, fraction) = digits.split_at(leading as usize + 1);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if leading < 0 { b"e-" } else { b"e+" });
        number::write_u64(out, u64::from(leading.unsigned_abs()));
    }
}

/// Appends `inf`, `-inf`, `nan` or `-nan`; false when `value` is a plain number.
fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    if value.is_finite() {
        return false;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    out.extend_from_slice(if value.is_nan() { b"nan" } else { b"inf" });
    true
}

/// Appends `value` as C's `%.<decimals>f` does: exact, ties to even.
pub fn write_fixed(out: &mut Vec<u8>, value: f64, decimals: usize) {
    if !write_special(out, value) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{value:.decimals$}");
    }
}

/// Appends `value` as C's `%.<precision>g` does; a precision of 17 always reads back as the same double.
pub fn write_general(out: &mut Vec<u8>, value: f64, precision: usize) {
    if write_special(out, value) {
        return;
    }
    let precision = precision.max(1);
    let scientific = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..precision as i32).contains(&exponent) {
        let decimals = (precision as i32 - 1 - exponent) as usize;
        let start = out.len();
        let _ = write!(out, "{value:.decimals$}");
        if decimals > 0 {
            trim_fraction(out, start);
        }
    } else {
        let start = out.len();
        out.extend_from_slice(mantissa.as_bytes());
        if precision > 1 {
            trim_fraction(out, start);
        }
        let _ = write!(out, "e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
}

/// Drops the zeros at the end of a fraction, and its point when nothing is left; `out[start..]` has a point.
pub(super) fn trim_fraction(out: &mut Vec<u8>, start: usize) {
    while out.len() > start && out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn general(value: f64, precision: usize) -> String {
        let mut out = Vec::new();
        write_general(&mut out, value, precision);
        String::from_utf8(out).unwrap()
    }

    fn fixed(value: f64, decimals: usize) -> String {
        let mut out = Vec::new();
        write_fixed(&mut out, value, decimals);
        String::from_utf8(out).unwrap()
    }

    /// What ZADD of a genuine 8.0.6 takes.
    #[test]
    #[rustfmt::skip]
    fn reads_what_strtod_reads() {
        for (text, value) in [
            ("0", 0.0), ("1", 1.0), ("-1", -1.0), ("+1", 1.0), ("00012", 12.0), (".5", 0.5), ("5.", 5.0),
            ("1e5", 1e5), ("1E+5", 1e5), ("1e-5", 1e-5), ("0e99999999999999999999", 0.0),
            ("inf", f64::INFINITY), ("+inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY),
            ("INF", f64::INFINITY), ("+Infinity", f64::INFINITY), ("-INFINITY", f64::NEG_INFINITY),
            ("1.7976931348623157e308", f64::MAX), ("4.9e-324", 5e-324), ("3e-324", 5e-324), ("1e-310", 1e-310),
            ("0x10", 16.0), ("0X1P3", 8.0), ("0x1.8p1", 3.0), ("0x.8", 0.5), ("0x1e5", 485.0), ("-0x0", -0.0),
            ("0x0p99999999999999", 0.0), ("0x1p1023", 8.98846567431158e307), ("0x1p-1074", 5e-324),
            ("0x1.8p-1075", 5e-324), ("0x0.0000000000001", f64::EPSILON), ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.fffffffffffff7p0", 1.9999999999999998), ("0x1.00000000000008p0", 1.0),
            ("0x1.00000000000008000001p0", 1.0000000000000002), ("0x1.00000000000018p0", 1.0000000000000004),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text:?}");
        }
        assert_eq!(
            parse_f64(format!("1.{}", "0".repeat(5000)).as_bytes()),
            Some(1.0)
        );
        assert_eq!(
            parse_f64("1".repeat(309).as_bytes()),
            Some(1.1111111111111112e308)
        );
        assert!(parse_f64(b"-0").is_some_and(|zero| zero == 0.0));
        for text in [
            "", " 1", "1 ", "\t1", "\n1", "1\0", "\x001", "infinit", "infx", "nan", "NaN", "-nan", "nan(1)",
            "nan()", "0x", "0xg", "0x1p", "0x1p+", "0x1p1x", "0x.", "0x1.2.3", "1e", "1e+", ".", " ", "+", "-",
            "+-1", "--1", "1e400", "-1e400", "1e-400", "1e309", "1.7976931348623159e308", "1e-324", "2e-324",
            "1,5", "1_000", "1f", "1d", "0b1", "0x1p1024", "0x1p-1075", "0x1p-1080", "1e99999999999999999999",
            "1e-99999999999999999999", "0x1p99999999999999999999", "0x1p-99999999999999999999", "\u{661}",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_f64("1".repeat(400).as_bytes()), None);
        assert_eq!(parse_f64(format!("0x{}", "f".repeat(300)).as_bytes()), None);
    }

    /// What ZCOUNT of a genuine 8.0.6 takes.
    #[test]
    #[rustfmt::skip]
    fn reads_bounds() {
        for (text, value) in [
            ("", 0.0), ("\0", 0.0), ("\x001", 0.0), ("1", 1.0), ("+1", 1.0), ("1.", 1.0), (".5", 0.5),
            ("1.e1", 10.0), ("1\0x", 1.0), ("1E0", 1.0), ("inf", f64::INFINITY), ("+INFINITY", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY), ("1e400", f64::INFINITY), ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse_bound(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in [
            "infx", "1e", "1e+", ".", "-.", "-", "+", "+-1", "--1", "1x", "0x10", "nan", "-nan",
            "NAN", "nan(1)", "(1", " ", " 1", "1 ",
        ] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text:?}");
        }
    }

    /// What ZSCORE of a genuine 8.0.6 shows, and RESP3 replies for what no score can be.
    #[test]
    #[rustfmt::skip]
    fn shows_what_scores_show() {
        for (value, text) in [
            (0.0, "0"), (-0.0, "-0"), (1.0, "1"), (-1.5, "-1.5"), (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"), (f64::NAN, "nan"), (-f64::NAN, "nan"), (1e18, "1000000000000000000"),
            (1e19, "1e+19"), (1e22, "1e+22"), (1e23, "99999999999999990000000"), (1.5e20, "1.5e+20"),
            (123456789012345678.0, "123456789012345680"), (1234567890123456789.0, "1234567890123456768"),
            (12345678901234567890.0, "12345678901234567000"),
            (123456789012345678901.0, "123456789012345680000"), (9007199254740993.0, "9007199254740992"),
            (4611686018427387904.0, "4611686018427387904"), (4611686018427388928.0, "4611686018427389000"),
            (4611686018427387392.0, "4611686018427387392"), (-4611686018427388928.0, "-4611686018427389000"),
            (9223372036854775807.0, "9223372036854776000"), (1e-5, "0.00001"), (1e-6, "0.000001"),
            (1e-7, "1e-7"), (1.5e-5, "0.000015"), (1.5e-6, "1.5e-6"), (1.2345e-5, "1.2345e-5"),
            (0.00012345678901234567, "1.2345678901234567e-4"), (0.0012345678901234567, "0.0012345678901234567"),
            (5e-324, "5e-324"), (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"), (0.1, "0.1"), (0.30000000000000004, "0.30000000000000004"),
            (123456789.12345679, "1.2345678912345679e+8"), (1234567890123456.7, "1234567890123456.7"),
            (123456789012345.67, "123456789012345.67"), (12345678901234567.8, "12345678901234568"),
            (-1.5e25, "-1.5e+25"), (111753.37356, "1.1175337356000001e+5"),
            (0.066494114, "0.06649411400000001"), (7679.900000000001, "7679.9000000000005"),
            (6.4e24, "6.399999999999999e+24"), (7.429535, "7.4295349999999996"),
            (-1.0583287705657393e-50, "-1.0583287705657393e-50"), (-625758.69385, "-625758.69385"),
            (448113.0, "448113"), (815618.73, "815618.73"), (8.89e+17, "889000000000000000"),
            (-67523.55823190138, "-6.752355823190138e+4"), (0.5460093346258478, "0.5460093346258478"),
            (0.6025147232760948, "0.6025147232760948"), (0.6424386522869491, "0.6424386522869491"),
            (791850.6391, "791850.6391"), (0.5364073623995728, "0.5364073623995728"),
            (0.020149099999149267, "0.020149099999149267"), (950311.8, "950311.8"), (515594.0, "515594"),
            (267643.6878686333, "2.676436878686333e+5"), (1.8160000000000002e-14, "1.8160000000000002e-14"),
            (-657669.91607, "-657669.91607"), (0.22864855996427003, "0.22864855996427003"),
            (1.4789011316794997e-188, "1.4789011316794997e-188"), (0.20257413491620402, "0.20257413491620402"),
            (50408.98820968182, "5.040898820968182e+4"), (280720.5, "280720.5"),
            (-642802.6036863716, "-6.428026036863716e+5"), (-3.8657824781121116e+75, "-3.8657824781121116e+75"),
            (0.3612789752678801, "0.3612789752678801"), (48000000000.0, "48000000000"),
            (0.5200624753639986, "0.5200624753639986"), (-5487.072559837718, "-5487.072559837718"),
            (5.59e+18, "5.59e+18"), (924993.0494760289, "9.249930494760289e+5"),
        ] {
            assert_eq!(shown(value), text);
        }
    }

    /// As printed by glibc.
    #[test]
    #[rustfmt::skip]
    fn prints_as_c_does() {
        for (value, text) in [
            (0.0, "0"), (-0.0, "-0"), (0.1, "0.10000000000000001"), (1.0, "1"), (1e16, "10000000000000000"),
            (1e17, "1e+17"), (1.5e-5, "1.5e-05"), (1e-4, "0.0001"),
            (1.7976931348623157e308, "1.7976931348623157e+308"), (5e-324, "4.9406564584124654e-324"),
            (f64::INFINITY, "inf"), (-f64::NAN, "-nan"),
        ] {
            assert_eq!(general(value, 17), text);
        }
        assert_eq!(general(1.23456789, 6), "1.23457");
        assert_eq!(general(1e6, 6), "1e+06");
        assert_eq!(general(999999.5, 6), "1e+06");
        assert_eq!(general(100.0, 0), "1e+02");
        assert_eq!(fixed(0.125, 2), "0.12");
        assert_eq!(fixed(0.375, 2), "0.38");
        assert_eq!(fixed(2.5, 0), "2");
        assert_eq!(fixed(-0.001, 2), "-0.00");
        assert_eq!(fixed(1e22, 1), "10000000000000000000000.0");
        assert_eq!(fixed(f64::NEG_INFINITY, 4), "-inf");
    }

    proptest! {
        #[test]
        fn every_double_comes_back(bits: u64) {
            let value = f64::from_bits(bits);
            if value.is_nan() {
                return Ok(());
            }
            prop_assert_eq!(parse_f64(shown(value).as_bytes()), Some(value));
            prop_assert_eq!(parse_f64(general(value, 17).as_bytes()), Some(value));
        }

        #[test]
        fn hexadecimal_agrees_with_arithmetic(mantissa: u32, exponent in -900i32..900, digits in 0usize..8) {
            let value = f64::from(mantissa) * 2f64.powi(exponent);
            let all = format!("{mantissa:08x}");
            let (whole, fraction) = all.split_at(digits);
            let text = format!("0x{whole}.{fraction}p{}", exponent + 4 * fraction.len() as i32);
            prop_assert_eq!(parse_f64(text.as_bytes()), Some(value));
        }

        #[test]
        fn no_text_panics(text: Vec<u8>, plausible in "[-+0-9a-fxpinfINFtyeE.]{0,12}") {
            let _ = (parse_f64(&text), parse_bound(&text), parse_f64(plausible.as_bytes()), parse_bound(plausible.as_bytes()));
        }
    }
}
