//! Parameters with a grammar of their own.
//!
//! - `lists`: `bind`, `save`, `oom-score-adj-values`, `latency-tracking-info-percentiles`, `replicaof`
//! - `limits`: `client-output-buffer-limit`
//! - `letters`: `notify-keyspace-events` and the modifiers of `shutdown-on-*`
//! - `texts`: the rules some plain texts have to obey, and the template of the process title

pub mod letters;
pub mod limits;
pub mod lists;
pub mod texts;

/// Reads a decimal the way C's `strtoll` does, so that `+1`, ` 1` and `007` are numbers and nothing at all is zero.
/// `None`: something else follows the digits, or the number does not fit.
fn loose_integer(word: &[u8]) -> Option<i64> {
    let text = word.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    let mut value = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(digit - b'0');
        value = value.checked_mul(10)?.checked_add(if negative { -digit } else { digit })?;
    }
    // A lone sign is no number.
    (word.is_empty() || !digits.is_empty()).then_some(value)
}

/// Words with one blank between them.
fn joined<T: AsRef<[u8]>>(words: &[T]) -> Vec<u8> {
    words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(&b' ')
}

/// `text`, or the two quotes that stand for nothing in a configuration line.
fn or_quotes(text: Vec<u8>) -> Vec<u8> {
    if text.is_empty() { b"\"\"".to_vec() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_integers_as_c_does() {
        for (word, value) in
            [("", 0), ("0", 0), ("+1", 1), (" 12", 12), ("007", 7), ("-5", -5), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(loose_integer(word.as_bytes()), Some(value), "{word:?}");
        }
        for word in ["x", "1x", "1 ", "-", "+", "--1", "1.5", "9223372036854775808"] {
            assert_eq!(loose_integer(word.as_bytes()), None, "{word:?}");
        }
    }
}
