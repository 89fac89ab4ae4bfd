//! What the server remembers of one connection. An idle one owns no buffer: its input lies in the
//! driver's ring until it is parsed, and its output buffer goes back to a pool once sent.

use super::{CommandId, Tracking, Transaction, UserId, table::ClientId};
use crate::resp::{Output, Progress, Protocol};

/// So little output does not count against limits on clients. Redis has it in a buffer that its
/// limits do not look at, and sooner nobody has to look.
pub const UNCOUNTED_BYTES: usize = 16 * 1024;

/// With so much output waiting for a client nothing more of what it sent is executed or read: a few
/// bytes can ask for very many.
pub const FULL_BYTES: usize = 1024 * 1024;

/// Facts about a connection that are true or false.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientFlags(u32);

impl ClientFlags {
    pub const AUTHENTICATED: ClientFlags = ClientFlags(1 << 0);
    /// In a transaction: commands are queued.
    pub const MULTI: ClientFlags = ClientFlags(1 << 1);
    /// A queued command was refused: EXEC answers EXECABORT.
    pub const DIRTY_EXEC: ClientFlags = ClientFlags(1 << 2);
    pub const MONITOR: ClientFlags = ClientFlags(1 << 3);
    pub const UNIX_SOCKET: ClientFlags = ClientFlags(1 << 4);
    /// Commands leave the LRU and LFU clocks alone.
    pub const NO_TOUCH: ClientFlags = ClientFlags(1 << 5);
    pub const NO_EVICT: ClientFlags = ClientFlags(1 << 6);
    /// Nothing more is executed; closed once its output was sent.
    pub const CLOSE_AFTER_REPLY: ClientFlags = ClientFlags(1 << 7);
    /// Being closed; its output no longer matters.
    pub const CLOSING: ClientFlags = ClientFlags(1 << 8);
    /// Execution waits for the end of CLIENT PAUSE; input is kept.
    pub const POSTPONED: ClientFlags = ClientFlags(1 << 9);
    /// A send is under way; its buffer is with the driver.
    pub const SENDING: ClientFlags = ClientFlags(1 << 10);
    /// Listed among those whose output leaves at the end of the turn.
    pub const WRITABLE: ClientFlags = ClientFlags(1 << 11);
    /// Receiving is stopped until its output has drained.
    pub const THROTTLED: ClientFlags = ClientFlags(1 << 12);
    /// EXEC is running this client's queue.
    pub const EXECUTING: ClientFlags = ClientFlags(1 << 13);
    /// A script is running for this client.
    pub const SCRIPT: ClientFlags = ClientFlags(1 << 20);

    /// Its user may not do everything, so every call has to be looked at.
    pub const RESTRICTED: ClientFlags = ClientFlags(1 << 16);
    /// Listens to channels, patterns or shard channels.
    pub const SUBSCRIBER: ClientFlags = ClientFlags(1 << 15);

    /// Listed among those who have more output waiting than their soft limit.
    pub const LAGGARD: ClientFlags = ClientFlags(1 << 19);
    /// [`FULL_BYTES`] of output wait, and requests with them.
    pub const FULL: ClientFlags = ClientFlags(1 << 17);
    /// It will send nothing more, and is closed once it was served.
    pub const HUNG_UP: ClientFlags = ClientFlags(1 << 18);
    /// Connected from this machine.
    pub const LOCAL: ClientFlags = ClientFlags(1 << 14);
    /// Waits for a key (`command::block`); input is kept.
    pub const BLOCKED: ClientFlags = ClientFlags(1 << 30);
    /// What it sends is kept and executed later.
    pub const WAITING: ClientFlags =
        ClientFlags::POSTPONED.or(ClientFlags::BLOCKED).or(ClientFlags::FULL);
    /// Nothing more of this client is executed.
    pub const DEAF: ClientFlags = ClientFlags(1 << 7 | 1 << 8);

    pub fn has(self, other: ClientFlags) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn intersects(self, other: ClientFlags) -> bool {
        self.0 & other.0 != 0
    }

    pub fn insert(&mut self, other: ClientFlags) {
        self.0 |= other.0;
    }

    pub fn remove(&mut self, other: ClientFlags) {
        self.0 &= !other.0;
    }

    pub fn set(&mut self, other: ClientFlags, on: bool) {
        if on { self.insert(other) } else { self.remove(other) }
    }

    pub const fn or(self, other: ClientFlags) -> ClientFlags {
        ClientFlags(self.0 | other.0)
    }
}

/// CLIENT REPLY.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    #[default]
    On,
    Off,
    /// The reply of the command after CLIENT REPLY SKIP is dropped.
    SkipNext,
    Skip,
}

