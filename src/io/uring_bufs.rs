//! The provided-buffer ring: receive buffers that the kernel picks from, lent to the server and
//! offered again. An idle connection owns none.
//!
//! Invariant: a buffer is either offered to the kernel or lent, never both (U13); this file counts.

#![allow(unsafe_code)]

use {
    super::{IoError, Lease, pages::Pages, ring::Ring},
    io_uring::types::BufRingEntry,
    std::{
        fmt,
        sync::atomic::{AtomicU16, Ordering},
    },
};

/// The one group all receives draw from.
pub(super) const GROUP: u16 = 0;

/// The kernel's limit.
const BUFFERS_MAX: u16 = 32_768;

/// The receive buffers of a ring.
pub(super) struct BufferRing {
    entries: Pages,
    buffers: Pages,
    mask: u16,
    tail: u16,
    lent: u16,
}

impl BufferRing {
    /// Maps `count` buffers (a power of two up to 32768) of `bytes` each and offers all.
    ///
    /// # Errors
    /// `EINVAL` for an impossible count, and for kernels that reject buffer rings; `ENOMEM`.
    pub(super) fn open(ring: &Ring, count: u16, bytes: u32) -> Result<Self, IoError> {
        if !count.is_power_of_two() || count > BUFFERS_MAX {
            return Err(IoError::from_errno(libc::EINVAL));
        }
        let entries = Pages::map(1, usize::from(count) * size_of::<BufRingEntry>())?;
        let buffers = Pages::map(usize::from(count), bytes as usize)?;
        // SAFETY: the mapping lives in `self`, which the driver frees only once nothing is in
        // flight and leaks otherwise (U22).
        unsafe { ring.register_buffers(entries.address(0) as u64, count, GROUP)? };
        let mut this = Self { entries, buffers, mask: count - 1, tail: 0, lent: 0 };
        (0..count).for_each(|index| this.offer(index));
        this.publish();
        Ok(this)
    }

    /// Notes that the kernel filled a buffer, which is the server's now.
    pub(super) fn lend(&mut self, buffer: u16, len: u32) -> Lease {
        assert!(buffer <= self.mask, "the kernel filled buffer {buffer} of {}", self.count());
        self.lent += 1;
        Lease { buffer, len }
    }

    /// Takes a lease back; the kernel sees it with the next [`BufferRing::publish`].
    pub(super) fn release(&mut self, lease: Lease) {
        assert!(self.lent > 0, "released more leases than were lent");
        self.lent -= 1;
        self.offer(lease.buffer);
    }

    /// Shows the kernel what was offered since the last time: one store per turn.
    pub(super) fn publish(&mut self) {
        let base = self.entries.address(0).cast::<BufRingEntry>();
        // SAFETY: `base` is the start of a registered buffer ring, page-aligned, mapped as long as
        // `self`; its tail is a u16 that the kernel only reads.
        unsafe { AtomicU16::from_ptr(BufRingEntry::tail(base).cast_mut()) }
            .store(self.tail, Ordering::Release);
    }

    /// The bytes of a lease.
    pub(super) fn bytes(&self, lease: &Lease) -> &[u8] {
        self.buffers.bytes(usize::from(lease.buffer), lease.len as usize)
    }

    /// Whether a lease takes its buffer's last byte: more may be waiting behind it.
    pub(super) fn is_full(&self, lease: &Lease) -> bool {
        lease.len as usize == self.buffers.buffer_bytes()
    }

    pub(super) fn lent(&self) -> u16 {
        self.lent
    }

    pub(super) fn count(&self) -> u16 {
        self.mask + 1
    }

    /// Buffers the kernel can still fill.
    pub(super) fn available(&self) -> u16 {
        self.count() - self.lent
    }

    fn offer(&mut self, index: u16) {
        let slot = usize::from(self.tail & self.mask);
        let address = self.buffers.address(usize::from(index)) as u64;
        let len = u32::try_from(self.buffers.buffer_bytes()).expect("opened with a u32");
        // SAFETY: slot <= mask, inside the mapping; the kernel reads entries below the published
        // tail only, and at most `count` are ever offered, so this one is not among them.
        let entry = unsafe { &mut *self.entries.address(0).cast::<BufRingEntry>().add(slot) };
        entry.set_addr(address);
        entry.set_len(len);
        entry.set_bid(index);
        self.tail = self.tail.wrapping_add(1);
    }
}

impl fmt::Debug for BufferRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BufferRing({} of {} lent)", self.lent, self.count())
    }
}
