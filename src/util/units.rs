//! Sizes as people write and read them: `64mb` in a configuration, `1.08M` in INFO, `5%` of something.

use super::number;

/// A size with more digits than this is refused, however many of them are zeros.
const DIGITS_MAX: usize = 127;

/// Parses a size in bytes: digits, then nothing or one of `b k kb m mb g gb` in any case.
///
/// `k`, `m` and `g` are powers of 1000, `kb`, `mb` and `gb` powers of 1024. No digits at all count as
/// zero. A size beyond `u64::MAX` becomes `u64::MAX`, so that an absurd limit never turns into none.
pub fn parse_memory(text: &[u8]) -> Option<u64> {
    let digits_len = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_len);
    let scale: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let count = digits.iter().fold(0u64, |count, &digit| count.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(count.saturating_mul(scale))
}

/// Parses `N%` with a canonical non-negative `N`. Whether more than 100 makes sense is up to the caller.
pub fn parse_percent(text: &[u8]) -> Option<u64> {
    number::parse_u64(text.strip_suffix(b"%")?)
}

/// Appends a size as INFO shows it: whole bytes below 1024 and from 1024 P on, else two decimals and `K M G T P`.
pub fn write_human_bytes(out: &mut Vec<u8>, bytes: u64) {
    let unit = match bytes {
        0..0x400 => None,
        0x400..0x10_0000 => Some((10, b'K')),
        0x10_0000..0x4000_0000 => Some((20, b'M')),
        0x4000_0000..0x100_0000_0000 => Some((30, b'G')),
        0x100_0000_0000..0x4_0000_0000_0000 => Some((40, b'T')),
        0x4_0000_0000_0000..0x1000_0000_0000_0000 => Some((50, b'P')),
        _ => None,
    };
    match unit {
        None => {
            number::write_u64(out, bytes);
            out.push(b'B');
        }
        Some((shift, letter)) => {
            super::float::write_fixed(out, bytes as f64 / (1u64 << shift) as f64, 2);
            out.push(letter);
        }
    }
}

/// The text of [`write_human_bytes`].
pub fn human_bytes(bytes: u64) -> String {
    let mut out = Vec::new();
    write_human_bytes(&mut out, bytes);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn reads_sizes() {
        for (text, bytes) in [
            ("", 0), ("b", 0), ("kb", 0), ("0", 0), ("1", 1), ("1b", 1), ("1B", 1), ("1k", 1000), ("1K", 1000),
            ("1kb", 1024), ("1Kb", 1024), ("1m", 1_000_000), ("1mb", 1 << 20), ("1g", 1_000_000_000),
            ("3GB", 3 << 30), ("00001", 1), ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX), ("17179869184gb", u64::MAX),
            ("18446744073709551615k", u64::MAX),
        ] {
            assert_eq!(parse_memory(text.as_bytes()), Some(bytes), "{text:?}");
        }
        let long = |zeros| [vec![b'0'; zeros], vec![b'1']].concat();
        assert_eq!(parse_memory(&long(126)), Some(1));
        assert_eq!(parse_memory(&long(127)), None);
        for text in [
            "1t", "1tb", "1p", "1 ", " 1", "1 kb", "1.5mb", "0x10", "-1", "-0", "+1", "1e3",
            "1kbx", "1bb", "%", "5%",
        ] {
            assert_eq!(parse_memory(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn reads_percents() {
        assert_eq!(parse_percent(b"5%"), Some(5));
        assert_eq!(parse_percent(b"0%"), Some(0));
        assert_eq!(parse_percent(b"101%"), Some(101));
        for text in ["5", "%", "05%", "-5%", "5.5%", "5 %", "5%%", ""] {
            assert_eq!(parse_percent(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    #[rustfmt::skip]
    fn shows_sizes() {
        for (bytes, text) in [
            (0, "0B"), (1023, "1023B"), (1024, "1.00K"), (1025, "1.00K"), (10239, "10.00K"),
            (1_000_000, "976.56K"), (1_048_575, "1024.00K"), (1_048_576, "1.00M"), (1_999_999, "1.91M"),
            (1_073_741_823, "1024.00M"), (1_073_741_824, "1.00G"), (123_456_789_012, "114.98G"),
            (1 << 40, "1.00T"), ((1 << 50) - 1, "1024.00T"), (1 << 50, "1.00P"), ((1 << 60) - 1, "1024.00P"),
            (1 << 60, "1152921504606846976B"), (u64::MAX, "18446744073709551615B"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
