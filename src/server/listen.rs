//! The sockets that accept connections: TCP on every `bind` address, and the unix socket.

use super::Turn;
use crate::config::Config;
use crate::io::{Driver, ListenerId, net};
use std::os::fd::OwnedFd;
use std::path::Path;

/// What a listening socket was opened for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    Tcp { address: String },
    Unix { path: String },
}

/// Opens every socket that the configuration asks for.
///
/// # Errors
/// The line to log, when an address that is not optional cannot be bound.
pub fn open_all(
    driver: &mut Driver,
    config: &Config,
) -> Result<Vec<(ListenerId, Endpoint)>, String> {
    let mut listeners = open_tcp(driver, config)?;
    if let Some(path) = config.unixsocket.as_deref().filter(|path| !path.is_empty()) {
        let socket = net::listen_unix(Path::new(path), config.unixsocketperm, config.tcp_backlog)
            .map_err(|error| format!("Failed opening Unix socket: bind: {error}"))?;
        listeners.push((driver.listen(socket), Endpoint::Unix { path: path.into() }));
    }
    Ok(listeners)
}

/// Opens the TCP sockets; with `port 0` there are none.
///
/// # Errors
/// As `open_all`.
pub fn open_tcp(
    driver: &mut Driver,
    config: &Config,
) -> Result<Vec<(ListenerId, Endpoint)>, String> {
    if config.port == 0 {
        return Ok(Vec::new());
    }
    let sockets = tcp_sockets(&config.bind, config.port, config.tcp_backlog)?.into_iter();
    Ok(sockets
        .map(|(address, socket)| (driver.listen(socket), Endpoint::Tcp { address }))
        .collect())
}

/// A socket that listens on `port` for each address of `bind`, with the address.
///
/// # Errors
/// The line to log, when an address that is not optional cannot be bound.
pub fn tcp_sockets(
    bind: &[String],
    port: u16,
    backlog: u32,
) -> Result<Vec<(String, OwnedFd)>, String> {
    let mut sockets = Vec::new();
    for bind in bind {
        // A leading minus makes an address optional, as in the default `* -::*`.
        let (address, optional) = match bind.strip_prefix('-') {
            Some(address) => (address, true),
            None => (bind.as_str(), false),
        };
        match net::listen_tcp(address, port, backlog) {
            Ok(socket) => sockets.push((address.into(), socket)),
            Err(error) if optional => {
                log::debug!("optional address {address} is not served: {error}")
            }
            Err(error) => {
                log::warn!(
                    "Warning: Could not create server TCP listening socket {address}:{port}: bind: {error}"
                );
                return Err(format!("Failed listening on port {port} (tcp), aborting."));
            }
        }
    }
    Ok(sockets)
}

impl Turn<'_> {
    pub(super) fn is_unix(&self, listener: ListenerId) -> bool {
        self.works
            .listeners
            .iter()
            .any(|(id, endpoint)| *id == listener && matches!(endpoint, Endpoint::Unix { .. }))
    }

    /// Listens on the addresses and the port that the configuration has now.
    ///
    /// # Errors
    /// As `open_tcp`; there are no TCP sockets then.
    pub(super) fn reopen_tcp(&mut self) -> Result<(), String> {
        let (tcp, other): (Vec<_>, Vec<_>) = self
            .works
            .listeners
            .drain(..)
            .partition(|(_, endpoint)| matches!(endpoint, Endpoint::Tcp { .. }));
        self.works.listeners = other;
        // The old sockets close first: an address may be in both lists.
        for (id, _) in tcp {
            self.works.driver.stop_listening(id);
        }
        self.works.listeners.extend(open_tcp(&mut self.works.driver, &self.state.config)?);
        Ok(())
    }
}