/// One connection.
pub struct Client {
    /// Position in the table; dies with the connection.
    pub key: ClientId,
    /// CLIENT ID: grows, never reused.
    pub id: u64,
    pub flags: ClientFlags,
    pub reply_mode: ReplyMode,
    pub protocol: Protocol,
    /// Whose permissions it has.
    pub user: UserId,
    /// Selected database.
    pub db: u32,
    pub name: Option<Box<[u8]>>,
    pub lib_name: Option<Box<[u8]>>,
    pub lib_version: Option<Box<[u8]>>,
    /// Peer and own address as CLIENT LIST prints them.
    pub addr: Box<str>,
    pub laddr: Box<str>,
    /// Descriptor number, for CLIENT LIST only.
    pub fd: i32,
    /// Unix time of the connection, seconds.
    pub created_s: i64,
    /// Unix time of the last command, seconds.
    pub active_s: i64,
    pub last_command: Option<CommandId>,
    /// Commands of this client whose execution began.
    pub commands: u64,
    /// The last group of the log's records that its output depends on; with `appendfsync always` it
    /// waits until that group is durable.
    pub group: u64,
    /// Bytes of a request that has not arrived whole.
    pub pending: Vec<u8>,
    pub progress: Progress,
    /// Bytes that the request in `pending` is known to lack.
    pub missing: usize,
    /// Commands set aside by CLIENT PAUSE during the current batch; they precede `pending`.
    pub held: Vec<u8>,
    /// Replies not yet handed to the driver.
    pub output: Output,
    /// Bytes of the send under way that have not left.
    pub sending_bytes: usize,
    /// Capacity of the buffer of that send, bytes.
    pub sending_capacity: usize,
    /// What [`ClientMemory`](super::ClientMemory) has counted of this client, bytes.
    pub counted_output: usize,
    pub counted_large_output: usize,
    pub counted_rest: usize,
    /// Unix time in milliseconds since when more output waits than the soft limit allows.
    pub soft_limit_since_ms: Option<i64>,
    /// MULTI's queue and WATCH's keys, while either is in use.
    pub transaction: Option<Box<Transaction>>,
    /// CLIENT TRACKING, while it is on.
    pub tracking: Option<Box<Tracking>>,
}

impl Client {
    /// Output of this client tells of writes up to `group` of the log: see [`Client::group`].
    #[inline]
    pub fn reveals(&mut self, group: u64) {
        self.group = self.group.max(group);
    }

    pub fn new(key: ClientId, id: u64, now_s: i64) -> Client {
        Client {
            key,
            id,
            flags: ClientFlags::default(),
            reply_mode: ReplyMode::On,
            protocol: Protocol::Resp2,
            user: UserId::DEFAULT,
            db: 0,
            name: None,
            lib_name: None,
            lib_version: None,
            addr: "".into(),
            laddr: "".into(),
            fd: -1,
            created_s: now_s,
            active_s: now_s,
            last_command: None,
            group: 0,
            commands: 0,
            pending: Vec::new(),
            progress: Progress::default(),
            missing: 0,
            held: Vec::new(),
            output: Output::default(),
            sending_bytes: 0,
            sending_capacity: 0,
            counted_output: 0,
            counted_large_output: 0,
            counted_rest: 0,
            soft_limit_since_ms: None,
            transaction: None,
            tracking: None,
        }
    }

    pub fn has(&self, flags: ClientFlags) -> bool {
        self.flags.has(flags)
    }

    /// Whether nothing about it makes its requests special: it has authenticated as a user who may do
    /// everything, is not in a transaction, listens to nothing, and has no message waiting.
    #[inline]
    pub fn is_plain(&self) -> bool {
        const LOOKED_AT: ClientFlags = ClientFlags::AUTHENTICATED
            .or(ClientFlags::MULTI)
            .or(ClientFlags::MONITOR)
            .or(ClientFlags::RESTRICTED)
            .or(ClientFlags::SUBSCRIBER);
        self.flags.0 & LOOKED_AT.0 == ClientFlags::AUTHENTICATED.0 && self.output.is_empty()
    }

    /// Takes note of a command whose execution begins.
    #[inline]
    pub fn begin(&mut self, command: CommandId) {
        self.last_command = Some(command);
        self.commands += 1;
    }

    /// Bytes of its output buffers, that of the send under way included.
    pub fn output_memory(&self) -> usize {
        self.output.capacity() + self.sending_capacity
    }

    /// Bytes that [`ClientMemory`](super::ClientMemory) has counted of it against its limit.
    pub fn counted_memory(&self) -> usize {
        self.counted_large_output + self.counted_rest
    }

    /// Heap and struct bytes of this record but for its output. What tables elsewhere hold for the
    /// client is theirs to tell.
    pub fn memory_without_output(&self) -> usize {
        size_of::<Client>()
            + self.pending.capacity()
            + self.held.capacity()
            + self.progress.memory()
            + self.addr.len()
            + self.laddr.len()
            + [&self.name, &self.lib_name, &self.lib_version]
                .into_iter()
                .flatten()
                .map(|text| text.len())
                .sum::<usize>()
            + self.transaction.as_ref().map_or(0, |transaction| transaction.memory())
            + self.tracking.as_ref().map_or(0, |tracking| tracking.memory())
    }

    /// Bytes it sent that wait to be executed: incomplete, held back, or queued by MULTI.
    pub fn input_bytes(&self) -> usize {
        let queued = self.transaction.as_ref().map_or(0, |transaction| transaction.queue_memory());
        self.pending.len() + self.held.len() + queued
    }

    /// Bytes of output that have not left.
    pub fn waiting_bytes(&self) -> usize {
        self.output.len() + self.sending_bytes
    }

    /// Clients that may be silent for as long as they like.
    pub fn is_exempt_from_timeout(&self) -> bool {
        self.flags
            .intersects(ClientFlags::MONITOR.or(ClientFlags::SUBSCRIBER).or(ClientFlags::BLOCKED))
    }

    /// Whether it listens and cannot tell a message from a reply, so that it may call little else.
    pub fn listens_in_resp2(&self) -> bool {
        self.has(ClientFlags::SUBSCRIBER) && self.protocol == Protocol::Resp2
    }

    /// The transaction record, created on first use.
    pub fn transaction_mut(&mut self) -> &mut Transaction {
        self.transaction.get_or_insert_default()
    }
}
