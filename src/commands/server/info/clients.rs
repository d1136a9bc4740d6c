//! What INFO tells of clients.

use super::Report;
use crate::server::Server;

pub fn clients(server: &mut Server, out: &mut Report) {
    let connected = server.clients.iter().filter(|(_, client)| !client.is_internal()).count();
    let (recent_input, recent_output) = server.memory.clients.recent_peaks();
    out.field("connected_clients", connected);
    out.field("cluster_connections", 0);
    out.field("maxclients", server.env.config.maxclients);
    out.field("client_recent_max_input_buffer", recent_input);
    out.field("client_recent_max_output_buffer", recent_output);
    out.field("blocked_clients", server.blocked.len + server.net.postponed.len());
    out.field("tracking_clients", server.tracked.clients);
    out.field("pubsub_clients", server.pubsub.clients);
    out.field("watching_clients", server.watches.clients);
    out.field("clients_in_timeout_table", server.blocked.timeout_count());
    out.field("total_watched_keys", server.watches.key_count());
    out.field("total_blocking_keys", server.blocked.key_count());
    out.field("total_blocking_keys_on_nokey", server.blocked.gone_key_count());
}
