//! COMMAND DOCS: what a command is for, and its syntax as a tree.

use crate::dispatch::argspec::{Arg, Kind};
use crate::dispatch::flags::Flag::*;
use crate::dispatch::table::{Cmd, CommandTable};
use crate::dispatch::*;
use crate::resp::Reply;

pub static DOCS: Command = Command::server("DOCS", docs)
    .summary("Documents some or all commands.")
    .since("7.0.0")
    .complexity("O(N) for N commands")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection])
    .tips(&["nondeterministic_output_order"])
    .args(&[string("command-name").multiple().optional()]);

fn docs(ctx: &mut Ctx<'_>) -> CmdResult {
    let table = ctx.server.commands;
    let cmds: Vec<&Cmd> = match ctx.args.len() {
        2 => table.top_level().collect(),
        _ => ctx.args.from(2).iter().filter_map(|name| super::named(table, name)).collect(),
    };
    ctx.reply.map(cmds.len());
    for cmd in cmds {
        ctx.reply.bulk(cmd.full_name.as_bytes());
        write(table, cmd, ctx.reply);
    }
    Ok(Flow::Done)
}

/// A map whose pairs are counted as they are written.
struct Pairs<'a> {
    reply: &'a mut Reply,
    at: crate::resp::reply::Deferred,
    count: usize,
}

impl<'a> Pairs<'a> {
    fn begin(reply: &'a mut Reply) -> Pairs<'a> {
        Pairs { at: reply.defer(), count: 0, reply }
    }

    /// The next key; its value is to be written next.
    fn key(&mut self, name: &str) -> &mut Reply {
        self.count += 1;
        self.reply.bulk(name.as_bytes());
        self.reply
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.key(name).bulk(text.as_bytes());
        }
    }

    fn end(self) {
        self.reply.finish_map(self.at, self.count);
    }
}

fn write(table: &CommandTable, cmd: &Cmd, reply: &mut Reply) {
    let spec = cmd.spec;
    let mut pairs = Pairs::begin(reply);
    pairs.text("summary", Some(spec.summary));
    pairs.text("since", Some(spec.since));
    pairs.text("group", Some(spec.group.name()));
    pairs.text("complexity", Some(spec.complexity));
    let marks = [(spec.deprecated_since.is_some(), "deprecated"), (spec.internal, "syscmd")];
    if marks.iter().any(|(is, _)| *is) {
        let marks = marks.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned());
        super::inform::write_names(pairs.key("doc_flags"), marks);
    }
    pairs.text("deprecated_since", spec.deprecated_since);
    pairs.text("replaced_by", spec.replaced_by);
    if !spec.history.is_empty() {
        let reply = pairs.key("history");
        reply.set(spec.history.len());
        for (version, change) in spec.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !spec.args.is_empty() {
        write_args(pairs.key("arguments"), spec.args);
    }
    if !cmd.subcommands.is_empty() {
        let reply = pairs.key("subcommands");
        reply.map(cmd.subcommands.len());
        for &id in &cmd.subcommands {
            let sub = table.get(id);
            reply.bulk(sub.full_name.as_bytes());
            write(table, sub, reply);
        }
    }
    pairs.end();
}

fn write_args(reply: &mut Reply, args: &[Arg]) {
    reply.array(args.len());
    for arg in args {
        let mut pairs = Pairs::begin(reply);
        pairs.text("name", Some(arg.name));
        pairs.text("type", Some(arg.kind.name()));
        if !matches!(arg.kind, Kind::OneOf | Kind::Block) {
            pairs.text("display_text", arg.display.or(Some(arg.name)));
        }
        if let Some(spec) = arg.key_spec {
            pairs.key("key_spec_index").int(i64::from(spec));
        }
        // An empty token is a token: the argument follows a word that says nothing.
        if let Some(token) = arg.token {
            pairs.key("token").bulk(token.as_bytes());
        }
        pairs.text("since", arg.since);
        pairs.text("deprecated_since", arg.deprecated_since);
        let marks = [(arg.optional, "optional"), (arg.multiple, "multiple"), (arg.multiple_token, "multiple_token")];
        if marks.iter().any(|(is, _)| *is) {
            let marks = marks.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned());
            super::inform::write_names(pairs.key("flags"), marks);
        }
        if !arg.parts.is_empty() {
            write_args(pairs.key("arguments"), arg.parts);
        }
        pairs.end();
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn docs_are_maps_of_what_there_is() {
        let mut session = Session::new();
        let docs = session.run("command docs nosuch slowlog|get");
        assert!(docs.starts_with("*2\r\n$11\r\nslowlog|get\r\n*12\r\n$7\r\nsummary\r\n"), "{docs}");
        let end = "$9\r\narguments\r\n*1\r\n*8\r\n$4\r\nname\r\n$5\r\ncount\r\n$4\r\ntype\r\n$7\r\ninteger\r\n\
            $12\r\ndisplay_text\r\n$5\r\ncount\r\n$5\r\nflags\r\n*1\r\n+optional\r\n";
        assert!(docs.ends_with(end), "{docs}");
        assert_eq!(session.run("command docs nosuch"), "*0\r\n");
        assert!(session.run("command docs debug").contains("doc_flags\r\n*1\r\n+syscmd\r\n"));
        assert!(session.run("command docs slowlog").contains("$11\r\nsubcommands\r\n*8\r\n$11\r\nslowlog|get\r\n"));
    }
}
