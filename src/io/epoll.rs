//! The epoll driver: readiness turned into the same completions, for hosts and containers that deny
//! io_uring.
//!
//! Level-triggered. A connection is registered when it starts to receive and changed only when what
//! it waits for changes: a pause, a short send, the end of the stream.
//!
//! Invariant: shows the observer what the ring driver shows; nothing of a connection is in flight in
//! the kernel, so closing is immediate, yet reported with the next wait.

#![allow(unsafe_code)]

use {
    super::{
        ACCEPT_BACKOFF_US, Completion, ConnId, Figures, IoError, IoErrorKind, Lease, ListenerId,
        Op, Settings, WatchId, deadline_us,
        flusher::Flusher,
        gather::{Gathering, SECOND_LOOK_US},
        listener_id, now_us,
        op::{Connection, Due, Kind, Outgoing, Receiving, Table, pack, unpack},
        pages::Pages,
    },
    rustix::{
        event::{
            Timespec,
            epoll::{self, CreateFlags, Event, EventData, EventFlags},
        },
        fs::{OFlags, fcntl_getfl, fcntl_setfl},
        io::Errno,
        net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send},
    },
    std::{
        collections::VecDeque,
        fmt,
        fs::File,
        os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
        sync::Arc,
        thread,
        time::Duration,
    },
};

/// Buffers one connection may fill per turn, so that a flood leaves room for the others (U12).
const RECEIVES_PER_TURN_MAX: u32 = 8;
/// Connections one listener may accept per turn.
const ACCEPTS_PER_TURN_MAX: u32 = 64;
/// Calls one send may make before others have their turn.
const SENDS_PER_TURN_MAX: u32 = 16;

/// Bits of `Connection::interest`.
const READ: u8 = 1;
const WRITE: u8 = 2;

#[derive(Debug)]
struct Listener {
    socket: OwnedFd,
    retry_at_us: Option<u64>,
}

/// The driver over epoll.
pub(super) struct Epoll {
    epoll: OwnedFd,
    /// Ready descriptors of this turn, no more than there are buffers: the kernel reports the others
    /// first next time, while one that was taken and starved would have to be registered anew.
    events: Vec<Event>,
    buffers: Pages,
    /// Buffers not lent, last in first out: few pages are touched under light load.
    free: Vec<u16>,
    table: Table,
    listeners: Vec<Option<Listener>>,
    watches: Vec<WatchId>,
    /// The thread that syncs files; there is none before the first one.
    flusher: Option<Flusher>,
    starved: VecDeque<ConnId>,
    finished: Vec<Completion>,
    gathering: Gathering,
    completions_max: usize,
    figures: Figures,
}

impl Epoll {
    pub(super) fn open(settings: &Settings) -> Result<Self, IoError> {
        let buffers =
            Pages::map(usize::from(settings.buffer_count), settings.buffer_bytes as usize)?;
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(usize::from(settings.buffer_count)),
            buffers,
            free: (0..settings.buffer_count).rev().collect(),
            table: Table::new(),
            listeners: Vec::new(),
            watches: Vec::new(),
            flusher: None,
            starved: VecDeque::new(),
            finished: Vec::new(),
            gathering: Gathering::default(),
            completions_max: settings.completions_max,
            figures: Figures::default(),
        })
    }

    pub(super) fn listen(&mut self, socket: OwnedFd) -> ListenerId {
        set_nonblocking(&socket);
        let free = self.listeners.iter().position(Option::is_none);
        let index = free.unwrap_or(self.listeners.len());
        if free.is_none() {
            self.listeners.push(None);
        }
        register(&self.epoll, &socket, pack(Kind::Accept, slot(index)));
        self.listeners[index] = Some(Listener { socket, retry_at_us: None });
        listener_id(index)
    }

    pub(super) fn stop_listening(&mut self, listener: ListenerId) {
        let Some(stopped) = self.listeners.get_mut(usize::from(listener.0)) else { return };
        // A forked child may hold the socket for a moment, so closing alone might not take it out.
        if let Some(Listener { socket, retry_at_us: None }) = stopped.take() {
            epoll::delete(&self.epoll, &socket).expect("registered while accepting");
        }
    }

    pub(super) fn adopt(&mut self, socket: OwnedFd) -> ConnId {
        set_nonblocking(&socket);
        self.table.insert(socket)
    }

    pub(super) fn submit(&mut self, op: Op) {
        match op {
            Op::Receive { conn } => self.want_receive(conn, true),
            Op::PauseReceive { conn } => self.want_receive(conn, false),
            Op::Send { conn, buf } => self.send(conn, buf),
            Op::Close { conn } => self.close(conn),
            Op::Watch { watch, fd } => self.watch(watch, fd),
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
        self.buffers.bytes(usize::from(lease.buffer), lease.len as usize)
    }

    pub(super) fn release(&mut self, lease: Lease) {
        assert!(self.free.len() < self.buffers.count(), "released more leases than were lent");
        self.free.push(lease.buffer);
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
        let ids = self.table.ids().into_iter();
        let operations = ids.filter_map(|conn| self.table.get(conn)).map(Connection::in_flight);
        let accepting = self.listeners.iter().flatten().filter(|one| one.retry_at_us.is_none());
        let syncing = self.flusher.as_ref().is_some_and(Flusher::is_busy);
        operations.sum::<usize>() + accepting.count() + self.watches.len() + usize::from(syncing)
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            buffers_lent: (self.buffers.count() - self.free.len()) as u64,
            buffers_total: self.buffers.count() as u64,
            ..self.figures
        }
    }

    pub(super) fn shutdown(&mut self, _deadline: Duration) {
        self.listeners.clear();
        self.watches.clear();
        self.table.ids().into_iter().for_each(|conn| self.close(conn));
        self.finished.clear();
    }
}

