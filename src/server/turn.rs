//! One turn of the loop, in four phases, each over all clients before the next begins: read, parse and prefetch,
//! execute, settle.
//!
//! Input lands in one big arena; requests are spans into it. While a window of requests is parsed, their keys are
//! hashed (once; the hash goes with the request) and the table's buckets fetched ahead; a second pass fetches the
//! entries; then the window runs, in arrival order, on warm memory. What a client sent but the turn did not get to
//! (half a request, input behind a blocking command) is copied out into the client's own buffer when the turn ends.
//!
//! What always holds: a client's requests run in the order they came; a span is used only with the buffer it was
//! parsed from; a client that goes away in the middle of a turn has its remaining requests skipped.

use std::io;
use std::sync::Arc;

use crate::dispatch::flags::Flag;
use crate::dispatch::request::Outcome;
use crate::dispatch::table::{Cmd, CommandTable};
use crate::keyspace::db::HashHint;
use crate::net::client::QUERY_BUFFER_MIN;
use crate::net::{ClientFlags, ClientId};
use crate::resp::parse::{self, Limits, Partial, ProtocolError, Step};
use crate::resp::{Args, OwnedArgs, Reply, Span};
use crate::server::Server;
use crate::util::hash::hash;

/// Most bytes read from one client in one go.
const READ_MAX: usize = 64 * 1024;
/// Most room made for a request of which only the length of a word has arrived.
const READ_AHEAD_MAX: usize = (1 << 20) + READ_MAX;
/// Room for input of all clients of a turn; when it is used up, what is there is executed first.
const ARENA_BYTES: usize = 1 << 20;
/// Requests parsed and prefetched before they are run.
const WINDOW: usize = 64;
/// Output buffers up to this size are kept for the next client.
const SPARE_BUFFER_MAX: usize = 64 * 1024;
/// How many of them.
const SPARE_BUFFERS: usize = 64;

/// Input of one client, read in this turn.
struct Source {
    client: ClientId,
    /// The client's own buffer, if it had input left from before; else the input lies in the arena.
    own: Option<Arc<Vec<u8>>>,
    /// What is known of the request at `pos`, if part of it had been looked at before.
    partial: Option<Box<Partial>>,
    pos: usize,
    end: usize,
    /// Nothing more of this client is run in this turn.
    stopped: bool,
}

/// What a request consists of.
enum Body {
    Spans { first: u32, len: u32 },
    Inline(Box<OwnedArgs>),
    Malformed(Box<ProtocolError>),
}

/// A request, ready to run.
struct Request {
    source: u32,
    /// Where it begins in its source.
    begin: usize,
    cmd: Option<&'static Cmd>,
    /// Hash of the first key, if there is one, and which argument that is.
    hash: u64,
    first_key: u32,
    body: Body,
}

/// The buffers of a turn, kept from one to the next.
pub struct Turn {
    /// Shared only while a window runs that may let others in ([`Offered`]).
    arena: Arc<Vec<u8>>,
    sources: Vec<Source>,
    requests: Vec<Request>,
    spans: Vec<Span>,
    names: NameCache,
}

/// The command that was looked up last: pipelines repeat themselves.
#[derive(Default)]
struct NameCache {
    name: u64,
    len: usize,
    cmd: Option<&'static Cmd>,
}

impl NameCache {
    /// What the table has under the request's name. A short name that is spelt as the last one is not looked up.
    #[inline]
    fn resolve(&mut self, table: &'static CommandTable, args: Args<'_>) -> Option<&'static Cmd> {
        let name = args.get(0)?;
        if name.len() > 8 {
            return table.resolve(args);
        }
        let mut word = [0; 8];
        word[..name.len()].copy_from_slice(name);
        let word = u64::from_le_bytes(word);
        if self.cmd.is_none() || self.name != word || self.len != name.len() {
            let cmd = table.find(name)?;
            if !cmd.subcommands.is_empty() {
                return table.resolve(args);
            }
            *self = NameCache { name: word, len: name.len(), cmd: Some(cmd) };
        }
        self.cmd
    }
}

