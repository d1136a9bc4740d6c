//! How long a blocking command may wait: seconds, as a decimal number.

use crate::dispatch::CmdError;
use crate::util::long_double::LongDouble;

const OUT_OF_RANGE: CmdError = CmdError::text("ERR timeout is out of range");

/// Parses seconds into milliseconds, fractions rounded up; 0: for ever.
///
/// # Errors
/// When it is no number, negative, or so long that the end lies beyond the clock's range.
pub fn parse_ms(word: &[u8], now_ms: u64) -> Result<u64, CmdError> {
    let seconds = LongDouble::parse(word).ok_or(CmdError::TIMEOUT_NOT_FLOAT)?;
    let timeout_ms = match seconds.millis_ceil() {
        Some(timeout_ms) => timeout_ms,
        None if seconds.is_negative() => return Err(CmdError::TIMEOUT_NEGATIVE),
        None => return Err(OUT_OF_RANGE),
    };
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| CmdError::TIMEOUT_NEGATIVE)?;
    if now_ms.saturating_add(timeout_ms) > i64::MAX as u64 {
        return Err(OUT_OF_RANGE);
    }
    Ok(timeout_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_of_every_kind() {
        let now_ms = 1_700_000_000_000;
        for (word, timeout_ms) in [("0", 0), ("1", 1000), ("0.1", 100), ("0.0001", 1), ("-0.0000001", 0), ("0x10", 16_000)] {
            assert_eq!(parse_ms(word.as_bytes(), now_ms), Ok(timeout_ms), "{word}");
        }
        for (word, error) in [
            ("", CmdError::TIMEOUT_NOT_FLOAT),
            ("x", CmdError::TIMEOUT_NOT_FLOAT),
            ("nan", CmdError::TIMEOUT_NOT_FLOAT),
            ("-1", CmdError::TIMEOUT_NEGATIVE),
            ("-inf", CmdError::TIMEOUT_NEGATIVE),
            ("-1e30", CmdError::TIMEOUT_NEGATIVE),
            ("inf", OUT_OF_RANGE),
            ("1e30", OUT_OF_RANGE),
            ("9223372036854775", OUT_OF_RANGE),
        ] {
            assert_eq!(parse_ms(word.as_bytes(), now_ms), Err(error), "{word}");
        }
    }
}
