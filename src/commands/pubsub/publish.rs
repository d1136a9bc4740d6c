//! PUBLISH and SPUBLISH.

use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;

pub static PUBLISH: Command = Command::server("PUBLISH", publish)
    .summary("Sends a message to everybody who listens to a channel.")
    .since("2.0.0")
    .complexity(
        "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed \
         patterns (by any client).",
    )
    .group(Group::PubSub)
    .arity(3)
    .flags(&[PubSub, Loading, Stale, Fast, MayReplicate])
    .args(&[string("channel"), string("message")]);

fn publish(ctx: &mut Ctx<'_>) -> CmdResult {
    let receivers = ctx.server.publish(ctx.args.at(1), ctx.args.at(2));
    ctx.reply.count(receivers);
    Ok(Flow::Done)
}

pub static SPUBLISH: Command = Command::server("SPUBLISH", spublish)
    .summary("Sends a message to everybody who listens to a channel of the shard.")
    .since("7.0.0")
    .complexity("O(N) where N is the number of clients subscribed to the receiving shard channel.")
    .group(Group::PubSub)
    .arity(3)
    .flags(&[PubSub, Loading, Stale, Fast, MayReplicate])
    .keys(&[Keys::one(1).does(&[Use::NotKey])])
    .args(&[string("shardchannel"), string("message")]);

fn spublish(ctx: &mut Ctx<'_>) -> CmdResult {
    let receivers = ctx.server.publish_to_shard(ctx.args.at(1), ctx.args.at(2));
    ctx.reply.count(receivers);
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn whoever_listens_gets_it_and_is_counted() {
        let mut s = Session::new();
        let (a, b) = (s.connect(), s.connect());
        s.run_as(a, "SUBSCRIBE ch");
        s.run_as(a, "PSUBSCRIBE c* *h no*");
        s.run_as(b, "SSUBSCRIBE ch");
        assert_eq!(s.run("PUBLISH ch hello"), ":3\r\n");
        assert_eq!(
            s.output(a),
            "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n\
             *4\r\n$8\r\npmessage\r\n$2\r\n*h\r\n$2\r\nch\r\n$5\r\nhello\r\n\
             *4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$5\r\nhello\r\n"
        );
        assert_eq!(s.output(b), "");
        assert_eq!(s.run("SPUBLISH ch x"), ":1\r\n");
        assert_eq!(s.output(b), "*3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$1\r\nx\r\n");
        assert_eq!(s.run("SPUBLISH other x"), ":0\r\n");
        assert_eq!(s.run("PUBLISH other x"), ":0\r\n");
    }

    #[test]
    fn ones_own_message_comes_behind_the_reply() {
        let mut s = Session::new();
        s.run("HELLO 3");
        s.run("SUBSCRIBE ch");
        let message = ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nx\r\n";
        assert_eq!(s.run("PUBLISH ch x"), format!(":1\r\n{message}"));
        s.run("MULTI");
        s.run("PUBLISH ch x");
        s.run("PING");
        assert_eq!(s.run("EXEC"), format!("*2\r\n:1\r\n+PONG\r\n{message}"));
        // Silence is for replies, not for messages.
        assert_eq!(s.run("CLIENT REPLY SKIP"), "");
        assert_eq!(s.run("PUBLISH ch x"), message);
    }

    #[test]
    fn long_messages_are_shared_in_order_and_count_in_full() {
        let mut s = Session::new();
        let (a, b) = (s.connect(), s.connect());
        s.run_as(a, "SUBSCRIBE ch");
        s.run_as(b, "HELLO 3");
        s.run_as(b, "SUBSCRIBE ch");
        let long = "x".repeat(50_000);
        let before = s.server.clients.get(a).unwrap().mem_bytes();
        let mut expected = String::new();
        for text in ["1", &long, "2", "3", &long, &long] {
            assert_eq!(s.run(&format!("PUBLISH ch {text}")), ":2\r\n");
            expected += &format!("*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n${}\r\n{text}\r\n", text.len());
        }
        let client = s.server.clients.get(a).unwrap();
        assert_eq!(client.pending_output(), expected.len());
        assert!(client.mem_bytes() >= before + 150_000);
        assert_eq!(s.output(a), expected);
        assert_eq!(s.output(b), expected.replace("*3\r\n", ">3\r\n"));
        assert_eq!(s.server.clients.get(a).unwrap().pending_output(), 0);
    }

    #[test]
    fn who_does_not_read_is_cut_off() {
        let mut s = Session::new();
        let reader = s.connect();
        s.run_as(reader, "SUBSCRIBE ch");
        s.run("CONFIG SET client-output-buffer-limit 'pubsub 100000 0 0'");
        let long = "x".repeat(30_000);
        for _ in 0..3 {
            s.run(&format!("PUBLISH ch {long}"));
            assert!(s.server.output_within_limit(reader, s.server.clients.get(reader).unwrap().pending_output()));
        }
        s.run(&format!("PUBLISH ch {long}"));
        assert!(!s.server.output_within_limit(reader, s.server.clients.get(reader).unwrap().pending_output()));
        let held = s.server.clients.get(reader).unwrap().pending_output();
        // What is published between the verdict and the end of the turn is not for it any more.
        assert_eq!(s.run(&format!("PUBLISH ch {long}")), ":1\r\n");
        assert_eq!(s.server.clients.get(reader).unwrap().pending_output(), held);
        s.server.close_all();
        assert_eq!(s.run("PUBLISH ch x"), ":0\r\n");
    }
}
