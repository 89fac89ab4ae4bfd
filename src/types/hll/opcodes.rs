//! The opcodes of the sparse form: read, split where a register is raised, walked.
//!
//! Invariant: reads no byte that is not there, whatever the bytes say.

use super::{Corrupted, HEADER_BYTES, Mark};

pub const VAL_MAX: u8 = 32;
const VAL_RUN_MAX: u16 = 4;
const ZERO_RUN_MAX: u16 = 64;

/// An opcode of the sparse form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    pub value: u8,
    /// How many registers have it.
    pub run: u16,
    /// Its own bytes.
    pub size: usize,
}

impl Op {
    /// The opcode at `at`; `None` behind the last one.
    #[inline]
    pub fn at(bytes: &[u8], at: usize) -> Option<Result<Op, Corrupted>> {
        let opcode = *bytes.get(at)?;
        let next = bytes.get(at + 1);
        let (value, run, size) = if opcode & 0x80 > 0 {
            ((opcode >> 2 & 0x1f) + 1, u16::from(opcode & 3), 1)
        } else if opcode & 0x40 == 0 {
            (0, u16::from(opcode), 1)
        } else {
            let Some(&next) = next else { return Some(Err(Corrupted)) };
            (0, u16::from_be_bytes([opcode & 0x3f, next]), 2)
        };
        Some(Ok(Op { value, run: run + 1, size }))
    }

    pub fn joins(self, next: Op) -> bool {
        self.value > 0 && self.value == next.value && self.run + next.run <= VAL_RUN_MAX
    }

    /// The opcodes that take this one's place, which begins with register `first`, when one of its
    /// registers is raised.
    pub fn split(self, mark: Mark, first: u16) -> Split {
        let mut split = Split { bytes: [0; 5], len: 0 };
        split.push(self.value, mark.index - first);
        split.push(mark.run, 1);
        split.push(self.value, first + (self.run - 1) - mark.index);
        split
    }

    /// A VAL opcode.
    pub fn value(value: u8, run: u16) -> u8 {
        0x80 | (value - 1) << 2 & 0x7c | (run - 1) as u8
    }
}

/// Up to three opcodes: a long run of zeros on both sides of a value is the most.
pub struct Split {
    bytes: [u8; 5],
    pub len: usize,
}

impl Split {
    fn push(&mut self, value: u8, run: u16) {
        let [high, low] = run.wrapping_sub(1).to_be_bytes();
        let (bytes, len) = match (value, run) {
            (_, 0) => return,
            (0, ..=ZERO_RUN_MAX) => ([low, 0], 1),
            (0, _) => ([0x40 | high, low], 2),
            _ => ([Op::value(value, run), 0], 1),
        };
        self.bytes[self.len..][..len].copy_from_slice(&bytes[..len]);
        self.len += len;
    }

    pub fn bytes(&self) -> impl Iterator<Item = u8> {
        self.bytes.into_iter().take(self.len)
    }
}

/// Where a walk over the opcodes stands. Registers raised from left to right are found from where
/// the last one was, instead of from the beginning again.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub at: usize,
    /// The first register of the opcode.
    pub first: u16,
    /// The same of the opcode before.
    pub previous: Option<(usize, u16)>,
    /// And of the one before that.
    earlier: Option<(usize, u16)>,
}

impl Place {
    pub const START: Place = Place { at: HEADER_BYTES, first: 0, previous: None, earlier: None };

    /// Walks on to the opcode that has register `index`. This is where adding to a sparse form
    /// spends its time.
    pub fn advance(&mut self, bytes: &[u8], index: u16) -> Result<Op, Corrupted> {
        let Place { mut at, mut first, mut previous, mut earlier } = *self;
        let op = loop {
            let op = Op::at(bytes, at).ok_or(Corrupted)??;
            if index - first < op.run {
                break op;
            }
            earlier = previous.replace((at, first));
            at += op.size;
            first += op.run;
        };
        *self = Place { at, first, previous, earlier };
        Ok(op)
    }

    /// Goes back to the opcode before, which a merge leaves where it is; to the beginning, unless
    /// it is known what is before that one.
    pub fn step_back(&mut self) {
        *self = match (self.previous, self.earlier) {
            (Some((at, first)), Some(_)) => {
                Place { at, first, previous: self.earlier, earlier: None }
            }
            _ => Place::START,
        };
    }
}
