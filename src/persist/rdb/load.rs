//! A whole snapshot, from its file into the databases.
//!
//! Keys go into the table some at a time, so that their buckets are on their way from memory meanwhile.

use std::sync::Arc;

use super::format::op;
use super::read::{Reading, module_name};
use super::save::delay;
use super::source::{Error, Source};
use super::stream::{Checksum, Company, Stream, version};
use crate::config::values::SanitizeDump;
use crate::keyspace::{Entry, access};
use crate::net::ClientId;
use crate::server::Server;
use crate::sys::clock;
use crate::sys::disk::DiskFile;
use crate::util::hash::hash;
use crate::util::quote;

/// Keys that wait for their buckets.
const BATCH: usize = 24;
/// Keys between two looks at the clock.
const KEYS_PER_LOOK: u64 = 256;

/// How a file is loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// A key that is there is replaced instead of being an error.
    pub merge: bool,
    /// Keys stay although they have expired: whoever made the file will say when they go.
    pub keep_expired: bool,
}

/// What was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub keys: u64,
    pub expired: u64,
    /// Collections without elements, which were left out.
    pub empty: u64,
    /// Where in the file the snapshot ends.
    pub bytes: u64,
    /// It says of itself that it is the base of an append only file.
    pub aof_base: bool,
}

/// Why a file could not be loaded, and where.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {error}")]
pub struct LoadError {
    pub offset: u64,
    pub error: Error,
}

type Input<'a> = Stream<&'a mut Server>;

impl Company for &mut Server {
    fn turn(&mut self, offset: u64) -> bool {
        self.loading_turn(offset)
    }

    fn interval_bytes(&self) -> u64 {
        u64::from(self.env.config.loading_process_events_interval_bytes)
    }
}

/// Keys on their way into the table.
#[derive(Default)]
struct Batch {
    entries: Vec<(u64, Entry)>,
}

impl Batch {
    /// Puts the keys into their database.
    fn flush(&mut self, server: &mut Server, db: usize, how: How) -> Result<(), Error> {
        let data = &mut server.dbs[db];
        for (hash, entry) in self.entries.drain(..) {
            match data.locate(hash, entry.key()) {
                None => {
                    data.insert(hash, entry);
                }
                Some(loc) if how.merge => drop(data.replace(hash, loc, entry)),
                Some(_) => {
                    let key = String::from_utf8_lossy(&quote::repr(entry.key())).into_owned();
                    return Err(Error::Corrupt(format!("RDB has duplicated key {key} in DB {db}").into()));
                }
            }
        }
        Ok(())
    }
}

/// Loads a snapshot that begins at the file's position, which is the start of the file.
///
/// # Errors
/// What is wrong, and where. What was loaded before stays in the databases.
pub fn load(server: &mut Server, file: Arc<dyn DiskFile>, how: How) -> Result<Loaded, LoadError> {
    let checksum = server.env.config.rdbchecksum;
    let mut input = Stream::new(file, server, checksum).map_err(|error| LoadError { offset: 0, error: error.into() })?;
    match records(&mut input, how) {
        Ok(loaded) => Ok(loaded),
        Err(error) => Err(LoadError { offset: input.offset(), error }),
    }
}

