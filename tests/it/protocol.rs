//! The protocol at its edges: requests in pieces, wrong requests, limits.

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::Duration;

use crate::client::{Client, Value, encode_request};
use crate::server::Server;

/// Requests of every form the parser knows, and how many replies they get.
fn mixed_requests() -> (Vec<u8>, usize) {
    let mut bytes = b"PING\r\n".to_vec();
    encode_request(&mut bytes, &[b"SET".as_slice(), b"key", b"a\r\nb\0c"]);
    encode_request(&mut bytes, &[b"GET".as_slice(), b"key"]);
    bytes.extend_from_slice(b"\r\nSET \"quo ted\" 'it\\'s'\nGET \"quo ted\"\r\n*0\r\n*-1\r\n");
    encode_request(&mut bytes, &[b"MGET".as_slice(), b"key", b"", b"quo ted"]);
    (bytes, 6)
}

fn read_all(client: &mut Client, count: usize) -> Vec<Value> {
    (0..count).map(|_| client.read().expect("a reply")).collect()
}

#[test]
fn a_request_may_be_split_anywhere() {
    let server = Server::start(&[]);
    let (bytes, replies) = mixed_requests();
    let mut client = server.client();
    client.send_raw(&bytes).expect("sent");
    let whole = read_all(&mut client, replies);
    assert_eq!(whole[2], Value::Bulk(b"a\r\nb\0c".to_vec()));
    assert_eq!(whole[4], Value::Bulk(b"it's".to_vec()));
    for at in 1..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        client.send_raw(head).expect("sent");
        // Time for the server to see the first part by itself.
        sleep(Duration::from_millis(1));
        client.send_raw(tail).expect("sent");
        assert_eq!(read_all(&mut client, replies), whole, "split at byte {at}");
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = Server::start(&[]);
    let (bytes, replies) = mixed_requests();
    let mut client = server.client();
    for byte in &bytes {
        client.send_raw(&[*byte]).expect("sent");
        sleep(Duration::from_micros(300));
    }
    assert_eq!(read_all(&mut client, replies)[5].elements().len(), 3);
}

#[test]
fn many_requests_may_come_at_once() {
    let server = Server::start(&[]);
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        encode_request(&mut bytes, &["INCR", "counter"]);
    }
    let mut client = server.client();
    client.send_raw(&bytes).expect("sent");
    assert_eq!(read_all(&mut client, 10_000).last(), Some(&Value::Int(10_000)));
}

#[test]
fn wrong_requests_are_named_and_the_connection_ends() {
    let server = Server::start(&[]);
    let long = [b'1'; 70_000];
    let long_count = [b"*".as_slice(), &long].concat();
    let long_length = [b"*1\r\n$".as_slice(), &long].concat();
    let cases: &[(&[u8], &str)] = &[
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'"),
        (b"*1\r\n$-10\r\n", "invalid bulk length"),
        (b"*1\r\n$2000000000\r\n", "invalid bulk length"),
        (b"*1\r\n$9223372036854775808\r\n", "invalid bulk length"),
        (b"*1\r\n$1x\r\n", "invalid bulk length"),
        (b"*1\r\n$\r\n", "invalid bulk length"),
        (b"*1\r\n$+1\r\n", "invalid bulk length"),
        (b"*3000000000\r\n", "invalid multibulk length"),
        (b"*20000000000000000000\r\n", "invalid multibulk length"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"set \"\"\"test\"\"\"\r\n", "unbalanced quotes in request"),
        (b"set 'x\r\n", "unbalanced quotes in request"),
        (&long, "too big inline request"),
        (&long_count, "too big mbulk count string"),
        (&long_length, "too big bulk count string"),
    ];
    for (bytes, message) in cases {
        let mut client = server.client();
        client.send_raw(bytes).expect("sent");
        let reply = client.read().unwrap_or_else(|error| panic!("{message}: {error}"));
        assert_eq!(reply.text(), format!("ERR Protocol error: {message}"), "{}", bytes[..bytes.len().min(60)].escape_ascii());
        assert!(client.is_closed(), "{message}");
    }
    assert_eq!(server.client().run("PING").text(), "PONG");
}

#[test]
fn what_a_browser_sends_ends_the_connection_at_once() {
    let server = Server::start(&[]);
    for bytes in [
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a b\r\n".as_slice(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"host: x\r\n",
    ] {
        let mut client = server.client();
        client.send_raw(bytes).expect("sent");
        let answer = client.read_to_end().expect("an end");
        assert!(!answer.starts_with(b"+OK"), "{}", answer.escape_ascii());
    }
    assert_eq!(server.client().run("EXISTS a"), Value::Int(0));
    assert!(server.log().contains("Possible SECURITY ATTACK detected"), "{}", server.log());
}

