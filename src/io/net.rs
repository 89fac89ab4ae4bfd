//! Sockets before and beside the loop: listening, options, and addresses as Redis prints them.
//!
//! Invariant: makes no blocking call and knows neither ring nor epoll.

use {
    super::IoError,
    rustix::net::{
        self, AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, sockopt,
    },
    std::{
        fs,
        net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
        os::{
            fd::{AsFd, OwnedFd},
            unix::fs::PermissionsExt,
        },
        path::Path,
        time::Duration,
    },
};

/// Keepalive probes without an answer before the kernel gives a peer up.
const KEEPALIVE_PROBES: u32 = 3;

/// Listens on an address and port; port 0 takes a free one.
///
/// `addr` is an IPv4 or IPv6 address or a host name; `*` and `::*` mean every address of their
/// family, as in Redis's `bind`. IPv6 sockets take IPv6 alone. Accepted connections inherit
/// TCP_NODELAY.
///
/// # Errors
/// What `socket`, `bind` and `listen` report, and `EADDRNOTAVAIL` for a name that does not resolve.
pub fn listen_tcp(addr: &str, port: u16, backlog: u32) -> Result<OwnedFd, IoError> {
    let address = resolve(addr, port)?;
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    net::bind(&socket, &address)?;
    listen(&socket, backlog)?;
    Ok(socket)
}

/// Listens on a unix socket, taking the place of a file left behind. `perm` are its permission
/// bits, e.g. `0o700`; without it the umask decides.
///
/// # Errors
/// What the system calls report; a path over 107 bytes is `ENAMETOOLONG`.
pub fn listen_unix(path: &Path, perm: Option<u32>, backlog: u32) -> Result<OwnedFd, IoError> {
    let address = SocketAddrUnix::new(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    net::bind(&socket, &address)?;
    if let Some(perm) = perm {
        fs::set_permissions(path, fs::Permissions::from_mode(perm))?;
    }
    listen(&socket, backlog)?;
    Ok(socket)
}

/// The peer as Redis prints it: `127.0.0.1:4000`, `[::1]:4000`, `/path/sock:0`, and `?:0` when
/// it is already gone.
pub fn peer_address(fd: impl AsFd) -> String {
    let peer = net::getpeername(fd.as_fd()).ok().flatten();
    match peer {
        // The client of a unix socket has no name of its own; Redis prints the listener's path.
        Some(peer) if peer.address_family() == AddressFamily::UNIX => local_address(fd),
        peer => format_address(peer),
    }
}

/// Our own end of a connection, or what a listener is bound to, in the same form.
pub fn local_address(fd: impl AsFd) -> String {
    format_address(net::getsockname(fd).ok())
}

/// The port a TCP socket is bound to; None for a unix socket.
pub fn local_port(fd: impl AsFd) -> Option<u16> {
    let address = net::getsockname(fd).ok()?;
    SocketAddr::try_from(address).ok().map(|address| address.port())
}

/// Whether the peer is on this host: a loopback address or a unix socket.
pub fn is_loopback(fd: impl AsFd) -> bool {
    let Some(peer) = net::getpeername(fd).ok().flatten() else { return false };
    if peer.address_family() == AddressFamily::UNIX {
        return true;
    }
    SocketAddr::try_from(peer).is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// Lets the kernel probe an idle peer after `seconds`, then every third of that, three times.
/// Zero turns probing off.
///
/// # Errors
/// What `setsockopt` reports, for instance on a unix socket.
pub fn set_keepalive(fd: impl AsFd, seconds: u32) -> Result<(), IoError> {
    let fd = fd.as_fd();
    sockopt::set_socket_keepalive(fd, seconds > 0)?;
    if seconds == 0 {
        return Ok(());
    }
    sockopt::set_tcp_keepidle(fd, Duration::from_secs(u64::from(seconds)))?;
    sockopt::set_tcp_keepintvl(fd, Duration::from_secs(u64::from((seconds / 3).max(1))))?;
    sockopt::set_tcp_keepcnt(fd, KEEPALIVE_PROBES)?;
    Ok(())
}

fn listen(socket: &OwnedFd, backlog: u32) -> Result<(), IoError> {
    // The kernel cuts it to net.core.somaxconn.
    Ok(net::listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))?)
}

