//! DEBUG: a look inside, and switches, for tests.
//!
//! [`TABLE`] names every subcommand with how many arguments it takes. [`object`] looks at keys, [`digest`] hashes them,
//! [`mod@reload`] writes a snapshot and reads it back, [`protocol`] answers with every type of reply, [`switches`] turns
//! things off and on, [`death`] ends the process.

mod death;
mod digest;
mod object;
mod protocol;
mod reload;
mod switches;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::resp::Args;
use crate::util::number;

pub static DEBUG: Command = Command::server("DEBUG", debug)
    .summary("Looks inside the server, for tests.")
    .since("1.0.0")
    .complexity("Depends on subcommand.")
    .group(Group::Server)
    .arity(-2)
    .flags(&[Admin, NoScript, Loading, Stale, Protected])
    .internal();

struct Sub {
    name: &'static str,
    /// Least and most arguments behind the name.
    args: (usize, usize),
    run: ServerHandler,
}

type ServerHandler = fn(&mut Ctx<'_>) -> CmdResult;

const fn sub(name: &'static str, min: usize, max: usize, run: ServerHandler) -> Sub {
    Sub { name, args: (min, max), run }
}

static TABLE: [Sub; 44] = [
    sub("AOF-FLUSH-SLEEP", 1, 1, switches::aof_flush_sleep),
    sub("ASSERT", 0, 0, death::assert),
    sub("CHANGE-REPL-ID", 0, 0, switches::change_repl_id),
    sub("CLIENT-EVICTION", 0, 0, switches::client_eviction),
    sub("CLUSTERLINK", 3, 3, no_cluster),
    sub("CONFIG-REWRITE-FORCE-ALL", 0, 0, super::config::rewrite_all),
    sub("CRASH-AND-RECOVER", 0, 1, death::crash_and_recover),
    sub("DICT-RESIZING", 1, 1, switches::dict_resizing),
    sub("DIGEST", 0, 0, digest::digest),
    sub("DIGEST-VALUE", 0, usize::MAX, digest::digest_value),
    sub("ERROR", 1, 1, protocol::error),
    sub("HELP", 0, 0, help),
    sub("HTSTATS", 1, 2, object::htstats),
    sub("HTSTATS-KEY", 1, 2, object::htstats_key),
    sub("LEAK", 1, 1, switches::leak),
    sub("LISTPACK", 1, 1, object::listpack),
    sub("LOADAOF", 0, 0, switches::load_aof),
    sub("LOG", 1, 1, switches::log),
    sub("MALLCTL", 1, 2, switches::mallctl),
    sub("MALLCTL-STR", 1, 2, switches::mallctl_str),
    sub("MARK-INTERNAL-CLIENT", 0, 1, accepted),
    sub("OBJECT", 1, 1, object::object),
    sub("OOM", 0, 0, death::out_of_memory),
    sub("PANIC", 0, 0, death::panic),
    sub("PAUSE-CRON", 1, 1, switches::pause_cron),
    sub("POPULATE", 1, 3, switches::populate),
    sub("PROTOCOL", 1, 1, protocol::protocol),
    sub("QUICKLIST", 1, 2, object::quicklist),
    sub("QUICKLIST-PACKED-THRESHOLD", 1, 1, switches::packed_threshold),
    sub("RELOAD", 0, usize::MAX, reload::reload),
    sub("REPL-PAUSE", 1, 1, accepted),
    sub("REPLICATE", 1, usize::MAX, switches::replicate),
    sub("REPLYBUFFER", 2, 2, switches::reply_buffer),
    sub("RESTART", 0, 1, death::restart),
    sub("SCRIPT", 1, 1, accepted),
    sub("SDSLEN", 1, 1, object::sdslen),
    sub("SEGFAULT", 0, 0, death::segfault),
    sub("SET-ACTIVE-EXPIRE", 1, 1, switches::active_expire),
    sub("SET-DISABLE-DENY-SCRIPTS", 1, 1, switches::scripts_may_all),
    sub("SET-SKIP-CHECKSUM-VALIDATION", 1, 1, switches::skip_checksums),
    sub("SLEEP", 1, 1, switches::sleep),
    sub("STRINGMATCH-LEN", 2, 2, switches::stringmatch_len),
    sub("STRINGMATCH-TEST", 0, 0, switches::stringmatch_test),
    sub("STRUCTSIZE", 0, 0, object::struct_sizes),
];

fn debug(ctx: &mut Ctx<'_>) -> CmdResult {
    let argc = ctx.args.len() - 2;
    let found = TABLE.iter().find(|sub| ctx.args.is(1, sub.name));
    match found.filter(|sub| (sub.args.0..=sub.args.1).contains(&argc)) {
        Some(sub) => (sub.run)(ctx),
        None => Err(unknown(ctx.args)),
    }
}

/// There is no such subcommand, or it does not take so many arguments.
fn unknown(args: Args<'_>) -> CmdError {
    let word = args.get(1).unwrap_or_default();
    let shown = String::from_utf8_lossy(&word[..word.len().min(128)]);
    CmdError::err(format!("unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."))
}

/// Argument `at` as an integer.
fn integer_at(args: Args<'_>, at: usize) -> Result<i64, CmdError> {
    args.get(at).and_then(number::parse_i64).ok_or(CmdError::NOT_AN_INTEGER)
}

/// Argument `at` as far as it is a number: what is no number counts as 0.
fn loose_integer_at(args: Args<'_>, at: usize) -> i64 {
    args.get(at).and_then(number::parse_i64).unwrap_or(0)
}

/// Says OK to what has no meaning here.
fn accepted(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn no_cluster(_ctx: &mut Ctx<'_>) -> CmdResult {
    Err(CmdError::text("ERR Debug option only available for cluster mode enabled setup!"))
}

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    let mut lines = vec!["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"];
    lines.extend(TABLE.iter().map(|sub| sub.name));
    lines.push("    They are for this server's own tests, and may change without notice.");
    ctx.reply.help(&lines);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn what_it_does_not_know_it_says() {
        let mut session = Session::new();
        for line in ["debug nosuch", "debug object", "debug digest x"] {
            let word = line.split(' ').nth(1).unwrap();
            let expected = format!("-ERR unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP.\r\n");
            assert_eq!(session.run(line), expected);
        }
        assert!(session.run("debug help").contains("+SLEEP\r\n"));
    }

    #[test]
    fn subcommands_are_sorted_and_unique() {
        assert!(super::TABLE.is_sorted_by(|a, b| a.name < b.name));
    }
}
