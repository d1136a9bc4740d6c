//! MONITOR: every command, as it runs, to whoever listens; and the slow log's entries.

use crate::dispatch::flags::Flag;
use crate::dispatch::table::Cmd;
use crate::net::connection::Connection;
use crate::net::{ClientFlags, ClientId};
use crate::resp::{Args, OwnedArgs, Reply};
use crate::server::Server;
use crate::server::traffic::peer_text;
use crate::util::quote;

/// What is shown in place of a secret.
const REDACTED: &[u8] = b"(redacted)";

/// Whether argument `at` is part of someone's credentials, or tells of who has any.
pub fn is_secret(cmd: &Cmd, args: Args<'_>, at: usize) -> bool {
    let behind = |word: &str, back: usize, first: usize| at >= first + back && args.is(at - back, word);
    match cmd.full_name.as_str() {
        "auth" => at > 0,
        "hello" => behind("AUTH", 1, 2) || behind("AUTH", 2, 2),
        "migrate" => behind("AUTH", 1, 6) || behind("AUTH2", 1, 6) || behind("AUTH2", 2, 6),
        "config|set" => {
            let name = args.get(at.wrapping_sub(1)).filter(|_| at >= 3 && at % 2 == 1);
            let param = name.and_then(crate::config::params::find);
            param.is_some_and(|param| param.flags.contains(crate::config::param::Flags::SENSITIVE))
        }
        "acl|setuser" | "acl|getuser" | "acl|deluser" => at >= 2,
        _ => false,
    }
}

impl Server {
    /// Shows a command that has run to the clients that monitor; `own` is the output of the client that ran it.
    pub fn feed_monitors(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>, own: &mut Reply) {
        if self.monitors.is_empty() || cmd.flags.has(Flag::SkipMonitor) || cmd.flags.has(Flag::Admin) {
            return;
        }
        self.show_monitors(id, cmd, args, Some(own));
    }

    /// As [`feed_monitors`](Self::feed_monitors), for a script and for what it calls: before they run, so that the script comes first.
    pub fn show_monitors(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>, mut own: Option<&mut Reply>) {
        let Some(client) = self.clients.get(id) else { return };
        let now_us = self.clock.now_us();
        let mut line = format!("+{}.{:06} [{} ", now_us / 1_000_000, now_us % 1_000_000, client.db).into_bytes();
        match client.connection {
            _ if self.scripts.is_running() => line.extend_from_slice(b"lua"),
            Connection::Unix(_) => {
                line.extend_from_slice(b"unix:");
                line.extend_from_slice(self.unix_path().as_bytes());
            }
            _ => line.extend_from_slice(peer_text(client, "").as_bytes()),
        }
        line.push(b']');
        for (at, arg) in args.iter().enumerate() {
            line.push(b' ');
            line.extend_from_slice(&quote::repr(if is_secret(cmd, args, at) { REDACTED } else { arg }));
        }
        line.extend_from_slice(b"\r\n");
        for monitor in self.monitors.clone() {
            if monitor == id
                && let Some(own) = &mut own
            {
                own.buf.extend_from_slice(&line);
                continue;
            }
            if let Some(client) = self.clients.get_mut(monitor) {
                client.reply.buf.extend_from_slice(&line);
                self.output_added(monitor);
            }
        }
    }

    /// Starts showing commands to a client.
    pub fn add_monitor(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.has(ClientFlags::MONITOR)
        {
            client.flags |= ClientFlags::MONITOR;
            self.monitors.push(id);
            self.update_gate();
        }
    }

    /// Stops showing commands to a client.
    pub fn remove_monitor(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.flags -= ClientFlags::MONITOR;
        }
        self.monitors.retain(|monitor| *monitor != id);
        self.update_gate();
    }

    /// Enters a command in the slow log.
    pub fn log_slow(&mut self, id: ClientId, cmd: &Cmd, args: Args<'_>, elapsed_us: u64) {
        let Some(client) = self.clients.get(id) else { return };
        let shown: OwnedArgs =
            args.iter().enumerate().map(|(at, arg)| if is_secret(cmd, args, at) { REDACTED } else { arg }).collect();
        let args = shown.view();
        let peer = peer_text(client, &self.unix_path()).into_bytes().into();
        let name = client.extra().and_then(|extra| extra.name.clone()).unwrap_or_default();
        let max_len = self.env.config.slowlog_max_len as usize;
        self.slowlog.add(args, elapsed_us, self.env.now_ms / 1000, peer, name, max_len);
    }

    /// Path of the unix socket, or nothing.
    pub fn unix_path(&self) -> String {
        self.env.config.unixsocket.as_ref().map(|path| String::from_utf8_lossy(path).into_owned()).unwrap_or_default()
    }
}
