//! Moving blocks together, so that half-empty slabs become empty and their pages free.
//!
//! jemalloc keeps small blocks in *slabs*: a few pages of blocks of one size, a *class*. A page is given back only with its
//! whole slab, so that after many deletions memory can be full of holes. It tells of any block how many of its slab's
//! neighbours are free; a new block comes from the oldest slab that has room. So a block in a slab that is emptier than its
//! class's others is copied to a new block, and the old one freed: the old slab gets nearer to its end, another one fuller.
//!
//! ```text
//! worth moving:   the slab is not the one that new blocks come from
//!             and used * open slabs <= 9/8 * blocks used in open slabs          (open: with at least one free block)
//! ```
//!
//! The eighth is for slabs that are all equally full: somebody has to begin. Copies are made past the thread's cache, which would
//! hand out the very blocks that have just been freed.
//!
//! What always holds: a [`Mover`] frees a block only after its copy has become the owner's; what is not moved is not
//! written. Sizes the allocator does not keep in slabs are never moved.
#![allow(unsafe_code)]
#![cfg_attr(asan, allow(dead_code))]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::OnceLock;

use tikv_jemalloc_ctl::{epoch, raw};
use tikv_jemalloc_sys as sys;

/// jemalloc's number for "all arenas".
const ALL_ARENAS: usize = 4096;
/// A class is left alone when its free blocks take less than this part of its used ones: there is next to nothing to gain.
const NEGLIGIBLE: usize = 64;

/// One size class of small blocks.
#[derive(Clone, Copy, Debug)]
struct Class {
    block_bytes: usize,
    /// Blocks in a slab.
    blocks: usize,
}

/// The classes, and the numbers under which jemalloc knows what is asked of it again and again.
struct Classes {
    classes: Vec<Class>,
    /// The class of blocks of up to 8 times the index.
    by_eighth: Vec<u8>,
    query: [usize; 3],
    blocks_used: [usize; 6],
    slabs: [usize; 6],
    slabs_open: [usize; 6],
}

/// jemalloc's number for a name.
fn number<const N: usize>(name: &str) -> Option<[usize; N]> {
    let mut mib = [0; N];
    let name = format!("{name}\0");
    raw::name_to_mib(name.as_bytes(), &mut mib).ok()?;
    Some(mib)
}

impl Classes {
    /// As jemalloc was built; `None` if it does not tell.
    fn get() -> Option<&'static Classes> {
        static CLASSES: OnceLock<Option<Classes>> = OnceLock::new();
        CLASSES.get_or_init(Classes::ask).as_ref()
    }

    fn ask() -> Option<Classes> {
        // SAFETY: by jemalloc's manual the number of classes is an unsigned int.
        let count: u32 = unsafe { raw::read(b"arenas.nbins\0") }.ok()?;
        let mut size = number::<4>("arenas.bin.0.size")?;
        let mut regions = number::<4>("arenas.bin.0.nregs")?;
        let mut classes = Vec::new();
        for class in 0..count as usize {
            (size[2], regions[2]) = (class, class);
            // SAFETY: by jemalloc's manual a class's size is a size_t and the number of its regions an unsigned int.
            let (block_bytes, blocks): (usize, u32) = unsafe { (raw::read_mib(&size).ok()?, raw::read_mib(&regions).ok()?) };
            classes.push(Class { block_bytes, blocks: blocks as usize });
        }
        let largest = classes.last()?.block_bytes;
        let class_of = |bytes: usize| classes.iter().position(|class| class.block_bytes >= bytes);
        let by_eighth = (0..=largest / 8).map(|eighth| class_of(eighth * 8).map_or(0, |class| class as u8)).collect();
        let of_bins = |name| {
            let mut mib = number::<6>(&format!("stats.arenas.0.bins.0.{name}"))?;
            mib[2] = ALL_ARENAS;
            Some(mib)
        };
        Some(Classes {
            by_eighth,
            query: number("experimental.utilization.query")?,
            blocks_used: of_bins("curregs")?,
            slabs: of_bins("curslabs")?,
            slabs_open: of_bins("nonfull_slabs")?,
            classes,
        })
    }

    /// The class of blocks of so many bytes; `None` for large ones.
    #[inline]
    fn class_of(&self, bytes: usize) -> Option<usize> {
        self.by_eighth.get(bytes.div_ceil(8)).map(|&class| usize::from(class))
    }

    /// How a class is used: blocks, slabs, and those of the slabs that have a free block. As of the last epoch.
    fn usage(&self, class: usize) -> (usize, usize, usize) {
        let read = |mut mib: [usize; 6]| {
            mib[4] = class;
            // SAFETY: by jemalloc's manual these three figures are of type size_t.
            unsafe { raw::read_mib(&mib) }.unwrap_or(0)
        };
        (read(self.blocks_used), read(self.slabs), read(self.slabs_open))
    }
}

