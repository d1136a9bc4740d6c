//! Figures: what the server counts about itself.

pub mod histogram;
pub mod latency;
pub mod rates;
pub mod slowlog;

use hashbrown::HashMap;
use histogram::Histogram;

/// The figures of one command.
#[derive(Default)]
pub struct CommandStats {
    pub calls: u64,
    pub elapsed_ns: u64,
    /// Refused before it ran.
    pub rejected: u64,
    /// Answered with an error.
    pub failed: u64,
    pub latency: Option<Box<Histogram>>,
}

impl CommandStats {
    /// One call took this long.
    #[inline]
    pub fn ran(&mut self, elapsed_ns: u64, track: bool) {
        self.calls += 1;
        self.elapsed_ns += elapsed_ns;
        if track {
            self.latency.get_or_insert_default().record(elapsed_ns);
        }
    }
}

/// Distinct error codes that are counted; a script could make up any number.
const ERROR_CODES_MAX: usize = 128;

/// What the server counts, but for keys and memory.
pub struct Stats {
    /// By command id.
    pub commands: Vec<CommandStats>,
    pub commands_processed: u64,
    /// Commands seen that would not work in a cluster.
    pub cluster_incompatible: u64,
    pub connections_received: u64,
    pub connections_rejected: u64,
    pub net_input_bytes: u64,
    pub net_output_bytes: u64,
    pub reads_processed: u64,
    pub writes_processed: u64,
    pub errors: HashMap<Box<[u8]>, u64>,
    pub errors_total: u64,
    /// Error codes that were given up when they became too many.
    pub error_codes_freed: u64,
    /// Whether the error codes have grown past what is kept.
    pub errors_overflowed: bool,
    pub unexpected_error_replies: u64,
    pub clients_evicted: u64,
    /// Scripts of EVAL that were dropped to make room for others.
    pub evicted_scripts: u64,
    pub query_limit_disconnections: u64,
    pub output_limit_disconnections: u64,
    pub reply_buffer_shrinks: u64,
    pub reply_buffer_expands: u64,
    pub expire_cycle_ns: u64,
    pub expired_time_cap_reached: u64,
    pub eviction_exceeded_ns: u64,
    pub peak_memory_bytes: u64,
    pub turns: u64,
    pub turns_ns: u64,
    pub turns_command_ns: u64,
    pub turn_ns_max: u64,
    pub turn_commands_max: u64,
    pub cron_ns: u64,
    pub rates: rates::Rates,
}

impl Stats {
    /// No figures yet, for a table of so many commands.
    pub fn new(command_count: usize) -> Stats {
        Stats {
            commands: (0..command_count).map(|_| CommandStats::default()).collect(),
            commands_processed: 0,
            cluster_incompatible: 0,
            connections_received: 0,
            connections_rejected: 0,
            net_input_bytes: 0,
            net_output_bytes: 0,
            reads_processed: 0,
            writes_processed: 0,
            errors: HashMap::new(),
            errors_total: 0,
            error_codes_freed: 0,
            errors_overflowed: false,
            unexpected_error_replies: 0,
            clients_evicted: 0,
            evicted_scripts: 0,
            query_limit_disconnections: 0,
            output_limit_disconnections: 0,
            reply_buffer_shrinks: 0,
            reply_buffer_expands: 0,
            expire_cycle_ns: 0,
            expired_time_cap_reached: 0,
            eviction_exceeded_ns: 0,
            peak_memory_bytes: 0,
            turns: 0,
            turns_ns: 0,
            turns_command_ns: 0,
            turn_ns_max: 0,
            turn_commands_max: 0,
            cron_ns: 0,
            rates: rates::Rates::default(),
        }
    }

    /// An error with this code was answered.
    pub fn error(&mut self, code: &[u8]) {
        self.errors_total += 1;
        if let Some(count) = self.errors.get_mut(code) {
            *count += 1;
        } else if self.errors.len() < ERROR_CODES_MAX {
            self.errors.insert(code.into(), 1);
        } else if !self.errors_overflowed {
            self.errors_overflowed = true;
            let codes = std::mem::take(&mut self.errors);
            self.error_codes_freed = codes.len() as u64;
            warn_of_errors(codes.into_keys().collect());
            self.errors.insert(b"ERRORSTATS_DISABLED"[..].into(), 1);
        }
    }

    /// Forgets everything that CONFIG RESETSTAT resets.
    pub fn reset(&mut self) {
        let rates = std::mem::take(&mut self.rates);
        *self = Stats { rates, peak_memory_bytes: self.peak_memory_bytes, ..Stats::new(self.commands.len()) };
        self.rates.reset();
    }
}

/// Says that no further error codes are counted, and which there were.
#[cold]
fn warn_of_errors(mut codes: Vec<Box<[u8]>>) {
    codes.sort_unstable();
    log::warn!(
        "Errorstats stopped adding new errors because the number of errors reached the limit, may be misuse of lua error_reply, \
         please check INFO ERRORSTATS, this can be re-enabled via CONFIG RESETSTAT."
    );
    log::warn!("Current errors code list: {}", String::from_utf8_lossy(&codes.join(&b", "[..])));
}
