//! The allocator's books, and advice to the kernel about pages.
//!
//! jemalloc counts for every thread the bytes it ever allocated and ever freed, in two words that the thread can
//! simply read. So used memory costs two loads and is exact after every command:
//!
//! ```text
//! used = (allocated - freed by the reactor) + HELPERS      HELPERS += (allocated - freed) by a helper since it last said so
//! ```
//!
//! A helper thread ([`Helper`]) adds its balance after each job: a freed value goes from the total when the job is done.
//! What always holds: bytes count by size class, as the allocator serves them.
#![allow(unsafe_code)]
#![cfg_attr(asan, allow(dead_code))]

use std::alloc::{GlobalAlloc, Layout};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use tikv_jemalloc_ctl::{background_thread, epoch, raw, stats, stats_print, thread};
use tikv_jemalloc_sys as sys;

/// All of the process's Rust memory. It stands here since the counters below are about this one allocator.
#[cfg_attr(not(asan), global_allocator)]
static ALLOCATOR: Jemalloc = Jemalloc;

/// jemalloc with size classes 8 bytes apart (`.cargo/config.toml`).
///
/// Such a class promises an alignment of 8 and no more, where the ready-made binding takes 16 for granted: a block
/// of 56 bytes aligned to 16 (a small hash map's, say) has to be asked for with its alignment.
struct Jemalloc;

impl Jemalloc {
    #[inline]
    fn flags(layout: Layout) -> i32 {
        align_flags(layout)
    }
}

/// What a layout asks of jemalloc beyond its size.
#[inline]
pub(super) fn align_flags(layout: Layout) -> i32 {
    if layout.align() <= 8 { 0 } else { sys::MALLOCX_ALIGN(layout.align()) }
}

// SAFETY: every call goes to jemalloc with the layout's size and, beyond what each class has anyway, its alignment; the
// same flags are given for the same layout whenever a block is handed back.
unsafe impl GlobalAlloc for Jemalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout has a size above zero.
        unsafe { sys::mallocx(layout.size(), Self::flags(layout)).cast() }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { sys::mallocx(layout.size(), Self::flags(layout) | sys::MALLOCX_ZERO).cast() }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from here with this layout.
        unsafe { sys::sdallocx(block.cast(), layout.size(), Self::flags(layout)) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the block came from here with this layout, whose alignment it keeps; `new_size` is above zero.
        unsafe { sys::rallocx(block.cast(), new_size, Self::flags(layout)).cast() }
    }
}

/// The balance of all helper threads, ended ones included, as far as they have told.
static HELPERS: AtomicI64 = AtomicI64::new(0);

/// The two counters of the thread that made it; it cannot leave that thread.
#[derive(Clone, Copy)]
struct Balance {
    allocated: thread::ThreadLocal<u64>,
    deallocated: thread::ThreadLocal<u64>,
}

impl Balance {
    fn new() -> Option<Balance> {
        Some(Balance { allocated: thread::allocatedp::read().ok()?, deallocated: thread::deallocatedp::read().ok()? })
    }

    /// Negative when this thread frees what others allocated.
    #[inline]
    fn bytes(self) -> i64 {
        self.allocated.get().wrapping_sub(self.deallocated.get()) as i64
    }
}

/// Reads used memory on the thread that owns the keyspace.
pub struct Meter {
    balance: Option<Balance>,
    helpers: &'static AtomicI64,
}

impl Meter {
    /// For the calling thread, everything it allocated before included.
    pub fn new() -> Meter {
        Meter { balance: Balance::new(), helpers: &HELPERS }
    }

    /// For the calling thread alone, whatever helpers tell: tests run side by side in one process.
    #[cfg(test)]
    pub fn of_thread() -> Meter {
        static NOBODY: AtomicI64 = AtomicI64::new(0);
        Meter { helpers: &NOBODY, ..Meter::new() }
    }

    /// Bytes in use by this thread's doing and by what helpers have told.
    #[inline]
    pub fn used(&self) -> usize {
        let own = self.balance.map_or(0, Balance::bytes);
        usize::try_from(own.wrapping_add(self.helpers.load(Ordering::Relaxed))).unwrap_or(0)
    }
}

impl Default for Meter {
    fn default() -> Meter {
        Meter::new()
    }
}

/// Publishes what a helper thread allocates and frees; the rest of it when dropped.
pub struct Helper {
    balance: Option<Balance>,
    told: i64,
}

