//! Every call into libc and the kernel that the standard library lacks, behind a safe, documented function.
pub mod clock;
pub mod memory;
pub mod threads;
