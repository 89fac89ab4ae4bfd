//! The file of the log that grows.
//!
//! Where every turn's records have to be durable before they are answered, the file runs ahead of them:
//! zeros are written first, so that a sync of what replaces them has no new size to journal, which
//! takes half of its time on ext4. The zeros are cut off at a clean stop; after another one the reader
//! knows a tail of zeros for what it is.
//!
//! A write that reaches into another page can arrive in part, with zeros where a page is missing; that
//! may still be read as a record. So it ends with a checksum of all that stands there since the last
//! one. The end of the log may lack one: it fits into a page.
//!
//! Invariant: bytes go to explicit offsets, one write after the other; behind the last one there are
//! zeros or nothing.

use super::record;
use crate::base::crc::Crc64;
use crate::base::disk;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// How far the file runs ahead of the records: some thousand syncs of small groups.
const AHEAD_BYTES: usize = 1 << 20;
/// What the system writes to a file at least.
const PAGE_BYTES: u64 = 4096;

/// The file, and where its next byte goes.
pub struct Growing {
    file: Arc<File>,
    offset: u64,
    /// Up to where there are zeros.
    zeroed: u64,
    /// Whether it runs ahead.
    ahead: bool,
    /// Whether checksums are written.
    sums: bool,
    /// The sum of what has been written since the last one, and its length.
    sum: Crc64,
    summed: u64,
}

impl Growing {
    /// A file to be gone on with at `offset`, where it ends.
    pub fn new(file: Arc<File>, offset: u64) -> Growing {
        Growing {
            file,
            offset,
            zeroed: offset,
            ahead: false,
            sums: false,
            sum: Crc64::new(),
            summed: 0,
        }
    }

    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Bytes of records.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Lets the file run ahead of the records, or no longer.
    pub fn run_ahead(&mut self, ahead: bool) {
        self.ahead = ahead;
    }

    /// Writes checksums, or no longer.
    pub fn write_sums(&mut self, sums: bool) {
        self.sums = sums;
    }

    /// Appends whole units, and a checksum if they reach into another page.
    ///
    /// # Errors
    /// What the write met. Bytes that were written stay, and are written again by the next call.
    pub fn append(&mut self, units: &[u8]) -> io::Result<()> {
        let page = self.offset / PAGE_BYTES;
        self.put(units)?;
        if self.sums {
            self.sum.update(units);
            self.summed += units.len() as u64;
        } else {
            (self.sum, self.summed) = (Crc64::new(), 0);
        }
        // The records are there. If there is no space for their sum, the next one covers them.
        if self.sums
            && self.offset / PAGE_BYTES != page
            && self.put(&record::checksum(self.summed, self.sum.sum())).is_ok()
        {
            (self.sum, self.summed) = (Crc64::new(), 0);
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.offset + bytes.len() as u64;
        if self.ahead && end > self.zeroed {
            // Where there is no space for it the file grows as it otherwise would.
            let zeros = vec![0; AHEAD_BYTES];
            self.zeroed = end;
            if disk::write_all_at(&self.file, &zeros, end).is_ok() {
                self.zeroed += AHEAD_BYTES as u64;
            }
        }
        disk::write_all_at(&self.file, bytes, self.offset)?;
        self.offset = end;
        Ok(())
    }

    /// Cuts off the zeros behind the records.
    ///
    /// # Errors
    /// It could not be done; they do no harm.
    pub fn cut(&mut self) -> io::Result<()> {
        if self.zeroed > self.offset {
            disk::set_len(&self.file, self.offset)?;
            self.zeroed = self.offset;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::crc::crc64;
    use std::fs;

    fn check(ahead: bool, len_before_cut: u64) {
        let name = format!("sidering-growing-{ahead}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut growing = Growing::new(Arc::new(File::create(&path).expect("a file")), 0);
        growing.run_ahead(ahead);
        growing.append(b"one").expect("written");
        growing.append(b"two").expect("written");
        let content = fs::read(&path).expect("the file");
        assert_eq!(content.len() as u64, len_before_cut);
        assert!(content.starts_with(b"onetwo") && content[6..].iter().all(|byte| *byte == 0));
        growing.cut().expect("cut");
        growing.append(b"three").expect("written");
        growing.cut().expect("cut");
        assert_eq!(fs::read(&path).expect("the file"), b"onetwothree");
        assert_eq!(growing.offset(), 11);
        fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_write_into_another_page_ends_with_the_sum_of_what_has_none() {
        let path = std::env::temp_dir().join(format!("sidering-sums-{}", std::process::id()));
        let mut growing = Growing::new(Arc::new(File::create(&path).expect("a file")), 0);
        growing.write_sums(true);
        let unit = [b'u'; 1500];
        (0..3).for_each(|_| growing.append(&unit).expect("written"));
        let line = record::checksum(4500, crc64(&unit.repeat(3)));
        let content = fs::read(&path).expect("the file");
        assert_eq!(content, [&unit.repeat(3)[..], &line].concat());
        assert_eq!(growing.offset(), content.len() as u64);
        growing.append(&unit).expect("written");
        assert_eq!(growing.offset(), content.len() as u64 + 1500);
        fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_file_that_runs_ahead_ends_in_zeros_until_it_is_cut() {
        check(true, 3 + AHEAD_BYTES as u64);
        check(false, 6);
    }
}