impl Default for Turn {
    fn default() -> Self {
        Turn {
            arena: Arc::new(vec![0; ARENA_BYTES]),
            sources: Vec::new(),
            requests: Vec::new(),
            spans: Vec::new(),
            names: NameCache::default(),
        }
    }
}

impl Source {
    fn bytes<'a>(&'a self, arena: &'a [u8]) -> &'a [u8] {
        match &self.own {
            Some(own) => own,
            None => &arena[..self.end],
        }
    }
}

impl Turn {
    /// Reads and runs what the clients on the list have sent.
    pub fn run(&mut self, server: &mut Server) {
        let ready = std::mem::take(&mut server.net.to_read);
        let mut used = 0;
        for id in ready {
            if used + READ_MAX > self.arena.len() {
                self.execute(server);
                used = 0;
            }
            used = self.read(server, id, used);
        }
        self.execute(server);
    }

    /// Reads once from a client into the arena from `used` on; returns where the next may begin.
    fn read(&mut self, server: &mut Server, id: ClientId, used: usize) -> usize {
        let Some(client) = server.clients.get_mut(id) else { return used };
        client.flags -= ClientFlags::PENDING_READ;
        if client.is_closing() {
            return used;
        }
        let ended = client.has(ClientFlags::INPUT_ENDED);
        if client.has(ClientFlags::BLOCKED | ClientFlags::POSTPONED) {
            // Its input waits in the socket, but nobody waits for what it waits for.
            if ended {
                server.client_gone(id);
            }
            return used;
        }
        let partial = client.partial.take();
        let kept = client.query.len();
        let mut own = if kept > 0 { std::mem::take(&mut client.query) } else { Vec::new() };
        let (outcome, capacity) = if kept == 0 {
            (client.connection.read(&mut Arc::make_mut(&mut self.arena)[used..used + READ_MAX]), READ_MAX)
        } else {
            // Grows with what has arrived, never with what was announced.
            let wanted = partial.as_ref().map_or(0, |partial| partial.needed().saturating_sub(kept));
            let room = wanted.clamp(QUERY_BUFFER_MIN, kept.max(READ_MAX));
            if wanted > 0 {
                own.reserve_exact(room);
            }
            own.resize(kept + room, 0);
            let outcome = client.connection.read(&mut own[kept..]);
            own.truncate(kept + *outcome.as_ref().unwrap_or(&0));
            (outcome, room)
        };
        let n = match outcome {
            Ok(0) => {
                server.client_gone(id);
                return used;
            }
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                client.query = own;
                client.partial = partial;
                server.read_again(id);
                return used;
            }
            Err(error) => {
                log::debug!("Reading from client: {error}");
                server.client_gone(id);
                return used;
            }
        };
        if n > 0 {
            client.last_interaction_ms = server.env.now_ms;
            client.net_input_bytes += n as u64;
            client.query_peak = client.query_peak.max(kept + n);
            server.stats.net_input_bytes += n as u64;
            server.stats.reads_processed += 1;
        }
        if n == capacity || ended && n > 0 {
            // More may be waiting, or the end, and no event will say so.
            server.read_again(id);
        }
        if kept + n == 0 {
            return used;
        }
        if kept > 0 && !server.input_within_limit(id, kept + n) {
            server.query_limit_reached(id, &own);
            return used;
        }
        if kept > 0 && !server.client_fits(id, own.capacity()) {
            return used;
        }
        let (own, pos, end) = if kept > 0 { (Some(Arc::new(own)), 0, kept + n) } else { (None, used, used + n) };
        if let Some(client) = server.clients.get_mut(id) {
            client.flags |= ClientFlags::IN_HAND;
        }
        self.sources.push(Source { client: id, own, partial, pos, end, stopped: false });
        if kept > 0 { used } else { used + n }
    }

    /// Runs every whole request of every source, window by window, and gives back what is left.
    fn execute(&mut self, server: &mut Server) {
        let mut source = 0;
        while source < self.sources.len() {
            while source < self.sources.len() && self.requests.len() < WINDOW {
                if self.parse(server, source) {
                    source += 1;
                } else if self.requests.is_empty() {
                    // A client whose requests run one at a time; its next may be looked at right away.
                    continue;
                } else {
                    break;
                }
            }
            self.run_window(server);
        }
        for source in std::mem::take(&mut self.sources) {
            give_back(server, source, &self.arena);
        }
    }

    /// Parses requests of a source into the window. `true`: there is no whole request left in it.
    fn parse(&mut self, server: &mut Server, index: usize) -> bool {
        let source = &mut self.sources[index];
        let Some(client) = server.clients.get(source.client) else { return true };
        if source.stopped || client.is_closing() || !client.has(ClientFlags::IN_HAND) {
            return true;
        }
        let authenticated = client.has(ClientFlags::AUTHENTICATED);
        let limits = Limits { bulk_max: server.env.config.proto_max_bulk_len_bytes as i64, authenticated };
        let db = &server.dbs[client.db as usize];
        let buf = match &source.own {
            Some(own) => own.as_slice(),
            None => &self.arena[..source.end],
        };
        while self.requests.len() < WINDOW {
            let first = self.spans.len();
            let begin = source.pos;
            let (body, end) = match parse::parse(buf, begin, source.partial.take(), &mut self.spans, &limits) {
                Ok(Step::Request { end }) => (Body::Spans { first: first as u32, len: (self.spans.len() - first) as u32 }, end),
                Ok(Step::Inline { args, end }) => (Body::Inline(Box::new(args)), end),
                Ok(Step::Empty { end }) => {
                    source.pos = end;
                    continue;
                }
                Ok(Step::Incomplete(partial)) => {
                    source.partial = partial;
                    return true;
                }
                Err(error) => (Body::Malformed(Box::new(error)), source.end),
            };
            source.pos = end;
            let args = match &body {
                Body::Spans { first, len } => Args::new(buf, &self.spans[*first as usize..][..*len as usize]),
                Body::Inline(args) => args.view(),
                Body::Malformed(_) => Args::new(buf, &[]),
            };
            let cmd = self.names.resolve(server.commands, args);
            let first_key = cmd.map_or(0, |cmd| cmd.first_key);
            let mut key_hash = 0;
            if first_key > 0
                && let Some(key) = args.get(first_key)
            {
                key_hash = hash(key);
                db.prefetch_bucket(key_hash);
            }
            self.requests.push(Request { source: index as u32, begin, cmd, hash: key_hash, first_key: first_key as u32, body });
            if !authenticated {
                // What the next bytes may be depends on whether this logs the client in.
                return false;
            }
        }
        false
    }

    /// Runs the window: entries are fetched ahead, then everything runs in order.
    fn run_window(&mut self, server: &mut Server) {
        for request in &self.requests {
            if request.first_key > 0
                && let Some(client) = server.clients.get(self.sources[request.source as usize].client)
            {
                server.dbs[client.db as usize].prefetch_entry(request.hash);
            }
        }
        let requests = std::mem::take(&mut self.requests);
        let scripts = |request: &Request| request.cmd.is_some_and(|cmd| cmd.flags.has(Flag::NoScript));
        if self.sources.len() > 1 && requests.iter().any(scripts) {
            self.offer(server, &requests);
        }
        let started_ns = server.clock.tick();
        let mut at = 0;
        while at < requests.len() {
            // The output buffer is taken out of the client once for a run of its requests.
            let source_index = requests[at].source;
            let run = requests[at..].iter().take_while(|request| request.source == source_index).count();
            self.run_client(server, source_index as usize, &requests[at..at + run]);
            at += run;
        }
        server.stats.turns_command_ns += server.clock.now_ns - started_ns;
        server.net.offered.clear();
        self.requests = requests;
        self.requests.clear();
        self.spans.clear();
    }

    /// Tells what input of which clients is in hand, should a script of one of them run so long that the others get a turn.
    #[cold]
    fn offer(&self, server: &mut Server, requests: &[Request]) {
        let mut next = requests.iter().peekable();
        for (index, source) in self.sources.iter().enumerate() {
            let mut first = source.pos;
            if let Some(request) = next.next_if(|request| request.source as usize == index) {
                first = request.begin;
                while next.next_if(|request| request.source as usize == index).is_some() {}
            }
            let buf = source.own.clone().unwrap_or_else(|| self.arena.clone());
            server.net.offered.push(Offered { client: source.client, buf, first, parsed: source.pos, end: source.end });
        }
    }

    /// Runs requests of one client.
    fn run_client(&mut self, server: &mut Server, source_index: usize, requests: &[Request]) {
        let source = &self.sources[source_index];
        let id = source.client;
        if source.stopped || server.clients.get(id).is_none_or(|client| !client.has(ClientFlags::IN_HAND)) {
            return;
        }
        let Some(mut reply) = server.lend_output(id) else { return };
        let buf = source.bytes(&self.arena);
        server.net.running = (id.id, source.end - requests.first().map_or(0, |request| request.begin), reply.buf.capacity());
        let mut stop_at = None;
        for request in requests {
            let args = match &request.body {
                Body::Spans { first, len } => Args::new(buf, &self.spans[*first as usize..][..*len as usize]),
                Body::Inline(args) => args.view(),
                Body::Malformed(error) => {
                    server.protocol_error(id, error, &mut reply, &buf[request.begin..]);
                    stop_at = Some(source.end);
                    break;
                }
            };
            server.thaw_time();
            if request.first_key > 0
                && let Some(key) = args.get(request.first_key as usize)
            {
                server.env.hint = HashHint::new(key, request.hash);
            }
            match server.serve(id, request.cmd, args, &mut reply) {
                Outcome::Done if server.may_go_on(id, &reply) => {}
                Outcome::Done | Outcome::Blocked => {
                    stop_at = Some(end_of(request, requests, source.pos));
                    break;
                }
                Outcome::Postponed => {
                    server.postpone(id);
                    stop_at = Some(request.begin);
                    break;
                }
            }
        }
        server.env.hint = HashHint::default();
        server.return_output(id, reply);
        if let Some(pos) = stop_at {
            let source = &mut self.sources[source_index];
            if pos != source.pos {
                // What was parsed beyond is parsed again when the client goes on.
                source.partial = None;
            }
            source.pos = pos;
            source.stopped = true;
        }
    }
}

