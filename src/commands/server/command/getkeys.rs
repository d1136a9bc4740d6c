//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a request, found as dispatch finds them.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec;
use crate::dispatch::*;
use crate::resp::Args;
use crate::server::Server;

pub static GETKEYS: Command = Command::server("GETKEYS", getkeys)
    .summary("Tells which words of a request are keys.")
    .since("2.8.13")
    .complexity("O(N) for a request of N words")
    .group(Group::Server)
    .arity(-3)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection])
    .args(&[string("command"), string("arg").multiple().optional()]);

pub static GETKEYSANDFLAGS: Command = Command::server("GETKEYSANDFLAGS", getkeysandflags)
    .summary("Tells which words of a request are keys, and what happens to them.")
    .since("7.0.0")
    .complexity("O(N) for a request of N words")
    .group(Group::Server)
    .arity(-3)
    .flags(&[Loading, Stale])
    .categories(&[Category::Connection])
    .args(&[string("command"), string("arg").multiple().optional()]);

fn find(server: &Server, request: Args<'_>) -> Result<Vec<KeyAt>, CmdError> {
    let Some(cmd) = server.commands.resolve(request) else {
        return Err(CmdError::text("ERR Invalid command specified"));
    };
    if cmd.spec.keys.is_empty() && cmd.spec.keys_fn.is_none() {
        return Err(CmdError::text("ERR The command has no key arguments"));
    }
    if !cmd.spec.accepts(request.len()) {
        return Err(CmdError::text("ERR Invalid number of arguments specified for command"));
    }
    match keyspec::find(cmd.spec.keys, cmd.spec.keys_fn, request) {
        Some(keys) => Ok(keys),
        // A script without a valid count of keys simply has none.
        None if cmd.flags.has(NoMandatoryKeys) => Ok(Vec::new()),
        None => Err(CmdError::text("ERR Invalid arguments specified for command")),
    }
}

fn getkeys(ctx: &mut Ctx<'_>) -> CmdResult {
    let request = ctx.args.from(2);
    let keys = find(ctx.server, request)?;
    ctx.reply.array(keys.len());
    for key in keys {
        ctx.reply.bulk(request.at(key.index));
    }
    Ok(Flow::Done)
}

fn getkeysandflags(ctx: &mut Ctx<'_>) -> CmdResult {
    let request = ctx.args.from(2);
    let keys = find(ctx.server, request)?;
    ctx.reply.array(keys.len());
    for key in keys {
        ctx.reply.array(2);
        ctx.reply.bulk(request.at(key.index));
        super::inform::write_names(ctx.reply, key.uses.names().map(str::to_owned));
    }
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn keys_and_what_happens_to_them() {
        let mut session = Session::new();
        assert_eq!(session.run("command getkeys get a"), "*1\r\n$1\r\na\r\n");
        assert_eq!(session.run("command getkeys memory usage a"), "*1\r\n$1\r\na\r\n");
        assert_eq!(session.run("command getkeysandflags get a"), "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n");
        assert_eq!(session.run("command getkeys nosuch a"), "-ERR Invalid command specified\r\n");
        assert_eq!(session.run("command getkeys ping"), "-ERR The command has no key arguments\r\n");
        assert_eq!(session.run("command getkeys get"), "-ERR Invalid number of arguments specified for command\r\n");
    }
}
