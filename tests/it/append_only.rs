//! The append only file of the real binary: killed under load again and again, exchanged with a genuine server, and looked
//! through by the tool.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::server::{Server, our_binary, read_text};

const WRITERS: usize = 4;

/// A server on this folder, with its log in it.
fn on(folder: &Path, more: &[&str]) -> Server {
    let folder = folder.display().to_string();
    let mut args = vec!["--dir", folder.as_str(), "--appendonly", "yes", "--enable-debug-command", "yes"];
    args.extend(more);
    Server::start(&args)
}

/// Writes until the server is gone; `done` counts what was acknowledged.
fn write_until_killed(port: u16, writer: usize, done: &AtomicI64) {
    let Ok(mut client) = Client::tcp(port) else { return };
    let (counter, a, b) = (format!("c{writer}"), format!("a{writer}"), format!("b{writer}"));
    loop {
        match client.call(&["INCR", &counter]) {
            Ok(value) => match value.int() {
                Some(n) => done.store(n, Ordering::SeqCst),
                None => return,
            },
            Err(_) => return,
        }
        for line in [vec!["MULTI"], vec!["INCR", &a], vec!["INCR", &b], vec!["EXEC"]] {
            if client.call(&line).is_err() {
                return;
            }
        }
    }
}

/// Kills the server under load, so many times; what was acknowledged has to be there again.
fn kill_again_and_again(policy: &str, rounds: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let done: Arc<Vec<AtomicI64>> = Arc::new((0..WRITERS).map(|_| AtomicI64::new(0)).collect());
    let mut rng = fastrand::Rng::with_seed(rounds);
    for round in 0..=rounds {
        let preamble = if round % 2 == 0 { "yes" } else { "no" };
        let server = on(folder.path(), &["--appendfsync", policy, "--aof-use-rdb-preamble", preamble]);
        let mut client = server.client();
        for (writer, done) in done.iter().enumerate() {
            let number = |client: &mut Client, name: &str| {
                loop {
                    let value = client.run(&format!("GET {name}{writer}"));
                    if !value.is_error() {
                        return value.text().parse().unwrap_or(0i64);
                    }
                    assert!(value.text().starts_with("LOADING"), "round {round}: {value:?}");
                    thread::sleep(Duration::from_millis(1));
                }
            };
            let (counted, acknowledged) = (number(&mut client, "c"), done.load(Ordering::SeqCst));
            if policy == "always" {
                let in_flight = acknowledged + 1;
                assert!((acknowledged..=in_flight).contains(&counted), "round {round}: {counted} of {acknowledged}");
            }
            assert_eq!(number(&mut client, "a"), number(&mut client, "b"), "round {round}: half a transaction");
            done.store(counted, Ordering::SeqCst);
        }
        if round == rounds {
            break;
        }
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (done, port) = (done.clone(), server.port);
                thread::spawn(move || write_until_killed(port, writer, &done[writer]))
            })
            .collect();
        for _ in 0..rng.u64(1..4) {
            thread::sleep(Duration::from_millis(rng.u64(1..60)));
            let line = ["BGREWRITEAOF", "BGSAVE", "PING"][rng.usize(..3)];
            let _ = client.call(&[line]);
        }
        // SIGKILL.
        drop(server);
        for writer in writers {
            writer.join().expect("a writer");
        }
    }
}

