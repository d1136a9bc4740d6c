//! All clients: a slab of boxes, named by slot and id.
//!
//! A slot is used again, an id never: a [`ClientId`] kept from before therefore leads to the client it was made for or
//! to none. Nobody holds a client across a call that may close it; one asks for it again.

use hashbrown::HashMap;
use slab::Slab;

use super::client::{Client, ClientId};
use super::connection::Connection;

/// The clients there are.
pub struct Clients {
    slots: Slab<Box<Client>>,
    by_id: HashMap<u64, u32>,
    next_id: u64,
}

impl Default for Clients {
    fn default() -> Self {
        Clients { slots: Slab::new(), by_id: HashMap::new(), next_id: 1 }
    }
}

impl Clients {
    /// A new client on this connection.
    pub fn add(&mut self, connection: Connection, now_ms: u64) -> ClientId {
        let id = self.next_id;
        self.next_id += 1;
        let slot = self.slots.insert(Box::new(Client::new(id, connection, now_ms))) as u32;
        self.by_id.insert(id, slot);
        ClientId { slot, id }
    }

    /// Takes a client out.
    pub fn remove(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.get(id)?;
        self.by_id.remove(&id.id);
        Some(self.slots.remove(id.slot as usize))
    }

    /// The client, if it is still there.
    #[inline]
    pub fn get(&self, id: ClientId) -> Option<&Client> {
        self.slots.get(id.slot as usize).map(|client| &**client).filter(|client| client.id == id.id)
    }

    #[inline]
    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.slots.get_mut(id.slot as usize).map(|client| &mut **client).filter(|client| client.id == id.id)
    }

    /// The full name of the client in this slot.
    pub fn in_slot(&self, slot: usize) -> Option<ClientId> {
        self.slots.get(slot).map(|client| ClientId { slot: slot as u32, id: client.id })
    }

    /// The number behind the last slot that may be taken.
    pub fn slots_end(&self) -> usize {
        self.slots.capacity()
    }

    /// The full name of the client with this id.
    pub fn find(&self, id: u64) -> Option<ClientId> {
        self.by_id.get(&id).map(|&slot| ClientId { slot, id })
    }

    /// Number of clients.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All clients, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.slots.iter().map(|(slot, client)| (ClientId { slot: slot as u32, id: client.id }, &**client))
    }

    /// As [`iter`](Self::iter), to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.slots.iter_mut().map(|(_, client)| &mut **client)
    }

    /// Names of all clients, oldest first.
    pub fn ids(&self) -> Vec<ClientId> {
        let mut ids: Vec<ClientId> = self.iter().map(|(id, _)| id).collect();
        ids.sort_unstable_by_key(|id| id.id);
        ids
    }
}
