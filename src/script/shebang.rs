//! The first line of a script or a library: `#!lua flags=no-writes,allow-oom`, `#!lua name=mylib`.

use bitflags::bitflags;

use crate::util::quote;

bitflags! {
    /// What a script says of itself.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ScriptFlags: u8 {
        const NO_WRITES = 1;
        const ALLOW_OOM = 2;
        const ALLOW_STALE = 4;
        const NO_CLUSTER = 8;
        const ALLOW_CROSS_SLOT_KEYS = 16;
        /// It says nothing of itself, having no such line: what it calls is judged call by call.
        const UNDECLARED = 32;
    }
}

/// The flags by their names, in the order they are listed.
pub const NAMES: [(&str, ScriptFlags); 5] = [
    ("no-writes", ScriptFlags::NO_WRITES),
    ("allow-oom", ScriptFlags::ALLOW_OOM),
    ("allow-stale", ScriptFlags::ALLOW_STALE),
    ("no-cluster", ScriptFlags::NO_CLUSTER),
    ("allow-cross-slot-keys", ScriptFlags::ALLOW_CROSS_SLOT_KEYS),
];

/// The flag of that name.
pub fn flag(name: &[u8]) -> Option<ScriptFlags> {
    NAMES.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, flag)| *flag)
}

/// A script's flags, and where its text begins: at the end of that line, so that lines keep their numbers.
///
/// # Errors
/// The text of the error, in upstream's words.
pub fn of_script(body: &[u8]) -> Result<(ScriptFlags, usize), Vec<u8>> {
    if !body.starts_with(b"#!") {
        return Ok((ScriptFlags::UNDECLARED, 0));
    }
    let Some(end) = memchr::memchr(b'\n', body) else { return Err(b"ERR Invalid script shebang".to_vec()) };
    let Ok(words) = quote::split_args(&body[2..end]) else { return Err(b"ERR Invalid engine in script shebang".to_vec()) };
    let mut words = words.into_iter();
    let engine = words.next().unwrap_or_default();
    if engine != b"lua" {
        return Err([b"ERR Unexpected engine in script shebang: ", &engine[..]].concat());
    }
    let mut flags = ScriptFlags::empty();
    for word in words {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err([b"ERR Unknown lua shebang option: ", &word[..]].concat());
        };
        for name in list.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            match flag(name) {
                Some(flag) => flags |= flag,
                None => return Err([b"ERR Unexpected flag in script shebang: ", name].concat()),
            }
        }
    }
    Ok((flags, end))
}

/// A library's engine and name, and where its code begins.
///
/// # Errors
/// The text of the error, in upstream's words.
pub fn of_library(code: &[u8]) -> Result<(Vec<u8>, Vec<u8>, usize), Vec<u8>> {
    if !code.starts_with(b"#!") {
        return Err(b"ERR Missing library metadata".to_vec());
    }
    let Some(end) = memchr::memchr(b'\n', code) else { return Err(b"ERR Invalid library metadata".to_vec()) };
    let Ok(mut words) = quote::split_args(&code[2..end]) else { return Err(b"ERR Invalid library metadata".to_vec()) };
    // A blank right behind the mark leaves the engine without a name.
    let engine = if code.get(2).is_some_and(u8::is_ascii_whitespace) || words.is_empty() { Vec::new() } else { words.remove(0) };
    let mut name = None;
    for word in words {
        let Some(given) = word.strip_prefix(b"name=") else {
            return Err([b"ERR Invalid metadata value given: ", &word[..]].concat());
        };
        if name.replace(given.to_vec()).is_some() {
            return Err(b"ERR Invalid metadata value, name argument was given multiple times".to_vec());
        }
    }
    let Some(name) = name else { return Err(b"ERR Library name was not given".to_vec()) };
    Ok((engine, name, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_say_what_they_are() {
        assert_eq!(of_script(b"return 1"), Ok((ScriptFlags::UNDECLARED, 0)));
        assert_eq!(of_script(b"#!lua\nreturn 1"), Ok((ScriptFlags::empty(), 5)));
        let flags = ScriptFlags::NO_WRITES | ScriptFlags::ALLOW_OOM;
        assert_eq!(of_script(b"#!lua flags=no-writes,allow-oom\nx"), Ok((flags, 31)));
        let refused = |body: &[u8]| String::from_utf8(of_script(body).unwrap_err()).unwrap();
        assert_eq!(refused(b"#!lua"), "ERR Invalid script shebang");
        assert_eq!(refused(b"#!py\nx"), "ERR Unexpected engine in script shebang: py");
        assert_eq!(refused(b"#!lua a=b\nx"), "ERR Unknown lua shebang option: a=b");
        assert_eq!(refused(b"#!lua flags=allow-oom,what?\nx"), "ERR Unexpected flag in script shebang: what?");
    }

    #[test]
    fn libraries_have_names() {
        assert_eq!(of_library(b"#!lua name=\"a\"\nx"), Ok((b"lua".to_vec(), b"a".to_vec(), 14)));
        assert_eq!(of_library(b"#! name=a\nx"), Ok((Vec::new(), b"a".to_vec(), 9)));
        let refused = |code: &[u8]| String::from_utf8(of_library(code).unwrap_err()).unwrap();
        assert_eq!(refused(b"x"), "ERR Missing library metadata");
        assert_eq!(refused(b"#!lua name=a"), "ERR Invalid library metadata");
        assert_eq!(refused(b"#!lua\nx"), "ERR Library name was not given");
        assert_eq!(refused(b"#!lua name=a b=c\nx"), "ERR Invalid metadata value given: b=c");
        assert_eq!(refused(b"#!lua name=a name=b\nx"), "ERR Invalid metadata value, name argument was given multiple times");
    }
}
