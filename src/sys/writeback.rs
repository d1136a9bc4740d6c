//! Written bytes on their way to the disk.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd};

/// Asks the kernel to begin writing `len` bytes of a file from `from` on to the disk, and does not wait for it. A hint: where
/// it is not possible nothing happens.
pub fn begin(file: impl AsFd, from: u64, len: u64) {
    let (Ok(from), Ok(len)) = (i64::try_from(from), i64::try_from(len)) else { return };
    let descriptor = file.as_fd().as_raw_fd();
    // SAFETY: a descriptor that is open for as long as it is borrowed, and plain numbers; no memory is touched.
    unsafe { libc::sync_file_range(descriptor, from, len, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hint_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"abc").unwrap();
        super::begin(std::fs::File::open(&path).unwrap(), 0, 3);
        super::begin(std::fs::File::open(&path).unwrap(), u64::MAX, 1);
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }
}
