//! The slow log: the commands that took longest, newest first, with their arguments clipped.

use std::collections::VecDeque;

use crate::resp::Args;
use crate::sys::defrag::Mover;

/// Arguments kept of a command; the last of them says how many more there were.
const ARGS_MAX: usize = 32;
/// Bytes kept of an argument.
const ARG_BYTES_MAX: usize = 128;

/// One slow command.
pub struct Entry {
    pub id: u64,
    /// Unix time in seconds.
    pub time_s: u64,
    pub duration_us: u64,
    pub args: Vec<Box<[u8]>>,
    pub peer: Box<[u8]>,
    pub client_name: Box<[u8]>,
}

/// The log.
#[derive(Default)]
pub struct Slowlog {
    pub entries: VecDeque<Entry>,
    next_id: u64,
}

impl Slowlog {
    /// Adds a command, and drops the oldest beyond `max_len`.
    pub fn add(
        &mut self,
        args: Args<'_>,
        duration_us: u64,
        time_s: u64,
        peer: Box<[u8]>,
        client_name: Box<[u8]>,
        max_len: usize,
    ) {
        if max_len == 0 {
            return;
        }
        let entry = Entry { id: self.next_id, time_s, duration_us, args: clip(args), peer, client_name };
        self.next_id += 1;
        self.entries.push_front(entry);
        self.trim(max_len);
    }

    /// Moves the blocks of an entry; returns the entry to go on with, 0 at the end. What comes in between shifts them.
    pub fn defrag(&mut self, index: usize, mover: &mut Mover) -> usize {
        if index == 0 {
            mover.deque(&mut self.entries);
        }
        let Some(entry) = self.entries.get_mut(index) else { return 0 };
        mover.vec(&mut entry.args);
        entry.args.iter_mut().for_each(|arg| mover.slice(arg));
        mover.slice(&mut entry.peer);
        mover.slice(&mut entry.client_name);
        index + 1
    }

    /// Drops the oldest beyond `max_len`.
    pub fn trim(&mut self, max_len: usize) {
        self.entries.truncate(max_len);
    }
}

fn clip(args: Args<'_>) -> Vec<Box<[u8]>> {
    let mut kept: Vec<Box<[u8]>> = Vec::with_capacity(args.len().min(ARGS_MAX));
    for (i, arg) in args.iter().enumerate() {
        if i == ARGS_MAX - 1 && args.len() > ARGS_MAX {
            kept.push(format!("... ({} more arguments)", args.len() - ARGS_MAX + 1).into_bytes().into());
            break;
        }
        if arg.len() > ARG_BYTES_MAX {
            let more = format!("... ({} more bytes)", arg.len() - ARG_BYTES_MAX);
            kept.push([&arg[..ARG_BYTES_MAX], more.as_bytes()].concat().into());
        } else {
            kept.push(arg.into());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    #[test]
    fn long_arguments_and_long_lists_are_clipped() {
        let mut log = Slowlog::default();
        let args: OwnedArgs = (0..33).map(|i| vec![b'x'; if i == 1 { 129 } else { 128 }]).collect();
        log.add(args.view(), 7, 1, b"peer"[..].into(), b""[..].into(), 10);
        let entry = &log.entries[0];
        assert_eq!(entry.args.len(), 32);
        assert!(entry.args[1].ends_with(b"... (1 more bytes)"));
        assert_eq!(&*entry.args[31], b"... (2 more arguments)");
        for _ in 0..20 {
            log.add(args.view(), 7, 1, b"peer"[..].into(), b""[..].into(), 10);
        }
        assert_eq!((log.entries.len(), log.entries[0].id), (10, 20));
    }
}