/// Bytes of free blocks in the slabs of small blocks, as of the allocator's last epoch: what moving could win at best.
pub(super) fn free_in_slabs() -> usize {
    let Some(classes) = Classes::get() else { return 0 };
    let free = |(index, class): (usize, &Class)| {
        let (used, slabs, _) = classes.usage(index);
        (slabs * class.blocks).saturating_sub(used) * class.block_bytes
    };
    classes.classes.iter().enumerate().map(free).sum()
}

/// What jemalloc answers to `experimental.utilization.query`: the sizes of its own `inspect_extent_util_stats_verbose_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Utilization {
    /// Where the slab begins that new blocks of the class come from.
    current: usize,
    free: usize,
    blocks: usize,
    slab_bytes: usize,
    class_free: usize,
    class_blocks: usize,
}

/// Which blocks it moves.
enum Choice {
    /// Those in slabs with no more used blocks than this, by class.
    Sparse(&'static Classes, Vec<usize>),
    /// All (tests).
    #[cfg(test)]
    All,
    /// None: the allocator does not tell.
    Nothing,
}

/// Decides about blocks, and moves them. See the file's head.
pub struct Mover {
    choice: Choice,
    /// Blocks moved.
    pub hits: u64,
    /// Blocks looked at and left where they were.
    pub misses: u64,
}

impl Mover {
    /// One that moves nothing before it has looked ([`Mover::look`]).
    pub fn new() -> Mover {
        let choice = match Classes::get() {
            Some(classes) if !cfg!(asan) => Choice::Sparse(classes, vec![0; classes.classes.len()]),
            _ => Choice::Nothing,
        };
        Mover { choice, hits: 0, misses: 0 }
    }

    /// One that moves everything.
    #[cfg(test)]
    pub fn eager() -> Mover {
        Mover { choice: Choice::All, hits: 0, misses: 0 }
    }

    /// Whether this allocator tells what is needed.
    pub fn is_able(&self) -> bool {
        !matches!(self.choice, Choice::Nothing)
    }

    /// Looks at how full the classes are at present, and empties the thread's cache, whose blocks keep slabs alive. Some tens of
    /// microseconds.
    pub fn look(&mut self) {
        let Choice::Sparse(classes, limits) = &mut self.choice else { return };
        let _ = super::memory::flush_cache();
        let _ = epoch::advance();
        for (index, limit) in limits.iter_mut().enumerate() {
            let blocks = classes.classes[index].blocks;
            let (used, slabs, open) = classes.usage(index);
            let free = (slabs * blocks).saturating_sub(used);
            let used_in_open = used.saturating_sub(slabs.saturating_sub(open) * blocks);
            *limit = match open {
                0 => 0,
                _ if free <= used / NEGLIGIBLE => 0,
                open => used_in_open * 9 / (open * 8),
            };
        }
    }

    /// Whether this block, of a layout of so many bytes, ought to move; counts the answer.
    fn wants(&mut self, block: NonNull<u8>, bytes: usize) -> bool {
        let wanted = match &self.choice {
            Choice::Sparse(classes, limits) => {
                let Some(class) = classes.class_of(bytes) else { return false };
                limits[class] > 0 && is_sparse(classes, limits[class], block)
            }
            #[cfg(test)]
            Choice::All => true,
            Choice::Nothing => return false,
        };
        if wanted {
            self.hits += 1;
        } else {
            self.misses += 1;
        }
        wanted
    }

    /// Moves a block if it ought to move: copies it bit by bit, frees the old one, and answers where it is now.
    ///
    /// # Safety
    /// The block is the caller's own and came from the global allocator with this very layout. If an address is returned, the
    /// old one is freed: the caller owns the new block, of the same layout, and must never follow the old address again.
    #[must_use]
    #[inline]
    pub unsafe fn relocate(&mut self, block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
        if !self.wants(block, layout.size()) {
            return None;
        }
        // SAFETY: the caller's own promises.
        let new = unsafe { transfer(block, layout) };
        if new.is_none() {
            // Counted as moved before it turned out that there is no memory for a copy.
            self.hits -= 1;
        }
        new
    }

