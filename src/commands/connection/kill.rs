//! CLIENT LIST and CLIENT KILL.

use crate::dispatch::argspec::Arg;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::*;
use crate::net::ClientFlags;

use super::filter::Filter;
use super::info;

pub static LIST: Command = Command::server("LIST", list)
    .summary("Describes the connections there are.")
    .since("2.4.0")
    .complexity("O(N) where N is the number of client connections")
    .group(Group::Connection)
    .arity(-2)
    .flags(&[Admin, NoScript, Loading, Stale])
    .args(&[
        oneof(
            "client-type",
            &[token("normal", "NORMAL"), token("master", "MASTER"), token("replica", "REPLICA"), token("pubsub", "PUBSUB")],
        )
        .token("TYPE")
        .since("5.0.0")
        .optional(),
        integer("client-id").token("ID").since("6.2.0").optional().multiple(),
    ])
    .tips(&["nondeterministic_output"])
    .history(&[
        ("2.8.12", "The field `id`."),
        ("5.0.0", "The filter `TYPE`."),
        ("6.0.0", "The field `user`."),
        ("6.2.0", "The fields `argv-mem`, `tot-mem`, `laddr` and `redir`, and the filter `ID`."),
        ("7.0.0", "The fields `resp`, `multi-mem`, `rbs` and `rbp`."),
        ("7.0.3", "The field `ssub`."),
        ("7.2.0", "The fields `lib-name` and `lib-ver`."),
        ("7.4.0", "The field `watch`."),
        ("8.0.0", "The field `io-thread`."),
    ]);

fn list(ctx: &mut Ctx<'_>) -> CmdResult {
    let filter = Filter::parse(ctx.args, 2, true)?;
    let mut text = String::new();
    for id in filter.pick(ctx.server) {
        if let Some(client) = ctx.server.clients.get(id) {
            text.push_str(&info::line(ctx.server, client));
            text.push('\n');
        }
    }
    ctx.reply.verbatim(text.as_bytes(), "txt");
    Ok(Flow::Done)
}

const KILL_TYPES: &[Arg] = &[
    token("normal", "NORMAL"),
    token("master", "MASTER").since("3.2.0"),
    token("slave", "SLAVE"),
    token("replica", "REPLICA").since("5.0.0"),
    token("pubsub", "PUBSUB"),
];

pub static KILL: Command = Command::server("KILL", kill)
    .summary("Closes connections.")
    .since("2.4.0")
    .complexity("O(N) where N is the number of client connections")
    .group(Group::Connection)
    .arity(-3)
    .flags(&[Admin, NoScript, Loading, Stale])
    .args(&[oneof(
        "filter",
        &[
            string("old-format").display("ip:port").deprecated_since("2.8.12"),
            oneof(
                "new-format",
                &[
                    integer("client-id").token("ID").since("2.8.12").optional(),
                    oneof("client-type", KILL_TYPES).token("TYPE").since("2.8.12").optional(),
                    string("username").token("USER").optional(),
                    string("addr").token("ADDR").display("ip:port").optional(),
                    string("laddr").token("LADDR").display("ip:port").since("6.2.0").optional(),
                    oneof("skipme", &[token("yes", "YES"), token("no", "NO")]).token("SKIPME").optional(),
                    integer("maxage").token("MAXAGE").since("7.4.0").optional(),
                ],
            )
            .multiple(),
        ],
    )])
    .history(&[
        ("2.8.12", "The format of options and values."),
        ("2.8.12", "The option `ID`."),
        ("3.2.0", "The type `master`."),
        ("5.0.0", "The type `replica` for `slave`, which is still understood."),
        ("6.2.0", "The option `LADDR`."),
        ("7.4.0", "The option `MAXAGE`."),
    ]);

fn kill(ctx: &mut Ctx<'_>) -> CmdResult {
    let me = ctx.client;
    let by_address = ctx.args.len() == 3;
    let filter = if by_address {
        let args = [&b"ADDR"[..], ctx.args.at(2)].into_iter().collect::<crate::resp::OwnedArgs>();
        let mut filter = Filter::parse(args.view(), 0, false)?;
        filter.skip_me = Some(false);
        filter
    } else {
        Filter::parse(ctx.args, 2, false)?
    };
    let mut victims = filter.pick(ctx.server);
    if filter.skip_me.unwrap_or(true) {
        victims.retain(|id| *id != me);
    }
    if by_address {
        victims.truncate(1);
        if victims.is_empty() {
            return Err(CmdError::text("ERR No such client"));
        }
        ctx.reply.ok();
    } else {
        ctx.reply.count(victims.len());
    }
    for id in victims {
        if id == me {
            ctx.client().flags |= ClientFlags::CLOSE_AFTER_REPLY;
        } else {
            ctx.server.close_soon(id);
        }
    }
    Ok(Flow::Done)
}
