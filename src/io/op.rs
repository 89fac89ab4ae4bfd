//! The connections of a driver and their operations in flight.
//!
//! The table owns descriptor and send buffer of a connection until the kernel has reported the last
//! operation on them; only then is the slot free and its generation over (U1, U2, U3). What a
//! connection needs next follows from its state alone, in [`Connection::due`], so the order in which
//! the kernel reports operation and cancellation does not matter (U4).
//!
//! Invariant: makes no system call other than closing a descriptor; knows neither ring nor epoll.

use {
    super::{Completion, ConnId, IoError},
    std::{
        mem,
        os::fd::{AsRawFd, OwnedFd, RawFd},
    },
};

/// One kernel call sends no more than this; longer buffers go in several (U20). While one is under
/// way nobody knows how much of it has left, so it is small beside any limit on waiting output.
pub(super) const SEND_CHUNK_BYTES: usize = 1 << 20;

/// Generations fill the 24 bits that user_data has for them.
const GENERATION_MASK: u32 = 0x00ff_ffff;
const NO_SLOT: u32 = u32::MAX;

/// What receiving looks like from the driver's side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiving {
    /// Nothing armed.
    Off,
    /// The kernel will report data.
    Armed,
    /// The kernel will report data once.
    ArmedOnce,
    /// Ended for want of buffers; armed again when some came back (U12).
    Starved,
    /// The peer ended it or an error did; never armed again.
    Ended,
}

/// What a connection needs from its driver next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Nothing,
    ArmReceive,
    CancelReceive,
    CancelAll,
    CloseDescriptor,
}

/// A buffer on its way out and how far it got.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) buf: Vec<u8>,
    pub(super) sent: usize,
}

impl Outgoing {
    /// The next piece for one kernel call; empty when all is sent.
    pub(super) fn rest(&self) -> &[u8] {
        let end = self.buf.len().min(self.sent + SEND_CHUNK_BYTES);
        &self.buf[self.sent..end]
    }

    /// Notes what the kernel took; says whether the buffer is through.
    pub(super) fn advance(&mut self, bytes: usize) -> bool {
        assert!(bytes <= self.buf.len() - self.sent, "the kernel sent more than there was");
        self.sent += bytes;
        self.sent == self.buf.len()
    }

    /// Turns it into the completion that hands the buffer back.
    pub(super) fn finish(mut self, conn: ConnId, result: Result<(), IoError>) -> Completion {
        self.buf.clear();
        Completion::Sent { conn, buf: self.buf, bytes: self.sent, result }
    }
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    fd: Option<OwnedFd>,
    generation: u32,
    next_free: u32,
    /// The gathering window this connection was last counted in.
    pub(super) stamp: u32,
    pub(super) receiving: Receiving,
    /// The server wants to receive; what is armed may lag behind.
    pub(super) wanted: bool,
    pub(super) closing: bool,
    /// The ring: not 0 while the peer sends more than a buffer at a time. It then gets one buffer a
    /// turn, lest it takes all of them and everyone else waits until they have been worked off. Counts
    /// the smaller receives after which that ends.
    pub(super) flooding: u8,
    pub(super) cancel_all_sent: bool,
    /// The armed receive was told to end and has not reported that yet.
    pub(super) cancel_receive_sent: bool,
    /// Cancellations the kernel has not answered yet.
    pub(super) cancels: u8,
    /// epoll: the events registered, in the driver's own bits.
    pub(super) interest: u8,
    pub(super) send: Option<Outgoing>,
}

// An idle connection must cost less than 150 bytes here and owns no buffer.
const _: () = assert!(mem::size_of::<Connection>() <= 64);

impl Connection {
    fn vacant(generation: u32) -> Self {
        Self {
            fd: None,
            generation,
            next_free: NO_SLOT,
            stamp: 0,
            receiving: Receiving::Off,
            wanted: false,
            closing: false,
            flooding: 0,
            cancel_all_sent: false,
            cancel_receive_sent: false,
            cancels: 0,
            interest: 0,
            send: None,
        }
    }

    /// Operations the kernel still holds.
    pub(super) fn in_flight(&self) -> usize {
        usize::from(matches!(self.receiving, Receiving::Armed | Receiving::ArmedOnce))
            + usize::from(self.send.is_some())
            + usize::from(self.cancels)
    }

    /// The one place that decides what happens next, whatever happened before.
    pub(super) fn due(&self) -> Due {
        let armed = matches!(self.receiving, Receiving::Armed | Receiving::ArmedOnce);
        let floods = self.flooding > 0 && self.receiving == Receiving::Armed;
        match (self.closing, self.in_flight()) {
            (true, 0) => Due::CloseDescriptor,
            (true, _) if !self.cancel_all_sent => Due::CancelAll,
            (true, _) => Due::Nothing,
            // U4: while a cancellation is under way it might hit what is armed after it.
            (false, _) if self.cancels > 0 => Due::Nothing,
            (false, _) if self.wanted && self.receiving == Receiving::Off => Due::ArmReceive,
            (false, _) if self.cancel_receive_sent => Due::Nothing,
            (false, _) if !self.wanted && armed || floods => Due::CancelReceive,
            (false, _) => Due::Nothing,
        }
    }