    /// Moves a box's content.
    pub fn boxed<T>(&mut self, content: &mut Box<T>) {
        let layout = Layout::new::<T>();
        if layout.size() == 0 {
            return;
        }
        // SAFETY: a box of a sized type owns a block of just that layout. It is taken apart, and put together again around the
        // same value, here or elsewhere; nothing in between can panic.
        unsafe {
            let block = NonNull::new_unchecked(Box::into_raw(std::ptr::read(content)));
            let moved = self.relocate(block.cast(), layout).map_or(block, NonNull::cast);
            std::ptr::write(content, Box::from_raw(moved.as_ptr()));
        }
    }

    /// Moves a vector's elements.
    pub fn vec<T>(&mut self, items: &mut Vec<T>) {
        let Ok(layout) = Layout::array::<T>(items.capacity()) else { return };
        let Some(block) = NonNull::new(items.as_mut_ptr()).filter(|_| layout.size() > 0) else { return };
        let (len, capacity) = (items.len(), items.capacity());
        // SAFETY: a vector owns a block of the layout of its capacity. The vector is overwritten without being dropped, by
        // one of the same elements, length and capacity.
        unsafe {
            if let Some(moved) = self.relocate(block.cast(), layout) {
                std::ptr::write(items, Vec::from_raw_parts(moved.cast::<T>().as_ptr(), len, capacity));
            }
        }
    }

    /// Moves the elements of a boxed slice.
    pub fn slice<T>(&mut self, items: &mut Box<[T]>) {
        let mut vec = std::mem::take(items).into_vec();
        self.vec(&mut vec);
        *items = vec.into_boxed_slice();
    }

    /// Moves the elements of a ring buffer, which begins at its block's start afterwards.
    pub fn deque<T>(&mut self, items: &mut std::collections::VecDeque<T>) {
        let bytes = items.capacity() * size_of::<T>();
        let (front, _) = items.as_slices();
        let block = NonNull::from(front).cast::<u8>();
        // Any address within the block tells of its slab.
        if bytes > 0 && self.would(block, bytes) {
            let mut vec = Vec::from(std::mem::take(items));
            self.vec(&mut vec);
            *items = vec.into();
        }
    }

    /// Whether a shared text ought to move: its owners then share a new copy, made within [`Mover::without_cache`].
    pub fn wants_shared(&mut self, text: &Rc<[u8]>) -> bool {
        // Two counts lie before the text.
        let bytes = (2 * size_of::<usize>() + text.len()).next_multiple_of(align_of::<usize>());
        self.wants(NonNull::from(&**text).cast(), bytes)
    }

    /// Runs `owner`, which moves what it owns by allocating anew and dropping the old: past the thread's cache, so that new blocks
    /// come from the oldest slabs and not from among those just dropped.
    pub fn without_cache<R>(&mut self, owner: impl FnOnce(&mut Mover) -> R) -> R {
        let switch = |on: bool| {
            // SAFETY: by jemalloc's manual this is a bool.
            let _ = unsafe { raw::write(b"thread.tcache.enabled\0", on) };
        };
        if !matches!(self.choice, Choice::Sparse(..)) {
            return owner(self);
        }
        switch(false);
        let result = owner(self);
        switch(true);
        result
    }

