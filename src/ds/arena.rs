//! Slots of 8 to 1,024 bytes for entries, in slabs of our own.
//!
//! An [`Arena`] reserves a large range of addresses once and commits it step by step. The range is
//! cut into pages of 64 KiB; a page serves one size class, classes are 8 bytes apart. A slot is
//! named by a [`Ref`] of 5 bytes, its offset in units of 8 bytes, which keeps hash tables small.
//! What describes a page stands beside the pages, so a fresh page is handed out from its start
//! and its untouched 4 KiB pages cost nothing. An empty page joins a small resident reserve or
//! goes back to the system. A page with few slots left is emptied into others of its class
//! ([`Arena::compact`]), so that a change of the sizes in demand leaves no holes behind.
//!
//! Why not the general allocator: its classes near 100 bytes are 12 to 16 bytes apart and its
//! references take 8 bytes; together a fifth of the memory of a small entry.
//!
//! Invariant: knows nothing of what the slots hold. A stale `Ref` reads wrong bytes, never memory
//! outside of the arena.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ptr::{self, NonNull};
use std::slice;

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};

use crate::base::alloc::account;
use crate::ds::prefetch::prefetch;

/// The largest slot.
pub const SLOT_BYTES_MAX: usize = 1024;

const UNIT: usize = 8;
const CLASSES: usize = SLOT_BYTES_MAX / UNIT;
const PAGE_BYTES: usize = 64 * 1024;
const PAGE_UNITS: u16 = (PAGE_BYTES / UNIT) as u16;
const RESERVE_BYTES_MAX: usize = 1 << 40;
const RESERVE_BYTES_MIN: usize = 1 << 26;
const COMMIT_BYTES: usize = 1 << 20;
/// From this size on memory is asked for as huge pages: at most one is half used, an eighth of it.
const HUGE_FROM_BYTES: usize = 1 << 24;
const HUGE_PAGE_BYTES: usize = 1 << 21;
/// Empty pages that stay resident, so that a size class at the edge of a page does not call the
/// kernel for every insert and delete.
const WARM_PAGES_MAX: u32 = 8;
const PAGES_PER_BLOCK: usize = 1024;
/// Pages that one search for a sparse one looks at.
const SEARCH_PAGES: u32 = 1024;
/// A page that is fuller than this is not worth emptying: more bytes would be moved to less gain.
const SPARSE_BYTES_MAX: usize = PAGE_BYTES / 16 * 15;
const NO_PAGE: u32 = u32::MAX;
const NO_UNIT: u16 = u16::MAX;

/// Names a slot: its offset in units of 8 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ref([u8; 5]);

const _: () = assert!(size_of::<Ref>() == 5 && align_of::<Ref>() == 1);

impl Ref {
    fn new(page: u32, unit: u16) -> Ref {
        let units = u64::from(page) * u64::from(PAGE_UNITS) + u64::from(unit);
        let [a, b, c, d, e, ..] = units.to_le_bytes();
        Ref([a, b, c, d, e])
    }

    #[inline]
    fn offset(self) -> usize {
        let [a, b, c, d, e] = self.0;
        (u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]) as usize) * UNIT
    }

    fn split(self) -> (u32, u16) {
        let units = self.offset() / UNIT;
        let per_page = usize::from(PAGE_UNITS);
        ((units / per_page) as u32, (units % per_page) as u16)
    }
}

/// What is known of one page.
#[derive(Clone)]
struct Page {
    /// Units per slot; 0 while the page serves no class.
    class: u16,
    live: u16,
    /// Units from here on were never handed out since the page got its class.
    bump: u16,
    /// First freed slot; each freed slot holds the unit of the next in its first two bytes.
    free: u16,
    next: u32,
    prev: u32,
}

impl Page {
    const EMPTY: Page =
        Page { class: 0, live: 0, bump: 0, free: NO_UNIT, next: NO_PAGE, prev: NO_PAGE };

    fn is_full(&self) -> bool {
        self.free == NO_UNIT && self.bump + self.class > PAGE_UNITS
    }

    /// Slots of a page of this class.
    fn slots(&self) -> u16 {
        PAGE_UNITS / self.class
    }

    fn free_slots(&self) -> u32 {
        u32::from(self.slots() - self.live)
    }

