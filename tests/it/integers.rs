//! Every number of every command at its edges: no crash, no hang, no memory sized by a number.
//!
//! Which arguments are numbers is asked of the server, by COMMAND DOCS. Each command is run with all of its
//! required arguments, and with each of its numbers in turn at each edge; its keys hold a value of the type
//! the command works on. Blocking commands run within a transaction, where they do not block.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::{Client, Value};
use crate::server::Server;

const EDGES: &[&str] = &["-9223372036854775808", "-1", "0", "1", "4294967295", "9223372036854775807"];

/// Commands whose effect would end the test and not what it looks at: those that stop or replace the server
/// or its connections, and those that wait for another server.
const LEFT_OUT: &[&str] = &[
    "shutdown",
    "replicaof",
    "slaveof",
    "failover",
    "sync",
    "psync",
    "monitor",
    "subscribe",
    "psubscribe",
    "ssubscribe",
    "quit",
    "migrate",
    "debug",
    "client|reply",
    "client|kill",
    "wait",
    "waitaof",
    "cluster",
    "module",
    "replconf",
    "restore-asking",
    "acl",
];

/// An argument as COMMAND DOCS describes it.
#[derive(Clone, Debug, Default)]
struct Argument {
    kind: String,
    token: String,
    optional: bool,
    parts: Vec<Argument>,
}

fn fields(value: &Value) -> BTreeMap<String, Value> {
    value.elements().chunks_exact(2).map(|pair| (pair[0].text(), pair[1].clone())).collect()
}

fn argument(value: &Value) -> Argument {
    let fields = fields(value);
    let text = |name: &str| fields.get(name).map(Value::text).unwrap_or_default();
    let list = |name: &str| fields.get(name).map(Value::elements).unwrap_or_default();
    Argument {
        kind: text("type"),
        token: text("token"),
        optional: list("flags").iter().any(|flag| flag.text() == "optional"),
        parts: list("arguments").iter().map(argument).collect(),
    }
}

fn is_number(argument: &Argument) -> bool {
    matches!(argument.kind.as_str(), "integer" | "double" | "unix-time")
}

/// How many numbers an argument holds.
fn numbers(argument: &Argument) -> usize {
    usize::from(is_number(argument)) + argument.parts.iter().map(numbers).sum::<usize>()
}

/// Write out an argument. `target` counts down to the number that takes the edge; an optional argument is
/// there only when that number is in it.
fn write(argument: &Argument, group: &str, target: &mut usize, edge: &str, out: &mut Vec<String>) {
    let count = numbers(argument);
    let holds = *target < count;
    if argument.optional && !holds {
        *target -= count;
        return;
    }
    if !argument.token.is_empty() {
        out.push(argument.token.clone());
    }
    match argument.kind.as_str() {
        "pure-token" => {}
        "block" => argument.parts.iter().for_each(|part| write(part, group, target, edge, out)),
        "oneof" => {
            let mut chosen = None;
            let mut before = 0;
            for part in &argument.parts {
                if chosen.is_none() && *target < before + numbers(part) {
                    chosen = Some((part, *target - before));
                }
                before += numbers(part);
            }
            match (chosen, argument.parts.first()) {
                (Some((part, mut inside)), _) => {
                    write(part, group, &mut inside, edge, out);
                    *target = usize::MAX;
                }
                (None, Some(first)) => {
                    write(&Argument { optional: false, ..first.clone() }, group, &mut usize::MAX.clone(), edge, out);
                    *target = target.saturating_sub(before);
                }
                (None, None) => {}
            }
        }
        "key" => out.push(format!("key-{group}")),
        _ if is_number(argument) => {
            out.push(if *target == 0 { edge.to_string() } else { "1".to_string() });
            *target = if *target == 0 { usize::MAX } else { target.saturating_sub(1) };
        }
        "pattern" => out.push("*".to_string()),
        _ => out.push("1".to_string()),
    }
}

fn prepare(client: &mut Client) {
    for request in [
        "FLUSHALL",
        "SET key-string 1",
        "SET key-generic 1",
        "SET key-bitmap 1",
        "RPUSH key-list 1 2 3",
        "SADD key-set 1 2 3",
        "HSET key-hash 1 1 2 2",
        "ZADD key-sorted-set 1 1 2 2",
    ] {
        assert!(!client.run(request).is_error(), "{request}");
    }
}

#[test]
fn no_number_of_any_command_does_harm() {
    let mut server = Server::start(&["--proto-max-bulk-len", "1mb", "--maxmemory", "300mb"]);
    let mut client = Client::tcp_with_timeout(server.port, Duration::from_secs(20)).expect("connected");
    let docs = client.run("COMMAND DOCS");
    let mut commands = Vec::new();
    for pair in docs.elements().chunks_exact(2) {
        let doc = fields(&pair[1]);
        let subcommands = doc.get("subcommands").map(Value::elements).unwrap_or_default();
        for pair in [pair.to_vec(), subcommands].concat().chunks_exact(2) {
            commands.push((pair[0].text(), fields(&pair[1])));
        }
    }
    assert!(commands.len() > 100, "COMMAND DOCS knows {} commands", commands.len());
    let mut tried = 0;
    for (name, doc) in commands {
        if LEFT_OUT.contains(&name.as_str()) || LEFT_OUT.contains(&name.split('|').next().unwrap_or_default()) {
            continue;
        }
        let group = doc.get("group").map(Value::text).unwrap_or_default();
        let arguments: Vec<Argument> =
            doc.get("arguments").map(Value::elements).unwrap_or_default().iter().map(argument).collect();
        let all = Argument { kind: "block".to_string(), parts: arguments, ..Argument::default() };
        for at in 0..numbers(&all) {
            for edge in EDGES {
                let mut request: Vec<String> = name.split('|').map(str::to_string).collect();
                write(&all, &group, &mut at.clone(), edge, &mut request);
                prepare(&mut client);
                let queue = name != "client|pause";
                let mut ask = |request: &[&str]| match client.call(request) {
                    Ok(reply) => reply,
                    Err(error) => panic!("{request:?}: {error}\n{}", server.log()),
                };
                if queue {
                    ask(&["MULTI"]);
                }
                if !queue {
                    // A pause of everything would hold up its own end.
                    request.push("WRITE".to_string());
                }
                let words: Vec<&str> = request.iter().map(String::as_str).collect();
                ask(&words);
                if queue {
                    ask(&["EXEC"]);
                } else {
                    ask(&["CLIENT", "UNPAUSE"]);
                }
                ask(&["RESET"]);
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "only {tried} requests were made");
    assert!(server.is_running());
    let peak: i64 = server.info("used_memory_peak").parse().expect("a number");
    assert!(peak < 200 << 20, "{peak} bytes were in use at one time");
}
