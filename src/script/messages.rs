//! Luau's messages in 5.1's words, where scripts and their tests look at them.

/// The message as upstream words it.
pub fn upstreams(message: Vec<u8>) -> Vec<u8> {
    const READONLY: &[u8] = b"attempt to modify a readonly table";
    if let Some(at) = memchr::memmem::find(&message, READONLY) {
        let mut message = message;
        message[at] = b'A';
        return message;
    }
    // attempt to index nil with 'x'
    const INDEX: &[u8] = b"attempt to index ";
    if let Some(at) = memchr::memmem::find(&message, INDEX) {
        let rest = &message[at + INDEX.len()..];
        if let Some(end) = memchr::memmem::find(rest, b" with ") {
            let kind = &rest[..end];
            if kind.iter().all(u8::is_ascii_lowercase) {
                return [&message[..at], INDEX, b"a ", kind, b" value"].concat();
            }
        }
    }
    message
}

/// What a message that something nil was called says of it, where Luau does not name it: `name.field(` in the line it happened in, if
/// `is_nil` knows one such call to be of nothing. The line is asked for only then.
pub fn name_called(
    message: &[u8],
    line: impl FnOnce() -> Vec<u8>,
    mut is_nil: impl FnMut(&[u8], &[u8]) -> bool,
) -> Option<Vec<u8>> {
    const CALL: &[u8] = b"attempt to call a nil value";
    let place = message.strip_suffix(CALL)?;
    let line = &line()[..];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut called = memchr::memchr_iter(b'.', line).filter_map(|dot| {
        let begin = line[..dot].iter().rposition(|byte| !is_name(byte)).map_or(0, |at| at + 1);
        let len = line[dot + 1..].iter().take_while(|byte| is_name(byte)).count();
        let (table, field) = (&line[begin..dot], &line[dot + 1..dot + 1 + len]);
        let whole = begin == 0 || !matches!(line[begin - 1], b'.' | b':');
        let call =
            line[dot + 1 + len..].trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'(' | b'"' | b'\'' | b'{'));
        (whole && call && !table.is_empty() && !field.is_empty() && is_nil(table, field)).then_some(field)
    });
    let field = called.next()?;
    Some([place, b"attempt to call field '", field, b"' (a nil value)"].concat())
}

#[cfg(test)]
mod tests {
    use super::{name_called, upstreams};

    #[test]
    fn what_was_called_is_named() {
        let message = b"user_script:1: attempt to call a nil value";
        let is_nil = |table: &[u8], field: &[u8]| table == b"os" && field != b"clock";
        let named = |line: &str| name_called(message, || line.into(), is_nil).map(|text| String::from_utf8(text).unwrap());
        let exit = Some("user_script:1: attempt to call field 'exit' (a nil value)".to_owned());
        for line in ["os.exit()", "return os.clock() + os.exit (1)", "os.exit'x'", "if x then os.exit{}"] {
            assert_eq!(named(line), exit, "{line}");
        }
        for line in ["", ".", "os.", ".exit()", "x()", "a.os.exit()", "os.exit", "os.clock()", "osx.exit()", "os.exit.a()"] {
            assert_eq!(named(line), None, "{line}");
        }
        assert_eq!(name_called(b"user_script:1: boom", || b"os.exit()".into(), is_nil), None);
    }

    #[test]
    fn some_are_reworded() {
        let cases = [
            ("user_script:1: attempt to modify a readonly table", "user_script:1: Attempt to modify a readonly table"),
            ("user_script:1: attempt to index nil with 'b'", "user_script:1: attempt to index a nil value"),
            ("user_script:2: boom", "user_script:2: boom"),
        ];
        for (luau, upstream) in cases {
            assert_eq!(upstreams(luau.into()), upstream.as_bytes());
        }
    }
}
