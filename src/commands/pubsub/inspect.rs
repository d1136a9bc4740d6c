//! PUBSUB: what is listened to.

use std::rc::Rc;

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::pubsub::Kind;
use crate::util::glob::{self, Case};

pub static PUBSUB: Command = Command::container("PUBSUB", &[&CHANNELS, &HELP, &NUMPAT, &NUMSUB, &SHARDCHANNELS, &SHARDNUMSUB])
    .summary("Leads to the commands that tell what is listened to.")
    .since("2.8.0")
    .complexity("Depends on subcommand.")
    .group(Group::PubSub);

static CHANNELS: Command = Command::server("CHANNELS", channels)
    .summary("Names the channels somebody listens to.")
    .since("2.8.0")
    .complexity(
        "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and \
         patterns)",
    )
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, Loading, Stale])
    .args(&[pattern("pattern").optional()]);

fn channels(ctx: &mut Ctx<'_>) -> CmdResult {
    list(ctx, Kind::Channel)
}

static SHARDCHANNELS: Command = Command::server("SHARDCHANNELS", shardchannels)
    .summary("Names the channels of the shard somebody listens to.")
    .since("7.0.0")
    .complexity(
        "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard \
         channels).",
    )
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, Loading, Stale])
    .args(&[pattern("pattern").optional()]);

fn shardchannels(ctx: &mut Ctx<'_>) -> CmdResult {
    list(ctx, Kind::Shard)
}

fn list(ctx: &mut Ctx<'_>, kind: Kind) -> CmdResult {
    if ctx.args.len() > 3 {
        return Err(call::wrong_subcommand(ctx.args));
    }
    let pattern = ctx.args.get(2);
    let pubsub = &ctx.server.pubsub;
    let names = if kind == Kind::Shard { &pubsub.shards } else { &pubsub.channels };
    let fits = |name: &&Rc<[u8]>| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive));
    let header = ctx.reply.defer();
    let mut count = 0;
    for name in names.keys().filter(fits) {
        ctx.reply.bulk(name);
        count += 1;
    }
    ctx.reply.finish_array(header, count);
    Ok(Flow::Done)
}

static NUMSUB: Command = Command::server("NUMSUB", numsub)
    .summary("Counts who listens to each of some channels, patterns aside.")
    .since("2.8.0")
    .complexity("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, Loading, Stale])
    .args(&[string("channel").optional().multiple()]);

fn numsub(ctx: &mut Ctx<'_>) -> CmdResult {
    count(ctx, Kind::Channel)
}

static SHARDNUMSUB: Command = Command::server("SHARDNUMSUB", shardnumsub)
    .summary("Counts who listens to each of some channels of the shard.")
    .since("7.0.0")
    .complexity("O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels")
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, Loading, Stale])
    .args(&[string("shardchannel").optional().multiple()]);

fn shardnumsub(ctx: &mut Ctx<'_>) -> CmdResult {
    count(ctx, Kind::Shard)
}

fn count(ctx: &mut Ctx<'_>, kind: Kind) -> CmdResult {
    let names = ctx.args.from(2);
    ctx.reply.array(names.len() * 2);
    for name in names.iter() {
        ctx.reply.bulk(name);
        ctx.reply.count(ctx.server.pubsub.count(kind, name));
    }
    Ok(Flow::Done)
}

static NUMPAT: Command = Command::server("NUMPAT", numpat)
    .summary("Counts the patterns somebody listens by.")
    .since("2.8.0")
    .complexity("O(1)")
    .group(Group::PubSub)
    .arity(2)
    .flags(&[PubSub, Loading, Stale]);

fn numpat(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.count(ctx.server.pubsub.patterns.len());
    Ok(Flow::Done)
}

static HELP: Command = Command::server("HELP", help)
    .summary("Explains the subcommands.")
    .since("6.2.0")
    .complexity("O(1)")
    .group(Group::PubSub)
    .arity(2)
    .flags(&[Loading, Stale])
    .categories(&[]);

fn help(ctx: &mut Ctx<'_>) -> CmdResult {
    ctx.reply.help(&[
        "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CHANNELS [<pattern>]",
        "    The channels somebody listens to, or those of them that match.",
        "NUMPAT",
        "    How many patterns somebody listens by.",
        "NUMSUB [<channel> ...]",
        "    How many clients listen to each channel, not counting patterns.",
        "SHARDCHANNELS [<pattern>]",
        "    As CHANNELS, for channels of the shard.",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    As NUMSUB, for channels of the shard.",
        "HELP",
        "    Print this help.",
    ]);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn what_is_listened_to() {
        let mut s = Session::new();
        let (a, b) = (s.connect(), s.connect());
        s.run_as(a, "SUBSCRIBE ch");
        s.run_as(b, "SUBSCRIBE ch");
        s.run_as(b, "PSUBSCRIBE p* ch");
        s.run_as(b, "SSUBSCRIBE sh");
        assert_eq!(s.run("PUBSUB CHANNELS"), "*1\r\n$2\r\nch\r\n");
        assert_eq!(s.run("PUBSUB CHANNELS x*"), "*0\r\n");
        assert_eq!(s.run("PUBSUB SHARDCHANNELS s?"), "*1\r\n$2\r\nsh\r\n");
        assert_eq!(s.run("PUBSUB NUMSUB ch sh"), "*4\r\n$2\r\nch\r\n:2\r\n$2\r\nsh\r\n:0\r\n");
        assert_eq!(s.run("PUBSUB NUMSUB"), "*0\r\n");
        assert_eq!(s.run("PUBSUB SHARDNUMSUB sh"), "*2\r\n$2\r\nsh\r\n:1\r\n");
        assert_eq!(s.run("PUBSUB NUMPAT"), ":2\r\n");
        assert!(s.run("PUBSUB CHANNELS a b").starts_with("-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'"));
        let info = s.run("INFO stats");
        assert!(info.contains("pubsub_channels:1\r\npubsub_patterns:2\r\npubsubshard_channels:1\r\n"));
        assert!(s.run("INFO clients").contains("pubsub_clients:2\r\n"));
    }
}
