//! COMMAND INFO: ten facts about each command.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Begin;
use crate::dispatch::table::{Cmd, CommandTable};
use crate::dispatch::*;
use crate::resp::Reply;

pub static INFO: Command = Command::server("INFO", info)
    .summary("Describes some or all commands.")
    .since("2.8.13")
    .complexity("O(N) for N commands")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection])
    .tips(&["nondeterministic_output_order"])
    .history(&[("7.0.0", "Without a name, all commands are described.")])
    .args(&[string("command-name").multiple().optional()]);

fn info(ctx: &mut Ctx<'_>) -> CmdResult {
    let names = ctx.args.from(2);
    let table = ctx.server.commands;
    if names.is_empty() {
        write_all(table, ctx.reply);
        return Ok(Flow::Done);
    }
    ctx.reply.array(names.len());
    for name in names.iter() {
        match super::named(table, name) {
            Some(cmd) => write(table, cmd, ctx.reply),
            None => ctx.reply.null_array(),
        }
    }
    Ok(Flow::Done)
}

/// Describes every top-level command.
pub fn write_all(table: &CommandTable, reply: &mut Reply) {
    reply.array(table.top_level().count());
    for cmd in table.top_level() {
        write(table, cmd, reply);
    }
}

fn write(table: &CommandTable, cmd: &Cmd, reply: &mut Reply) {
    let (first, last, step) = cmd.key_range;
    reply.array(10);
    reply.bulk(cmd.full_name.as_bytes());
    reply.int(i64::from(cmd.spec.arity));
    write_names(reply, cmd.flags.names().map(str::to_owned));
    reply.int(i64::from(first));
    reply.int(i64::from(last));
    reply.int(i64::from(step));
    write_names(reply, cmd.categories.iter().map(|category| format!("@{}", category.name())));
    reply.set(cmd.spec.tips.len());
    for tip in cmd.spec.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(cmd.spec.keys.len());
    for keys in cmd.spec.keys {
        write_keys(reply, keys);
    }
    if cmd.subcommands.is_empty() {
        return reply.set(0);
    }
    reply.array(cmd.subcommands.len());
    for &id in &cmd.subcommands {
        write(table, table.get(id), reply);
    }
}

/// A set of words, each a simple string.
pub fn write_names(reply: &mut Reply, names: impl Iterator<Item = String>) {
    let names: Vec<String> = names.collect();
    reply.set(names.len());
    for name in names {
        reply.simple(&name);
    }
}

fn write_keys(reply: &mut Reply, keys: &Keys) {
    reply.map(if keys.notes.is_empty() { 3 } else { 4 });
    if !keys.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(keys.notes.as_bytes());
    }
    reply.bulk(b"flags");
    write_names(reply, keys.uses.names().map(str::to_owned));
    reply.bulk(b"begin_search");
    match keys.begin {
        Begin::Index(index) => write_spec(reply, "index", &[("index", index)]),
        Begin::Keyword { word, from } => {
            write_spec_head(reply, "keyword", 2);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            reply.bulk(b"startfrom");
            reply.int(i64::from(from));
        }
        Begin::Unknown => write_spec(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match keys.find {
        Find::Range { last, step, limit } => {
            write_spec(reply, "range", &[("lastkey", last), ("keystep", step), ("limit", limit)]);
        }
        Find::Number { count, first, step } => {
            write_spec(reply, "keynum", &[("keynumidx", count), ("firstkey", first), ("keystep", step)]);
        }
        Find::Unknown => write_spec(reply, "unknown", &[]),
    }
}

fn write_spec(reply: &mut Reply, kind: &str, numbers: &[(&str, i32)]) {
    write_spec_head(reply, kind, numbers.len());
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.int(i64::from(*number));
    }
}

fn write_spec_head(reply: &mut Reply, kind: &str, pairs: usize) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(pairs);
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn get_is_described_as_upstream_describes_it() {
        let mut session = Session::new();
        let expected = "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n\
            +@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\n\
            index\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\
            \r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n";
        assert_eq!(session.run("command info get"), expected);
        assert_eq!(session.run("command info nosuch get|x"), "*2\r\n*-1\r\n*-1\r\n");
        assert!(session.run("command info slowlog|get").starts_with("*1\r\n*10\r\n$11\r\nslowlog|get\r\n:-2\r\n"));
    }
}
