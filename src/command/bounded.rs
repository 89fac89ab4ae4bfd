//! Replies as long as the client says rather than as long as what it stored: a negative count of
//! SRANDMEMBER, HRANDFIELD or ZRANDMEMBER.
//!
//! Invariant: for commands that change nothing, because a reply can be taken back.

use crate::resp::errors::{self, Outcome};
use crate::resp::{REPLY_BYTES_MAX, Reply};

/// Replies with an array of `len` elements, which `write` makes of `items`. Once more waits for the
/// client than `room` ([`State::output_room`](super::State::output_room)), it ends half-way: nothing
/// more is sent to a client at his limit.
///
/// # Errors
/// When the reply grows beyond all bounds; nothing of it is left then. Redis would go on until its
/// memory is used up.
pub fn array<T>(
    reply: &mut Reply<'_>,
    room: usize,
    len: usize,
    items: impl Iterator<Item = T>,
    write: impl FnMut(&mut Reply<'_>, T),
) -> Outcome {
    array_within(REPLY_BYTES_MAX, reply, room, len, items, write)
}

fn array_within<T>(
    bytes_max: usize,
    reply: &mut Reply<'_>,
    room: usize,
    len: usize,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Reply<'_>, T),
) -> Outcome {
    let start = reply.out.len();
    reply.array(len);
    for item in items {
        write(reply, item);
        if reply.out.len() > room {
            break;
        }
        if reply.out.len() - start > bytes_max {
            reply.out.truncate(start);
            return Err(errors::RESULT_TOO_LONG.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Output;

    #[test]
    fn a_reply_that_grows_too_long_is_taken_back() {
        let mut out = Output::from(b"before".to_vec());
        let mut reply = Reply { out: &mut out, protocol: Default::default() };
        let numbers = |count: i64| (0..count).map(|value| value % 10);
        let mut run = |bytes_max, room, count: i64| {
            let write = |reply: &mut Reply<'_>, n| reply.integer(n);
            array_within(bytes_max, &mut reply, room, count as usize, numbers(count), write)
        };
        assert_eq!(run(12, usize::MAX, 2), Ok(()));
        assert_eq!(run(99, usize::MAX, 1 << 60), Err(errors::RESULT_TOO_LONG.into()));
        assert_eq!(run(99, 20, 1 << 60), Ok(()));
        assert_eq!(out.take_block(), b"before*2\r\n:0\r\n:1\r\n*1152921504606846976\r\n:0\r\n");
    }
}