fn resolve(addr: &str, port: u16) -> Result<SocketAddr, IoError> {
    let ip = match addr {
        "*" => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        "::*" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        addr => addr.parse().ok(),
    };
    if let Some(ip) = ip {
        return Ok(SocketAddr::new(ip, port));
    }
    let unresolved = IoError::from_errno(libc::EADDRNOTAVAIL);
    let mut found = (addr, port).to_socket_addrs().map_err(|_| unresolved)?;
    found.next().ok_or(unresolved)
}

fn format_address(address: Option<SocketAddrAny>) -> String {
    let Some(address) = address else { return "?:0".to_owned() };
    if address.address_family() == AddressFamily::UNIX {
        let unix = SocketAddrUnix::try_from(address).ok();
        let path = unix.as_ref().and_then(SocketAddrUnix::path_bytes).unwrap_or_default();
        return format!("{}:0", String::from_utf8_lossy(path));
    }
    SocketAddr::try_from(address).map_or_else(|_| "?:0".to_owned(), |ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        std::{
            net::{TcpListener, TcpStream},
            os::unix::net::{UnixListener, UnixStream},
            process,
        },
    };

    #[test]
    fn listens_on_a_free_port_and_prints_it() {
        let socket = listen_tcp("127.0.0.1", 0, 16).expect("loopback");
        let port = local_port(&socket).expect("a TCP socket");
        assert_eq!(local_address(&socket), format!("127.0.0.1:{port}"));
        let listener = TcpListener::from(socket);
        let client = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        let (accepted, from) = listener.accept().expect("accept");
        assert_eq!(peer_address(&accepted), from.to_string());
        assert_eq!(peer_address(&client), format!("127.0.0.1:{port}"));
        assert!(is_loopback(&accepted));
        assert!(accepted.nodelay().expect("inherited"));
    }

    #[test]
    fn a_second_listener_on_the_port_is_in_use() {
        let socket = listen_tcp("127.0.0.1", 0, 16).expect("loopback");
        let port = local_port(&socket).expect("a TCP socket");
        let error = listen_tcp("127.0.0.1", port, 16).expect_err("taken");
        assert_eq!(error.kind, super::super::IoErrorKind::AddressInUse);
        assert_eq!(error.to_string(), "Address already in use");
    }

    #[test]
    fn a_unix_client_is_named_after_the_path() {
        let path = std::env::temp_dir().join(format!("sidering-net-{}.sock", process::id()));
        drop(UnixListener::bind(&path).expect("a stale socket file"));
        let listener =
            UnixListener::from(listen_unix(&path, Some(0o700), 16).expect("takes its place"));
        let client = UnixStream::connect(&path).expect("connect");
        let (accepted, _) = listener.accept().expect("accept");
        assert_eq!(peer_address(&accepted), format!("{}:0", path.display()));
        assert!(is_loopback(&accepted));
        let mode = fs::metadata(&path).expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(set_keepalive(&client, 0).is_ok());
        fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn keepalive_probes_at_a_third_of_the_idle_time() {
        let socket = listen_tcp("127.0.0.1", 0, 16).expect("loopback");
        set_keepalive(&socket, 300).expect("keepalive");
        assert_eq!(sockopt::tcp_keepidle(&socket), Ok(Duration::from_secs(300)));
        assert_eq!(sockopt::tcp_keepintvl(&socket), Ok(Duration::from_secs(100)));
        assert_eq!(sockopt::tcp_keepcnt(&socket), Ok(3));
    }
}
