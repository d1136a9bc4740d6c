//! The one door to a handler: EXEC, clients that wake and every request go through [`Server::call`].
//!
//! It times the handler, writes its error, keeps the figures, and settles what the command caused. Time stands still
//! for the handler: the clock is read once, between this command and the next.

use super::blocking::{Nothing, Until};
use super::command::{Flow, Handler};
use super::context::{Ctx, Origin};
use super::error::CmdError;
use super::flags::Flag;
use super::table::Cmd;
use crate::keyspace::WrongType;
use crate::net::{ClientFlags, ClientId};
use crate::resp::{Args, Reply};
use crate::server::Server;
use crate::server::crash::{self, Frame};

impl From<WrongType> for CmdError {
    #[cold]
    fn from(_: WrongType) -> CmdError {
        CmdError::WRONG_TYPE
    }
}

impl Server {
    /// Runs an admitted command for a client. `false`: it waits, and nothing was written.
    ///
    /// `reply` is the client's own output, lent for the call. The client is there when it returns, whatever ran.
    #[inline]
    pub fn call(&mut self, id: ClientId, cmd: &'static Cmd, args: Args<'_>, reply: &mut Reply, origin: Origin) -> bool {
        let started_ns = self.clock.now_ns;
        let mark = reply.len();
        let dirty = self.env.fx.dirty;
        let frame = Frame { cmd, args, client: id };
        let outer = frame.enter();
        let result = match cmd.spec.handler {
            Handler::Data(run) => {
                let index = self.clients.get(id).map_or(0, |client| client.db as usize);
                run(&mut self.db(index), args, reply)
            }
            Handler::Server(run) => run(&mut Ctx { server: self, client: id, cmd, args, reply, origin }),
            Handler::Container => Err(unknown_subcommand(cmd, args)),
        };
        crash::leave(outer);
        let ended_ns = self.clock.tick();
        let elapsed_ns = ended_ns - started_ns;
        if self.env.fx.propagates() {
            self.propagate_call(id, cmd, args, origin, dirty, mark);
        }
        let mut done = true;
        match result {
            Ok(Flow::Done) => {}
            // Without keys to wait for it has run, and only its answer waits.
            Ok(Flow::Block(wait)) if wait.until == Until::Key && origin == Origin::Client => {
                self.blocked_call(id, cmd, args, *wait, elapsed_ns);
                // Keys it looked for may have been due.
                if !self.env.fx.is_empty() {
                    self.settle();
                }
                return false;
            }
            Ok(Flow::Block(wait)) if origin == Origin::Client => {
                done = false;
                self.block(id, cmd, args.to_owned(), *wait, elapsed_ns);
            }
            Ok(Flow::Block(wait)) => match wait.denied {
                Nothing::Null => reply.null(),
                Nothing::NullArray => reply.null_array(),
            },
            Err(error) => self.failed_call(cmd, &error, mark, reply),
        }
        match origin {
            // What is loaded has been counted where it ran first.
            Origin::Aof => {}
            // Its time is the script's.
            Origin::Script => {
                self.stats.commands[cmd.id as usize].ran(elapsed_ns, self.env.config.latency_tracking);
                self.stats.commands_processed += 1;
            }
            Origin::Client | Origin::Exec => self.ran(id, cmd, args, elapsed_ns),
        }
        if self.env.fx.wants_settling() {
            self.settle_call(id, cmd, args);
        }
        done
    }

    /// Enters a command that has run into the figures: only now, if it had to wait.
    #[inline]
    pub(super) fn ran(&mut self, id: ClientId, cmd: &'static Cmd, args: Args<'_>, elapsed_ns: u64) {
        self.stats.commands[cmd.id as usize].ran(elapsed_ns, self.env.config.latency_tracking);
        self.stats.commands_processed += 1;
        if elapsed_ns >= self.slow_ns {
            self.slow_call(id, cmd, args, elapsed_ns);
        }
    }

    /// The handler wants to wait: it has not run, as far as the figures go. One that waits already goes on doing so.
    #[cold]
    fn blocked_call(&mut self, id: ClientId, cmd: &'static Cmd, args: Args<'_>, wait: super::blocking::Wait, elapsed_ns: u64) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.has(ClientFlags::REEXECUTING) {
            self.ask_alarm(wait.alarm_ms);
        } else {
            client.commands = client.commands.saturating_sub(1);
            self.block(id, cmd, args.to_owned(), wait, elapsed_ns);
        }
    }

    /// The handler failed: the error takes the place of whatever it had written.
    #[cold]
    fn failed_call(&mut self, cmd: &Cmd, error: &CmdError, mark: usize, reply: &mut Reply) {
        reply.buf.truncate(mark);
        reply.error(&error.0);
        self.stats.commands[cmd.id as usize].failed += 1;
        self.stats.error(error.code());
    }

    /// The handler took long: into the slow log and the latency monitor with it.
    #[cold]
    fn slow_call(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>, elapsed_ns: u64) {
        let threshold_us = self.env.config.slowlog_log_slower_than_us;
        if threshold_us >= 0 && elapsed_ns / 1000 >= threshold_us as u64 && !cmd.flags.has(Flag::SkipSlowlog) {
            self.log_slow(id, cmd, args, elapsed_ns / 1000);
        }
        let threshold_ms = self.env.config.latency_monitor_threshold_ms;
        if threshold_ms > 0 && elapsed_ns / 1_000_000 >= threshold_ms {
            let event = if cmd.flags.has(Flag::Fast) { "fast-command" } else { "command" };
            self.latency.add(event, elapsed_ns / 1_000_000, self.env.now_ms / 1000);
        }
    }
}

/// The error for a word that names no subcommand.
#[cold]
pub fn unknown_subcommand(cmd: &Cmd, args: Args<'_>) -> CmdError {
    let hint = format!("'. Try {} HELP.", cmd.spec.name);
    CmdError::new([b"ERR unknown subcommand '", shown_subcommand(args), hint.as_bytes()].concat())
}

/// The error for a subcommand whose arguments are too many for it to make sense of.
#[cold]
pub fn wrong_subcommand(args: Args<'_>) -> CmdError {
    let name = String::from_utf8_lossy(args.get(0).unwrap_or_default()).to_uppercase();
    let hint = format!("'. Try {name} HELP.");
    CmdError::new(
        [b"ERR unknown subcommand or wrong number of arguments for '", shown_subcommand(args), hint.as_bytes()].concat(),
    )
}

/// The subcommand as errors show it: up to its first NUL, and no more than so many bytes.
fn shown_subcommand(args: Args<'_>) -> &[u8] {
    const SHOWN_MAX: usize = 128;
    let word = args.get(1).unwrap_or_default();
    word[..word.len().min(SHOWN_MAX)].split(|byte| *byte == 0).next().unwrap_or_default()
}
