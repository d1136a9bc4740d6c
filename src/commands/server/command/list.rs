//! COMMAND LIST.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::table::Cmd;
use crate::dispatch::*;
use crate::util::glob::{self, Case};

pub static LIST: Command = Command::server("LIST", list)
    .summary("Lists the names of commands.")
    .since("7.0.0")
    .complexity("O(N) for N commands")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection])
    .tips(&["nondeterministic_output_order"])
    .args(&[oneof(
        "filterby",
        &[string("module-name").token("MODULE"), string("category").token("ACLCAT"), pattern("pattern").token("PATTERN")],
    )
    .token("FILTERBY")
    .optional()]);

fn list(ctx: &mut Ctx<'_>) -> CmdResult {
    let args = ctx.args;
    let wanted: Box<dyn Fn(&Cmd) -> bool> = match args.len() {
        2 => Box::new(|_| true),
        5 if args.is(2, "FILTERBY") => {
            let word = args.at(4);
            if args.is(3, "MODULE") {
                Box::new(|_| false)
            } else if args.is(3, "ACLCAT") {
                let category = Category::ALL.into_iter().find(|c| c.name().as_bytes().eq_ignore_ascii_case(word));
                Box::new(move |cmd| category.is_some_and(|category| cmd.categories.has(category)))
            } else if args.is(3, "PATTERN") {
                Box::new(|cmd| glob::matches(word, cmd.full_name.as_bytes(), Case::Insensitive))
            } else {
                return Err(CmdError::SYNTAX);
            }
        }
        _ => return Err(CmdError::SYNTAX),
    };
    let table = ctx.server.commands;
    let at = ctx.reply.defer();
    let mut count = 0;
    for top in table.top_level() {
        let family = std::iter::once(top).chain(top.subcommands.iter().map(|&id| table.get(id)));
        for cmd in family.filter(|cmd| wanted(cmd)) {
            ctx.reply.bulk(cmd.full_name.as_bytes());
            count += 1;
        }
    }
    ctx.reply.finish_array(at, count);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn filters() {
        let mut session = Session::new();
        assert_eq!(session.run("command list filterby pattern SLOWLOG|l*"), "*1\r\n$11\r\nslowlog|len\r\n");
        assert_eq!(session.run("command list filterby module any"), "*0\r\n");
        assert_eq!(session.run("command list filterby aclcat nosuch"), "*0\r\n");
        assert!(session.run("command list filterby aclcat Connection").contains("command|docs"));
        assert!(session.run("command list").contains("$3\r\nget\r\n"));
        for bad in ["command list x", "command list filterby", "command list filterby x y", "command list filterby pattern a b"] {
            assert_eq!(session.run(bad), "-ERR syntax error\r\n");
        }
    }
}
