//! Freeing big values where it disturbs nobody: a background thread that drops what it is sent.
//!
//! The reactor hands over ownership through a channel and goes on; nothing else is shared but two counters. The
//! thread starts with the first value, or before, and ends with the sender. Whoever must know when his memory is free takes a
//! [`Ticket`] and is woken. What always holds: every value sent is dropped, in order, and `pending` counts those that
//! are not dropped yet.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};

use super::database::{Database, free_effort};
use super::value::Value;
use crate::sys::threads;

enum Job {
    Value(Value),
    Database(Box<Database>),
    /// Gives unused pages back to the kernel.
    Purge,
}

#[derive(Default)]
struct Counters {
    pending: AtomicU64,
    freed: AtomicU64,
    jobs_done: AtomicU64,
    /// Called after a job while somebody waits.
    notify: OnceLock<Box<dyn Fn() + Send + Sync>>,
    awaited: AtomicBool,
}

impl Counters {
    fn job_done(&self, objects: u64) {
        self.pending.fetch_sub(objects, Ordering::Relaxed);
        self.freed.fetch_add(objects, Ordering::Relaxed);
        self.jobs_done.fetch_add(1, Ordering::SeqCst);
        if self.awaited.load(Ordering::SeqCst)
            && let Some(notify) = self.notify.get()
        {
            notify();
        }
    }
}

/// A point in the queue: everything sent before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The way to the thread.
#[derive(Default)]
pub struct Reclaim {
    sender: Option<Sender<Job>>,
    counters: Arc<Counters>,
    jobs_sent: u64,
}

/// From this many objects on, what their going leaves behind is worth giving back at once.
const PURGE_MIN: u64 = 10_000;

fn purge_after(objects: u64) {
    if objects >= PURGE_MIN
        && let Err(error) = crate::sys::memory::purge()
    {
        log::debug!("Can't purge the allocator's unused pages: {error}");
    }
}

impl Reclaim {
    /// Values with more allocations than this are worth the trip.
    pub const EFFORT_MIN: usize = 64;

    /// Drops a value in the background.
    pub fn value(&mut self, value: Value) {
        self.send(Job::Value(value), 1);
    }

    /// Drops a database's content in the background.
    pub fn database(&mut self, database: Database) {
        let objects = database.len() as u64;
        self.send(Job::Database(Box::new(database)), objects);
    }

    /// Gives the pages back that a big content which was dropped in place has left behind.
    pub fn purge(&mut self, objects: u64) {
        if objects >= PURGE_MIN {
            self.send(Job::Purge, 0);
        }
    }

    /// Objects waiting to be freed, and those freed since the server started or the figures were reset.
    pub fn figures(&self) -> (u64, u64) {
        (self.counters.pending.load(Ordering::Relaxed), self.counters.freed.load(Ordering::Relaxed))
    }

    /// Counts objects that were given up lazily and were freed at once all the same.
    pub fn count_freed(&self, objects: u64) {
        self.counters.freed.fetch_add(objects, Ordering::Relaxed);
    }

    /// Forgets the count of freed objects.
    pub fn reset_figures(&self) {
        self.counters.freed.store(0, Ordering::Relaxed);
    }

    /// Has `notify` called, by the thread, after each job that somebody may be waiting for.
    pub fn on_progress(&self, notify: Box<dyn Fn() + Send + Sync>) {
        let _ = self.counters.notify.set(notify);
    }

    /// The end of the queue as it stands now.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.jobs_sent)
    }

    /// Whether everything before that point has been dropped.
    pub fn has_reached(&self, ticket: Ticket) -> bool {
        self.counters.jobs_done.load(Ordering::SeqCst) >= ticket.0
    }

    /// Says whether anybody waits for a ticket.
    pub fn set_awaited(&self, awaited: bool) {
        self.counters.awaited.store(awaited, Ordering::SeqCst);
    }

    fn send(&mut self, job: Job, objects: u64) {
        self.jobs_sent += 1;
        self.counters.pending.fetch_add(objects, Ordering::Relaxed);
        // Without a thread the channel gives the job back, and it is dropped here.
        if self.started().send(job).is_err() {
            self.counters.job_done(objects);
        }
    }

    /// Starts the thread before there is anything to do.
    pub fn start(&mut self) {
        self.started();
    }

    fn started(&mut self) -> &Sender<Job> {
        let counters = &self.counters;
        self.sender.get_or_insert_with(|| {
            let (sender, receiver) = channel::<Job>();
            let counters = Arc::clone(counters);
            let spawned = threads::spawn("bio_lazy_free", threads::BACKGROUND, move |books| {
                for job in receiver {
                    let objects = match job {
                        Job::Value(value) => {
                            drop(value);
                            1
                        }
                        Job::Database(database) => {
                            let objects = database.len() as u64;
                            drop(database);
                            purge_after(objects);
                            objects
                        }
                        Job::Purge => {
                            purge_after(u64::MAX);
                            0
                        }
                    };
                    books.publish();
                    counters.job_done(objects);
                }
            });
            if let Err(error) = spawned {
                log::warn!("Can't start the lazy free thread, values are freed in place: {error}");
            }
            sender
        })
    }
}

/// Whether freeing this value takes long enough to be sent away.
pub fn worth_sending(value: &Value) -> bool {
    free_effort(value) > Reclaim::EFFORT_MIN
}