    /// Bytes in live slots.
    fn live_bytes(&self) -> usize {
        usize::from(self.live) * usize::from(self.class) * UNIT
    }
}

/// Slots of many sizes in one range of addresses.
pub struct Arena {
    base: NonNull<u8>,
    reserved: usize,
    /// Bytes from `base` that are readable and writable; a multiple of the page size.
    committed: usize,
    /// In blocks, so that growth never moves what is there.
    pages: Vec<Box<[Page]>>,
    page_count: u32,
    open: [u32; CLASSES + 1],
    /// Free slots in the pages of each class.
    room: [u32; CLASSES + 1],
    /// Where the next search for a sparse page begins.
    hand: u32,
    warm: u32,
    warm_len: u32,
    cold: u32,
    used: usize,
    touched: usize,
}

impl Default for Arena {
    fn default() -> Arena {
        Arena {
            base: NonNull::dangling(),
            reserved: 0,
            committed: 0,
            pages: Vec::new(),
            page_count: 0,
            open: [NO_PAGE; CLASSES + 1],
            room: [0; CLASSES + 1],
            hand: 0,
            warm: NO_PAGE,
            warm_len: 0,
            cold: NO_PAGE,
            used: 0,
            touched: 0,
        }
    }
}

/// The bytes that a slot for `len` bytes takes.
pub fn slot_bytes(len: usize) -> usize {
    len.max(1).next_multiple_of(UNIT)
}

impl Arena {
    /// A slot of at least `len` bytes, 1 to [`SLOT_BYTES_MAX`]; its content is unspecified.
    /// Aborts as the general allocator does when the system refuses memory.
    pub fn alloc(&mut self, len: usize) -> Ref {
        assert!((1..=SLOT_BYTES_MAX).contains(&len), "slot of {len} bytes");
        let class = len.div_ceil(UNIT);
        let page = match self.open[class] {
            NO_PAGE => self.open_page(class),
            page => page,
        };
        let unit = self.take_slot(page);
        let bytes = class * UNIT;
        self.used += bytes;
        account(bytes.cast_signed());
        Ref::new(page, unit)
    }

    /// Gives the slot back. Each slot is freed once.
    pub fn free(&mut self, slot: Ref) {
        let (index, unit) = slot.split();
        let next = self.page(index).free;
        self.bytes_mut(slot)[..2].copy_from_slice(&next.to_le_bytes());
        let page = self.page_mut(index);
        assert!(page.live > 0, "slot freed in an empty page");
        let (was_full, class) = (page.is_full(), usize::from(page.class));
        page.free = unit;
        page.live -= 1;
        let is_empty = page.live == 0;
        self.room[class] += 1;
        self.used -= class * UNIT;
        account(-(class * UNIT).cast_signed());
        if is_empty {
            if !was_full {
                self.unlink(index, class);
            }
            self.room[class] -= self.page(index).free_slots();
            self.retire(index);
        } else if was_full {
            self.link(index, class);
        }
    }

    /// Moves the slots of a sparse page to others of its class and gives the page up: from where to
    /// where each went. The old places are free. `None` when there is no such page among those
    /// looked at; the next call looks at others.
    pub fn compact(&mut self) -> Option<Vec<(Ref, Ref)>> {
        let index = self.sparse_page()?;
        let class = usize::from(self.page(index).class);
        self.unlink(index, class);
        self.room[class] -= self.page(index).free_slots();
        let moved = self.live_slots(index).into_iter().map(|unit| {
            let (from, page) = (Ref::new(index, unit), self.open[class]);
            let to = Ref::new(page, self.take_slot(page));
            self.copy(from, to, class * UNIT);
            (from, to)
        });
        let moved = moved.collect();
        self.page_mut(index).live = 0;
        self.retire(index);
        Some(moved)
    }

    /// The sparsest of the pages at the hand whose slots fit into others of their class.
    fn sparse_page(&mut self) -> Option<u32> {
        let fits = |page: &Page| {
            let elsewhere = self.room[usize::from(page.class)] - page.free_slots();
            u32::from(page.live) <= elsewhere && page.live_bytes() <= SPARSE_BYTES_MAX
        };
        let looked_at = (0..self.page_count.min(SEARCH_PAGES))
            .map(|step| (self.hand + step) % self.page_count)
            .filter(|&index| self.page(index).live > 0 && fits(self.page(index)));
        let sparsest = looked_at.min_by_key(|&index| self.page(index).live_bytes());
        self.hand = (self.hand + SEARCH_PAGES) % self.page_count.max(1);
        sparsest
    }

