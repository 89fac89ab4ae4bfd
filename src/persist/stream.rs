//! A stream in the order in which files have it, so that it can be written in parts.
//!
//! Invariant: the parts of a stream that does not change are always the same.

use crate::types::stream::Stream;
use crate::types::stream::group::{Consumer, Group};

/// A section of a stream.
#[derive(Clone, Copy)]
pub enum Section<'a> {
    /// The nodes.
    Nodes,
    /// What is known of the stream besides.
    Facts,
    Group(&'a [u8], &'a Group),
    /// What is pending in a group.
    Pending(&'a Group),
    /// The consumers of a group come next.
    Consumers(&'a Group),
    Consumer(&'a [u8], &'a Consumer),
    /// What is pending for a consumer.
    Owned(&'a [u8], &'a Group, &'a Consumer),
}

/// All sections of a stream.
fn sections(stream: &Stream) -> impl Iterator<Item = Section<'_>> {
    let groups = stream.groups().flat_map(|(name, group)| {
        let consumers = group.consumers().flat_map(move |consumer| {
            [Section::Consumer(name, consumer), Section::Owned(name, group, consumer)]
        });
        [Section::Group(name, group), Section::Pending(group), Section::Consumers(group)]
            .into_iter()
            .chain(consumers)
    });
    [Section::Nodes, Section::Facts].into_iter().chain(groups)
}

/// How many parts a section has.
fn len(section: Section<'_>, stream: &Stream) -> usize {
    match section {
        Section::Nodes => stream.nodes().len(),
        Section::Pending(group) => group.pending().len(),
        Section::Owned(_, _, consumer) => consumer.owned().len(),
        Section::Facts | Section::Group(..) | Section::Consumers(_) | Section::Consumer(..) => 1,
    }
}

/// Writes the parts of a stream from number `done` on. `write` is told how many parts of a section are
/// behind and writes on until it is time to pause; it returns how many are behind then. True when all
/// are written.
pub fn write_some<'a>(
    stream: &'a Stream,
    done: &mut usize,
    mut write: impl FnMut(Section<'a>, usize) -> usize,
) -> bool {
    let mut before = 0;
    for section in sections(stream) {
        let len = len(section, stream);
        let behind = done.saturating_sub(before).min(len);
        if behind < len {
            let behind = write(section, behind);
            *done = before + behind;
            if behind < len {
                return false;
            }
        }
        before += len;
    }
    true
}
