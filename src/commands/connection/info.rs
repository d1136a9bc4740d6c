//! A client as CLIENT LIST and CLIENT INFO show it: one line of `field=value`.

use std::fmt::Write;

use crate::net::ClientFlags;
use crate::net::client::Client;
use crate::net::connection::Connection;
use crate::pubsub::Kind;
use crate::server::Server;
use crate::server::traffic::{local_text, peer_text};

/// Output is reported as upstream keeps it: a first buffer of this size, and blocks behind it.
const REPLY_BLOCK: usize = 16 * 1024;

/// The first buffer is never reported smaller than this.
const REPLY_BLOCK_MIN: usize = 1024;
/// What a client whose requests run is reported to have at hand for input.
const READ_SHARE: usize = 20 * 1024;

/// Letters for what a client is in the middle of.
pub fn flags_text(client: &Client) -> String {
    const LETTERS: [(ClientFlags, &str); 11] = [
        (ClientFlags::MONITOR, "O"),
        (ClientFlags::PUBSUB, "P"),
        (ClientFlags::MULTI, "x"),
        (ClientFlags::BLOCKED.union(ClientFlags::POSTPONED), "b"),
        (ClientFlags::TRACKING, "t"),
        (ClientFlags::DIRTY_CAS, "d"),
        (ClientFlags::CLOSE_AFTER_REPLY, "c"),
        (ClientFlags::CLOSE_ASAP, "A"),
        (ClientFlags::UNIX_SOCKET, "U"),
        (ClientFlags::NO_EVICT, "e"),
        (ClientFlags::NO_TOUCH, "T"),
    ];
    let mut text = String::new();
    for (_, letter) in LETTERS.iter().filter(|(flag, _)| client.has(*flag)) {
        text.push_str(letter);
        if let Some(tracking) = client.extra().and_then(|extra| extra.tracking.as_ref()).filter(|_| *letter == "t") {
            text.push_str(if tracking.broken { "R" } else { "" });
            text.push_str(if tracking.prefixes.is_some() { "B" } else { "" });
        }
    }
    if text.is_empty() { "N".into() } else { text }
}

/// What a client's pending output amounts to in upstream's terms: first buffer, blocks, bytes of the blocks.
pub fn output_shape(pending: usize) -> (usize, usize, usize) {
    let first = pending.min(REPLY_BLOCK);
    let beyond = pending - first;
    (first, beyond.div_ceil(REPLY_BLOCK), beyond)
}

/// The line of CLIENT LIST, without the line break.
pub fn line(server: &Server, client: &Client) -> String {
    let extra = client.extra();
    let text = |word: Option<&Box<[u8]>>| word.map_or_else(String::new, |word| String::from_utf8_lossy(word).into_owned());
    let unix_path = server.unix_path();
    let now_ms = server.env.now_ms;
    let (obl, oll, omem) = output_shape(client.pending_output());
    let multi = if client.has(ClientFlags::MULTI) { extra.map_or(0, |extra| extra.transaction.queue.len()) as i64 } else { -1 };
    // What runs has its input in the loop's own buffer, of which a read's worth is its share.
    let (query_bytes, query_capacity) = match server.net.running {
        (id, bytes, _) if id == client.id && client.query.capacity() == 0 => (bytes, bytes.max(READ_SHARE)),
        _ => (client.unparsed_bytes(), client.query.capacity()),
    };
    let lent_bytes = if server.net.running.0 == client.id { server.net.running.2 } else { 0 };
    let events = match client.connection {
        Connection::None => "",
        _ if client.has(ClientFlags::WRITE_BLOCKED) => "rw",
        _ => "r",
    };
    let subscribed = |kind| extra.map_or(0, |extra| extra.subscriptions.count(kind));
    let redirect = extra.and_then(|extra| extra.tracking.as_ref()).map_or(-1, |tracking| tracking.redirect as i64);
    let mut line = String::with_capacity(400);
    let _ = write!(
        line,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={multi} watch={}",
        client.id,
        peer_text(client, &unix_path),
        local_text(client, &unix_path),
        client.connection.fd(),
        text(extra.and_then(|extra| extra.name.as_ref())),
        now_ms.saturating_sub(client.created_ms) / 1000,
        now_ms.saturating_sub(client.last_interaction_ms) / 1000,
        flags_text(client),
        client.db,
        subscribed(Kind::Channel),
        subscribed(Kind::Pattern),
        subscribed(Kind::Shard),
        extra.map_or(0, |extra| extra.watched.len()),
    );
    let _ = write!(
        line,
        " qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={obl} oll={oll} omem={omem} tot-mem={} events={events}",
        query_bytes,
        query_capacity.saturating_sub(query_bytes.max(client.query.len())),
        client.argv_bytes as usize + client.partial_words_bytes(),
        extra.map_or(0, |extra| extra.transaction.mem_bytes()),
        client.reply_peak.next_power_of_two().clamp(REPLY_BLOCK_MIN, REPLY_BLOCK),
        client.reply_peak.min(REPLY_BLOCK),
        client.mem_bytes() + lent_bytes,
    );
    let _ = write!(
        line,
        " cmd={} user=default redir={redirect} resp={} lib-name={} lib-ver={} io-thread=0 tot-net-in={} tot-net-out={} tot-cmds={}",
        client.last_command.map_or("NULL", |id| &server.commands.get(id).full_name),
        if client.reply.resp3 { 3 } else { 2 },
        text(extra.and_then(|extra| extra.lib_name.as_ref())),
        text(extra.and_then(|extra| extra.lib_version.as_ref())),
        client.net_input_bytes,
        client.net_output_bytes,
        client.commands,
    );
    line
}
