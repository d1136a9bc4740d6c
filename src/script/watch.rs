//! The clock that notices long runs.
//!
//! A script is not asked to look at a clock: its interpreter calls a hook only when told to, and nothing else slows it down. A thread
//! looks every ten milliseconds whether the run it saw last time still goes on, and tells its interpreter if so. When no script has
//! run for a second the thread sleeps until one does.
//!
//! ```text
//! count    even: nothing runs     odd: something does, and the number says which run it is
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use super::vm::Interrupter;

const TICK: Duration = Duration::from_millis(10);
const IDLE_TICKS: u32 = 100;

#[derive(Default)]
struct Shared {
    count: AtomicU64,
    asleep: AtomicBool,
    over: AtomicBool,
    interrupters: Mutex<Vec<Interrupter>>,
}

/// The watch, its thread started by the first run.
#[derive(Default)]
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<Thread>,
}

impl Watch {
    /// An interpreter to be told.
    pub fn add(&mut self, interrupter: Interrupter) {
        let mut all = self.shared.interrupters.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(Interrupter::is_alive);
        all.push(interrupter);
    }

    /// A run begins.
    #[inline]
    pub fn begin(&mut self) {
        self.shared.count.fetch_add(1, Ordering::SeqCst);
        match &self.thread {
            None => self.start(),
            Some(thread) if self.shared.asleep.load(Ordering::SeqCst) => thread.unpark(),
            Some(_) => {}
        }
    }

    /// It is over.
    #[inline]
    pub fn end(&mut self) {
        self.shared.count.fetch_add(1, Ordering::SeqCst);
    }

    #[cold]
    fn start(&mut self) {
        let shared = self.shared.clone();
        let spawned = thread::Builder::new().name("script-watch".into()).spawn(move || shared.watch());
        match spawned {
            Ok(handle) => self.thread = Some(handle.thread().clone()),
            Err(error) => log::warn!("Can't start the thread that watches scripts: {error}"),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Shared {
    fn watch(&self) {
        let (mut seen, mut idle) = (0, 0);
        while !self.over.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            let count = self.count.load(Ordering::SeqCst);
            if count % 2 == 1 && count == seen {
                for interrupter in self.interrupters.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    interrupter.interrupt();
                }
            }
            idle = if count == seen && count.is_multiple_of(2) { idle + 1 } else { 0 };
            seen = count;
            if idle >= IDLE_TICKS {
                self.asleep.store(true, Ordering::SeqCst);
                // Whoever begins from here on sees that this sleeps; who began before is seen here.
                if self.count.load(Ordering::SeqCst) == seen && !self.over.load(Ordering::SeqCst) {
                    thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
                idle = 0;
            }
        }
    }
}
