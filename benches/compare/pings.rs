//! The worst PING while the server is made to do something large.
//!
//! Invariant: one PING is in flight at all times, on a connection of its own; what else is done waits
//! for nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::cases::{self, Growth, Shape};
use crate::client;
use crate::histogram::Histogram;
use crate::load::key;
use crate::options::Scale;
use crate::probes::{Figures, write_shape};
use crate::servers::{Contender, Server};

/// Requests in flight while something grows: enough to keep the server busy, few enough that a PING
/// does not wait for the batch before it.
const GROWTH_BATCH: u64 = 32;
/// How long PINGs are watched after something large was let go.
const FREEING: Duration = Duration::from_secs(3);
/// Until a set that was filled expires, milliseconds.
const EXPIRES_MS: &str = "300";

/// The worst PING while another connection adds keys, or fields of one hash, beside the worst of the
/// idle server.
pub fn growth(contender: &Contender, what: Growth, scale: &Scale) -> io::Result<Figures> {
    grow_beside(&Server::start(contender, &[])?, what, scale)
}

/// The same on a server that is there.
pub fn grow_beside(server: &Server, what: Growth, scale: &Scale) -> io::Result<Figures> {
    let mut pinger = Pinger::connect(server.port)?;
    let idle = pinger.watch(scale.idle_ping)?;
    let mut grower = Grower::connect(server.port, what)?;
    while grower.added < scale.growth_keys {
        grower.advance()?;
        pinger.advance()?;
    }
    Ok(beyond(&idle, &pinger.take_latencies()))
}

/// The worst PING after one large set was deleted, and after another one expired.
pub fn freeing(contender: &Contender, scale: &Scale) -> io::Result<Figures> {
    let server = Server::start(contender, &[])?;
    let mut client = server.connect()?;
    let mut fill = || {
        client.fill(scale.freed_members, b":1\r\n", |index, out| {
            client::encode(out, &[b"SADD", b"big", key(index).as_bytes()]);
        })
    };
    fill()?;
    let mut pinger = Pinger::connect(server.port)?;
    let idle = pinger.watch(scale.idle_ping)?;
    let mut other = server.connect()?;
    other.send(&["DEL", "big"])?;
    let deleted = pinger.watch(FREEING)?;
    other.line()?;
    fill()?;
    other.call(&["PEXPIRE", "big", EXPIRES_MS])?;
    // Its reply would have waited while nobody read it.
    let expired = Pinger::connect(server.port)?.watch(FREEING)?;
    let worse = if deleted.max_us() > expired.max_us() { deleted } else { expired };
    Ok(beyond(&idle, &worse))
}

pub fn beyond(idle: &Histogram, busy: &Histogram) -> Figures {
    vec![
        (&cases::WORST_IDLE, idle.max_us() / 1e3),
        (&cases::WORST_BUSY, busy.max_us() / 1e3),
        (&cases::BEYOND_IDLE, (busy.max_us() - idle.max_us()).max(0.0) / 1e3),
        (&cases::P999_BUSY, busy.percentile_us(0.999) / 1e3),
    ]
}

/// One PING in flight at all times. It is polled rather than waited for: the client's core is its
/// own, and a sleeping client would add its own wake-up to every latency.
pub struct Pinger {
    stream: TcpStream,
    sent: Instant,
    latencies: Histogram,
}

impl Pinger {
    pub fn connect(port: u16) -> io::Result<Self> {
        let mut stream = client::connect(port)?;
        stream.set_nonblocking(true)?;
        let sent = Instant::now();
        stream.write_all(b"PING\r\n")?;
        Ok(Self { stream, sent, latencies: Histogram::new() })
    }

    pub fn advance(&mut self) -> io::Result<()> {
        let mut reply = [0; 64];
        if !arrived(self.stream.read(&mut reply))?.is_some_and(|_| reply.starts_with(b"+PONG\r\n"))
        {
            return overdue(self.sent);
        }
        let now = Instant::now();
        self.latencies.record(now - self.sent);
        self.sent = now;
        self.stream.write_all(b"PING\r\n")
    }

    /// The latencies of some time in which nothing else is asked for.
    pub fn watch(&mut self, time: Duration) -> io::Result<Histogram> {
        let ends = Instant::now() + time;
        while Instant::now() < ends {
            self.advance()?;
        }
        Ok(self.take_latencies())
    }

    pub fn take_latencies(&mut self) -> Histogram {
        std::mem::replace(&mut self.latencies, Histogram::new())
    }
}

/// Adds keys or fields in small pipelined batches, one in flight.
struct Grower {
    what: Growth,
    stream: TcpStream,
    sent: Instant,
    added: u64,
    awaited: usize,
    request: Vec<u8>,
}

impl Grower {
    fn connect(port: u16, what: Growth) -> io::Result<Self> {
        let stream = client::connect(port)?;
        stream.set_nonblocking(true)?;
        let (sent, request) = (Instant::now(), Vec::new());
        let mut grower = Self { what, stream, sent, added: 0, awaited: 0, request };
        grower.send()?;
        Ok(grower)
    }

    fn send(&mut self) -> io::Result<()> {
        self.request.clear();
        for index in self.added..self.added + GROWTH_BATCH {
            match self.what {
                Growth::Keys => write_shape(Shape::Plain, index, &mut self.request),
                Growth::Hash => {
                    let field = key(index);
                    let words: [&[u8]; 4] = [b"HSET", b"big", field.as_bytes(), b"value"];
                    client::encode(&mut self.request, &words);
                }
            }
        }
        let reply: &[u8] = match self.what {
            Growth::Keys => b"+OK\r\n",
            Growth::Hash => b":1\r\n",
        };
        self.awaited = reply.len() * GROWTH_BATCH as usize;
        self.sent = Instant::now();
        // Does not block: the batch is small and everything before it has been answered.
        self.stream.write_all(&self.request)
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut replies = [0; 1024];
        let Some(count) = arrived(self.stream.read(&mut replies))? else {
            return overdue(self.sent);
        };
        if replies[..count].contains(&b'-') || count > self.awaited {
            let text = String::from_utf8_lossy(&replies[..count]);
            return Err(io::Error::other(format!("unexpected reply {text:?}")));
        }
        self.awaited -= count;
        if self.awaited > 0 {
            return Ok(());
        }
        self.added += GROWTH_BATCH;
        self.send()
    }
}

/// The bytes a non-blocking read brought, None when there are none yet.
fn arrived(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(0) => Err(io::Error::other("connection closed by the server")),
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn overdue(sent: Instant) -> io::Result<()> {
    if sent.elapsed() < client::REPLY_TIMEOUT {
        return Ok(());
    }
    Err(io::Error::other("the server stopped answering"))
}
