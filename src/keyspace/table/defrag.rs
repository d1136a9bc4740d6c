//! Moving a table and its elements to fuller slabs, a bucket at a time.
//!
//! The cursor is that of [`Table::scan`], so that what holds for a scan holds here: whatever changes between two calls, an
//! element that is there throughout is come by. A segment is moved when the cursor is at its beginning, the
//! directory when it is at the table's.
#![allow(unsafe_code)]

use super::{Found, Slot, Table};
use crate::sys::defrag::Mover;

impl<T: Slot> Table<T> {
    /// Lets `each` move the elements of the next bucket from `cursor` on, having moved what lies around them; returns where
    /// to go on, 0 at the end. `each` changes neither an element's key nor, by assignment, the element itself (see
    /// [`Table::at_mut`]).
    pub fn defrag(&mut self, cursor: u64, mover: &mut Mover, mut each: impl FnMut(&mut T, &mut Mover)) -> u64 {
        if cursor == 0 {
            self.directory.defrag(mover);
        }
        let Some(step) = self.step(cursor) else { return 0 };
        let mut word = step.word;
        if step.begins_segment {
            // SAFETY: the table's own segment, borrowed exclusively; the directory is told of the new place, and the old
            // word is not used again.
            if let Some(moved) = unsafe { word.relocate(mover) } {
                let first = self.directory.first(step.place);
                self.directory.replace(first, moved);
                word = moved;
            }
        }
        for distance in 0..=step.reach {
            let bucket = (step.home + distance) % word.buckets();
            // SAFETY: the table's own segment, reached through `&mut self`; the view ends before the reference below begins.
            for slot in unsafe { &word.view()[bucket] }.occupied() {
                // SAFETY: as above.
                let tag = unsafe { &word.view()[bucket] }.tag(slot);
                if step.wanted.contains(&(tag as usize)) {
                    // SAFETY: an occupied slot, and nothing else reaches it while `self` is borrowed.
                    each(unsafe { &mut *self.item(Found { word, bucket, slot }) }, mover);
                }
            }
        }
        step.next
    }
}
