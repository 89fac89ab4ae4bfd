//! How many nodes Redis's radix tree (`rax.c`) has for the keys of a stream, which XINFO shows.
//!
//! Invariant: a count and nothing else; there is no such tree here.

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// The nodes of a tree of those keys, which ascend.
pub fn nodes(keys: &[[u8; KEY_BYTES]]) -> usize {
    match keys.is_empty() {
        true => 1,
        false => below(keys, 0),
    }
}

/// The nodes below a place where `depth` bytes are behind: what all keys go on with is one node, where
/// they part is one, and so is the end of a key. Goes no deeper than a key is long.
fn below(keys: &[[u8; KEY_BYTES]], depth: usize) -> usize {
    let [first, .., last] = keys else { return 1 + usize::from(depth < KEY_BYTES) };
    let shared = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let branches = keys.chunk_by(|a, b| a[shared] == b[shared]);
    usize::from(shared > depth) + 1 + branches.map(|keys| below(keys, shared + 1)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_redis() {
        // What XINFO STREAM shows in Redis 7.0.15 with stream-node-max-entries 1.
        let keys = |ids: &[u64]| -> Vec<_> {
            ids.iter().map(|ms| (u128::from(*ms) << 64 | 1).to_be_bytes()).collect()
        };
        assert_eq!(nodes(&[]), 1);
        assert_eq!(nodes(&keys(&[1])), 2);
        assert_eq!(nodes(&keys(&[1, 2])), 6);
        assert_eq!(nodes(&keys(&[1, 2, 300])), 9);
    }
}
