//! A small blocking client of the tests' own.
//!
//! It shares no code with the server, so that a mistake in the server's protocol cannot cancel itself out,
//! and it shows replies as they came over the wire: doubles keep their text, maps their order.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Replies nested deeper than this are refused; no command comes near.
const DEPTH_MAX: usize = 32;

/// One reply, of either protocol.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64),
    Bulk(Vec<u8>),
    /// RESP2's `$-1`.
    Nil,
    /// RESP2's `*-1`.
    NilArray,
    /// RESP3's `_`.
    Null,
    Bool(bool),
    /// The text behind the comma.
    Double(Vec<u8>),
    BigNumber(Vec<u8>),
    /// Three letters, a colon, the text.
    Verbatim(Vec<u8>),
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// An attribute and the reply it belongs to.
    Attribute(Vec<(Value, Value)>, Box<Value>),
}

impl Value {
    /// The bytes of a reply that is one string; `None` for others.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(text) | Value::Error(text) | Value::Bulk(text) | Value::Double(text) | Value::BigNumber(text) => {
                Some(text)
            }
            Value::Verbatim(text) => text.get(4..),
            _ => None,
        }
    }

    /// A one-string reply as text.
    pub fn text(&self) -> String {
        self.bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// The elements of an aggregate, a map's keys and values in turn; empty for others.
    pub fn elements(&self) -> Vec<Value> {
        match self {
            Value::Array(all) | Value::Set(all) | Value::Push(all) => all.clone(),
            Value::Map(pairs) => pairs.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect(),
            _ => Vec::new(),
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Nil | Value::NilArray | Value::Null)
    }

    /// The number of an integer reply.
    pub fn int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |out: &mut fmt::Formatter<'_>, name: &str, all: &[Value]| {
            out.write_str(name)?;
            out.debug_list().entries(all).finish()
        };
        match self {
            Value::Simple(text) => write!(out, "+{}", text.escape_ascii()),
            Value::Error(text) => write!(out, "-{}", text.escape_ascii()),
            Value::Int(number) => write!(out, ":{number}"),
            Value::Bulk(text) => write!(out, "\"{}\"", text.escape_ascii()),
            Value::Nil => out.write_str("$-1"),
            Value::NilArray => out.write_str("*-1"),
            Value::Null => out.write_str("_"),
            Value::Bool(flag) => write!(out, "#{flag}"),
            Value::Double(text) => write!(out, ",{}", text.escape_ascii()),
            Value::BigNumber(text) => write!(out, "({}", text.escape_ascii()),
            Value::Verbatim(text) => write!(out, "={}", text.escape_ascii()),
            Value::Array(all) => list(out, "", all),
            Value::Set(all) => list(out, "~", all),
            Value::Push(all) => list(out, ">", all),
            Value::Map(pairs) => out.debug_map().entries(pairs.iter().map(|(key, value)| (key, value))).finish(),
            Value::Attribute(pairs, value) => write!(out, "|{pairs:?} {value:?}"),
        }
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection; every read and write gives up after the timeout.
pub struct Client {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
    at: usize,
}

impl Client {
    pub fn tcp(port: u16) -> io::Result<Client> {
        Client::tcp_with_timeout(port, Duration::from_secs(20))
    }

