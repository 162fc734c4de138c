//! The end of a series' samples in memory, which still grows.

use super::pieces::{PIECE_BYTES, PIECE_SIZE, Pieces};
use super::{Chunk, INTERVAL_WIDTHS, POWERS, mantissa, read};
use crate::locked;
use std::sync::Mutex;

/// Where the writers of many series keep what they have filled.
type Pool = Mutex<Pieces>;

/// A width or window is used again when it is wider than needed by less than what a new one takes.
const SLACK_BITS: u8 = 8;
const WINDOW_SLACK_BITS: u8 = 12;
/// A chunk of fewer pieces than this is read without an allocation.
const FEW_PIECES: usize = 10;
/// After so many values in a row that are no decimals, others than the power in use are not tried any more.
const MAX_MISSES: u8 = 8;

/// Bits that a number takes with its sign.
fn signed_width(number: i64) -> u8 {
    let magnitude = if number < 0 { !number } else { number };
    65 - magnitude.leading_zeros() as u8
}

/// Appends samples in time order. What is filled goes to a pool of pool, always the same one for one writer; a writer
/// that holds any must be sealed, or told to forget them, before it is dropped.
#[derive(Debug)]
pub(crate) struct ChunkWriter {
    /// The newest sample; also of a chunk that was sealed.
    pub(crate) last_ms: i64,
    pub(crate) last_bits: u64,
    /// From the oldest sample to the newest, and from the one before to the newest.
    span: u32,
    delta: u32,
    /// What is not yet in the pool: so far as it is used.
    tail: [u8; PIECE_BYTES],
    tail_bits: u8,
    /// The newest piece in the pool, and how many there are.
    last_piece: u32,
    pieces: u16,
    pub(crate) count: u16,
    /// The window of the exclusive-or used last.
    leading: u8,
    width: u8,
    /// Which power of ten mantissas are divided by.
    exponent: u8,
    /// The width of the difference of mantissas used last.
    mantissa_width: u8,
    misses: u8,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self {
            last_ms: i64::MIN,
            last_bits: 0,
            span: 0,
            delta: 0,
            count: 0,
            tail: [0; PIECE_BYTES],
            tail_bits: 0,
            last_piece: 0,
            pieces: 0,
            leading: 0,
            width: 0,
            exponent: 0,
            mantissa_width: 0,
            misses: 0,
        }
    }
}

impl ChunkWriter {
    fn put(&mut self, pool: &Pool, value: u64, mut width: u8) {
        while width > 0 {
            let free = 8 - self.tail_bits % 8;
            let taken = width.min(free);
            let part = (value >> (width - taken)) & (0xff >> (8 - taken));
            if let Some(byte) = self.tail.get_mut(usize::from(self.tail_bits / 8)) {
                *byte |= (part << (free - taken)) as u8;
            }
            self.tail_bits += taken;
            width -= taken;
            if usize::from(self.tail_bits) == PIECE_BYTES * 8 {
                self.last_piece = locked(pool).keep(&self.tail, self.last_piece);
                self.pieces += 1;
                (self.tail, self.tail_bits) = ([0; PIECE_BYTES], 0);
            }
        }
    }

    /// The bytes held beside the writer itself.
    pub(crate) fn bytes(&self) -> usize {
        usize::from(self.pieces) * PIECE_SIZE
    }

    /// The oldest sample.
    pub(crate) fn first_ms(&self) -> i64 {
        self.last_ms.saturating_sub(i64::from(self.span))
    }

    /// Whether a sample of that time, which is later than all before, is near enough to them for [`ChunkWriter::push`].
    pub(crate) fn reaches(&self, timestamp_ms: i64) -> bool {
        self.count == 0 || timestamp_ms.abs_diff(self.first_ms()) <= u64::from(u32::MAX)
    }