    /// The units of a page where slots in use begin.
    fn live_slots(&self, index: u32) -> Vec<u16> {
        let mut free = [false; PAGE_UNITS as usize];
        let mut unit = self.page(index).free;
        while unit != NO_UNIT {
            free[usize::from(unit)] = true;
            let head = self.bytes(Ref::new(index, unit));
            unit = u16::from_le_bytes([head[0], head[1]]);
        }
        let Page { bump, class, .. } = *self.page(index);
        let units = (0..bump).step_by(usize::from(class));
        units.filter(|&unit| !free[usize::from(unit)]).collect()
    }

    fn copy(&mut self, from: Ref, to: Ref, len: usize) {
        let mut slot = [0; SLOT_BYTES_MAX];
        slot[..len].copy_from_slice(&self.bytes(from)[..len]);
        self.bytes_mut(to)[..len].copy_from_slice(&slot[..len]);
    }

    /// The bytes from the start of the slot to the end of its page; the caller knows the length.
    #[inline]
    pub fn bytes(&self, slot: Ref) -> &[u8] {
        let offset = slot.offset();
        assert!(offset < self.committed);
        // SAFETY: `base..base+committed` is one mapping, readable and initialised (zeroes from
        // the kernel or bytes written through `bytes_mut`) until `self` is dropped or released.
        // `committed` is a multiple of the page size, so the end of the page lies within it.
        // `&self` keeps writers away for the life of the slice.
        unsafe {
            slice::from_raw_parts(self.base.as_ptr().add(offset), PAGE_BYTES - offset % PAGE_BYTES)
        }
    }

    /// As [`Arena::bytes`], to be changed; the caller stays within the slot's length.
    #[inline]
    pub fn bytes_mut(&mut self, slot: Ref) -> &mut [u8] {
        let offset = slot.offset();
        assert!(offset < self.committed);
        // SAFETY: as in `bytes`; the mapping is writable and `&mut self` makes the slice unique.
        unsafe {
            slice::from_raw_parts_mut(
                self.base.as_ptr().add(offset),
                PAGE_BYTES - offset % PAGE_BYTES,
            )
        }
    }

    /// Hints that the slot will be read soon.
    #[inline]
    pub fn prefetch(&self, slot: Ref) {
        let address = self.base.as_ptr().wrapping_add(slot.offset());
        prefetch(address);
        prefetch(address.wrapping_add(64));
    }

    /// Hints that the first bytes of the slot will be read soon.
    #[inline]
    pub fn prefetch_start(&self, slot: Ref) {
        prefetch(self.base.as_ptr().wrapping_add(slot.offset()));
    }

    /// Bytes in live slots.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Bytes of pages that were handed out at least once since they were fresh, used or not:
    /// what the arena makes resident.
    pub fn touched(&self) -> usize {
        self.touched
    }

    /// Bytes of address space that are backed on demand.
    pub fn committed(&self) -> usize {
        self.committed
    }

    /// Bytes of the description of the pages.
    pub fn overhead(&self) -> usize {
        self.pages.len() * PAGES_PER_BLOCK * size_of::<Page>()
    }

    /// Unmaps up to `bytes` from the end of an arena whose slots nobody uses any more; true when
    /// more is left. Dropping the arena unmaps the rest.
    pub fn release(&mut self, bytes: usize) -> bool {
        let keep = self.committed.saturating_sub(bytes.next_multiple_of(PAGE_BYTES));
        self.unmap_from(keep);
        self.committed = keep;
        self.reserved = keep;
        let freed = if keep == 0 { self.used } else { self.used.min(bytes) };
        self.used -= freed;
        account(-freed.cast_signed());
        keep > 0
    }

    fn page(&self, index: u32) -> &Page {
        &self.pages[index as usize / PAGES_PER_BLOCK][index as usize % PAGES_PER_BLOCK]
    }

    fn page_mut(&mut self, index: u32) -> &mut Page {
        &mut self.pages[index as usize / PAGES_PER_BLOCK][index as usize % PAGES_PER_BLOCK]
    }