    /// As [`Mover::wants`], uncounted when it is so.
    fn would(&mut self, block: NonNull<u8>, bytes: usize) -> bool {
        let wanted = self.wants(block, bytes);
        if wanted {
            self.hits -= 1;
        }
        wanted
    }
}

impl Default for Mover {
    fn default() -> Mover {
        Mover::new()
    }
}

/// Whether a block lies in a slab with room, but not much: no more than `limit` used blocks, and not the slab that new ones
/// come from.
fn is_sparse(classes: &Classes, limit: usize, block: NonNull<u8>) -> bool {
    let mut slab = Utilization::default();
    let mut slab_bytes = size_of::<Utilization>();
    let mut address = block.as_ptr();
    // SAFETY: by its source, jemalloc reads one address from the "new" value and writes six words, of the size given, to the
    // "old" one; it looks the address up in its own maps and never follows it.
    let error = unsafe {
        sys::mallctlbymib(
            classes.query.as_ptr(),
            classes.query.len(),
            (&raw mut slab).cast(),
            &raw mut slab_bytes,
            (&raw mut address).cast(),
            size_of::<*mut u8>(),
        )
    };
    let start = slab.current;
    let is_current = (start..start.saturating_add(slab.slab_bytes)).contains(&address.addr());
    error == 0 && slab.free > 0 && !is_current && slab.blocks - slab.free <= limit
}

/// Copies a block to a new one, frees the old one, and returns the new one; `None` without memory.
///
/// # Safety
/// As for [`Mover::relocate`].
#[cfg(not(asan))]
unsafe fn transfer(block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
    let flags = super::memory::align_flags(layout) | sys::MALLOCX_TCACHE_NONE;
    // SAFETY: the size is not zero: no block has none. The new block is as large as the old one, and not the same. The old one came
    // from jemalloc with this layout; by the caller's promise nobody uses it any more.
    unsafe {
        let new = NonNull::new(sys::mallocx(layout.size(), flags).cast::<u8>())?;
        new.copy_from_nonoverlapping(block, layout.size());
        sys::sdallocx(block.as_ptr().cast(), layout.size(), flags);
        Some(new)
    }
}

/// The same with whatever allocator there is.
///
/// # Safety
/// As for [`Mover::relocate`].
#[cfg(asan)]
unsafe fn transfer(block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
    // SAFETY: as above.
    unsafe {
        let new = NonNull::new(std::alloc::alloc(layout))?;
        new.copy_from_nonoverlapping(block, layout.size());
        std::alloc::dealloc(block.as_ptr(), layout);
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn what_moves_stays_what_it_was() {
        let mut mover = Mover::eager();
        let mut boxed = Box::new([7u64; 5]);
        let mut words: Vec<String> = (0..100).map(|i| format!("word {i}")).collect();
        words.reserve(33);
        let mut slice: Box<[u8]> = (0..200).collect();
        let mut ring: VecDeque<String> = (0..20).map(|i| i.to_string()).collect();
        ring.rotate_left(7);
        ring.pop_front();
        let twins = (boxed.clone(), words.clone(), slice.clone(), ring.clone());
        let addresses = (boxed.as_ptr(), words.as_ptr(), slice.as_ptr());
        let capacity = words.capacity();
        mover.boxed(&mut boxed);
        mover.vec(&mut words);
        mover.slice(&mut slice);
        mover.deque(&mut ring);
        assert_eq!((mover.hits, mover.misses), (4, 0));
        assert_ne!(addresses, (boxed.as_ptr(), words.as_ptr(), slice.as_ptr()));
        assert_eq!(words.capacity(), capacity);
        assert_eq!((boxed, words, slice, ring.clone()), twins);
        ring.push_back("more".to_owned());
        ring.extend((0..100).map(|i| i.to_string()));
        mover.boxed(&mut Box::new(()));
        mover.vec(&mut Vec::<u8>::new());
        mover.deque(&mut VecDeque::<u8>::new());
        mover.slice(&mut Box::<[u8]>::default());
        assert_eq!(mover.hits, 4);
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that tells")]
    fn classes_are_those_of_the_allocator() {
        use crate::encoding::blob::good_size;
        let classes = Classes::get().unwrap();
        for bytes in 1..=classes.classes.last().unwrap().block_bytes {
            assert_eq!(classes.classes[classes.class_of(bytes).unwrap()].block_bytes, good_size(bytes), "{bytes}");
        }
        assert_eq!(classes.class_of(1 << 20), None);
    }

    #[test]
    #[cfg_attr(asan, ignore = "the sanitizer takes the place of the allocator that tells")]
    fn holes_are_filled_until_few_are_left() {
        const BYTES: usize = 448;
        const KEPT: usize = 7;
        let mut blocks: Vec<Option<Vec<u8>>> = (0..40_000usize).map(|i| Some(vec![i as u8; BYTES])).collect();
        for (i, block) in blocks.iter_mut().enumerate() {
            if i % KEPT != 0 {
                *block = None;
            }
        }
        let open_slabs = || {
            let _ = epoch::advance();
            let classes = Classes::get().unwrap();
            classes.usage(classes.class_of(BYTES).unwrap()).2
        };
        let mut mover = Mover::new();
        mover.look();
        let before = open_slabs();
        for _ in 0..6 {
            mover.look();
            blocks.iter_mut().flatten().for_each(|block| mover.vec(block));
        }
        let after = open_slabs();
        assert!(mover.hits > 3000, "{} moved", mover.hits);
        assert!(after * 2 < before, "{after} of {before} slabs are left");
        for (i, block) in blocks.iter().enumerate() {
            assert!(block.as_ref().is_none_or(|block| block.iter().all(|&byte| byte == i as u8)));
        }
        // Large blocks are nobody's business here.
        let (hits, misses) = (mover.hits, mover.misses);
        mover.vec(&mut vec![0u8; 1 << 20]);
        assert_eq!((mover.hits, mover.misses), (hits, misses));
    }
}
