//! Packing with zstd. Each thread keeps one context for either way: making one costs more than most columns do.

use std::cell::RefCell;
use std::io;
use zstd::bulk::{Compressor, Decompressor};

thread_local! {
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs bytes at a level of zstd's.
pub(crate) fn pack(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let (kept_level, compressor) = match kept {
            Some(kept) => kept,
            None => kept.insert((level, Compressor::new(level)?)),
        };
        if *kept_level != level {
            compressor.set_compression_level(level)?;
            *kept_level = level;
        }
        compressor.compress(bytes)
    })
}

/// Unpacks bytes that must unpack to exactly `len`; `None` when they do not. The caller has capped `len`: no more is
/// allocated.
pub(crate) fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(kept) => kept,
            None => kept.insert(Decompressor::new().ok()?),
        };
        decompressor.decompress(packed, len).ok().filter(|bytes| bytes.len() == len)
    })
}