/// Input that a turn has in hand while it runs a window, in the order in which the clients' requests run.
pub struct Offered {
    client: ClientId,
    buf: Arc<Vec<u8>>,
    /// Where the client's first request of the window begins.
    first: usize,
    /// Where its last one ends.
    parsed: usize,
    end: usize,
}

impl Server {
    /// Gives clients back what the turn has in hand of theirs and has not run, but for the one that is running: they get a turn
    /// inside its request.
    pub fn take_back_offered(&mut self, running: ClientId) {
        let offered = std::mem::take(&mut self.net.offered);
        let turn = offered.iter().position(|offered| offered.client == running);
        for (at, offered) in offered.into_iter().enumerate() {
            if Some(at) == turn {
                continue;
            }
            let begin = if turn.is_some_and(|turn| at > turn) { offered.first } else { offered.parsed };
            let Some(client) = self.clients.get_mut(offered.client) else { continue };
            if !client.has(ClientFlags::IN_HAND) {
                continue;
            }
            client.flags -= ClientFlags::IN_HAND;
            client.query = offered.buf[begin..offered.end].to_vec();
            client.partial = None;
            if !client.query.is_empty() {
                self.look_again(offered.client);
            }
        }
    }
}

/// Where a request ends: where the next one of the same client begins, or where parsing has got to.
fn end_of(request: &Request, requests: &[Request], parsed_to: usize) -> usize {
    requests.iter().map(|other| other.begin).find(|&begin| begin > request.begin).unwrap_or(parsed_to)
}

