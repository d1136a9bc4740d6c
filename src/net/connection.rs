//! A connection: a TCP or unix stream, or nothing for clients inside the server.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

/// Where a client's bytes come from and go to.
#[derive(Debug)]
pub enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
    None,
}

impl Connection {
    /// Registers for both directions, once and for all: the events are edge-triggered.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Connection::Tcp(stream) => stream.register(registry, token, both),
            Connection::Unix(stream) => stream.register(registry, token, both),
            Connection::None => Ok(()),
        }
    }

    /// Ends the events.
    pub fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Connection::Tcp(stream) => stream.deregister(registry),
            Connection::Unix(stream) => stream.deregister(registry),
            Connection::None => Ok(()),
        }
    }

    /// Ends the stream for both sides, whoever else has the socket open.
    pub fn shut_down(&self) {
        // It may have ended already.
        let _ = match self {
            Connection::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Connection::Unix(stream) => stream.shutdown(Shutdown::Both),
            Connection::None => Ok(()),
        };
    }

    /// One read; `Ok(0)` is the end of the stream.
    #[inline]
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.read(buf),
            Connection::Unix(stream) => stream.read(buf),
            Connection::None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// One write.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.write(bytes),
            Connection::Unix(stream) => stream.write(bytes),
            Connection::None => Ok(bytes.len()),
        }
    }

    /// One write of several pieces.
    pub fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.write_vectored(pieces),
            Connection::Unix(stream) => stream.write_vectored(pieces),
            Connection::None => Ok(pieces.iter().map(|piece| piece.len()).sum()),
        }
    }

    /// The peer's address, for TCP.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Connection::Tcp(stream) => stream.peer_addr().ok(),
            _ => None,
        }
    }

    /// Our end's address, for TCP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Connection::Tcp(stream) => stream.local_addr().ok(),
            _ => None,
        }
    }

    /// The file descriptor, or -1.
    pub fn fd(&self) -> i32 {
        use std::os::fd::AsRawFd;
        match self {
            Connection::Tcp(stream) => stream.as_raw_fd(),
            Connection::Unix(stream) => stream.as_raw_fd(),
            Connection::None => -1,
        }
    }
}
