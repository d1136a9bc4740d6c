//! Log lines to syslog, as datagrams in the traditional form.
//!
//! ```text
//! <134>redis[4711]: Ready to accept connections tcp
//!  facility * 8 + severity
//! ```
//!
//! The receiver adds the time. A receiver that is not there, or has gone, costs the line and nothing else; the socket is
//! connected anew for the next one.

use std::fmt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use log::Level;

use crate::config::values::SyslogFacility;

/// The way to the receiver.
pub struct Syslog {
    socket: Option<UnixDatagram>,
    receiver: PathBuf,
    ident: String,
    facility: u8,
}

impl Syslog {
    /// To this machine's syslog, under this name.
    pub fn new(ident: String, facility: SyslogFacility) -> Syslog {
        Syslog::at(Path::new("/dev/log"), ident, facility)
    }

    fn at(receiver: &Path, ident: String, facility: SyslogFacility) -> Syslog {
        use SyslogFacility::*;
        let facility = match facility {
            User => 1,
            Local0 => 16,
            Local1 => 17,
            Local2 => 18,
            Local3 => 19,
            Local4 => 20,
            Local5 => 21,
            Local6 => 22,
            Local7 => 23,
        };
        let socket = UnixDatagram::unbound().and_then(|socket| socket.set_nonblocking(true).map(|()| socket)).ok();
        Syslog { socket, receiver: receiver.to_path_buf(), ident, facility }
    }

    /// Sends a line.
    pub fn send(&self, level: Level, text: &fmt::Arguments<'_>) {
        let severity = match level {
            Level::Error | Level::Warn => 4,
            Level::Info => 5,
            Level::Debug => 6,
            Level::Trace => 7,
        };
        let priority = self.facility * 8 + severity;
        let line = format!("<{priority}>{}[{}]: {text}", self.ident, std::process::id());
        if let Some(socket) = &self.socket {
            let _ = socket.send_to(line.as_bytes(), &self.receiver);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_with_their_priority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let syslog = Syslog::at(&path, "redis".into(), SyslogFacility::Local0);
        syslog.send(Level::Info, &format_args!("nobody is there"));
        let receiver = UnixDatagram::bind(&path).unwrap();
        syslog.send(Level::Info, &format_args!("ready {}", 1));
        syslog.send(Level::Trace, &format_args!("x"));
        let mut buf = [0; 100];
        let mut next = || {
            let len = receiver.recv(&mut buf).unwrap();
            String::from_utf8_lossy(&buf[..len]).into_owned()
        };
        let pid = std::process::id();
        assert_eq!(next(), format!("<133>redis[{pid}]: ready 1"));
        assert_eq!(next(), format!("<135>redis[{pid}]: x"));
    }
}
