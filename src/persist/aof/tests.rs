//! The log on a disk that crashes and fails at every call in turn.
//!
//! A history is run: strings, counters, transactions, expiries, rewrites. After each command the digest of the dataset is noted, and
//! whether the command was acknowledged. Whatever the disk does, a server that starts on what is left has a dataset that
//! the history has gone through: after its last acknowledged command or later. That every command is there whole or not at
//! all, transactions too, follows from it.

use std::io;
use std::sync::Arc;

use crate::config::Config;
use crate::config::values::{Allow, AppendFsync};
use crate::server::testing::Session;
use crate::sys::disk::sim::{Crash, Fault, SimDisk};

/// A server on the disk, if it starts.
fn start(disk: &Arc<SimDisk>, policy: AppendFsync, as_rdb: bool) -> Option<Session> {
    let _ = env_logger::builder().is_test(true).try_init();
    let config = Config {
        appendonly: true,
        appendfsync: policy,
        aof_use_rdb_preamble: as_rdb,
        enable_debug_command: Allow::Yes,
        ..Config::default()
    };
    let mut session = Session::with(config);
    let server = &mut session.server;
    server.disk = disk.clone();
    server.aof.rewrite.inline = true;
    server.read_aof_manifest().ok()?;
    server.load_log().ok()?;
    server.open_log().ok()?;
    Some(session)
}

fn digest(session: &mut Session) -> String {
    session.run("DEBUG DIGEST")
}

/// What has happened so far.
#[derive(Default)]
struct History {
    digests: Vec<String>,
    /// How many of them are certain.
    acknowledged: usize,
}

impl History {
    /// Runs a request as a turn of its own. Whether it was acknowledged is certain only when the turn is over.
    fn turn(&mut self, session: &mut Session, lines: &[&str]) -> bool {
        let mut refused = false;
        for line in lines {
            refused |= session.run(line).starts_with('-');
        }
        session.server.flush_aof(false);
        self.digests.push(digest(session));
        let safe = !refused && session.server.aof.fault.is_none();
        if safe {
            self.acknowledged = self.digests.len() - 1;
        }
        safe
    }

    fn step(&mut self, session: &mut Session, index: usize) {
        let text = format!("SET k{} {index}", index % 7);
        match index % 10 {
            3 => self.turn(session, &["MULTI", "INCR a", "INCR b", "EXEC"]),
            5 => self.turn(session, &["SET gone v PX 1500"]),
            6 => self.turn(session, &["SELECT 3", "RPUSH l 1 2 3", "SELECT 0"]),
            7 => {
                let _ = session.server.start_aof_rewrite();
                self.turn(session, &["INCR after"])
            }
            _ => self.turn(session, &[&text]),
        };
        session.advance_ms(400);
        session.server.expire_keys();
        session.server.look_after_aof();
        self.digests.push(digest(session));
        if session.server.aof.fault.is_none() && session.server.aof.syncer.synced() == session.server.aof.end() {
            self.acknowledged = self.digests.len() - 1;
        }
    }

    /// Runs the whole history on the disk, as far as the server starts at all.
    fn run(disk: &Arc<SimDisk>, policy: AppendFsync, as_rdb: bool) -> History {
        let mut history = History { digests: vec!["+0000000000000000000000000000000000000000\r\n".into()], acknowledged: 0 };
        if let Some(mut session) = start(disk, policy, as_rdb) {
            for index in 0..25 {
                history.step(&mut session, index);
            }
        }
        history
    }

    /// Whether the dataset is one that the history went through, and nothing certain is missing.
    fn holds(&self, found: &str, from: usize) -> bool {
        self.digests[from..].iter().any(|digest| digest == found)
    }
}

/// The calls of an undisturbed history.
fn calls(policy: AppendFsync, as_rdb: bool) -> u64 {
    let disk = SimDisk::new();
    let history = History::run(&disk, policy, as_rdb);
    assert!(history.acknowledged > 20, "{}", history.acknowledged);
    disk.calls()
}

