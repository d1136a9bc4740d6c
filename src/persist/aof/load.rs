//! Running the log again at start.
//!
//! The files of the manifest are read in order. Commands are parsed in windows, so that the keys of a window are fetched into the
//! cache while it is parsed, and run through the same door as a client's. A transaction is kept until its EXEC has been read:
//! one that is cut off never happened.
//!
//! ```text
//! [REDIS... a snapshot] ( "#" annotation "\n" | "*" command )*
//! ```
//!
//! What always holds: loading ends with everything loaded, or with an error that names file, offset and remedy; memory grows with
//! the bytes that are there, not with what they claim; only the last file may be cut off, and is then shortened to its
//! last whole command or transaction.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::files::Failed;
use super::manifest::{File, Manifest};
use super::{folder, path};
use crate::config::file::reason;
use crate::dispatch::context::Origin;
use crate::dispatch::flags::Flag;
use crate::dispatch::table::Cmd;
use crate::keyspace::db::HashHint;
use crate::net::ClientId;
use crate::net::connection::Connection;
use crate::persist::rdb;
use crate::persist::rdb::load::How;
use crate::persist::rdb::source::Error;
use crate::resp::parse::{self, Limits, Partial, Step};
use crate::resp::{Args, OwnedArgs, Reply, Span};
use crate::server::{Server, loading};
use crate::sys::disk::{self, DiskFile, Open};
use crate::util::hash::hash;

/// Bytes read in one go.
const READ_BYTES: usize = 1 << 20;
/// The same near the end of a file.
const READ_BYTES_MIN: usize = 4096;
/// Commands parsed before they are run.
const WINDOW: usize = 64;
/// The longest command: what its words are named by counts in 32 bits.
const COMMAND_BYTES_MAX: usize = u32::MAX as usize;
/// Clients wait no longer than this while commands are loaded, in ns.
const TURN_NS: u64 = 5_000_000;
/// Bytes that snapshots begin with.
const SNAPSHOT_MAGIC: [&[u8]; 2] = [b"REDIS", b"VALKEY"];

const LIMITS: Limits = Limits { bulk_max: u32::MAX as i64, authenticated: true };

/// Why a file can't be loaded.
#[derive(Debug)]
enum Trouble {
    /// It ends inside a command, or inside a transaction.
    Truncated {
        in_transaction: bool,
    },
    /// What is there is no command.
    BadFormat,
    UnknownCommand(Vec<u8>),
    Forbidden(Vec<u8>),
    BadSnapshot,
    /// The server was told to end.
    Ending,
    Io(io::Error),
}

/// A command of the window.
struct Parsed {
    first: usize,
    words: usize,
    /// Where it ends, from the file's start.
    end: u64,
    cmd: &'static Cmd,
    hash: u64,
}

/// A file being read.
struct Reader {
    file: Arc<dyn DiskFile>,
    /// Bytes of the file from `offset` on.
    buf: Vec<u8>,
    offset: u64,
    /// What of `buf` has been dealt with.
    pos: usize,
    partial: Option<Box<Partial>>,
    ended: bool,
    /// The file's length, when it was opened.
    file_bytes: u64,
}

impl Reader {
    fn new(file: Arc<dyn DiskFile>, offset: u64) -> Reader {
        let file_bytes = file.len().unwrap_or(0);
        Reader { file, buf: Vec::new(), offset, pos: 0, partial: None, ended: false, file_bytes }
    }

