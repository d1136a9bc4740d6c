//! Admission: may this request run? One ordered list of refusals, in upstream's order.
//!
//! A request whose client and server are in their ordinary state passes one test ([`Server::gate`] and the client's
//! flags); whoever is not ordinary takes the long way through [`Server::admit`].

use super::call::unknown_subcommand;
use super::context::Origin;
use super::error::CmdError;
use super::flags::{Flag, Flags};
use super::table::Cmd;
use crate::net::{Client, ClientFlags, ClientId};
use crate::resp::{Args, Reply};
use crate::script::busy::busy_error;
use crate::server::Server;
use crate::server::pause::PauseScope;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran, was queued, or was refused with an error.
    Done,
    /// The client waits now; what it sent behind this request waits with it.
    Blocked,
    /// It may not run yet: the same request is to be tried again later.
    Postponed,
}

/// Client states that need the long way.
const SPECIAL: ClientFlags = ClientFlags::MULTI
    .union(ClientFlags::REPLY_OFF)
    .union(ClientFlags::REPLY_SKIP_NEXT)
    .union(ClientFlags::MONITOR)
    .union(ClientFlags::PUBSUB)
    .union(ClientFlags::TRACKING)
    .union(ClientFlags::NO_TOUCH);

/// Commands that run at once between MULTI and EXEC.
const NOT_QUEUED: [&str; 6] = ["EXEC", "DISCARD", "MULTI", "WATCH", "QUIT", "RESET"];

/// Commands that a RESP2 client may use while it is subscribed: any other's reply would be taken for a message.
const WHILE_SUBSCRIBED: [&str; 9] =
    ["ping", "subscribe", "ssubscribe", "unsubscribe", "sunsubscribe", "psubscribe", "punsubscribe", "quit", "reset"];

impl Server {
    /// Serves one request of a client. `cmd` is what the command table has under its name, if anything.
    #[inline]
    pub fn serve(&mut self, id: ClientId, cmd: Option<&'static Cmd>, args: Args<'_>, reply: &mut Reply) -> Outcome {
        let Some(client) = self.clients.get_mut(id) else { return Outcome::Done };
        client.commands += 1;
        if let Some(cmd) = cmd
            && !self.gate.closed_for(cmd)
            && !self.memory.is_over()
            && !client.flags.intersects(SPECIAL)
            && client.flags.contains(ClientFlags::AUTHENTICATED)
            && cmd.spec.accepts(args.len())
        {
            client.last_command = Some(cmd.id);
            let done = self.call(id, cmd, args, reply, Origin::Client);
            if self.blocked.has_ready() {
                self.serve_ready();
            }
            if self.net.pushed_to_lent {
                self.take_pushed(id, reply);
            }
            return if done { Outcome::Done } else { Outcome::Blocked };
        }
        self.serve_slowly(id, cmd, args, reply)
    }

    /// Serves a request that has waited: admitted as any other, for much may have changed since, but not shown to
    /// monitors again. `false`: it waits on.
    pub(super) fn serve_again(&mut self, id: ClientId, cmd: &'static Cmd, args: Args<'_>, reply: &mut Reply) -> bool {
        match self.admit(id, Some(cmd), args) {
            Ok(_) => {}
            Err(Refusal::Postpone) => return false,
            Err(Refusal::Error(cmd, error)) => {
                self.refuse(id, cmd, &error, reply);
                return true;
            }
        }
        let before = self.env.no_touch;
        self.env.no_touch = self.clients.get(id).is_some_and(|client| client.has(ClientFlags::NO_TOUCH));
        let done = self.call(id, cmd, args, reply, Origin::Client);
        self.env.no_touch = before;
        done
    }

    /// The long way: every test, and the modes in which replies are dropped or commands queued.
    #[cold]
    fn serve_slowly(&mut self, id: ClientId, cmd: Option<&'static Cmd>, args: Args<'_>, reply: &mut Reply) -> Outcome {
        let mut mark = reply.len();
        if let Some(client) = self.clients.get_mut(id)
            && client.has(ClientFlags::REPLY_SKIP_NEXT)
        {
            client.flags -= ClientFlags::REPLY_SKIP_NEXT;
            client.flags |= ClientFlags::REPLY_SKIP;
        }
        let outcome = self.admitted(id, cmd, args, reply, &mut mark);
        if let Some(client) = self.clients.get_mut(id) {
            if client.has(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP) {
                reply.buf.truncate(mark);
            }
            let skip = client.has(ClientFlags::REPLY_SKIP);
            if outcome != Outcome::Blocked {
                client.flags -= ClientFlags::REPLY_SKIP;
            }
            if skip && outcome == Outcome::Postponed {
                client.flags |= ClientFlags::REPLY_SKIP_NEXT;
            }
            // CLIENT CACHING is for the next command, or the next transaction.
            if client.has(ClientFlags::TRACKING)
                && !client.has(ClientFlags::MULTI)
                && !cmd.is_some_and(|cmd| cmd.full_name.starts_with("client"))
                && let Some(tracking) = client.extra_if_any().and_then(|extra| extra.tracking.as_mut())
            {
                tracking.caching = false;
            }
        }
        if self.net.pushed_to_lent {
            self.take_pushed(id, reply);
        }
        outcome
    }

