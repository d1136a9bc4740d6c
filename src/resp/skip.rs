//! How long a reply is: walks over one value without looking inside.

/// Bytes of the reply that `buf` begins with; `None` if it is not all there, or is none.
pub fn value(buf: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Values still to be walked over, elements of aggregates included.
    let mut left: u64 = 1;
    while left > 0 {
        let line = memchr::memchr(b'\n', buf.get(at..)?)?;
        let kind = *buf.get(at)?;
        let number = std::str::from_utf8(buf.get(at + 1..at + line)?).ok().and_then(|text| text.trim_end().parse::<i64>().ok());
        at += line + 1;
        left -= 1;
        match kind {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
            b'$' | b'=' | b'!' => {
                if let Ok(len) = usize::try_from(number?) {
                    at = at.checked_add(len)?.checked_add(2)?;
                }
            }
            b'*' | b'~' | b'>' => left = left.checked_add(u64::try_from(number?).unwrap_or(0))?,
            b'%' => left = left.checked_add(u64::try_from(number?).unwrap_or(0).checked_mul(2)?)?,
            // The value that is annotated follows.
            b'|' => left = left.checked_add(u64::try_from(number?).unwrap_or(0).checked_mul(2)?.checked_add(1)?)?,
            _ => return None,
        }
    }
    (at <= buf.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_walked_over() {
        for text in [
            "+OK\r\n",
            "-ERR x\r\n",
            ":1\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$3\r\na\nb\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
            "%1\r\n+a\r\n~2\r\n#t\r\n_\r\n",
            "|1\r\n+a\r\n:1\r\n,1.5\r\n",
            "=6\r\ntxt:ab\r\n",
        ] {
            let with_more = format!("{text}:7\r\n");
            assert_eq!(value(with_more.as_bytes()), Some(text.len()), "{text}");
            for cut in 0..text.len() {
                assert_eq!(value(&text.as_bytes()[..cut]), None, "{text} cut at {cut}");
            }
        }
        assert_eq!(value(b"hello\r\n"), None);
        assert_eq!(value(b"*9223372036854775807\r\n"), None);
    }
}