    /// Drops what has been dealt with and reads more behind the rest.
    fn read_more(&mut self) -> Result<(), Trouble> {
        self.buf.drain(..self.pos);
        self.offset += self.pos as u64;
        self.pos = 0;
        // A long command grows the buffer twofold at most with each read: what is claimed may not be there.
        let have = self.buf.len();
        let left = usize::try_from(self.file_bytes.saturating_sub(self.offset + have as u64)).unwrap_or(usize::MAX);
        let room = READ_BYTES.max(have).min(left.max(READ_BYTES_MIN));
        if have + room > COMMAND_BYTES_MAX {
            return Err(Trouble::BadFormat);
        }
        self.buf.resize(have + room, 0);
        let read = loop {
            match self.file.read(&mut self.buf[have..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buf.truncate(have + *read.as_ref().unwrap_or(&0));
        self.ended = read.map_err(Trouble::Io)? == 0;
        Ok(())
    }
}

impl Server {
    /// Loads the log, if there is one. `false`: there is none.
    ///
    /// # Errors
    /// Something of it can't be loaded, or is not to be loaded.
    pub fn load_aof(&mut self) -> Result<bool, loading::Failed> {
        self.upgrade_old_aof().map_err(|_| loading::Failed::Damaged)?;
        let files: Vec<File> = self.aof.manifest.files().cloned().collect();
        if files.is_empty() {
            return Ok(false);
        }
        let mut sizes = Vec::new();
        for file in &files {
            let place = path(&self.env.config, &file.name);
            match self.disk.stat(&place) {
                Ok(stat) => sizes.push(stat.len),
                Err(error) => {
                    let shown = String::from_utf8_lossy(&file.name);
                    log::warn!("The append log file {shown} doesn't exist: {}", reason(&error));
                    return Err(loading::Failed::Missing);
                }
            }
        }
        let dirty = self.env.fx.dirty;
        self.env.loading = true;
        self.update_propagation();
        self.begin_loading(sizes.iter().sum());
        let client = self.add_client(Connection::None);
        let loaded = self.load_files(client, &files, &sizes);
        self.close_client(client);
        self.env.loading = false;
        self.env.fx.dirty = dirty;
        self.end_loading();
        self.update_propagation();
        loaded.map(|()| true)
    }

    /// Runs what is in one file, whatever it is called.
    ///
    /// # Errors
    /// It can't be loaded; what came before the trouble has been run.
    pub fn load_log_stream(&mut self, file: Arc<dyn DiskFile>) -> Result<(), loading::Failed> {
        self.env.loading = true;
        self.update_propagation();
        let client = self.add_client(Connection::None);
        let loaded = self.load_stream(client, file, false, &mut 0, 0);
        self.close_client(client);
        self.env.loading = false;
        self.update_propagation();
        loaded.map_err(|_| loading::Failed::Damaged)
    }

    fn load_files(&mut self, client: ClientId, files: &[File], sizes: &[u64]) -> Result<(), loading::Failed> {
        let has_base = self.aof.manifest.base.is_some();
        let mut done_bytes = 0;
        self.aof.current_bytes = 0;
        for (index, file) in files.iter().enumerate() {
            let (is_base, is_last) = (has_base && index == 0, index + 1 == files.len());
            // A new increment that nothing has been written to yet changes nothing about where the log ends.
            let may_be_cut = sizes[index + 1..].iter().all(|size| *size == 0);
            let began_ns = self.clock.tick();
            let len = self.load_file(client, file, may_be_cut, done_bytes)?;
            let seconds = (self.clock.tick() - began_ns) as f64 / 1e9;
            if len > 0 {
                let kind = if is_base { "base" } else { "incr" };
                log::info!("DB loaded from {kind} file {}: {seconds:.3} seconds", String::from_utf8_lossy(&file.name));
            }
            done_bytes += len;
            self.aof.current_bytes += len;
            if is_base {
                self.aof.base_bytes = len;
            }
            if is_last {
                self.stream.offset = match (file.start_offset, file.end_offset) {
                    (Some(_), Some(end)) => end,
                    (Some(start), None) if !is_base => start.saturating_add(len),
                    _ => self.stream.offset,
                };
            }
        }
        Ok(())
    }

    /// Loads one file; returns its length, without what was cut off.
    fn load_file(&mut self, client: ClientId, file: &File, may_be_cut: bool, before: u64) -> Result<u64, loading::Failed> {
        let shown = String::from_utf8_lossy(&file.name).into_owned();
        let place = path(&self.env.config, &file.name);
        let opened = self.disk.open(&place, Open::Read).map_err(|error| {
            log::warn!("Fatal error: can't open the append log file {shown} for reading: {}", reason(&error));
            loading::Failed::Unreadable
        })?;
        // Each file begins in the first database.
        if let Some(client) = self.clients.get_mut(client) {
            client.db = 0;
        }
        let old_style = file.name == self.env.config.appendfilename;
        let mut good_to = 0;
        let outcome = self.load_stream(client, opened, old_style, &mut good_to, before);
        let Err(trouble) = outcome else { return Ok(good_to) };
        match trouble {
            Trouble::Truncated { in_transaction } => {
                if in_transaction {
                    log::warn!("Revert incomplete MULTI/EXEC transaction in AOF file {shown}");
                }
                if self.env.config.aof_load_truncated && may_be_cut {
                    return self.cut_off(&place, &shown, good_to).map_err(|_| loading::Failed::Damaged);
                }
                if self.env.config.aof_load_truncated {
                    log::warn!("Fatal error: the truncated file is not the last file");
                }
                log::warn!(
                    "Unexpected end of file reading the append only file {shown}. You can: 1) Make a backup of your AOF file, then \
                     use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' \
                     configuration option to yes and restart the server."
                );
            }
            Trouble::BadFormat => log::warn!(
                "Bad file format reading the append only file {shown}: make a backup of your AOF file, then use ./redis-check-aof \
                 --fix <filename.manifest>"
            ),
            Trouble::UnknownCommand(name) => {
                log::warn!("Unknown command '{}' reading the append only file {shown}", String::from_utf8_lossy(&name));
            }
            Trouble::Forbidden(name) => log::warn!(
                "Command '{}' has no place in the append only file {shown}: make a backup of your AOF file, then remove it",
                String::from_utf8_lossy(&name)
            ),
            Trouble::BadSnapshot if old_style => {
                log::warn!("Error reading the RDB preamble of the AOF file {shown}, AOF loading aborted");
            }
            Trouble::BadSnapshot => log::warn!("Error reading the RDB base file {shown}, AOF loading aborted"),
            Trouble::Ending => return Err(loading::Failed::Ending),
            Trouble::Io(error) => {
                log::warn!("Unrecoverable error reading the append only file {shown}: {}", reason(&error));
            }
        }
        log::warn!("The append only file {shown} is good up to offset {good_to}");
        Err(loading::Failed::Damaged)
    }

    /// Shortens the last file to what is whole.
    fn cut_off(&mut self, place: &Path, shown: &str, good_to: u64) -> Result<u64, Failed> {
        log::warn!("!!! Warning: short read while loading the AOF file {shown}!!!");
        log::warn!("!!! Truncating the AOF {shown} at offset {good_to} !!!");
        let cut = self.disk.open(place, Open::Update).and_then(|file| {
            file.truncate(good_to)?;
            file.sync_data()
        });
        if let Err(error) = cut {
            log::warn!("Error truncating the AOF file {shown}: {}", reason(&error));
            return Err(Failed);
        }
        log::warn!("AOF {shown} loaded anyway because aof-load-truncated is enabled");
        Ok(good_to)
    }

    /// Runs what is in a file. `good_to` follows the end of the last whole command or transaction.
    fn load_stream(
        &mut self,
        client: ClientId,
        file: Arc<dyn DiskFile>,
        old_style: bool,
        good_to: &mut u64,
        before: u64,
    ) -> Result<(), Trouble> {
        let mut reader = Reader::new(file, 0);
        reader.read_more()?;
        if SNAPSHOT_MAGIC.iter().any(|magic| reader.buf.starts_with(magic)) {
            let what = if old_style { "preamble from AOF file" } else { "base file on AOF loading" };
            log::info!("Reading RDB {what}...");
            let end = self.load_snapshot_part(&reader.file)?;
            *good_to = end;
            if old_style {
                log::info!("Reading the remaining AOF tail...");
            }
            reader.file.seek(end).map_err(Trouble::Io)?;
            reader = Reader::new(reader.file, end);
            reader.read_more()?;
        }
        let mut spans: Vec<Span> = Vec::new();
        let mut window: Vec<Parsed> = Vec::with_capacity(WINDOW);
        let mut transaction: Option<Vec<OwnedArgs>> = None;
        let mut reply = Reply::new();
        let mut turn_at = before + u64::from(self.env.config.loading_process_events_interval_bytes);
        let mut turn_at_ns = self.clock.tick() + TURN_NS;
        loop {
            spans.clear();
            window.clear();
            let trouble = self.parse_window(client, &mut reader, &mut spans, &mut window).err();
            for index in 0..window.len() {
                let parsed = &window[index];
                if let Some(next) = window.get(index + 4) {
                    self.prefetch_entry_for(client, next);
                }
                let args = Args::new(&reader.buf, &spans[parsed.first..parsed.first + parsed.words]);
                self.load_command(client, parsed, args, &mut transaction, &mut reply)?;
                if transaction.is_none() {
                    *good_to = parsed.end;
                }
            }
            let done_bytes = before + reader.offset + reader.pos as u64;
            if done_bytes >= turn_at || self.clock.now_ns >= turn_at_ns {
                turn_at = done_bytes + u64::from(self.env.config.loading_process_events_interval_bytes);
                if !self.loading_turn(done_bytes) {
                    return Err(Trouble::Ending);
                }
                turn_at_ns = self.clock.now_ns + TURN_NS;
            }
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
            if window.len() == WINDOW {
                continue;
            }
            if reader.ended {
                let in_transaction = transaction.is_some();
                if in_transaction || reader.pos < reader.buf.len() {
                    return Err(Trouble::Truncated { in_transaction });
                }
                return Ok(());
            }
            reader.read_more()?;
        }
    }

    /// Parses as many commands as there are, up to a window full, and fetches their keys' buckets. At an error the commands
    /// before it are in the window.
    fn parse_window(
        &mut self,
        client: ClientId,
        reader: &mut Reader,
        spans: &mut Vec<Span>,
        window: &mut Vec<Parsed>,
    ) -> Result<(), Trouble> {
        let db = self.clients.get(client).map_or(0, |client| client.db as usize);
        while window.len() < WINDOW {
            let begin = reader.pos;
            match reader.buf.get(begin) {
                None => return Ok(()),
                Some(b'*') => {}
                Some(b'#') => match memchr::memchr(b'\n', &reader.buf[begin..]) {
                    Some(len) => {
                        reader.pos = begin + len + 1;
                        continue;
                    }
                    // An annotation is a line; one that goes on and on is none.
                    None if reader.buf.len() - begin > parse::INLINE_MAX => return Err(Trouble::BadFormat),
                    None => return Ok(()),
                },
                Some(_) => return Err(Trouble::BadFormat),
            }
            let first = spans.len();
            match parse::parse(&reader.buf, begin, reader.partial.take(), spans, &LIMITS) {
                Ok(Step::Request { end }) => {
                    let args = Args::new(&reader.buf, &spans[first..]);
                    let Some(cmd) = self.commands.resolve(args) else {
                        let name = args.get(0).unwrap_or_default();
                        return Err(Trouble::UnknownCommand(name[..name.len().min(128)].to_vec()));
                    };
                    if !cmd.spec.accepts(args.len()) {
                        return Err(Trouble::BadFormat);
                    }
                    let mut key_hash = 0;
                    if cmd.first_key > 0
                        && let Some(key) = args.get(cmd.first_key)
                    {
                        key_hash = hash(key);
                        self.dbs[db].prefetch_bucket(key_hash);
                    }
                    let parsed = Parsed { first, words: args.len(), end: reader.offset + end as u64, cmd, hash: key_hash };
                    window.push(parsed);
                    reader.pos = end;
                }
                Ok(Step::Incomplete(partial)) => {
                    reader.partial = partial;
                    return Ok(());
                }
                Ok(Step::Inline { .. } | Step::Empty { .. }) | Err(_) => return Err(Trouble::BadFormat),
            }
        }
        Ok(())
    }

    fn prefetch_entry_for(&self, client: ClientId, parsed: &Parsed) {
        if parsed.cmd.first_key > 0 {
            let db = self.clients.get(client).map_or(0, |client| client.db as usize);
            self.dbs[db].prefetch_entry(parsed.hash);
        }
    }

    /// Runs a command, or keeps it for the end of its transaction.
    fn load_command(
        &mut self,
        client: ClientId,
        parsed: &Parsed,
        args: Args<'_>,
        transaction: &mut Option<Vec<OwnedArgs>>,
        reply: &mut Reply,
    ) -> Result<(), Trouble> {
        let cmd = parsed.cmd;
        if cmd.spec.group == crate::dispatch::Group::Transactions && cmd.parent.is_none() {
            match (cmd.spec.name, transaction.is_some()) {
                ("MULTI", false) => *transaction = Some(Vec::new()),
                ("EXEC", true) => {
                    for args in transaction.take().unwrap_or_default() {
                        if let Some(cmd) = self.commands.resolve(args.view()) {
                            self.run_loaded(client, cmd, args.view(), reply);
                        }
                    }
                }
                _ => return Err(Trouble::BadFormat),
            }
            return Ok(());
        }
        if cmd.flags.has(Flag::Admin) || cmd.flags.has(Flag::Protected) {
            return Err(Trouble::Forbidden(args.get(0).unwrap_or_default().to_vec()));
        }
        match transaction {
            Some(queue) => queue.push(args.to_owned()),
            None => {
                if cmd.first_key > 0
                    && let Some(key) = args.get(cmd.first_key)
                {
                    self.env.hint = HashHint::new(key, parsed.hash);
                }
                self.run_loaded(client, cmd, args, reply);
                self.env.hint = HashHint::default();
            }
        }
        Ok(())
    }

    fn run_loaded(&mut self, client: ClientId, cmd: &'static Cmd, args: Args<'_>, reply: &mut Reply) {
        self.call(client, cmd, args, reply, Origin::Aof);
        reply.buf.clear();
        if self.env.config.key_load_delay_us > 0 {
            std::thread::sleep(Duration::from_micros(self.env.config.key_load_delay_us as u64));
        }
    }

    /// Loads the snapshot that a file begins with; returns where it ends.
    fn load_snapshot_part(&mut self, file: &Arc<dyn DiskFile>) -> Result<u64, Trouble> {
        file.seek(0).map_err(Trouble::Io)?;
        // When its keys go, the log says.
        let how = How { merge: false, keep_expired: true };
        match rdb::load::load(self, file.clone(), how) {
            Ok(loaded) => Ok(loaded.bytes),
            Err(failure) if matches!(failure.error, Error::Interrupted) => Err(Trouble::Ending),
            Err(failure) => {
                log::warn!("Internal error in RDB reading offset {}: {}", failure.offset, failure.error);
                Err(Trouble::BadSnapshot)
            }
        }
    }

    /// Takes over the log of a server older than 7.0: one file, beside the folder instead of in it. It becomes the base.
    fn upgrade_old_aof(&mut self) -> Result<(), Failed> {
        let prefix = self.env.config.appendfilename.clone();
        let old = crate::config::host::path(&prefix).to_path_buf();
        let folder = folder(&self.env.config);
        let moved = path(&self.env.config, &prefix);
        let there = |path: &Path| self.disk.look(path).ok().flatten();
        if there(&old).is_none_or(|stat| stat.is_dir) {
            return Ok(());
        }
        let manifest = &self.aof.manifest;
        let only_base = manifest.incr.is_empty() && manifest.base.as_ref().is_some_and(|base| base.name == prefix);
        let interrupted = only_base && there(&moved).is_none();
        if there(&self.manifest_path()).is_some() && !interrupted {
            return Ok(());
        }
        self.make_aof_folder()?;
        if !interrupted {
            let base = File::new(prefix.clone(), 1);
            self.adopt_manifest(Manifest { base: Some(base), base_seq: 1, dirty: true, ..Manifest::default() })?;
        }
        let shown = String::from_utf8_lossy(&prefix).into_owned();
        let renamed = self
            .disk
            .rename(&old, &moved)
            .and_then(|()| self.disk.sync_dir(&folder))
            .and_then(|()| self.disk.sync_dir(disk::folder(&old)));
        if let Err(error) = renamed {
            log::warn!("Error trying to move the old AOF file {shown} into dir {}: {}", folder.display(), reason(&error));
            return Err(Failed);
        }
        log::info!("Successfully migrated an old-style AOF file ({shown}) into the AOF directory ({}).", folder.display());
        Ok(())
    }
}