/// How many rounds there are to be.
fn rounds() -> u64 {
    std::env::var("REDOUBT_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

#[test]
fn no_acknowledged_write_is_lost_by_kill() {
    kill_again_and_again("always", rounds());
}

#[test]
fn files_are_loadable_after_a_kill_under_any_policy() {
    kill_again_and_again("everysec", rounds());
    kill_again_and_again("no", rounds());
}

/// The genuine server of the machine, if there is one.
fn genuine() -> Option<&'static str> {
    let program = "/usr/bin/redis-server";
    Path::new(program).exists().then_some(program)
}

const HISTORY: [&str; 16] = [
    "SET s v",
    "SET n 12345",
    "SET expires v EX 100000",
    "RPUSH l a b c 1 2 3",
    "SADD ints 1 2 3",
    "SADD words a b c",
    "SPOP words 2",
    "ZADD z 1.5 a 2 b inf c",
    "HSET h f v g 7",
    "INCRBYFLOAT f 1.1",
    "SELECT 5",
    "SET elsewhere v",
    "SELECT 0",
    "GETDEL s",
    "LMOVE l l LEFT RIGHT",
    "COPY z z2",
];

fn digest(server: &Server) -> String {
    while server.info("loading") != "0" {
        thread::sleep(Duration::from_millis(5));
    }
    server.client().run("DEBUG DIGEST").text()
}

fn run_history(server: &Server) {
    let mut client = server.client();
    for (index, line) in HISTORY.iter().enumerate() {
        assert!(!client.run(line).is_error(), "{line}");
        if index == 8 {
            client.run("BGREWRITEAOF");
            while crate::server::info_field(&mut client, "aof_rewrite_in_progress") != "0" {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

#[test]
fn logs_are_exchanged_with_a_genuine_server() {
    let Some(program) = genuine() else { return };
    for preamble in ["yes", "no"] {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().display().to_string();
        let args = ["--dir", &dir, "--appendonly", "yes", "--enable-debug-command", "yes", "--aof-use-rdb-preamble", preamble];
        let theirs = Server::start_program(program, &args);
        run_history(&theirs);
        let before = digest(&theirs);
        let _ = theirs.client().call(&["SHUTDOWN"]);
        let mut theirs = theirs;
        theirs.wait(Duration::from_secs(10));

        let ours = on(folder.path(), &["--aof-use-rdb-preamble", preamble]);
        assert_eq!(digest(&ours), before);
        run_history(&ours);
        let after = digest(&ours);
        drop(ours);

        let theirs = Server::start_program(program, &args);
        assert_eq!(digest(&theirs), after, "{}", theirs.log());
    }
}

#[test]
fn the_tool_looks_through_what_the_server_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = on(folder.path(), &[]);
    run_history(&server);
    drop(server);
    let log = folder.path().join("appendonlydir");
    let check = |more: &[&str]| {
        let output = Command::new(our_binary())
            .arg0("redis-check-aof")
            .args(more)
            .arg(log.join("appendonly.aof.manifest"))
            .output()
            .expect("the tool runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (good, said) = check(&[]);
    assert!(good && said.ends_with("All AOF files and manifest are valid\n"), "{said}");
    let incr = log.join("appendonly.aof.2.incr.aof");
    let bytes = fs::read(&incr).expect("the increment");
    fs::write(&incr, &bytes[..bytes.len() - 3]).expect("cut off");
    let (good, said) = check(&[]);
    assert!(!good && said.contains("is not valid. Use the --fix option to try fixing it."), "{said}");
    let server = on(folder.path(), &[]);
    assert!(read_text(&server.path("stdout")).contains("!!! Truncating the AOF appendonly.aof.2.incr.aof at offset"));
    drop(server);
    assert!(check(&[]).0);
}

/// What both log for each of these lines has to be the same. Times are absolute, so that they are.
const LOGGED: &str = "SET a 1
SET a 4 EXAT 4102444800
SET a 5 PXAT 4102444800000
SET a 6 NX
SET a2 6 NX
SET a2 7 XX GET
SET a2 8 GET
SET a2 9 KEEPTTL GET
SETNX b1 v
GETSET b1 w
GETDEL b1
GETDEL none
GETEX a
GETEX a PERSIST
GETEX a EXAT 4102444800
GETEX a EXAT 1000
INCR n
INCRBY n 5
DECR n
INCRBYFLOAT n 1.5
APPEND s abc
SETRANGE s 1 xx
MSET m1 1 m2 2
MSETNX m1 1 m3 3
MSETNX m4 1 m3 3
DEL m1 none
DEL none
UNLINK m2 m3
EXPIREAT s 4102444800
PEXPIREAT s 4102444800001 XX
PERSIST s
PERSIST s
EXPIRE s -1
EXPIRE none 10
RPUSH l a b c d e f
LPUSHX l 0
LPUSHX none 0
LINSERT l BEFORE a q
LSET l 0 zero
LREM l 1 a
LREM l 1 none
LTRIM l 0 5
LPOP l
RPOP l 2
LMOVE l l2 LEFT RIGHT
RPOPLPUSH l l2
LMPOP 2 none l2 LEFT COUNT 10
BLPOP l 1
RPUSH l a b c d
BLMOVE l l2 LEFT RIGHT 1
BRPOPLPUSH l l2 1
BLMPOP 1 1 l RIGHT COUNT 2
SADD st a b c
SREM st a none
SMOVE st st2 b
SMOVE st st2 none
SPOP st 100
SADD st 1
SPOP st
SADD sa 1 2 3
SINTERSTORE sd sa sa
SDIFFSTORE sd sa sa
ZADD z 1 a 2 b 3 c 4 d 5 e
ZADD z XX CH 5 a
ZADD z INCR 1.5 a
ZINCRBY z 2 a
ZREM z a
ZPOPMIN z
ZMPOP 1 z MIN COUNT 1
BZPOPMIN z 1
ZADD z 1 a 2 b 3 c
BZMPOP 1 1 z MAX COUNT 2
ZRANGESTORE z2 z 0 -1
ZUNIONSTORE z3 2 z z2
ZREMRANGEBYSCORE z 0 100
HSET h a 1 b 2
HMSET h c 3
HSETNX h a 9
HINCRBY h a 5
HDEL h a none
RENAME h h2
RENAMENX h2 h3
COPY h3 h4
MOVE h4 2
SELECT 2
SET there 1
SELECT 0
SWAPDB 1 2
SORT sa STORE sorted
SORT none STORE sorted
TOUCH sa
MULTI
SET tx 1
EXEC
MULTI
SET tx 1
INCR tx
EXEC
MULTI
GET tx
EXEC
FLUSHDB
FLUSHALL ASYNC
FLUSHALL";

#[test]
fn what_is_logged_is_what_a_genuine_server_logs() {
    let Some(program) = genuine() else { return };
    let logged = |program: &str| {
        // What goes lazily is logged as UNLINK, and the defaults differ.
        let args = "--appendonly yes --appendfsync always --aof-use-rdb-preamble no --lazyfree-lazy-server-del no \
                    --lazyfree-lazy-user-del no";
        let args: Vec<&str> = args.split_whitespace().collect();
        let server = Server::start_program(program, &args);
        let mut client = server.client();
        let (mut logged, mut before) = (Vec::new(), 0);
        for line in LOGGED.lines() {
            client.run(line);
            let bytes = fs::read(server.path("appendonlydir/appendonly.aof.1.incr.aof")).expect("the increment");
            logged.push((line, String::from_utf8_lossy(&bytes[before..]).to_lowercase()));
            before = bytes.len();
        }
        logged
    };
    for (ours, theirs) in logged(&our_binary()).iter().zip(&logged(program)) {
        assert_eq!(ours, theirs);
    }
}
