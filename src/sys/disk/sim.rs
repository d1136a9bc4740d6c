//! A disk in memory that crashes and fails when told to.
//!
//! Every file has the bytes a reader sees and the bytes that are safe; every name likewise. [`sync_data`](DiskFile::sync_data)
//! makes a file's bytes safe, [`sync_dir`](Disk::sync_dir) a folder's names. [`SimDisk::crash`] keeps what is safe and, of the
//! rest, what the given [`Crash`] says. It is a strict disk: a file that was synced but whose folder was not is gone.
//!
//! Calls that change something are counted; [`SimDisk::fail_at`] fails one of them, or all from one on (a dead process, or a
//! disk that stays full). After a failed sync the bytes that were waiting never become safe, as with a kernel that drops
//! the pages it could not write.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile, Open, Stat};

/// What is left of unsynced bytes and names after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process died, the kernel lives: everything is left.
    Kill,
    /// Nothing is left.
    PowerLoss,
    /// Of each file's appended bytes and of each folder's changes an arbitrary first part is left.
    Torn { seed: u64 },
}

/// A call to fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// How many changing calls succeed first.
    pub after: u64,
    /// How many fail then.
    pub times: u64,
    /// The error.
    pub kind: io::ErrorKind,
    /// Whether a failing write writes half of its bytes all the same.
    pub partly: bool,
}

#[derive(Default, Clone)]
struct Inode {
    bytes: Vec<u8>,
    safe: Vec<u8>,
    /// Bytes that a failed sync has given up.
    doomed: Vec<Range<usize>>,
}

#[derive(Clone)]
enum NameChange {
    Put(PathBuf, usize),
    Remove(PathBuf),
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    safe_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since their folder was synced, in order.
    pending: Vec<NameChange>,
    folders: Vec<PathBuf>,
    calls: u64,
    fault: Option<Fault>,
    /// Incremented by a crash: handles from before are dead.
    era: u64,
}

/// The disk.
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct SimFile {
    state: Arc<Mutex<State>>,
    inode: usize,
    pos: Mutex<usize>,
    append: bool,
    era: u64,
}

/// The path as the disk knows it: the server's folder is `/data`.
fn at(path: &Path) -> PathBuf {
    if path == Path::new(".") { "/data".into() } else { Path::new("/data").join(path) }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    /// Counts a changing call; says whether it fails.
    fn change(&mut self) -> Result<(), Fault> {
        let call = self.calls;
        self.calls += 1;
        match self.fault {
            Some(fault) if call >= fault.after && call - fault.after < fault.times => Err(fault),
            _ => Ok(()),
        }
    }

    fn name(&mut self, change: NameChange) {
        match &change {
            NameChange::Put(path, inode) => self.names.insert(path.clone(), *inode),
            NameChange::Remove(path) => self.names.remove(path),
        };
        self.pending.push(change);
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.folders.iter().any(|folder| folder == path)
    }
}

