//! Server-assisted client-side caching: clients that are told when what they may have cached is no longer true.
//!
//! In the ordinary mode the server remembers which client has read which key ([`table`]), tells it once that the key has
//! changed, and forgets. In broadcast mode it remembers nothing: clients name prefixes, and get every changed key below them,
//! one message for each prefix and turn of the loop ([`broadcast`]). A message goes to the client itself as a RESP3 push, or
//! to another connection it names ([`invalidate`]).
//!
//! What always holds: a client that has the key cached, as far as its mode says, is told; to be told too often is harmless.
//! With nobody tracking, commands pay nothing for all this.

pub mod broadcast;
pub mod invalidate;
pub mod table;

use std::collections::BTreeSet;

use crate::net::{ClientFlags, ClientId};
use crate::server::Server;

/// Which reads are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// All.
    #[default]
    All,
    /// Those right behind CLIENT CACHING YES.
    OptIn,
    /// All but those right behind CLIENT CACHING NO.
    OptOut,
}

/// How a client is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// Id of the client that is told in its place; 0: none.
    pub redirect: u64,
    /// The client it redirects to is gone, and it has been told so.
    pub broken: bool,
    /// Prefixes in broadcast mode; `None`: ordinary mode.
    pub prefixes: Option<BTreeSet<Box<[u8]>>>,
    pub choice: Choice,
    /// CLIENT CACHING has been said for the next command.
    pub caching: bool,
    /// It is not told of its own changes.
    pub no_loop: bool,
}

impl Tracking {
    /// Heap bytes.
    pub fn mem_bytes(&self) -> usize {
        let prefixes = self.prefixes.iter().flatten();
        size_of::<Tracking>() + prefixes.map(|prefix| prefix.len() + 32).sum::<usize>()
    }

    /// Whether reads are remembered for it now.
    fn remembers(&self) -> bool {
        self.prefixes.is_none()
            && match self.choice {
                Choice::All => true,
                Choice::OptIn => self.caching,
                Choice::OptOut => !self.caching,
            }
    }
}

/// Who is told of what.
#[derive(Default)]
pub struct Tracked {
    /// Clients that track.
    pub clients: usize,
    pub table: table::KeyTable,
    pub prefixes: broadcast::Prefixes,
    /// What clients have made invalid for themselves by the command they run, in order; `None`: everything. They are told when
    /// it is done, behind what others are told through them.
    own: Vec<(ClientId, Option<Box<[u8]>>)>,
    /// How often in a row the table was over its limit and could not be brought below it.
    over_limit: usize,
}

impl Tracked {
    /// Whether anybody may have to be told of a change, or a read remembered.
    fn is_active(&self) -> bool {
        self.clients > 0 || !self.table.is_empty() || !self.prefixes.is_empty()
    }
}

impl Server {
    /// Begins to tell a client, or tells it in another way. What `tracking` names as prefixes comes on top of those the client
    /// has.
    pub fn enable_tracking(&mut self, id: ClientId, mut tracking: Tracking) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !client.has(ClientFlags::TRACKING) {
            client.flags |= ClientFlags::TRACKING;
            self.tracked.clients += 1;
        }
        let place = &mut client.extra_mut().tracking;
        let before = place.take().map(|before| *before).unwrap_or_default();
        for prefix in tracking.prefixes.iter().flatten() {
            self.tracked.prefixes.add(prefix, id);
        }
        if let (Some(all), Some(before)) = (&mut tracking.prefixes, before.prefixes) {
            all.extend(before);
        }
        tracking.caching |= before.caching;
        *place = Some(Box::new(tracking));
        self.update_tracking_interest();
    }

    /// Stops telling a client. What is remembered for it stays until the keys change, and is then found to be in vain.
    pub fn disable_tracking(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !client.has(ClientFlags::TRACKING) {
            return;
        }
        client.flags -= ClientFlags::TRACKING;
        self.tracked.clients -= 1;
        let tracking = client.extra_if_any().and_then(|extra| extra.tracking.take());
        client.shed_extra();
        for prefix in tracking.and_then(|tracking| tracking.prefixes).into_iter().flatten() {
            self.tracked.prefixes.remove(&prefix, id);
        }
        self.update_tracking_interest();
    }

    /// How a client is told, if it is.
    pub fn tracking_of(&self, id: ClientId) -> Option<&Tracking> {
        self.clients.get(id)?.extra()?.tracking.as_deref()
    }

    fn update_tracking_interest(&mut self) {
        self.env.fx.interest.set(crate::keyspace::effects::Interest::TRACK, self.tracked.is_active());
    }
}
