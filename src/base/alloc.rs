//! The general allocator and the count behind `used_memory`.
//!
//! mimalloc does the work; this file counts what it handed out, by usable size, so that the
//! figure is what the process really holds and not what callers asked for. The count is a
//! thread-local number without a destructor; a thread passes its difference on to the shared
//! total only when it exceeds [`DRIFT_BYTES_MAX`], so no allocation pays for an atomic.
//! Memory that does not come from here (the entry arenas) is added with [`account`].
//!
//! mimalloc hands pages of 64 KiB and more back to the system only as a whole. While the process
//! holds much more than is in use ([`follow_resident`]), large blocks leave their own pages to the
//! system as they are freed, and owners of any may ask whether to move them elsewhere
//! ([`is_sparse`]). At other times neither is worth a page fault.
//!
//! Invariant: knows nothing of what the memory is for.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use mimalloc::MiMalloc;
use rustix::mm::{Advice, madvise};

/// What another thread may hold or have freed without [`used`] showing it yet.
const DRIFT_BYTES_MAX: isize = 16 * 1024;
/// What may be resident beyond what is in use: a part of that and what the program itself takes.
const SLACK_PART: u64 = 16;
const SLACK_BYTES: u64 = 6 << 20;
/// Blocks from this size on have enough whole pages to be worth a call, and those up to this one
/// share mimalloc's with others.
const LARGE_BLOCK_BYTES: RangeInclusive<usize> = 16 * 1024..=512 * 1024;
/// Milliseconds for which mimalloc keeps an empty page: long enough that a buffer which is needed
/// in turn after turn stays.
const PURGE_DELAY_MS: c_long = 100;
/// `mi_option_purge_delay` in mimalloc.h of version 3.
const PURGE_DELAY: c_int = 15;
/// In per cent of a page's blocks: those of one that is less used are worth moving.
const SPARSE_PERCENT: usize = 80;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static SHARED: AtomicIsize = AtomicIsize::new(0);

/// Whether more is resident than [`follow_resident`] wants.
static IS_WIDE: AtomicBool = AtomicBool::new(false);

thread_local! {
    // Const-initialised and without a destructor: usable at any time in a thread's life, also
    // while other thread-locals are being torn down.
    static OWN: Cell<isize> = const { Cell::new(0) };
}

/// Receives a piece of text that ends with a NUL.
type Output = extern "C" fn(*const c_char, *mut c_void);

unsafe extern "C" {
    fn mi_usable_size(block: *const c_void) -> usize;
    fn mi_collect(force: bool);
    fn mi_option_set(option: c_int, value: c_long);
    fn mi_unsafe_heap_page_is_under_utilized(
        heap: *mut c_void,
        block: *const c_void,
        percent: usize,
    ) -> bool;
    fn mi_stats_print_out(output: Option<Output>, argument: *mut c_void);
}

/// mimalloc with a count.
struct Counting;

/// Bytes in use: every live heap block at its usable size plus what [`account`] added. Exact for
/// the calling thread's own work; every other thread may be off by `DRIFT_BYTES_MAX`.
pub fn used() -> usize {
    let total = SHARED.load(Ordering::Relaxed) + OWN.get();
    usize::try_from(total).unwrap_or(0)
}

/// Adds `bytes` (negative: takes away) of memory that did not come from the allocator.
pub fn account(bytes: isize) {
    let own = OWN.get() + bytes;
    if own.unsigned_abs() <= DRIFT_BYTES_MAX.unsigned_abs() {
        OWN.set(own);
    } else {
        SHARED.fetch_add(own, Ordering::Relaxed);
        OWN.set(0);
    }
}

/// The bytes a heap allocation of `len` bytes costs on average: the allocator's size classes are
/// an eighth apart. For estimates per object; the total never uses it.
pub fn estimate(len: usize) -> usize {
    if len == 0 { 0 } else { len.next_multiple_of(8) + len / 16 }
}

/// Gives the whole pages within `bytes` back to the system, part of a block that is about to be
/// freed; they read as zeros from then on. The count is that of blocks and stays.
pub fn discard_pages(bytes: &mut [u8]) {
    let page = rustix::param::page_size();
    let first = bytes.as_ptr().align_offset(page).min(bytes.len());
    let pages = &mut bytes[first..];
    let len = pages.len() / page * page;
    // SAFETY: the range lies within memory that is borrowed exclusively and of which every content
    // is valid; the allocator's mappings are private and anonymous, so the kernel puts zeros there.
    let _ = unsafe { madvise(pages.as_mut_ptr().cast(), len, Advice::LinuxDontNeed) };
}

/// To be called once, before much is allocated.
pub fn init() {
    // SAFETY: the option exists and takes a number of milliseconds.
    unsafe { mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) }
}

/// Runs `free`, whose empty pages go back to the system one by one. What frees much in slices needs
/// that: kept for a while, the pages would all go at once, in one stall of tens of milliseconds.
pub fn without_purge_delay<T>(free: impl FnOnce() -> T) -> T {
    // SAFETY: as in `init`.
    let set = |milliseconds| unsafe { mi_option_set(PURGE_DELAY, milliseconds) };
    set(0);
    let result = free();
    set(PURGE_DELAY_MS);
    result
}

