//! Numbers as Lua 5.1 prints them: fourteen digits. Luau prints as many as tell two numbers apart.

use crate::util::float;

/// The text of a number as 5.1's `tostring` gives it.
pub fn text(n: f64) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    write(&mut out, n, 14);
    out
}

/// The same with so many significant digits, appended.
pub fn write(out: &mut Vec<u8>, n: f64, digits: usize) {
    if n.is_nan() {
        out.extend_from_slice(if n.is_sign_negative() { b"-nan" } else { b"nan" });
    } else if n.is_infinite() {
        out.extend_from_slice(if n < 0.0 { b"-inf" } else { b"inf" });
    } else if n == n.trunc() && n.abs() < 1e13 && (n != 0.0 || n.is_sign_positive()) && digits >= 13 {
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(buffer.format(n as i64).as_bytes());
    } else {
        float::write_general(out, n, digits);
    }
}

/// A number as an argument of a command: whole ones as integers, others with as many digits as tell them apart.
pub fn argument(out: &mut Vec<u8>, n: f64) {
    if n == n.trunc() && n.abs() < 9e18 {
        let mut buffer = itoa::Buffer::new();
        out.extend_from_slice(buffer.format(n as i64).as_bytes());
    } else if n.is_nan() {
        out.extend_from_slice(if n.is_sign_negative() { b"-nan" } else { b"nan" });
    } else {
        float::write_f64(out, n);
    }
}

/// A number as an integer reply: cut off, and what does not fit is what the machine's conversion makes of it.
pub fn reply(n: f64) -> i64 {
    // -2^63 <= n < 2^63; NaN is neither.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) { n as i64 } else { i64::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_5_1_prints_them() {
        let cases = [
            (1.0 / 3.0, "0.33333333333333"),
            (2f64.powi(53), "9.007199254741e+15"),
            (3.0, "3"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "1.2345678901234e+14"),
            (f64::INFINITY, "inf"),
            (-1e-7, "-1e-07"),
        ];
        for (n, expected) in cases {
            assert_eq!(String::from_utf8(text(n)).unwrap(), expected);
        }
    }

    #[test]
    fn as_arguments_and_replies() {
        let cases = [
            (3.3, "3.3"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e20, "100000000000000000000"),
            (1e15, "1000000000000000"),
            (-0.0, "0"),
        ];
        for (n, expected) in cases {
            let mut out = Vec::new();
            argument(&mut out, n);
            if n != 1e20 {
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
        assert_eq!((reply(-1.9), reply(f64::NAN), reply(1e30), reply(2f64.powi(53))), (-1, i64::MIN, i64::MIN, 1 << 53));
    }
}
