//! Configuration: file, command line, standard input, CONFIG.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::client::{Client, Value};
use crate::server::{Server, free_port, our_binary, read_text};

fn get(client: &mut Client, name: &str) -> String {
    client.run(&format!("CONFIG GET {name}")).elements().get(1).map(Value::text).unwrap_or_default()
}

/// Start with a file of these lines; what the harness adds comes after it.
#[track_caller]
fn start_with_file(lines: &str) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("redis.conf");
    fs::write(&file, lines).expect("written");
    let server = Server::start_program(&format!("{} {}", our_binary(), file.display()), &[]);
    (folder, server)
}

/// Start with arguments that must be refused; what it says.
#[track_caller]
fn refusal(args: &[&str]) -> String {
    let mut server = Server::spawn(&our_binary(), args);
    let status = server.wait(Duration::from_secs(20)).unwrap_or_else(|| panic!("{args:?} was accepted"));
    assert_eq!(status.code(), Some(1), "{}", server.log());
    server.log()
}

#[test]
fn a_file_and_arguments_after_it() {
    let (_folder, server) = start_with_file("# a comment\n\nmaxclients 99\ntimeout 7\nrequirepass \"a b\\x41\"\n");
    let mut client = server.client();
    assert_eq!(client.call(&["AUTH", "a bA"]).expect("a reply").text(), "OK");
    assert_eq!(get(&mut client, "maxclients"), "99");
    assert_eq!(get(&mut client, "timeout"), "7");
    assert_eq!(get(&mut client, "port"), server.port.to_string());
}

#[test]
fn includes_may_have_wildcards() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, line) in [("10.conf", "timeout 5"), ("20.conf", "timeout 6\nmaxclients 77"), ("30.txt", "timeout 9")] {
        fs::write(folder.path().join(name), format!("{line}\n")).expect("written");
    }
    let (_other, server) = start_with_file(&format!("include {}/*.conf\n", folder.path().display()));
    let mut client = server.client();
    assert_eq!(get(&mut client, "timeout"), "6");
    assert_eq!(get(&mut client, "maxclients"), "77");
}

#[test]
fn standard_input_is_a_file_too() {
    let (port, program) = (free_port(), our_binary());
    let mut words = program.split_whitespace();
    let mut child = Command::new(words.next().expect("a program"))
        .args(words)
        .args(["-", "--port", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(b"timeout 11\nsave \"\"\n").expect("written");
    drop(input);
    let mut tries = 0;
    let mut client = loop {
        match Client::tcp(port) {
            Ok(client) => break client,
            Err(error) if tries > 1000 => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
        tries += 1;
    };
    assert_eq!(get(&mut client, "timeout"), "11");
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn a_wrong_line_is_fatal_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("redis.conf");
    for (lines, number, line, why) in [
        ("timeout\n", 1, "timeout", "wrong number of arguments"),
        ("timeout abc\n", 1, "timeout abc", "argument couldn't be parsed into an integer"),
        ("maxmemory-policy sometimes\n", 1, "maxmemory-policy sometimes", "argument(s) must be one of the following"),
        ("appendonly maybe\n", 1, "appendonly maybe", "argument must be 'yes' or 'no'"),
        ("databases 0\n", 1, "databases 0", "argument must be between 1 and 2147483647 inclusive"),
        ("port \"6379\n", 1, "port \"6379", "Unbalanced quotes in configuration line"),
    ] {
        fs::write(&file, lines).expect("written");
        let mut server = Server::spawn(&format!("{} {}", our_binary(), file.display()), &[]);
        let status = server.wait(Duration::from_secs(20)).unwrap_or_else(|| panic!("{lines:?} was accepted"));
        let log = server.log();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("*** FATAL CONFIG FILE ERROR ("), "{log}");
        assert!(log.contains(&format!("Reading the configuration file, at line {number}\n>>> '{line}'\n")), "{log}");
        assert!(log.contains(why), "{log}");
    }
}

#[test]
fn wrong_arguments_are_fatal() {
    assert!(refusal(&["--nosuch", "1"]).contains("nosuch"));
    assert!(refusal(&["--timeout", "x"]).contains("argument couldn't be parsed into an integer"));
    assert!(refusal(&["--maxmemory", "12xb"]).contains("argument must be a memory value"));
}

#[test]
fn config_set_is_all_or_nothing() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.run("CONFIG SET timeout 20 maxmemory 10mb").text(), "OK");
    assert_eq!((get(&mut client, "timeout"), get(&mut client, "maxmemory")), ("20".into(), "10485760".into()));
    let reply = client.run("CONFIG SET timeout 30 maxmemory-policy wrong");
    assert!(reply.text().starts_with("ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy')"), "{reply:?}");
    assert_eq!(get(&mut client, "timeout"), "20");
    let reply = client.run("CONFIG SET nosuch 1");
    assert_eq!(reply.text(), "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
    let reply = client.run("CONFIG SET timeout 1 timeout 2");
    assert_eq!(reply.text(), "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter");
    let reply = client.run("CONFIG SET databases 3");
    assert_eq!(reply.text(), "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config");
}

#[test]
fn config_get_takes_patterns() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let names: Vec<String> =
        client.run("CONFIG GET *max-*-entries* timeout nosuch").elements().iter().step_by(2).map(Value::text).collect();
    assert!(names.contains(&"hash-max-listpack-entries".to_string()) && names.contains(&"timeout".to_string()), "{names:?}");
    assert!(!names.contains(&"nosuch".to_string()));
}

#[test]
fn config_rewrite_keeps_comments_and_order() {
    let (folder, server) = start_with_file("# the first comment\nmaxclients 99\n# about the timeout\ntimeout 7\n\n# the end\n");
    let mut client = server.client();
    client.run("CONFIG SET timeout 8 hz 33");
    assert_eq!(client.run("CONFIG REWRITE").text(), "OK");
    let text = read_text(&folder.path().join("redis.conf"));
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what:?} is gone:\n{text}"));
    let order = ["# the first comment", "maxclients 99", "# about the timeout", "timeout 8", "# the end", "hz 33"].map(place);
    assert!(order.is_sorted(), "{text}");
    assert!(place("# Generated by CONFIG REWRITE") > place("# the end"));
}

#[test]
fn without_a_file_there_is_nothing_to_rewrite() {
    let server = Server::start(&[]);
    assert_eq!(server.client().run("CONFIG REWRITE").text(), "ERR The server is running without a config file");
}

#[test]
fn resetstat_starts_the_counters_again() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("GET none");
    client.run("NOSUCH");
    assert_eq!(server.info("keyspace_misses"), "1");
    assert_eq!(client.run("CONFIG RESETSTAT").text(), "OK");
    assert_eq!(server.info("keyspace_misses"), "0");
    assert_eq!(server.info("errorstat_ERR"), "");
}
