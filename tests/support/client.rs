//! A blocking client: commands, pipelines, raw bytes; every wait is bounded.
//!
//! Invariant: sends exactly what it is told, nothing on its own.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Value, split_args};

/// Longest wait for a byte before the test fails.
const REPLY_WAIT: Duration = Duration::from_secs(20);

trait Stream: Read + Write + AsFd + Send {}
impl<T: Read + Write + AsFd + Send> Stream for T {}

pub struct Client {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

impl Client {
    /// Connects over TCP without Nagle's delay.
    pub fn connect(address: SocketAddr) -> std::io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_WAIT))?;
        stream.set_write_timeout(Some(REPLY_WAIT))?;
        Ok(Client { stream: Box::new(stream), received: Vec::new() })
    }

    /// Connects to a unix socket.
    pub fn connect_unix(path: &Path) -> std::io::Result<Client> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(REPLY_WAIT))?;
        stream.set_write_timeout(Some(REPLY_WAIT))?;
        Ok(Client { stream: Box::new(stream), received: Vec::new() })
    }

    /// Runs one command given as words.
    pub fn cmd<T: AsRef<[u8]>>(&mut self, words: &[T]) -> Value {
        self.send(&encode(words));
        self.recv()
    }

    /// Runs one command given as a line, quoted as in redis-cli.
    pub fn run(&mut self, line: &str) -> Value {
        self.cmd(&split_args(line))
    }

    /// Runs a line and compares its reply.
    #[track_caller]
    pub fn check(&mut self, line: &str, expected: Value) {
        assert_eq!(self.run(line), expected, "{line}");
    }

    /// Sends all lines at once, then reads all replies.
    pub fn pipeline(&mut self, lines: &[&str]) -> Vec<Value> {
        let bytes: Vec<u8> = lines.iter().flat_map(|line| encode(&split_args(line))).collect();
        self.send(&bytes);
        lines.iter().map(|_| self.recv()).collect()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Sends bytes as they are, to a server that may have closed the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next reply.
    pub fn recv(&mut self) -> Value {
        self.recv_with_bytes().0
    }

    /// The next reply of a server that may end; `None` if it does first.
    pub fn try_recv(&mut self) -> Option<Value> {
        loop {
            if let Some((value, used)) = Value::parse(&self.received) {
                self.received.drain(..used);
                return Some(value);
            }
            if !self.fill().unwrap_or(false) {
                return None;
            }
        }
    }

    /// The next reply and its encoding.
    pub fn recv_with_bytes(&mut self) -> (Value, Vec<u8>) {
        loop {
            if let Some((value, used)) = Value::parse(&self.received) {
                return (value, self.received.drain(..used).collect());
            }
            assert!(self.fill().expect("a reply in time"), "closed before the reply");
        }
    }

    /// Exactly `count` bytes.
    pub fn recv_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(self.fill().expect("bytes in time"), "closed after {:?}", self.received);
        }
        self.received.drain(..count).collect()
    }

    /// Everything up to the end of the connection; a reset counts as its end.
    pub fn recv_to_end(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return std::mem::take(&mut self.received),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return std::mem::take(&mut self.received);
                }
                Err(error) => panic!("connection stays open: {error}"),
            }
        }
    }

    /// Closes with a reset instead of a farewell.
    pub fn reset(self) {
        let linger = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(&self.stream, linger).expect("a socket");
    }

    /// Reads once; false at the end of the connection.
    fn fill(&mut self) -> std::io::Result<bool> {
        let mut chunk = [0; 64 * 1024];
        let count = loop {
            match self.stream.read(&mut chunk) {
                // A machine that was suspended meanwhile is no reason to fail.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        self.received.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }
}

/// The request of a command: an array of bulk strings.
pub fn encode<T: AsRef<[u8]>>(words: &[T]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
