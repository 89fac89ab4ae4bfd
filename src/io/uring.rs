//! The ring driver: operations become submission entries, completion entries become completions.
//!
//! Multishot accept and receive stay armed; one send per connection is in flight (U5); every
//! completion without the MORE flag arms again, in one place per kind (U11).
//!
//! Invariant: what an entry points to lives in the table or the buffer ring until its last
//! completion, also when the driver itself is dropped (U1, U22).

#![allow(unsafe_code)]

use {
    super::{
        ACCEPT_BACKOFF_US, Completion, ConnId, Figures, IoError, IoErrorKind, Lease, ListenerId,
        Op, Settings, WatchId, deadline_us,
        gather::{Gathering, MIN_WAIT_US, SECOND_LOOK_US},
        listener_id, now_us,
        op::{Due, Kind, Outgoing, Receiving, Table, pack, unpack},
        ring::{Ring, Want},
        uring_bufs::{BufferRing, GROUP},
    },
    io_uring::{
        cqueue, opcode, squeue,
        types::{CancelBuilder, Fd, FsyncFlags},
    },
    rustix::{
        fs::{OFlags, fcntl_getfl, fcntl_setfl},
        net::Shutdown,
    },
    std::{
        collections::VecDeque,
        fs::File,
        mem::ManuallyDrop,
        os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        sync::Arc,
        thread,
        time::Duration,
    },
};

/// Receive flag of the entry's `ioprio` field.
///
/// Not with POLL_FIRST, which would save the failing attempt on an empty socket: where bytes and a
/// reset were both there before the poll, it reports the bytes and then waits for an edge that has
/// passed, so the end of the connection was never seen.
const RECV_MULTISHOT: u16 = 2;
/// Receives of less than a buffer after which a connection is no longer taken to flood.
const FLOOD_RECEIVES: u8 = 64;

/// Extra passes for deferred items in one turn; beyond it the next turn takes over.
const PASSES_MAX: u32 = 8;

/// How long a driver that is dropped without a shutdown waits for the kernel.
const DROP_DEADLINE: Duration = Duration::from_millis(100);

const NOBODY: ConnId = ConnId { slot: 0, generation: 0 };

#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    armed: bool,
    cancels: u8,
    stopping: bool,
    retry_at_us: Option<u64>,
}

#[derive(Debug)]
struct Watched {
    watch: WatchId,
    fd: RawFd,
}

/// The driver over io_uring.
#[derive(Debug)]
pub(super) struct Uring {
    ring: Ring,
    buffers: ManuallyDrop<BufferRing>,
    table: ManuallyDrop<Table>,
    listeners: Vec<Option<Listener>>,
    watches: Vec<Watched>,
    /// The file of the sync in flight.
    syncing: Option<Arc<File>>,
    starved: VecDeque<ConnId>,
    /// Completions the driver knows without the kernel; they leave with the next wait.
    finished: Vec<Completion>,
    gathering: Gathering,
    completions_max: usize,
    in_flight: usize,
    /// Sends queued since the last enter; most complete within it.
    sends_queued: u32,
    stopping: bool,
    figures: Figures,
}

impl Uring {
    pub(super) fn open(settings: &Settings) -> Result<Self, IoError> {
        let ring = Ring::open(settings.sq_entries, settings.cq_entries)?;
        let buffers = BufferRing::open(&ring, settings.buffer_count, settings.buffer_bytes)?;
        Ok(Self {
            ring,
            buffers: ManuallyDrop::new(buffers),
            table: ManuallyDrop::new(Table::new()),
            listeners: Vec::new(),
            watches: Vec::new(),
            syncing: None,
            starved: VecDeque::new(),
            finished: Vec::new(),
            gathering: Gathering::default(),
            completions_max: settings.completions_max,
            in_flight: 0,
            sends_queued: 0,
            stopping: false,
            figures: Figures::default(),
        })
    }

    pub(super) fn listen(&mut self, socket: OwnedFd) -> ListenerId {
        set_blocking(&socket);
        let listener =
            Listener { socket, armed: false, cancels: 0, stopping: false, retry_at_us: None };
        let free = self.listeners.iter().position(Option::is_none);
        let index = free.unwrap_or(self.listeners.len());
        if free.is_none() {
            self.listeners.push(None);
        }
        self.listeners[index] = Some(listener);
        self.arm_accept(index);
        listener_id(index)
    }

