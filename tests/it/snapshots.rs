//! Snapshots of the real binary: files from and for a genuine server, damaged files, killed children, clients meanwhile.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::server::{Server, our_binary};

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

/// Some keys of every type and encoding.
fn fill(client: &mut Client) {
    for i in 0..200 {
        client.run(&format!("SET str:{i} value:{i}"));
        client.run(&format!("SET int:{i} {}", i * 7919 - 100_000));
        client.run(&format!("RPUSH list e{i} {i}"));
        client.run(&format!("SADD set m{i} {i}"));
        client.run(&format!("SADD ints {}", i * 1000));
        client.run(&format!("ZADD zset {}.25 m{i}", i % 13));
        client.run(&format!("HSET hash f{i} v{i}"));
        client.run(&format!("RPUSH big:list element:{i}:{}", "ab".repeat(300)));
    }
    client.run("SADD small:set a b 3");
    client.run("ZADD small:zset inf a -inf b 2.5 c");
    client.run("HSET small:hash f v n 7");
    client.run(&format!("SET long {}", "x".repeat(5000)));
    client.run("PEXPIREAT str:5 4102444800123");
    client.run("SELECT 7");
    client.run("HSET h a b");
    client.run("SELECT 0");
}

fn digest(client: &mut Client) -> String {
    client.run("DEBUG DIGEST").text()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a server on a copy of this snapshot.
fn start_on(program: &str, snapshot: &Path) -> Server {
    // The folder is the server's own: the file is put there while it does not run.
    let server = Server::spawn(program, &DEBUG);
    drop_in(server, program, snapshot)
}

/// Restarts a server on its folder, into which the snapshot has been copied.
fn drop_in(mut server: Server, program: &str, snapshot: &Path) -> Server {
    server.wait_until_ready().expect("it starts");
    fs::copy(snapshot, server.path("dump.rdb")).expect("copied");
    let mut client = server.client();
    assert_eq!(client.run("DEBUG RELOAD NOSAVE").text(), "OK", "{program}: {}", server.log());
    server
}

#[test]
fn files_travel_both_ways() {
    let genuine = std::env::var("REDOUBT_DIFF_ORACLE").unwrap_or_else(|_| "redis-server".to_string());
    let theirs = Server::start_program(&genuine, &DEBUG);
    fill(&mut theirs.client());
    let before = digest(&mut theirs.client());
    assert_eq!(theirs.client().run("SAVE").text(), "OK");

    let ours = start_on(&our_binary(), &theirs.path("dump.rdb"));
    assert_eq!(digest(&mut ours.client()), before);
    assert_eq!(ours.client().run("PEXPIRETIME str:5").int(), Some(4_102_444_800_123));
    assert_eq!(ours.client().run("BGSAVE").text(), "Background saving started");
    wait_until("the child ends", || ours.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(ours.info("rdb_last_bgsave_status"), "ok");

    let back = start_on(&genuine, &ours.path("dump.rdb"));
    assert_eq!(digest(&mut back.client()), before);
}

#[test]
fn a_damaged_file_ends_the_start_in_order() {
    let whole = Server::start(&DEBUG);
    let mut client = whole.client();
    for i in 0..20 {
        client.run(&format!("SET key:{i} {i}"));
        client.run(&format!("ZADD zset {i} m{i}"));
        client.run(&format!("RPUSH list {}", "y".repeat(i * 10)));
    }
    client.run("SAVE");
    let bytes = fs::read(whole.path("dump.rdb")).expect("a snapshot");
    let mut rng = fastrand_like(7);
    for round in 0..24 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut damaged = bytes.clone();
        let at = rng() as usize % damaged.len();
        if round % 2 == 0 {
            damaged.truncate(at);
        } else {
            damaged[at] ^= 1 + (rng() % 255) as u8;
        }
        fs::write(folder.path().join("dump.rdb"), &damaged).expect("written");
        let output = Command::new(our_binary())
            .args(["--port", "0", "--unixsocket", "s", "--dir"])
            .arg(folder.path())
            .output()
            .expect("it runs");
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "round {round}, byte {at}: {log}");
        assert!(log.contains("Fatal error loading the DB"), "{log}");
    }
}

