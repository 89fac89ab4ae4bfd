//! One message for many clients: encoded once for each protocol version that one of them speaks.
//!
//! Invariant: knows no client; what it encodes is the same for all who speak the same version.

use super::{Output, Protocol, Reply};

/// A message and its encodings so far.
pub struct Broadcast<W> {
    write: W,
    encoded: [Output; 2],
}

impl<W: Fn(&mut Reply<'_>)> Broadcast<W> {
    /// The message that `write` writes, which is never empty.
    pub fn new(write: W) -> Broadcast<W> {
        Broadcast { write, encoded: Default::default() }
    }

    /// The message in one protocol version.
    pub fn encoded(&mut self, protocol: Protocol) -> &Output {
        let out = match protocol {
            Protocol::Resp2 => &mut self.encoded[0],
            Protocol::Resp3 => &mut self.encoded[1],
        };
        if out.is_empty() {
            (self.write)(&mut Reply { out: &mut *out, protocol });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn each_version_is_encoded_once() {
        let bytes = |output: &Output| output.blocks().collect::<Vec<_>>().concat();
        let written = Cell::new(0);
        let mut message = Broadcast::new(|reply| {
            written.set(written.get() + 1);
            reply.push(1);
            reply.null();
        });
        for _ in 0..3 {
            assert_eq!(bytes(message.encoded(Protocol::Resp2)), b"*1\r\n$-1\r\n");
            assert_eq!(bytes(message.encoded(Protocol::Resp3)), b">1\r\n_\r\n");
        }
        assert_eq!(written.get(), 2);
    }
}
