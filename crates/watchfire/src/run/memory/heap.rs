//! The system's allocator, with a count of the bytes it has handed out.
//!
//! The kernel says how much is resident, but not how much of that is in use: freed memory that the allocator keeps for
//! the next caller looks like memory that is gone. Admission must know the difference, so every allocation is counted:
//! one addition to a counter that hardly any other thread uses.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Threads rarely share one of so many.
const SLOTS: usize = 64;

/// A counter with a cache line of its own.
#[repr(align(128))]
struct Slot(AtomicI64);

static COUNTS: [Slot; SLOTS] = [const { Slot(AtomicI64::new(0)) }; SLOTS];
static NEXT_SLOT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Neither made lazily nor dropped, so that it can be asked whenever memory can.
    static SLOT: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn count(bytes: i64) {
    let slot = SLOT
        .try_with(|slot| {
            if slot.get() == usize::MAX {
                slot.set(NEXT_SLOT.fetch_add(1, Ordering::Relaxed) % SLOTS);
            }
            slot.get()
        })
        .unwrap_or(0);
    if let Some(counter) = COUNTS.get(slot) {
        counter.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Bytes handed out and not given back.
pub(super) fn live_bytes() -> u64 {
    // One thread may free what another was given, so single counts may be negative, and for a moment their sum.
    let sum: i64 = COUNTS.iter().map(|slot| slot.0.load(Ordering::Relaxed)).sum();
    u64::try_from(sum).unwrap_or(0)
}

/// The system's allocator, counting.
#[derive(Debug)]
pub(crate) struct CountingAllocator;

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise; every call is passed on unchanged")]
// SAFETY: everything is done by the system's allocator, with the arguments as they came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc`.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            count(layout.size() as i64);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc_zeroed`.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            count(layout.size() as i64);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) };
        count(-(layout.size() as i64));
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `realloc`.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if !moved.is_null() {
            count(new_size as i64 - layout.size() as i64);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_counted_until_it_is_freed() {
        const LARGE: u64 = 256 << 20;
        let before = live_bytes();
        let large: Vec<u8> = Vec::with_capacity(LARGE as usize);
        let with = live_bytes();
        drop(large);
        let after = live_bytes();
        // Other tests allocate at the same time, but nothing like this.
        assert!(with - before > LARGE / 2, "{before} {with}");
        assert!(with - after > LARGE / 2, "{with} {after}");
    }
}