impl SimDisk {
    /// An empty disk with the folder `/data`.
    pub fn new() -> Arc<SimDisk> {
        let state = State { folders: vec!["/data".into()], ..State::default() };
        Arc::new(SimDisk { state: Arc::new(Mutex::new(state)) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the disk")
    }

    /// How many changing calls there were so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Fails calls from now on as the fault says; `after` counts from the disk's first call.
    pub fn fail_at(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// The machine goes down and comes up again; no fault is left.
    pub fn crash(&self, how: Crash) {
        let mut state = self.state();
        let state = &mut *state;
        state.fault = None;
        state.era += 1;
        let mut rng = fastrand::Rng::with_seed(match how {
            Crash::Torn { seed } => seed,
            _ => 0,
        });
        let pending = std::mem::take(&mut state.pending);
        let kept_names = match how {
            Crash::Kill => pending.len(),
            Crash::PowerLoss => 0,
            Crash::Torn { .. } => rng.usize(0..=pending.len()),
        };
        for change in pending.into_iter().take(kept_names) {
            match change {
                NameChange::Put(path, inode) => state.safe_names.insert(path, inode),
                NameChange::Remove(path) => state.safe_names.remove(&path),
            };
        }
        state.names = state.safe_names.clone();
        for inode in &mut state.inodes {
            match how {
                Crash::Kill => inode.safe = inode.bytes.clone(),
                Crash::PowerLoss => {}
                Crash::Torn { .. } => {
                    let common = inode.safe.len().min(inode.bytes.len());
                    if inode.safe[..common] == inode.bytes[..common] && inode.doomed.is_empty() {
                        let kept = rng.usize(common..=inode.bytes.len());
                        inode.safe = inode.bytes[..kept.max(common)].to_vec();
                    }
                }
            }
            inode.bytes = inode.safe.clone();
            inode.doomed.clear();
        }
    }

    /// The bytes of a file as a reader sees them.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = *state.names.get(Path::new(path))?;
        Some(state.inodes[inode].bytes.clone())
    }

    /// Puts a file there, safe from the start.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut state = self.state();
        state.inodes.push(Inode { bytes: bytes.to_vec(), safe: bytes.to_vec(), doomed: Vec::new() });
        let inode = state.inodes.len() - 1;
        state.names.insert(path.into(), inode);
        state.safe_names.insert(path.into(), inode);
    }

    /// All files, by path.
    pub fn files(&self) -> Vec<String> {
        self.state().names.keys().map(|path| path.to_string_lossy().into_owned()).collect()
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DiskFile>> {
        let path = &*at(path);
        let mut state = self.state();
        let there = state.names.get(path).copied();
        let inode = match (how, there) {
            (Open::Read | Open::Update, None) => return Err(not_found()),
            (Open::Read | Open::Update | Open::Append, Some(inode)) => inode,
            (Open::Create | Open::Append, _) => {
                if !path.parent().is_some_and(|parent| state.is_folder(parent)) {
                    return Err(not_found());
                }
                state.change().map_err(|fault| fault.kind)?;
                match there {
                    Some(inode) => {
                        state.inodes[inode].bytes.clear();
                        // What is written now is new to the disk.
                        state.inodes[inode].doomed.clear();
                        inode
                    }
                    None => {
                        state.inodes.push(Inode::default());
                        let inode = state.inodes.len() - 1;
                        state.name(NameChange::Put(path.into(), inode));
                        inode
                    }
                }
            }
        };
        let era = state.era;
        Ok(Arc::new(SimFile { state: self.state.clone(), inode, pos: Mutex::new(0), append: how == Open::Append, era }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (&*at(from), &*at(to));
        let mut state = self.state();
        let inode = *state.names.get(from).ok_or_else(not_found)?;
        state.change().map_err(|fault| fault.kind)?;
        state.name(NameChange::Put(to.into(), inode));
        state.name(NameChange::Remove(from.into()));
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let path = &*at(path);
        let mut state = self.state();
        if !state.names.contains_key(path) {
            return Err(not_found());
        }
        state.change().map_err(|fault| fault.kind)?;
        state.name(NameChange::Remove(path.into()));
        Ok(())
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        let path = &*at(path);
        let mut state = self.state();
        if state.is_folder(path) || state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.change().map_err(|fault| fault.kind)?;
        state.folders.push(path.into());
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = &*at(path);
        let mut state = self.state();
        state.change().map_err(|fault| fault.kind)?;
        let (synced, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.pending).into_iter().partition(|change| match change {
                NameChange::Put(name, _) | NameChange::Remove(name) => name.parent() == Some(path),
            });
        state.pending = pending;
        for change in synced {
            match change {
                NameChange::Put(path, inode) => state.safe_names.insert(path, inode),
                NameChange::Remove(path) => state.safe_names.remove(&path),
            };
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let path = &*at(path);
        let state = self.state();
        if !state.is_folder(path) {
            return Err(not_found());
        }
        let inside = state.names.keys().chain(&state.folders).filter(|name| name.parent() == Some(path));
        Ok(inside.filter_map(|name| name.file_name().map(OsString::from)).collect())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let path = &*at(path);
        let state = self.state();
        if state.is_folder(path) {
            return Ok(Stat { len: 0, is_dir: true });
        }
        let inode = *state.names.get(path).ok_or_else(not_found)?;
        Ok(Stat { len: state.inodes[inode].bytes.len() as u64, is_dir: false })
    }
}

impl SimFile {
    /// Runs a call on the file, unless the machine has gone down since it was opened.
    fn with<T>(&self, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().expect("no test panics while it holds the disk");
        if state.era == self.era { run(&mut state) } else { Err(io::Error::other("the machine went down")) }
    }

    fn pos(&self) -> MutexGuard<'_, usize> {
        self.pos.lock().expect("no test panics while it holds the position")
    }
}

impl DiskFile for SimFile {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.with(|state| {
            let mut pos = self.pos();
            let bytes = &state.inodes[self.inode].bytes;
            let rest = bytes.get(*pos..).unwrap_or_default();
            let n = rest.len().min(buf.len());
            buf[..n].copy_from_slice(&rest[..n]);
            *pos += n;
            Ok(n)
        })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state| {
            let n = match state.change() {
                Ok(()) => bytes.len(),
                Err(fault) if fault.partly && bytes.len() > 1 => bytes.len() / 2,
                Err(fault) => return Err(fault.kind.into()),
            };
            let mut pos = self.pos();
            let content = &mut state.inodes[self.inode].bytes;
            if self.append {
                *pos = content.len();
            }
            let end = *pos + n;
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*pos..end].copy_from_slice(&bytes[..n]);
            *pos = end;
            Ok(n)
        })
    }

    fn seek(&self, offset: u64) -> io::Result<()> {
        *self.pos() = usize::try_from(offset).map_err(io::Error::other)?;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state| {
            let outcome = state.change();
            let inode = &mut state.inodes[self.inode];
            match outcome {
                Ok(()) => {
                    inode.safe = inode.bytes.clone();
                    for range in &inode.doomed {
                        let end = range.end.min(inode.safe.len());
                        inode.safe[range.start.min(end)..end].fill(0);
                    }
                    Ok(())
                }
                Err(fault) => {
                    let waiting = inode.safe.len().min(inode.bytes.len())..inode.bytes.len();
                    inode.doomed.push(waiting);
                    Err(fault.kind.into())
                }
            }
        })
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.with(|state| {
            state.change().map_err(|fault| fault.kind)?;
            let len = usize::try_from(len).map_err(io::Error::other)?;
            let inode = &mut state.inodes[self.inode];
            inode.bytes.resize(len, 0);
            inode.doomed.retain(|range| range.start < len);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|state| Ok(state.inodes[self.inode].bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::write_all;
    use super::*;

    const A: &str = "/data/a";

    fn disk_with(bytes: &[u8]) -> (Arc<SimDisk>, Arc<dyn DiskFile>) {
        let disk = SimDisk::new();
        let file = disk.open(Path::new(A), Open::Create).unwrap();
        write_all(&*file, bytes).unwrap();
        (disk, file)
    }

    #[test]
    fn only_synced_bytes_under_synced_names_survive() {
        let (disk, file) = disk_with(b"safe");
        file.sync_data().unwrap();
        disk.crash(Crash::PowerLoss);
        assert_eq!(disk.bytes(A), None);
        assert!(file.sync_data().is_err());

        let (disk, file) = disk_with(b"safe");
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("/data")).unwrap();
        write_all(&*file, b" and not").unwrap();
        disk.crash(Crash::PowerLoss);
        assert_eq!(disk.bytes(A).unwrap(), b"safe");

        let (disk, _file) = disk_with(b"all");
        disk.crash(Crash::Kill);
        assert_eq!(disk.bytes(A).unwrap(), b"all");
    }

    #[test]
    fn a_torn_write_keeps_a_first_part() {
        for seed in 0..50 {
            let (disk, file) = disk_with(b"safe");
            file.sync_data().unwrap();
            disk.sync_dir(Path::new("/data")).unwrap();
            write_all(&*file, b"0123456789").unwrap();
            disk.crash(Crash::Torn { seed });
            let left = disk.bytes(A).unwrap();
            assert!(left.len() >= 4 && b"safe0123456789".starts_with(&left), "{left:?}");
        }
    }

    #[test]
    fn the_call_that_was_named_fails() {
        let (disk, file) = disk_with(b"");
        let after = disk.calls();
        disk.fail_at(Some(Fault { after: after + 1, times: 1, kind: io::ErrorKind::StorageFull, partly: true }));
        assert_eq!(file.write(b"1234").unwrap(), 4);
        assert_eq!(file.write(b"5678").unwrap(), 2);
        assert_eq!(file.write(b"78").unwrap(), 2);
        assert_eq!(disk.bytes(A).unwrap(), b"12345678");
    }

    #[test]
    fn what_a_failed_sync_lost_stays_lost() {
        let (disk, file) = disk_with(b"one");
        disk.sync_dir(Path::new("/data")).unwrap();
        file.sync_data().unwrap();
        write_all(&*file, b"two").unwrap();
        disk.fail_at(Some(Fault { after: disk.calls(), times: 1, kind: io::ErrorKind::Other, partly: false }));
        assert!(file.sync_data().is_err());
        file.sync_data().unwrap();
        disk.crash(Crash::PowerLoss);
        assert_eq!(disk.bytes(A).unwrap(), b"one\0\0\0");
    }
}
