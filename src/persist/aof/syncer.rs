//! What may block, done by two threads: one syncs; the other closes big files that were deleted, which may take seconds
//! that no sync shall wait for.
//!
//! The reactor sends jobs through channels and reads counters; nothing else is shared. Syncs are done in order, so once one
//! up to some point is done, everything sent before it is too. Points are totals of bytes ever written to the log, whatever file
//! they went to. The first failed sync is kept until it is taken.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};

use crate::sys::disk::{Disk, DiskFile, Open};
use crate::sys::threads;

struct Job {
    file: Arc<dyn DiskFile>,
    upto: u64,
}

#[derive(Default)]
struct Shared {
    synced: AtomicU64,
    /// Syncs sent and not done.
    pending: AtomicU64,
    failed: AtomicBool,
    error: Mutex<Option<io::Error>>,
    notify: OnceLock<Box<dyn Fn() + Send + Sync>>,
    awaited: AtomicBool,
}

impl Shared {
    fn run(&self, job: Job) {
        match job.file.sync_data() {
            // After a failure nothing that was written before is certain.
            Ok(()) if !self.failed.load(Ordering::SeqCst) => {
                self.synced.fetch_max(job.upto, Ordering::SeqCst);
            }
            Ok(()) => {}
            Err(error) => {
                if let Ok(mut kept) = self.error.lock() {
                    kept.get_or_insert(error);
                }
                self.failed.store(true, Ordering::SeqCst);
            }
        }
        drop(job);
        self.pending.fetch_sub(1, Ordering::SeqCst);
        if self.awaited.load(Ordering::SeqCst)
            && let Some(notify) = self.notify.get()
        {
            notify();
        }
    }
}

/// The way to the threads. Until they are started, and if they cannot be, the caller does the work himself.
#[derive(Default)]
pub struct Syncer {
    sender: Option<Sender<Job>>,
    closer: Option<Sender<Arc<dyn DiskFile>>>,
    shared: Arc<Shared>,
}

impl Syncer {
    /// Puts the file's bytes, and with them everything up to `upto`, onto the disk.
    pub fn sync(&mut self, file: Arc<dyn DiskFile>, upto: u64) {
        self.shared.pending.fetch_add(1, Ordering::SeqCst);
        self.send(Job { file, upto });
    }

    /// Lets go of a file: closing may take long if it was deleted.
    pub fn close(&mut self, file: Arc<dyn DiskFile>) {
        if let Some(closer) = &self.closer {
            // Without the thread the channel gives it back, and it is dropped here.
            let _ = closer.send(file);
        }
    }

    /// Deletes a file: its name at once, its bytes in the background, for that may take long.
    pub fn unlink(&mut self, disk: &dyn Disk, path: &Path) {
        let file = disk.open(path, Open::Read);
        if let Err(error) = disk.unlink(path) {
            log::debug!("Can't delete {}: {error}", path.display());
        }
        if let Ok(file) = file {
            self.close(file);
        }
    }

    /// Up to where everything is on the disk.
    #[inline]
    pub fn synced(&self) -> u64 {
        self.shared.synced.load(Ordering::SeqCst)
    }

    /// Says that everything up to `upto` is on the disk, which the caller has seen to.
    pub fn done(&self, upto: u64) {
        self.shared.synced.fetch_max(upto, Ordering::SeqCst);
    }

    /// How many syncs are under way.
    #[inline]
    pub fn pending(&self) -> u64 {
        self.shared.pending.load(Ordering::SeqCst)
    }

    /// The first error since they were last taken; `forgiven`, syncs count again.
    pub fn take_error(&self) -> Option<io::Error> {
        if !self.shared.failed.load(Ordering::SeqCst) {
            return None;
        }
        self.shared.error.lock().ok().and_then(|mut error| error.take())
    }

    /// Lets syncs count again: all that a failed one may have lost has been written elsewhere.
    pub fn forgive(&self) {
        self.take_error();
        self.shared.failed.store(false, Ordering::SeqCst);
    }

    /// Has `notify` called, by the thread, after each sync that somebody waits for.
    pub fn on_progress(&self, notify: Box<dyn Fn() + Send + Sync>) {
        let _ = self.shared.notify.set(notify);
    }

    /// Somebody waits for syncs, or nobody does.
    pub fn set_awaited(&self, awaited: bool) {
        self.shared.awaited.store(awaited, Ordering::SeqCst);
    }

    fn send(&mut self, job: Job) {
        let job = match &self.sender {
            None => job,
            Some(sender) => match sender.send(job) {
                Ok(()) => return,
                // The thread is gone.
                Err(back) => back.0,
            },
        };
        self.shared.run(job);
    }

    /// Starts the threads.
    pub fn start(&mut self) {
        let shared = self.shared.clone();
        self.sender = worker("bio_aof", move |job| shared.run(job));
        self.closer = worker("bio_close_file", drop);
    }
}

/// A thread that does `work` with whatever is sent.
fn worker<T: Send + 'static>(name: &str, mut work: impl FnMut(T) + Send + 'static) -> Option<Sender<T>> {
    let (sender, jobs) = channel();
    let started = threads::spawn(name, threads::BACKGROUND, move |books| {
        for job in jobs {
            work(job);
            books.publish();
        }
    });
    match started {
        Ok(_) => Some(sender),
        Err(error) => {
            log::warn!("Can't start the thread {name}, its work is done in place: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::disk::sim::{Fault, SimDisk};
    use crate::sys::disk::write_all;

    #[test]
    fn syncs_count_until_one_fails() {
        let disk = SimDisk::new();
        let file = disk.open(Path::new("/data/a"), Open::Create).unwrap();
        write_all(&*file, b"x").unwrap();
        let mut syncer = Syncer::default();
        syncer.sync(file.clone(), 1);
        assert_eq!((syncer.synced(), syncer.pending()), (1, 0));
        disk.fail_at(Some(Fault { after: disk.calls(), times: 1, kind: io::ErrorKind::Other, partly: false }));
        syncer.sync(file.clone(), 2);
        syncer.sync(file.clone(), 3);
        assert_eq!(syncer.synced(), 1);
        assert!(syncer.take_error().is_some());
        syncer.forgive();
        syncer.sync(file, 4);
        assert_eq!(syncer.synced(), 4);
    }

    #[test]
    fn the_threads_do_it_too() {
        let disk = SimDisk::new();
        let file = disk.open(Path::new("/data/a"), Open::Create).unwrap();
        let mut syncer = Syncer::default();
        syncer.start();
        syncer.sync(file.clone(), 7);
        syncer.close(file);
        syncer.unlink(&*disk, Path::new("/data/a"));
        assert!(disk.files().is_empty());
        while syncer.pending() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(syncer.synced(), 7);
    }
}
