//! Every call into libc and the kernel that the standard library lacks, behind a safe, documented function.
