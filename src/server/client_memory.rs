//! What clients' buffers take, and what happens when all together take too much: `maxmemory-clients`.
//!
//! While there is a limit each client is counted anew whenever its buffers may have changed: it was read from, its requests
//! ran, something was written for it or to it. The sum is kept, so that finding the limit passed costs a comparison. Then
//! the biggest clients go, until the rest fits. Clients that asked not to be evicted count like all others.

use crate::net::client::Client;
use crate::net::{ClientFlags, ClientId};
use crate::server::Server;

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

/// What clients' buffers take, as last counted.
#[derive(Default)]
pub struct ClientMemory {
    /// Most that all may take together, in bytes; 0: no limit, and nobody counts.
    pub limit: usize,
    /// Sum of the clients' counts.
    pub total: usize,
    /// Largest query buffer and output of any client, by second modulo the number of slots.
    peaks: [(usize, usize); PEAK_SLOTS],
    /// The second whose peaks were last entered.
    peak_s: u64,
}

impl ClientMemory {
    /// Whether the clients are over their limit.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.limit != 0 && self.total > self.limit
    }

    /// The client is gone, and its buffers with it.
    pub fn forget(&mut self, client: &mut Client) {
        self.total = self.total.saturating_sub(client.counted_bytes);
        client.counted_bytes = 0;
    }

    fn count(&mut self, client: &mut Client, bytes: usize) {
        self.total = self.total.saturating_sub(client.counted_bytes) + bytes;
        client.counted_bytes = bytes;
    }

    /// The largest query buffer and output of any client of late, in bytes.
    pub fn recent_peaks(&self) -> (usize, usize) {
        self.peaks.iter().fold((0, 0), |(input, output), peak| (input.max(peak.0), output.max(peak.1)))
    }

    fn note_peaks(&mut self, now_s: u64, peaks: (usize, usize)) {
        let slot = &mut self.peaks[(now_s % PEAK_SLOTS as u64) as usize];
        if self.peak_s != now_s {
            self.peak_s = now_s;
            *slot = (0, 0);
        }
        *slot = (slot.0.max(peaks.0), slot.1.max(peaks.1));
    }
}

impl Server {
    /// The most that all clients' buffers may take, in bytes; 0: no limit.
    pub fn clients_memory_limit(&self) -> u64 {
        let config = &self.env.config;
        config.maxmemory_clients.limit_bytes(config.maxmemory_bytes)
    }

    /// Takes over the limit.
    pub fn clients_memory_configured(&mut self) {
        self.memory.clients.limit = usize::try_from(self.clients_memory_limit()).unwrap_or(usize::MAX);
        self.count_all_clients();
    }

    /// Counts a client whose buffers have changed; its output may be lent out, and this big.
    #[inline]
    pub fn count_client(&mut self, id: ClientId, lent_bytes: usize) {
        if self.memory.clients.limit != 0
            && let Some(client) = self.clients.get_mut(id)
            && !client.has(ClientFlags::CLOSE_ASAP)
        {
            let bytes = client.mem_bytes() + lent_bytes;
            self.memory.clients.count(client, bytes);
        }
    }

    /// Whether a client may go on with its next request; it may not if its output of `lent_bytes` had to be given up.
    #[inline]
    pub fn client_fits(&mut self, id: ClientId, lent_bytes: usize) -> bool {
        if self.memory.clients.limit == 0 {
            return true;
        }
        self.count_client(id, lent_bytes);
        !self.memory.clients.is_over() || !self.evict_clients_now(id)
    }

    /// Counts every client anew, and notes the largest buffers.
    pub fn count_all_clients(&mut self) {
        let mut peaks = (0, 0);
        for client in self.clients.iter_mut().filter(|client| !client.has(ClientFlags::CLOSE_ASAP)) {
            peaks = (client.query_peak.max(peaks.0), client.pending_output().max(peaks.1));
            client.query_peak = client.query.len();
            let bytes = if self.memory.clients.limit == 0 { 0 } else { client.mem_bytes() };
            self.memory.clients.count(client, bytes);
        }
        self.memory.clients.note_peaks(self.env.now_ms / 1000, peaks);
    }

    /// Closes the biggest clients while all of them together are over their limit; whether this one was among them.
    pub fn evict_clients_now(&mut self, id: ClientId) -> bool {
        if !self.memory.clients.is_over() {
            return false;
        }
        let exempt = ClientFlags::NO_EVICT | ClientFlags::CLOSE_ASAP;
        let evictable = |client: &Client| !client.has(exempt) && !client.is_internal();
        let mut biggest: Vec<(usize, ClientId)> =
            self.clients.iter().filter(|(_, client)| evictable(client)).map(|(id, client)| (client.counted_bytes, id)).collect();
        biggest.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut itself = false;
        for (_, victim) in biggest {
            if !self.memory.clients.is_over() {
                break;
            }
            log::info!("Evicting client: {}", self.describe_client(victim));
            self.close_soon(victim);
            if let Some(client) = self.clients.get_mut(victim) {
                client.flags |= ClientFlags::EVICTED;
                self.memory.clients.forget(client);
                // What it held is free now, not when the turn ends: no key has to go for it.
                client.discard_output();
                client.query = Vec::new();
            }
            self.stats.clients_evicted += 1;
            itself |= victim == id;
        }
        itself
    }

    /// Closes the biggest clients if all together are over their limit; called every turn.
    #[inline]
    pub fn evict_clients(&mut self) {
        if self.memory.clients.is_over() {
            self.evict_clients_now(ClientId { slot: u32::MAX, id: 0 });
            self.close_all();
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn peaks_are_forgotten_after_a_while() {
        let mut memory = ClientMemory::default();
        memory.note_peaks(100, (10, 1));
        memory.note_peaks(100, (5, 7));
        memory.note_peaks(103, (3, 9));
        assert_eq!(memory.recent_peaks(), (10, 9));
        memory.note_peaks(108, (2, 2));
        assert_eq!(memory.recent_peaks(), (3, 9));
    }

    #[test]
    fn classes_double() {
        assert_eq!(SIZE_CLASSES[..3], [0, 32_768, 65_536]);
        assert_eq!(SIZE_CLASSES[18], 1 << 32);
    }

    #[test]
    fn sizes_are_summed_by_class() {
        let mut session = Session::new();
        let client = session.connect();
        session.server.clients.get_mut(client).unwrap().query = Vec::with_capacity(40_000);
        let classes = session.server.clients_by_size();
        assert_eq!((classes[0].1, classes[1].1), (1, 1));
        assert!(classes[1].0 > 40_000);
    }

    #[test]
    fn the_sum_follows_the_clients() {
        let mut session = Session::new();
        session.server.env.config.maxmemory_clients = crate::config::values::ClientsMemory::Bytes(1 << 20);
        session.server.configured();
        let before = session.server.memory.clients.total;
        let client = session.connect();
        session.server.clients.get_mut(client).unwrap().query = Vec::with_capacity(2 << 20);
        session.server.count_client(client, 0);
        assert!(session.server.memory.clients.total >= before + (2 << 20) && session.server.memory.clients.is_over());
        session.server.close_client(client);
        assert_eq!(session.server.memory.clients.total, before);
        assert!(!session.server.memory.clients.is_over());
    }
}
