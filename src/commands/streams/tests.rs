//! The commands together, as clients see them.

use crate::server::testing::Session;

/// Runs lines; after `=>` stands what the reply must be, line breaks as `|`.
#[track_caller]
fn runs(session: &mut Session, script: &str) {
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.split_once(" => ").unwrap_or((line, ""));
        let reply = session.run(command).replace("\r\n", "|");
        if !expected.is_empty() {
            assert_eq!(reply.trim_end_matches('|'), expected, "{command}");
        }
    }
}

#[test]
fn entries_come_and_go() {
    let mut session = Session::new();
    runs(
        &mut session,
        "XADD s 1-1 a 1 => $3|1-1
         XADD s 1-* a 2 => $3|1-2
         XADD s 1-1 a 1 => -ERR The ID specified in XADD is equal or smaller than the target stream top item
         XADD s 0-0 a 1 => -ERR The ID specified in XADD must be greater than 0-0
         XADD s 2 a => -ERR wrong number of arguments for 'xadd' command
         XADD n NOMKSTREAM 1 a b => $-1
         XADD s MAXLEN 2 3 b 3 => $3|3-0
         XRANGE s - + => *2|*2|$3|1-2|*2|$1|a|$1|2|*2|$3|3-0|*2|$1|b|$1|3
         XREVRANGE s + (1-2 => *1|*2|$3|3-0|*2|$1|b|$1|3
         XRANGE s - + COUNT 0 => *-1
         XDEL s 1-2 9 => :1
         XLEN s => :1
         XTRIM s MINID 4 => :1
         EXISTS s => :1
         TYPE s => +stream
         OBJECT ENCODING s => $6|stream
         XSETID s 2-0 => +OK
         XADD s LIMIT 5 9 a b => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
         XTRIM s LIMIT 5 => -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
         XTRIM s MAXLEN 5 LIMIT 5 => -ERR syntax error, LIMIT cannot be used without the special ~ option
         SET t x => +OK
         XADD t 1 a b => -WRONGTYPE Operation against a key holding the wrong kind of value",
    );
}

#[test]
fn readers_wait() {
    let mut session = Session::new();
    let other = session.connect();
    runs(&mut session, "XADD s 1 a b\nXGROUP CREATE s g $");
    assert_eq!(session.run_as(other, "XREAD BLOCK 0 STREAMS s $"), "");
    session.run("XADD s 2 c d");
    assert_eq!(session.output(other), "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nc\r\n$1\r\nd\r\n");
    session.run_as(other, "XREADGROUP GROUP g c STREAMS s >");
    for (end, error) in
        [("DEL s", "-NOGROUP"), ("SET s x", "-WRONGTYPE"), ("XGROUP DESTROY s g", "-NOGROUP"), ("FLUSHALL", "-NOGROUP")]
    {
        session.run("DEL s");
        session.run("XGROUP CREATE s g $ MKSTREAM");
        assert_eq!(session.run_as(other, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >"), "");
        session.run(end);
        assert!(session.output(other).starts_with(error), "{end}");
    }
    session.run("DEL s");
    session.run("XADD s 1 a b");
    assert_eq!(session.run_as(other, "XREAD BLOCK 0 STREAMS s $"), "");
    session.run("DEL s");
    assert_eq!(session.output(other), "");
    assert_eq!(session.run("MULTI"), "+OK\r\n");
    session.run("XREAD BLOCK 0 STREAMS nokey $");
    assert_eq!(session.run("EXEC"), "*1\r\n*-1\r\n");
}

#[test]
fn groups_deliver_and_claim() {
    let mut session = Session::new();
    runs(
        &mut session,
        "XADD s 1 a 1
         XADD s 2 a 2
         XADD s 3 a 3
         XGROUP CREATE s g 0 => +OK
         XGROUP CREATE s g 0 => -BUSYGROUP Consumer Group name already exists
         XREADGROUP GROUP g ann COUNT 2 STREAMS s > => *1|*2|$1|s|*2|*2|$3|1-0|*2|$1|a|$1|1|*2|$3|2-0|*2|$1|a|$1|2
         XPENDING s g => *4|:2|$3|1-0|$3|2-0|*1|*2|$3|ann|$1|2
         XDEL s 1
         XREADGROUP GROUP g ann STREAMS s 0 => *1|*2|$1|s|*2|*2|$3|1-0|*-1|*2|$3|2-0|*2|$1|a|$1|2
         XCLAIM s g bob 0 2 JUSTID => *1|$3|2-0
         XAUTOCLAIM s g eve 0 - => *3|$3|0-0|*1|*2|$3|2-0|*2|$1|a|$1|2|*1|$3|1-0
         XPENDING s g - + 5 => *1|*4|$3|2-0|$3|eve|:0|:3
         XACK s g 2 9 => :1
         XGROUP DELCONSUMER s g eve => :0
         XINFO GROUPS nokey => -ERR no such key
         XREADGROUP GROUP nog c STREAMS s > => -NOGROUP No such key 's' or consumer group 'nog' in XREADGROUP with GROUP option",
    );
}

#[test]
fn what_becomes_of_references() {
    let mut session = Session::new();
    let prepare = "DEL s
         XADD s 1 a 1
         XADD s 2 a 2
         XGROUP CREATE s g 0
         XGROUP CREATE s h 0
         XREADGROUP GROUP g c STREAMS s >";
    runs(&mut session, prepare);
    runs(
        &mut session,
        "XDELEX s ACKED IDS 2 1 2 => *2|:2|:2
         XACKDEL s g ACKED IDS 1 1 => *1|:2
         XREADGROUP GROUP h c STREAMS s >
         XACK h 1 => -ERR wrong number of arguments for 'xack' command
         XACKDEL s h ACKED IDS 2 1 7 => *2|:1|:-1
         XDELEX s DELREF IDS 1 2 => *1|:1
         XPENDING s g => *4|:0|$-1|$-1|*-1
         XDELEX s IDS 1 2 => *1|:-1
         XDELEX s IDS 2 2 => -ERR The `numids` parameter must match the number of arguments
         XDELEX s IDS 0 2 => -ERR Number of IDs must be a positive integer
         XDELEX nokey KEEPREF IDS 1 2 => *1|:-1",
    );
    runs(&mut session, prepare);
    runs(
        &mut session,
        "XTRIM s MAXLEN 0 ACKED => :0
         XTRIM s MAXLEN 0 DELREF => :2
         XPENDING s g => *4|:0|$-1|$-1|*-1",
    );
}

#[test]
fn what_is_given_back_is_claimed_first() {
    let mut session = Session::new();
    runs(
        &mut session,
        "XADD s 1 a 1
         XADD s 2 a 2
         XADD s 3 a 3
         XGROUP CREATE s g 0
         XREADGROUP GROUP g ann COUNT 2 STREAMS s >
         XNACK s g FAIL IDS 1 2 => :1
         XNACK s g FATAL IDS 1 9 => :0
         XNACK s nog FAIL IDS 1 2 => -NOGROUP No such key 's' or consumer group 'nog'
         XPENDING s g - + 9 => *2|*4|$3|1-0|$3|ann|:0|:1|*4|$3|2-0|$0||:-1|:1
         XPENDING s g => *4|:2|$3|1-0|$3|2-0|*1|*2|$3|ann|$1|1
         XREADGROUP GROUP g bob CLAIM 1000 STREAMS s > => *1|*2|$1|s|*2|*4|$3|2-0|*2|$1|a|$1|2|$1|0|$1|1|*4|$3|3-0|*2|$1|a|$1|3|$1|0|$1|0
         XPENDING s g - + 9 bob => *2|*4|$3|2-0|$3|bob|:0|:2|*4|$3|3-0|$3|bob|:0|:1
         XNACK s g SILENT IDS 1 2 RETRYCOUNT 7 => :1
         COPY s t
         XCLAIM s g eve 1000 2 JUSTID => *1|$3|2-0",
    );
    let client = session.client;
    let dump = session.run_bytes(client, &[b"DUMP", b"t"]);
    let start = dump.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    session.run_args(&[b"RESTORE", b"u", b"0", &dump[start..dump.len() - 2]]);
    assert_eq!(session.run("XINFO STREAM u FULL"), session.run("XINFO STREAM t FULL"));
    runs(&mut session, "XPENDING u g 2 2 9 => *1|*4|$3|2-0|$0||:-1|:7");
}

#[test]
fn who_waits_is_woken_by_what_becomes_claimable() {
    let mut session = Session::new();
    let waiter = session.connect();
    runs(
        &mut session,
        "XADD s 1 a 1
         XGROUP CREATE s g 0
         XREADGROUP GROUP g ann STREAMS s >",
    );
    session.run_as(waiter, "XREADGROUP GROUP g bob BLOCK 10000 CLAIM 100 STREAMS s >");
    session.advance_ms(60);
    // Delivered once more, it becomes claimable later.
    session.run("XCLAIM s g ann 0 1 JUSTID");
    session.advance_ms(60);
    assert_eq!(session.output(waiter), "");
    assert!(session.server.blocked.next_deadline_ms().is_some());
    session.advance_ms(41);
    assert_eq!(
        session.output(waiter),
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n$3\r\n101\r\n$1\r\n1\r\n"
    );
    assert_eq!(session.server.blocked.next_deadline_ms(), None);
    // Nothing is pending: it waits for as long as it has said, and no longer.
    session.run("XACK s g 1");
    session.run_as(waiter, "XREADGROUP GROUP g bob BLOCK 300 CLAIM 100 STREAMS s >");
    session.advance_ms(301);
    assert_eq!(session.output(waiter), "*-1\r\n");
    assert_eq!(session.server.blocked.next_deadline_ms(), None);
}

/// What newer versions added to streams is in dumps, in the type that knows it, and in no newer one than need be.
#[test]
fn dumps_say_what_producers_sent_and_what_is_nobodys() {
    let mut session = Session::new();
    let client = session.client;
    let dump = |session: &mut Session| {
        let reply = session.run_bytes(client, &[b"DUMP", b"s"]);
        let start = reply.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        let message = reply[start..reply.len() - 2].to_vec();
        session.run_args(&[b"RESTORE", b"u", b"0", &message, b"REPLACE"]);
        assert_eq!(session.run("XINFO STREAM u FULL"), session.run("XINFO STREAM s FULL"));
        (message[0], message[message.len() - 10])
    };
    session.run("XADD s 1 a 1");
    session.run("XGROUP CREATE s g 0");
    assert_eq!(dump(&mut session), (19, 10));
    session.run("XGROUP CREATECONSUMER s g ann");
    assert_eq!(dump(&mut session), (21, 11));
    let one = session.run("XADD s IDMP p one * a 1");
    session.run("XADD s IDMP p one * a 1");
    session.run("XADD s IDMPAUTO q * a 1");
    assert_eq!(dump(&mut session), (26, 13));
    assert_eq!(session.run("XADD u IDMP p one * a 1"), one);
    session.run("XREADGROUP GROUP g ann STREAMS s >");
    session.run("XNACK s g FAIL IDS 1 1");
    assert_eq!(dump(&mut session), (27, 14));
    session.run("CONFIG SET stream-idmp-duration 5 stream-idmp-maxsize 7");
    session.run("XADD v IDMP p one * a 1");
    assert!(session.run("XINFO STREAM v").contains("idmp-duration\r\n:5\r\n$12\r\nidmp-maxsize\r\n:7"));
}

#[test]
fn what_comes_twice_is_added_once() {
    let mut session = Session::new();
    let first = session.run("XADD s IDMP p one * a 1");
    assert_eq!(session.run("XADD s IDMP p one * a 1"), first);
    assert_ne!(session.run("XADD s IDMP q one * a 1"), first);
    let auto = session.run("XADD s IDMPAUTO p * a 1");
    assert_eq!(session.run("XADD s IDMPAUTO p * a 1"), auto);
    assert_ne!(session.run("XADD s IDMPAUTO p * a 2"), auto);
    runs(
        &mut session,
        "XLEN s => :4
         XCFGSET s => -ERR syntax error
         XCFGSET s IDMP-DURATION 0 => -ERR invalid duration
         XCFGSET s IDMP-MAXSIZE 10001 => -ERR invalid maxsize
         XCFGSET nokey IDMP-MAXSIZE 1 => -ERR no such key
         XCFGSET s IDMP-DURATION 1 => +OK",
    );
    let again = session.run("XADD s IDMP p one * a 1");
    assert_ne!(again, first);
    session.advance_ms(2000);
    assert_ne!(session.run("XADD s IDMP p one * a 1"), again);
    let id = again.lines().nth(1).unwrap().to_string();
    assert_eq!(session.run(&format!("XIDMPRECORD s p two {id}")), "+OK\r\n");
    assert_eq!(session.run(&format!("XIDMPRECORD s p two {id}")), "+OK\r\n");
    assert!(session.run("XIDMPRECORD s p two 1-1").starts_with("-ERR"));
}

#[test]
fn dumps_come_back() {
    let mut session = Session::new();
    runs(
        &mut session,
        "XADD s 1 a 1 b 2
         XADD s 2 c 3
         XADD s 3 a 1 b 2
         XDEL s 3
         XGROUP CREATE s g 0
         XREADGROUP GROUP g ann COUNT 1 STREAMS s >
         XGROUP CREATECONSUMER s g idle
         COPY s t => :1",
    );
    let full = session.run("XINFO STREAM s FULL");
    assert_eq!(session.run("XINFO STREAM t FULL"), full);
    let client = session.client;
    let dump = session.run_bytes(client, &[b"DUMP", b"s"]);
    let start = dump.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let payload = &dump[start..dump.len() - 2];
    assert_eq!(session.run_args(&[b"RESTORE", b"u", b"0", payload]), "+OK\r\n");
    assert_eq!(session.run("XINFO STREAM u FULL"), full);
    let digest = session.run("DEBUG DIGEST-VALUE s t u");
    let digests: Vec<&str> = digest.lines().skip(1).collect();
    assert!(digests[0] == digests[1] && digests[1] == digests[2]);
    // A payload that was tampered with is refused, or is a stream as good as any.
    let mut rng = fastrand::Rng::with_seed(9);
    for _ in 0..3000 {
        let mut bytes = payload[..payload.len() - 8].to_vec();
        let at = rng.usize(1..bytes.len() - 2);
        bytes[at] = rng.u8(..);
        let crc = crate::util::crc64::crc64(0, &bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        if session.run_args(&[b"RESTORE", b"v", b"0", &bytes, b"REPLACE"]).starts_with('+') {
            for line in ["XINFO STREAM v FULL", "XREADGROUP GROUP g x STREAMS v >", "XAUTOCLAIM v g x 0 -", "XTRIM v MAXLEN 1"] {
                session.run(line);
            }
        }
    }
}
