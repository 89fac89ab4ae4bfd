//! The load generator of the request cases: a closed loop over many connections.
//!
//! Each connection sends a batch of as many requests as the pipeline is deep, waits for all the
//! replies and sends the next batch. The client must be cheaper than any server it drives, so
//! requests are formatted once, before the clock starts: a batch is a slice of a large block and
//! goes to the socket without a copy. Replies all have the same length, so counting bytes counts
//! replies; the head of each is compared so that an error or a miss ends the run.
//!
//! Invariant: the same loop for every contender; allocates nothing while the clock runs.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::client::{self, REPLY_TIMEOUT};
use crate::histogram::Histogram;

/// Bytes of a value. Its key has 16 bytes, as redis-benchmark's have.
pub const VALUE_BYTES: usize = 64;
/// Requests in a block: enough to touch most of a million keys.
const BLOCK_REQUESTS: usize = 1 << 20;
const READ_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Get,
    Set,
}

/// The key of an index, in redis-benchmark's form.
pub fn key(index: u64) -> String {
    format!("key:{index:012}")
}

/// Requests for random keys, all of one length, ready to be sent.
pub struct Requests {
    bytes: Vec<u8>,
    stride: usize,
    reply_head: &'static [u8],
    reply_len: usize,
}

impl Requests {
    /// Formats requests for keys with an index below `keys`.
    pub fn prepare(verb: Verb, keys: u64, rng: &mut fastrand::Rng) -> Self {
        let value = [b'v'; VALUE_BYTES];
        let mut bytes = Vec::new();
        for _ in 0..BLOCK_REQUESTS {
            let key = key(rng.u64(..keys));
            match verb {
                Verb::Get => client::encode(&mut bytes, &[b"GET", key.as_bytes()]),
                Verb::Set => client::encode(&mut bytes, &[b"SET", key.as_bytes(), &value]),
            }
        }
        let (reply_head, reply_len): (&[u8], usize) = match verb {
            Verb::Get => (b"$64\r\n", 5 + VALUE_BYTES + 2),
            Verb::Set => (b"+OK\r\n", 5),
        };
        let stride = bytes.len() / BLOCK_REQUESTS;
        Self { bytes, stride, reply_head, reply_len }
    }

    fn batch(&self, first: usize, count: usize) -> &[u8] {
        &self.bytes[first * self.stride..(first + count) * self.stride]
    }
}

/// What a period of load came to.
pub struct Run {
    pub requests: u64,
    pub elapsed: Duration,
    pub latency: Histogram,
}

/// A set of connections to one server.
pub struct Load<'a> {
    requests: &'a Requests,
    pipeline: usize,
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    /// Index in the block of the next batch.
    next: usize,
    input: Vec<u8>,
}

/// One connection with one batch in flight.
struct Connection {
    stream: TcpStream,
    sent: Instant,
    /// Reply bytes of the batch received so far.
    received: usize,
}

impl<'a> Load<'a> {
    pub fn connect(
        requests: &'a Requests,
        port: u16,
        connections: usize,
        pipeline: usize,
    ) -> io::Result<Self> {
        assert!(pipeline > 0 && BLOCK_REQUESTS.is_multiple_of(pipeline));
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut load = Self {
            requests,
            pipeline,
            epoll,
            connections: Vec::with_capacity(connections),
            next: 0,
            input: vec![0; READ_BYTES],
        };
        for index in 0..connections {
            let stream = client::connect(port)?;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&load.epoll, &stream, data, epoll::EventFlags::IN)?;
            load.connections.push(Connection { stream, sent: Instant::now(), received: 0 });
        }
        Ok(load)
    }

    /// Drives the server for a period and returns when every reply has come, so that the server
    /// is at rest before and after.
    pub fn drive(&mut self, period: Duration) -> io::Result<Run> {
        let began = Instant::now();
        let mut run = Run { requests: 0, elapsed: Duration::ZERO, latency: Histogram::new() };
        let mut events = Vec::with_capacity(EVENTS_MAX);
        for index in 0..self.connections.len() {
            self.send(index, Instant::now())?;
        }
        let mut busy = self.connections.len();
        while busy > 0 {
            self.wait(&mut events)?;
            for event in events.drain(..) {
                let index = event.data.u64() as usize;
                if !self.receive(index)? {
                    continue;
                }
                let now = Instant::now();
                run.latency.record(now - self.connections[index].sent);
                run.requests += self.pipeline as u64;
                if now - began < period {
                    self.send(index, now)?;
                } else {
                    busy -= 1;
                }
            }
        }
        run.elapsed = began.elapsed();
        Ok(run)
    }

    fn wait(&self, events: &mut Vec<epoll::Event>) -> io::Result<()> {
        let timeout = Timespec { tv_sec: REPLY_TIMEOUT.as_secs() as i64, tv_nsec: 0 };
        match epoll::wait(&self.epoll, spare_capacity(events), Some(&timeout))? {
            0 => Err(io::Error::other("the server stopped answering")),
            _ => Ok(()),
        }
    }

    /// Sends the next batch. The sockets block, but one batch always fits: the server has read
    /// all that was sent before.
    fn send(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let batch = self.requests.batch(self.next, self.pipeline);
        self.next = (self.next + self.pipeline) % BLOCK_REQUESTS;
        let connection = &mut self.connections[index];
        connection.sent = now;
        connection.received = 0;
        connection.stream.write_all(batch)
    }

    /// Takes what has arrived; true when the batch is complete.
    fn receive(&mut self, index: usize) -> io::Result<bool> {
        let connection = &mut self.connections[index];
        let count = connection.stream.read(&mut self.input)?;
        if count == 0 {
            return Err(io::Error::other("connection closed by the server"));
        }
        self.requests.check(&self.input[..count], connection.received)?;
        connection.received += count;
        let expected = self.requests.reply_len * self.pipeline;
        if connection.received > expected {
            return Err(io::Error::other("more bytes than the replies asked for have"));
        }
        Ok(connection.received == expected)
    }
}

impl Requests {
    /// Checks the head of each reply that begins in `chunk`, which starts `offset` bytes into the
    /// replies of a batch.
    fn check(&self, chunk: &[u8], offset: usize) -> io::Result<()> {
        let first = offset.next_multiple_of(self.reply_len) - offset;
        for start in (first..chunk.len()).step_by(self.reply_len) {
            let reply = &chunk[start..];
            let len = reply.len().min(self.reply_head.len());
            if reply[..len] != self.reply_head[..len] {
                let reply = String::from_utf8_lossy(&reply[..reply.len().min(80)]);
                return Err(io::Error::other(format!("unexpected reply {reply:?}")));
            }
        }
        Ok(())
    }
}
