//! The compressed buffer that samples are appended to in memory.
//!
//! One bit says that the interval repeats and the value is unchanged, the commonest case. Otherwise the change of the
//! interval follows in one of six widths, and the value. Most values are decimals: a whole number, the mantissa,
//! divided by a power of ten. Of those the difference of mantissas is kept, in as many bits as the one before or with a
//! width of its own; that the division gives back every bit is checked as they are written. Other values are kept as the
//! exclusive-or with the one before, either inside the window of meaningful bits used last or with a window of its own.
//! The first value follows a 0. Bits go from high to low.

mod pieces;
mod writer;

pub(crate) use pieces::Pieces;
pub(crate) use writer::ChunkWriter;

/// Widths in bits of a change of interval, told apart by a unary prefix.
const INTERVAL_WIDTHS: [u8; 5] = [5, 10, 16, 24, 64];
/// Powers of ten that floats hold exactly, as far as they are tried.
const POWERS: [f64; 13] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// Mantissas are smaller than this.
const MANTISSAS: f64 = (1_u64 << 50) as f64;
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

/// A chunk that takes no more samples.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) count: u16,
    bytes: Box<[u8]>,
}

impl Chunk {
    /// The bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Calls `each` with every sample until it says to stop.
    pub(crate) fn read(&self, each: impl FnMut(i64, u64) -> bool) {
        read(&self.bytes, self.bytes.len() * 8, self.first_ms, self.count, each);
    }
}

/// Bits read from the highest of each byte on. Behind the end there are zeros; [`Bits::is_over`] tells of it.
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
    /// So many bits there are; more bytes may stand behind them.
    end: usize,
}

/// So many bits at least are seen at once.
const SEEN_BITS: u8 = 57;

impl Bits<'_> {
    /// What comes next, from the highest bit on: [`SEEN_BITS`] of it are true.
    #[inline(always)]
    fn peek(&self) -> u64 {
        let at = self.position >> 3;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let word =
            rest.first_chunk::<8>().map_or_else(|| last_word(rest), |eight| u64::from_be_bytes(*eight));
        word << (self.position & 7)
    }

    /// A number of up to 64 bits.
    #[inline(always)]
    fn take(&mut self, width: u8) -> u64 {
        if width <= SEEN_BITS { self.take_seen(width) } else { self.take_long(width) }
    }

    /// A number of up to [`SEEN_BITS`].
    #[inline(always)]
    fn take_seen(&mut self, width: u8) -> u64 {
        let number = self.peek().checked_shr(64 - u32::from(width)).unwrap_or(0);
        self.position += usize::from(width);
        number
    }

    // Apart, so that the short ones are read in place.
    #[cold]
    fn take_long(&mut self, width: u8) -> u64 {
        let high = self.take_seen(width - 32);
        high << 32 | self.take_seen(32)
    }

    #[inline(always)]
    fn take_signed(&mut self, width: u8) -> i64 {
        let unused = 64_u32.saturating_sub(u32::from(width));
        (self.take(width).wrapping_shl(unused)).cast_signed() >> unused
    }

    /// How many of up to `most` bits are ones before the first zero, which is taken too.
    #[inline(always)]
    fn take_ones(&mut self, most: u8) -> u8 {
        let ones = (self.peek().leading_ones() as u8).min(most);
        self.position += usize::from(ones + u8::from(ones < most));
        ones
    }

    /// Whether more was read than there is.
    #[inline(always)]
    fn is_over(&self) -> bool {
        self.position > self.end
    }
}

/// The first bit of a sample that is not as the one before was.
const CHANGED: u64 = 1 << 63;
/// How the commonest of those begin: changed, with the same interval, by a difference of mantissas of the same width.
const ALIKE: u64 = 0b1010;
const ALIKE_BITS: u8 = 4;

/// The last bytes as the highest of a word.
fn last_word(rest: &[u8]) -> u64 {
    (0..8).fold(0, |word, place| word << 8 | u64::from(rest.get(place).copied().unwrap_or(0)))
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
        match input.take_ones(4) {
            0 => {}
            code @ (1 | 2) => {
                if code == 2 {
                    self.mantissa_width = input.take(6) as u8 + 1;
                }
                let difference = input.take_signed(self.mantissa_width);
                let before = self.mantissa.or_else(|| mantissa(self.bits, self.exponent))?;
                self.set(before.checked_add(difference)?)?;
            }
            3 => {
                self.exponent = input.take(4) as u8;
                let width = input.take(6) as u8 + 1;
                let value = input.take_signed(width);
                self.set(value)?;
            }
            _ => {
                if input.take(1) == 1 {
                    self.leading = input.take(5) as u8;
                    self.width = input.take(6) as u8 + 1;
                }
                let trailing = 64_u8.checked_sub(self.leading + self.width)?;
                self.bits ^= input.take(self.width).checked_shl(u32::from(trailing))?;
                self.mantissa = None;
            }
        }
        (!input.is_over()).then_some(())
    }

    /// The width of the difference of mantissas, where the commonest change comes next: at the same interval, a difference
    /// as wide as the one before.
    #[inline(always)]
    fn differs_alike(&self, word: u64) -> Option<u8> {
        let alike = word >> (64 - ALIKE_BITS) == ALIKE && self.mantissa.is_some();
        Some(self.mantissa_width).filter(|width| alike && (1..=SEEN_BITS - ALIKE_BITS).contains(width))
    }

    #[inline(always)]
    fn set(&mut self, mantissa: i64) -> Option<()> {
        self.bits = from_mantissa(mantissa, self.exponent)?;
        self.mantissa = Some(mantissa);
        Some(())
    }
}

/// Reads `count` samples out of the first `end` bits.
fn read(
    bytes: &[u8],
    end: usize,
    first_ms: i64,
    count: u16,
    mut each: impl FnMut(i64, u64) -> bool,
) -> Option<()> {
    let mut input = Bits { bytes, position: 0, end };
    let (mut timestamp_ms, mut delta, mut values) = (first_ms, 0_i64, Values::default());
    for index in 0..count {
        if index == 0 {
            values.next(&mut input)?;
        } else {
            let word = input.peek();
            if word & CHANGED == 0 {
                input.position += 1;
            } else if let Some(width) = values.differs_alike(word) {
                // Seen in one go.
                let difference = (word << ALIKE_BITS).cast_signed() >> (64 - u32::from(width));
                input.position += usize::from(ALIKE_BITS + width);
                values.set(values.mantissa?.checked_add(difference)?)?;
                if input.is_over() {
                    return None;
                }
            } else {
                input.position += 1;
                let class = input.take_ones(INTERVAL_WIDTHS.len() as u8);
                let field = usize::from(class).checked_sub(1).and_then(|class| INTERVAL_WIDTHS.get(class));
                if let Some(field) = field {
                    delta = delta.wrapping_add(input.take_signed(*field));
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
