//! Start, end and log of the process.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::server::{Server, our_binary, read_text};

const END_TIMEOUT: Duration = Duration::from_secs(20);

#[track_caller]
fn assert_in_order(log: &str, lines: &[&str]) {
    let mut rest = log;
    for line in lines {
        let Some(at) = rest.find(line) else { panic!("{line:?} is not there, or not in its place:\n{log}") };
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn a_start_is_logged() {
    let server = Server::start(&[]);
    assert_in_order(
        &server.log(),
        &["oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo", "Server initialized", "Ready to accept connections"],
    );
    let line = server.log().lines().find(|line| line.contains("Server initialized")).unwrap_or_default().to_string();
    let (head, rest) = line.split_once(' ').expect("words");
    assert_eq!(head, format!("{}:M", server.pid()), "{line}");
    assert!(rest.contains(" * Server initialized"), "{line}");
}

#[test]
fn sigterm_ends_it_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pidfile, socket) = (folder.path().join("pid"), folder.path().join("socket"));
    let names = [&pidfile, &socket].map(|path| path.to_str().expect("a name").to_string());
    let mut server = Server::start(&["--pidfile", &names[0], "--unixsocket", &names[1]]);
    assert_eq!(read_text(&pidfile).trim(), server.pid().to_string());
    kill(Pid::from_raw(server.pid()), Signal::SIGTERM).expect("sent");
    let status = server.wait(END_TIMEOUT).expect("an end");
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert_in_order(
        &server.log(),
        &["Received SIGTERM scheduling shutdown...", "User requested shutdown...", "is now ready to exit, bye bye..."],
    );
    assert!(!pidfile.exists() && !socket.exists());
}

#[test]
fn sigint_ends_it_too() {
    let mut server = Server::start(&[]);
    kill(Pid::from_raw(server.pid()), Signal::SIGINT).expect("sent");
    assert!(server.wait(END_TIMEOUT).is_some_and(|status| status.success()), "{}", server.log());
    assert_in_order(&server.log(), &["Received SIGINT scheduling shutdown...", "bye bye..."]);
}

#[test]
fn shutdown_closes_the_connection_without_an_answer() {
    let mut server = Server::start(&[]);
    let mut client = server.client();
    client.send(&["SHUTDOWN", "NOSAVE"]).expect("sent");
    assert_eq!(client.read_to_end().expect("an end"), b"");
    assert!(server.wait(END_TIMEOUT).is_some_and(|status| status.success()));
    assert_in_order(&server.log(), &["User requested shutdown...", "bye bye..."]);
}

#[test]
fn a_crash_leaves_a_report() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.run("SET secret-key secret-value");
    client.send(&["DEBUG", "SEGFAULT"]).expect("sent");
    assert!(client.is_closed());
    let status = server.wait(END_TIMEOUT).expect("an end");
    assert!(!status.success());
    assert_in_order(&server.log(), &["BUG REPORT START", "crashed by signal: 11", "BUG REPORT END"]);
}

#[test]
fn the_log_goes_where_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let server = Server::start(&["--logfile", path.to_str().expect("a name"), "--loglevel", "verbose"]);
    assert!(read_text(&path).contains("Ready to accept connections"));
    assert!(!server.log().contains("Ready to accept connections"));
    assert!(read_text(&path).contains(" - Accepted 127.0.0.1:"), "{}", read_text(&path));
    server.client().run("CONFIG SET loglevel warning");
}

#[test]
fn a_port_in_use_is_an_error() {
    let first = Server::start(&[]);
    let mut second = Server::spawn(&our_binary(), &["--port", &first.port.to_string()]);
    let status = second.wait(END_TIMEOUT).expect("an end");
    assert_eq!(status.code(), Some(1));
    assert!(second.log().contains("Failed listening on port"), "{}", second.log());
    assert!(second.log().contains("Address already in use"), "{}", second.log());
}

#[test]
fn it_says_its_version() {
    for option in ["--version", "-v"] {
        let program = our_binary();
        let mut words = program.split_whitespace();
        let out = std::process::Command::new(words.next().expect("a program")).args(words).arg(option).output().expect("run");
        assert!(out.status.success());
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(text.contains(" v=") && text.contains("bits=64"), "{text}");
    }
}
