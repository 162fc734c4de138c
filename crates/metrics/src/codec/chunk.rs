//! The compressed buffer that samples are appended to in memory.
//!
//! One bit says that the interval repeats and the value is unchanged, the commonest case. Otherwise the change of the
//! interval follows in one of five widths, and the value as the exclusive-or with the one before, either inside the
//! window of meaningful bits used last or with a window of its own. Bits go from high to low.

/// Appends samples in time order.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkWriter {
    bytes: Vec<u8>,
    /// Bits not used in the last byte.
    free: u8,
    pub(crate) count: u32,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    delta: i64,
    bits: u64,
    leading: u8,
    width: u8,
}

/// A chunk that takes no more samples.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) count: u32,
    bytes: Box<[u8]>,
}

/// Widths in bits of a change of interval, told apart by a unary prefix.
const INTERVAL_WIDTHS: [u8; 4] = [10, 16, 24, 64];

impl ChunkWriter {
    fn put(&mut self, value: u64, mut width: u8) {
        while width > 0 {
            if self.free == 0 {
                if self.bytes.len() == self.bytes.capacity() {
                    // Doubling would leave a quarter of all memory unused.
                    self.bytes.reserve_exact((self.bytes.len() / 4).max(24));
                }
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = width.min(self.free);
            let piece = (value >> (width - taken)) & (0xff >> (8 - taken));
            if let Some(last) = self.bytes.last_mut() {
                *last |= (piece << (self.free - taken)) as u8;
            }
            self.free -= taken;
            width -= taken;
        }
    }

    /// The bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds a sample later than all before. Returns how many more bytes are held for it.
    pub(crate) fn push(&mut self, timestamp_ms: i64, bits: u64) -> usize {
        let held = self.bytes.capacity();
        if self.count == 0 {
            self.first_ms = timestamp_ms;
            self.put(timestamp_ms as u64, 64);
            self.put(bits, 64);
            (self.delta, self.leading, self.width) = (0, 0, 0);
        } else {
            let delta = timestamp_ms.wrapping_sub(self.last_ms);
            let change = delta.wrapping_sub(self.delta);
            let xor = bits ^ self.bits;
            if change == 0 && xor == 0 {
                self.put(0, 1);
            } else {
                self.put(1, 1);
                self.put_change(change);
                self.put_xor(xor);
            }
            self.delta = delta;
        }
        self.last_ms = timestamp_ms;
        self.bits = bits;
        self.count += 1;
        self.bytes.capacity() - held
    }

    fn put_change(&mut self, change: i64) {
        if change == 0 {
            return self.put(0, 1);
        }
        for (class, width) in INTERVAL_WIDTHS.into_iter().enumerate() {
            let half = 1_i64.checked_shl(u32::from(width) - 1).unwrap_or(i64::MAX);
            if width == 64 || (-half..half).contains(&change) {
                // `class + 1` ones, closed by a zero except in the last class.
                let last = width == 64;
                let ones = class as u8 + 1;
                self.put((1 << ones) - 1, ones);
                if !last {
                    self.put(0, 1);
                }
                return self
                    .put(if last { change as u64 } else { change as u64 & ((1 << width) - 1) }, width);
            }
        }
    }

    fn put_xor(&mut self, xor: u64) {
        if xor == 0 {
            return self.put(0, 1);
        }
        let leading = (xor.leading_zeros() as u8).min(31);
        let trailing = xor.trailing_zeros() as u8;
        let width = 64 - leading - trailing;
        let old_trailing = 64 - self.leading - self.width;
        if self.width != 0 && leading >= self.leading && trailing >= old_trailing && width + 12 > self.width {
            self.put(0b10, 2);
            let width = self.width;
            self.put(xor >> old_trailing, width);
        } else {
            self.put(0b11, 2);
            self.put(u64::from(leading), 5);
            self.put(u64::from(width - 1), 6);
            self.put(xor >> trailing, width);
            (self.leading, self.width) = (leading, width);
        }
    }

    /// The samples so far as a finished chunk; `None` when there are none. The writer starts anew.
    pub(crate) fn seal(&mut self) -> Option<Chunk> {
        if self.count == 0 {
            return None;
        }
        let done = std::mem::take(self);
        Some(Chunk {
            first_ms: done.first_ms,
            last_ms: done.last_ms,
            count: done.count,
            bytes: done.bytes.into_boxed_slice(),
        })
    }

    /// Calls `each` with every sample until it says to stop.
    pub(crate) fn read(&self, each: impl FnMut(i64, u64) -> bool) {
        read(&self.bytes, self.count, each);
    }
}

impl Chunk {
    /// The bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Calls `each` with every sample until it says to stop.
    pub(crate) fn read(&self, each: impl FnMut(i64, u64) -> bool) {
        read(&self.bytes, self.count, each);
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    #[inline]
    fn take(&mut self, width: u8) -> Option<u64> {
        let end = self.position + usize::from(width);
        let byte = self.position / 8;
        let shift = self.position % 8;
        let window = if let Some(chunk) = self.bytes.get(byte..).and_then(|rest| rest.first_chunk::<16>()) {
            u128::from_be_bytes(*chunk)
        } else {
            if end > self.bytes.len() * 8 {
                return None;
            }
            let mut padded = [0_u8; 16];
            let rest = self.bytes.get(byte..)?;
            for (to, from) in padded.iter_mut().zip(rest) {
                *to = *from;
            }
            u128::from_be_bytes(padded)
        };
        self.position = end;
        if width == 0 {
            return Some(0);
        }
        Some(((window << shift) >> (128 - u32::from(width))) as u64)
    }
}

fn read(bytes: &[u8], count: u32, mut each: impl FnMut(i64, u64) -> bool) -> Option<()> {
    let mut input = Bits { bytes, position: 0 };
    let (mut timestamp_ms, mut bits, mut delta) = (0_i64, 0_u64, 0_i64);
    let (mut leading, mut width) = (0_u8, 0_u8);
    for index in 0..count {
        if index == 0 {
            timestamp_ms = input.take(64)? as i64;
            bits = input.take(64)?;
        } else {
            if input.take(1)? == 1 {
                let mut class = 0_usize;
                while class < 4 && input.take(1)? == 1 {
                    class += 1;
                }
                if let Some(field) = class.checked_sub(1).and_then(|class| INTERVAL_WIDTHS.get(class)) {
                    let raw = input.take(*field)?;
                    let unused = 64 - u32::from(*field);
                    delta = delta.wrapping_add(((raw << unused) as i64) >> unused);
                }
                if input.take(1)? == 1 {
                    if input.take(1)? == 1 {
                        leading = input.take(5)? as u8;
                        width = input.take(6)? as u8 + 1;
                    }
                    let trailing = 64_u8.checked_sub(leading + width)?;
                    bits ^= input.take(width)? << trailing;
                }
            }
            timestamp_ms = timestamp_ms.wrapping_add(delta);
        }
        if !each(timestamp_ms, bits) {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