/// One turn.
impl Epoll {
    fn prepare(&mut self, now: u64) {
        self.gathering.turn(now);
        let fed = self.starved.len().min(self.free.len());
        for conn in self.starved.drain(..fed).collect::<Vec<_>>() {
            if let Some(connection) = self.table.get_mut(conn) {
                connection.receiving = Receiving::Off;
                self.settle(conn);
            }
        }
        for index in 0..self.listeners.len() {
            let Some(listener) = &mut self.listeners[index] else { continue };
            if listener.retry_at_us.is_some_and(|at| now >= at) {
                listener.retry_at_us = None;
                register(&self.epoll, &listener.socket, pack(Kind::Accept, slot(index)));
            }
        }
    }

    fn turn(&mut self, now: u64, deadline: Option<u64>, out: &mut Vec<Completion>) {
        let retries = self.listeners.iter().flatten().filter_map(|listener| listener.retry_at_us);
        let until = retries.chain(deadline).min();
        let timeout = match self.finished.is_empty() {
            true => until.map(|until| Duration::from_micros(until.saturating_sub(now))),
            false => Some(Duration::ZERO),
        };
        self.look(timeout);
        let ready = self.events.len() as u32;
        if timeout != Some(Duration::ZERO) && self.gathering.second_look(ready) {
            self.figures.gathered_waits += 1;
            thread::sleep(Duration::from_micros(u64::from(SECOND_LOOK_US)));
            self.look(Some(Duration::ZERO));
            self.gathering.looked(self.events.len() as u32);
        }
        let full = out.len().saturating_add(self.completions_max);
        let events = std::mem::take(&mut self.events);
        for event in &events {
            if out.len() >= full {
                break;
            }
            self.on_event(event, full, out);
        }
        self.events = events;
        out.append(&mut self.finished);
    }

    fn look(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        self.figures.enters += 1;
        self.events.clear();
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => panic!("epoll_wait: {errno}"),
        }
    }

    fn on_event(&mut self, event: &Event, full: usize, out: &mut Vec<Completion>) {
        let flags = event.flags;
        match unpack(event.data.u64()) {
            (Kind::Accept, at) => self.accept(at.slot as usize, full, out),
            (Kind::Watch, at) => {
                let watch = self.watches.get(at.slot as usize);
                out.extend(watch.map(|&watch| Completion::Ready { watch }));
            }
            (Kind::Sync, _) => {
                let result = self.flusher.as_mut().and_then(Flusher::take);
                out.extend(result.map(|result| Completion::Synced { result }));
            }
            (_, conn) => {
                // Errors and hang-ups surface in the call they concern.
                let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
                if broken || flags.contains(EventFlags::OUT) {
                    self.resume_send(conn, out);
                }
                if broken || flags.contains(EventFlags::IN) {
                    self.receive(conn, full, out);
                }
                self.settle(conn);
            }
        }
    }
}

