//! Quoted text: how bytes are shown in logs and files, and how a typed line becomes arguments.
//!
//! ```text
//! repr          "plain \"quoted\" \\ \n \r \t \a \b \x00"      every other unprintable byte as \xHH
//! split_args    bare "a b" 'it\'s' mixed"quo"                  words apart by blanks
//!               in "…": the escapes of repr, any other \c is c;  in '…': only \' is special
//! ```
//!
//! What always holds: `split_args(repr(x)) == [x]`, as long as no byte NUL stands outside of the quotes,
//! where it ends the line.

/// Appends `bytes` in double quotes with everything unprintable escaped.
pub fn write_repr(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x20..=0x7e => out.push(byte),
            _ => out.extend_from_slice(&[b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
    out.push(b'"');
}

/// `bytes` as [`write_repr`] shows them.
pub fn repr(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_repr(&mut out, bytes);
    out
}

/// Whether a configuration value needs [`repr`] to survive [`split_args`]: it is empty, or has a byte that is not plain.
pub fn needs_repr(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.iter().any(|byte| !matches!(byte, 0x21..=0x7e) || matches!(byte, b'\\' | b'"' | b'\''))
}

/// A quote was not closed, or something other than a blank followed a closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unbalanced quotes")]
pub struct UnbalancedQuotes;

/// Splits a line into its arguments. A byte NUL ends the line; inside quotes it is an error.
pub fn split_args(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let line = &line[..memchr::memchr(0, line).unwrap_or(line.len())];
    let mut args = Vec::new();
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|&byte| is_blank(byte)) {
            at += 1;
        }
        if at == line.len() {
            return Ok(args);
        }
        let mut arg = Vec::new();
        at = take_arg(line, at, &mut arg)?;
        args.push(arg);
    }
}

/// Reads the argument that starts at `at` into `arg`; returns where it ended.
fn take_arg(line: &[u8], mut at: usize, arg: &mut Vec<u8>) -> Result<usize, UnbalancedQuotes> {
    while let Some(&byte) = line.get(at) {
        match byte {
            // Vertical tab and form feed part words only in front of one and after a closing quote.
            b' ' | b'\n' | b'\r' | b'\t' => return Ok(at),
            b'"' => return closed(line, double_quoted(line, at + 1, arg)?),
            b'\'' => return closed(line, single_quoted(line, at + 1, arg)?),
            _ => {
                arg.push(byte);
                at += 1;
            }
        }
    }
    Ok(at)
}

/// A closing quote ends the argument, so only a blank or the end may follow.
fn closed(line: &[u8], at: usize) -> Result<usize, UnbalancedQuotes> {
    match line.get(at) {
        Some(&byte) if !is_blank(byte) => Err(UnbalancedQuotes),
        _ => Ok(at),
    }
}

fn double_quoted(line: &[u8], mut at: usize, arg: &mut Vec<u8>) -> Result<usize, UnbalancedQuotes> {
    loop {
        match line[at..] {
            [] => return Err(UnbalancedQuotes),
            [b'"', ..] => return Ok(at + 1),
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                arg.push(hex_value(high) << 4 | hex_value(low));
                at += 4;
            }
            [b'\\', escaped, ..] => {
                arg.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 0x07,
                    b'b' => 0x08,
                    other => other,
                });
                at += 2;
            }
            [byte, ..] => {
                arg.push(byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8], mut at: usize, arg: &mut Vec<u8>) -> Result<usize, UnbalancedQuotes> {
    loop {
        match line[at..] {
            [] => return Err(UnbalancedQuotes),
            [b'\'', ..] => return Ok(at + 1),
            [b'\\', b'\'', ..] => {
                arg.push(b'\'');
                at += 2;
            }
            [byte, ..] => {
                arg.push(byte);
                at += 1;
            }
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(line: &str) -> Option<Vec<String>> {
        let args = split_args(line.as_bytes()).ok()?;
        Some(args.iter().map(|arg| arg.iter().map(|&byte| char::from(byte)).collect()).collect())
    }

    #[test]
    fn shows_bytes() {
        assert_eq!(repr(b""), b"\"\"");
        assert_eq!(repr(b"a b"), b"\"a b\"");
        assert_eq!(repr(b"\n\r\t\x07\x08\"\\'\x00\x7f\xff~"), br#""\n\r\t\a\b\"\\'\x00\x7f\xff~""#);
        assert!(needs_repr(b"") && needs_repr(b"a b") && needs_repr(b"a'") && needs_repr(b"\xff"));
        assert!(!needs_repr(b"/var/lib:#{}"));
    }

    #[test]
    #[rustfmt::skip]
    fn splits_lines() {
        for (line, args) in [
            ("", &[] as &[&str]), (" \t\r\n\x0b\x0c", &[]), ("SET k v", &["SET", "k", "v"]),
            ("  SET  'a b'\t\"c d\"\r\n", &["SET", "a b", "c d"]), ("''", &[""]), ("\"\" ''", &["", ""]),
            ("a\"b c\"", &["ab c"]), ("a'b c'", &["ab c"]), (r#""\x41\n\q\\\"""#, &["A\nq\\\""]),
            (r#""\x4\xzz\x""#, &["x4xzzx"]), (r"'\n\\ '", &[r"\n\\ "]), (r"'it\'s'", &["it's"]),
            (r"a\ b", &["a\\", "b"]), ("a\x0bb", &["a\x0bb"]), ("\x0ba", &["a"]), ("\"a\"\x0bb", &["a", "b"]),
            ("a\0b c", &["a"]),
        ] {
            assert_eq!(
                split(line).as_deref(),
                Some(&args.iter().map(|arg| arg.to_string()).collect::<Vec<_>>()[..]),
                "{line:?}"
            );
        }
        for line in [
            "\"",
            "'",
            "a \"b",
            "\"a\"b",
            "'a'b",
            "\"a\"\"b\"",
            "'\\'",
            "\"\\\"",
            "\"a\0\"",
            "'a\0'",
            "\"\\x",
        ] {
            assert_eq!(split(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed(args: Vec<Vec<u8>>) {
            let line = args.iter().map(|arg| repr(arg)).collect::<Vec<_>>().join(&b' ');
            prop_assert_eq!(split_args(&line).unwrap(), args);
        }

        #[test]
        fn plain_words_need_no_quotes(arg: Vec<u8>) {
            if !needs_repr(&arg) {
                prop_assert_eq!(split_args(&arg).unwrap(), vec![arg]);
            }
        }

        #[test]
        fn no_line_panics(line: Vec<u8>) {
            let _ = split_args(&line);
        }
    }
}
