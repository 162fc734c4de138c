//! The compressed buffer that samples are appended to in memory.
//!
//! One bit says that the interval repeats and the value is unchanged, the commonest case. Otherwise the change of the
//! interval follows in one of five widths, and the value. Most values are decimals: a whole number, the mantissa,
//! divided by a power of ten. Of those the difference of mantissas is kept, in as many bits as the one before or with a
//! width of its own; that the division gives back every bit is checked as they are written. Other values are kept as the
//! exclusive-or with the one before, either inside the window of meaningful bits used last or with a window of its own.
//! Bits go from high to low.

/// Widths in bits of a change of interval, told apart by a unary prefix.
const INTERVAL_WIDTHS: [u8; 4] = [10, 16, 24, 64];
/// Powers of ten that floats hold exactly, as far as they are tried.
const POWERS: [f64; 13] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// Mantissas are smaller than this.
const MANTISSAS: f64 = (1_u64 << 50) as f64;
/// A width or window is used again when it is wider than needed by less than what a new one takes.
const SLACK_BITS: u8 = 8;
const WINDOW_SLACK_BITS: u8 = 12;
/// After so many values in a row that are no decimals, others than the power in use are not tried any more.
const MAX_MISSES: u8 = 8;

/// The whole number that, divided by the power of ten, gives exactly these bits.
fn mantissa(bits: u64, exponent: u8) -> Option<i64> {
    let power = *POWERS.get(usize::from(exponent))?;
    let scaled = f64::from_bits(bits) * power;
    // Not true for what is no number.
    if scaled.abs() < MANTISSAS {
        // Rounded to the nearest whole number: the next larger floats have no fractions.
        const WHOLE: f64 = 1.5 * (1_u64 << 52) as f64;
        let nearest = (scaled + WHOLE) - WHOLE;
        return ((nearest / power).to_bits() == bits).then_some(nearest as i64);
    }
    None
}

/// The reverse of [`mantissa`].
fn from_mantissa(mantissa: i64, exponent: u8) -> Option<u64> {
    Some((mantissa as f64 / POWERS.get(usize::from(exponent))?).to_bits())
}

/// Bits that a number takes with its sign.
fn signed_width(number: i64) -> u8 {
    let magnitude = if number < 0 { !number } else { number };
    65 - magnitude.leading_zeros() as u8
}

/// Appends samples in time order.
#[derive(Clone, Debug)]
pub(crate) struct ChunkWriter {
    bytes: Vec<u8>,
    pub(crate) first_ms: i64,
    /// The newest sample; also of a chunk that was sealed.
    pub(crate) last_ms: i64,
    pub(crate) last_bits: u64,
    delta: i64,
    pub(crate) count: u16,
    /// Bits not used in the last byte.
    free: u8,
    /// The window of the exclusive-or used last.
    leading: u8,
    width: u8,
    /// Which power of ten mantissas are divided by.
    exponent: u8,
    /// The width of the difference of mantissas used last.
    mantissa_width: u8,
    misses: u8,
}

/// A chunk that takes no more samples.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) count: u16,
    bytes: Box<[u8]>,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            first_ms: 0,
            last_ms: i64::MIN,
            last_bits: 0,
            delta: 0,
            count: 0,
            free: 0,
            leading: 0,
            width: 0,
            exponent: 0,
            mantissa_width: 0,
            misses: 0,
        }
    }
}

