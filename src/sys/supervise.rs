//! Telling a supervisor (systemd or upstart) how far the start has come.
//!
//! systemd takes datagrams of `KEY=value` lines at the socket that `$NOTIFY_SOCKET` names; upstart waits for the
//! process to stop itself once.
#![allow(unsafe_code)]

use nix::sys::signal::{Signal, raise};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Who is to be told, as the directive `supervised` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    No,
    /// Whichever the environment speaks of.
    Auto,
    Systemd,
    Upstart,
}

/// A supervisor that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Supervisor {
    Systemd { socket: OsString },
    Upstart,
}

impl Supervisor {
    /// Looks for the supervisor in the environment; `None` when `mode` wants none or its variable is missing.
    pub fn find(mode: Mode) -> Option<Supervisor> {
        find(mode, env::var_os("UPSTART_JOB").is_some(), env::var_os("NOTIFY_SOCKET"))
    }

    /// Sends lines such as `STATUS=Loading` or `READY=1` to systemd; upstart has no such channel.
    pub fn notify(&self, lines: &str) -> io::Result<()> {
        match self {
            Supervisor::Systemd { socket } => {
                UnixDatagram::unbound()?.send_to_addr(lines.as_bytes(), &address(socket)?)?;
                Ok(())
            }
            Supervisor::Upstart => Ok(()),
        }
    }

    /// Says that the server is ready: to systemd in words; for upstart the process stops itself until it is told to go on.
    pub fn ready(&self) -> io::Result<()> {
        match self {
            Supervisor::Systemd { .. } => self.notify("STATUS=Ready to accept connections\nREADY=1\n"),
            Supervisor::Upstart => {
                raise(Signal::SIGSTOP)?;
                // SAFETY: this happens once, during the start; threads that run by then do not touch the environment.
                unsafe { env::remove_var("UPSTART_JOB") };
                Ok(())
            }
        }
    }
}

fn find(mode: Mode, upstart: bool, socket: Option<OsString>) -> Option<Supervisor> {
    let systemd = socket.map(|socket| Supervisor::Systemd { socket });
    let upstart = upstart.then_some(Supervisor::Upstart);
    match mode {
        Mode::No => None,
        Mode::Auto => upstart.or(systemd),
        Mode::Systemd => systemd,
        Mode::Upstart => upstart,
    }
}

/// A path, or after `@` a name in the abstract namespace.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(socket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_wanted_and_there() {
        let socket = || Some(OsString::from("/run/notify"));
        let systemd = || Some(Supervisor::Systemd { socket: "/run/notify".into() });
        assert_eq!(find(Mode::No, true, socket()), None);
        assert_eq!(find(Mode::Auto, false, socket()), systemd());
        assert_eq!(find(Mode::Auto, true, socket()), Some(Supervisor::Upstart));
        assert_eq!(find(Mode::Auto, false, None), None);
        assert_eq!(find(Mode::Systemd, true, None), None);
        assert_eq!(find(Mode::Systemd, true, socket()), systemd());
        assert_eq!(find(Mode::Upstart, false, socket()), None);
    }

    #[test]
    fn systemd_hears_it_at_paths_and_abstract_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("@redoubt-test-{}", std::process::id());
        for socket in [path.as_os_str(), OsStr::new(&abstract_name)] {
            let receiver = UnixDatagram::bind_addr(&address(socket).unwrap()).unwrap();
            let supervisor = Supervisor::Systemd { socket: socket.to_owned() };
            supervisor.ready().unwrap();
            let mut buf = [0; 100];
            let len = receiver.recv(&mut buf).unwrap();
            assert_eq!(&buf[..len], b"STATUS=Ready to accept connections\nREADY=1\n");
        }
        let gone = Supervisor::Systemd { socket: folder.path().join("gone").into() };
        assert!(gone.notify("X=1").is_err());
        assert!(Supervisor::Upstart.notify("X=1").is_ok());
    }
}