    /// Appends what a client has been sent while its output was lent.
    #[cold]
    fn take_pushed(&mut self, id: ClientId, reply: &mut Reply) {
        self.send_put_off();
        self.net.pushed_to_lent = false;
        if let Some(client) = self.clients.get_mut(id) {
            reply.buf.append(&mut client.reply.buf);
        }
    }

    /// `mark` is where the reply begins.
    fn admitted(
        &mut self,
        id: ClientId,
        cmd: Option<&'static Cmd>,
        args: Args<'_>,
        reply: &mut Reply,
        mark: &mut usize,
    ) -> Outcome {
        let admitted = self.admit(id, cmd, args);
        if self.net.pushed_to_lent {
            // What the search for memory has caused comes before the reply.
            self.take_pushed(id, reply);
            *mark = reply.len();
        }
        let cmd = match admitted {
            Ok(cmd) => cmd,
            Err(Refusal::Postpone) => return Outcome::Postponed,
            Err(Refusal::Error(cmd, error)) => {
                self.refuse(id, cmd, &error, reply);
                return Outcome::Done;
            }
        };
        let Some(client) = self.clients.get_mut(id) else { return Outcome::Done };
        client.last_command = Some(cmd.id);
        if client.has(ClientFlags::MULTI) && cmd.parent.is_none() && NOT_QUEUED.contains(&cmd.spec.name) {
            // Falls through to run.
        } else if client.has(ClientFlags::MULTI) {
            if !client.has(ClientFlags::DIRTY_CAS | ClientFlags::DIRTY_EXEC) {
                client.extra_mut().transaction.push(args.to_owned());
            }
            reply.simple("QUEUED");
            return Outcome::Done;
        }
        self.env.no_touch =
            self.clients.get(id).is_some_and(|client| client.has(ClientFlags::NO_TOUCH) && cmd.spec.name != "TOUCH");
        self.sample_compatibility(id, cmd, args);
        let done = self.call(id, cmd, args, reply, Origin::Client);
        self.env.no_touch = false;
        self.feed_monitors(id, cmd, args, reply);
        if self.blocked.has_ready() {
            self.serve_ready();
        }
        if done { Outcome::Done } else { Outcome::Blocked }
    }

    /// Answers a request that was refused, and lets a transaction know.
    fn refuse(&mut self, id: ClientId, cmd: Option<&Cmd>, error: &CmdError, reply: &mut Reply) {
        let exec = cmd.is_some_and(|cmd| cmd.spec.name == "EXEC" && cmd.parent.is_none());
        let aborted;
        let error = if exec {
            let why = error.0.strip_prefix(b"ERR ").unwrap_or(&error.0);
            aborted = CmdError::new([&b"EXECABORT Transaction discarded because of: "[..], why].concat());
            &aborted
        } else {
            error
        };
        reply.error(&error.0);
        self.stats.error(error.code());
        if let Some(cmd) = cmd {
            self.stats.commands[cmd.id as usize].rejected += 1;
        }
        if exec {
            // What the client watches is forgotten, too, even outside a transaction.
            self.discard_transaction(id);
        } else if let Some(client) = self.clients.get_mut(id)
            && client.has(ClientFlags::MULTI)
        {
            client.flags |= ClientFlags::DIRTY_EXEC;
        }
    }

