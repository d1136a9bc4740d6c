//! Log lines from signal handlers, where the logger proper must not be used.
//!
//! A signal may arrive while the logger holds its lock or the allocator its own, so these lines are put together in a buffer on
//! the stack and written with `write(2)` to a descriptor opened for the occasion. They carry the time as seconds since 1970, since
//! calendars need files and locks:
//!
//! ```text
//! 28976:signal-handler (1795460760) Received SIGTERM scheduling shutdown...
//! ```
//!
//! What always holds: nothing here allocates, locks, or fails visibly.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

static LOG_FILE: OnceLock<CString> = OnceLock::new();

/// Names the file that signal handlers append to; the standard output before that, or when the path is empty. Only the first call counts.
pub fn set_log_file(path: &Path) {
    if let Ok(path) = CString::new(path.as_os_str().as_bytes()) {
        let _ = LOG_FILE.set(path);
    }
}

/// Puts errno back when dropped: a handler interrupts code that may be about to read it.
pub(super) struct KeepErrno(i32);

impl KeepErrno {
    pub(super) fn new() -> KeepErrno {
        KeepErrno(nix::errno::Errno::last_raw())
    }
}

impl Drop for KeepErrno {
    fn drop(&mut self) {
        nix::errno::Errno::set_raw(self.0);
    }
}

/// A place for log lines; what is left in the buffer is written when it is dropped.
pub struct RawLog {
    descriptor: i32,
    owned: bool,
    buf: [u8; 512],
    len: usize,
}

impl RawLog {
    /// Opens the log file, or the standard output. Async-signal-safe.
    pub fn open() -> RawLog {
        match LOG_FILE.get() {
            Some(path) if !path.is_empty() => {
                let descriptor = open_append(path);
                RawLog { descriptor, owned: true, buf: [0; 512], len: 0 }
            }
            _ => RawLog { descriptor: libc::STDOUT_FILENO, owned: false, buf: [0; 512], len: 0 },
        }
    }

    #[cfg(test)]
    pub(super) fn to_file(path: &Path) -> Option<RawLog> {
        let path = CString::new(path.as_os_str().as_bytes()).ok()?;
        let descriptor = open_append(&path);
        (descriptor >= 0).then_some(RawLog { descriptor, owned: true, buf: [0; 512], len: 0 })
    }

    /// Writes the head of a line: process, "signal-handler", time.
    pub fn prefix(&mut self) {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME).map_or(0, |time| time.tv_sec());
        let _ = fmt::Write::write_fmt(self, format_args!("{}:signal-handler ({now}) ", std::process::id()));
    }

    /// A whole line with its head.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        self.prefix();
        let _ = fmt::Write::write_fmt(self, format_args!("{text}\n"));
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.len == self.buf.len() {
                self.flush();
            }
            let take = bytes.len().min(self.buf.len() - self.len);
            self.buf[self.len..self.len + take].copy_from_slice(&bytes[..take]);
            self.len += take;
            bytes = &bytes[take..];
        }
    }

    /// Appends what a file says, up to a few hundred bytes, and a newline at its end if it has none.
    pub(super) fn copy_file(&mut self, path: fmt::Arguments<'_>) {
        let mut name = ShortPath { buf: [0; 64], len: 0 };
        let mut content = [0u8; 256];
        let mut len = 0;
        if fmt::Write::write_fmt(&mut name, path).is_ok()
            && let Ok(name) = CStr::from_bytes_until_nul(&name.buf)
        {
            // SAFETY: `name` is a C string.
            let descriptor = unsafe { libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
            if descriptor >= 0 {
                // SAFETY: the descriptor was just opened, there is room for `content.len()` bytes, and it is closed once.
                unsafe {
                    len = libc::read(descriptor, content.as_mut_ptr().cast(), content.len()).max(0) as usize;
                    libc::close(descriptor);
                }
            }
        }
        self.bytes(&content[..len]);
        if content[..len].last() != Some(&b'\n') {
            self.bytes(b"\n");
        }
    }

    /// Writes out the buffer.
    pub fn flush(&mut self) {
        let mut rest = &self.buf[..self.len];
        while !rest.is_empty() {
            // SAFETY: `rest` is readable; on a bad descriptor the call fails, which ends the loop.
            let written = unsafe { libc::write(self.descriptor, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = &rest[written.min(rest.len())..],
                _ => break,
            }
        }
        self.len = 0;
    }

    /// Where the lines go, for functions of libc that write by themselves; flush first.
    pub(super) fn descriptor(&self) -> i32 {
        self.descriptor
    }
}

fn open_append(path: &CStr) -> i32 {
    // SAFETY: `path` is a C string; the mode is given since the file may be created.
    unsafe { libc::open(path.as_ptr(), libc::O_APPEND | libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC, 0o644) }
}

impl fmt::Write for RawLog {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

impl Drop for RawLog {
    fn drop(&mut self) {
        self.flush();
        if self.owned && self.descriptor >= 0 {
            // SAFETY: opened by this value, closed once.
            unsafe { libc::close(self.descriptor) };
        }
    }
}

/// A path put together without allocation, zeros behind it.
struct ShortPath {
    buf: [u8; 64],
    len: usize,
}

impl fmt::Write for ShortPath {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        if end >= self.buf.len() {
            return Err(fmt::Error);
        }
        self.buf[self.len..end].copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn lines_arrive_whole_whatever_their_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let long = "x".repeat(2000);
        {
            let mut log = RawLog::to_file(&path).unwrap();
            log.line(format_args!("first {}", 1));
            writeln!(log, "{long}").unwrap();
        }
        RawLog::to_file(&path).unwrap().copy_file(format_args!("/proc/{}/no-such", "self"));
        RawLog::to_file(&path).unwrap().copy_file(format_args!("/proc/self/{}", "comm"));
        RawLog::to_file(&path).unwrap().copy_file(format_args!("/{long}"));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with(&format!("{}:signal-handler (", std::process::id())), "{}", lines[0]);
        assert!(lines[0].ends_with(") first 1"));
        assert_eq!(lines[1], long);
        assert_eq!(lines[2], "");
        assert_eq!(lines[3], std::fs::read_to_string("/proc/self/comm").unwrap().trim_end());
        assert_eq!(lines[4], "");
        assert!(RawLog::to_file(&folder.path().join("no/such")).is_none());
    }

    #[test]
    fn a_bad_descriptor_does_no_harm() {
        let mut log = RawLog { descriptor: -1, owned: true, buf: [0; 512], len: 0 };
        log.bytes(&[b'x'; 2000]);
    }
}
