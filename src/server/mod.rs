//! The process: one [`Server`] value that owns everything, and the loop that drives it.
//!
//! Reading order: this struct, [`boot`] (how it comes to life), [`reactor`] (the loop) and [`turn`] (one turn of it), [`traffic`]
//! (clients come, write and go), [`cron`] (what happens by the clock), [`expiry`] (keys that fall due), [`memory`] (what
//! happens at a limit), [`defrag`] (moving blocks together), [`reconfigure`] (what
//! follows from CONFIG SET), [`shutdown`]; then its place on the machine: [`host`], [`listening`], [`log`], [`crash`].

pub mod banner;
pub mod boot;
pub mod client_memory;
pub mod clock;
pub mod compatibility;
pub mod crash;
pub mod cron;
pub mod defrag;
pub mod expiry;
pub mod host;
pub mod listening;
pub mod loading;
pub mod log;
pub mod memory;
pub mod monitor;
pub mod pause;
pub mod reactor;
pub mod reconfigure;
pub mod shutdown;
pub mod syslog;
#[cfg(test)]
pub mod testing;
pub mod traffic;
pub mod turn;
pub mod usage;

use std::ffi::OsString;
use std::sync::Arc;

use mio::{Poll, Registry};

use crate::config::Config;
use crate::dispatch::blocking::Blocked;
use crate::dispatch::context::Db;
use crate::dispatch::flags::Flag;
use crate::dispatch::propagate::Stream;
use crate::dispatch::table::{Cmd, CommandTable};
use crate::dispatch::transaction::Watches;
use crate::keyspace::{Database, Env};
use crate::net::link::Links;
use crate::net::listener::Listener;
use crate::net::{ClientId, Clients};
use crate::persist::aof::Aof;
use crate::persist::child::Children;
use crate::persist::snapshots::Snapshots;
use crate::pubsub::PubSub;
use crate::pubsub::tracking::Tracked;
use crate::script::Scripts;
use crate::stats::Stats;
use crate::stats::latency::LatencyMonitor;
use crate::stats::slowlog::Slowlog;
use crate::sys::disk::{Disk, RealDisk};

/// Whether requests may take the short way through admission.
#[derive(Default)]
pub struct Gate {
    closed: bool,
}

impl Gate {
    /// Whether this command has to go the long way.
    #[inline]
    pub fn closed_for(&self, cmd: &Cmd) -> bool {
        self.closed || cmd.flags.has(Flag::Protected)
    }
}

/// The sockets, and who among the clients has something to read or write.
#[derive(Default)]
pub struct Net {
    /// None in tests, which have no sockets.
    pub registry: Option<Registry>,
    /// The kernel's event queue.
    pub poll: Option<Poll>,
    /// Whether requests are in the hands of a turn.
    pub in_turn: bool,
    pub listeners: Vec<Listener>,
    /// Where the TCP ones listen.
    pub addresses: listening::Addresses,
    /// Clients whose socket may have input, or whose kept input may hold a request.
    pub to_read: Vec<ClientId>,
    /// Clients with output.
    pub to_write: Vec<ClientId>,
    /// Clients to be closed when the turn ends.
    pub to_close: Vec<ClientId>,
    /// Listeners that may have more connections waiting.
    pub to_accept: Vec<usize>,
    /// Clients held back by CLIENT PAUSE.
    pub postponed: Vec<ClientId>,
    /// Whose requests run, how many bytes of input they are in, and how many bytes of output buffer it has lent.
    pub running: (u64, usize, usize),
    /// Whose request runs just now.
    pub current: Option<ClientId>,
    /// A client that is in the middle of a command has been sent something meanwhile, which it gets behind the reply.
    pub pushed_to_lent: bool,
    /// Input in the hands of the turn that runs, while it runs scripts.
    pub offered: Vec<turn::Offered>,
    /// Output buffers at rest, to be used again.
    pub spare_buffers: Vec<Vec<u8>>,
}

/// What is known of the process itself.
pub struct Process {
    pub run_id: String,
    /// Names this server's history of changes.
    pub replication_id: String,
    /// Absolute path of the configuration file; empty without one.
    pub config_file: String,
    pub executable: String,
    /// The command line as given, for DEBUG RESTART.
    pub arguments: Vec<OsString>,
    /// When it started, in unix seconds.
    pub start_time_s: u64,
    pub supervised: &'static str,
    pub startup_memory_bytes: u64,
}