/// Gives a client what is left of its input.
fn give_back(server: &mut Server, source: Source, arena: &[u8]) {
    let id = source.client;
    let Some(client) = server.clients.get_mut(id) else { return };
    if !client.has(ClientFlags::IN_HAND) {
        // It has it already.
        return;
    }
    client.flags -= ClientFlags::IN_HAND;
    if client.is_closing() {
        return;
    }
    let left = source.pos < source.end;
    match source.own {
        // An emptied buffer stays until the client has been silent for a while: the next long request will need it.
        Some(own) => {
            let mut own = Arc::unwrap_or_clone(own);
            own.drain(..source.pos);
            client.query = own;
        }
        None if left => {
            let rest = &arena[source.pos..source.end];
            if client.query.capacity() < rest.len() {
                // A long word will need room for all of it; more than a fixed amount is had only as it arrives.
                let announced = source.partial.as_ref().map_or(0, |partial| partial.needed());
                let ahead = if client.has(ClientFlags::AUTHENTICATED) { announced.min(READ_AHEAD_MAX) } else { 0 };
                client.query = Vec::with_capacity(rest.len().max(QUERY_BUFFER_MIN).max(ahead));
            }
            client.query.extend_from_slice(rest);
        }
        None => {}
    }
    client.partial = source.partial;
    let query_bytes = client.query.len();
    if left && !server.input_within_limit(id, query_bytes) {
        if let Some(client) = server.clients.get_mut(id) {
            let query = std::mem::take(&mut client.query);
            server.query_limit_reached(id, &query);
        }
    } else if left && source.stopped {
        server.look_again(id);
    }
    server.count_client(id, 0);
}

