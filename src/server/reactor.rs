//! The loop: sleep until the kernel has news, run a [`Turn`], do what is due.
//!
//! Sockets are registered once, edge-triggered, for both directions, so news comes once. Whoever does not take all of it at once keeps a
//! note: `to_accept`, `to_read` and `to_write` are looked at again in the next turn without sleeping. The end of a client's
//! input may be told together with its last bytes, hence [`ClientFlags::INPUT_ENDED`](crate::net::ClientFlags::INPUT_ENDED).

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Token, Waker};

use crate::persist::child;
use crate::server::Server;
use crate::server::traffic::{LISTENER_TOKENS, News};
use crate::server::turn::Turn;
use crate::sys::signals::Signals;

/// Woken by a background thread that has got on.
const WAKER: Token = Token(usize::MAX);
/// Woken by a signal that asks for the end.
const SIGNALS: Token = Token(usize::MAX - 1);

/// Events taken from the kernel in one go.
const EVENTS: usize = 1024;

impl Server {
    /// Serves until the end.
    ///
    /// # Errors
    /// When the kernel's event queue fails, which leaves nothing to go on with.
    pub fn serve_forever(&mut self, signals: &Signals) -> io::Result<()> {
        let Some(poll) = &self.net.poll else { return Err(io::ErrorKind::NotConnected.into()) };
        poll.registry().register(&mut SourceFd(&signals.as_raw_fd()), SIGNALS, Interest::READABLE)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let wake = || {
            let waker = waker.clone();
            Box::new(move || {
                let _ = waker.wake();
            })
        };
        self.env.reclaim.on_progress(wake());
        self.aof.syncer.on_progress(wake());
        self.env.reclaim.start();
        self.aof.syncer.start();
        let mut events = Events::with_capacity(EVENTS);
        let mut turn = Turn::default();
        self.process.startup_memory_bytes = self.memory.meter.used() as u64;
        while self.shutdown.exit.is_none() {
            let patience = self.patience();
            // It lies there for whoever has to serve clients in the middle of something long.
            let Some(poll) = &mut self.net.poll else { return Err(io::ErrorKind::NotConnected.into()) };
            match poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            self.clock.tick();
            self.thaw_time();
            let began_ns = self.clock.now_ns;
            self.take_events(&events, Some(signals));
            if self.signal_is_due() {
                self.take_signal(signals);
            }
            let commands = self.stats.commands_processed;
            self.net.in_turn = true;
            turn.run(self);
            self.net.in_turn = false;
            self.after_commands(began_ns, commands);
        }
        Ok(())
    }

    /// Hands the kernel's news on.
    pub fn take_events(&mut self, events: &Events, signals: Option<&Signals>) {
        for listener in std::mem::take(&mut self.net.to_accept) {
            self.accept(listener);
        }
        for event in events.iter() {
            match event.token().0 {
                _ if event.token() == WAKER => {}
                _ if event.token() == SIGNALS => match signals {
                    Some(signals) => self.take_signal(signals),
                    None => self.shutdown.signal_waits = true,
                },
                _ if event.token() == child::TOKEN => self.look_after_child(),
                token if token >= LISTENER_TOKENS => self.accept(token - LISTENER_TOKENS),
                slot => {
                    let news = News {
                        readable: event.is_readable() || event.is_error(),
                        ended: event.is_read_closed(),
                        writable: event.is_writable(),
                    };
                    self.client_event(slot, news);
                }
            }
        }
    }

    /// The rest of a turn: what commands have caused, what is due by the clock, and the replies on their way.
    fn after_commands(&mut self, began_ns: u64, commands_before: u64) {
        self.serve_timeouts();
        self.serve_reclaimed();
        self.expire_keys();
        if self.child_is_ending() {
            self.look_after_child();
        }
        self.run_cron();
        self.continue_eviction();
        self.continue_defrag();
        if self.blocked.has_ready() {
            // The pause that held them back is over.
            self.serve_ready();
        }
        self.broadcast_invalidations();
        self.flush_aof(false);
        self.serve_logged();
        self.write_all();
        self.close_all();
        self.evict_clients();
        let elapsed_ns = self.clock.tick() - began_ns;
        // CONFIG RESETSTAT begins to count anew.
        let commands = self.stats.commands_processed.saturating_sub(commands_before);
        self.stats.turns += 1;
        self.stats.turns_ns += elapsed_ns;
        self.stats.turn_ns_max = self.stats.turn_ns_max.max(elapsed_ns);
        self.stats.turn_commands_max = self.stats.turn_commands_max.max(commands);
    }

    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        let net = &self.net;
        if !(net.to_read.is_empty() && net.to_accept.is_empty() && net.to_write.is_empty() && net.to_close.is_empty())
            || self.memory.has_work()
        {
            return Duration::ZERO;
        }
        let cron = self.cron.due_ns.saturating_sub(self.clock.now_ns);
        let deadline = self.blocked.next_deadline_ms().map(|at| at.saturating_sub(self.env.now_ms) * 1_000_000);
        let ending = self.child_is_ending().then_some(child::COLLECTING_NS);
        let next =
            [deadline, ending, self.expiry_due_in_ns(), self.defrag_due_in_ns()].into_iter().flatten().fold(cron, u64::min);
        Duration::from_nanos(next)
    }
}