impl ChunkWriter {
    fn put(&mut self, value: u64, mut width: u8) {
        while width > 0 {
            if self.free == 0 {
                if self.bytes.len() == self.bytes.capacity() {
                    // Doubling would leave a quarter of all memory unused, and small steps leave holes behind. A
                    // constant never takes a second step. Allocators hand out multiples of 16 less 8.
                    let room = match self.bytes.len() {
                        0 => 24,
                        len @ 1..56 => 56 - len,
                        _ => 64,
                    };
                    self.bytes.reserve_exact(room);
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
            self.put(bits, 64);
            (self.delta, self.width, self.exponent, self.mantissa_width) = (0, 0, 0, 0);
        } else {
            let delta = timestamp_ms.wrapping_sub(self.last_ms);
            let change = delta.wrapping_sub(self.delta);
            if change == 0 && bits == self.last_bits {
                self.put(0, 1);
            } else {
                self.put(1, 1);
                self.put_change(change);
                self.put_value(bits);
            }
            self.delta = delta;
        }
        self.last_ms = timestamp_ms;
        self.last_bits = bits;
        self.count = self.count.saturating_add(1);
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

    fn put_value(&mut self, bits: u64) {
        if bits == self.last_bits {
            return self.put(0, 1);
        }
        if let Some(value) = mantissa(bits, self.exponent) {
            self.misses = 0;
            if let Some(before) = mantissa(self.last_bits, self.exponent) {
                return self.put_difference(value - before, bits);
            }
            return self.put_mantissa(value);
        }
        if self.misses < MAX_MISSES && f64::from_bits(bits).is_finite() {
            let finer = self.exponent + 1..POWERS.len() as u8;
            if let Some((exponent, value)) =
                finer.into_iter().find_map(|exponent| Some((exponent, mantissa(bits, exponent)?)))
            {
                self.exponent = exponent;
                return self.put_mantissa(value);
            }
            self.misses += 1;
        }
        self.put_xor(bits ^ self.last_bits);
    }

    fn put_difference(&mut self, difference: i64, bits: u64) {
        let needed = signed_width(difference);
        // Large multiples of large powers of two.
        let xor = bits ^ self.last_bits;
        let meaningful = 64 - (xor.leading_zeros().min(31) + xor.trailing_zeros()) as u8;
        if meaningful + 16 < needed {
            return self.put_xor(xor);
        }
        if needed <= self.mantissa_width && self.mantissa_width <= needed + SLACK_BITS {
            self.put(0b10, 2);
        } else {
            self.put(0b110, 3);
            self.put(u64::from(needed - 1), 6);
            self.mantissa_width = needed;
        }
        let width = self.mantissa_width;
        self.put(difference as u64 & (u64::MAX >> (64 - width)), width);
    }

    /// A mantissa that leans on none before.
    fn put_mantissa(&mut self, value: i64) {
        let width = signed_width(value);
        self.put(0b1110, 4);
        self.put(u64::from(self.exponent), 4);
        self.put(u64::from(width - 1), 6);
        self.put(value as u64 & (u64::MAX >> (64 - width)), width);
    }

    fn put_xor(&mut self, xor: u64) {
        self.put(0b1111, 4);
        let leading = (xor.leading_zeros() as u8).min(31);
        let trailing = (xor.trailing_zeros() as u8).min(63 - leading);
        let width = 64 - leading - trailing;
        let old_trailing = 64 - self.leading.min(31) - self.width;
        let fits = self.width != 0 && leading >= self.leading && trailing >= old_trailing;
        if fits && width + WINDOW_SLACK_BITS > self.width {
            self.put(0, 1);
            let width = self.width;
            self.put(xor >> old_trailing, width);
        } else {
            self.put(1, 1);
            self.put(u64::from(leading), 5);
            self.put(u64::from(width - 1), 6);
            self.put(xor >> trailing, width);
            (self.leading, self.width) = (leading, width);
        }
    }

    /// The samples so far as a finished chunk; `None` when there are none. The writer starts anew, and still knows the
    /// newest sample.
    pub(crate) fn seal(&mut self) -> Option<Chunk> {
        if self.count == 0 {
            return None;
        }
        let bytes = std::mem::take(&mut self.bytes).into_boxed_slice();
        let (first_ms, last_ms, count) = (self.first_ms, self.last_ms, self.count);
        self.forget(count);
        Some(Chunk { first_ms, last_ms, count, bytes })
    }

    /// Forgets the oldest `count` samples. The newest is still known.
    pub(crate) fn forget(&mut self, count: u16) {
        if count == 0 {
            return;
        }
        let mut left = Self { last_ms: self.last_ms, last_bits: self.last_bits, ..Self::default() };
        if count < self.count {
            let mut passed = 0;
            self.read(|timestamp_ms, bits| {
                passed += 1;
                if passed > count {
                    left.push(timestamp_ms, bits);
                }
                true
            });
        }
        *self = left;
    }

    /// Calls `each` with every sample until it says to stop.
    pub(crate) fn read(&self, each: impl FnMut(i64, u64) -> bool) {
        read(&self.bytes, self.first_ms, self.count, each);
    }
}

impl Chunk {
    /// The bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Calls `each` with every sample until it says to stop.
    pub(crate) fn read(&self, each: impl FnMut(i64, u64) -> bool) {
        read(&self.bytes, self.first_ms, self.count, each);
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

    #[inline]
    fn take_signed(&mut self, width: u8) -> Option<i64> {
        let unused = 64_u32.checked_sub(u32::from(width))?;
        Some(((self.take(width)?.wrapping_shl(unused)) as i64) >> unused)
    }

    /// How many of up to `most` bits are ones before the first zero.
    #[inline]
    fn take_ones(&mut self, most: u8) -> Option<u8> {
        let mut ones = 0;
        while ones < most && self.take(1)? == 1 {
            ones += 1;
        }
        Some(ones)
    }
}

/// What a reader knows of the values so far.
#[derive(Default)]
struct Values {
    bits: u64,
    /// That of the last value, where it is known.
    mantissa: Option<i64>,
    exponent: u8,
    mantissa_width: u8,
    leading: u8,
    width: u8,
}

impl Values {
    #[inline]
    fn next(&mut self, input: &mut Bits<'_>) -> Option<()> {
        match input.take_ones(4)? {
            0 => {}
            code @ (1 | 2) => {
                if code == 2 {
                    self.mantissa_width = input.take(6)? as u8 + 1;
                }
                let difference = input.take_signed(self.mantissa_width)?;
                let before = self.mantissa.or_else(|| mantissa(self.bits, self.exponent))?;
                self.set(before.checked_add(difference)?)?;
            }
            3 => {
                self.exponent = input.take(4)? as u8;
                let width = input.take(6)? as u8 + 1;
                let value = input.take_signed(width)?;
                self.set(value)?;
            }
            _ => {
                if input.take(1)? == 1 {
                    self.leading = input.take(5)? as u8;
                    self.width = input.take(6)? as u8 + 1;
                }
                let trailing = 64_u8.checked_sub(self.leading + self.width)?;
                self.bits ^= input.take(self.width)?.checked_shl(u32::from(trailing))?;
                self.mantissa = None;
            }
        }
        Some(())
    }

    fn set(&mut self, mantissa: i64) -> Option<()> {
        self.bits = from_mantissa(mantissa, self.exponent)?;
        self.mantissa = Some(mantissa);
        Some(())
    }
}

fn read(bytes: &[u8], first_ms: i64, count: u16, mut each: impl FnMut(i64, u64) -> bool) -> Option<()> {
    let mut input = Bits { bytes, position: 0 };
    let (mut timestamp_ms, mut delta, mut values) = (first_ms, 0_i64, Values::default());
    for index in 0..count {
        if index == 0 {
            values.bits = input.take(64)?;
        } else {
            if input.take(1)? == 1 {
                let class = input.take_ones(4)?;
                let field = usize::from(class).checked_sub(1).and_then(|class| INTERVAL_WIDTHS.get(class));
                if let Some(field) = field {
                    delta = delta.wrapping_add(input.take_signed(*field)?);
                }
                values.next(&mut input)?;
            }
            timestamp_ms = timestamp_ms.wrapping_add(delta);
        }
        if !each(timestamp_ms, values.bits) {
            break;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
