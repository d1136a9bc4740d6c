//! SUBSCRIBE, UNSUBSCRIBE and their likes for patterns and for channels of the shard.
//!
//! Each name is confirmed by a push of its own, which a client gets even if it has its replies switched off.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::net::{ClientFlags, ClientId};
use crate::pubsub::Kind;
use crate::resp::Reply;
use crate::server::Server;

pub static SUBSCRIBE: Command = Command::server("SUBSCRIBE", subscribe)
    .summary("Listens to channels.")
    .since("2.0.0")
    .complexity("O(N) where N is the number of channels to subscribe to.")
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, NoScript, Loading, Stale])
    .args(&[string("channel").multiple()]);

fn subscribe(ctx: &mut Ctx<'_>) -> CmdResult {
    listen(ctx, Kind::Channel)
}

pub static PSUBSCRIBE: Command = Command::server("PSUBSCRIBE", psubscribe)
    .summary("Listens to every channel that matches a pattern.")
    .since("2.0.0")
    .complexity("O(N) where N is the number of patterns to subscribe to.")
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, NoScript, Loading, Stale])
    .args(&[pattern("pattern").multiple()]);

fn psubscribe(ctx: &mut Ctx<'_>) -> CmdResult {
    listen(ctx, Kind::Pattern)
}

pub static SSUBSCRIBE: Command = Command::server("SSUBSCRIBE", ssubscribe)
    .summary("Listens to channels of the shard.")
    .since("7.0.0")
    .complexity("O(N) where N is the number of shard channels to subscribe to.")
    .group(Group::PubSub)
    .arity(-2)
    .flags(&[PubSub, NoScript, Loading, Stale])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::NotKey])])
    .args(&[string("shardchannel").multiple()]);

fn ssubscribe(ctx: &mut Ctx<'_>) -> CmdResult {
    listen(ctx, Kind::Shard)
}

pub static UNSUBSCRIBE: Command = Command::server("UNSUBSCRIBE", unsubscribe)
    .summary("Stops listening to channels.")
    .since("2.0.0")
    .complexity("O(N) where N is the number of channels to unsubscribe.")
    .group(Group::PubSub)
    .arity(-1)
    .flags(&[PubSub, NoScript, Loading, Stale])
    .args(&[string("channel").optional().multiple()]);

fn unsubscribe(ctx: &mut Ctx<'_>) -> CmdResult {
    leave(ctx, Kind::Channel)
}

pub static PUNSUBSCRIBE: Command = Command::server("PUNSUBSCRIBE", punsubscribe)
    .summary("Stops listening to channels by patterns.")
    .since("2.0.0")
    .complexity("O(N) where N is the number of patterns to unsubscribe.")
    .group(Group::PubSub)
    .arity(-1)
    .flags(&[PubSub, NoScript, Loading, Stale])
    .args(&[pattern("pattern").optional().multiple()]);

fn punsubscribe(ctx: &mut Ctx<'_>) -> CmdResult {
    leave(ctx, Kind::Pattern)
}

pub static SUNSUBSCRIBE: Command = Command::server("SUNSUBSCRIBE", sunsubscribe)
    .summary("Stops listening to channels of the shard.")
    .since("7.0.0")
    .complexity("O(N) where N is the number of shard channels to unsubscribe.")
    .group(Group::PubSub)
    .arity(-1)
    .flags(&[PubSub, NoScript, Loading, Stale])
    .keys(&[Keys::range(1, -1, 1).does(&[Use::NotKey])])
    .args(&[string("shardchannel").optional().multiple()]);

fn sunsubscribe(ctx: &mut Ctx<'_>) -> CmdResult {
    leave(ctx, Kind::Shard)
}

fn listen(ctx: &mut Ctx<'_>, kind: Kind) -> CmdResult {
    let word: &[u8] = match kind {
        Kind::Channel => b"subscribe",
        Kind::Pattern => b"psubscribe",
        Kind::Shard => b"ssubscribe",
    };
    for name in ctx.args.from(1).iter() {
        ctx.server.subscribe(ctx.client, kind, name);
        confirm(ctx, kind, word, Some(name));
    }
    Ok(Flow::Done)
}

