//! Small allocations by size class: a block that is given back is the next one of its size. The first ones, and the
//! first larger ones, are of a static arena. This module must not know where the rest comes from: another allocator.
//!
//! A guest allocates many short strings for each request and each row of a list. Searching and merging free gaps for
//! each of them took a quarter of the instructions of a short response. Pieces are not given back: a guest's memory
//! ends with its instance. With the arena a short response does not grow its memory, which takes the host two system
//! calls.

#![allow(
    unsafe_code,
    reason = "an allocator hands out raw memory; the proofs stand at each block"
)]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr,
};

/// Sizes are rounded up to a multiple of it; every block but the other allocator's is aligned to it.
const UNIT: usize = 16;
/// The largest small block.
const SMALL: usize = 512;
const CLASSES: usize = SMALL / UNIT;
/// How much is taken from the other allocator at once.
const PIECE: usize = 8 * 1024;
/// The size of an arena.
const ARENA: usize = 64 * 1024;
/// The least size of its first part, which is what a short response takes.
const FIRST: usize = 6 * 1024;
/// The arena's parts end at the end of a page. Small and larger blocks come from both ends of a part, so a short response
/// touches the pages of the first one alone: two if the linker has put the arena into the first half of a page, as in the
/// released component, else three. The first of them is that of the module's data anyway.
const PAGE: usize = 4096;

/// Memory for the first blocks.
#[repr(align(16))]
pub(crate) struct Arena(UnsafeCell<MaybeUninit<[u8; ARENA]>>);

// SAFETY: without atomics a wasm instance has one thread.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

/// A free block: where it lies, and the next one of its class.
#[derive(Clone, Copy)]
struct Free(*mut u8);

struct Lists {
    free: [Free; CLASSES],
    /// The rest of a part of the arena, or of the last piece. Small blocks are taken from its beginning, and of the
    /// arena the larger ones from its end.
    rest: *mut u8,
    left: usize,
    source: Source,
}

/// What the rest is of.
enum Source {
    Nothing,
    FirstPart,
    SecondPart,
    Piece,
}

impl Lists {
    /// Where the rest ends, which is where the lowest larger block of the arena's part begins.
    fn end(&self) -> *mut u8 {
        self.rest.wrapping_add(self.left)
    }

    fn is_arena(&self) -> bool {
        matches!(self.source, Source::FirstPart | Source::SecondPart)
    }

    /// Takes the next blocks from this memory.
    ///
    /// # Safety
    /// It is `size` bytes that nobody has, aligned, and a whole number of units. So is the rest.
    unsafe fn go_on(&mut self, memory: *mut u8, size: usize, source: Source) {
        // What is left of the one before is a block too, if it is small.
        let class = (self.left / UNIT).checked_sub(1);
        if let Some(head) = class.and_then(|class| self.free.get_mut(class)) {
            // SAFETY: the caller's promise.
            unsafe { self.rest.cast::<*mut u8>().write(head.0) };
            head.0 = self.rest;
        }
        (self.rest, self.left, self.source) = (memory, size, source);
    }
}

/// The allocator, on top of another one.
pub(crate) struct SizeClasses<A> {
    others: A,
    arena: *mut u8,
    lists: UnsafeCell<Lists>,
}

// SAFETY: as above.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl<A: Sync> Sync for SizeClasses<A> {}

impl<A> SizeClasses<A> {
    /// # Safety
    /// Nobody else uses the arena.
    pub(crate) const unsafe fn over(others: A, arena: &'static Arena) -> Self {
        let arena = arena.0.get().cast::<u8>();
        Self {
            others,
            arena,
            lists: UnsafeCell::new(Lists {
                free: [Free(ptr::null_mut()); CLASSES],
                rest: ptr::null_mut(),
                left: 0,
                source: Source::Nothing,
            }),
        }
    }

    fn is_in_arena(&self, block: *mut u8) -> bool {
        block.addr().wrapping_sub(self.arena.addr()) < ARENA
    }

    /// Goes on to the arena's next part if that has room for so much.
    fn next_part(&self, lists: &mut Lists, size: usize) -> bool {
        let arena = self.arena.addr();
        let first = (arena + FIRST).next_multiple_of(PAGE) - arena;
        let (from, to, part) = match lists.source {
            Source::Nothing => (0, first, Source::FirstPart),
            Source::FirstPart => (first, (arena + ARENA) / PAGE * PAGE - arena, Source::SecondPart),
            Source::SecondPart | Source::Piece => return false,
        };
        let has_room = size <= to - from;
        if has_room {
            // SAFETY: each part is within the arena, and used once. The arena begins at a unit, as does each page.
            unsafe { lists.go_on(self.arena.add(from), to - from, part) };
        }
        has_room
    }

