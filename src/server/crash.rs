//! What the server adds to a crash report: the command that was running, INFO, the clients, the configuration's odd bits.
//!
//! A report is written where the fault struck, with nobody to pass the server along, so the reactor leaves two marks on its
//! thread:
//! where the server is, and, for the length of a call, what is being called ([`Frame::enter`]). Handlers of signals follow
//! them, on the same
//! thread only, to look (the call's name) or never to return (the rest). Another thread that crashes finds no marks.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use crate::commands::connection::info as client_info;
use crate::commands::server::info;
use crate::dispatch::table::Cmd;
use crate::net::ClientId;
use crate::resp::Args;
use crate::server::Server;
use crate::sys::crash::{self, Hooks, hides_user_data};
use crate::sys::rawlog::RawLog;
use crate::util::{quote, version};

/// A command being called; the caller keeps it until the call is over.
pub struct Frame<'a> {
    pub cmd: &'static Cmd,
    pub args: Args<'a>,
    pub client: ClientId,
}

thread_local! {
    static SERVER: Cell<*mut Server> = const { Cell::new(ptr::null_mut()) };
    /// The lifetime is a lie, as far as it is told to the type: whoever follows the mark answers for it.
    static CALL: Cell<*const Frame<'static>> = const { Cell::new(ptr::null()) };
}

/// Arguments shown of a command, and bytes of each.
const ARGS_SHOWN: usize = 64;
const ARG_BYTES_SHOWN: usize = 128;

/// What takes the place of what is not for everyone's eyes.
const REDACTED: &str = "*redacted*";

impl Frame<'_> {
    /// Marks the call as running; what has to be given to [`leave`] is returned.
    #[inline]
    pub fn enter(&self) -> Outer {
        Outer(CALL.replace(ptr::from_ref(self).cast()))
    }
}

/// The call around a call, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outer(*const Frame<'static>);

/// The call is over, and goes on with the one around it.
#[inline]
pub fn leave(outer: Outer) {
    CALL.set(outer.0);
}

/// Installs the handlers of faults and panics. To be called before threads are started.
///
/// # Errors
/// What the kernel says.
pub fn install() -> std::io::Result<()> {
    crash::install_panic_hook();
    crash::install(Hooks { activity, details })
}

/// Leaves the mark that leads to the server. It has to stay where it is for as long as the process lives, and the calling
/// thread is the reactor.
pub fn watch(server: &mut Server) {
    SERVER.set(server);
}

/// The handler of the command that is running, in the words of a stack trace.
fn activity() -> &'static str {
    // SAFETY: a mark that is set leads to a frame further up this thread's stack: `enter` was called with a frame that its
    // caller keeps until `leave`. It is only read.
    unsafe { CALL.get().as_ref() }.map_or("", |frame| &frame.cmd.activity)
}

/// The rest of the report. The process ends when it is written.
fn details(log: &mut RawLog) {
    // SAFETY: the server outlives the reactor, whose thread this is: whoever above on this stack holds the server
    // exclusively never goes on, so this is the only use of it from here on. It may be half-way through a change; then
    // safe code may panic or loop below, which the report's second half has to reckon with anyway.
    let Some(server) = (unsafe { SERVER.get().as_mut() }) else { return };
    section(log, "INFO OUTPUT", &[info::report(server, [&b"everything"[..]].into_iter()).as_bytes()]);
    if !hides_user_data() {
        let lines: Vec<String> = server.clients.iter().map(|(_, client)| client_info::line(server, client)).collect();
        section(log, "CLIENT LIST OUTPUT", &lines.iter().map(String::as_bytes).collect::<Vec<_>>());
    }
    // SAFETY: as in `activity`; the arguments' buffers belong to callers further up the stack, which never go on.
    if let Some(frame) = unsafe { CALL.get().as_ref() } {
        let mut lines = Vec::new();
        if !hides_user_data()
            && let Some(client) = server.clients.get(frame.client)
        {
            lines.push(client_info::line(server, client));
        }
        lines.push(format!("argc: '{}'", frame.args.len()));
        let shown = shown_args(frame.cmd, frame.args);
        lines.extend(shown.iter().enumerate().map(|(i, arg)| format!("argv[{i}]: '{arg}'")));
        section(log, "CURRENT CLIENT INFO", &lines.iter().map(String::as_bytes).collect::<Vec<_>>());
    }
    let config = &server.env.config;
    let odd = format!(
        "maxclients: {}, maxmemory: {}, hz: {}, databases: {}, version: {} ({})",
        config.maxclients,
        config.maxmemory_bytes,
        config.hz,
        config.databases,
        version::REDOUBT,
        *version::BUILD_ID
    );
    section(log, "CONFIG DEBUG OUTPUT", &[odd.as_bytes()]);
}

