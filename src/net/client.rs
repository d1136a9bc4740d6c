//! One client: whatever runs commands, with a socket or without.
//!
//! The struct is kept small, for ten thousand of these may sit idle: an idle client owns no buffer, and what only
//! few clients need (a name, a transaction, a wait) lies behind one pointer that is allocated on first use.

use std::io;
use std::net::SocketAddr;

use bitflags::bitflags;

use super::connection::Connection;
use super::output::{Backlog, Message};
use crate::dispatch::blocking::Waiting;
use crate::dispatch::transaction::Transaction;
use crate::pubsub::subscriptions::Subscriptions;
use crate::pubsub::tracking::Tracking;
use crate::resp::Reply;
use crate::resp::parse::Partial;

bitflags! {
    /// What a client is in the middle of, and how it wants to be treated.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ClientFlags: u32 {
        /// Between MULTI and EXEC.
        const MULTI = 1 << 0;
        /// A watched key changed: EXEC will refuse.
        const DIRTY_CAS = 1 << 1;
        /// A command was refused while queueing: EXEC will abort.
        const DIRTY_EXEC = 1 << 2;
        /// Waiting for a key.
        const BLOCKED = 1 << 3;
        /// Its next request waits for CLIENT PAUSE to end.
        const POSTPONED = 1 << 4;
        /// To be closed once its replies are written; nothing more is read.
        const CLOSE_AFTER_REPLY = 1 << 5;
        /// To be closed at the end of the turn.
        const CLOSE_ASAP = 1 << 6;
        const MONITOR = 1 << 7;
        const NO_EVICT = 1 << 8;
        const NO_TOUCH = 1 << 9;
        /// CLIENT REPLY OFF.
        const REPLY_OFF = 1 << 10;
        /// The reply to the running command is skipped.
        const REPLY_SKIP = 1 << 11;
        /// The reply to the next command is skipped.
        const REPLY_SKIP_NEXT = 1 << 12;
        /// Connected through the unix socket.
        const UNIX_SOCKET = 1 << 13;
        /// On the list of clients with output to write.
        const PENDING_WRITE = 1 << 14;
        /// On the list of clients with input to look at.
        const PENDING_READ = 1 << 15;
        /// The last write was cut short: wait for the socket to say it is writable.
        const WRITE_BLOCKED = 1 << 16;
        /// Runs a command that was blocked before.
        const REEXECUTING = 1 << 17;
        /// Has authenticated (or needs not).
        const AUTHENTICATED = 1 << 18;
        /// Being evicted for the memory its buffers take.
        const EVICTED = 1 << 19;
        /// The kernel has said that the socket's input ends behind what is there to be read.
        const INPUT_ENDED = 1 << 20;
        /// Subscribed to something.
        const PUBSUB = 1 << 21;
        /// Is told when keys change (CLIENT TRACKING).
        const TRACKING = 1 << 22;
        /// Its output is lent to the command it runs: what others send it waits in the meantime.
        const LENT = 1 << 23;
        /// The turn has input of it in hand.
        const IN_HAND = 1 << 24;
    }
}

/// A client's name among all there ever were: its slot, and the id that tells whether the slot is still its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId {
    pub slot: u32,
    pub id: u64,
}

impl ClientId {
    /// No client at all.
    pub const NOBODY: ClientId = ClientId { slot: u32::MAX, id: 0 };
}

/// What only some clients have.
#[derive(Default)]
pub struct Extra {
    pub name: Option<Box<[u8]>>,
    pub lib_name: Option<Box<[u8]>>,
    pub lib_version: Option<Box<[u8]>>,
    /// Commands queued since MULTI.
    pub transaction: Transaction,
    /// Keys watched: database and key, and whether the key had expired when the watch began.
    pub watched: Vec<(usize, Box<[u8]>, bool)>,
    /// What watching them costs, in bytes.
    pub watched_bytes: usize,
    /// What a blocked client waits for.
    pub waiting: Option<Box<Waiting>>,
    /// Why a client that is about to be closed is closed.
    pub close_reason: Option<&'static str>,
    /// Channels and patterns it listens to.
    pub subscriptions: Subscriptions,
    /// How it is told of keys that change, if it is.
    pub tracking: Option<Box<Tracking>>,
}

/// A buffer for input that a client needs for its own is at least this large.
pub const QUERY_BUFFER_MIN: usize = 16 * 1024;
/// One larger than this is made smaller when less is needed.
const QUERY_BUFFER_BIG: usize = 32 * 1024;
/// How long a client must be silent for its empty buffer to be freed.
const QUERY_BUFFER_IDLE_MS: u64 = 2000;
/// How long the largest output is remembered.
const REPLY_PEAK_MS: u64 = 5000;