    /// Adds a sample later than all before, and within [reach](ChunkWriter::reaches). Returns how many more bytes are
    /// held for it.
    pub(crate) fn push(&mut self, pool: &Pool, timestamp_ms: i64, bits: u64) -> usize {
        debug_assert!(self.reaches(timestamp_ms), "a chunk spans 49 days at most");
        let held = self.bytes();
        if self.count == 0 {
            (self.span, self.delta, self.width, self.exponent, self.mantissa_width) = (0, 0, 0, 0, 0);
            self.last_bits = 0;
            self.put_value(pool, bits);
        } else {
            let delta = timestamp_ms.abs_diff(self.last_ms) as u32;
            let change = i64::from(delta) - i64::from(self.delta);
            if change == 0 && bits == self.last_bits {
                self.put(pool, 0, 1);
            } else {
                self.put(pool, 1, 1);
                self.put_change(pool, change);
                self.put_value(pool, bits);
            }
            self.span += delta;
            self.delta = delta;
        }
        self.last_ms = timestamp_ms;
        self.last_bits = bits;
        self.count = self.count.saturating_add(1);
        self.bytes() - held
    }

    fn put_change(&mut self, pool: &Pool, change: i64) {
        if change == 0 {
            return self.put(pool, 0, 1);
        }
        for (class, width) in INTERVAL_WIDTHS.into_iter().enumerate() {
            let half = 1_i64.checked_shl(u32::from(width) - 1).unwrap_or(i64::MAX);
            if width == 64 || (-half..half).contains(&change) {
                // `class + 1` ones, closed by a zero except in the last class.
                let last = width == 64;
                let ones = class as u8 + 1;
                self.put(pool, (1 << ones) - 1, ones);
                if !last {
                    self.put(pool, 0, 1);
                }
                return self.put(
                    pool,
                    if last { change as u64 } else { change as u64 & ((1 << width) - 1) },
                    width,
                );
            }
        }
    }

    fn put_value(&mut self, pool: &Pool, bits: u64) {
        if bits == self.last_bits {
            return self.put(pool, 0, 1);
        }
        if let Some(value) = mantissa(bits, self.exponent) {
            self.misses = 0;
            if let Some(before) = mantissa(self.last_bits, self.exponent) {
                return self.put_difference(pool, value - before, bits);
            }
            return self.put_mantissa(pool, value);
        }
        if self.misses < MAX_MISSES && f64::from_bits(bits).is_finite() {
            let finer = self.exponent + 1..POWERS.len() as u8;
            if let Some((exponent, value)) =
                finer.into_iter().find_map(|exponent| Some((exponent, mantissa(bits, exponent)?)))
            {
                self.exponent = exponent;
                return self.put_mantissa(pool, value);
            }
            self.misses += 1;
        }
        self.put_xor(pool, bits ^ self.last_bits);
    }

    fn put_difference(&mut self, pool: &Pool, difference: i64, bits: u64) {
        let needed = signed_width(difference);
        // Large multiples of large powers of two.
        let xor = bits ^ self.last_bits;
        let meaningful = 64 - (xor.leading_zeros().min(31) + xor.trailing_zeros()) as u8;
        if meaningful + 16 < needed {
            return self.put_xor(pool, xor);
        }
        if needed <= self.mantissa_width && self.mantissa_width <= needed + SLACK_BITS {
            self.put(pool, 0b10, 2);
        } else {
            self.put(pool, 0b110, 3);
            self.put(pool, u64::from(needed - 1), 6);
            self.mantissa_width = needed;
        }
        let width = self.mantissa_width;
        self.put(pool, difference as u64 & (u64::MAX >> (64 - width)), width);
    }

    /// A mantissa that leans on none before.
    fn put_mantissa(&mut self, pool: &Pool, value: i64) {
        let width = signed_width(value);
        self.put(pool, 0b1110, 4);
        self.put(pool, u64::from(self.exponent), 4);
        self.put(pool, u64::from(width - 1), 6);
        self.put(pool, value as u64 & (u64::MAX >> (64 - width)), width);
    }