    pub(super) fn stop_listening(&mut self, listener: ListenerId) {
        let index = usize::from(listener.0);
        let Some(Some(listener)) = self.listeners.get_mut(index) else { return };
        if listener.stopping {
            return;
        }
        listener.stopping = true;
        // The address is free for a new listener from here on, though the descriptor closes only
        // with the last completion (U2).
        let _ = rustix::net::shutdown(&listener.socket, Shutdown::Both);
        if listener.armed {
            listener.cancels += 1;
            let accept = pack(Kind::Accept, slot(index));
            let cancel = CancelBuilder::user_data(accept);
            self.push_cancel(cancel, Kind::CancelAccept, slot(index));
        }
        self.settle_listener(index);
    }

    pub(super) fn adopt(&mut self, socket: OwnedFd) -> ConnId {
        set_blocking(&socket);
        self.table.insert(socket)
    }

    pub(super) fn submit(&mut self, op: Op) {
        match op {
            Op::Receive { conn } => self.want_receive(conn, true),
            Op::PauseReceive { conn } => self.want_receive(conn, false),
            Op::Send { conn, buf } => self.send(conn, buf),
            Op::Close { conn } => self.close(conn),
            Op::Watch { watch, fd } => {
                self.watches.push(Watched { watch, fd });
                self.arm_watch(self.watches.len() - 1);
            }
            Op::Sync { file } => self.sync(file),
        }
    }

    pub(super) fn wait(&mut self, timeout: Option<Duration>, out: &mut Vec<Completion>) {
        let start = out.len();
        let mut now = now_us();
        let deadline = deadline_us(now, timeout);
        loop {
            self.prepare(now);
            self.turn(now, deadline, out);
            if out.len() > start {
                break;
            }
            now = now_us();
            if deadline.is_some_and(|deadline| now >= deadline) {
                break;
            }
        }
        self.figures.completions += (out.len() - start) as u64;
    }

    pub(super) fn bytes(&self, lease: &Lease) -> &[u8] {
        self.buffers.bytes(lease)
    }

    pub(super) fn release(&mut self, lease: Lease) {
        self.buffers.release(lease);
    }

    pub(super) fn fd(&self, conn: ConnId) -> Option<BorrowedFd<'_>> {
        self.table.get(conn).map(|connection| connection.descriptor().as_fd())
    }

    pub(super) fn unsent(&self, conn: ConnId) -> usize {
        let outgoing = self.table.get(conn).and_then(|connection| connection.send.as_ref());
        outgoing.map_or(0, |outgoing| outgoing.buf.len() - outgoing.sent)
    }

    pub(super) fn connections(&self) -> usize {
        self.table.open()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            enters: self.ring.enters,
            cq_overflows: self.ring.overflows,
            buffers_lent: u64::from(self.buffers.lent()),
            buffers_total: u64::from(self.buffers.count()),
            ..self.figures
        }
    }

    pub(super) fn shutdown(&mut self, deadline: Duration) {
        let end = now_us().saturating_add(deadline_us(0, Some(deadline)).unwrap_or(u64::MAX));
        self.stopping = true;
        (0..self.listeners.len()).for_each(|index| self.stop_listening(listener_id(index)));
        if self.in_flight > 0 {
            self.push_cancel(CancelBuilder::any(), Kind::CancelEverything, NOBODY);
        }
        for conn in self.table.ids() {
            if let Some(connection) = self.table.get_mut(conn) {
                connection.closing = true;
                connection.cancel_all_sent = true;
            }
            self.settle(conn);
        }
        let mut dropped = Vec::new();
        while self.in_flight > 0 {
            let now = now_us();
            if now >= end {
                break;
            }
            let timeout = Some(Duration::from_micros(end - now));
            self.ring.enter(Want { completions: 1, min_wait_us: 0, timeout });
            self.drain(usize::MAX, &mut dropped);
            dropped.clear();
        }
    }
}

/// One turn.
impl Uring {
    /// What has to be armed again before the kernel is entered.
    fn prepare(&mut self, now: u64) {
        self.gathering.turn(now);
        self.buffers.publish();
        self.feed_starved();
        for index in 0..self.listeners.len() {
            let Some(listener) = &mut self.listeners[index] else { continue };
            if listener.retry_at_us.is_some_and(|at| now >= at) {
                listener.retry_at_us = None;
                self.arm_accept(index);
            }
        }
    }

