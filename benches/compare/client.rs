//! A plain blocking connection, for filling a server and asking it things.
//!
//! Invariant: not on the path of a timed request case; those use `load`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A server that does not answer for this long is taken for hung.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// Requests written at once when filling.
const FILL_BATCH: u64 = 256;

pub struct Client {
    stream: BufReader<TcpStream>,
}

/// A socket to a server, without delay and with a time limit.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
    Ok(stream)
}

/// Appends a request in RESP.
pub fn encode(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    push_header(out, '*', arguments.len());
    for argument in arguments {
        push_header(out, '$', argument.len());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

fn push_header(out: &mut Vec<u8>, kind: char, count: usize) {
    out.extend_from_slice(format!("{kind}{count}\r\n").as_bytes());
}

impl Client {
    pub fn connect(port: u16) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(connect(port)?) })
    }

    /// Sends one command whose reply is one line, and returns that line.
    pub fn call(&mut self, arguments: &[&str]) -> io::Result<String> {
        self.send(arguments)?;
        self.line()
    }

    /// Sends one command without waiting for its reply.
    pub fn send(&mut self, arguments: &[&str]) -> io::Result<()> {
        let mut request = Vec::new();
        let arguments: Vec<&[u8]> = arguments.iter().map(|a| a.as_bytes()).collect();
        encode(&mut request, &arguments);
        self.stream.get_mut().write_all(&request)
    }

    /// A reply of one line.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("connection closed by the server"));
        }
        if line.starts_with('-') {
            return Err(io::Error::other(format!("the server answers {}", line.trim_end())));
        }
        Ok(line.trim_end().to_owned())
    }

    /// Reads a key that is there.
    pub fn get(&mut self, key: &str) -> io::Result<()> {
        let len = self.call(&["GET", key])?;
        let mut value = String::new();
        self.stream.read_line(&mut value)?;
        if value.is_empty() { Err(unexpected(&len)) } else { Ok(()) }
    }

    /// A field of INFO.
    pub fn info(&mut self, field: &str) -> io::Result<String> {
        let head = self.call(&["INFO"])?;
        let len: usize =
            head.strip_prefix('$').and_then(|n| n.parse().ok()).ok_or_else(|| unexpected(&head))?;
        let mut text = vec![0; len + 2];
        self.stream.read_exact(&mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.map(str::to_owned).ok_or_else(|| unexpected(&text))
    }

    pub fn ping(&mut self) -> io::Result<()> {
        let reply = self.call(&["PING"])?;
        if reply == "+PONG" { Ok(()) } else { Err(unexpected(&reply)) }
    }

    /// Number of keys in the selected database.
    pub fn dbsize(&mut self) -> io::Result<u64> {
        let reply = self.call(&["DBSIZE"])?;
        reply.strip_prefix(':').and_then(|n| n.parse().ok()).ok_or_else(|| unexpected(&reply))
    }

    /// Sends `count` pipelined requests; `write` appends the one of an index, and each must be
    /// answered with exactly `reply`.
    pub fn fill(
        &mut self,
        count: u64,
        reply: &[u8],
        mut write: impl FnMut(u64, &mut Vec<u8>),
    ) -> io::Result<()> {
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        let mut next = 0;
        while next < count {
            let end = count.min(next + FILL_BATCH);
            requests.clear();
            (next..end).for_each(|index| write(index, &mut requests));
            self.stream.get_mut().write_all(&requests)?;
            replies.resize(reply.len() * (end - next) as usize, 0);
            self.stream.read_exact(&mut replies)?;
            if let Some(wrong) = replies.chunks(reply.len()).find(|chunk| *chunk != reply) {
                return Err(unexpected(&String::from_utf8_lossy(wrong)));
            }
            next = end;
        }
        Ok(())
    }
}

fn unexpected(reply: &str) -> io::Error {
    io::Error::other(format!("unexpected reply {reply:?}"))
}