#[test]
fn before_authentication_requests_are_small() {
    let server = Server::start(&["--requirepass", "secret"]);
    for (bytes, message) in [
        (b"*11\r\n".as_slice(), "ERR Protocol error: unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", "ERR Protocol error: unauthenticated bulk length"),
    ] {
        let mut client = server.client();
        client.send_raw(bytes).expect("sent");
        assert_eq!(client.read().expect("a reply").text(), message);
        assert!(client.is_closed());
    }
    let mut client = server.client();
    assert_eq!(client.run("GET a").text(), "NOAUTH Authentication required.");
    assert_eq!(client.run("AUTH wrong").text(), "WRONGPASS invalid username-password pair or user is disabled.");
    assert_eq!(client.run("AUTH secret").text(), "OK");
    let words: Vec<String> = ["MSET".to_string()].into_iter().chain((0..20).map(|at| at.to_string())).collect();
    assert_eq!(client.call(&words).expect("a reply").text(), "OK");
    assert_eq!(client.call(&[b"SET".as_slice(), b"big", &[b'x'; 20_000]]).expect("a reply").text(), "OK");
}

#[test]
fn big_arguments_come_back_whole() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let value: Vec<u8> = (0..8_000_000u32).map(|at| (at % 251) as u8).collect();
    assert_eq!(client.call(&[b"SET".as_slice(), b"big", &value]).expect("a reply").text(), "OK");
    assert_eq!(client.call(&["GET", "big"]).expect("a reply"), Value::Bulk(value));
    assert_eq!(client.run("CONFIG SET proto-max-bulk-len 1mb").text(), "OK");
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1048577\r\n").expect("sent");
    assert_eq!(client.read().expect("a reply").text(), "ERR Protocol error: invalid bulk length");
}

#[test]
fn a_query_buffer_has_a_limit() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut client = server.client();
    client.send_raw(b"*2\r\n$8000000\r\n").expect("sent");
    let chunk = vec![b'x'; 100_000];
    let cut = (0..80).any(|_| {
        sleep(Duration::from_millis(1));
        client.send_raw(&chunk).is_err()
    });
    assert!(cut || client.is_closed(), "eight megabytes went into a buffer of one");
    assert_eq!(server.client().run("PING").text(), "PONG");
}

#[test]
fn resp3_has_types_of_its_own() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert!(matches!(client.run("HELLO"), Value::Array(_)));
    assert!(client.run("HELLO 4").text().starts_with("NOPROTO"));
    let Value::Map(greeting) = client.run("HELLO 3") else { panic!("no map") };
    let field = |name: &str| greeting.iter().find(|(key, _)| key.text() == name).map(|(_, value)| value.clone());
    assert_eq!(field("proto"), Some(Value::Int(3)));
    assert_eq!(field("server").map(|value| value.text()).as_deref(), Some("redis"));
    client.run("HSET h f v");
    client.run("ZADD z 1.5 m");
    client.run("SADD s m");
    let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
    assert_eq!(client.run("HGETALL h"), Value::Map(vec![(bulk("f"), bulk("v"))]));
    assert_eq!(client.run("SMEMBERS s"), Value::Set(vec![bulk("m")]));
    assert_eq!(client.run("ZSCORE z m"), Value::Double(b"1.5".to_vec()));
    assert_eq!(
        client.run("ZRANGE z 0 -1 WITHSCORES"),
        Value::Array(vec![Value::Array(vec![bulk("m"), Value::Double(b"1.5".to_vec())])])
    );
    assert_eq!(client.run("GET none"), Value::Null);
    assert!(matches!(client.run("INFO server"), Value::Verbatim(text) if text.starts_with(b"txt:")));
    assert!(matches!(client.run("CONFIG GET port"), Value::Map(_)));
    assert_eq!(client.run("RESET").text(), "RESET");
    assert_eq!(client.run("GET none"), Value::Nil);
    assert_eq!(client.run("BLPOP none 0.001"), Value::NilArray);
}

#[test]
fn replies_can_be_turned_off() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send(&["CLIENT", "REPLY", "OFF"]).expect("sent");
    client.send(&["SET", "a", "1"]).expect("sent");
    client.send(&["NOSUCH"]).expect("sent");
    client.send(&["CLIENT", "REPLY", "ON"]).expect("sent");
    assert_eq!(client.read().expect("a reply").text(), "OK");
    client.send(&["CLIENT", "REPLY", "SKIP"]).expect("sent");
    client.send(&["SET", "a", "2"]).expect("sent");
    assert_eq!(client.run("GET a").text(), "2");
}

#[test]
fn quit_answers_and_drops_what_follows() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send_raw(b"SET a 1\r\nQUIT\r\nSET a 2\r\n").expect("sent");
    assert_eq!(client.read_to_end().expect("an end"), b"+OK\r\n+OK\r\n");
    assert_eq!(server.client().run("GET a").text(), "1");
}

#[test]
fn a_half_request_at_the_end_harms_nobody() {
    let server = Server::start(&[]);
    for bytes in [b"*".as_slice(), b"*2\r\n$3\r\nGE", b"*1\r\n$1000000\r\nabc", b"PIN", b"*1000000\r\n"] {
        let mut client = server.client();
        client.send_raw(bytes).expect("sent");
        drop(client);
    }
    let mut client = Client::tcp_with_timeout(server.port, Duration::from_millis(300)).expect("connected");
    client.send_raw(b"*1\r\n$4\r\nPI").expect("sent");
    let waits = client.read().expect_err("half a request has no reply");
    assert!(matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waits}");
    client.send_raw(b"NG\r\n").expect("sent");
    assert_eq!(client.read().expect("a reply").text(), "PONG");
}
