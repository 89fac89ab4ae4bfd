//! Replies as long as the client says rather than as long as what it stored: a negative count of
//! SRANDMEMBER, HRANDFIELD or ZRANDMEMBER.
//!
//! Invariant: for commands that change nothing, because a reply can be taken back.

use crate::resp::errors::{self, Outcome};
use crate::resp::{REPLY_BYTES_MAX, Reply};

/// Replies with an array of `len` elements, which `write` makes of `items`.
///
/// # Errors
/// When the reply grows beyond all bounds; nothing of it is left then. Redis would go on until its
/// memory is used up or the client's output limit cuts the connection.
pub fn array<T>(
    reply: &mut Reply<'_>,
    len: usize,
    items: impl Iterator<Item = T>,
    write: impl FnMut(&mut Reply<'_>, T),
) -> Outcome {
    array_within(REPLY_BYTES_MAX, reply, len, items, write)
}

fn array_within<T>(
    bytes_max: usize,
    reply: &mut Reply<'_>,
    len: usize,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Reply<'_>, T),
) -> Outcome {
    let start = reply.out.len();
    reply.array(len);
    for item in items {
        write(reply, item);
        if reply.out.len() - start > bytes_max {
            reply.out.truncate(start);
            reply.out.shrink_to_fit();
            return Err(errors::REPLY_TOO_LONG.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_grows_too_long_is_taken_back() {
        let mut out = b"before".to_vec();
        let mut reply = Reply { out: &mut out, protocol: Default::default() };
        let numbers = |count: i64| (0..count).map(|value| value % 10);
        let within = array_within(12, &mut reply, 2, numbers(2), |reply, n| reply.integer(n));
        assert_eq!(within, Ok(()));
        let beyond = array_within(99, &mut reply, 1 << 60, numbers(1 << 60), |reply, n| {
            reply.integer(n);
        });
        assert_eq!(beyond, Err(errors::REPLY_TOO_LONG.into()));
        assert_eq!(out, b"before*2\r\n:0\r\n:1\r\n");
    }
}