fn records(input: &mut Input<'_>, how: How) -> Result<Loaded, Error> {
    let (family, version) = version(input)?;
    let deep = input.company.env.config.sanitize_dump_payload == SanitizeDump::Yes;
    let reading = Reading::new(&input.company.env, family, deep);
    let delay_us = input.company.env.config.key_load_delay_us;
    let now_ms = input.company.env.now_ms;
    let (lfu, fresh) = (input.company.env.access.lfu, access::fresh(input.company.env.access, now_ms));
    let mut loaded = Loaded::default();
    let mut batch = Batch::default();
    let mut db = 0;
    let (mut expiry_ms, mut clock) = (None, fresh);
    let mut key = Vec::new();
    let mut seen = 0;
    loop {
        match input.byte()? {
            op::EXPIRE_S => expiry_ms = Some(u64::from(u32::from_le_bytes(input.array()?)) * 1000),
            // One before 1970 has passed.
            op::EXPIRE_MS => expiry_ms = Some(u64::try_from(i64::from_le_bytes(input.array()?)).unwrap_or(0)),
            op::FREQ => {
                let counter = input.byte()?;
                if lfu {
                    clock = access::lfu_with_counter(counter, now_ms);
                }
            }
            op::IDLE => {
                let idle_s = input.len()?;
                if !lfu {
                    clock = access::lru_with_idle(idle_s, now_ms);
                }
            }
            op::EOF => break,
            op::SELECT_DB => {
                batch.flush(input.company, db, how)?;
                let index = input.len()?;
                let databases = input.company.dbs.len();
                db = usize::try_from(index).ok().filter(|&index| index < databases).ok_or_else(|| {
                    Error::Unsupported(
                        format!(
                            "FATAL: Data file was created with a Redis server configured to handle more than {databases} databases: it \
                             has a database {index}. Set 'databases' accordingly"
                        )
                        .into(),
                    )
                })?;
            }
            // Hints: the table grows as keys come.
            op::RESIZE_DB => drop((input.len()?, input.len()?)),
            op::SLOT_INFO => drop((input.len()?, input.len()?, input.len()?)),
            op::AUX => aux(input, &mut loaded)?,
            op::FUNCTION => {
                let mut library = Vec::new();
                input.append_text(&mut library)?;
                if let Err(error) = input.company.load_library(ClientId::NOBODY, &library, how.merge) {
                    let why = String::from_utf8_lossy(&error.0).into_owned();
                    return Err(Error::Unsupported(format!("Failed loading a library of functions: {why}").into()));
                }
            }
            op::FUNCTION_PRE_GA => return Err(Error::unsupported("Pre-release function format not supported.")),
            op::MODULE_AUX => {
                let name = module_name(input.len()?);
                return Err(Error::Unsupported(
                    format!("The RDB file contains AUX module data I can't load: no matching module '{name}'").into(),
                ));
            }
            op::SLOT_IMPORT => {
                return Err(Error::unsupported(
                    "it was made in the middle of a slot migration, which this server cannot go on with",
                ));
            }
            kind => {
                key.clear();
                input.append_text(&mut key)?;
                let parsed = reading.entry(input, kind, &key, expiry_ms);
                seen += 1;
                match parsed {
                    Ok(_) if expiry_ms.is_some_and(|when_ms| when_ms < now_ms) && !how.keep_expired => loaded.expired += 1,
                    Ok(mut entry) => {
                        entry.set_clock(clock);
                        let hash = hash(&key);
                        input.company.dbs[db].prefetch_bucket(hash);
                        batch.entries.push((hash, entry));
                        if batch.entries.len() >= BATCH {
                            batch.flush(input.company, db, how)?;
                        }
                        loaded.keys += 1;
                    }
                    Err(Error::Empty) => {
                        if loaded.empty < 10 {
                            log::info!("rdbLoadObject skipping empty key: {}", String::from_utf8_lossy(&key));
                        }
                        loaded.empty += 1;
                    }
                    Err(error) => return Err(error),
                }
                (expiry_ms, clock) = (None, fresh);
                delay(delay_us, seen);
                input.look(seen % KEYS_PER_LOOK == 0)?;
            }
        }
    }
    batch.flush(input.company, db, how)?;
    if version >= 5 {
        match input.checksum()? {
            Checksum::Absent => log::info!("RDB file was saved with checksum disabled: no check performed."),
            Checksum::Wrong { expected, computed } if !input.company.env.skip_checksums => {
                log::warn!("Wrong RDB checksum expected: ({expected:x}) but got ({computed:x}). Aborting now.");
                return Err(Error::corrupt("RDB CRC error"));
            }
            Checksum::Wrong { .. } | Checksum::Right | Checksum::Unknown => {}
        }
    }
    loaded.bytes = input.offset();
    Ok(loaded)
}

/// Reads something that the file says about itself. What is not known is passed over.
fn aux(input: &mut Input<'_>, loaded: &mut Loaded) -> Result<(), Error> {
    let mut name = Vec::new();
    input.append_text(&mut name)?;
    let value = input.text(|value| String::from_utf8_lossy(value).into_owned())?;
    let number = value.parse::<i64>().unwrap_or(0);
    match &name[..] {
        [b'%', ..] => log::info!("RDB '{}': {value}", String::from_utf8_lossy(&name)),
        b"redis-ver" | b"valkey-ver" => log::info!("Loading RDB produced by version {value}"),
        b"ctime" => {
            let age_s = (clock::wall_us() / 1_000_000) as i64 - number;
            log::info!("RDB age {} seconds", age_s.max(0));
        }
        b"used-mem" => {
            log::info!("RDB memory usage when created {:.2} Mb", number as f64 / (1024.0 * 1024.0));
            if let Some(loading) = &mut input.company.loading {
                loading.used_mem_bytes = u64::try_from(number).unwrap_or(0);
            }
        }
        b"aof-preamble" if number != 0 => log::info!("RDB has an AOF tail"),
        b"aof-base" => {
            loaded.aof_base = number != 0;
            if loaded.aof_base {
                log::info!("RDB is base AOF");
            }
        }
        _ => log::trace!("Unrecognized RDB AUX field: '{}'", String::from_utf8_lossy(&name)),
    }
    Ok(())
}