fn crash_everywhere(policy: AppendFsync, as_rdb: bool) {
    for call in 0..=calls(policy, as_rdb) {
        for how in [Crash::Kill, Crash::PowerLoss, Crash::Torn { seed: call }, Crash::Torn { seed: call + 1000 }] {
            let disk = SimDisk::new();
            // From here on the process is dead.
            disk.fail_at(Some(Fault { after: call, times: u64::MAX, kind: io::ErrorKind::Other, partly: call % 2 == 0 }));
            let history = History::run(&disk, policy, as_rdb);
            disk.crash(how);
            let Some(mut session) = start(&disk, policy, as_rdb) else { panic!("call {call} {how:?}: {:?}", disk.files()) };
            let found = digest(&mut session);
            let from = if policy == AppendFsync::Always { history.acknowledged } else { 0 };
            assert!(history.holds(&found, from), "call {call} {how:?}: lost what was acknowledged");
            // And it goes on from there.
            let mut again = History { digests: vec![found], acknowledged: 0 };
            assert!(again.turn(&mut session, &["SET more v"]));
            session.advance_ms(2000);
            session.server.look_after_aof();
            disk.crash(Crash::PowerLoss);
            let Some(mut session) = start(&disk, policy, as_rdb) else { panic!("call {call} {how:?}: second start") };
            assert_eq!(session.run("GET more"), "$1\r\nv\r\n", "call {call} {how:?}");
        }
    }
}

#[test]
fn a_crash_at_any_call_loses_nothing_acknowledged() {
    crash_everywhere(AppendFsync::Always, false);
}

#[test]
fn nor_with_snapshots_as_bases() {
    crash_everywhere(AppendFsync::Always, true);
}

#[test]
fn a_crash_under_everysec_leaves_a_moment_of_the_past() {
    crash_everywhere(AppendFsync::Everysec, true);
}

/// Fails `times` calls from each call on; the server has to survive, to refuse, and to heal.
fn fail_everywhere(policy: AppendFsync, times: u64, kind: io::ErrorKind) {
    for call in 0..calls(policy, true) {
        let disk = SimDisk::new();
        disk.fail_at(Some(Fault { after: call, times, kind, partly: call % 2 == 0 }));
        let mut history = History { digests: vec!["+0000000000000000000000000000000000000000\r\n".into()], acknowledged: 0 };
        // A server that can't begin its log does not start.
        let started = start(&disk, policy, true).or_else(|| {
            disk.fail_at(None);
            start(&disk, policy, true)
        });
        let Some(mut session) = started else { panic!("call {call}: no start") };
        for index in 0..25 {
            history.step(&mut session, index);
            assert_eq!(session.run("ECHO alive"), "$5\r\nalive\r\n");
        }
        disk.fail_at(None);
        for _ in 0..300 {
            session.advance_ms(1000);
            session.server.look_after_aof();
            if session.server.aof.fault.is_none() {
                break;
            }
        }
        assert_eq!(session.server.aof.fault, None, "call {call}: not healed");
        assert!(history.turn(&mut session, &["SET healed v"]), "call {call}");
        session.advance_ms(2000);
        session.server.look_after_aof();
        let last = digest(&mut session);
        disk.crash(Crash::PowerLoss);
        let Some(mut session) = start(&disk, policy, true) else { panic!("call {call}: no second start: {:?}", disk.files()) };
        assert_eq!(digest(&mut session), last, "call {call}");
    }
}

#[test]
fn one_failing_call_is_survived() {
    fail_everywhere(AppendFsync::Always, 1, io::ErrorKind::Other);
    fail_everywhere(AppendFsync::Everysec, 1, io::ErrorKind::Other);
}

#[test]
fn a_full_disk_is_survived() {
    fail_everywhere(AppendFsync::Always, 9, io::ErrorKind::StorageFull);
    fail_everywhere(AppendFsync::Everysec, 9, io::ErrorKind::StorageFull);
}

#[test]
fn replies_that_stand_for_unsafe_changes_become_errors() {
    let disk = SimDisk::new();
    let mut session = start(&disk, AppendFsync::Always, true).unwrap();
    session.run("SET before v");
    session.server.flush_aof(false);
    let fault = |times| Some(Fault { after: disk.calls(), times, kind: io::ErrorKind::StorageFull, partly: true });
    disk.fail_at(fault(u64::MAX));
    // What the turn does: replies collect in the client's output, the log is written, then the output leaves.
    let mut output = String::new();
    for line in ["GET before", "SET k v", "GET k", "MULTI", "INCR n", "EXEC"] {
        output += &session.run(line);
    }
    if let Some(client) = session.server.clients.get_mut(session.client) {
        client.reply.buf = output.into_bytes();
    }
    // A session takes replies out one by one, so every reply begins at 0: here the change was the second.
    session.server.aof.unacknowledged = vec![(session.client, "$1\r\nv\r\n".len())];
    session.server.flush_aof(false);
    let error = "-MISCONF Errors writing to the AOF file: no storage space. The change may be lost.\r\n";
    assert_eq!(session.output(session.client), format!("$1\r\nv\r\n{}", error.repeat(5)));
    let refusal = "-MISCONF Errors writing to the AOF file: no storage space\r\n";
    assert_eq!(session.run("SET k w"), refusal);
    assert_eq!(session.run("PING"), refusal);
    assert_eq!(session.run("GET k"), "$1\r\nv\r\n");
    assert!(session.run("INFO persistence").contains("aof_last_write_status:err"));
    disk.fail_at(None);
    session.advance_ms(1000);
    session.server.look_after_aof();
    assert_eq!(session.run("SET k w"), "+OK\r\n");
    assert!(session.run("INFO persistence").contains("aof_last_write_status:ok"));
}