    /// A slot of a page that has one.
    fn take_slot(&mut self, index: u32) -> u16 {
        let page = self.page(index);
        let (free, bump, class) = (page.free, page.bump, page.class);
        let unit = if free == NO_UNIT {
            self.page_mut(index).bump += class;
            self.touched += usize::from(class) * UNIT;
            bump
        } else {
            let head = self.bytes(Ref::new(index, free));
            self.page_mut(index).free = u16::from_le_bytes([head[0], head[1]]);
            free
        };
        self.page_mut(index).live += 1;
        self.room[usize::from(class)] -= 1;
        if self.page(index).is_full() {
            self.unlink(index, usize::from(class));
        }
        unit
    }

    /// Gives `class` a page: a resident empty one, a returned one or a fresh one.
    fn open_page(&mut self, class: usize) -> u32 {
        let index = if self.warm != NO_PAGE {
            let index = self.warm;
            self.warm = self.page(index).next;
            self.warm_len -= 1;
            self.touched -= PAGE_BYTES;
            index
        } else if self.cold != NO_PAGE {
            let index = self.cold;
            self.cold = self.page(index).next;
            index
        } else {
            self.fresh_page()
        };
        *self.page_mut(index) = Page { class: class as u16, ..Page::EMPTY };
        self.room[class] += self.page(index).free_slots();
        self.link(index, class);
        index
    }

    fn fresh_page(&mut self) -> u32 {
        let index = self.page_count;
        if (index as usize + 1) * PAGE_BYTES > self.committed {
            self.commit();
        }
        if index as usize / PAGES_PER_BLOCK == self.pages.len() {
            self.pages.push(vec![Page::EMPTY; PAGES_PER_BLOCK].into_boxed_slice());
        }
        self.page_count += 1;
        index
    }

    /// An empty page stays resident while the reserve is small, else its memory goes back.
    fn retire(&mut self, index: u32) {
        let bump = self.page(index).bump;
        self.touched -= usize::from(bump) * UNIT;
        let list = if self.warm_len < WARM_PAGES_MAX {
            self.warm_len += 1;
            self.touched += PAGE_BYTES;
            &mut self.warm
        } else {
            self.give_back(index);
            &mut self.cold
        };
        let next = std::mem::replace(list, index);
        *self.page_mut(index) = Page { next, ..Page::EMPTY };
    }

    /// Gives the empty pages that stay resident back to the system as well.
    pub fn give_back_spare(&mut self) {
        while self.warm != NO_PAGE {
            let index = self.warm;
            self.give_back(index);
            self.warm = self.page(index).next;
            self.page_mut(index).next = std::mem::replace(&mut self.cold, index);
            self.warm_len -= 1;
            self.touched -= PAGE_BYTES;
        }
    }

    /// Lets the system have the memory of an empty page.
    fn give_back(&mut self, index: u32) {
        assert_eq!(self.page(index).live, 0, "page in use");
        // SAFETY: the page lies within the committed range and no slot of it is live, so no
        // reference into it exists; afterwards it reads as zeroes.
        let returned = unsafe {
            let start = self.base.as_ptr().add(index as usize * PAGE_BYTES);
            rustix::mm::madvise(start.cast(), PAGE_BYTES, Advice::LinuxDontNeed)
        };
        // Refused (a locked mapping): the page stays resident and is reused all the same.
        debug_assert!(returned.is_ok());
    }

    fn link(&mut self, index: u32, class: usize) {
        let next = std::mem::replace(&mut self.open[class], index);
        if next != NO_PAGE {
            self.page_mut(next).prev = index;
        }
        let page = self.page_mut(index);
        (page.prev, page.next) = (NO_PAGE, next);
    }

    fn unlink(&mut self, index: u32, class: usize) {
        let Page { prev, next, .. } = *self.page(index);
        match prev {
            NO_PAGE => self.open[class] = next,
            prev => self.page_mut(prev).next = next,
        }
        if next != NO_PAGE {
            self.page_mut(next).prev = prev;
        }
    }

