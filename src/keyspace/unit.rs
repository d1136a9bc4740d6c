//! What one top-level command sends on: to the append only file and to replicas.
//!
//! While a command runs, the commands that have the same result elsewhere are written here, as requests, one behind the other:
//! the command itself or what stands for it, and keys that expired or were evicted on the way. A transaction or a script is
//! one unit with all that ran inside. When the top-level command is done the unit is fed to whoever listens and emptied.
//!
//! ```text
//! bytes     *2 DEL k | *3 SET k v | *2 DEL x
//! commands  (db 0, end) (db 0, end) (db 3, end)       a command is bytes[end of the one before .. end]
//! ```

use crate::resp::request;

/// The commands of a unit.
#[derive(Debug, Default)]
pub struct Unit {
    bytes: Vec<u8>,
    commands: Vec<(usize, usize)>,
}

/// Room of an emptied unit above which it is given back.
const KEPT_BYTES: usize = 64 * 1024;

impl Unit {
    /// Adds a command that runs in database `db`.
    #[inline]
    pub fn push<'a>(&mut self, db: usize, words: impl ExactSizeIterator<Item = &'a [u8]>) {
        request::request(&mut self.bytes, words);
        self.commands.push((db, self.bytes.len()));
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Number of commands.
    #[inline]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Each command's database and its request.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut start = 0;
        self.commands.iter().map(move |&(db, end)| {
            let bytes = &self.bytes[start..end];
            start = end;
            (db, bytes)
        })
    }

    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.commands.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            *self = Unit::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_back_one_by_one() {
        let mut unit = Unit::default();
        assert!(unit.is_empty());
        unit.push(0, [&b"DEL"[..], b"k"].into_iter());
        unit.push(3, [&b"PING"[..]].into_iter());
        let commands: Vec<_> = unit.iter().collect();
        assert_eq!(commands, [(0, &b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"[..]), (3, b"*1\r\n$4\r\nPING\r\n")]);
        unit.clear();
        assert_eq!((unit.len(), unit.iter().count()), (0, 0));
    }
}
