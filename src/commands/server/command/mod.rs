//! COMMAND: what the command table knows.
//!
//! [`inform`] writes what COMMAND INFO says of a command, [`docs`] what COMMAND DOCS does; [`list`] and [`getkeys`] are
//! the rest.

mod docs;
mod getkeys;
mod inform;
mod list;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::table::{Cmd, CommandTable};
use crate::dispatch::*;

pub static COMMAND: Command = Command::server("COMMAND", all)
    .with_subcommands(&[&COUNT, &docs::DOCS, &getkeys::GETKEYS, &getkeys::GETKEYSANDFLAGS, &HELP, &inform::INFO, &list::LIST])
    .summary("Describes all commands.")
    .since("2.8.13")
    .complexity("O(N) for N commands")
    .group(Group::Server)
    .arity(-1)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection])
    .tips(&["nondeterministic_output_order"]);

static COUNT: Command = Command::server("COUNT", count)
    .summary("Counts the commands.")
    .since("2.8.13")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection]);

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection]);

/// The command called `get` or `config|get`, by the name it answers to; subcommands by their own.
pub fn named<'a>(table: &'a CommandTable, name: &[u8]) -> Option<&'a Cmd> {
    let mut words = name.splitn(2, |&byte| byte == b'|');
    let cmd = table.find(words.next()?)?;
    match words.next() {
        None => Some(cmd),
        Some(word) => table.find_sub(cmd, word),
    }
}

fn all(ctx: &mut Ctx<'_>) -> CmdResult {
    if let Some(word) = ctx.args.get(1) {
        let word = String::from_utf8_lossy(word);
        return Err(CmdError::err(format!("unknown subcommand '{word}'. Try COMMAND HELP.")));
    }
    inform::write_all(ctx.server.commands, ctx.reply);
    Ok(Flow::Done)
}

fn count(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.count(ctx.server.commands.top_level().count());
    Ok(Flow::Done)
}

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "(no subcommand)",
        "    Describe all commands.",
        "COUNT",
        "    Count the commands.",
        "LIST [FILTERBY <MODULE name|ACLCAT category|PATTERN glob>]",
        "    List the names of commands.",
        "INFO [<command-name> ...]",
        "    Describe these commands, or all.",
        "DOCS [<command-name> ...]",
        "    Document these commands, or all.",
        "GETKEYS <full-command>",
        "    Tell which words of a request are keys.",
        "GETKEYSANDFLAGS <full-command>",
        "    Tell which words of a request are keys, and what happens to them.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn counts_and_refuses() {
        let mut session = Session::new();
        let count = session.server.commands.top_level().count();
        assert_eq!(session.run("command count"), format!(":{count}\r\n"));
        assert!(session.run("command").starts_with(&format!("*{count}\r\n")));
        assert_eq!(session.run("command nosuch"), "-ERR unknown subcommand 'nosuch'. Try COMMAND HELP.\r\n");
    }
}