/// A client.
pub struct Client {
    pub id: u64,
    pub flags: ClientFlags,
    /// Selected database.
    pub db: u32,
    pub connection: Connection,
    /// Where it connected from, for TCP.
    pub peer: Option<SocketAddr>,
    /// Older output that lies elsewhere.
    backlog: Option<Box<Backlog>>,
    /// The newest output.
    pub reply: Reply,
    /// How much of the first of them (the backlog's first piece, or `reply`) has been written, in bytes.
    pub sent: usize,
    /// Input of a request that is not all there, or that must wait.
    pub query: Vec<u8>,
    pub partial: Option<Box<Partial>>,
    pub created_ms: u64,
    pub last_interaction_ms: u64,
    /// Since when the output is over the soft limit, in unix ms; 0: it is not.
    pub soft_limit_since_ms: u64,
    pub net_input_bytes: u64,
    pub net_output_bytes: u64,
    pub commands: u64,
    /// How far the append only file has to be safe for this client's changes to be.
    pub log_end: u64,
    /// Id of the command it ran last, in the command table.
    pub last_command: Option<u16>,
    /// Bytes of arguments of the request that is being parsed or run.
    pub argv_bytes: u32,
    /// Most output of late, in bytes.
    pub reply_peak: usize,
    /// Largest query buffer of late, in bytes.
    pub query_peak: usize,
    /// Memory it was last counted with.
    pub counted_bytes: usize,
    extra: Option<Box<Extra>>,
}

impl Client {
    /// A client on this connection, or on none.
    pub fn new(id: u64, connection: Connection, now_ms: u64) -> Client {
        Client {
            id,
            flags: ClientFlags::empty(),
            db: 0,
            peer: connection.peer_addr(),
            connection,
            backlog: None,
            reply: Reply::new(),
            sent: 0,
            query: Vec::new(),
            partial: None,
            created_ms: now_ms,
            last_interaction_ms: now_ms,
            soft_limit_since_ms: 0,
            net_input_bytes: 0,
            net_output_bytes: 0,
            commands: 0,
            log_end: 0,
            last_command: None,
            argv_bytes: 0,
            reply_peak: 0,
            query_peak: 0,
            counted_bytes: 0,
            extra: None,
        }
    }

    /// What it has of the rare things, if any.
    pub fn extra(&self) -> Option<&Extra> {
        self.extra.as_deref()
    }

    /// As [`extra`](Self::extra), made on first use.
    pub fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// As [`extra`](Self::extra), to be changed if it is there.
    pub fn extra_if_any(&mut self) -> Option<&mut Extra> {
        self.extra.as_deref_mut()
    }

    /// Frees the rare things when none is in use.
    pub fn shed_extra(&mut self) {
        if self.extra.as_ref().is_some_and(|extra| {
            extra.name.is_none()
                && extra.lib_name.is_none()
                && extra.lib_version.is_none()
                && extra.transaction.is_empty()
                && extra.watched.is_empty()
                && extra.waiting.is_none()
                && extra.close_reason.is_none()
                && extra.subscriptions.is_empty()
                && extra.tracking.is_none()
        }) {
            self.extra = None;
        }
    }

    #[inline]
    pub fn has(&self, flags: ClientFlags) -> bool {
        self.flags.intersects(flags)
    }

    /// Output bytes not written yet.
    #[inline]
    pub fn pending_output(&self) -> usize {
        self.output_with(self.reply.len())
    }

    /// As [`pending_output`](Self::pending_output), while `reply` is lent and this long.
    #[inline]
    pub fn output_with(&self, reply_bytes: usize) -> usize {
        let older = self.backlog.as_ref().map_or(0, |backlog| backlog.len());
        (older + reply_bytes).saturating_sub(self.sent)
    }

    /// Appends to its output what others are sent too. It must not have been lent out to share a long message.
    #[inline]
    pub fn add(&mut self, message: &mut Message) {
        let resp3 = self.reply.resp3;
        if !message.is_long() || self.has(ClientFlags::LENT) {
            return message.copy_to(&mut self.reply.buf, resp3);
        }
        let backlog = self.backlog.get_or_insert_default();
        backlog.push_own(std::mem::take(&mut self.reply.buf));
        backlog.push_shared(message.share(resp3));
    }

