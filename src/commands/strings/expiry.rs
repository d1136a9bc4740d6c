//! The expiration options that SET and GETEX share: EX, PX, EXAT, PXAT, and whatever keeps or drops an expiry.

use crate::dispatch::argspec::Arg;
use crate::dispatch::{CmdError, integer, token, unix_time};
use crate::resp::Args;
use crate::util::number;

/// EX and its like, as COMMAND DOCS shows them for SET.
pub const SET_FORMS: [Arg; 5] = [
    integer("seconds").token("EX").since("2.6.12"),
    integer("milliseconds").token("PX").since("2.6.12"),
    unix_time("unix-time-seconds").token("EXAT").since("6.2.0"),
    unix_time("unix-time-milliseconds").token("PXAT").since("6.2.0"),
    token("keepttl", "KEEPTTL").since("6.0.0"),
];

/// EX and its like, as COMMAND DOCS shows them for GETEX.
pub const GETEX_FORMS: [Arg; 5] = [
    integer("seconds").token("EX"),
    integer("milliseconds").token("PX"),
    unix_time("unix-time-seconds").token("EXAT"),
    unix_time("unix-time-milliseconds").token("PXAT"),
    token("persist", "PERSIST"),
];

/// An option that says when a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Ex,
    Px,
    ExAt,
    PxAt,
}

impl Form {
    /// The option at `args[at]`, if it is one of these.
    pub fn at(args: Args<'_>, at: usize) -> Option<Form> {
        let word = args.get(at)?;
        [("EX", Form::Ex), ("PX", Form::Px), ("EXAT", Form::ExAt), ("PXAT", Form::PxAt)]
            .into_iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, form)| form)
    }

    /// The moment that `text` means in this form, in unix ms.
    ///
    /// # Errors
    /// Not an integer; or zero, negative or beyond what 63 bits of ms hold, for the command named `command`.
    pub fn resolve(self, text: &[u8], now_ms: u64, command: &str) -> Result<u64, CmdError> {
        let value = number::parse_i64(text).ok_or(CmdError::NOT_AN_INTEGER)?;
        let in_ms = match self {
            Form::Ex | Form::ExAt => value.checked_mul(1000),
            Form::Px | Form::PxAt => Some(value),
        };
        let at = in_ms.filter(|_| value > 0).and_then(|ms| match self {
            Form::Ex | Form::Px => ms.checked_add(now_ms as i64),
            Form::ExAt | Form::PxAt => Some(ms),
        });
        at.map(|ms| ms as u64).ok_or_else(|| CmdError::invalid_expire(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_checked() {
        assert_eq!(Form::Ex.resolve(b"2", 1000, "set"), Ok(3000));
        assert_eq!(Form::PxAt.resolve(b"2", 1000, "set"), Ok(2));
        assert_eq!(Form::Px.resolve(b"x", 1000, "set"), Err(CmdError::NOT_AN_INTEGER));
        for text in ["0", "-1", "9223372036854775807"] {
            assert_eq!(Form::Ex.resolve(text.as_bytes(), 1000, "set"), Err(CmdError::invalid_expire("set")));
        }
        assert_eq!(Form::Px.resolve(b"9223372036854775807", 1000, "set"), Err(CmdError::invalid_expire("set")));
    }
}
