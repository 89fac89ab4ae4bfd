//! A stream as a snapshot has it: its nodes as they are, what is known of it, groups with what is
//! pending.

use super::{Chunk, Progress, some};
use crate::persist::stream::{Section, write_some};
use crate::types::stream::{Id, Stream};

/// Writes on a stream from `progress` on until the chunk has `len` bytes or more; true when it is
/// complete. `timed` if consumers are written with both of their times.
pub fn stream_some(
    chunk: &mut Chunk,
    stream: &Stream,
    timed: bool,
    progress: &mut Progress,
    len: usize,
) -> bool {
    if progress.0 == 0 {
        chunk.push_len(stream.nodes().len() as u64);
    }
    write_some(stream, &mut progress.0, |section, from| {
        let mut behind = Progress(from);
        match section {
            Section::Nodes => {
                let nodes = (from + 1..).zip(stream.nodes().iter_from(from));
                some(chunk, nodes, &mut behind, len, |chunk, node| {
                    chunk.push_text(&node.id().to_bytes());
                    chunk.push_text(node.bytes());
                });
            }
            Section::Pending(group) => {
                let pending = (from + 1..).zip(group.pending().iter_nth(from));
                some(chunk, pending, &mut behind, len, |chunk, (id, pending)| {
                    chunk.bytes.extend_from_slice(&id.to_bytes());
                    chunk.bytes.extend_from_slice(&pending.delivered.to_le_bytes());
                    chunk.push_len(pending.count);
                });
            }
            Section::Owned(_, _, consumer) => {
                let owned = (from + 1..).zip(consumer.owned().iter_nth(from));
                some(chunk, owned, &mut behind, len, |chunk, (id, ())| {
                    chunk.bytes.extend_from_slice(&id.to_bytes());
                });
            }
            single => {
                write_single(chunk, stream, single, timed);
                behind = Progress(1);
            }
        }
        behind.0
    })
}

/// Writes a section of one part, with the number of those that follow.
fn write_single(chunk: &mut Chunk, stream: &Stream, section: Section<'_>, timed: bool) {
    match section {
        Section::Facts => {
            let facts = stream.facts();
            chunk.push_len(facts.len);
            push_id(chunk, facts.last);
            push_id(chunk, facts.first);
            push_id(chunk, facts.max_deleted);
            chunk.push_len(facts.added);
            chunk.push_len(stream.groups().len() as u64);
        }
        Section::Group(name, group) => {
            chunk.push_text(name);
            push_id(chunk, group.last);
            chunk.push_len(group.read.unwrap_or(u64::MAX));
            chunk.push_len(group.pending().len() as u64);
        }
        Section::Consumers(group) => chunk.push_len(group.len() as u64),
        Section::Consumer(_, consumer) => {
            chunk.push_text(consumer.name());
            chunk.bytes.extend_from_slice(&consumer.seen().to_le_bytes());
            if timed {
                chunk.bytes.extend_from_slice(&consumer.active().to_le_bytes());
            }
            chunk.push_len(consumer.owned().len() as u64);
        }
        Section::Nodes | Section::Pending(_) | Section::Owned(..) => {}
    }
}

fn push_id(chunk: &mut Chunk, id: Id) {
    chunk.push_len(id.ms);
    chunk.push_len(id.seq);
}
