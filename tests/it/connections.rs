//! Many connections, slow ones, and ones that never read.

use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::client::Client;
use crate::server::{Server, info_field};

/// Allow this process and its children so many open files.
fn raise_file_limit(files: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    if soft >= files {
        return;
    }
    let hard = hard.max(files);
    setrlimit(Resource::RLIMIT_NOFILE, files, hard)
        .unwrap_or_else(|error| panic!("{files} open files are needed, the limit is {soft} of {hard}: {error}"));
}

fn number(client: &mut Client, field: &str) -> i64 {
    info_field(client, field).parse().unwrap_or_else(|error| panic!("INFO has no {field}: {error}"))
}

#[test]
fn ten_thousand_idle_connections_are_cheap() {
    const COUNT: i64 = 10_000;
    raise_file_limit(COUNT as u64 + 3000);
    let server = Server::start(&["--maxclients", "12000", "--tcp-backlog", "2000"]);
    let mut control = server.client();
    // What the first connections set up once is not counted.
    let warm: Vec<Client> = (0..100).map(|_| server.client()).collect();
    control.run("PING");
    let before = number(&mut control, "used_memory");
    let mut idle = Vec::new();
    for at in 0..COUNT {
        let mut client = server.client();
        // Each has been of use once: an idle client is mostly one that has just been served.
        if at % 2 == 0 {
            client.run("PING");
        }
        idle.push(client);
    }
    while number(&mut control, "connected_clients") < COUNT + 101 {
        sleep(Duration::from_millis(10));
    }
    // A few turns of the clock, so that buffers of idle clients are given back.
    sleep(Duration::from_secs(3));
    let each = (number(&mut control, "used_memory") - before) / COUNT;
    assert!(each <= 1024, "an idle connection costs {each} bytes");
    assert_eq!(idle[77].run("PING").text(), "PONG");
    drop((warm, idle));
}

#[test]
fn a_client_that_sends_slowly_harms_nobody() {
    let server = Server::start(&[]);
    let mut slow: Vec<Client> = (0..50).map(|_| server.client()).collect();
    let mut quick = server.client();
    let request = b"*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$5\r\nvalue\r\n";
    for byte in request {
        for client in &mut slow {
            client.send_raw(&[*byte]).expect("sent");
        }
        for _ in 0..20 {
            assert_eq!(quick.run("PING").text(), "PONG");
        }
    }
    for client in &mut slow {
        assert_eq!(client.read().expect("a reply").text(), "OK");
    }
}

#[test]
fn a_client_that_never_reads_is_cut_at_its_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 4mb 0 0"]);
    let mut other = server.client();
    other.call(&[b"SET".as_slice(), b"big", &vec![b'x'; 100_000]]).expect("a reply");
    let before = number(&mut other, "used_memory");
    let mut deaf = Client::tcp_with_timeout(server.port, Duration::from_secs(5)).expect("connected");
    let (mut cut, mut highest) = (false, 0);
    for _ in 0..2000 {
        cut = deaf.send(&["GET", "big"]).is_err();
        if cut || number(&mut other, "connected_clients") == 1 {
            cut = true;
            break;
        }
        highest = highest.max(number(&mut other, "used_memory") - before);
    }
    assert!(cut, "two hundred megabytes of replies were kept");
    assert!(highest < 6 << 20, "{highest} bytes were in use");
    assert_eq!(other.run("PING").text(), "PONG");
    assert!(number(&mut other, "client_output_buffer_limit_disconnections") >= 1);
}

