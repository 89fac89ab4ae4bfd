//! The end: by signal or SHUTDOWN.

use super::Turn;
use super::listen::Endpoint;
use crate::base::sys::{self, Signal};
use crate::config::shutdown;
use crate::resp::errors::SHUTDOWN_FAILED;
use crate::resp::{Protocol, Reply};
use crate::session::ClientId;
use std::process::ExitCode;
use std::time::Duration;

/// How long operations in flight may take to end before their buffers are left to the kernel.
const DRAIN: Duration = Duration::from_secs(1);

impl Turn<'_> {
    /// SIGTERM or SIGINT arrived: leaves as `shutdown-on-sigterm` or `shutdown-on-sigint` says.
    pub(super) fn signalled(&mut self) {
        while let Some(signal) = self.works.signals.take() {
            match self.state.loading {
                Some(_) => {
                    log::warn!("Received shutdown signal during loading, scheduling shutdown.");
                }
                None => log::warn!("Received {signal} scheduling shutdown..."),
            }
            let config = &self.state.config;
            let flags = match signal {
                Signal::Terminate => config.shutdown_on_sigterm,
                Signal::Interrupt => config.shutdown_on_sigint,
            };
            self.end(flags);
        }
    }

    /// SHUTDOWN. Only the failure has a reply.
    pub(super) fn shut_down(&mut self, client: ClientId, flags: u32) {
        self.end(flags);
        if self.works.exit.is_none() {
            self.state.write_to(client, |out| {
                Reply { out, protocol: Protocol::Resp2 }.error(SHUTDOWN_FAILED);
            });
            self.release(client);
        }
    }

    /// Lets the loop end, unless data would be lost by that.
    fn end(&mut self, flags: u32) {
        log::warn!("User requested shutdown...");
        match self.saves_all(flags) {
            true => self.works.exit = Some(ExitCode::SUCCESS),
            false => log::warn!(
                "Errors trying to shut down the server. Check the logs for more information."
            ),
        }
    }

    /// Brings the last snapshot about that is wanted; false if that failed, or if the log is still to
    /// get its base, unless the end is forced.
    fn saves_all(&mut self, flags: u32) -> bool {
        if self.state.awaits_base() {
            if flags & shutdown::FORCE == 0 {
                log::warn!("Writing initial AOF, can't exit.");
                return false;
            }
            log::warn!("Writing initial AOF. Exit anyway.");
        }
        if !self.log_is_kept(flags) {
            return false;
        }
        // One that is older must not take the place of the last one.
        self.end_snapshot("the server ends");
        // Who presses Ctrl-C again does not want to wait for the snapshot. The last one stays.
        let state = &mut *self.state;
        self.works.signals.with_deadly_interrupt(|| state.save_last_snapshot(flags))
    }

    /// Whether the append log holds everything, durably, or `flags` say that this does not matter.
    fn log_is_kept(&mut self, flags: u32) -> bool {
        let Err(reason) = self.flush_log() else { return true };
        log::warn!("{reason}");
        if flags & shutdown::FORCE == 0 {
            log::warn!("Error trying to keep the AOF, can't exit.");
        }
        flags & shutdown::FORCE != 0
    }

    /// Makes the append log durable, and lets replies go that wait for that.
    fn close_log(&mut self) {
        if self.works.log.manifest().is_none() {
            return;
        }
        log::info!("Calling fsync() on the AOF file.");
        // Who forces the end knows of an error that was there before.
        let was_whole = self.state.append.is_ok() && !self.state.append.needs_base;
        match self.flush_log() {
            Ok(()) => self.open_gate(),
            Err(reason) => {
                log::warn!("{reason}");
                if was_whole {
                    self.works.exit = Some(ExitCode::FAILURE);
                }
            }
        }
    }

    /// Sends what is ready, closes everything, removes what only a running server leaves behind.
    pub(super) fn stop(&mut self) {
        sys::notify_init_system("STOPPING=1\n");
        self.abandon_snapshot("the server ends");
        self.close_log();
        self.send_replies();
        if !self.state.config.pidfile.is_empty() {
            log::info!("Removing the pid file.");
            let _ = std::fs::remove_file(&self.state.config.pidfile);
        }
        for (_, endpoint) in &self.works.listeners {
            if let Endpoint::Unix { path } = endpoint {
                log::info!("Removing the unix socket file.");
                let _ = std::fs::remove_file(path);
            }
        }
        self.works.driver.shutdown(DRAIN);
        log::warn!("Redis is now ready to exit, bye bye...");
    }
}
