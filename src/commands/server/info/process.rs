//! What INFO tells of the process: who it is, and what CPU time it has used.

use super::Report;
use crate::keyspace::access;
use crate::net::listener::Listener;
use crate::server::Server;
use crate::sys::host::{self, Whose};
use crate::util::version;

pub fn server(server: &mut Server, out: &mut Report) {
    let now_us = server.clock.now_us();
    let config = &server.env.config;
    let uptime_s = (now_us / 1_000_000).saturating_sub(server.process.start_time_s);
    out.field("redis_version", version::REDIS);
    out.field("server_name", "redoubt");
    out.field("redoubt_version", version::REDOUBT);
    out.field("redis_git_sha1", version::GIT_SHA1);
    out.field("redis_git_dirty", version::GIT_DIRTY);
    out.field("redis_build_id", &*version::BUILD_ID);
    out.field("redis_mode", if config.cluster_enabled { "cluster" } else { "standalone" });
    out.field("os", host::system_name());
    out.field("arch_bits", version::ARCH_BITS);
    out.field("monotonic_clock", server.clock.source());
    out.field("multiplexing_api", "epoll");
    out.field("atomicvar_api", "rust-std");
    out.field("gcc_version", "0.0.0");
    out.field("process_id", std::process::id());
    out.field("process_supervised", server.process.supervised);
    out.field("run_id", &server.process.run_id);
    out.field("tcp_port", config.port);
    out.field("server_time_usec", now_us);
    out.field("uptime_in_seconds", uptime_s);
    out.field("uptime_in_days", uptime_s / (24 * 3600));
    out.field("hz", server.hz());
    out.field("configured_hz", config.hz);
    out.field("lru_clock", access::lru_now(server.env.now_ms));
    out.field("executable", &server.process.executable);
    out.field("config_file", &server.process.config_file);
    out.field("io_threads_active", 0);
    listeners(server, out);
}

/// One line for all TCP sockets together, one for the unix socket.
fn listeners(server: &Server, out: &mut Report) {
    let config = &server.env.config;
    let mut count = 0;
    if server.net.listeners.iter().any(|listener| matches!(listener, Listener::Tcp(_))) {
        let binds: Vec<String> = config.bind.iter().map(|word| format!("bind={}", String::from_utf8_lossy(word))).collect();
        out.line(format_args!("listener{count}:name=tcp,{},port={}", binds.join(","), config.port));
        count += 1;
    }
    for listener in &server.net.listeners {
        if let Listener::Unix(_, path) = listener {
            out.line(format_args!("listener{count}:name=unix,bind={}", path.display()));
            count += 1;
        }
    }
}

pub fn cpu(_server: &mut Server, out: &mut Report) {
    let process = host::cpu_time(Whose::Process);
    let children = host::cpu_time(Whose::Children);
    let main = host::cpu_time(Whose::CallingThread);
    for (name, time) in [
        ("used_cpu_sys", process.system),
        ("used_cpu_user", process.user),
        ("used_cpu_sys_children", children.system),
        ("used_cpu_user_children", children.user),
        ("used_cpu_sys_main_thread", main.system),
        ("used_cpu_user_main_thread", main.user),
    ] {
        out.line(format_args!("{name}:{}.{:06}", time.as_secs(), time.subsec_micros()));
    }
}