impl Helper {
    /// For the calling thread; what it did before counts too.
    pub fn new() -> Helper {
        Helper { balance: Balance::new(), told: 0 }
    }

    /// Adds what happened since the last call to the process's total. To be called after each job.
    pub fn publish(&mut self) {
        let now = self.balance.map_or(0, Balance::bytes);
        HELPERS.fetch_add(now.wrapping_sub(self.told), Ordering::Relaxed);
        self.told = now;
    }
}

impl Default for Helper {
    fn default() -> Helper {
        Helper::new()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.publish();
    }
}

/// What the allocator knows of all threads together, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocatorStats {
    /// Handed out to the program.
    pub allocated: usize,
    /// In pages with anything handed out.
    pub active: usize,
    /// In memory, as far as the allocator can tell.
    pub resident: usize,
    /// Address space kept for later, without memory.
    pub retained: usize,
    /// For the allocator itself.
    pub metadata: usize,
    /// Given back lazily: the kernel may take it at any time.
    pub muzzy: usize,
    /// Free blocks between used ones of the same size, which moving those could win back.
    pub free_in_slabs: usize,
}

impl AllocatorStats {
    /// Fragmentation: what the allocator would have to hold for what it handed out, over that.
    pub fn fragmentation(&self) -> f64 {
        if self.allocated == 0 { 0.0 } else { 1.0 + self.free_in_slabs as f64 / self.allocated as f64 }
    }
}

/// jemalloc's number for "all arenas".
const ALL_ARENAS: usize = 4096;

/// Collects the statistics anew: some tens of microseconds. Zeros where the allocator does not tell.
pub fn allocator_stats() -> AllocatorStats {
    let _ = epoch::advance();
    let muzzy_name = format!("stats.arenas.{ALL_ARENAS}.pmuzzy\0");
    // SAFETY: the name ends with a NUL and the value is a size_t by jemalloc's manual.
    let muzzy_pages: usize = unsafe { raw::read(muzzy_name.as_bytes()) }.unwrap_or(0);
    AllocatorStats {
        allocated: stats::allocated::read().unwrap_or(0),
        active: stats::active::read().unwrap_or(0),
        resident: stats::resident::read().unwrap_or(0),
        retained: stats::retained::read().unwrap_or(0),
        metadata: stats::metadata::read().unwrap_or(0),
        muzzy: muzzy_pages * super::host::page_size(),
        free_in_slabs: super::defrag::free_in_slabs(),
    }
}

/// Gives every unused page back to the kernel, the calling thread's cache first (MEMORY PURGE).
pub fn purge() -> io::Result<()> {
    flush_cache()?;
    let name = std::ffi::CString::new(format!("arena.{ALL_ARENAS}.purge"))?;
    control(&name)
}

/// Gives the calling thread's cached blocks back to their slabs.
pub(super) fn flush_cache() -> io::Result<()> {
    control(c"thread.tcache.flush")
}

/// One of jemalloc's commands that take and return nothing.
fn control(name: &std::ffi::CStr) -> io::Result<()> {
    // SAFETY: `name` is a C string, and null pointers say that no value is read or written.
    let error =
        unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut(), 0) };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// jemalloc's own report in plain text (MEMORY MALLOC-STATS).
pub fn allocator_report() -> Vec<u8> {
    let mut report = Vec::new();
    // Writing to a Vec cannot fail.
    let _ = stats_print::stats_print(&mut report, stats_print::Options::default());
    report
}

/// Lets the allocator purge from threads of its own, or stops them (`jemalloc-bg-thread`).
pub fn set_background_threads(enabled: bool) -> io::Result<()> {
    background_thread::write(enabled).map_err(|error| io::Error::other(error.to_string()))
}

/// Asks the kernel for huge pages behind `region`; a hint that may be ignored.
pub fn advise_huge(region: &[u8]) {
    advise(region.as_ptr(), region.len(), libc::MADV_HUGEPAGE);
}

/// Asks the kernel to keep `region` on small pages, which copy-on-write duplicates at less cost.
pub fn advise_no_huge(region: &[u8]) {
    advise(region.as_ptr(), region.len(), libc::MADV_NOHUGEPAGE);
}

/// Drops the whole pages inside `region`, so that a forked child does not pay for what its parent changes.
///
/// # Safety
/// The memory must belong to this process alone as an anonymous private mapping, and nothing may ever read it again:
/// its contents become zeros. That is so in a forked child for data it has finished with and will not free.
pub unsafe fn dismiss(region: *const [u8]) {
    advise(region.cast(), region.len(), libc::MADV_DONTNEED);
}