    /// Notes the last completion of a receive.
    pub(super) fn end_receive(&mut self, receiving: Receiving) {
        self.receiving = receiving;
        self.cancel_receive_sent = false;
    }

    /// The descriptor, for operations that this connection outlives.
    pub(super) fn raw_fd(&self) -> RawFd {
        self.descriptor().as_raw_fd()
    }

    pub(super) fn descriptor(&self) -> &OwnedFd {
        self.fd.as_ref().expect("an open connection has a descriptor")
    }
}

/// All connections; slots are reused, ids are not.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Connection>,
    first_free: u32,
    open: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), first_free: NO_SLOT, open: 0 }
    }

    /// Connections whose descriptor is open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Takes a connected descriptor over.
    pub(super) fn insert(&mut self, fd: OwnedFd) -> ConnId {
        let slot = self.first_free;
        self.open += 1;
        if slot == NO_SLOT {
            let slot = u32::try_from(self.slots.len()).expect("fewer descriptors than slots");
            let mut connection = Connection::vacant(0);
            connection.fd = Some(fd);
            self.slots.push(connection);
            return ConnId { slot, generation: 0 };
        }
        let connection = &mut self.slots[slot as usize];
        self.first_free = mem::replace(&mut connection.next_free, NO_SLOT);
        connection.fd = Some(fd);
        ConnId { slot, generation: connection.generation }
    }

    /// The connection, unless the id is stale (U3).
    pub(super) fn get(&self, conn: ConnId) -> Option<&Connection> {
        let connection = self.slots.get(conn.slot as usize)?;
        (connection.generation == conn.generation && connection.fd.is_some()).then_some(connection)
    }

    /// As [`Table::get`], to change it.
    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        let connection = self.slots.get_mut(conn.slot as usize)?;
        (connection.generation == conn.generation && connection.fd.is_some()).then_some(connection)
    }

    /// Closes the descriptor and ends the id's generation. Nothing may be in flight (U2, U3).
    pub(super) fn remove(&mut self, conn: ConnId) {
        let next_free = self.first_free;
        let connection = self.get_mut(conn).expect("removed once");
        assert_eq!(connection.in_flight(), 0, "closing a descriptor the kernel still uses");
        let generation = connection.generation.wrapping_add(1) & GENERATION_MASK;
        *connection = Connection::vacant(generation);
        connection.next_free = next_free;
        self.first_free = conn.slot;
        self.open -= 1;
    }

    /// The ids of all open connections.
    pub(super) fn ids(&self) -> Vec<ConnId> {
        let open = self.slots.iter().zip(0u32..).filter(|(connection, _)| connection.fd.is_some());
        open.map(|(connection, slot)| ConnId { slot, generation: connection.generation }).collect()
    }
}

/// The kinds of operation that user_data can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Accept = 1,
    Receive = 2,
    Send = 3,
    CancelReceive = 4,
    CancelAll = 5,
    Watch = 6,
    CancelAccept = 7,
    CancelEverything = 8,
    Sync = 9,
}

/// Packs (kind:8, generation:24, slot:32). Never a pointer: a late completion of a slot in its
/// next life is recognised by its generation (U3).
pub(super) fn pack(kind: Kind, conn: ConnId) -> u64 {
    let generation = u64::from(conn.generation & GENERATION_MASK);
    (kind as u64) << 56 | generation << 32 | u64::from(conn.slot)
}