/// Connections.
impl Epoll {
    fn want_receive(&mut self, conn: ConnId, wanted: bool) {
        if let Some(connection) = self.table.get_mut(conn) {
            connection.wanted = wanted;
            self.settle(conn);
        }
    }

    /// Does what the connection's state asks for; called after each change of it.
    fn settle(&mut self, conn: ConnId) {
        let Some(connection) = self.table.get_mut(conn) else { return };
        match connection.due() {
            Due::ArmReceive => connection.receiving = Receiving::Armed,
            Due::CancelReceive => connection.receiving = Receiving::Off,
            _ => {}
        }
        let read = if connection.receiving == Receiving::Armed { READ } else { 0 };
        let write = if connection.send.is_some() { WRITE } else { 0 };
        set_interest(&self.epoll, conn, connection, read | write);
    }

    fn receive(&mut self, conn: ConnId, full: usize, out: &mut Vec<Completion>) {
        for _ in 0..RECEIVES_PER_TURN_MAX {
            let Some(connection) = self.table.get_mut(conn) else { return };
            if connection.receiving != Receiving::Armed || out.len() >= full {
                return;
            }
            let Some(buffer) = self.free.pop() else {
                // U12: registered on, it would be reported ready over and over.
                connection.receiving = Receiving::Starved;
                self.starved.push_back(conn);
                self.figures.buffer_shortages += 1;
                return;
            };
            let bytes = self.buffers.bytes_mut(usize::from(buffer));
            let size = bytes.len();
            let result = recv(connection.descriptor(), bytes, RecvFlags::empty());
            match result {
                Ok((len, _)) if len > 0 => {
                    self.gathering.note(&mut connection.stamp);
                    self.figures.receives += 1;
                    self.figures.received_bytes += len as u64;
                    let lease = Lease { buffer, len: len as u32 };
                    out.push(Completion::Received { conn, lease });
                    if len < size {
                        return;
                    }
                    continue;
                }
                // U13: nothing came, so the buffer goes back.
                _ => self.free.push(buffer),
            }
            let error = match result {
                Ok(_) => None,
                Err(errno) => Some(IoError::from(errno)),
            };
            if error.is_some_and(|error| error.kind == IoErrorKind::Transient) {
                return;
            }
            connection.receiving = Receiving::Ended;
            return out.push(Completion::ReceiveEnded { conn, error });
        }
    }

    fn send(&mut self, conn: ConnId, buf: Vec<u8>) {
        let out = Outgoing { buf, sent: 0 };
        let Some(connection) = self.table.get_mut(conn) else {
            return self.finished.push(out.finish(conn, Err(IoError::canceled())));
        };
        assert!(connection.send.is_none(), "a second send on {conn:?}");
        if out.buf.is_empty() {
            return self.finished.push(out.finish(conn, Ok(())));
        }
        connection.send = Some(out);
        let mut finished = std::mem::take(&mut self.finished);
        self.resume_send(conn, &mut finished);
        self.finished = finished;
        self.settle(conn);
    }

    /// Sends what the socket takes; reports the buffer once it is through or broken.
    fn resume_send(&mut self, conn: ConnId, out: &mut Vec<Completion>) {
        let Some(connection) = self.table.get_mut(conn) else { return };
        let Some(mut outgoing) = connection.send.take() else { return };
        let Some(result) = push_out(connection.descriptor(), &mut outgoing) else {
            self.figures.short_sends += 1;
            connection.send = Some(outgoing);
            return;
        };
        self.figures.sends += 1;
        self.figures.sent_bytes += outgoing.sent as u64;
        out.push(outgoing.finish(conn, result));
    }

    fn close(&mut self, conn: ConnId) {
        let Some(connection) = self.table.get_mut(conn) else { return };
        if let Some(outgoing) = connection.send.take() {
            self.figures.sends += 1;
            self.figures.sent_bytes += outgoing.sent as u64;
            self.finished.push(outgoing.finish(conn, Err(IoError::canceled())));
        }
        connection.receiving = Receiving::Ended;
        set_interest(&self.epoll, conn, connection, 0);
        self.table.remove(conn);
        self.finished.push(Completion::Closed { conn });
    }
}

