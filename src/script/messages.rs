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

#[cfg(test)]
mod tests {
    use super::upstreams;

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
