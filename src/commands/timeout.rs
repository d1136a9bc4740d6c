//! How long a blocking command waits: the timeout argument, in seconds with a fraction or, for WAIT and its like, in ms.

use crate::dispatch::CmdError;
use crate::util::long_double::LongDouble;
use crate::util::number::parse_i64;

/// The timeout in ms; 0 means for ever.
///
/// # Errors
/// In upstream's words: not a number, negative, or further away than time can be counted.
pub fn parse(word: &[u8], now_ms: u64) -> Result<u64, CmdError> {
    const TOO_FAR: CmdError = CmdError::text("ERR timeout is out of range");
    let seconds = LongDouble::parse(word).ok_or(CmdError::TIMEOUT_NOT_FLOAT)?;
    let Some(ms) = seconds.millis_ceil() else {
        return Err(if seconds.is_negative() { CmdError::TIMEOUT_NEGATIVE } else { TOO_FAR });
    };
    let ms = u64::try_from(ms).map_err(|_| CmdError::TIMEOUT_NEGATIVE)?;
    if ms > i64::MAX as u64 - now_ms { Err(TOO_FAR) } else { Ok(ms) }
}

/// The timeout in ms where it is given as that; 0 means for ever.
///
/// # Errors
/// In upstream's words: not a whole number, negative, or further away than time can be counted.
pub fn parse_ms(word: &[u8], now_ms: u64) -> Result<u64, CmdError> {
    let ms = parse_i64(word).ok_or(CmdError::text("ERR timeout is not an integer or out of range"))?;
    let ms = u64::try_from(ms).map_err(|_| CmdError::TIMEOUT_NEGATIVE)?;
    match now_ms.checked_add(ms) {
        Some(at_ms) if i64::try_from(at_ms).is_ok() => Ok(ms),
        _ => Err(CmdError::text("ERR timeout is out of range")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_a_fraction() {
        assert_eq!(parse(b"0", 5), Ok(0));
        assert_eq!(parse(b"1.5", 5), Ok(1500));
        assert_eq!(parse(b"0.0001", 5), Ok(1));
        for (bad, error) in [
            ("x", "not a float or out of range"),
            ("nan", "not a float or out of range"),
            ("-1", "negative"),
            ("-inf", "negative"),
            ("inf", "out of range"),
            ("9223372036854775807", "out of range"),
            ("1e300", "out of range"),
        ] {
            assert_eq!(parse(bad.as_bytes(), 5), Err(CmdError::err(format!("timeout is {error}"))), "{bad}");
        }
    }
}