fn leave(ctx: &mut Ctx<'_>, kind: Kind) -> CmdResult {
    let word: &[u8] = match kind {
        Kind::Channel => b"unsubscribe",
        Kind::Pattern => b"punsubscribe",
        Kind::Shard => b"sunsubscribe",
    };
    if ctx.args.len() > 1 {
        for name in ctx.args.from(1).iter() {
            ctx.server.unsubscribe(ctx.client, kind, name);
            confirm(ctx, kind, word, Some(name));
        }
        return Ok(Flow::Done);
    }
    let names = ctx.server.subscribed_names(ctx.client, kind);
    if names.is_empty() {
        confirm(ctx, kind, word, None);
    }
    for name in names {
        ctx.server.unsubscribe(ctx.client, kind, &name);
        confirm(ctx, kind, word, Some(&name));
    }
    Ok(Flow::Done)
}

/// Number of names the client listens to, as far as they count together with those of this kind.
fn total(server: &Server, id: ClientId, kind: Kind) -> usize {
    let (channels, patterns, shards) = server.subscription_counts(id);
    if kind == Kind::Shard { shards } else { channels + patterns }
}

/// Says what was done with a name, and how many the client listens to now.
fn confirm(ctx: &mut Ctx<'_>, kind: Kind, word: &[u8], name: Option<&[u8]>) {
    let total = total(ctx.server, ctx.client, kind);
    let write = |reply: &mut Reply| {
        reply.push(3);
        reply.bulk(word);
        reply.bulk_or_null(name);
        reply.count(total);
    };
    if ctx.client().has(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP) {
        // The reply will be dropped; what is pushed meanwhile will not.
        write(&mut ctx.client().reply);
        ctx.server.net.pushed_to_lent = true;
    } else {
        write(ctx.reply);
    }
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn every_name_is_confirmed_with_the_number_there_are() {
        let mut s = Session::new();
        assert_eq!(s.run("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
        assert_eq!(
            s.run("SUBSCRIBE a a b"),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
        );
        assert_eq!(s.run("PSUBSCRIBE p"), "*3\r\n$10\r\npsubscribe\r\n$1\r\np\r\n:3\r\n");
        assert_eq!(s.run("SSUBSCRIBE s"), "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
        assert_eq!(s.run("SUNSUBSCRIBE"), "*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n");
        assert_eq!(s.run("SUNSUBSCRIBE"), "*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n");
        assert_eq!(s.run("PUNSUBSCRIBE x"), "*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:3\r\n");
        assert_eq!(
            s.run("UNSUBSCRIBE"),
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:2\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:1\r\n"
        );
        assert!(s.run("GET k").starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
        s.run("PUNSUBSCRIBE");
        assert_eq!(s.run("GET k"), "$-1\r\n");
        s.run("HELLO 3");
        assert_eq!(s.run("UNSUBSCRIBE"), ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
        assert_eq!(s.run("SUBSCRIBE"), "-ERR wrong number of arguments for 'subscribe' command\r\n");
    }

    #[test]
    fn a_resp2_subscriber_may_do_little() {
        let mut s = Session::new();
        s.run("SUBSCRIBE ch");
        assert_eq!(s.run("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
        assert_eq!(s.run("PING foo"), "*2\r\n$4\r\npong\r\n$3\r\nfoo\r\n");
        for line in ["MULTI", "HELLO 3", "CLIENT ID"] {
            assert!(s.run(line).ends_with("are allowed in this context\r\n"), "{line}");
        }
        assert!(s.run("CLIENT ID").starts_with("-ERR Can't execute 'client|id'"));
        assert_eq!(s.run("RESET"), "+RESET\r\n");
        assert_eq!(s.run("PING"), "+PONG\r\n");
        assert_eq!(s.run("PUBSUB CHANNELS"), "*0\r\n");
        s.run("HELLO 3");
        s.run("SUBSCRIBE ch");
        assert_eq!(s.run("PING"), "+PONG\r\n");
        assert_eq!(s.run("SET k v"), "+OK\r\n");
    }

    #[test]
    fn confirmations_come_even_in_silence_and_in_transactions() {
        let mut s = Session::new();
        s.run("CLIENT REPLY OFF");
        assert_eq!(s.run("SUBSCRIBE ch"), "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
        assert_eq!(s.run("SUBSCRIBE"), "");
        s.run("RESET");
        s.run("MULTI");
        s.run("SUBSCRIBE a b");
        assert_eq!(s.run("EXEC"), "*1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
    }
}