/// Listeners and watches.
impl Epoll {
    fn accept(&mut self, index: usize, full: usize, out: &mut Vec<Completion>) {
        let id = listener_id(index);
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let Some(Some(listener)) = self.listeners.get_mut(index) else { return };
            if out.len() >= full {
                return;
            }
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match accept_with(&listener.socket, flags).map_err(IoError::from) {
                Ok(socket) => {
                    let conn = self.table.insert(socket);
                    self.figures.accepts += 1;
                    out.push(Completion::Accepted { listener: id, conn });
                }
                // A client that gave up in the backlog says nothing about the next one.
                Err(error) if error.errno == libc::ECONNABORTED => {}
                Err(error) if error.kind == IoErrorKind::Transient => return,
                Err(error) => {
                    // U11: left registered it would spin until a descriptor is free.
                    listener.retry_at_us = Some(now_us() + ACCEPT_BACKOFF_US);
                    epoll::delete(&self.epoll, &listener.socket).expect("registered before");
                    self.figures.accept_backoffs += 1;
                    return out.push(Completion::AcceptFailed { listener: id, error });
                }
            }
        }
    }

    fn sync(&mut self, file: Arc<File>) {
        let epoll = &self.epoll;
        let flusher = self.flusher.get_or_insert_with(|| {
            let flusher = Flusher::start();
            register(epoll, flusher.done(), pack(Kind::Sync, slot(0)));
            flusher
        });
        flusher.sync(file);
    }

    fn watch(&mut self, watch: WatchId, fd: RawFd) {
        let index = self.watches.len();
        self.watches.push(watch);
        // SAFETY: a watched descriptor outlives the driver, by the contract of `Op::Watch`.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        register(&self.epoll, fd, pack(Kind::Watch, slot(index)));
    }
}

impl fmt::Debug for Epoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Epoll").field("connections", &self.table.open()).finish_non_exhaustive()
    }
}

/// Sends until the buffer is through or broken; None when the socket is full (U6).
fn push_out(socket: &OwnedFd, outgoing: &mut Outgoing) -> Option<Result<(), IoError>> {
    for _ in 0..SENDS_PER_TURN_MAX {
        match send(socket, outgoing.rest(), SendFlags::NOSIGNAL).map_err(IoError::from) {
            Ok(bytes) if outgoing.advance(bytes) => return Some(Ok(())),
            Ok(_) => {}
            Err(error) if error.errno == libc::EINTR => {}
            Err(error) if error.kind == IoErrorKind::Transient => return None,
            Err(error) => return Some(Err(error)),
        }
    }
    None
}

/// Brings the registration of a connection in line with what it waits for. One that waits for
/// nothing is taken out: epoll reports hang-ups to whoever is in, asked or not, without end.
fn set_interest(epoll: &OwnedFd, conn: ConnId, connection: &mut Connection, interest: u8) {
    if connection.interest == interest {
        return;
    }
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest & READ != 0);
    flags.set(EventFlags::OUT, interest & WRITE != 0);
    let data = EventData::new_u64(pack(Kind::Receive, conn));
    let socket = connection.descriptor();
    let changed = match (connection.interest, interest) {
        (0, _) => epoll::add(epoll, socket, data, flags),
        (_, 0) => epoll::delete(epoll, socket),
        _ => epoll::modify(epoll, socket, data, flags),
    };
    changed.unwrap_or_else(|errno| panic!("epoll_ctl on {conn:?}: {errno}"));
    connection.interest = interest;
}

fn register(epoll: &OwnedFd, source: impl AsFd, user_data: u64) {
    epoll::add(epoll, source, EventData::new_u64(user_data), EventFlags::IN)
        .unwrap_or_else(|errno| panic!("epoll_ctl: {errno}"));
}

fn slot(index: usize) -> ConnId {
    ConnId { slot: index as u32, generation: 0 }
}

fn set_nonblocking(socket: &OwnedFd) {
    let flags = fcntl_getfl(socket).expect("a socket has flags");
    if !flags.contains(OFlags::NONBLOCK) {
        fcntl_setfl(socket, flags | OFlags::NONBLOCK).expect("a socket takes flags");
    }
}
