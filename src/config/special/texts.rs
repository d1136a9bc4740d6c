//! Rules for plain texts, and the template of the process title.

use crate::config::values::Text;

/// Longest host name announced to cluster clients, plus one.
const HOSTNAME_MAX_LEN: usize = 256;

/// Bytes that would break the fields of a node's line in the cluster's file.
const NODENAME_FORBIDDEN: &[u8] = b"!#$%&()*+:;<>?@[]^{|}~";

/// `dbfilename`: a name inside `dir`.
pub fn check_dbfilename(text: &[u8]) -> Result<(), String> {
    check_base_name(text, "dbfilename can't be a path, just a filename")
}

/// `appendfilename`: a name inside `appenddirname`.
pub fn check_appendfilename(text: &[u8]) -> Result<(), String> {
    if text.is_empty() {
        return Err("appendfilename can't be empty".into());
    }
    check_base_name(text, "appendfilename can't be a path, just a filename")
}

/// `appenddirname`: a name inside `dir`.
pub fn check_appenddirname(text: &[u8]) -> Result<(), String> {
    if text.is_empty() {
        return Err("appenddirname can't be empty".into());
    }
    check_base_name(text, "appenddirname can't be a path, just a dirname")
}

fn check_base_name(text: &[u8], error: &str) -> Result<(), String> {
    if text.iter().any(|byte| matches!(byte, b'/' | b'\\')) { Err(error.into()) } else { Ok(()) }
}

/// `cluster-announce-hostname`.
pub fn check_hostname(text: &[u8]) -> Result<(), String> {
    if text.len() >= HOSTNAME_MAX_LEN {
        return Err("Hostnames must be less than 256 characters".into());
    }
    match text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        true => Ok(()),
        false => Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into()),
    }
}

/// `cluster-announce-human-nodename`.
pub fn check_nodename(text: &[u8]) -> Result<(), String> {
    match text.iter().any(|byte| NODENAME_FORBIDDEN.contains(byte)) {
        true => Err("Announced human node name contained invalid character".into()),
        false => Ok(()),
    }
}

/// `proc-title-template`: it has to come to something even where the title, the mode and the socket are empty.
pub fn check_title_template(template: &[u8]) -> Result<(), String> {
    let expanded = expand_title(template, &|name| match name {
        b"title" | b"server-mode" | b"unixsocket" => Some(Vec::new()),
        b"listen-addr" | b"port" | b"tls-port" | b"config-file" => Some(b"x".to_vec()),
        _ => None,
    });
    match expanded {
        Some(title) if !title.is_empty() => Ok(()),
        _ => Err("template format is invalid or contains unknown variables".into()),
    }
}

/// Replaces each `{name}` of `template` by what `variable` knows under that name, `{{` by one brace, and drops blanks around
/// the result. `None`: a brace is not closed, or a name is unknown.
///
/// The server knows `title`, `listen-addr`, `server-mode`, `port`, `tls-port`, `unixsocket` and `config-file`.
pub fn expand_title(template: &[u8], variable: &dyn Fn(&[u8]) -> Option<Text>) -> Option<Text> {
    let mut title = Vec::new();
    let mut rest = template;
    while let Some(open) = memchr::memchr(b'{', rest) {
        title.extend_from_slice(&rest[..open]);
        rest = &rest[open + 1..];
        if let Some(literal) = rest.strip_prefix(b"{") {
            title.push(b'{');
            rest = literal;
            continue;
        }
        let close = memchr::memchr(b'}', rest)?;
        title.extend_from_slice(&variable(&rest[..close])?);
        rest = &rest[close + 1..];
    }
    title.extend_from_slice(rest);
    Some(title.trim_ascii().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_paths() {
        assert!(check_dbfilename(b"").is_ok() && check_dbfilename(b"dump.rdb").is_ok());
        assert_eq!(check_dbfilename(b"a/b").unwrap_err(), "dbfilename can't be a path, just a filename");
        assert_eq!(check_dbfilename(b"a\\b").unwrap_err(), "dbfilename can't be a path, just a filename");
        assert_eq!(check_appendfilename(b"").unwrap_err(), "appendfilename can't be empty");
        assert_eq!(check_appenddirname(b"a/").unwrap_err(), "appenddirname can't be a path, just a dirname");
    }

    #[test]
    fn announced_names_are_plain() {
        assert!(check_hostname(b"").is_ok() && check_hostname(b"a-b.C1").is_ok());
        assert!(check_hostname(&[b'a'; 255]).is_ok());
        assert_eq!(check_hostname(&[b'a'; 256]).unwrap_err(), "Hostnames must be less than 256 characters");
        assert!(check_hostname(b"a_b").is_err());
        assert!(check_nodename(b"  a/b_c-\"'\\=,`.").is_ok() && check_nodename(b"a%").is_err());
    }

    #[test]
    fn templates_need_known_variables() {
        for good in ["{{x", "{{", "}", "a{title}b", "{title}x", "{port}", "{config-file}", "{listen-addr}", "{{title}", "\x01"] {
            assert!(check_title_template(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in ["", " ", "{", "{title}{", "{Title}x", "{unixsocket}", "{server-mode}", "{}", "{title}", "{title} ", "x{"] {
            assert!(check_title_template(bad.as_bytes()).is_err(), "{bad}");
        }
        let known = |name: &[u8]| (name == b"port").then(|| b"6379".to_vec());
        assert_eq!(expand_title(b" {{p}={port} ", &known).unwrap(), b"{p}=6379");
    }
}