/// A few numbers that are always the same.
fn fastrand_like(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn a_killed_child_costs_nothing_but_its_snapshot() {
    let server = Server::start(&[&DEBUG[..], &["--save", "900 1"]].concat());
    let mut client = server.client();
    client.run("SET k 1");
    client.run("SAVE");
    let good = fs::read(server.path("dump.rdb")).expect("a snapshot");
    client.run("SET k 2");
    client.run("CONFIG SET rdb-key-save-delay 10000000");
    client.run("BGSAVE");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid())).expect("Linux");
    let child: i32 = children.split_whitespace().next().expect("a child").parse().expect("a number");
    wait_until("the file is there", || server.path(&format!("temp-{child}.rdb")).exists());
    assert!(Command::new("kill").args(["-9", &child.to_string()]).status().expect("kill").success());
    wait_until("it is collected", || server.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(server.info("rdb_last_bgsave_status"), "err");
    assert!(client.run("SET k 3").text().starts_with("MISCONF"));
    assert!(client.run("PING").text().starts_with("MISCONF"));
    assert_eq!(client.run("GET k").text(), "2");
    assert_eq!(fs::read(server.path("dump.rdb")).expect("still there"), good);
    assert!(!server.path(&format!("temp-{child}.rdb")).exists());
    client.run("CONFIG SET rdb-key-save-delay 0");
    client.run("BGSAVE");
    wait_until("it heals", || server.info("rdb_last_bgsave_status") == "ok");
    assert_eq!(client.run("SET k 3").text(), "OK");
}

#[test]
fn clients_are_told_to_wait_while_data_are_loaded() {
    let source = Server::start(&DEBUG);
    source.client().run("DEBUG POPULATE 20000");
    source.client().run("SAVE");
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(source.path("dump.rdb"), folder.path().join("dump.rdb")).expect("copied");
    let dir = folder.path().to_str().expect("a plain name").to_string();
    let args = ["--dir", &dir, "--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"];
    let server = Server::spawn(&our_binary(), &args);
    wait_until("it listens", || Client::tcp(server.port).is_ok());
    let mut client = server.client();
    assert_eq!(client.run("GET key:1").text(), "LOADING Redis is loading the dataset in memory");
    let info = client.run("INFO persistence").text();
    assert!(info.contains("\nloading:1\r\n") && info.contains("\nloading_loaded_perc:"), "{info}");
    client.run("CONFIG SET key-load-delay 0");
    client.send(&["SHUTDOWN", "NOSAVE"]).expect("sent");
    let mut server = server;
    assert_eq!(server.wait(Duration::from_secs(20)).and_then(|status| status.code()), Some(0));
}

#[test]
fn a_server_killed_while_saving_leaves_a_whole_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().to_str().expect("a plain name").to_string();
    let mut expected = 0;
    for round in 0..8 {
        let server = Server::start(&["--dir", &dir, "--enable-debug-command", "yes"]);
        let mut client = server.client();
        wait_until("it has loaded", || client.run("DBSIZE").int().is_some());
        let keys = client.run("DBSIZE").int().expect("a number");
        assert!(keys >= expected, "round {round}: {keys} keys, {expected} were saved: {}", server.log());
        client.run(&format!("DEBUG POPULATE {} r{round}", 500));
        client.run("SAVE");
        expected = client.run("DBSIZE").int().expect("a number");
        client.run(&format!("DEBUG POPULATE {} s{round}", 20_000));
        client.run("BGSAVE");
        std::thread::sleep(Duration::from_millis(round * 3));
        // Dropping kills it.
    }
}