    fn commit(&mut self) {
        if self.reserved == 0 {
            (self.base, self.reserved) = reserve();
        }
        let refused = || -> ! {
            std::alloc::handle_alloc_error(Layout::new::<[u8; COMMIT_BYTES]>());
        };
        // A small arena grows in small steps. A larger one grows by huge pages, because what a
        // random access to small ones costs is mostly the walk to the page.
        let step = if self.committed < HUGE_FROM_BYTES { COMMIT_BYTES } else { HUGE_PAGE_BYTES };
        if self.committed + step > self.reserved {
            refused();
        }
        // SAFETY: the range lies within the reserved mapping, which is ours alone, and no slice
        // reaches beyond `committed`.
        let result = unsafe {
            let start = self.base.as_ptr().add(self.committed);
            let access = MprotectFlags::READ | MprotectFlags::WRITE;
            if step == HUGE_PAGE_BYTES {
                // Without huge pages it is slower, not wrong.
                let _ = rustix::mm::madvise(start.cast(), step, Advice::LinuxHugepage);
            }
            rustix::mm::mprotect(start.cast(), step, access)
        };
        if result.is_err() {
            refused();
        }
        self.committed += step;
    }

    fn unmap_from(&mut self, keep: usize) {
        if self.reserved > keep {
            // SAFETY: the range is the tail of our own mapping; `&mut self` shows that no slice
            // into it lives, and the callers lower `committed` or drop the arena.
            let result = unsafe {
                let start = self.base.as_ptr().add(keep);
                rustix::mm::munmap(start.cast(), self.reserved - keep)
            };
            debug_assert!(result.is_ok());
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        account(-self.used.cast_signed());
        self.unmap_from(0);
    }
}

/// Address space without memory, aligned to huge pages: as much as the system grants, at least
/// 64 MiB.
fn reserve() -> (NonNull<u8>, usize) {
    let mut bytes = RESERVE_BYTES_MAX;
    while bytes >= RESERVE_BYTES_MIN {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let spare = bytes + HUGE_PAGE_BYTES;
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing.
        let mapped = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), spare, ProtFlags::empty(), flags)
        };
        if let Ok(start) = mapped {
            return (aligned(start.cast(), bytes), bytes);
        }
        bytes /= 2;
    }
    std::alloc::handle_alloc_error(Layout::new::<[u8; RESERVE_BYTES_MIN]>());
}