    fn turn(&mut self, now: u64, deadline: Option<u64>, out: &mut Vec<Completion>) {
        let want = if self.finished.is_empty() { self.want(now, deadline) } else { at_once() };
        self.sends_queued = 0;
        self.ring.enter(want);
        let full = out.len().saturating_add(self.completions_max);
        let mut ready = self.drain(full, out);
        if self.ring.can_gather() {
            self.figures.gathered_waits += u64::from(want.min_wait_us > 0);
        } else if want.completions > 0 && self.gathering.second_look(ready) {
            self.figures.gathered_waits += 1;
            thread::sleep(Duration::from_micros(u64::from(SECOND_LOOK_US)));
            self.ring.collect();
            ready += self.drain(full, out);
            self.gathering.looked(ready);
        }
        // The kernel runs some 20 deferred items per pass: take the rest before the server starts,
        // so that one batch serves all who are ready. With 50 clients this made turns larger and
        // requests a little cheaper, with 200 no difference.
        let mut passes = 0;
        while self.ring.more_ready() && out.len() < full && passes < PASSES_MAX {
            self.ring.collect();
            self.drain(full, out);
            passes += 1;
        }
        out.append(&mut self.finished);
    }

    /// How long to wait and for how many.
    fn want(&self, now: u64, deadline: Option<u64>) -> Want {
        let retries = self.listeners.iter().flatten().filter_map(|listener| listener.retry_at_us);
        let until = retries.chain(deadline).min();
        let timeout = until.map(|until| Duration::from_micros(until.saturating_sub(now)));
        if timeout == Some(Duration::ZERO) {
            return at_once();
        }
        let clients = self.gathering.want();
        if clients == 1 || !self.ring.can_gather() {
            return Want { completions: 1, min_wait_us: 0, timeout };
        }
        // Sends complete within the enter that submits them and would count as company. Below the
        // threshold that is accepted: asking for one more with a short minimum wait halves the
        // enters, yet arming its timer costs more than the enter it saves (measured: a lone client
        // waited 55 us instead of 31 at the median).
        Want { completions: clients + self.sends_queued, min_wait_us: MIN_WAIT_US, timeout }
    }

    /// Decodes what was collected until `out` has `full` entries; returns how many there were.
    fn drain(&mut self, full: usize, out: &mut Vec<Completion>) -> u32 {
        let mut drained = 0;
        while out.len() < full {
            let Some(entry) = self.ring.next() else { break };
            self.complete(&entry, out);
            drained += 1;
        }
        self.ring.taken();
        drained
    }

    fn complete(&mut self, entry: &cqueue::Entry, out: &mut Vec<Completion>) {
        let (kind, conn) = unpack(entry.user_data());
        if !cqueue::more(entry.flags()) {
            self.in_flight -= 1;
        }
        match kind {
            Kind::Receive => self.on_receive(conn, entry, out),
            Kind::Send => self.on_send(conn, entry.result(), out),
            Kind::CancelReceive | Kind::CancelAll => self.on_cancel(conn, kind, entry.result()),
            Kind::Accept => self.on_accept(conn.slot as usize, entry, out),
            Kind::CancelAccept => self.on_cancel_accept(conn.slot as usize),
            Kind::Watch => self.on_watch(conn.slot as usize, entry.result(), out),
            Kind::Sync => self.on_sync(entry.result(), out),
            Kind::CancelEverything => {}
        }
    }
}

/// Connections.
impl Uring {
    fn want_receive(&mut self, conn: ConnId, wanted: bool) {
        if let Some(connection) = self.table.get_mut(conn) {
            connection.wanted = wanted;
            self.settle(conn);
        }
    }

    fn send(&mut self, conn: ConnId, buf: Vec<u8>) {
        let out = Outgoing { buf, sent: 0 };
        let Some(connection) = self.table.get_mut(conn).filter(|connection| !connection.closing)
        else {
            return self.finished.push(out.finish(conn, Err(IoError::canceled())));
        };
        // U5: with two in flight the second may overtake the first once that has to poll.
        assert!(connection.send.is_none(), "a second send on {conn:?}");
        if out.buf.is_empty() {
            return self.finished.push(out.finish(conn, Ok(())));
        }
        connection.send = Some(out);
        self.push_send(conn);
    }

    fn close(&mut self, conn: ConnId) {
        let Some(connection) = self.table.get_mut(conn) else { return };
        connection.closing = true;
        connection.wanted = false;
        self.settle(conn);
    }

