//! `sidering healthcheck`: asks a server whether it serves, for images without a shell or a client.
//!
//! Invariant: one PING on a connection of its own; waits no longer than it is told to.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use crate::base::num::{parse_f64, parse_i64};

/// Where the password comes from, as with redis-cli: it is no argument that others could see.
const PASSWORD: &str = "REDISCLI_AUTH";
const USAGE: &str = "[--host HOST] [--port PORT] [--socket PATH] [--user NAME] [--timeout SECONDS]";
/// The longest line of a reply that is read.
const LINE_BYTES_MAX: u64 = 4096;

/// Whom to ask, and how long to wait for each step.
struct Probe {
    host: String,
    port: u16,
    socket: Option<OsString>,
    user: Option<OsString>,
    timeout: Duration,
}

/// Succeeds if the server answers PING with PONG. It does not while it loads its files, while it
/// refuses writes because the disk failed, or to somebody whom it does not know.
pub fn run(name: &str, args: &[OsString]) -> ExitCode {
    let Some(probe) = parse(args) else {
        eprintln!(
            "Usage: {name} {USAGE}\nThe password, if one is needed, is read from {PASSWORD}."
        );
        return ExitCode::FAILURE;
    };
    let password = std::env::var_os(PASSWORD);
    match ask(&probe, password.as_deref().map(OsStrExt::as_bytes)) {
        Ok(reply) if reply == "+PONG" => ExitCode::SUCCESS,
        Ok(reply) => {
            eprintln!("{}", reply.trim_start_matches('-'));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("No answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[OsString]) -> Option<Probe> {
    let mut probe = Probe {
        host: "127.0.0.1".into(),
        port: 6379,
        socket: None,
        user: None,
        timeout: Duration::from_secs(3),
    };
    let (options, rest) = args.as_chunks::<2>();
    for [name, value] in options {
        match name.to_str()? {
            "--host" => probe.host = value.to_str()?.to_owned(),
            "--port" => probe.port = u16::try_from(parse_i64(value.as_bytes())?).ok()?,
            "--socket" => probe.socket = Some(value.clone()),
            "--user" => probe.user = Some(value.clone()),
            "--timeout" => {
                let seconds = parse_f64(value.as_bytes()).filter(|seconds| *seconds > 0.0)?;
                probe.timeout = Duration::try_from_secs_f64(seconds).ok()?;
            }
            _ => return None,
        }
    }
    rest.is_empty().then_some(probe)
}

/// What the server says: the reply to PING, or the first error.
fn ask(probe: &Probe, password: Option<&[u8]>) -> Result<String> {
    match &probe.socket {
        Some(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(probe.timeout))?;
            stream.set_write_timeout(Some(probe.timeout))?;
            converse(stream, probe, password)
        }
        None => {
            let stream = connect(probe)?;
            stream.set_read_timeout(Some(probe.timeout))?;
            stream.set_write_timeout(Some(probe.timeout))?;
            converse(stream, probe, password)
        }
    }
}

/// The first address of the host that accepts.
fn connect(probe: &Probe) -> Result<TcpStream> {
    let mut last = Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (probe.host.as_str(), probe.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, probe.timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn converse(stream: impl Read + Write, probe: &Probe, password: Option<&[u8]>) -> Result<String> {
    let mut stream = BufReader::new(stream);
    if let Some(password) = password {
        let user = probe.user.as_ref().map(|user| user.as_bytes());
        let words: Vec<&[u8]> =
            [Some(&b"AUTH"[..]), user, Some(password)].into_iter().flatten().collect();
        let reply = call(&mut stream, &words)?;
        if reply != "+OK" {
            return Ok(reply);
        }
    }
    call(&mut stream, &[b"PING"])
}

fn call(stream: &mut BufReader<impl Read + Write>, words: &[&[u8]]) -> Result<String> {
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        request.extend_from_slice(word);
        request.extend_from_slice(b"\r\n");
    }
    stream.get_mut().write_all(&request)?;
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(Error::new(ErrorKind::UnexpectedEof, "the connection ended")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Option<Probe> {
        parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_come_in_pairs() {
        let probe = parsed(&["--port", "7000", "--timeout", "0.5"]).unwrap();
        assert_eq!((probe.port, probe.timeout), (7000, Duration::from_millis(500)));
        let bad = [&["--port"][..], &["--port", "70000"], &["--timeout", "0"], &["-x", "1"]];
        assert!(bad.iter().all(|words| parsed(words).is_none()));
    }
}