    pub fn tcp_with_timeout(port: u16, timeout: Duration) -> io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Client::over(Box::new(stream)))
    }

    pub fn unix(path: &Path) -> io::Result<Client> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client::over(Box::new(stream)))
    }

    fn over(stream: Box<dyn Stream>) -> Client {
        Client { stream, input: Vec::new(), at: 0 }
    }

    /// Send bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Send one request without waiting for its reply.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut out = Vec::new();
        encode_request(&mut out, args);
        self.send_raw(&out)
    }

    /// Send one request and read its reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.send(args)?;
        self.read()
    }

    /// Send a request given as words with blanks between; panics when the connection fails.
    #[track_caller]
    pub fn run(&mut self, words: &str) -> Value {
        let args: Vec<&str> = words.split_whitespace().collect();
        match self.call(&args) {
            Ok(value) => value,
            Err(error) => panic!("{words}: {error}"),
        }
    }

    /// The next reply.
    pub fn read(&mut self) -> io::Result<Value> {
        let value = self.read_value(0)?;
        if self.at > 1 << 16 || self.at == self.input.len() {
            self.input.drain(..self.at);
            self.at = 0;
        }
        Ok(value)
    }

    /// Everything the server sends until it closes the connection.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = self.input.split_off(self.at);
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
            _ => Ok(rest),
        }
    }

    /// Whether the server has closed the connection, waiting for it as long as the timeout allows.
    pub fn is_closed(&mut self) -> bool {
        self.read_to_end().is_ok()
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16384];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
            count => {
                self.input.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut from = self.at;
        loop {
            if let Some(end) = self.input[from..].windows(2).position(|pair| pair == b"\r\n") {
                let line = self.input[self.at..from + end].to_vec();
                self.at = from + end + 2;
                return Ok(line);
            }
            from = self.input.len().saturating_sub(1).max(self.at);
            self.fill()?;
        }
    }

    fn exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.input.len() - self.at < count + 2 {
            self.fill()?;
        }
        let text = self.input[self.at..self.at + count].to_vec();
        if &self.input[self.at + count..self.at + count + 2] != b"\r\n" {
            return Err(garbage("a string does not end in CRLF"));
        }
        self.at += count + 2;
        Ok(text)
    }

    fn read_value(&mut self, depth: usize) -> io::Result<Value> {
        if depth > DEPTH_MAX {
            return Err(garbage("replies nested too deeply"));
        }
        let line = self.line()?;
        let Some((&kind, rest)) = line.split_first() else {
            return Err(garbage("an empty line where a reply should begin"));
        };
        let number = || std::str::from_utf8(rest).ok().and_then(|text| text.parse::<i64>().ok());
        let count = || number().and_then(|count| usize::try_from(count).ok()).ok_or_else(|| garbage("a bad length"));
        Ok(match kind {
            b'+' => Value::Simple(rest.to_vec()),
            b'-' => Value::Error(rest.to_vec()),
            b':' => Value::Int(number().ok_or_else(|| garbage("a bad integer"))?),
            b'$' if rest == b"-1" => Value::Nil,
            b'*' if rest == b"-1" => Value::NilArray,
            b'_' => Value::Null,
            b'#' => Value::Bool(rest == b"t"),
            b',' => Value::Double(rest.to_vec()),
            b'(' => Value::BigNumber(rest.to_vec()),
            b'$' => Value::Bulk(self.exact(count()?)?),
            b'=' => Value::Verbatim(self.exact(count()?)?),
            b'!' => Value::Error(self.exact(count()?)?),
            b'*' => Value::Array(self.read_values(count()?, depth)?),
            b'~' => Value::Set(self.read_values(count()?, depth)?),
            b'>' => Value::Push(self.read_values(count()?, depth)?),
            b'%' => Value::Map(self.read_pairs(count()?, depth)?),
            b'|' => {
                let pairs = self.read_pairs(count()?, depth)?;
                Value::Attribute(pairs, Box::new(self.read_value(depth + 1)?))
            }
            _ => {
                return Err(garbage(&format!("not the start of a reply: {}", line.escape_ascii())));
            }
        })
    }

    fn read_values(&mut self, count: usize, depth: usize) -> io::Result<Vec<Value>> {
        (0..count).map(|_| self.read_value(depth + 1)).collect()
    }

    fn read_pairs(&mut self, count: usize, depth: usize) -> io::Result<Vec<(Value, Value)>> {
        (0..count).map(|_| Ok((self.read_value(depth + 1)?, self.read_value(depth + 1)?))).collect()
    }
}

fn garbage(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Append a request as an array of bulk strings.
pub fn encode_request<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: &[A]) {
    out.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}