    /// Does what the connection's state asks for; called after each change of it.
    fn settle(&mut self, conn: ConnId) {
        let Some(connection) = self.table.get_mut(conn) else { return };
        match connection.due() {
            Due::Nothing => {}
            Due::ArmReceive => self.arm_receive(conn),
            Due::CancelReceive => {
                connection.cancels += 1;
                connection.cancel_receive_sent = true;
                let receive = pack(Kind::Receive, conn);
                self.push_cancel(CancelBuilder::user_data(receive), Kind::CancelReceive, conn);
            }
            Due::CancelAll => {
                connection.cancels += 1;
                connection.cancel_all_sent = true;
                // U2: closing the descriptor would not cancel anything.
                let all = CancelBuilder::fd(Fd(connection.raw_fd())).all();
                self.push_cancel(all, Kind::CancelAll, conn);
            }
            Due::CloseDescriptor => {
                self.table.remove(conn);
                self.finished.push(Completion::Closed { conn });
            }
        }
    }

    fn on_receive(&mut self, conn: ConnId, entry: &cqueue::Entry, out: &mut Vec<Completion>) {
        self.take_bytes(conn, entry, out);
        if cqueue::more(entry.flags()) {
            return self.settle(conn);
        }
        // U11: whatever ended the multishot, this is where it is armed again or given up.
        let Some(connection) = self.table.get_mut(conn) else { return };
        match receive_end(entry.result()) {
            ReceiveEnd::Again => connection.end_receive(Receiving::Off),
            ReceiveEnd::Starved => {
                connection.end_receive(Receiving::Starved);
                self.starved.push_back(conn);
                self.figures.buffer_shortages += 1;
            }
            ReceiveEnd::Over(error) => {
                connection.end_receive(Receiving::Ended);
                if !connection.closing {
                    out.push(Completion::ReceiveEnded { conn, error });
                }
            }
        }
        self.settle(conn);
    }

    /// U13: the one place where a buffer the kernel picked is accounted for, whatever the result.
    fn take_bytes(&mut self, conn: ConnId, entry: &cqueue::Entry, out: &mut Vec<Completion>) {
        let Some(buffer) = cqueue::buffer_select(entry.flags()) else { return };
        let len = u32::try_from(entry.result()).unwrap_or(0);
        let lease = self.buffers.lend(buffer, len);
        let fills = self.buffers.is_full(&lease);
        match self.table.get_mut(conn).filter(|connection| len > 0 && !connection.closing) {
            Some(connection) => {
                self.gathering.note(&mut connection.stamp);
                connection.flooding = match fills {
                    true => FLOOD_RECEIVES,
                    false => connection.flooding.saturating_sub(1),
                };
                self.figures.receives += 1;
                self.figures.received_bytes += u64::from(len);
                out.push(Completion::Received { conn, lease });
            }
            None => self.buffers.release(lease),
        }
    }

    fn on_send(&mut self, conn: ConnId, result: i32, out: &mut Vec<Completion>) {
        let connection = self.table.get_mut(conn).expect("a send keeps its connection open");
        let outgoing = connection.send.as_mut().expect("a send keeps its buffer");
        let end = match usize::try_from(result) {
            Ok(bytes) if outgoing.advance(bytes) => Some(Ok(())),
            // U6: short, which MSG_WAITALL does not rule out.
            Ok(bytes) if bytes > 0 => None,
            Ok(_) => Some(Err(IoError::from_errno(libc::EPIPE))),
            Err(_) => match IoError::from_result(result) {
                error if error.kind == IoErrorKind::Transient => None,
                error => Some(Err(error)),
            },
        };
        let end = if connection.closing { end.or(Some(Err(IoError::canceled()))) } else { end };
        let Some(result) = end else {
            self.figures.short_sends += 1;
            return self.push_send(conn);
        };
        let outgoing = connection.send.take().expect("checked above");
        self.figures.sends += 1;
        self.figures.sent_bytes += outgoing.sent as u64;
        out.push(outgoing.finish(conn, result));
        self.settle(conn);
    }

