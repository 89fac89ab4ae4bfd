//! The one table from errno to [`IoError`]: what went wrong, in a kind the server can act on.
//!
//! Invariant: knows no descriptor and no operation; the caller says what it was doing.

use std::{fmt, io};

/// What an errno means to the server; the number itself stays beside it in [`IoError`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IoErrorKind {
    /// The peer is gone: reset, aborted or closed under a send.
    PeerGone,
    /// The peer or the network did not answer in time.
    TimedOut,
    /// The driver itself withdrew the operation, because of a close or a pause.
    Canceled,
    /// Interrupted or not ready; trying again is right.
    Transient,
    /// The process or the system has no descriptors left.
    NoDescriptors,
    /// The kernel has no memory or no socket buffers left.
    NoMemory,
    /// Permission or a security profile forbids it.
    Denied,
    /// This kernel, file system or protocol does not offer it.
    Unsupported,
    /// Another socket holds the address.
    AddressInUse,
    /// The address does not exist on this host.
    AddressUnavailable,
    /// No route, or an interface that is down.
    Unreachable,
    /// Nobody listens there.
    Refused,
    /// No such file or directory.
    NotFound,
    /// The device is full or over its quota.
    StorageFull,
    /// The device or the file system failed or is read-only.
    StorageFailed,
    /// A mistake in our own call: bad descriptor, argument or address.
    Misuse,
    /// An errno this table does not know.
    Unknown,
}

/// A failed operation: the kind to act on and the errno to report.
///
/// Displays as the C library words it, like Redis: `Connection reset by peer`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct IoError {
    /// What the server can act on.
    pub kind: IoErrorKind,
    /// The positive number from the kernel.
    pub errno: i32,
}

impl IoError {
    /// Classifies a positive errno.
    pub fn from_errno(errno: i32) -> Self {
        Self { kind: kind(errno), errno }
    }

    /// Classifies the negative result of a completion.
    pub(super) fn from_result(result: i32) -> Self {
        Self::from_errno(result.saturating_neg())
    }

    /// What an operation gets that the driver withdrew.
    pub fn canceled() -> Self {
        Self::from_errno(libc::ECANCELED)
    }

    /// Whether a shortage caused it that passes when others let go: wait, then try again.
    pub fn is_shortage(&self) -> bool {
        matches!(self.kind, IoErrorKind::NoDescriptors | IoErrorKind::NoMemory)
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = io::Error::from_raw_os_error(self.errno).to_string();
        // The standard library appends the number; Redis's log lines have the words alone.
        f.write_str(words.split(" (os error").next().unwrap_or(&words))
    }
}

impl std::error::Error for IoError {}

impl From<rustix::io::Errno> for IoError {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::from_errno(errno.raw_os_error())
    }
}

impl From<io::Error> for IoError {
    /// An error without a number came from an argument that never reached the kernel.
    fn from(error: io::Error) -> Self {
        Self::from_errno(error.raw_os_error().unwrap_or(libc::EINVAL))
    }
}

fn kind(errno: i32) -> IoErrorKind {
    use IoErrorKind::*;
    match errno {
        libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED | libc::ENOTCONN => PeerGone,
        libc::ESHUTDOWN | libc::ENETRESET | libc::EREMOTEIO => PeerGone,
        libc::ETIMEDOUT | libc::ETIME => TimedOut,
        libc::ECANCELED => Canceled,
        libc::EINTR | libc::EAGAIN | libc::EINPROGRESS | libc::EALREADY | libc::EBUSY => Transient,
        libc::EMFILE | libc::ENFILE => NoDescriptors,
        libc::ENOMEM | libc::ENOBUFS => NoMemory,
        libc::EPERM | libc::EACCES => Denied,
        libc::ENOSYS | libc::EOPNOTSUPP | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT => Unsupported,
        libc::EPFNOSUPPORT | libc::ESOCKTNOSUPPORT | libc::ENOPROTOOPT => Unsupported,
        libc::EADDRINUSE => AddressInUse,
        libc::EADDRNOTAVAIL => AddressUnavailable,
        libc::EHOSTUNREACH | libc::ENETUNREACH | libc::ENETDOWN | libc::EHOSTDOWN => Unreachable,
        libc::ENONET | libc::EPROTO => Unreachable,
        libc::ECONNREFUSED => Refused,
        libc::ENOENT | libc::ENOTDIR => NotFound,
        libc::ENOSPC | libc::EDQUOT | libc::EFBIG => StorageFull,
        libc::EIO | libc::EROFS | libc::ENODEV | libc::ENXIO | libc::ESTALE => StorageFailed,
        libc::EUCLEAN | libc::EBADMSG | libc::ENOMEDIUM | libc::EMEDIUMTYPE => StorageFailed,
        libc::EBADF | libc::EINVAL | libc::EFAULT | libc::ENOTSOCK | libc::EISCONN => Misuse,
        libc::EDESTADDRREQ | libc::EMSGSIZE | libc::EPROTOTYPE | libc::ENAMETOOLONG => Misuse,
        libc::EISDIR | libc::ESPIPE | libc::EEXIST | libc::ELOOP | libc::E2BIG => Misuse,
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_words_without_the_number() {
        assert_eq!(IoError::from_errno(libc::ECONNRESET).to_string(), "Connection reset by peer");
        assert_eq!(IoError::from_errno(libc::EMFILE).to_string(), "Too many open files");
    }

    #[test]
    fn names_what_the_server_acts_on() {
        assert_eq!(IoError::from_result(-libc::EPIPE).kind, IoErrorKind::PeerGone);
        assert_eq!(IoError::canceled().kind, IoErrorKind::Canceled);
        assert!(IoError::from_errno(libc::ENFILE).is_shortage());
        assert!(IoError::from_errno(libc::ENOBUFS).is_shortage());
        assert!(!IoError::from_errno(libc::EPERM).is_shortage());
    }

    #[test]
    fn keeps_an_errno_it_does_not_know() {
        let error = IoError::from_errno(4095);
        assert_eq!((error.kind, error.errno), (IoErrorKind::Unknown, 4095));
    }
}
