//! Where the memory goes: one look at the allocator, the process and the rooms, for INFO, MEMORY STATS and MEMORY DOCTOR.

use crate::server::Server;
use crate::sys::host;
use crate::sys::memory::{AllocatorStats, allocator_stats};

/// Sizes in bytes at one moment.
pub struct Usage {
    pub used: usize,
    pub peak: usize,
    pub startup: usize,
    /// Pages of the process that are in memory.
    pub resident: usize,
    pub allocator: AllocatorStats,
    /// Buffers of all clients, and the clients themselves.
    pub clients: usize,
    /// What waits to be written to the append only file.
    pub log_buffer: usize,
    /// Tables and expiry indexes of the databases with keys: number, table, index.
    pub databases: Vec<(usize, usize, usize)>,
    /// All that is there beside keys and values.
    pub overhead: usize,
    /// Keys and values.
    pub dataset: usize,
    /// Number of keys.
    pub keys: usize,
}

impl Usage {
    /// Looks now; walks the clients.
    pub fn of(server: &mut Server) -> Usage {
        let used = server.memory.meter.used();
        let peak = server.stats.peak_memory_bytes.max(used as u64);
        server.stats.peak_memory_bytes = peak;
        let startup = server.process.startup_memory_bytes as usize;
        let clients = server.clients.iter().map(|(_, client)| client.mem_bytes()).sum();
        let databases: Vec<_> = server
            .dbs
            .iter()
            .enumerate()
            .filter(|(_, db)| !db.is_empty())
            .map(|(index, db)| {
                let (table, expiries) = db.overhead_bytes();
                (index, table, expiries)
            })
            .collect();
        let tables: usize = databases.iter().map(|(_, table, expiries)| table + expiries).sum();
        let log_buffer = server.aof.buffer_bytes();
        let overhead = startup + clients + log_buffer + tables;
        Usage {
            used,
            peak: peak as usize,
            startup,
            resident: host::resident_bytes(),
            allocator: allocator_stats(),
            clients,
            log_buffer,
            databases,
            overhead,
            dataset: used.saturating_sub(overhead),
            keys: server.dbs.iter().map(|db| db.len()).sum(),
        }
    }

    /// The dataset's share of what has been added since the start.
    pub fn dataset_percent(&self) -> f64 {
        let added = self.used.saturating_sub(self.startup);
        if added == 0 { 0.0 } else { self.dataset as f64 * 100.0 / added as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn the_parts_make_the_whole() {
        let mut session = Session::new();
        for i in 0..1000 {
            session.run(&format!("setex key:{i} 100 value"));
        }
        let usage = Usage::of(&mut session.server);
        assert_eq!((usage.keys, usage.databases.len(), usage.databases[0].0), (1000, 1, 0));
        assert!(usage.databases[0].1 >= 8000 && usage.databases[0].2 >= 16_000);
        assert_eq!(usage.dataset, usage.used.saturating_sub(usage.overhead));
        assert!(usage.peak >= usage.used && (0.0..=100.0).contains(&usage.dataset_percent()));
    }
}
