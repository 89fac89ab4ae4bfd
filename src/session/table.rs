//! The table of connections. A slot is reused only with a new generation, so an id that outlived
//! its connection finds nothing.

use super::Client;

/// Names a connection; stale once it is closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId {
    pub slot: u32,
    pub generation: u32,
}

/// All connections, by slot.
#[derive(Default)]
pub struct Clients {
    slots: Vec<Option<Box<Client>>>,
    len: usize,
}

impl Clients {
    /// Puts a client in the slot that its key names, which is free.
    pub fn insert(&mut self, client: Client) {
        let slot = client.key.slot as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        assert!(self.slots[slot].is_none(), "client slot {slot} is taken");
        self.slots[slot] = Some(Box::new(client));
        self.len += 1;
    }

    /// A slot that no client has, for one without a connection.
    pub fn free_slot(&self) -> u32 {
        let free = self.slots.iter().position(Option::is_none);
        u32::try_from(free.unwrap_or(self.slots.len())).expect("fewer clients than descriptors")
    }

    pub fn remove(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.get(id)?;
        self.len -= 1;
        let client = self.slots[id.slot as usize].take();
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        client
    }

    pub fn get(&self, id: ClientId) -> Option<&Client> {
        let client = self.slots.get(id.slot as usize)?.as_deref()?;
        (client.key == id).then_some(client)
    }

    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        let client = self.slots.get_mut(id.slot as usize)?.as_deref_mut()?;
        (client.key == id).then_some(client)
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All clients, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.slots.iter_mut().filter_map(Option::as_deref_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nothing() {
        let mut clients = Clients::default();
        let old = ClientId { slot: 3, generation: 1 };
        clients.insert(Client::new(old, 1, 0));
        clients.remove(old);
        clients.insert(Client::new(ClientId { slot: 3, generation: 2 }, 2, 0));
        assert!(clients.get(old).is_none() && clients.remove(old).is_none());
        assert_eq!(clients.len(), 1);
    }
}
