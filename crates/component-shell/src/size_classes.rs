//! Small allocations by size class: a block that is given back is the next one of its size. This module must not know
//! where memory comes from: another allocator gives it larger pieces, and takes what is not small.
//!
//! A guest allocates many short strings for each request and each row of a list. Searching and merging free gaps for
//! each of them took a quarter of the instructions of a short response. Pieces are not given back: a guest's memory
//! ends with its instance.

#![allow(
    unsafe_code,
    reason = "an allocator hands out raw memory; the proofs stand at each block"
)]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

/// Sizes are rounded up to a multiple of it; every small block is aligned to it.
const UNIT: usize = 16;
/// The largest small block.
const SMALL: usize = 512;
const CLASSES: usize = SMALL / UNIT;
/// How much is taken from the other allocator at once.
const PIECE: usize = 8 * 1024;

/// A free block: where it lies, and the next one of its class.
#[derive(Clone, Copy)]
struct Free(*mut u8);

struct Lists {
    free: [Free; CLASSES],
    /// The rest of the last piece.
    rest: *mut u8,
    left: usize,
}

/// The allocator, on top of another one.
pub(crate) struct SizeClasses<A> {
    others: A,
    lists: UnsafeCell<Lists>,
}

// SAFETY: without atomics a wasm instance has one thread.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl<A: Sync> Sync for SizeClasses<A> {}

impl<A> SizeClasses<A> {
    pub(crate) const fn over(others: A) -> Self {
        let free = [Free(ptr::null_mut()); CLASSES];
        let lists = Lists {
            free,
            rest: ptr::null_mut(),
            left: 0,
        };
        Self {
            others,
            lists: UnsafeCell::new(lists),
        }
    }
}

/// The class of a layout; none if it is not small.
#[inline(always)]
fn class_of(layout: Layout) -> Option<usize> {
    let class = layout.size().wrapping_sub(1) / UNIT;
    (class < CLASSES && layout.align() <= UNIT).then_some(class)
}

// SAFETY: a block is handed out once until it is given back: it is taken off its list, or off the rest of a piece. It has
// the size and alignment of its class, which are at least those of the layout. Everything else is the other allocator's.
unsafe impl<A: GlobalAlloc> GlobalAlloc for SizeClasses<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { self.others.alloc(layout) };
        };
        // SAFETY: one thread, and nothing in here calls back: there is no other reference.
        let lists = unsafe { &mut *self.lists.get() };
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
        if lists.left < size {
            // SAFETY: the size is not zero, and the alignment a power of two.
            let piece = unsafe { self.others.alloc(Layout::from_size_align_unchecked(PIECE, UNIT)) };
            if piece.is_null() {
                return piece;
            }
            // What is left of the one before is a block too.
            if let Some(head) = (lists.left / UNIT)
                .checked_sub(1)
                .and_then(|class| lists.free.get_mut(class))
            {
                // SAFETY: the rest is `left` bytes that nobody has, aligned, and a whole number of units.
                unsafe { lists.rest.cast::<*mut u8>().write(head.0) };
                head.0 = lists.rest;
            }
            (lists.rest, lists.left) = (piece, PIECE);
        }
        let block = lists.rest;
        // SAFETY: at least `size` bytes are left of the piece.
        lists.rest = unsafe { block.add(size) };
        lists.left -= size;
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class_of(layout) else {
            // SAFETY: the caller's promise; what is not small came from there.
            return unsafe { self.others.dealloc(block, layout) };
        };
        // SAFETY: as in `alloc`.
        let lists = unsafe { &mut *self.lists.get() };
        if let Some(head) = lists.free.get_mut(class) {
            // SAFETY: the caller gives back a block of this layout, thus of this class: it is aligned and large enough.
            unsafe { block.cast::<*mut u8>().write(head.0) };
            head.0 = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is valid with this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (class_of(layout), class_of(new_layout)) {
            // SAFETY: the caller's promise; both are the other allocator's.
            (None, None) => unsafe { self.others.realloc(block, layout, new_size) },
            (old, new) if old == new => block,
            _ => {
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
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{alloc::System, vec::Vec};

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

    #[test]
    fn no_two_blocks_overlap_whatever_is_taken_resized_and_given_back() {
        let memory = SizeClasses::over(System);
        let mut held: Vec<Held> = Vec::new();
        let mut random = 1_u64;
        let mut next = move |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        for round in 0..20_000_usize {
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
            if round % 64 == 0 {
                assert!(held.iter().all(Held::is_whole), "round {round}");
            }
        }
    }

    #[test]
    fn a_block_that_is_given_back_is_the_next_of_its_size() {
        let memory = SizeClasses::over(System);
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