fn section(log: &mut RawLog, title: &str, lines: &[&[u8]]) {
    log.bytes(format!("\n------ {title} ------\n").as_bytes());
    for line in lines {
        log.bytes(line);
        log.bytes(b"\n");
    }
    log.flush();
}

/// The arguments of a request as a log may show them: clipped, and without what is secret.
fn shown_args(cmd: &Cmd, args: Args<'_>) -> Vec<String> {
    let words = 1 + usize::from(cmd.parent.is_some());
    let secret = hides_user_data() || ["auth", "hello", "acl|setuser", "config|set", "migrate"].contains(&cmd.full_name.as_str());
    let known = if hides_user_data() { 1 } else { words };
    args.iter()
        .take(ARGS_SHOWN)
        .enumerate()
        .map(|(i, arg)| {
            if secret && i >= known {
                return REDACTED.to_string();
            }
            let quoted = quote::repr(&arg[..arg.len().min(ARG_BYTES_SHOWN)]);
            String::from_utf8_lossy(&quoted[1..quoted.len() - 1]).into_owned()
        })
        .collect()
}

/// The lines that a failed assertion shows of the command that runs into it.
pub fn context_lines(server: &Server, id: ClientId, cmd: &Cmd, args: Args<'_>) -> Vec<String> {
    let mut lines = vec!["=== ASSERTION FAILED CLIENT CONTEXT ===".to_string()];
    if let Some(client) = server.clients.get(id) {
        lines.push(format!("client->flags = {}", client.flags.bits()));
        lines.push(format!("client->conn = fd={}", client.connection.fd()));
    }
    lines.push(format!("client->argc = {}", args.len()));
    let shown = shown_args(cmd, args);
    lines.extend(shown.iter().enumerate().map(|(i, arg)| format!("client->argv[{i}] = \"{arg}\"")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;
    use crate::server::testing::Session;

    #[test]
    fn secrets_and_masses_are_not_shown() {
        let session = Session::new();
        let shown = |words: &[&str]| {
            let args: OwnedArgs = words.iter().collect();
            let cmd = session.server.commands.resolve(args.view()).unwrap();
            shown_args(cmd, args.view())
        };
        assert_eq!(shown(&["set", "k\n", "v"]), ["set", "k\\n", "v"]);
        assert_eq!(shown(&["AUTH", "pass"]), ["AUTH", REDACTED]);
        assert_eq!(shown(&["config", "set", "requirepass", "x"]), ["config", "set", REDACTED, REDACTED]);
        let many = vec!["ping"; 1000];
        assert_eq!(shown(&many).len(), ARGS_SHOWN);
        assert_eq!(shown(&["echo", &"x".repeat(1000)])[1].len(), ARG_BYTES_SHOWN);
    }

    #[test]
    fn calls_nest() {
        let session = Session::new();
        let args: OwnedArgs = ["ping"].into_iter().collect();
        let cmd = session.server.commands.resolve(args.view()).unwrap();
        let frame = Frame { cmd, args: args.view(), client: session.client };
        let inner = Frame { cmd, args: args.view(), client: session.client };
        let none = frame.enter();
        let outer = inner.enter();
        assert_eq!(outer.0, ptr::from_ref(&frame).cast());
        leave(outer);
        leave(none);
        assert_eq!(cmd.activity, "pingCommand");
    }
}
