//! Errors that commands answer with, in upstream's words.

use std::borrow::Cow;

/// An error reply: the text with its code (`ERR …`, `WRONGTYPE …`), without the leading `-` and the line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CmdError(pub Cow<'static, [u8]>);

impl CmdError {
    pub const SYNTAX: CmdError = CmdError::text("ERR syntax error");
    pub const WRONG_TYPE: CmdError = CmdError::text("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub const NOT_AN_INTEGER: CmdError = CmdError::text("ERR value is not an integer or out of range");
    pub const NOT_A_FLOAT: CmdError = CmdError::text("ERR value is not a valid float");
    pub const NO_SUCH_KEY: CmdError = CmdError::text("ERR no such key");
    pub const OUT_OF_RANGE: CmdError = CmdError::text("ERR index out of range");
    pub const SAME_OBJECT: CmdError = CmdError::text("ERR source and destination objects are the same");
    pub const OUT_OF_RANGE_POSITIVE: CmdError = CmdError::text("ERR value is out of range, must be positive");
    pub const DB_INDEX: CmdError = CmdError::text("ERR DB index is out of range");
    pub const OOM: CmdError = CmdError::text("OOM command not allowed when used memory > 'maxmemory'.");
    pub const STRING_TOO_LONG: CmdError = CmdError::text("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    pub const INCR_OVERFLOW: CmdError = CmdError::text("ERR increment or decrement would overflow");
    pub const INCR_NAN: CmdError = CmdError::text("ERR increment would produce NaN or Infinity");
    pub const INVALID_CURSOR: CmdError = CmdError::text("ERR invalid cursor");
    pub const TIMEOUT_NEGATIVE: CmdError = CmdError::text("ERR timeout is negative");
    pub const TIMEOUT_NOT_FLOAT: CmdError = CmdError::text("ERR timeout is not a float or out of range");

    /// A fixed text.
    pub const fn text(text: &'static str) -> CmdError {
        CmdError(Cow::Borrowed(text.as_bytes()))
    }

    /// A text made for the occasion.
    pub fn new(text: impl Into<Vec<u8>>) -> CmdError {
        CmdError(Cow::Owned(text.into()))
    }

    /// `ERR` and a text made for the occasion.
    pub fn err(text: impl AsRef<str>) -> CmdError {
        CmdError::new(format!("ERR {}", text.as_ref()))
    }

    /// The wrong number of arguments for the command of this full name.
    #[cold]
    pub fn arity(full_name: &str) -> CmdError {
        CmdError::new(format!("ERR wrong number of arguments for '{}' command", full_name.to_lowercase()))
    }

    /// The expire time of the command of this name cannot be.
    #[cold]
    pub fn invalid_expire(name: &str) -> CmdError {
        CmdError::new(format!("ERR invalid expire time in '{}' command", name.to_lowercase()))
    }

    /// The code: the first word.
    pub fn code(&self) -> &[u8] {
        self.0.split(|&byte| byte == b' ').next().unwrap_or_default()
    }
}
