//! Listening sockets: TCP on each bound address, and the unix socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::connection::Connection;

/// A socket that accepts.
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens on `address`.
    ///
    /// # Errors
    /// Whatever the kernel says: address in use, not available, family not supported.
    pub fn tcp(address: SocketAddr, backlog: i32, mark: u32) -> Result<Listener, ListenError> {
        let domain = if address.is_ipv6() { Domain::IPV6 } else { Domain::IPV4 };
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(failed("socket"))?;
        if address.is_ipv6() {
            socket.set_only_v6(true).map_err(failed("setsockopt"))?;
        }
        socket.set_reuse_address(true).map_err(failed("setsockopt SO_REUSEADDR"))?;
        if mark > 0 {
            socket.set_mark(mark).map_err(failed("setsockopt"))?;
        }
        socket.set_nonblocking(true).map_err(failed("fcntl"))?;
        socket.bind(&SockAddr::from(address)).map_err(failed("bind"))?;
        socket.listen(backlog).map_err(failed("listen"))?;
        Ok(Listener::Tcp(TcpListener::from_std(socket.into())))
    }

    /// Listens on a unix socket at `path`, which is replaced if it is there. The permissions are set before the
    /// socket listens, so that nobody connects in between.
    pub fn unix(path: &Path, permissions: u32, backlog: i32) -> Result<Listener, ListenError> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("unlink")(error)),
            _ => {}
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("socket"))?;
        socket.set_nonblocking(true).map_err(failed("fcntl"))?;
        socket.bind(&SockAddr::unix(path).map_err(failed("bind"))?).map_err(failed("bind"))?;
        if permissions != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions)).map_err(failed("chmod"))?;
        }
        socket.listen(backlog).map_err(failed("listen"))?;
        Ok(Listener::Unix(UnixListener::from_std(socket.into()), path.to_path_buf()))
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Listener::Unix(listener, _) => registry.register(listener, token, Interest::READABLE),
        }
    }

    pub fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => registry.deregister(listener),
            Listener::Unix(listener, _) => registry.deregister(listener),
        }
    }

    /// The next connection, and the peer's address if it has one.
    pub fn accept(&self) -> io::Result<(Connection, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) => listener.accept().map(|(stream, peer)| (Connection::Tcp(stream), Some(peer))),
            Listener::Unix(listener, _) => listener.accept().map(|(stream, _)| (Connection::Unix(stream), None)),
        }
    }

    /// The socket's path, for a unix socket.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Listener::Tcp(_) => None,
            Listener::Unix(_, path) => Some(path),
        }
    }

    pub fn fd(&self) -> i32 {
        match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix(listener, _) => listener.as_raw_fd(),
        }
    }
}

/// Why a socket does not listen.
#[derive(Debug)]
pub struct ListenError {
    /// What failed: `bind`, `listen`, …; empty when the name could not be resolved.
    pub call: &'static str,
    pub error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = crate::config::file::reason(&self.error);
        match self.call {
            "" => f.write_str(reason.trim_start_matches("failed to lookup address information: ")),
            call => write!(f, "{call}: {reason}"),
        }
    }
}

fn failed(call: &'static str) -> impl FnOnce(io::Error) -> ListenError {
    move |error| ListenError { call, error }
}

impl ListenError {
    /// The machine has no such protocol, so that no address of its kind can be had.
    pub fn is_unsupported(&self) -> bool {
        use libc::{EAFNOSUPPORT, ENOPROTOOPT, EPFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT};
        matches!(
            self.error.raw_os_error(),
            Some(ENOPROTOOPT | EPROTONOSUPPORT | ESOCKTNOSUPPORT | EPFNOSUPPORT | EAFNOSUPPORT)
        )
    }

    /// The address is none of this machine's.
    pub fn is_elsewhere(&self) -> bool {
        self.error.raw_os_error() == Some(libc::EADDRNOTAVAIL)
    }
}

/// One address of the `bind` directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    pub address: SocketAddr,
    /// Written with a leading `-`: it may be unavailable.
    pub optional: bool,
}

/// The addresses that a `bind` word stands for on `port`: `*` every IPv4 address, `::*` every IPv6 one.
///
/// # Errors
/// When the name cannot be resolved.
pub fn resolve(word: &str, port: u16) -> Result<Bind, ListenError> {
    let (optional, host) = match word.strip_prefix('-') {
        Some(host) => (true, host),
        None => (false, word),
    };
    let address = match host {
        "*" => SocketAddr::from(([0, 0, 0, 0], port)),
        "::*" => SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port),
        host => (host, port)
            .to_socket_addrs()
            .and_then(|mut found| found.next().ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(failed(""))?,
    };
    Ok(Bind { address, optional })
}

/// Prepares an accepted connection: no delay, keepalive as configured (seconds; 0: none).
pub fn prepare(connection: &Connection, keepalive_s: u64) -> io::Result<()> {
    let Connection::Tcp(stream) = connection else { return Ok(()) };
    stream.set_nodelay(true)?;
    if keepalive_s > 0 {
        let third = std::time::Duration::from_secs((keepalive_s / 3).max(1));
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(std::time::Duration::from_secs(keepalive_s))
            .with_interval(third)
            .with_retries(3);
        socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_words() {
        let bind = |word| resolve(word, 7000).map(|bind| (bind.address.to_string(), bind.optional));
        assert_eq!(bind("127.0.0.1").unwrap(), ("127.0.0.1:7000".into(), false));
        assert_eq!(bind("-::1").unwrap(), ("[::1]:7000".into(), true));
        assert_eq!(bind("*").unwrap(), ("0.0.0.0:7000".into(), false));
        assert_eq!(bind("-::*").unwrap(), ("[::]:7000".into(), true));
    }
}
