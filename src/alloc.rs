//! An allocator that counts what each thread holds, so that the memory of a script can be bounded while
//! it runs. The one file with `unsafe`.
#![allow(
    unsafe_code,
    reason = "an allocator cannot be written without it; every call is passed on as it is"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, with a count for each thread.
///
/// A program that wants scripts bounded by memory makes it the global allocator and calls
/// [`script::set_meter`](crate::script::set_meter) with [`held`]; funcy's own does.
#[derive(Clone, Copy, Debug)]
pub struct Counting;

thread_local! {
    // Starts high, since a thread may free what another has allocated.
    static HELD: Cell<u64> = const { Cell::new(1 << 48) };
}

/// Bytes that this thread has allocated and not freed, plus a constant: only differences mean
/// something.
#[must_use]
pub fn held() -> u64 {
    HELD.try_with(Cell::get).unwrap_or(0)
}

fn count(added: usize, freed: usize) {
    // A thread that is ending has no count any more, and no script either.
    let _ = HELD.try_with(|held| {
        held.set(
            held.get()
                .wrapping_add(added as u64)
                .wrapping_sub(freed as u64),
        );
    });
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the pointer came from this allocator, which is the system's.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the system's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the pointer came from this allocator, and the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The system's allocator, with one count for all threads: for measurements of a whole program, since every thread
/// waits for the others to count.
#[derive(Clone, Copy, Debug)]
pub struct CountingAll;

static ALL: AtomicU64 = AtomicU64::new(0);

/// Bytes that all threads together have allocated and not freed, where [`CountingAll`] is the global allocator.
#[must_use]
pub fn held_by_all() -> u64 {
    ALL.load(Ordering::Relaxed)
}

fn count_all(added: usize, freed: usize) {
    let change = (added as u64).wrapping_sub(freed as u64);
    ALL.fetch_add(change, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting neither allocates nor panics.
unsafe impl GlobalAlloc for CountingAll {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_all(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count_all(0, layout.size());
        // SAFETY: the pointer came from this allocator, which is the system's.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_all(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the system's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_all(size, layout.size());
        // SAFETY: the pointer came from this allocator, and the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