impl Server {
    /// Takes a client's output buffer out, for the length of its requests.
    #[inline]
    fn lend_output(&mut self, id: ClientId) -> Option<Reply> {
        let client = self.clients.get(id)?;
        if client.is_closing() || client.has(ClientFlags::BLOCKED) {
            return None;
        }
        let limit_bytes = self.output_limit(client).hard_bytes;
        let client = self.clients.get_mut(id)?;
        client.flags |= ClientFlags::LENT;
        self.net.current = Some(id);
        let mut reply = std::mem::take(&mut client.reply);
        client.reply.resp3 = reply.resp3;
        // What has been sent already lies in front of what is pending, and does not count.
        reply.limit_bytes = if limit_bytes == 0 { 0 } else { limit_bytes.saturating_add(client.sent as u64) };
        if reply.buf.capacity() == 0 {
            reply.buf = self.net.spare_buffers.pop().unwrap_or_else(|| Vec::with_capacity(16 * 1024));
        }
        Some(reply)
    }

    /// Puts it back, and the client on the list of those with something to write.
    #[inline]
    fn return_output(&mut self, id: ClientId, mut reply: Reply) {
        self.net.current = None;
        let Some(client) = self.clients.get_mut(id) else {
            self.keep_buffer(reply.buf);
            return;
        };
        if client.has(ClientFlags::CLOSE_ASAP) {
            // Nothing of this is sent any more, and the memory may be what it is closed for.
            client.discard_output();
            return;
        }
        // What others wrote to the client meanwhile comes behind.
        reply.buf.append(&mut client.reply.buf);
        client.flags -= ClientFlags::LENT;
        client.reply.buf = reply.buf;
        client.reply.resp3 = reply.resp3;
        if client.pending_output() == 0 {
            let buffer = std::mem::take(&mut client.reply.buf);
            let leaving = client.has(ClientFlags::CLOSE_AFTER_REPLY);
            self.keep_buffer(buffer);
            if leaving {
                self.close_soon(id);
            }
        } else {
            self.output_added(id);
        }
        self.count_client(id, 0);
    }

    /// Keeps an emptied output buffer for the next client, if it is of an ordinary size.
    pub fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        if (1..=SPARE_BUFFER_MAX).contains(&buffer.capacity()) && self.net.spare_buffers.len() < SPARE_BUFFERS {
            buffer.clear();
            self.net.spare_buffers.push(buffer);
        }
    }

    /// Whether the client's next request may run: it is not leaving, and its output is within its limit.
    #[inline]
    fn may_go_on(&mut self, id: ClientId, reply: &Reply) -> bool {
        let Some(client) = self.clients.get(id) else { return false };
        if client.is_closing() || client.has(ClientFlags::BLOCKED) {
            return false;
        }
        let limit = self.output_limit(client);
        let limited = limit.hard_bytes != 0 || limit.soft_bytes != 0 || !client.has(ClientFlags::AUTHENTICATED);
        let pending = client.output_with(reply.len());
        if limited && !self.output_within_limit(id, pending) {
            return false;
        }
        self.client_fits(id, reply.buf.capacity())
    }
}