    /// U4: found (0 or the number found), not found (`ENOENT`) and already running (`EALREADY`) are
    /// all normal; the operation itself completes in every case.
    fn on_cancel(&mut self, conn: ConnId, kind: Kind, result: i32) {
        let connection = self.table.get_mut(conn).expect("a cancellation keeps its connection");
        connection.cancels -= 1;
        if kind == Kind::CancelReceive && result < 0 {
            connection.cancel_receive_sent = false;
        }
        if connection.closing && result <= 0 && connection.in_flight() > 0 {
            // What could not be cancelled is hurried by ending the stream under it.
            let _ = rustix::net::shutdown(connection.descriptor(), Shutdown::Both);
        }
        self.settle(conn);
    }

    /// U12: a receive without a free buffer fails at once, so the starved wait until some came back.
    fn feed_starved(&mut self) {
        let fed = self.starved.len().min(usize::from(self.buffers.available()));
        for conn in self.starved.drain(..fed).collect::<Vec<_>>() {
            let Some(connection) = self.table.get_mut(conn) else { continue };
            connection.receiving = Receiving::Off;
            self.settle(conn);
        }
    }
}

/// Listeners and watches.
impl Uring {
    fn on_accept(&mut self, index: usize, entry: &cqueue::Entry, out: &mut Vec<Completion>) {
        let id = listener_id(index);
        let listener = self.listeners[index].as_mut().expect("an accept keeps its listener");
        listener.armed = cqueue::more(entry.flags());
        match entry.result() {
            fd if fd >= 0 => {
                // SAFETY: a non-negative result is a new descriptor that nobody else owns.
                let socket = unsafe { OwnedFd::from_raw_fd(fd) };
                if !listener.stopping {
                    let conn = self.table.insert(socket);
                    self.figures.accepts += 1;
                    out.push(Completion::Accepted { listener: id, conn });
                }
            }
            result if !listener.stopping => {
                let error = IoError::from_result(result);
                if !passing_accept_error(error) {
                    // U11: armed again at once it would spin until a descriptor is free.
                    listener.retry_at_us = Some(now_us() + ACCEPT_BACKOFF_US);
                    self.figures.accept_backoffs += 1;
                    out.push(Completion::AcceptFailed { listener: id, error });
                }
            }
            _ => {}
        }
        self.settle_listener(index);
    }

    fn on_cancel_accept(&mut self, index: usize) {
        let listener = self.listeners[index].as_mut().expect("a cancellation keeps its listener");
        listener.cancels -= 1;
        self.settle_listener(index);
    }

    /// Arms again, or frees the listener once the kernel has let go of it (U2).
    fn settle_listener(&mut self, index: usize) {
        let Some(listener) = &mut self.listeners[index] else { return };
        if !listener.stopping {
            if !listener.armed && listener.retry_at_us.is_none() {
                self.arm_accept(index);
            }
        } else if !listener.armed && listener.cancels == 0 {
            self.listeners[index] = None;
        }
    }

    fn on_watch(&mut self, index: usize, result: i32, out: &mut Vec<Completion>) {
        if self.stopping {
            return;
        }
        let watch = self.watches[index].watch;
        assert!(result >= 0, "polling {watch:?}: {}", IoError::from_result(result));
        out.push(Completion::Ready { watch });
        // One poll per turn, submitted after the server has read, is what level-triggered means.
        self.arm_watch(index);
    }
}

/// Files.
impl Uring {
    fn sync(&mut self, file: Arc<File>) {
        assert!(self.syncing.is_none(), "one sync at a time");
        let fd = Fd(file.as_raw_fd());
        self.syncing = Some(file);
        let entry = opcode::Fsync::new(fd).flags(FsyncFlags::DATASYNC).build();
        self.push(entry, Kind::Sync, NOBODY);
    }

    fn on_sync(&mut self, result: i32, out: &mut Vec<Completion>) {
        match IoError::from_result(result) {
            // The kernel worker was interrupted before it began.
            error if result < 0 && error.kind == IoErrorKind::Transient && !self.stopping => {
                let file = self.syncing.take();
                file.into_iter().for_each(|file| self.sync(file));
            }
            error => {
                self.syncing = None;
                let result = if result < 0 { Err(error) } else { Ok(()) };
                out.push(Completion::Synced { result });
            }
        }
    }
}

/// Submission entries.
impl Uring {
    fn push(&mut self, entry: squeue::Entry, kind: Kind, conn: ConnId) {
        self.in_flight += 1;
        // SAFETY: descriptor and buffer of a connection stay in the table until nothing of it is in
        // flight (`Connection::due`), a listener's in `listeners` and a file's in `syncing` likewise; a
        // watched descriptor outlives the driver by the contract of `Op::Watch`. Drop leaks what is still in flight.
        unsafe { self.ring.push(&entry.user_data(pack(kind, conn))) }
    }

