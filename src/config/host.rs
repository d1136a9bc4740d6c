//! What configuration text asks of the process it configures, and the part of the answer that is the file system.
//!
//! The server's own [`Host`] takes `read`, `expand` and `change_dir` from here, so that every tool finds the same files.

use super::values::Text;
use crate::util::glob::{self, Case};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// More files than this behind one pattern are not looked at.
const MATCHES_MAX: usize = 10_000;

/// What configuration text may ask of the process it configures.
pub trait Host {
    /// The content of a file.
    fn read(&mut self, path: &[u8]) -> io::Result<Vec<u8>>;

    /// The existing files a glob pattern stands for, sorted.
    fn expand(&mut self, pattern: &[u8]) -> Vec<Text>;

    /// Changes the working directory; returns its absolute path.
    fn change_dir(&mut self, path: &[u8]) -> io::Result<Text>;

    /// Renames a command, or removes it when `new` is empty. Upstream's refusals are `No such command in rename-command`
    /// and `Target command name already exists`.
    fn rename_command(&mut self, old: &[u8], new: &[u8]) -> Result<(), String>;

    /// Declares an ACL user; `words` starts with its name.
    fn user(&mut self, words: &[&[u8]]) -> Result<(), String>;
}

/// Whether a path is a pattern. A backslash does not count: it is a legal byte of a file name.
pub(super) fn has_wildcard(path: &[u8]) -> bool {
    path.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// `text` as a path.
pub fn path(text: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(text))
}

/// The content of a file.
pub fn read(name: &[u8]) -> io::Result<Vec<u8>> {
    std::fs::read(path(name))
}

/// Changes the working directory of the process; returns its absolute path.
pub fn change_dir(name: &[u8]) -> io::Result<Text> {
    std::env::set_current_dir(path(name))?;
    Ok(std::env::current_dir()?.into_os_string().into_vec())
}

/// The existing paths a pattern stands for, sorted. Each component is matched on its own, so that no wildcard crosses a `/`;
/// hidden files have to be named by a leading dot.
pub fn expand(pattern: &[u8]) -> Vec<Text> {
    let mut found = vec![if pattern.starts_with(b"/") { PathBuf::from("/") } else { PathBuf::new() }];
    for part in pattern.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        found = match has_wildcard(part) {
            true => found.iter().flat_map(|folder| matches_in(folder, part)).take(MATCHES_MAX).collect(),
            false => found.iter().map(|folder| folder.join(path(part))).filter(|path| path.exists()).collect(),
        };
    }
    let mut names: Vec<Text> = found.into_iter().map(|path| path.into_os_string().into_vec()).collect();
    names.sort();
    names
}

fn matches_in(folder: &Path, part: &[u8]) -> Vec<PathBuf> {
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(here) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| {
            let name = name.as_bytes();
            (part.starts_with(b".") || !name.starts_with(b".")) && glob::matches(part, name, Case::Sensitive)
        })
        .map(|name| folder.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn patterns_match_component_by_component() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/x")).unwrap();
        fs::create_dir_all(at("b")).unwrap();
        for name in ["a/2.conf", "a/1.conf", "a/.hidden.conf", "a/x/3.conf", "b/4.conf", "b/5.txt"] {
            fs::write(at(name), "").unwrap();
        }
        let expand_in = |pattern: &str| {
            let root = folder.path().as_os_str().as_bytes();
            expand(&[root, b"/", pattern.as_bytes()].concat())
                .iter()
                .map(|path| String::from_utf8_lossy(&path[root.len() + 1..]).into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(expand_in("a/*.conf"), ["a/1.conf", "a/2.conf"]);
        assert_eq!(expand_in("?/*.conf"), ["a/1.conf", "a/2.conf", "b/4.conf"]);
        assert_eq!(expand_in("a/.*"), ["a/.hidden.conf"]);
        assert_eq!(expand_in("[b]/4.conf"), ["b/4.conf"]);
        assert!(expand_in("*/none").is_empty());
        assert_eq!(read(b"/nonexistent/file").unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