    /// Writes once, as much as the socket takes; returns how much that was.
    ///
    /// # Errors
    /// The socket's.
    #[inline]
    pub fn write(&mut self) -> io::Result<usize> {
        if self.backlog.is_some() {
            return self.write_backlog();
        }
        let n = self.connection.write(&self.reply.buf[self.sent..])?;
        self.reply_peak = self.reply_peak.max(self.reply.len());
        self.sent += n;
        Ok(n)
    }

    #[cold]
    fn write_backlog(&mut self) -> io::Result<usize> {
        let Some(backlog) = &mut self.backlog else { return Ok(0) };
        let connection = &mut self.connection;
        let n = backlog.gather(self.sent, &self.reply.buf, |slices| connection.write_vectored(slices))?;
        self.reply_peak = self.reply_peak.max(backlog.len() + self.reply.len());
        self.sent = backlog.advance(self.sent + n);
        if backlog.is_empty() {
            self.backlog = None;
        }
        Ok(n)
    }

    /// Frees all output: none of it will be sent.
    pub fn discard_output(&mut self) {
        self.backlog = None;
        self.reply.buf = Vec::new();
        self.sent = 0;
    }

    /// Takes all output that waits.
    #[cfg(test)]
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = Vec::new();
        while let Some(backlog) = &mut self.backlog {
            let n = backlog.gather(self.sent, b"", |slices| {
                slices.iter().for_each(|slice| output.extend_from_slice(slice));
                slices.iter().map(|slice| slice.len()).sum::<usize>()
            });
            self.sent = backlog.advance(self.sent + n);
            if backlog.is_empty() {
                self.backlog = None;
            }
        }
        output.extend_from_slice(&self.reply.buf[self.sent..]);
        self.reply.buf.clear();
        self.sent = 0;
        output
    }

    /// Frees output that has been written, where that is worth it: a slow reader costs what it has not read.
    pub fn drop_written(&mut self) {
        if self.backlog.is_none() && self.sent >= self.reply.len() / 2 {
            self.reply.buf.drain(..self.sent);
            self.reply.buf.shrink_to(self.reply.buf.len() * 2);
            self.sent = 0;
        }
    }

    /// Gives back what its input buffer has not needed of late; called now and then.
    pub fn shrink_buffers(&mut self, now_ms: u64) {
        let idle_ms = now_ms.saturating_sub(self.last_interaction_ms);
        if idle_ms > REPLY_PEAK_MS {
            self.reply_peak = self.pending_output();
        }
        let silent = idle_ms > QUERY_BUFFER_IDLE_MS;
        let capacity = self.query.capacity();
        // Room for a long word that is arriving stays while it does.
        let needed = self.partial.as_ref().map_or(0, |partial| partial.needed());
        if self.query.is_empty() && silent {
            self.query = Vec::new();
        } else if capacity > QUERY_BUFFER_BIG && self.query_peak < capacity / 2 && (silent || needed <= capacity / 2) {
            self.query.shrink_to(self.query_peak.max(QUERY_BUFFER_MIN));
        }
    }

    /// Whether it will be closed, now or soon.
    pub fn is_closing(&self) -> bool {
        self.has(ClientFlags::CLOSE_ASAP | ClientFlags::CLOSE_AFTER_REPLY)
    }

    /// Whether it has no socket.
    pub fn is_internal(&self) -> bool {
        matches!(self.connection, Connection::None)
    }

    /// Input that is not part of any whole word yet, in bytes.
    pub fn unparsed_bytes(&self) -> usize {
        self.query.len() - self.partial.as_ref().map_or(0, |partial| partial.next.min(self.query.len()))
    }

    /// Whole words of a request that is still arriving, in bytes.
    pub fn partial_words_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.spans.iter().map(|span| span.len as usize).sum())
    }

    /// Every heap byte it owns, itself included.
    pub fn mem_bytes(&self) -> usize {
        let partial = self.partial.as_ref().map_or(0, |p| size_of::<Partial>() + p.spans.capacity() * 8);
        let extra = self.extra.as_ref().map_or(0, |extra| {
            let words = [&extra.name, &extra.lib_name, &extra.lib_version];
            let names: usize = words.into_iter().flatten().map(|word| word.len()).sum();
            size_of::<Extra>()
                + names
                + extra.watched_bytes
                + extra.transaction.mem_bytes()
                + extra.waiting.as_ref().map_or(0, |waiting| waiting.mem_bytes())
                + extra.subscriptions.mem_bytes()
                + extra.tracking.as_ref().map_or(0, |tracking| tracking.mem_bytes())
        });
        let backlog = self.backlog.as_ref().map_or(0, |backlog| backlog.mem_bytes());
        size_of::<Client>() + self.query.capacity() + self.reply.buf.capacity() + backlog + partial + extra
    }
}
