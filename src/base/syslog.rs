//! Lines for the machine's log daemon: datagrams in the form of RFC 3164, as syslog(3) sends them.
//!
//! Invariant: never waits. Lines that the daemon does not take in time, or is not there for, are lost
//! there; the server's own log has them.

use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use log::Level;

use super::{clock, sys};

/// Where the daemon listens.
pub const PATH: &str = "/dev/log";

/// The end of a socket that reaches the daemon.
#[derive(Debug)]
pub struct Syslog {
    socket: UnixDatagram,
    path: PathBuf,
    /// By the numbers of RFC 3164, 0 to 23.
    facility: u8,
    ident: String,
}

impl Syslog {
    /// Lines of `ident` for the daemon at `path`, which may come and go.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn open(path: &Path, facility: u8, ident: &str) -> io::Result<Syslog> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Syslog { socket, path: path.into(), facility, ident: ident.into() })
    }

    /// Sends one line.
    pub fn send(&self, level: Level, text: fmt::Arguments<'_>) {
        let line = self.line(clock::unix_us_now() / 1_000_000, level, text);
        // The log has nowhere to report its own failure.
        let _ = self.socket.send_to(line.as_bytes(), &self.path);
    }

    /// `<133>Nov  3 20:20:05 redis[7]: text`
    fn line(&self, unix_s: i64, level: Level, text: fmt::Arguments<'_>) -> String {
        let priority = u16::from(self.facility) * 8 + severity(level);
        let time = sys::local_time(unix_s);
        format!(
            "<{priority}>{} {:2} {:02}:{:02}:{:02} {}[{}]: {text}",
            time.month(),
            time.day,
            time.hour,
            time.minute,
            time.second,
            self.ident,
            std::process::id()
        )
    }
}

/// Redis's debug, verbose, notice and warning are syslog's debug, info, notice and warning.
fn severity(level: Level) -> u16 {
    match level {
        Level::Trace => 7,
        Level::Debug => 6,
        Level::Info => 5,
        Level::Warn | Level::Error => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_gets_lines_in_its_own_form_and_nobody_waits_for_it() {
        let path = std::env::temp_dir().join(format!("sidering-syslog-{}", std::process::id()));
        let syslog = Syslog::open(&path, 16, "redis").unwrap();
        syslog.send(Level::Info, format_args!("to nobody"));
        let daemon = UnixDatagram::bind(&path).unwrap();
        syslog.send(Level::Warn, format_args!("first {}", 1));
        let mut line = [0; 200];
        let len = daemon.recv(&mut line).unwrap();
        let (line, pid) = (std::str::from_utf8(&line[..len]).unwrap(), std::process::id());
        assert!(line.starts_with("<132>"), "{line}");
        assert!(line.ends_with(&format!(" redis[{pid}]: first 1")), "{line}");
        // More than any queue holds.
        (0..10_000).for_each(|_| syslog.send(Level::Info, format_args!("{}", "x".repeat(1000))));
        std::fs::remove_file(path).unwrap();
    }
}