    fn push_cancel(&mut self, target: CancelBuilder, kind: Kind, conn: ConnId) {
        self.figures.cancels += 1;
        self.push(opcode::AsyncCancel2::new(target).build(), kind, conn);
    }

    fn arm_receive(&mut self, conn: ConnId) {
        let connection = self.table.get_mut(conn).expect("armed while open");
        let (receiving, shots) = match connection.flooding {
            0 => (Receiving::Armed, Shots::Many),
            _ => (Receiving::ArmedOnce, Shots::One),
        };
        connection.receiving = receiving;
        let fd = connection.raw_fd();
        self.push(receive_entry(fd, GROUP, shots), Kind::Receive, conn);
    }

    fn push_send(&mut self, conn: ConnId) {
        let connection = self.table.get_mut(conn).expect("sent while open");
        let rest = connection.send.as_ref().expect("something to send").rest();
        let len = u32::try_from(rest.len()).expect("a chunk is below 4 GiB");
        let entry = opcode::Send::new(Fd(connection.raw_fd()), rest.as_ptr(), len)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL)
            .build();
        self.sends_queued += 1;
        self.push(entry, Kind::Send, conn);
    }

    fn arm_accept(&mut self, index: usize) {
        let listener = self.listeners[index].as_mut().expect("armed while listening");
        listener.armed = true;
        let entry = opcode::AcceptMulti::new(Fd(listener.socket.as_raw_fd()))
            .flags(libc::SOCK_CLOEXEC)
            .build();
        self.push(entry, Kind::Accept, slot(index));
    }

    fn arm_watch(&mut self, index: usize) {
        let entry = opcode::PollAdd::new(Fd(self.watches[index].fd), libc::POLLIN as u32).build();
        self.push(entry, Kind::Watch, slot(index));
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        if self.in_flight > 0 {
            self.shutdown(DROP_DEADLINE);
        }
        if self.in_flight == 0 {
            // SAFETY: dropped once, here, and not used after.
            unsafe {
                ManuallyDrop::drop(&mut self.table);
                ManuallyDrop::drop(&mut self.buffers);
            }
        }
        // U22: else the kernel may still read the one and write the other: they stay for good.
    }
}

/// What the end of a multishot receive means.
enum ReceiveEnd {
    Again,
    Starved,
    Over(Option<IoError>),
}

fn receive_end(result: i32) -> ReceiveEnd {
    if result > 0 {
        // Overflow of the completion queue ended it, nothing else did.
        return ReceiveEnd::Again;
    }
    let error = IoError::from_result(result);
    match error.kind {
        _ if result == 0 => ReceiveEnd::Over(None),
        _ if error.errno == libc::ENOBUFS => ReceiveEnd::Starved,
        IoErrorKind::Canceled | IoErrorKind::Transient => ReceiveEnd::Again,
        _ => ReceiveEnd::Over(Some(error)),
    }
}

/// A client that gave up while in the backlog, or nothing at all: no reason to pause.
fn passing_accept_error(error: IoError) -> bool {
    matches!(error.kind, IoErrorKind::Transient | IoErrorKind::Canceled)
        || error.errno == libc::ECONNABORTED
}

/// How often a receive reports.
pub(super) enum Shots {
    One,
    Many,
}

/// A receive into the buffer group.
pub(super) fn receive_entry(fd: RawFd, group: u16, shots: Shots) -> squeue::Entry {
    let ioprio = match shots {
        Shots::One => 0,
        Shots::Many => RECV_MULTISHOT,
    };
    opcode::Recv::new(Fd(fd), std::ptr::null_mut(), 0)
        .buf_group(group)
        .ioprio(ioprio)
        .build()
        .flags(squeue::Flags::BUFFER_SELECT)
}

fn at_once() -> Want {
    Want { completions: 0, min_wait_us: 0, timeout: None }
}

fn slot(index: usize) -> ConnId {
    ConnId { slot: index as u32, generation: 0 }
}

/// The ring refuses to wait on a descriptor that is marked non-blocking.
fn set_blocking(socket: &OwnedFd) {
    let flags = fcntl_getfl(socket).expect("a socket has flags");
    if flags.contains(OFlags::NONBLOCK) {
        fcntl_setfl(socket, flags - OFlags::NONBLOCK).expect("a socket takes flags");
    }
}