/// Takes note of how many bytes of the process are resident; whether that is so much more than is
/// in use that blocks should move together. If so, empty pages go back to the system at once.
pub fn follow_resident(resident: u64) -> bool {
    let used = used() as u64;
    let is_wide = resident > used + used / SLACK_PART + SLACK_BYTES;
    IS_WIDE.store(is_wide, Ordering::Relaxed);
    if is_wide {
        // SAFETY: may be called at any time from a thread that allocates.
        unsafe { mi_collect(false) }
    }
    is_wide
}

/// What [`follow_resident`] found.
pub fn is_wide() -> bool {
    IS_WIDE.load(Ordering::Relaxed)
}

/// Whether the block that `bytes` begin lies in a page with many free ones, so that a copy would
/// lie better. For blocks of the calling thread: another one's page may change meanwhile.
pub fn is_sparse(bytes: &[u8]) -> bool {
    // SAFETY: mimalloc looks the address up and refuses one it did not hand out; it reads numbers
    // of the page that only the thread writes which owns it.
    unsafe {
        mi_unsafe_heap_page_is_under_utilized(
            std::ptr::null_mut(),
            bytes.as_ptr().cast(),
            SPARSE_PERCENT,
        )
    }
}

/// Gives memory that mimalloc keeps for reuse back to the system. Walks all that it holds.
pub fn give_back_spare() {
    // SAFETY: may be called at any time from a thread that allocates.
    unsafe { mi_collect(true) }
}

/// What mimalloc tells of itself, in its own words.
pub fn report() -> String {
    extern "C" fn append(piece: *const c_char, text: *mut c_void) {
        // SAFETY: `report` passed a pointer to its string, which nobody else uses meanwhile, and
        // mimalloc hands over text that ends with a NUL.
        let (piece, text) = unsafe { (CStr::from_ptr(piece), &mut *text.cast::<String>()) };
        text.push_str(&piece.to_string_lossy());
    }
    let mut text = String::new();
    // SAFETY: `append` expects the pointer that is passed along, and is not called later.
    unsafe { mi_stats_print_out(Some(append), (&raw mut text).cast()) };
    text
}

/// Counts the block at `block` in (`sign` 1) or out (-1).
///
/// SAFETY: `block` is null or a live block of mimalloc.
unsafe fn count(block: *mut u8, sign: isize) {
    if !block.is_null() {
        // SAFETY: the caller passes a live block.
        let size = unsafe { mi_usable_size(block.cast()) };
        account(sign * size.cast_signed());
    }
}

// SAFETY: every method hands its arguments on to mimalloc unchanged and returns its result; the
// counting in between allocates nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is passed on; `count` gets its result.
        unsafe {
            let block = MiMalloc.alloc(layout);
            count(block, 1);
            block
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe {
            let block = MiMalloc.alloc_zeroed(layout);
            count(block, 1);
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller promises that `block` is live, came from here with `layout` and is
        // not used any more, so that its content does not matter.
        unsafe {
            if is_wide() && LARGE_BLOCK_BYTES.contains(&layout.size()) {
                discard_pages(std::slice::from_raw_parts_mut(block, layout.size()));
            }
            count(block, -1);
            MiMalloc.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`; the old size is read before the block may move. When mimalloc
        // refuses, the old block stays live and is counted in again.
        unsafe {
            count(block, -1);
            let moved = MiMalloc.realloc(block, layout, new_size);
            count(if moved.is_null() { block } else { moved }, 1);
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discarded_pages_read_as_zeros_and_their_neighbors_stay() {
        let page = rustix::param::page_size();
        let mut block = vec![7u8; 64 * page];
        discard_pages(&mut block[page + 1..8 * page]);
        assert!(block[..page + 1].iter().chain(&block[8 * page..]).all(|byte| *byte == 7));
        assert!(block[2 * page..7 * page].iter().all(|byte| *byte == 0));
        discard_pages(&mut block[1..10]);
        discard_pages(&mut []);
        assert_eq!(block[..10], [7; 10]);
    }

    #[test]
    fn the_allocator_tells_of_itself() {
        give_back_spare();
        assert!(report().lines().count() > 3, "{}", report());
    }

    #[test]
    fn what_is_resident_beyond_use_makes_it_wide() {
        let used = used() as u64;
        assert!(!follow_resident(used));
        assert!(follow_resident(used * 2 + (1 << 40)) && is_wide());
        // Blocks freed meanwhile leave pages behind, and their content is nobody's.
        drop(vec![7u8; 100_000]);
        assert!(vec![0u8; 100_000].iter().all(|byte| *byte == 0));
        assert!(!follow_resident(0) && !is_wide());
        assert!(!is_sparse(&[]));
    }

    #[test]
    fn a_block_counts_while_it_lives() {
        let own = || OWN.get() + SHARED.load(Ordering::Relaxed);
        // Other tests run beside this one, hence a block that dwarfs them.
        const BLOCK: isize = 1 << 30;
        let before = own();
        let block = vec![0u8; BLOCK.unsigned_abs()];
        assert!(own() - before > BLOCK / 2);
        drop(block);
        assert!(own() - before < BLOCK / 2);
    }

    #[test]
    fn foreign_memory_is_added() {
        let before = used();
        account(1 << 40);
        assert!(used() > before + (1 << 39));
        account(-(1 << 40));
        assert!(used() < before + (1 << 39));
    }
}
