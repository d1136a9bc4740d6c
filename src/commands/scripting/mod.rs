//! Scripts and functions: EVAL and its kin, SCRIPT, FUNCTION, FCALL. What they do lies in [`crate::script`].

pub mod eval;
pub mod fcall;
pub mod function;
pub mod script;

use crate::dispatch::command::Command;
use crate::dispatch::*;

pub static COMMANDS: &[&Command] = &[
    &eval::EVAL,
    &eval::EVALSHA,
    &eval::EVALSHA_RO,
    &eval::EVAL_RO,
    &fcall::FCALL,
    &fcall::FCALL_RO,
    &function::FUNCTION,
    &script::SCRIPT,
];

/// Whether a flush is to be left to the background: as its argument says, or by default.
///
/// # Errors
/// `refusal` for any other argument.
fn flushes_lazily(ctx: &Ctx<'_>, refusal: &'static str) -> Result<bool, CmdError> {
    match ctx.args.get(2) {
        Some(word) if word.eq_ignore_ascii_case(b"async") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case(b"sync") => Ok(false),
        Some(_) => Err(CmdError::text(refusal)),
        None => Ok(ctx.server.env.config.lazyfree_lazy_user_flush),
    }
}
