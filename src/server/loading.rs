//! Data come from a file: what clients see meanwhile, and how they are served.
//!
//! The loader calls [`Server::loading_turn`] every so many bytes; a turn of the loop runs then, in which commands that need no data are
//! served and all others are told to wait (`-LOADING`). In the middle of a command (DEBUG RELOAD) nobody is served: the clients of the
//! turn that runs have their requests in its hands.

use std::io;
use std::time::Duration;

use mio::Events;

use crate::config;
use crate::persist::rdb::load::{self, How, Loaded};
use crate::persist::rdb::source::Error;
use crate::server::Server;
use crate::server::turn::Turn;
use crate::sys::disk::Open;
use crate::sys::signals;

/// Events taken from the kernel in one go.
const EVENTS: usize = 256;

/// Where loading stands.
pub struct Loading {
    /// Unix time.
    pub started_s: u64,
    pub started_ns: u64,
    pub total_bytes: u64,
    pub loaded_bytes: u64,
    /// Memory that whoever wrote the file was using.
    pub used_mem_bytes: u64,
    reactor: Option<Box<(Events, Turn)>>,
}

/// Loading has failed; the reason is in the log.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// There is no such file.
    #[error("there is no file")]
    Missing,
    /// It cannot be opened.
    #[error("the file cannot be opened")]
    Unreadable,
    /// It could not be read to its end.
    #[error("the file could not be loaded")]
    Damaged,
    /// The server was told to end.
    #[error("the server was told to end")]
    Ending,
}

impl Server {
    /// From here on data are being loaded, of `total_bytes` bytes of files.
    pub fn begin_loading(&mut self, total_bytes: u64) {
        signals::set_loading(true);
        self.loading = Some(Loading {
            started_s: self.env.now_ms / 1000,
            started_ns: self.clock.tick(),
            total_bytes,
            loaded_bytes: 0,
            used_mem_bytes: 0,
            reactor: None,
        });
        self.update_gate();
    }

    /// The data are there.
    pub fn end_loading(&mut self) {
        signals::set_loading(false);
        self.loading = None;
        self.look_for_expiries();
        self.update_gate();
    }

    /// Serves clients in between, `loaded_bytes` of the files having been loaded. `false`: the server is to end, and loading with it.
    pub fn loading_turn(&mut self, loaded_bytes: u64) -> bool {
        self.clock.tick();
        self.thaw_time();
        let used = self.memory.meter.used() as u64;
        self.stats.peak_memory_bytes = self.stats.peak_memory_bytes.max(used);
        let Some(loading) = &mut self.loading else { return true };
        loading.loaded_bytes = loaded_bytes;
        if !self.net.in_turn
            && let Some(mut poll) = self.net.poll.take()
        {
            let mut reactor =
                loading.reactor.take().unwrap_or_else(|| Box::new((Events::with_capacity(EVENTS), Turn::default())));
            let polled = poll.poll(&mut reactor.0, Some(Duration::ZERO));
            self.net.poll = Some(poll);
            if polled.is_ok() {
                let (events, turn) = &mut *reactor;
                self.take_events(events, None);
                turn.run(self);
                self.serve_timeouts();
                self.write_all();
                self.close_all();
            }
            if let Some(loading) = &mut self.loading {
                loading.reactor = Some(reactor);
            }
        }
        self.continue_defrag_loading();
        self.shutdown.exit.is_none()
    }

    /// Loads the snapshot, if there is one.
    ///
    /// # Errors
    /// What came of it. What has been loaded before it failed stays.
    pub fn load_snapshot(&mut self, how: How) -> Result<Loaded, Failed> {
        let path = self.snapshot_path();
        let file = match self.disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Failed::Missing),
            Err(error) => {
                let reason = config::file::reason(&error);
                log::warn!("Fatal error: can't open the RDB file {} for reading: {reason}", path.display());
                return Err(Failed::Unreadable);
            }
        };
        self.begin_loading(file.len().unwrap_or(0));
        let outcome = load::load(self, file, how);
        let started_ns = self.loading.as_ref().map_or(0, |loading| loading.started_ns);
        self.end_loading();
        match outcome {
            Ok(loaded) => {
                self.snapshots.keys_loaded = loaded.keys;
                self.snapshots.keys_expired = loaded.expired;
                let skipped = match loaded.empty {
                    0 => String::new(),
                    empty => format!(", empty keys skipped: {empty}"),
                };
                log::info!("Done loading RDB, keys loaded: {}, keys expired: {}{skipped}.", loaded.keys, loaded.expired);
                log::info!("DB loaded from disk: {:.3} seconds", (self.clock.tick() - started_ns) as f64 / 1e9);
                Ok(loaded)
            }
            Err(failure) if matches!(failure.error, Error::Interrupted) => Err(Failed::Ending),
            Err(failure) => {
                match failure.error {
                    Error::Truncated => log::warn!(
                        "Internal error in RDB reading offset {}: Unexpected EOF reading RDB file: it is shorter than it says",
                        failure.offset
                    ),
                    _ => log::warn!("Internal error in RDB reading offset {}: {}", failure.offset, failure.error),
                }
                Err(Failed::Damaged)
            }
        }
    }
}
