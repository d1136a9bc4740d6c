//! DEBUG's ways to end the process, for tests of what comes after.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::config::values::ShutdownFlags;
use crate::dispatch::*;
use crate::server::crash::context_lines;
use crate::sys::crash::{self, Death};
use crate::sys::process;

pub fn segfault(_ctx: &mut Ctx<'_>) -> CmdResult {
    crash::fault()
}

/// How this server dies of a state that must not be.
fn death(ctx: &Ctx<'_>) -> Death {
    if ctx.server.env.config.use_exit_on_panic { Death::Exit } else { Death::Abort }
}

pub fn panic(ctx: &mut Ctx<'_>) -> CmdResult {
    let guru = concat!("Guru Meditation: called by user #", file!(), ":", line!());
    let rule = "------------------------------------------------";
    crash::die(&[rule, "!!! Software Failure. Press left mouse button to continue", guru, rule], death(ctx))
}

pub fn assert(ctx: &mut Ctx<'_>) -> CmdResult {
    let mut lines = context_lines(ctx.server, ctx.client, ctx.cmd, ctx.args);
    lines.push("=== ASSERTION FAILED ===".into());
    lines.push(concat!("==> ", file!(), ":", line!(), " '1 == 2' is not true").into());
    crash::die(&lines.iter().map(String::as_str).collect::<Vec<_>>(), death(ctx))
}

pub fn out_of_memory(_ctx: &mut Ctx<'_>) -> CmdResult {
    crash::die(&["Out Of Memory allocating 18446744073709551615 bytes!"], Death::Abort)
}

/// In order: what is to be saved at the end is.
pub fn restart(ctx: &mut Ctx<'_>) -> CmdResult {
    let failed = CmdError::text("ERR failed to restart the server. Check server logs.");
    ctx.server.shut_down(ShutdownFlags::NOW).map_err(|_| failed)?;
    // Only if the restart fails is it still here.
    let outcome = restart_after(ctx);
    ctx.server.shutdown.exit = None;
    outcome
}

/// Without saving anything.
pub fn crash_and_recover(ctx: &mut Ctx<'_>) -> CmdResult {
    restart_after(ctx)
}

fn restart_after(ctx: &mut Ctx<'_>) -> CmdResult {
    let delay_ms = match ctx.args.len() {
        2 => 0,
        _ => super::integer_at(ctx.args, 2)?.max(0) as u64,
    };
    std::thread::sleep(Duration::from_millis(delay_ms));
    let process = &ctx.server.process;
    let arguments: Vec<OsString> = process.arguments.iter().map(OsString::from).collect();
    let error = process::restart(Path::new(&process.executable), &arguments);
    log::warn!("Can't restart: {error}");
    Err(CmdError::text("ERR failed to restart the server. Check server logs."))
}