#[test]
fn switching_on_and_off_while_running() {
    let disk = SimDisk::new();
    let mut session = Session::new();
    session.server.disk = disk.clone();
    session.server.aof.rewrite.inline = true;
    session.run("SET a 1");
    assert_eq!(session.run("CONFIG SET appendonly yes"), "+OK\r\n");
    session.run("SET b 2");
    assert_eq!(session.run("CONFIG SET appendonly no"), "+OK\r\n");
    session.run("SET c 3");
    let manifest = String::from_utf8(disk.bytes("/data/appendonlydir/appendonly.aof.manifest").unwrap()).unwrap();
    assert_eq!(
        manifest,
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i startoffset 0 endoffset 1\n"
    );
    disk.crash(Crash::PowerLoss);
    let mut session = start(&disk, AppendFsync::Everysec, true).unwrap();
    assert_eq!(session.run("MGET a b c"), "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n");
}

#[test]
fn damage_is_refused_or_cut_off() {
    let set = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    let load = |text: &str, truncated: bool| {
        let disk = SimDisk::new();
        use crate::sys::disk::Disk;
        disk.make_dir(std::path::Path::new("appendonlydir")).unwrap();
        disk.put("/data/appendonlydir/appendonly.aof.manifest", b"file a seq 1 type i\n");
        disk.put("/data/appendonlydir/a", text.as_bytes());
        let mut session = Session::with(Config { appendonly: true, aof_load_truncated: truncated, ..Config::default() });
        session.server.disk = disk.clone();
        session.server.read_aof_manifest().unwrap();
        let loaded = session.server.load_log().is_ok();
        (loaded, session.run("GET k") == "$1\r\nv\r\n", disk.bytes("/data/appendonlydir/a").unwrap().len())
    };
    let len = set.len();
    let multi = "*1\r\n$5\r\nMULTI\r\n";
    for rest in
        ["*", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n", multi, &format!("{multi}{set}"), &format!("{multi}{set}*1\r\n$4\r\nEX")]
    {
        assert_eq!(load(&format!("{set}{rest}"), true), (true, true, len), "{rest}");
        assert_eq!(load(&format!("{set}{rest}"), false), (false, true, len + rest.len()), "{rest}");
    }
    for rest in [
        "!!!",
        "*0\r\n",
        "*-1\r\n",
        "*x\r\n",
        "*1\r\n+3\r\n",
        "*3\r\n$3\r\nBLA\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*1\r\n$3\r\nSET\r\n",
        "*1\r\n$4\r\nEXEC\r\n",
        "*1\r\n$8\r\nSHUTDOWN\r\n",
        &format!("{multi}{multi}"),
        "*2\r\n$5\r\nDEBUG\r\n$8\r\nSEGFAULT\r\n",
    ] {
        assert!(!load(&format!("{set}{rest}{set}"), true).0, "{rest}");
    }
    assert!(load(&format!("#TS:1\r\n{set}#TS:2\r\n"), true).0);
    assert!(load(&format!("{multi}{set}*1\r\n$4\r\nEXEC\r\n"), false).1);
}

#[test]
fn the_log_of_an_old_server_is_taken_over() {
    let disk = SimDisk::new();
    disk.put("/data/appendonly.aof", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    let mut session = start(&disk, AppendFsync::Always, true).unwrap();
    assert_eq!(session.run("GET k"), "$1\r\nv\r\n");
    session.run("SET k w");
    session.server.flush_aof(false);
    disk.crash(Crash::PowerLoss);
    let mut files = disk.files();
    files.sort();
    assert_eq!(
        files,
        [
            "/data/appendonlydir/appendonly.aof",
            "/data/appendonlydir/appendonly.aof.1.incr.aof",
            "/data/appendonlydir/appendonly.aof.manifest"
        ]
    );
    let mut session = start(&disk, AppendFsync::Always, true).unwrap();
    assert_eq!(session.run("GET k"), "$1\r\nw\r\n");
}