/// Everything.
pub struct Server {
    pub env: Env,
    pub dbs: Vec<Database>,
    pub commands: &'static CommandTable,
    pub clients: Clients,
    pub blocked: Blocked,
    pub watches: Watches,
    pub pubsub: PubSub,
    pub tracked: Tracked,
    pub net: Net,
    pub clock: clock::Clock,
    pub pause: pause::Pause,
    pub stats: Stats,
    pub slowlog: Slowlog,
    pub latency: LatencyMonitor,
    pub monitors: Vec<ClientId>,
    pub gate: Gate,
    pub cron: cron::Cron,
    pub expiry: expiry::Expiry,
    pub memory: memory::Memory,
    pub scripts: Scripts,
    pub defrag: defrag::Defrag,
    pub shutdown: shutdown::Shutdown,
    pub children: Children,
    pub aof: Aof,
    pub stream: Stream,
    /// Whether a transaction is being run.
    pub in_transaction: bool,
    pub snapshots: Snapshots,
    /// Connections to servers that keys were moved to.
    pub links: Links,
    /// While data are being loaded.
    pub loading: Option<loading::Loading>,
    /// Whether DEBUG DICT-RESIZING has stopped tables from moving elements that need not be moved.
    pub resizing_disabled: bool,
    pub process: Process,
    pub host: host::Host,
    /// Where snapshots and the append only file are.
    pub disk: Arc<dyn Disk>,
    /// Commands that take at least this long are looked at for the slow log and the latency monitor.
    pub slow_ns: u64,
}

impl Server {
    /// A server without sockets.
    pub fn new(config: Config, commands: &'static CommandTable) -> Server {
        let databases = config.databases as usize;
        let mut server = Server {
            env: Env::new(config),
            dbs: std::iter::repeat_with(Database::new).take(databases).collect(),
            commands,
            clients: Clients::default(),
            blocked: Blocked::default(),
            watches: Watches::default(),
            pubsub: PubSub::default(),
            tracked: Tracked::default(),
            net: Net::default(),
            clock: clock::Clock::start(),
            pause: pause::Pause::default(),
            stats: Stats::new(commands.len()),
            slowlog: Slowlog::default(),
            latency: LatencyMonitor::default(),
            monitors: Vec::new(),
            gate: Gate::default(),
            cron: cron::Cron::default(),
            expiry: expiry::Expiry::default(),
            memory: memory::Memory::default(),
            scripts: Scripts::default(),
            defrag: defrag::Defrag::default(),
            shutdown: shutdown::Shutdown::default(),
            children: Children::default(),
            aof: Aof::default(),
            stream: Stream::default(),
            in_transaction: false,
            links: Links::default(),
            snapshots: Snapshots::new(crate::sys::clock::wall_us() / 1_000_000),
            loading: None,
            resizing_disabled: false,
            process: Process {
                replication_id: String::from_utf8_lossy(&crate::util::random::id()).into_owned(),
                run_id: String::from_utf8_lossy(&crate::util::random::id()).into_owned(),
                config_file: String::new(),
                executable: String::new(),
                arguments: Vec::new(),
                start_time_s: crate::sys::clock::wall_us() / 1_000_000,
                supervised: "no",
                startup_memory_bytes: 0,
            },
            host: host::Host::default(),
            disk: Arc::new(RealDisk),
            slow_ns: u64::MAX,
        };
        server.env.now_ms = server.clock.now_ms();
        server.configured();
        server
    }

    /// A database, with its environment.
    #[inline]
    pub fn db(&mut self, index: usize) -> Db<'_> {
        Db { index, data: &mut self.dbs[index], env: &mut self.env }
    }

    /// Derives what follows from the configuration; called whenever it has changed.
    pub fn configured(&mut self) {
        let config = &self.env.config;
        self.env.access = crate::keyspace::access::Policy {
            lfu: config.maxmemory_policy.uses_lfu(),
            log_factor: config.lfu_log_factor,
            decay_minutes: config.lfu_decay_time_min,
        };
        let slowlog_ns = match config.slowlog_log_slower_than_us {
            us if us < 0 => u64::MAX,
            us => (us as u64).saturating_mul(1000),
        };
        let latency_ns = match config.latency_monitor_threshold_ms {
            0 => u64::MAX,
            ms => ms.saturating_mul(1_000_000),
        };
        self.slow_ns = slowlog_ns.min(latency_ns);
        self.memory_configured();
        self.defrag.reconfigure();
        self.update_listening();
        self.update_gate();
    }

    /// Opens or closes the short way, after anything that bears on it has changed.
    pub fn update_gate(&mut self) {
        self.gate.closed = !self.monitors.is_empty()
            || self.pause.scope().is_some()
            || self.memory.over_since_ns.is_some()
            || self.scripts.is_busy()
            || self.loading.is_some()
            || self.disk_error().is_some()
            || self.env.config.cluster_compatibility_sample_ratio_percent != 0;
    }

    /// Moves the frozen time to the clock's last reading.
    #[inline]
    pub fn thaw_time(&mut self) {
        self.env.now_ms = self.clock.now_ms();
    }
}
