//! One anonymous mapping cut into equal buffers. Pages nobody touched cost no memory.
//!
//! Invariant: knows nothing of rings or sockets; who may use which buffer is the caller's affair.

#![allow(unsafe_code)]

use {
    super::IoError,
    rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap},
    std::{ffi::c_void, ptr, ptr::NonNull, slice},
};

/// Buffers of the same size in one mapping; unmapped on drop.
pub(super) struct Pages {
    base: NonNull<u8>,
    buffer_bytes: usize,
    count: usize,
}

impl Pages {
    /// Maps `count` buffers of `buffer_bytes` each, all zero and not yet backed by memory.
    pub(super) fn map(count: usize, buffer_bytes: usize) -> Result<Self, IoError> {
        let total = count.checked_mul(buffer_bytes).filter(|&bytes| bytes > 0);
        let total = total.ok_or(IoError::from_errno(libc::EINVAL))?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe {
            mmap_anonymous(ptr::null_mut(), total, ProtFlags::READ | ProtFlags::WRITE, flags)?
        };
        // U17: a forked child must not share memory that the kernel writes to. The advice is a
        // precaution, its failure (a kernel built without it) changes nothing for this process.
        // SAFETY: the range is exactly the mapping made above.
        let _ = unsafe { madvise(base, total, Advice::LinuxDontFork) };
        let base = NonNull::new(base.cast()).ok_or(IoError::from_errno(libc::ENOMEM))?;
        Ok(Self { base, buffer_bytes, count })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_bytes
    }

    /// Where buffer `index` begins.
    pub(super) fn address(&self, index: usize) -> *mut u8 {
        assert!(index < self.count, "buffer {index} of {}", self.count);
        // SAFETY: index < count, so the offset stays inside the mapping.
        unsafe { self.base.as_ptr().add(index * self.buffer_bytes) }
    }

    /// The first `len` bytes of buffer `index`. The caller lends each buffer to one user at a time,
    /// and the kernel writes only to buffers that are not lent.
    pub(super) fn bytes(&self, index: usize, len: usize) -> &[u8] {
        assert!(len <= self.buffer_bytes, "{len} bytes in a buffer of {}", self.buffer_bytes);
        // SAFETY: inside the mapping by the assertions; anonymous pages are always initialised.
        // While lent, nobody writes to the buffer: see above.
        unsafe { slice::from_raw_parts(self.address(index), len) }
    }

    /// The whole of buffer `index`, to be written to.
    pub(super) fn bytes_mut(&mut self, index: usize) -> &mut [u8] {
        // SAFETY: inside the mapping, initialised, and `&mut self` excludes every other borrow.
        unsafe { slice::from_raw_parts_mut(self.address(index), self.buffer_bytes) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let total = self.count * self.buffer_bytes;
        // SAFETY: the mapping is ours and no borrow outlives `self`; whoever gave addresses to the
        // kernel withdraws them first or forgets the `Pages` (U22).
        if let Err(errno) = unsafe { munmap(self.base.as_ptr().cast::<c_void>(), total) } {
            panic!("unmapping {total} bytes of buffers failed: {errno}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_do_not_overlap() {
        let mut pages = Pages::map(4, 4096).expect("a small mapping");
        for index in 0..4 {
            pages.bytes_mut(index).fill(u8::try_from(index).expect("small"));
        }
        assert_eq!((pages.bytes(1, 4096)[4095], pages.bytes(2, 1)[0]), (1, 2));
    }

    #[test]
    fn a_size_beyond_the_address_space_is_an_error() {
        assert!(Pages::map(usize::MAX, 2).is_err());
        assert!(Pages::map(0, 4096).is_err());
    }
}
