//! How long a blocking command waits: the timeout argument, in seconds with a fraction.

use crate::dispatch::CmdError;
use crate::util::long_double::LongDouble;

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
    if ms > (i64::MAX as u64).saturating_sub(now_ms) { Err(TOO_FAR) } else { Ok(ms) }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn seconds_with_a_fraction() {
        assert_eq!(parse(b"0", 5), Ok(0));
        assert_eq!(parse(b"1.5", 5), Ok(1500));
        assert_eq!(parse(b"0.0001", 5), Ok(1));
        for bad in ["x", "-1", "nan", "inf", "9223372036854775807", "1e300"] {
            assert!(parse(bad.as_bytes(), 5).is_err(), "{bad}");
        }
    }
}
