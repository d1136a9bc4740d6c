//! A file as a source: read in pieces, the checksum being taken of each piece when it has been used up.
//!
//! Whoever waits meanwhile has a turn now and then ([`Company`]).

use std::io;
use std::sync::Arc;

use super::format::Family;
use super::source::{Error, Source};
use crate::sys::clock;
use crate::sys::disk::DiskFile;
use crate::util::crc64::crc64;

/// Bytes read at once.
const PIECE_BYTES: usize = 256 * 1024;
/// The company waits no longer than this, in ns, whatever the file's pace.
const TICK_NS: u64 = 5_000_000;

/// Who is to be served while a file is being read.
pub trait Company {
    /// A turn for them, `offset` bytes of the file having been read. `false`: there is to be no more reading.
    fn turn(&mut self, offset: u64) -> bool;
    /// How many bytes are read between two turns.
    fn interval_bytes(&self) -> u64;
}

/// Nobody is.
pub struct Alone;

impl Company for Alone {
    fn turn(&mut self, _offset: u64) -> bool {
        true
    }

    fn interval_bytes(&self) -> u64 {
        u64::MAX / 2
    }
}

/// What the checksum at the end of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    Right,
    Wrong {
        expected: u64,
        computed: u64,
    },
    /// It was not computed when the file was written.
    Absent,
    /// It was not computed here.
    Unknown,
}

/// A file as a source. See the file's head.
pub struct Stream<C> {
    pub company: C,
    file: Arc<dyn DiskFile>,
    buf: Vec<u8>,
    pos: usize,
    /// Bytes of the file before `buf`.
    before: u64,
    /// Bytes of the file behind `buf`.
    left: u64,
    crc: u64,
    /// Up to where in `buf` the checksum has been taken.
    summed: usize,
    checksum: bool,
    /// Offset from which on the next turn is due.
    tick_at: u64,
    ticked_ns: u64,
}

impl<C: Company> Stream<C> {
    /// The file from its start, which is its position.
    ///
    /// # Errors
    /// Its length is not to be had.
    pub fn new(file: Arc<dyn DiskFile>, company: C, checksum: bool) -> io::Result<Self> {
        let left = file.len()?;
        let tick_at = company.interval_bytes();
        Ok(Stream {
            company,
            file,
            buf: Vec::new(),
            pos: 0,
            before: 0,
            left,
            crc: 0,
            summed: 0,
            checksum,
            tick_at,
            ticked_ns: clock::monotonic_ns(),
        })
    }

    /// Bytes that have been read.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.before + self.pos as u64
    }

    /// Reads the checksum at the end, and compares.
    ///
    /// # Errors
    /// It is not there.
    pub fn checksum(&mut self) -> Result<Checksum, Error> {
        self.sum();
        let computed = self.crc;
        let expected = u64::from_le_bytes(self.array()?);
        Ok(match expected {
            0 => Checksum::Absent,
            _ if !self.checksum => Checksum::Unknown,
            _ if expected == computed => Checksum::Right,
            _ => Checksum::Wrong { expected, computed },
        })
    }

    /// Lets the company have a turn if one is due by bytes or, where the clock is to be looked at, by time.
    ///
    /// # Errors
    /// There is to be no more reading.
    #[inline]
    pub fn look(&mut self, at_clock: bool) -> Result<(), Error> {
        if self.offset() >= self.tick_at || at_clock && clock::monotonic_ns() > self.ticked_ns + TICK_NS {
            self.tick()?;
        }
        Ok(())
    }

    fn sum(&mut self) {
        if self.checksum {
            self.crc = crc64(self.crc, &self.buf[self.summed..self.pos]);
        }
        self.summed = self.pos;
    }

    /// Makes `n` bytes available from the position on.
    #[cold]
    fn refill(&mut self, n: usize) -> Result<(), Error> {
        self.sum();
        let kept = self.buf.len() - self.pos;
        if (n - kept) as u64 > self.left {
            return Err(Error::Truncated);
        }
        self.before += self.pos as u64;
        self.buf.drain(..self.pos);
        (self.pos, self.summed) = (0, 0);
        // The file has them; it may still have been cut since it was measured, so room is made as they come.
        while self.buf.len() < n {
            let start = self.buf.len();
            let step = (n - start).clamp(PIECE_BYTES, 16 * PIECE_BYTES).min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.buf.resize(start + step, 0);
            let read = match self.file.read(&mut self.buf[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Ok(0) => {
                    self.buf.truncate(start);
                    return Err(Error::Truncated);
                }
                Ok(read) => read,
                Err(error) => {
                    self.buf.truncate(start);
                    return Err(error.into());
                }
            };
            self.buf.truncate(start + read);
            self.left -= read as u64;
            if self.before + self.buf.len() as u64 >= self.tick_at {
                self.tick()?;
            }
        }
        Ok(())
    }

    #[cold]
    fn tick(&mut self) -> Result<(), Error> {
        let offset = self.offset();
        self.tick_at = offset.max(self.tick_at) + self.company.interval_bytes();
        self.ticked_ns = clock::monotonic_ns();
        if self.company.turn(offset) { Ok(()) } else { Err(Error::Interrupted) }
    }
}

impl<C: Company> Source for Stream<C> {
    #[inline]
    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        if self.buf.len() - self.pos < n {
            self.refill(n)?;
        }
        let start = self.pos;
        self.pos += n;
        Ok(&self.buf[start..self.pos])
    }

    fn may_have(&self, n: u64) -> bool {
        n <= (self.buf.len() - self.pos) as u64 + self.left
    }
}

/// The version that a file's first bytes say, and whose it is.
///
/// # Errors
/// They are no snapshot's, or of a version that is not read here.
pub fn version(source: &mut impl Source) -> Result<(Family, u16), Error> {
    const WRONG_SIGNATURE: Error = Error::corrupt("Wrong signature trying to load DB from file");
    let head: [u8; 9] = source.array()?;
    let (digits, valkey) = match (head.strip_prefix(b"REDIS"), head.strip_prefix(b"VALKEY")) {
        (Some(digits), _) => (digits, false),
        (_, Some(digits)) => (digits, true),
        _ => return Err(WRONG_SIGNATURE),
    };
    let version = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(WRONG_SIGNATURE)?;
    match Family::of_version(version) {
        Some(family) if valkey == (family == Family::Valkey) => Ok((family, version)),
        _ => Err(Error::Corrupt(format!("Can't handle RDB format version {version}").into())),
    }
}
