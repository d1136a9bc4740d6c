//! MIGRATE between real servers, ours and a genuine one.

use std::path::Path;

use crate::server::Server;

/// Moves keys of every type from one server to another, and looks at both.
fn keys_move(from: &Server, to: &Server) {
    let (mut here, mut there) = (from.client(), to.client());
    for line in [
        "SET text hello",
        "RPUSH list a b c",
        "SADD set a b 7",
        "ZADD zset 1.5 a 2 b",
        "HSET hash f v",
        "XADD stream 1-1 f v",
        "SET fleeting v PX 100000",
        "SET stays v",
    ] {
        here.run(line);
    }
    there.run("CONFIG SET requirepass secret");
    there.run("AUTH secret");
    let port = to.port;
    let refused = here.run(&format!("MIGRATE 127.0.0.1 {port} text 3 5000 AUTH wrong"));
    assert!(format!("{refused:?}").contains("Target instance replied with error: WRONGPASS"), "{refused:?}");
    let moved =
        here.run(&format!("MIGRATE 127.0.0.1 {port} '' 3 5000 AUTH secret KEYS text list set zset hash stream fleeting missing"));
    assert_eq!(moved.text(), "OK");
    assert_eq!(here.run("DBSIZE").int(), Some(1));
    // A kept connection goes on where it was.
    assert_eq!(here.run(&format!("MIGRATE 127.0.0.1 {port} stays 3 5000 COPY")).text(), "OK");
    assert!(format!("{:?}", here.run(&format!("MIGRATE 127.0.0.1 {port} stays 3 5000"))).contains("BUSYKEY"));
    assert_eq!(here.run(&format!("MIGRATE 127.0.0.1 {port} stays 4 5000 REPLACE")).text(), "OK");
    assert_eq!(here.run("DBSIZE").int(), Some(0));
    assert_eq!(there.run("SELECT 3").text(), "OK");
    assert_eq!(there.run("DBSIZE").int(), Some(8));
    assert_eq!(there.run("GET text").text(), "hello");
    assert_eq!(there.run("LLEN list").int(), Some(3));
    assert_eq!(there.run("ZSCORE zset a").text(), "1.5");
    assert_eq!(there.run("XLEN stream").int(), Some(1));
    assert!(there.run("PTTL fleeting").int().is_some_and(|ttl_ms| ttl_ms > 0));
    assert_eq!(there.run("SELECT 4").text(), "OK");
    assert_eq!(there.run("GET stays").text(), "v");
}

#[test]
fn keys_of_every_type_move_between_any_two_servers() {
    keys_move(&Server::start(&[]), &Server::start(&[]));
    let genuine = "/usr/bin/redis-server";
    if Path::new(genuine).exists() {
        keys_move(&Server::start(&[]), &Server::start_program(genuine, &[]));
        keys_move(&Server::start_program(genuine, &[]), &Server::start(&[]));
    }
}

#[test]
fn what_moved_is_gone_from_the_log_too() {
    let to = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().display().to_string();
    let args = ["--dir", dir.as_str(), "--appendonly", "yes", "--appendfsync", "always"];
    let from = Server::start(&args);
    let mut client = from.client();
    client.run("MSET a 1 b 2 c 3");
    assert_eq!(client.run(&format!("MIGRATE 127.0.0.1 {} '' 0 5000 KEYS a b", to.port)).text(), "OK");
    assert_eq!(from.info("migrate_cached_sockets"), "1");
    drop(from);
    let again = Server::start(&args);
    assert_eq!(again.client().run("DBSIZE").int(), Some(1));
    assert_eq!(again.client().run("GET c").text(), "3");
}