    /// Whether the request may run now: the command to run, or the refusal.
    fn admit(&mut self, id: ClientId, cmd: Option<&'static Cmd>, args: Args<'_>) -> Result<&'static Cmd, Refusal> {
        let Some(client) = self.clients.get(id) else { return Err(Refusal::Postpone) };
        let Some(cmd) = cmd else {
            if args.is(0, "POST") || args.is(0, "HOST:") {
                self.cross_protocol_request(id);
                return Err(Refusal::Postpone);
            }
            return Err(Refusal::Error(None, unknown_command(args)));
        };
        if !cmd.subcommands.is_empty() && args.len() >= 2 {
            return Err(Refusal::Error(None, unknown_subcommand(cmd, args)));
        }
        let refuse = |error| Err(Refusal::Error(Some(cmd), error));
        if !cmd.spec.accepts(args.len()) {
            return refuse(CmdError::arity(&cmd.full_name));
        }
        if cmd.flags.has(Flag::Protected)
            && let Some(error) = self.protected_command(cmd, client)
        {
            return refuse(error);
        }
        if !client.has(ClientFlags::AUTHENTICATED) && !cmd.flags.has(Flag::NoAuth) {
            return refuse(CmdError::text("NOAUTH Authentication required."));
        }
        if client.has(ClientFlags::MULTI) && cmd.flags.has(Flag::NoMulti) {
            return refuse(CmdError::text("ERR Command not allowed inside a transaction"));
        }
        let busy = self.scripts.is_busy();
        if !busy && self.evict_clients_now(id) {
            return Err(Refusal::Postpone);
        }
        if !busy && self.env.config.maxmemory_bytes != 0 {
            let fits = self.make_room();
            self.send_unit(false);
            if !fits && (cmd.flags.has(Flag::DenyOom) || self.queue_needs_memory(id, cmd)) {
                return refuse(CmdError::OOM);
            }
        }
        if self.tracked.clients > 0 {
            self.limit_tracking_table();
        }
        if let Some(error) = self.disk_error()
            && (cmd.spec.name == "PING" || self.request_has(id, cmd, Flag::Write))
        {
            return refuse(error);
        }
        let Some(client) = self.clients.get(id) else { return Err(Refusal::Postpone) };
        if client.has(ClientFlags::PUBSUB) && !client.reply.resp3 && !WHILE_SUBSCRIBED.contains(&&*cmd.full_name) {
            return refuse(CmdError::err(format!(
                "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                cmd.full_name
            )));
        }
        if self.loading.is_some() && !cmd.flags.has(Flag::Loading) {
            return refuse(CmdError::text("LOADING Redis is loading the dataset in memory"));
        }
        if !cmd.flags.has(Flag::AllowBusy)
            && let Some(error) = busy_error(self)
        {
            return refuse(error);
        }
        if self.pauses(client, cmd, args) {
            return Err(Refusal::Postpone);
        }
        Ok(cmd)
    }

    fn protected_command(&self, cmd: &Cmd, client: &Client) -> Option<CmdError> {
        let (allow, word) = match cmd.spec.name {
            "DEBUG" => (self.env.config.enable_debug_command, "DEBUG"),
            "MODULE" => (self.env.config.enable_module_command, "MODULE"),
            _ => return None,
        };
        let local = client.has(ClientFlags::UNIX_SOCKET) || client.peer.is_some_and(|peer| peer.ip().is_loopback());
        if allow.permits(local) {
            return None;
        }
        Some(CmdError::err(format!(
            "{word} command not allowed. If the enable-{option}-command option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
            option = word.to_lowercase()
        )))
    }

    /// Whether the request makes a transaction longer, or runs one with a command that needs memory.
    fn queue_needs_memory(&self, id: ClientId, cmd: &Cmd) -> bool {
        match cmd.spec.name {
            "EXEC" => self.queued_flags(id).has(Flag::DenyOom),
            "DISCARD" | "QUIT" | "RESET" => false,
            _ => self.clients.get(id).is_some_and(|client| client.has(ClientFlags::MULTI)),
        }
    }

    /// Whether the request has this flag, or runs a transaction of which a command has it.
    fn request_has(&self, id: ClientId, cmd: &Cmd, flag: Flag) -> bool {
        cmd.flags.has(flag) || cmd.spec.name == "EXEC" && self.queued_flags(id).has(flag)
    }

    /// The flags of all commands the client has queued.
    fn queued_flags(&self, id: ClientId) -> Flags {
        let Some(extra) = self.clients.get(id).and_then(|client| client.extra()) else { return Flags::of(&[]) };
        let queued = extra.transaction.queue.iter().filter_map(|args| self.commands.resolve(args.view()));
        queued.fold(Flags::of(&[]), |all, cmd| all.union(cmd.flags))
    }

    /// Whether CLIENT PAUSE holds this request back.
    fn pauses(&self, client: &Client, cmd: &Cmd, args: Args<'_>) -> bool {
        let writes = || {
            if cmd.spec.name != "EXEC" {
                return self.may_write(cmd, args);
            }
            let queue = client.extra().map(|extra| extra.transaction.queue.as_slice()).unwrap_or_default();
            queue.iter().any(|args| self.commands.resolve(args.view()).is_some_and(|cmd| self.may_write(cmd, args.view())))
        };
        match self.pause.scope() {
            None => false,
            Some(PauseScope::All) => true,
            Some(PauseScope::Write) => writes(),
        }
    }

    /// Whether replicas may get to see something of a request. Scripts and functions that say they do not write are believed.
    fn may_write(&self, cmd: &Cmd, args: Args<'_>) -> bool {
        cmd.flags.has(Flag::Write)
            || cmd.flags.has(Flag::MayReplicate)
                && !(cmd.flags.has(Flag::NoScript) && args.len() > 1 && self.scripts.says_no_writes(cmd.spec.name, args.at(1)))
    }
}

/// Why a request does not run.
enum Refusal {
    /// Not now.
    Postpone,
    /// Not at all; the command, if it is one.
    Error(Option<&'static Cmd>, CmdError),
}

/// The error for a name that no command has.
#[cold]
fn unknown_command(args: Args<'_>) -> CmdError {
    const SHOWN_MAX: usize = 128;
    // Upstream's formatting ends a word at its first NUL.
    let clip = |word: &[u8], max: usize| word[..word.len().min(max)].split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let mut shown = Vec::new();
    for word in args.from(1).iter() {
        if shown.len() >= SHOWN_MAX {
            break;
        }
        let room = SHOWN_MAX - shown.len();
        shown.push(b'\'');
        shown.extend(clip(word, room));
        shown.extend_from_slice(b"' ");
    }
    let name = clip(args.get(0).unwrap_or_default(), SHOWN_MAX);
    CmdError::new([b"ERR unknown command '", &name[..], b"', with args beginning with: ", &shown].concat())
}