/// The huge-page-aligned `bytes` within a mapping at `start` that is one huge page longer; the rest
/// is given back.
fn aligned(start: *mut u8, bytes: usize) -> NonNull<u8> {
    let before = start.align_offset(HUGE_PAGE_BYTES);
    let base = start.wrapping_add(before);
    let after = base.wrapping_add(bytes);
    // SAFETY: both ranges are ends of a mapping that nobody else knows yet.
    unsafe {
        if before > 0 {
            let _ = rustix::mm::munmap(start.cast(), before);
        }
        let _ = rustix::mm::munmap(after.cast(), HUGE_PAGE_BYTES - before);
    }
    NonNull::new(base).expect("a mapping does not start at address zero")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use std::collections::HashMap;

    /// Fills a slot with bytes that tell it from every other.
    fn fill(arena: &mut Arena, slot: Ref, len: usize, mark: u64) {
        let bytes = &mut arena.bytes_mut(slot)[..len];
        bytes.iter_mut().zip(mark.to_le_bytes().into_iter().cycle()).for_each(|(b, m)| *b = m);
    }

    fn is_filled(arena: &Arena, slot: Ref, len: usize, mark: u64) -> bool {
        let bytes = &arena.bytes(slot)[..len];
        bytes.iter().zip(mark.to_le_bytes().into_iter().cycle()).all(|(b, m)| *b == m)
    }

    #[test]
    fn slots_never_overlap() {
        let (mut arena, mut rng, mut live) = (Arena::default(), Rng::seeded(5), Vec::new());
        for mark in 0..40_000u64 {
            if live.is_empty() || rng.below(20_000) as u64 * 2 > mark % 40_000 {
                let len = 1 + rng.below(SLOT_BYTES_MAX);
                let slot = arena.alloc(len);
                fill(&mut arena, slot, len, mark);
                live.push((slot, len, mark));
            } else {
                let (slot, len, mark) = live.swap_remove(rng.below(live.len()));
                assert!(is_filled(&arena, slot, len, mark));
                arena.free(slot);
            }
        }
        assert!(live.iter().all(|&(slot, len, mark)| is_filled(&arena, slot, len, mark)));
        let used: usize = live.iter().map(|&(_, len, _)| slot_bytes(len)).sum();
        assert_eq!(arena.used(), used);
        live.iter().for_each(|&(slot, ..)| arena.free(slot));
        assert_eq!(arena.used(), 0);
    }

    #[test]
    fn compaction_keeps_every_slot_and_gives_pages_back() {
        let (mut arena, mut rng, mut live) = (Arena::default(), Rng::seeded(6), HashMap::new());
        for round in 0..4 {
            for mark in round * 20_000..(round + 1) * 20_000 {
                let len = [24, 100, 360, 1000][rng.below(4)];
                let slot = arena.alloc(len);
                fill(&mut arena, slot, len, mark);
                live.insert(slot.0, (len, mark));
            }
            live.retain(|&slot, _| {
                let stays = rng.below(3) == 0;
                if !stays {
                    arena.free(Ref(slot));
                }
                stays
            });
            let before = arena.touched();
            while let Some(moved) = arena.compact() {
                for (from, to) in moved {
                    let entry = live.remove(&from.0).expect("a live slot was moved");
                    assert!(live.insert(to.0, entry).is_none());
                }
            }
            let slack = arena.touched() - arena.used();
            assert!(slack < before / 10 + (WARM_PAGES_MAX as usize + 4) * PAGE_BYTES, "{slack}");
            assert!(
                live.iter()
                    .all(|(&slot, &(len, mark))| { is_filled(&arena, Ref(slot), len, mark) })
            );
        }
        live.keys().for_each(|&slot| arena.free(Ref(slot)));
        assert_eq!((arena.used(), arena.room.iter().sum::<u32>()), (0, 0));
    }

    #[test]
    fn freed_slots_are_used_again() {
        let mut arena = Arena::default();
        let slots: Vec<Ref> = (0..10_000).map(|_| arena.alloc(88)).collect();
        let (committed, touched) = (arena.committed(), arena.touched());
        for _ in 0..10 {
            slots.iter().step_by(2).for_each(|&slot| arena.free(slot));
            slots.iter().step_by(2).for_each(|_| {
                std::hint::black_box(arena.alloc(85));
            });
        }
        assert_eq!((arena.committed(), arena.touched()), (committed, touched));
    }

    #[test]
    fn empty_pages_go_back_and_are_used_again() {
        let mut arena = Arena::default();
        let slots: Vec<Ref> = (0..100_000).map(|_| arena.alloc(88)).collect();
        assert_eq!((arena.used(), arena.touched()), (8_800_000, 8_800_000));
        slots.iter().for_each(|&slot| arena.free(slot));
        assert_eq!(arena.touched(), WARM_PAGES_MAX as usize * PAGE_BYTES);
        arena.give_back_spare();
        assert_eq!(arena.touched(), 0);
        let committed = arena.committed();
        (0..50_000).for_each(|_| {
            std::hint::black_box(arena.alloc(160));
        });
        assert_eq!(arena.committed(), committed);
    }

    #[test]
    fn a_page_that_went_back_reads_as_zeroes() {
        let mut arena = Arena::default();
        let slots: Vec<Ref> = (0..20_000).map(|_| arena.alloc(1024)).collect();
        slots.iter().for_each(|&slot| fill(&mut arena, slot, 1024, u64::MAX));
        slots.iter().for_each(|&slot| arena.free(slot));
        let returned = slots.iter().filter(|&&slot| arena.bytes(slot)[100] == 0).count();
        assert!(returned >= 20_000 - 64 * (WARM_PAGES_MAX as usize + 1));
    }

    #[test]
    fn a_doomed_arena_is_unmapped_in_pieces() {
        let mut arena = Arena::default();
        (0..100_000).for_each(|_| {
            std::hint::black_box(arena.alloc(88));
        });
        let mut pieces = 1;
        while arena.release(1 << 20) {
            pieces += 1;
        }
        assert_eq!((pieces, arena.used(), arena.committed()), (9, 0, 0));
    }

    #[test]
    fn every_size_is_served() {
        let mut arena = Arena::default();
        for len in 1..=SLOT_BYTES_MAX {
            let slot = arena.alloc(len);
            fill(&mut arena, slot, len, len as u64);
            assert!(is_filled(&arena, slot, len, len as u64));
        }
    }
}
