//! Waiting from outside: who is served, in which order, and when nobody is.

use crate::net::ClientFlags;
use crate::server::testing::Session;

#[test]
fn first_come_first_served() {
    let mut s = Session::new();
    let waiters: Vec<_> = (0..3).map(|_| s.connect()).collect();
    for &waiter in &waiters {
        assert_eq!(s.run_as(waiter, "BLPOP a b 0"), "");
    }
    assert_eq!((s.server.blocked.len, s.server.blocked.key_count()), (3, 2));
    assert_eq!(s.run("RPUSH b 1 2"), ":2\r\n");
    assert_eq!(s.output(waiters[0]), "*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
    assert_eq!(s.output(waiters[1]), "*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
    assert_eq!(s.output(waiters[2]), "");
    assert_eq!(s.run("EXISTS b"), ":0\r\n");
    assert_eq!(s.run("RPUSH a 3"), ":1\r\n");
    assert_eq!(s.output(waiters[2]), "*2\r\n$1\r\na\r\n$1\r\n3\r\n");
    assert_eq!((s.server.blocked.len, s.server.blocked.key_count()), (0, 0));
}

#[test]
fn one_wakes_the_next() {
    let mut s = Session::new();
    let (mover, popper) = (s.connect(), s.connect());
    s.run_as(popper, "BLPOP c 0");
    s.run_as(mover, "BLMOVE a c LEFT RIGHT 0");
    s.run("MULTI");
    s.run("RPUSH a x");
    s.run("RPUSH a y");
    assert_eq!(s.run("EXEC"), "*2\r\n:1\r\n:2\r\n");
    assert_eq!(s.output(mover), "$1\r\nx\r\n");
    assert_eq!(s.output(popper), "*2\r\n$1\r\nc\r\n$1\r\nx\r\n");
    assert_eq!(s.run("LRANGE a 0 -1"), "*1\r\n$1\r\ny\r\n");
}

#[test]
fn only_the_right_type_wakes() {
    let mut s = Session::new();
    let waiter = s.connect();
    s.run_as(waiter, "BLPOP k k 0");
    s.run("SET k v");
    s.run("DEL k");
    s.run("SADD k v");
    assert_eq!(s.output(waiter), "");
    s.run("MULTI");
    s.run("DEL k");
    s.run("RPUSH k v");
    s.run("DEL k");
    s.run("EXEC");
    assert_eq!(s.output(waiter), "");
    s.run("RPUSH other v");
    s.run("RENAME other k");
    assert_eq!(s.output(waiter), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
    s.run("SET k v");
    assert!(s.run_as(waiter, "BLPOP none k 0").starts_with("-WRONGTYPE"));
}

#[test]
fn another_of_its_keys_may_have_become_a_wrong_one() {
    let mut s = Session::new();
    let waiter = s.connect();
    s.run_as(waiter, "BLPOP a b 0");
    s.run("SET a v");
    s.run("RPUSH b 1");
    assert!(s.output(waiter).starts_with("-WRONGTYPE"));
    assert_eq!(s.run("LLEN b"), ":1\r\n");
    assert_eq!(s.server.blocked.len, 0);
}

#[test]
fn time_runs_out() {
    let mut s = Session::new();
    let (first, second) = (s.connect(), s.connect());
    s.run_as(first, "BLPOP k 1.5");
    s.run_as(second, "BLMOVE k l LEFT LEFT 0.001");
    assert_eq!(s.server.blocked.timeout_count(), 2);
    s.advance_ms(1);
    assert_eq!(s.output(second), "");
    s.advance_ms(1);
    assert_eq!(s.output(second), "*-1\r\n");
    s.advance_ms(1498);
    assert_eq!(s.output(first), "");
    s.advance_ms(1);
    assert_eq!(s.output(first), "*-1\r\n");
    assert_eq!(s.server.blocked.next_deadline_ms(), None);
    for (word, error) in [
        ("-1", "-ERR timeout is negative\r\n"),
        ("-inf", "-ERR timeout is negative\r\n"),
        ("x", "-ERR timeout is not a float or out of range\r\n"),
        ("nan", "-ERR timeout is not a float or out of range\r\n"),
        ("inf", "-ERR timeout is out of range\r\n"),
        ("0x7FFFFFFFFFFFFF", "-ERR timeout is out of range\r\n"),
    ] {
        assert_eq!(s.run(&format!("BLPOP k {word}")), error);
    }
}

#[test]
fn counted_once_and_when_it_is_done() {
    let mut s = Session::new();
    let waiter = s.connect();
    let calls = |s: &Session| {
        let id = s.server.commands.find(b"blpop").unwrap().id as usize;
        let stats = &s.server.stats.commands[id];
        (stats.calls, stats.failed)
    };
    s.run_as(waiter, "BLPOP k 0");
    assert_eq!(calls(&s), (0, 0));
    s.run("RPUSH k 1");
    assert_eq!(calls(&s), (1, 0));
    s.run_as(waiter, "BLPOP k 1");
    s.advance_ms(2000);
    assert_eq!(calls(&s), (2, 0));
    s.run_as(waiter, "BLPOP k 0");
    assert_eq!(s.run(&format!("CLIENT UNBLOCK {} ERROR", waiter.id)), ":1\r\n");
    assert_eq!(calls(&s), (3, 1));
    s.run("MULTI");
    s.run("BLPOP k 0");
    s.output(waiter);
    assert_eq!(s.run("EXEC"), "*1\r\n*-1\r\n");
    assert_eq!(calls(&s), (4, 1));
    assert_eq!(s.server.clients.get(waiter).unwrap().commands, 3);
}

#[test]
fn unblocked_by_hand() {
    let mut s = Session::new();
    let waiter = s.connect();
    s.run_as(waiter, "BLPOP k 0");
    assert_eq!(s.run(&format!("CLIENT UNBLOCK {}", waiter.id)), ":1\r\n");
    assert_eq!(s.output(waiter), "*-1\r\n");
    assert_eq!(s.run(&format!("CLIENT UNBLOCK {}", waiter.id)), ":0\r\n");
    s.run_as(waiter, "BLPOP k 0");
    assert_eq!(s.run(&format!("CLIENT UNBLOCK {} ERROR", waiter.id)), ":1\r\n");
    assert_eq!(s.output(waiter), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
}

#[test]
fn who_leaves_takes_nothing_along() {
    let mut s = Session::new();
    let (leaving, staying) = (s.connect(), s.connect());
    s.run_as(leaving, "BLPOP k 0");
    s.run_as(staying, "BLPOP k 0");
    s.server.close_soon(leaving);
    s.run("RPUSH k 1");
    assert_eq!(s.output(leaving), "");
    assert_eq!(s.output(staying), "*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
    s.server.close_all();
    assert_eq!((s.server.blocked.len, s.server.blocked.key_count()), (0, 0));
}

#[test]
fn a_pause_holds_those_back_who_wait() {
    let mut s = Session::new();
    let waiter = s.connect();
    s.run_as(waiter, "BLPOP k 0");
    s.run("MULTI");
    s.run("RPUSH k 1");
    s.run("CLIENT PAUSE 1000 WRITE");
    s.run("EXEC");
    assert_eq!(s.output(waiter), "");
    s.run("CLIENT UNPAUSE");
    assert_eq!(s.output(waiter), "*2\r\n$1\r\nk\r\n$1\r\n1\r\n");
}

#[test]
fn what_expires_in_time_wakes_nobody() {
    let mut s = Session::new();
    let waiter = s.connect();
    s.run_as(waiter, "BLPOP k 5");
    s.run("SELECT 1");
    s.run("RPUSH k v");
    s.run("PEXPIRE k 100");
    s.advance_ms(101);
    s.run("SWAPDB 0 1");
    assert_eq!(s.output(waiter), "");
    assert_eq!(s.server.dbs[0].len(), 1);
    s.run("SELECT 0");
    s.run("DEL k");
    s.run("SELECT 1");
    s.run("RPUSH k v");
    s.run("SWAPDB 1 0");
    assert_eq!(s.output(waiter), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n");
}

#[test]
fn replies_may_be_switched_off() {
    let mut s = Session::new();
    let waiter = s.connect();
    s.run_as(waiter, "CLIENT REPLY SKIP");
    s.run_as(waiter, "BLPOP k 0");
    s.run("RPUSH k 1");
    assert_eq!(s.output(waiter), "");
    assert!(!s.server.clients.get(waiter).unwrap().has(ClientFlags::REPLY_SKIP | ClientFlags::BLOCKED));
    assert_eq!(s.run_as(waiter, "PING"), "+PONG\r\n");
    s.run_as(waiter, "CLIENT REPLY OFF");
    s.run_as(waiter, "BLPOP k 1");
    s.advance_ms(2000);
    assert_eq!(s.output(waiter), "");
    assert_eq!(s.run("EXISTS k"), ":0\r\n");
}