/// The reverse of [`pack`].
pub(super) fn unpack(user_data: u64) -> (Kind, ConnId) {
    let kind = match user_data >> 56 {
        1 => Kind::Accept,
        2 => Kind::Receive,
        3 => Kind::Send,
        4 => Kind::CancelReceive,
        5 => Kind::CancelAll,
        6 => Kind::Watch,
        7 => Kind::CancelAccept,
        8 => Kind::CancelEverything,
        9 => Kind::Sync,
        other => panic!("the kernel completed an operation of kind {other}, which nobody issued"),
    };
    let generation = (user_data >> 32) as u32 & GENERATION_MASK;
    (kind, ConnId { slot: user_data as u32, generation })
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        rustix::event::{EventfdFlags, eventfd},
    };

    fn descriptor() -> OwnedFd {
        eventfd(0, EventfdFlags::CLOEXEC).expect("a descriptor")
    }

    fn receiving(table: &mut Table) -> ConnId {
        let conn = table.insert(descriptor());
        let connection = table.get_mut(conn).expect("open");
        connection.wanted = true;
        connection.receiving = Receiving::Armed;
        conn
    }

    #[test]
    fn user_data_survives_the_round_trip() {
        let conn = ConnId { slot: u32::MAX - 1, generation: GENERATION_MASK };
        for kind in [Kind::Accept, Kind::Receive, Kind::Send, Kind::CancelEverything, Kind::Sync] {
            assert_eq!(unpack(pack(kind, conn)), (kind, conn));
        }
    }

    #[test]
    fn a_stale_id_finds_nothing() {
        let mut table = Table::new();
        let old = table.insert(descriptor());
        table.remove(old);
        let new = table.insert(descriptor());
        assert_eq!((old.slot, old.generation + 1), (new.slot, new.generation));
        assert!(table.get(old).is_none());
        assert!(table.get(new).is_some());
        assert!(table.get(ConnId { slot: 7, generation: 0 }).is_none());
    }

    #[test]
    fn generations_wrap_within_their_bits() {
        let mut table = Table::new();
        let conn = table.insert(descriptor());
        table.slots[0].generation = GENERATION_MASK;
        table.remove(ConnId { generation: GENERATION_MASK, ..conn });
        assert_eq!(table.insert(descriptor()).generation, 0);
    }

    #[test]
    fn slots_are_reused_before_new_ones_are_made() {
        let mut table = Table::new();
        let ids: Vec<_> = (0..3).map(|_| table.insert(descriptor())).collect();
        table.remove(ids[0]);
        table.remove(ids[2]);
        assert_eq!(table.insert(descriptor()).slot, 2);
        assert_eq!(table.insert(descriptor()).slot, 0);
        assert_eq!((table.open(), table.slots.len()), (3, 3));
    }

    /// The two completions of a cancelled receive, in the given order; then a resume has to arm.
    fn check_pause_then_resume(receive_first: bool, resume_before: bool) {
        let mut table = Table::new();
        let conn = receiving(&mut table);
        let connection = table.get_mut(conn).expect("open");
        connection.wanted = false;
        assert_eq!(connection.due(), Due::CancelReceive);
        connection.cancels = 1;
        connection.cancel_receive_sent = true;
        connection.wanted = resume_before;
        for receive in [receive_first, !receive_first] {
            assert_eq!(connection.due(), Due::Nothing);
            if receive {
                connection.end_receive(Receiving::Off);
            } else {
                connection.cancels = 0;
            }
        }
        connection.wanted = true;
        assert_eq!(connection.due(), Due::ArmReceive);
    }

    #[test]
    fn u4_pause_and_resume_in_any_order_of_completions() {
        for receive_first in [false, true] {
            for resume_before in [false, true] {
                check_pause_then_resume(receive_first, resume_before);
            }
        }
    }

    #[test]
    fn u4_a_cancellation_that_came_too_late_is_issued_again() {
        let mut table = Table::new();
        let conn = receiving(&mut table);
        let connection = table.get_mut(conn).expect("open");
        connection.wanted = false;
        connection.cancels = 1;
        connection.cancel_receive_sent = true;
        assert_eq!(connection.due(), Due::Nothing);
        // -ENOENT or -EALREADY, and the receive is still armed.
        connection.cancels = 0;
        connection.cancel_receive_sent = false;
        assert_eq!(connection.due(), Due::CancelReceive);
    }

    #[test]
    fn u2_closing_waits_for_every_completion_in_any_order() {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for order in orders {
            let mut table = Table::new();
            let conn = receiving(&mut table);
            let connection = table.get_mut(conn).expect("open");
            connection.send = Some(Outgoing { buf: vec![1], sent: 0 });
            connection.closing = true;
            assert_eq!(connection.due(), Due::CancelAll);
            connection.cancel_all_sent = true;
            connection.cancels = 1;
            for event in order {
                assert_eq!(connection.due(), Due::Nothing);
                match event {
                    0 => connection.receiving = Receiving::Ended,
                    1 => connection.send = None,
                    _ => connection.cancels = 0,
                }
            }
            assert_eq!(connection.due(), Due::CloseDescriptor);
            table.remove(conn);
        }
    }

    #[test]
    fn an_ended_receive_is_never_armed_again() {
        let mut table = Table::new();
        let conn = receiving(&mut table);
        let connection = table.get_mut(conn).expect("open");
        connection.receiving = Receiving::Ended;
        assert_eq!(connection.due(), Due::Nothing);
    }

    #[test]
    fn u20_big_buffers_go_in_chunks() {
        let mut out = Outgoing { buf: vec![0; SEND_CHUNK_BYTES + 5], sent: 0 };
        assert_eq!(out.rest().len(), SEND_CHUNK_BYTES);
        assert!(!out.advance(SEND_CHUNK_BYTES));
        assert_eq!(out.rest().len(), 5);
        assert!(out.advance(5));
        assert!(out.rest().is_empty());
    }
}