/// `madvise` over the whole pages that lie inside a region. Errors do not matter: it is advice.
fn advise(start: *const u8, len: usize, advice: i32) {
    let page = super::host::page_size();
    let (first, end) = (start.addr().next_multiple_of(page), (start.addr() + len) / page * page);
    if first < end {
        // SAFETY: the range lies inside the caller's region. The advice about huge pages changes no contents; for
        // MADV_DONTNEED the caller of `dismiss` answers.
        unsafe { libc::madvise(start.with_addr(first).cast_mut().cast(), end - first, advice) };
    }
}

/// Turns transparent huge pages off for this process and its children (`disable-thp`).
pub fn disable_huge_pages() -> io::Result<()> {
    Ok(nix::sys::prctl::set_thp_disable(true)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_as_aligned_as_asked() {
        for size in 1..300usize {
            for align in [1, 2, 4, 8, 16, 32, 64, 128] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: a layout of non-zero size; each block is freed with it.
                let blocks: Vec<_> = (0..8).map(|_| unsafe { std::alloc::alloc(layout) }).collect();
                for block in blocks {
                    assert_eq!(block.addr() % align, 0, "{size} bytes aligned to {align}");
                    // SAFETY: as above.
                    unsafe { std::alloc::dealloc(block, layout) };
                }
            }
        }
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn used_memory_follows_each_allocation() {
        let meter = Meter::new();
        // Another test's helper may publish in between, so this goes by the thread's own balance.
        let own = || meter.balance.unwrap().bytes();
        let before = own();
        let mut blocks = Vec::with_capacity(100);
        let table = own() - before;
        assert!(table >= 100 * size_of::<Vec<u8>>() as i64);
        for size in 1..=100usize {
            let before = own();
            blocks.push(vec![1u8; size * 10]);
            let grown = own() - before;
            assert!(grown >= size as i64 * 10 && grown <= size as i64 * 20, "{grown} for {size}");
        }
        drop(blocks);
        assert_eq!(own(), before);
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn a_helper_accounts_for_what_it_frees() {
        const SIZE: usize = 64 << 20;
        let block = vec![1u8; SIZE];
        let told = std::thread::spawn(move || {
            let mut helper = Helper::new();
            helper.publish();
            let before = helper.told;
            drop(block);
            helper.publish();
            helper.told - before
        })
        .join()
        .unwrap();
        assert!(told <= -(SIZE as i64) && told > -2 * SIZE as i64, "{told}");
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that counts")]
    fn statistics_are_plausible() {
        let block = vec![1u8; 8 << 20];
        let stats = allocator_stats();
        assert!(stats.allocated >= block.len() && stats.active >= stats.allocated && stats.resident >= stats.allocated);
        assert!(stats.metadata > 0);
        drop(block);
        purge().unwrap();
        let report = allocator_report();
        assert!(report.windows(8).any(|window| window == b"jemalloc"), "{}", String::from_utf8_lossy(&report));
        set_background_threads(false).unwrap();
    }

    #[test]
    fn advice_is_harmless() {
        let region = vec![7u8; 8 << 20];
        advise_huge(&region);
        advise_no_huge(&region);
        advise_huge(&region[..10]);
        advise_huge(&[]);
        assert!(region.iter().all(|&byte| byte == 7));
    }

    #[test]
    fn dismissed_pages_are_zeros_and_their_neighbours_are_not() {
        let page = super::super::host::page_size();
        let size = 64 * page;
        // SAFETY: a fresh private anonymous mapping of `size` bytes, checked below, unmapped at the end.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(start, libc::MAP_FAILED);
        // SAFETY: the mapping is `size` bytes, writable, and nobody else knows it.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start.cast::<u8>(), size) };
        bytes.fill(9);
        let region: *const [u8] = &bytes[page / 2..size - page / 2];
        // SAFETY: a private anonymous mapping; that its contents change is the point of the test.
        unsafe { dismiss(region) };
        assert!(bytes[..page].iter().all(|&byte| byte == 9) && bytes[size - page..].iter().all(|&byte| byte == 9));
        assert!(bytes[page..size - page].iter().all(|&byte| byte == 0));
        // SAFETY: the mapping from above, whose slice is not used any more.
        unsafe { libc::munmap(start, size) };
    }
}
