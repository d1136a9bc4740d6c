//! A whole snapshot: the file's frame around the keys of all databases.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::{VERSION_TTL, VERSION_USUAL, kind, op};
use super::streams;
use super::write::{Style, Writer};
use crate::config::Config;
use crate::keyspace::{Ref, Type, access};
use crate::persist::child::Report;
use crate::server::Server;
use crate::sys::clock;
use crate::sys::disk::{DiskFile, Open, folder};
use crate::util::version;

/// How much is written before the disk is asked to take it (`rdb-save-incremental-fsync`).
const WRITE_BACK_BYTES: u64 = 4 << 20;

/// What a snapshot is for, as far as its bytes show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    File,
    /// The base of an append only file.
    AofBase,
}

impl Style {
    /// As configured.
    pub fn of(config: &Config) -> Style {
        Style { compress: config.rdbcompression, checksum: config.rdbchecksum }
    }
}

/// Sleeps as tests ask for it: `delay_us` per key, or one microsecond every so many keys when it is negative.
pub fn delay(delay_us: i32, key: u64) {
    let sleep_us = match delay_us {
        0 => return,
        1.. => delay_us as u64,
        _ if key.is_multiple_of(u64::from(delay_us.unsigned_abs())) => 1,
        _ => return,
    };
    std::thread::sleep(std::time::Duration::from_micros(sleep_us));
}

/// The oldest version whose readers know everything there is to write.
fn version(server: &Server) -> u16 {
    let has_ttl = server.dbs.iter().any(|db| db.first_elem_expiry().is_some());
    let usual = if has_ttl { VERSION_TTL } else { VERSION_USUAL };
    // Of the other types only streams may need a newer one, and that shows in each of them.
    let kinds = server.dbs.iter().flat_map(|db| {
        let streams: u64 = db.sizes().of(Type::Stream).iter().sum();
        let kinds = db.iter().filter_map(|entry| match entry.value() {
            Ref::Stream(stream) => Some(streams::kind_of(stream)),
            _ => None,
        });
        kinds.take(streams as usize)
    });
    kinds.map(kind::version).max().unwrap_or(usual).max(usual)
}

/// Writes everything the server holds. Errors stick to the writer.
pub fn write<W: Write>(server: &Server, out: &mut Writer<W>, purpose: Use, report: &mut Report) {
    out.raw(format!("REDIS{:04}", version(server)).as_bytes());
    let config = &server.env.config;
    let number = |n: u64| n.to_string().into_bytes();
    out.aux("redis-ver", version::REDIS.as_bytes());
    out.aux("redis-bits", &number(u64::from(version::ARCH_BITS)));
    out.aux("ctime", &number(clock::wall_us() / 1_000_000));
    out.aux("used-mem", &number(server.memory.meter.used() as u64));
    out.aux("aof-base", &number(u64::from(purpose == Use::AofBase)));
    for (_, library) in server.scripts.libraries.iter() {
        out.byte(op::FUNCTION);
        out.text(&library.code);
    }
    let policy = config.maxmemory_policy;
    let (lru, lfu) = (policy.uses_lru(), policy.uses_lfu());
    let mut written = 0;
    for (index, db) in server.dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        out.byte(op::SELECT_DB);
        out.len_field(index);
        out.byte(op::RESIZE_DB);
        out.len_field(db.len());
        out.len_field(db.expiring_len());
        for entry in db.iter() {
            if let Some(when_ms) = entry.expiry_ms() {
                out.byte(op::EXPIRE_MS);
                out.raw(&when_ms.to_le_bytes());
            }
            if lru {
                out.byte(op::IDLE);
                out.len_field(access::idle_s(entry.clock(), server.env.now_ms) as usize);
            } else if lfu {
                out.byte(op::FREQ);
                out.byte(access::decayed(entry.clock(), server.env.access, server.env.now_ms));
            }
            out.entry(entry);
            if let Ref::Str { bytes, .. } = entry.value() {
                report.finished_with(bytes);
            }
            report.key_done();
            written += 1;
            delay(config.rdb_key_save_delay_us, written);
            if out.has_failed() {
                return;
            }
        }
    }
    out.end_of_file();
}

/// A file that is handed to the disk bit by bit, so that the last sync has little left to do.
struct Trickle {
    file: Arc<dyn DiskFile>,
    /// 0: not at all.
    every_bytes: u64,
    written: u64,
    handed: u64,
}

impl Write for Trickle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.written += n as u64;
        if self.every_bytes != 0 && self.written - self.handed >= self.every_bytes {
            self.file.write_back(self.handed, self.written - self.handed);
            self.handed = self.written;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name a snapshot has while the process of this number writes it, in the server's folder.
pub fn temp_path(pid: u32) -> PathBuf {
    format!("temp-{pid}.rdb").into()
}

/// What could not be done, and why.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct SaveError {
    what: String,
    error: io::Error,
}

/// Writes a snapshot to `path`: under another name first, synced, renamed, and the folder synced. Nothing is left of one
/// that fails, and what was there before stays.
///
/// # Errors
/// What could not be done.
pub fn to_file(server: &Server, path: &Path, purpose: Use, report: &mut Report) -> Result<(), SaveError> {
    let temp = path.with_file_name(temp_path(std::process::id()));
    let disk = &*server.disk;
    let root = std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_else(|_| "unknown".into());
    let fail = |what: String| move |error| SaveError { what, error };
    let file = disk
        .open(&temp, Open::Create)
        .map_err(fail(format!("Failed opening the temp RDB file {} (in server root {root}) for saving", temp.display())))?;
    let written = (|| {
        let every_bytes = if server.env.config.rdb_save_incremental_fsync { WRITE_BACK_BYTES } else { 0 };
        let trickle = Trickle { file: file.clone(), every_bytes, written: 0, handed: 0 };
        let mut writer = Writer::new(trickle, Style::of(&server.env.config));
        write(server, &mut writer, purpose, report);
        writer.finish()?;
        file.sync_data()
    })();
    let renamed = written.map_err(fail("Write error saving DB on disk".into())).and_then(|()| {
        disk.rename(&temp, path).map_err(fail(format!(
            "Error moving temp DB file {} on the final destination {} (in server root {root})",
            temp.display(),
            path.display()
        )))
    });
    if let Err(error) = renamed {
        let _ = disk.unlink(&temp);
        return Err(error);
    }
    if server.env.config.rdb_save_incremental_fsync {
        file.drop_cache();
    }
    disk.sync_dir(folder(path)).map_err(fail("Write error while saving DB to the disk(fsync)".into()))
}
