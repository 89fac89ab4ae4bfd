//! The payload of DUMP and RESTORE: one value as a snapshot has it, with a footer; and that of all
//! functions.
//!
//! ```text
//! kind 1 | value | RDB version 2 | CRC64 of all before 8
//! ```
//!
//! Little endian. The version is the lowest that can express the value, so that older servers take
//! as much as they can understand.
//!
//! Invariant: a value that comes out of a payload is sound, whoever made the payload.

use super::rdb::format::{VERSION, is_known};
use super::rdb::load::{self, Options, load_value};
use super::rdb::save::{self, Chunk};
use crate::base::crc::crc64;
use crate::base::lzf::Compressor;
use crate::types::{Value, ValueRef};
use std::rc::Rc;

const VERSION_BYTES: usize = 2;
const FOOTER_BYTES: usize = VERSION_BYTES + 8;

/// Why a payload is refused.
#[derive(Debug)]
pub enum Refusal {
    /// It is of a version that is not known, or not what somebody once made.
    Footer,
    /// It holds no value, or none that is supported.
    Content(String),
}

/// The payload of `value`, with long strings compressed or not.
pub fn dump(value: ValueRef<'_>, compress: bool) -> Vec<u8> {
    let mut chunk = Chunk::new(compress);
    save::value(&mut chunk, value);
    let mut payload = Vec::with_capacity(chunk.len() + FOOTER_BYTES);
    match chunk.has_long_texts() {
        true => chunk.finish(&mut Compressor::new(), &mut payload),
        false => payload.extend_from_slice(chunk.bytes()),
    }
    seal(payload, save::version_of(value))
}

/// The payload of the libraries of functions with these texts: what a snapshot begins with, with the
/// same footer.
pub fn dump_functions(texts: &[Rc<[u8]>], compress: bool) -> Vec<u8> {
    let (mut chunk, mut payload) = (Chunk::new(compress), Vec::new());
    save::functions(&mut chunk, texts);
    chunk.finish(&mut Compressor::new(), &mut payload);
    seal(payload, VERSION)
}

/// Adds the footer.
fn seal(mut payload: Vec<u8>, version: u32) -> Vec<u8> {
    payload.extend_from_slice(&(version as u16).to_le_bytes());
    payload.extend_from_slice(&crc64(&payload).to_le_bytes());
    payload
}

/// The content of a payload, and the version that it is written in.
fn open<'p>(payload: &'p [u8], options: &Options) -> Result<(&'p [u8], u32), Refusal> {
    let (content, footer) = payload.split_last_chunk::<FOOTER_BYTES>().ok_or(Refusal::Footer)?;
    let [low, high, sum @ ..] = *footer;
    let version = u32::from(u16::from_le_bytes([low, high]));
    let summed = &payload[..content.len() + VERSION_BYTES];
    if !is_known(version) || options.checksum && crc64(summed) != u64::from_le_bytes(sum) {
        return Err(Refusal::Footer);
    }
    Ok((content, version))
}

/// The value that `payload` holds.
///
/// # Errors
/// It is refused.
pub fn restore(payload: &[u8], options: &Options) -> Result<Value, Refusal> {
    let (content, version) = open(payload, options)?;
    let refuse = |reason: load::Reason| Refusal::Content(reason.to_string());
    let value = load_value(content, version, options).map_err(refuse)?;
    value.ok_or_else(|| Refusal::Content("the value has no elements".into()))
}

/// The texts of the libraries that `payload` holds.
///
/// # Errors
/// It is refused.
pub fn restore_functions(payload: &[u8], options: &Options) -> Result<Vec<Vec<u8>>, Refusal> {
    let (content, _) = open(payload, options)?;
    load::load_functions(content, options).map_err(|reason| Refusal::Content(reason.into()))
}
