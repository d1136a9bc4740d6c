//! MODULE: there are none, and none can be loaded; who asks is told so.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;

pub static MODULE: Command = Command::container("MODULE", &[&HELP, &LIST, &LOAD, &LOADEX, &UNLOAD])
    .summary("Leads to the commands about modules.")
    .since("4.0.0")
    .complexity("Depends on subcommand.")
    .group(Group::Server);

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("5.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Loading, Stale]);

static LIST: Command = Command::server("LIST", list)
    .summary("Lists the modules, of which there are none.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(2)
    .flags(&[Admin, NoScript])
    .tips(&["nondeterministic_output_order"]);

static LOAD: Command = Command::server("LOAD", refuse)
    .summary("Refused: there are no modules here.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(-3)
    .flags(&[Admin, NoScript, NoAsyncLoading])
    .args(&[string("path"), string("arg").optional().multiple()]);

static LOADEX: Command = Command::server("LOADEX", refuse)
    .summary("Refused: there are no modules here.")
    .since("7.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(-3)
    .flags(&[Admin, NoScript, NoAsyncLoading])
    .args(&[
        string("path"),
        block("configs", &[string("name"), string("value")]).token("CONFIG").optional().multiple_token(),
        string("args").token("ARGS").optional().multiple(),
    ]);

static UNLOAD: Command = Command::server("UNLOAD", refuse)
    .summary("Refused: there are no modules here.")
    .since("4.0.0")
    .complexity("O(1)")
    .group(Group::Server)
    .arity(3)
    .flags(&[Admin, NoScript, NoAsyncLoading])
    .args(&[string("name")]);

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "MODULE <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "LIST",
        "    List the modules: this server has none.",
        "LOAD <path> [<arg> ...]",
        "    Refused.",
        "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
        "    Refused.",
        "UNLOAD <name>",
        "    Refused.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

fn list(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.array(0);
    Ok(Flow::Done)
}

fn refuse(_: &mut Ctx<'_>) -> CmdResult {
    Err(CmdError::text(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local \
         connection, otherwise you need to set this option in the configuration file, and then restart the server.",
    ))
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn there_are_none() {
        let mut s = Session::new();
        assert_eq!(s.run("MODULE LIST"), "*0\r\n");
        assert!(s.run("MODULE LOAD /x").starts_with("-ERR MODULE command not allowed."));
        assert!(s.run("MODULE HELP").contains("MODULE <subcommand> "));
    }
}
