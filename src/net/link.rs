//! Connections to other servers on which the reactor waits: a request is sent whole, and answered by lines.
//!
//! They are kept for a while, since who moves one key often moves the next. What is never kept is one of which it is not
//! certain where its next answer begins.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Connections that are kept.
const KEPT: usize = 10;
/// How long they are kept without being used.
const IDLE_NS: u64 = 10_000_000_000;
/// Bytes written before the clock starts anew.
const PIECE_BYTES: usize = 64 * 1024;
/// The longest line that is an answer.
const LINE_BYTES: usize = 1024;

/// Whether it took too long, rather than failed.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}

/// One connection.
pub struct Link {
    host: Box<[u8]>,
    port: Box<[u8]>,
    stream: TcpStream,
    /// What was read and is no line yet, or the lines to come.
    input: Vec<u8>,
    /// The database that is selected there, if that is certain.
    pub db: Option<i64>,
    used_ns: u64,
}

impl Link {
    /// A new connection.
    ///
    /// # Errors
    /// There is no such server, or it does not answer in time.
    pub fn connect(host: &[u8], port: &[u8], timeout: Duration) -> io::Result<Link> {
        let bad = |_| io::Error::from(ErrorKind::InvalidInput);
        let name = std::str::from_utf8(host).map_err(bad)?;
        let number: u16 = std::str::from_utf8(port).map_err(bad)?.parse().map_err(|_| ErrorKind::InvalidInput)?;
        let mut failure = ErrorKind::NotFound.into();
        for address in (name, number).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Link { host: host.into(), port: port.into(), stream, input: Vec::new(), db: None, used_ns: 0 });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Writes everything, taking no longer than `timeout` for each piece.
    ///
    /// # Errors
    /// It could not be written, or not in time.
    pub fn send(&mut self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        for mut piece in bytes.chunks(PIECE_BYTES) {
            let until = Instant::now() + timeout;
            while !piece.is_empty() {
                self.stream.set_write_timeout(Some(left(until)?))?;
                match self.stream.write(piece) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(n) => piece = &piece[n..],
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// There is none, not in time, or it is longer than any answer.
    pub fn line(&mut self, timeout: Duration) -> io::Result<Vec<u8>> {
        let until = Instant::now() + timeout;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                line.truncate(line.len() - 1 - usize::from(line.ends_with(b"\r\n")));
                return Ok(line);
            }
            if self.input.len() >= LINE_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            self.stream.set_read_timeout(Some(left(until)?))?;
            let mut buf = [0; 4 * LINE_BYTES];
            match self.stream.read(&mut buf) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.input.extend_from_slice(&buf[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A forked child may have the socket, too.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The connections that are kept.
#[derive(Default)]
pub struct Links(Vec<Link>);

impl Links {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the one to this server out, if there is one.
    pub fn take(&mut self, host: &[u8], port: &[u8]) -> Option<Link> {
        let at = self.0.iter().position(|link| *link.host == *host && *link.port == *port)?;
        Some(self.0.swap_remove(at))
    }

    /// Keeps one that was just used; any other goes if there are too many.
    pub fn keep(&mut self, mut link: Link, now_ns: u64, rng: &mut fastrand::Rng) {
        if !link.input.is_empty() {
            return;
        }
        if self.0.len() >= KEPT {
            self.0.swap_remove(rng.usize(..self.0.len()));
        }
        link.used_ns = now_ns;
        self.0.push(link);
    }

    /// Closes those that were not used for a while.
    pub fn close_idle(&mut self, now_ns: u64) {
        self.0.retain(|link| now_ns.saturating_sub(link.used_ns) <= IDLE_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn linked() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let link = Link::connect(b"127.0.0.1", port.as_bytes(), Duration::from_secs(5)).unwrap();
        (link, listener.accept().unwrap().0)
    }

    #[test]
    fn lines_come_one_by_one_however_they_arrive() {
        let (mut link, mut other) = linked();
        let wait = Duration::from_secs(5);
        other.write_all(b"+OK\r\n-ER").unwrap();
        assert_eq!(link.line(wait).unwrap(), b"+OK");
        assert!(is_timeout(&link.line(Duration::from_millis(20)).unwrap_err()));
        other.write_all(b"R\n").unwrap();
        assert_eq!(link.line(wait).unwrap(), b"-ERR");
        other.write_all(&[b'x'; LINE_BYTES]).unwrap();
        assert_eq!(link.line(wait).unwrap_err().kind(), ErrorKind::InvalidData);
        drop(other);
    }

    #[test]
    fn ten_are_kept_and_none_that_has_more_to_say() {
        let mut links = Links::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut others = Vec::new();
        for used_ns in 0..12 {
            let (link, other) = linked();
            links.keep(link, used_ns, &mut rng);
            others.push(other);
        }
        assert_eq!(links.len(), KEPT);
        let (mut link, _other) = linked();
        link.input.push(b'+');
        links.keep(link, 0, &mut rng);
        assert_eq!(links.len(), KEPT);
        links.close_idle(IDLE_NS + 8);
        assert!(!links.is_empty() && links.len() < KEPT);
        links.close_idle(u64::MAX);
        assert!(links.is_empty());
    }
}
