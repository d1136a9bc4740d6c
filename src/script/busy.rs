//! A script that runs for long: other clients get turns in between, in which they are told, and may end it.
//!
//! The interpreter calls [`interrupted`] every ten milliseconds or so ([`super::watch`]). Past `busy-reply-threshold` each such call is a
//! turn of the loop: who connects is accepted, who asks is answered `-BUSY` but for the few commands that are meant for this. Time
//! stands still for the script all the while, no key expires, and who waits for a key waits on.
//!
//! What always holds: the script's own client is neither served nor removed; of the others the turn around it gives back what input
//! it has in hand.

use std::time::Duration;

use mio::Events;

use super::lend;
use super::run::What;
use crate::config::values::ShutdownFlags;
use crate::dispatch::error::CmdError;
use crate::net::ClientFlags;
use crate::server::Server;
use crate::server::turn::Turn;

/// How long a library may take to load.
const LOAD_MAX_MS: u64 = 500;

const KILLED: &str = "Script killed by user with SCRIPT KILL...";

/// Buffers for nested turns, made by the first.
#[derive(Default)]
pub struct Nested {
    events: Option<Events>,
    turn: Option<Box<Turn>>,
}

/// The running script has come to where it may be stopped; the message to stop it with, if it is to stop.
pub fn interrupted() -> Option<&'static str> {
    lend::with(Server::script_interrupted).flatten()
}

/// What others are told while a script is busy.
pub fn busy_error(server: &Server) -> Option<CmdError> {
    let running = server.scripts.running.as_ref().filter(|running| running.busy)?;
    Some(if running.is_function() {
        CmdError::text("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.")
    } else {
        CmdError::text("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.")
    })
}

impl Server {
    fn script_interrupted(&mut self) -> Option<&'static str> {
        let now_ns = self.clock.tick();
        let running = self.scripts.running.as_mut()?;
        if running.killed {
            return Some(KILLED);
        }
        let elapsed_ms = now_ns.saturating_sub(running.started_ns) / 1_000_000;
        if matches!(running.what, What::Library) {
            return (elapsed_ms >= LOAD_MAX_MS).then_some("FUNCTION LOAD timeout");
        }
        let threshold_ms = self.env.config.busy_reply_threshold_ms;
        if threshold_ms == 0 || elapsed_ms < threshold_ms {
            return None;
        }
        if !running.busy {
            running.busy = true;
            let command = if running.is_function() { "FUNCTION KILL" } else { "SCRIPT KILL" };
            log::warn!(
                "Slow script detected: still in execution after {elapsed_ms} milliseconds. You can try killing the script \
                 using the {command} command. Script name is: {}.",
                String::from_utf8_lossy(&running.name())
            );
            self.update_gate();
        }
        self.nested_turn();
        if self.shutdown.exit.is_some() {
            if let Some(running) = &mut self.scripts.running {
                running.killed = true;
            }
            self.env.fx.abandon();
        }
        self.scripts.running.as_ref().is_some_and(|running| running.killed).then_some(KILLED)
    }

    /// A turn of the loop inside another one.
    fn nested_turn(&mut self) {
        let Some(mut poll) = self.net.poll.take() else { return };
        let mut events = self.scripts.nested.events.take().unwrap_or_else(|| Events::with_capacity(128));
        let mut turn = self.scripts.nested.turn.take().unwrap_or_default();
        let polled = poll.poll(&mut events, Some(Duration::ZERO));
        self.net.poll = Some(poll);
        let now_ms = self.env.now_ms;
        let hint = std::mem::take(&mut self.env.hint);
        let no_touch = self.env.no_touch;
        let running = self.net.running;
        let unit = std::mem::take(&mut self.env.fx.unit);
        if let Some(client) = self.scripts.running.as_ref().map(|running| running.client) {
            self.take_back_offered(client);
        }
        if polled.is_ok() {
            self.take_events(&events, None);
        }
        let all = std::mem::take(&mut self.net.to_read);
        let in_hand = |server: &Server, id| server.clients.get(id).is_some_and(|client| client.has(ClientFlags::IN_HAND));
        let (held, free): (Vec<_>, Vec<_>) = all.into_iter().partition(|id| in_hand(self, *id));
        self.net.to_read = free;
        turn.run(self);
        self.write_all();
        self.net.to_read.extend(held);
        // Who has asked for the end sees the connection go with the process.
        let closing = if self.shutdown.exit.is_none() { std::mem::take(&mut self.net.to_close) } else { Vec::new() };
        let (held, free): (Vec<_>, Vec<_>) = closing.into_iter().partition(|id| in_hand(self, *id));
        for id in free {
            self.close_client(id);
        }
        self.net.to_close.extend(held);
        self.env.fx.unit = unit;
        self.env.now_ms = now_ms;
        self.env.hint = hint;
        self.env.no_touch = no_touch;
        self.net.running = running;
        self.scripts.nested.events = Some(events);
        self.scripts.nested.turn = Some(turn);
    }

    /// SCRIPT KILL, or FUNCTION KILL.
    ///
    /// # Errors
    /// When nothing of the kind runs, or it has written already.
    pub fn kill_script(&mut self, function: bool) -> Result<(), CmdError> {
        let busy = busy_error(self);
        let Some(running) = &mut self.scripts.running else {
            return Err(CmdError::text("NOTBUSY No scripts in execution right now."));
        };
        if running.is_function() != function {
            return Err(busy.unwrap_or(CmdError::text("NOTBUSY No scripts in execution right now.")));
        }
        if running.wrote {
            return Err(CmdError::text(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
                 script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
            ));
        }
        running.killed = true;
        Ok(())
    }

    /// Whether a busy script leaves no other way of shutting down than this.
    ///
    /// # Errors
    /// The script that is busy.
    pub fn shutdown_while_busy(&self, how: ShutdownFlags) -> Result<(), CmdError> {
        match busy_error(self) {
            Some(error) if !how.contains(ShutdownFlags::NOSAVE) => Err(error),
            _ => Ok(()),
        }
    }
}