    /// The lists, for a moment.
    ///
    /// # Safety
    /// The caller holds one of them at a time.
    #[allow(clippy::mut_from_ref, reason = "one thread, and one reference at a time")]
    unsafe fn lists(&self) -> &mut Lists {
        // SAFETY: one thread, and nothing in here calls back.
        unsafe { &mut *self.lists.get() }
    }
}

/// The class of a layout; none if it is not small.
#[inline(always)]
fn class_of(layout: Layout) -> Option<usize> {
    let class = layout.size().wrapping_sub(1) / UNIT;
    (class < CLASSES && layout.align() <= UNIT).then_some(class)
}

fn rounded(size: usize) -> usize {
    size.wrapping_add(UNIT - 1) & !(UNIT - 1)
}

// SAFETY: a block is handed out once until it is given back: it is taken off its list, or off an end of the rest. It has
// the size and alignment of its class, which are at least those of the layout. Everything else is the other allocator's.
unsafe impl<A: GlobalAlloc> GlobalAlloc for SizeClasses<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the only one in here.
        let lists = unsafe { self.lists() };
        let Some(class) = class_of(layout) else {
            let size = rounded(layout.size());
            let suits = layout.align() <= UNIT && size >= layout.size();
            if suits && (lists.is_arena() && size <= lists.left || self.next_part(lists, size)) {
                lists.left -= size;
                return lists.end();
            }
            // SAFETY: the caller's promise.
            return unsafe { self.others.alloc(layout) };
        };
        let Some(head) = lists.free.get_mut(class) else {
            return ptr::null_mut();
        };
        if !head.0.is_null() {
            let block = head.0;
            // SAFETY: `dealloc` has written the next block there; blocks are aligned and large enough for a pointer.
            head.0 = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let size = (class + 1) * UNIT;
        if lists.left < size && !self.next_part(lists, size) {
            // SAFETY: the size is not zero, and the alignment a power of two.
            let piece = unsafe { self.others.alloc(Layout::from_size_align_unchecked(PIECE, UNIT)) };
            if piece.is_null() {
                return piece;
            }
            // SAFETY: it was just taken.
            unsafe { lists.go_on(piece, PIECE, Source::Piece) };
        }
        let block = lists.rest;
        // SAFETY: at least `size` bytes are left.
        lists.rest = unsafe { block.add(size) };
        lists.left -= size;
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the only one in here.
        let lists = unsafe { self.lists() };
        if let Some(class) = class_of(layout) {
            if let Some(head) = lists.free.get_mut(class) {
                // SAFETY: the caller gives back a block of this layout, thus of this class: it is aligned and large
                // enough.
                unsafe { block.cast::<*mut u8>().write(head.0) };
                head.0 = block;
            }
        } else if self.is_in_arena(block) {
            // Only the lowest one can be handed out again; what is lost is a part of the arena.
            if lists.is_arena() && block == lists.end() {
                lists.left += rounded(layout.size());
            }
        } else {
            // SAFETY: the caller's promise; what is not small and not in the arena came from there.
            unsafe { self.others.dealloc(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is valid with this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (class_of(layout), class_of(new_layout)) {
            (None, None) if !self.is_in_arena(block) => {
                // SAFETY: the caller's promise; it is the other allocator's.
                return unsafe { self.others.realloc(block, layout, new_size) };
            }
            (None, None) => {
                let (old, new) = (rounded(layout.size()), rounded(new_size));
                if new <= old && new >= new_size {
                    return block;
                }
                // SAFETY: the only one, until it is not used any more.
                let lists = unsafe { self.lists() };
                let more = new.wrapping_sub(old);
                if lists.is_arena() && block == lists.end() && new > old && more <= lists.left {
                    // It grows downwards, where nobody has anything.
                    lists.left -= more;
                    let lower = lists.end();
                    // SAFETY: both are within the arena, and the block's own or free.
                    unsafe { ptr::copy(block, lower, layout.size()) };
                    return lower;
                }
            }
            (old, new) if old == new => return block,
            _ => {}
        }
        // SAFETY: the caller's promises hold for both layouts; a fresh block does not overlap one in use.
        unsafe {
            let fresh = self.alloc(new_layout);
            if !fresh.is_null() {
                ptr::copy_nonoverlapping(block, fresh, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{alloc::System, boxed::Box, vec::Vec};

    use super::*;

    /// A block in use, and the byte that fills it.
    struct Held(*mut u8, Layout, u8);

    impl Held {
        fn is_whole(&self) -> bool {
            // SAFETY: the test has filled all of it.
            let bytes = unsafe { std::slice::from_raw_parts(self.0, self.1.size()) };
            self.0.addr().is_multiple_of(self.1.align()) && bytes.iter().all(|byte| *byte == self.2)
        }
    }

    fn memory() -> SizeClasses<System> {
        // SAFETY: it is this one's alone.
        unsafe { SizeClasses::over(System, Box::leak(Box::new(Arena::new()))) }
    }

    #[test]
    fn no_two_blocks_overlap_whatever_is_taken_resized_and_given_back() {
        let memory = memory();
        let mut held: Vec<Held> = Vec::new();
        let mut random = 1_u64;
        let mut next = move |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        for round in 0..6_000_usize {
            let size = 1 + next([24, 600, 5_000][round % 3]);
            let fill = round as u8;
            // SAFETY: every block is used with the layout that it was taken or resized with.
            unsafe {
                match next(5) {
                    0 | 1 => {
                        let layout = Layout::from_size_align(size, 1 << next(6)).unwrap();
                        let block = memory.alloc(layout);
                        block.write_bytes(fill, size);
                        held.push(Held(block, layout, fill));
                    }
                    2 | 3 if !held.is_empty() => {
                        let at = next(held.len());
                        let Held(block, layout, _) = held[at];
                        let block = memory.realloc(block, layout, size);
                        let layout = Layout::from_size_align(size, layout.align()).unwrap();
                        // What was there before is still there.
                        let kept = Held(
                            block,
                            Layout::from_size_align(held[at].1.size().min(size), 1).unwrap(),
                            held[at].2,
                        );
                        assert!(kept.is_whole());
                        block.write_bytes(fill, size);
                        held[at] = Held(block, layout, fill);
                    }
                    _ if !held.is_empty() => {
                        let one = held.swap_remove(next(held.len()));
                        assert!(one.is_whole());
                        memory.dealloc(one.0, one.1);
                    }
                    _ => {}
                }
            }
            if round % 128 == 0 {
                assert!(held.iter().all(Held::is_whole), "round {round}");
            }
        }
    }

    #[test]
    fn the_last_of_the_larger_blocks_grows_in_the_arena_and_leaves_it_whole() {
        let memory = memory();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: blocks are resized and given back with the layout that they have.
        unsafe {
            let first = memory.alloc(layout(600));
            first.write_bytes(7, 600);
            let grown = memory.realloc(first, layout(600), 5_000);
            assert!(memory.is_in_arena(first) && memory.is_in_arena(grown));
            assert!(Held(grown, layout(600), 7).is_whole());
            memory.dealloc(grown, layout(5_000));
            let whole = memory.alloc(layout(FIRST));
            assert!(memory.is_in_arena(whole), "nothing is lost");
            assert_eq!(whole.addr() + FIRST, grown.addr() + rounded(5_000));
            let second = memory.alloc(layout(ARENA - FIRST - 2 * PAGE));
            assert!(memory.is_in_arena(second), "the second part");
            assert!(!memory.is_in_arena(memory.alloc(layout(2 * PAGE))));
        }
    }

    #[test]
    fn what_a_short_response_takes_lies_in_the_first_part_which_ends_with_a_page() {
        let memory = memory();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: none is given back.
        let take = |size| unsafe { memory.alloc(layout(size)) };
        let ends = [100, 3_000, 400, 600, 512, 1_400].map(|size| take(size).addr() + size);
        let end = (memory.arena.addr() + FIRST).next_multiple_of(PAGE);
        let highest = *ends.iter().max().unwrap();
        assert!(
            (end - UNIT..=end).contains(&highest),
            "the larger ones begin at the end of a page: {ends:?}"
        );
        let more = take(FIRST);
        assert!(
            more.addr() >= end && memory.is_in_arena(more),
            "a longer one takes more of the arena"
        );
    }

    #[test]
    fn blocks_of_the_first_part_are_whole_after_the_second_has_begun() {
        let memory = memory();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: blocks are resized and given back with the layout that they have.
        unsafe {
            let first = memory.alloc(layout(2_000));
            first.write_bytes(1, 2_000);
            let second = memory.alloc(layout(20_000));
            second.write_bytes(2, 20_000);
            let grown = memory.realloc(first, layout(2_000), 3_000);
            assert!(Held(grown, layout(2_000), 1).is_whole() && Held(second, layout(20_000), 2).is_whole());
            grown.write_bytes(3, 3_000);
            // What was given back belongs to a part that is over, so it is not handed out again.
            let third = memory.alloc(layout(2_000));
            assert!(memory.is_in_arena(third) && third != first);
            third.write_bytes(4, 2_000);
            assert!(Held(grown, layout(3_000), 3).is_whole() && Held(second, layout(20_000), 2).is_whole());
        }
    }

    #[test]
    fn a_block_that_is_given_back_is_the_next_of_its_size() {
        let memory = memory();
        let [small, same, other] = [20, 32, 40].map(|size| Layout::from_size_align(size, 8).unwrap());
        // SAFETY: blocks are given back with the layout that they were taken with.
        unsafe {
            let first = memory.alloc(small);
            memory.dealloc(first, small);
            assert_ne!(memory.alloc(other), first);
            assert_eq!(memory.alloc(same), first);
            assert_eq!(memory.realloc(first, same, 17), first);
        }
    }
}
