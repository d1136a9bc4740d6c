//! The processor's registers as a fault left them, for the crash report. One method set per kind of processor.

use super::rawlog::RawLog;
use std::fmt::Write;

/// The processor's state at the fault.
pub(super) struct Machine<'a>(pub &'a libc::ucontext_t);

impl Machine<'_> {
    /// Where the program was.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn instruction(&self) -> Option<u64> {
        Some(self.0.uc_mcontext.gregs[libc::REG_RIP as usize] as u64)
    }

    /// Every register by name. Async-signal-safe.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn write(&self, log: &mut RawLog) {
        const NAMES: [(&str, i32); 19] = [
            ("RAX", libc::REG_RAX),
            ("RBX", libc::REG_RBX),
            ("RCX", libc::REG_RCX),
            ("RDX", libc::REG_RDX),
            ("RDI", libc::REG_RDI),
            ("RSI", libc::REG_RSI),
            ("RBP", libc::REG_RBP),
            ("RSP", libc::REG_RSP),
            ("R8 ", libc::REG_R8),
            ("R9 ", libc::REG_R9),
            ("R10", libc::REG_R10),
            ("R11", libc::REG_R11),
            ("R12", libc::REG_R12),
            ("R13", libc::REG_R13),
            ("R14", libc::REG_R14),
            ("R15", libc::REG_R15),
            ("RIP", libc::REG_RIP),
            ("EFL", libc::REG_EFL),
            ("CSGSFS", libc::REG_CSGSFS),
        ];
        for (index, (name, register)) in NAMES.into_iter().enumerate() {
            let end = if index % 2 == 1 { '\n' } else { ' ' };
            let _ = write!(log, "{name}:{:016x}{end}", self.0.uc_mcontext.gregs[register as usize]);
        }
        let _ = log.write_str("\n");
    }

    /// Where the program was.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn instruction(&self) -> Option<u64> {
        Some(self.0.uc_mcontext.pc)
    }

    /// Every register by name. Async-signal-safe.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn write(&self, log: &mut RawLog) {
        for (index, value) in self.0.uc_mcontext.regs.iter().enumerate() {
            let _ = writeln!(log, "X{index:<2}:{value:016x}");
        }
        let _ = writeln!(log, "SP :{:016x}\nPC :{:016x}", self.0.uc_mcontext.sp, self.0.uc_mcontext.pc);
    }

    /// Where the program was.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn instruction(&self) -> Option<u64> {
        None
    }

    /// Every register by name. Async-signal-safe.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn write(&self, log: &mut RawLog) {
        let _ = log.write_str("not shown on this processor\n");
    }
}