    fn put_xor(&mut self, pool: &Pool, xor: u64) {
        self.put(pool, 0b1111, 4);
        let leading = (xor.leading_zeros() as u8).min(31);
        let trailing = (xor.trailing_zeros() as u8).min(63 - leading);
        let width = 64 - leading - trailing;
        let old_trailing = 64 - self.leading.min(31) - self.width;
        let fits = self.width != 0 && leading >= self.leading && trailing >= old_trailing;
        if fits && width + WINDOW_SLACK_BITS > self.width {
            self.put(pool, 0, 1);
            let width = self.width;
            self.put(pool, xor >> old_trailing, width);
        } else {
            self.put(pool, 1, 1);
            self.put(pool, u64::from(leading), 5);
            self.put(pool, u64::from(width - 1), 6);
            self.put(pool, xor >> trailing, width);
            (self.leading, self.width) = (leading, width);
        }
    }

    /// The bytes that are in the pool, and the bits of all.
    fn extent(&self) -> (usize, usize) {
        let filled = usize::from(self.pieces) * PIECE_BYTES;
        (filled, filled * 8 + usize::from(self.tail_bits))
    }

    /// Everything written, in one run.
    fn gather(&self, pool: &Pool) -> Vec<u8> {
        let tail = self.tail.get(..usize::from(self.tail_bits).div_ceil(8)).unwrap_or_default();
        let (filled, _) = self.extent();
        let mut bytes = Vec::with_capacity(filled + tail.len());
        bytes.resize(filled, 0);
        if self.pieces > 0 {
            locked(pool).gather(self.last_piece, &mut bytes);
        }
        bytes.extend_from_slice(tail);
        bytes
    }

    /// Forgets all samples but the newest one.
    fn start_anew(&mut self, pool: &Pool) {
        if self.pieces > 0 {
            locked(pool).free(self.last_piece);
        }
        *self = Self { last_ms: self.last_ms, last_bits: self.last_bits, ..Self::default() };
    }

    /// The samples so far as a finished chunk; `None` when there are none. The writer starts anew, and still knows the
    /// newest sample.
    pub(crate) fn seal(&mut self, pool: &Pool) -> Option<Chunk> {
        if self.count == 0 {
            return None;
        }
        let bytes = self.gather(pool).into_boxed_slice();
        let chunk = Chunk { first_ms: self.first_ms(), last_ms: self.last_ms, count: self.count, bytes };
        self.start_anew(pool);
        Some(chunk)
    }

    /// Forgets the oldest `count` samples. The newest is still known.
    pub(crate) fn forget(&mut self, pool: &Pool, count: u16) {
        if count == 0 {
            return;
        }
        let mut rest = Vec::new();
        if count < self.count {
            let mut passed = 0;
            self.read(pool, |timestamp_ms, bits| {
                passed += 1;
                if passed > count {
                    rest.push((timestamp_ms, bits));
                }
                true
            });
        }
        self.start_anew(pool);
        for (timestamp_ms, bits) in rest {
            self.push(pool, timestamp_ms, bits);
        }
    }

    /// Calls `each` with every sample until it says to stop.
    pub(crate) fn read(&self, pool: &Pool, each: impl FnMut(i64, u64) -> bool) {
        let (filled, end) = self.extent();
        let mut few = [0; FEW_PIECES * PIECE_BYTES];
        let fits = few.split_at_mut_checked(filled).and_then(|(pieces, rest)| {
            *rest.first_chunk_mut()? = self.tail;
            Some(pieces)
        });
        let Some(pieces) = fits else {
            read(&self.gather(pool), end, self.first_ms(), self.count, each);
            return;
        };
        if filled > 0 {
            locked(pool).gather(self.last_piece, pieces);
        }
        // What stands behind the end lets the last samples be read as quickly as the others.
        read(&few, end, self.first_ms(), self.count, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_takes_one_cache_line() {
        assert_eq!(size_of::<ChunkWriter>(), 64);
    }
}