#[test]
fn a_soft_limit_holds_after_its_time() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 0 1mb 1"]);
    let mut other = server.client();
    other.call(&[b"SET".as_slice(), b"big", &vec![b'x'; 1_000_000]]).expect("a reply");
    let mut deaf = server.client();
    for _ in 0..30 {
        deaf.send(&["GET", "big"]).expect("sent");
    }
    let end = Instant::now() + Duration::from_secs(20);
    while number(&mut other, "connected_clients") > 1 {
        assert!(Instant::now() < end, "still connected");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_client_that_never_reads_holds_up_no_pipeline_of_others() {
    let server = Server::start(&[]);
    let mut other = server.client();
    other.call(&[b"SET".as_slice(), b"big", &vec![b'x'; 1_000_000]]).expect("a reply");
    let mut deaf = server.client();
    for _ in 0..40 {
        deaf.send(&["GET", "big"]).expect("sent");
    }
    for at in 0..1000 {
        assert_eq!(other.run(&format!("SET k{at} v")).text(), "OK");
    }
    for _ in 0..40 {
        assert_eq!(deaf.read().expect("a reply").bytes().map(<[u8]>::len), Some(1_000_000));
    }
}

#[test]
fn there_is_a_most_of_clients() {
    let server = Server::start(&["--maxclients", "5"]);
    let mut clients = vec![server.client()];
    while number(&mut clients[0], "connected_clients") > 1 {
        // The connection that found the server ready is on its way out.
        sleep(Duration::from_millis(10));
    }
    clients.extend((1..5).map(|_| server.client()));
    for client in &mut clients {
        client.run("PING");
    }
    let mut late = server.client();
    assert_eq!(late.read().expect("a reply").text(), "ERR max number of clients reached");
    assert!(late.is_closed());
    clients.pop();
    let end = Instant::now() + Duration::from_secs(20);
    while server.client().call(&["PING"]).map(|reply| reply.is_error()).unwrap_or(true) {
        assert!(Instant::now() < end, "no place became free");
        sleep(Duration::from_millis(10));
    }
    assert_eq!(number(&mut clients[0], "rejected_connections").min(1), 1);
}

#[test]
fn idle_clients_are_closed_after_the_timeout() {
    let server = Server::start(&["--timeout", "1"]);
    let mut idle = server.client();
    idle.run("PING");
    assert!(idle.is_closed());
}

#[test]
fn a_unix_socket_serves_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let name = path.to_str().expect("a name").to_string();
    let server = Server::start(&["--unixsocket", &name, "--unixsocketperm", "700"]);
    let mut client = Client::unix(&path).expect("connected");
    assert_eq!(client.run("SET a 1").text(), "OK");
    assert_eq!(server.client().run("GET a").text(), "1");
    assert!(client.run("CLIENT INFO").text().contains(&format!("addr={name}:0")));
    let mode = path.metadata().expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_port_of_zero_means_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let name = path.to_str().expect("a name").to_string();
    let server = Server::spawn(&crate::server::our_binary(), &["--unixsocket", &name, "--port", "0"]);
    let end = Instant::now() + Duration::from_secs(20);
    let mut client = loop {
        match Client::unix(&path) {
            Ok(client) => break client,
            Err(error) if Instant::now() > end => panic!("{error}\n{}", server.log()),
            Err(_) => sleep(Duration::from_millis(10)),
        }
    };
    assert_eq!(client.run("PING").text(), "PONG");
    assert!(Client::tcp(server.port).is_err());
}

#[test]
fn clients_can_be_listed_named_and_killed() {
    let server = Server::start(&[]);
    let (mut one, mut other) = (server.client(), server.client());
    assert_eq!(one.run("CLIENT SETNAME first").text(), "OK");
    assert_eq!(other.run("CLIENT SETNAME second").text(), "OK");
    let list = one.run("CLIENT LIST").text();
    assert!(list.contains("name=first") && list.contains("name=second"), "{list}");
    let id = other.run("CLIENT ID").int().expect("an id");
    assert_eq!(one.run(&format!("CLIENT KILL ID {id}")).int(), Some(1));
    assert!(other.is_closed());
    assert_eq!(one.run("CLIENT KILL TYPE normal SKIPME no").int(), Some(1));
    assert!(one.is_closed());
}
