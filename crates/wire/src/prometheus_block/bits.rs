//! Single bits read from front to back, the highest of each byte first.

/// Reads bits; `None` where they end.
#[derive(Clone, Debug)]
pub(crate) struct Bits<'a> {
    rest: &'a [u8],
    /// Bits taken from `rest` and not handed out yet, in the highest places.
    buffer: u64,
    valid: u32,
}

/// How many bits follow each count of leading ones in a `varbit_int` or `varbit_uint`.
pub(crate) const VARBIT_BITS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, buffer: 0, valid: 0 }
    }

    /// How many bits are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len() * 8 + self.valid as usize
    }

    #[inline]
    fn refill(&mut self) {
        // What is below the valid bits is always zero, so that bytes can be or-ed in.
        if let Some((bytes, _)) = self.rest.split_first_chunk::<8>() {
            let whole = (64 - self.valid) / 8;
            if whole == 0 {
                return;
            }
            let word = u64::from_be_bytes(*bytes);
            let keep = whole * 8;
            let word = if keep == 64 { word } else { word >> (64 - keep) << (64 - keep) };
            self.buffer |= word >> self.valid;
            self.valid += keep;
            self.rest = self.rest.get(whole as usize..).unwrap_or_default();
            return;
        }
        while self.valid <= 56 {
            let Some((byte, rest)) = self.rest.split_first() else { return };
            self.buffer |= u64::from(*byte) << (56 - self.valid);
            self.valid += 8;
            self.rest = rest;
        }
    }

    /// The next `count` bits, at most 64, as the low bits of a number.
    #[inline]
    pub(crate) fn bits(&mut self, count: u32) -> Option<u64> {
        if count == 0 {
            return Some(0);
        }
        if self.valid < count {
            self.refill();
        }
        if self.valid >= count {
            let number = self.buffer >> (64 - count);
            self.buffer = self.buffer.checked_shl(count).unwrap_or(0);
            self.valid -= count;
            return Some(number);
        }
        // A buffer of 57 bits or more may still be too short for 64, or the input ends.
        let have = self.valid;
        if have == 0 || self.rest.is_empty() {
            return None;
        }
        let high = self.bits(have)?;
        let low_count = count - have;
        let low = self.bits(low_count)?;
        Some(high << low_count | low)
    }

    pub(crate) fn float(&mut self) -> Option<f64> {
        self.bits(64).map(f64::from_bits)
    }

    /// How many ones come before the next zero, at most `most`; the zero is taken too, unless there were `most`.
    #[inline]
    pub(crate) fn ones(&mut self, most: u32) -> Option<u32> {
        if self.valid <= most {
            self.refill();
        }
        let ones = self.buffer.leading_ones().min(most);
        let taken = if ones == most { ones } else { ones + 1 };
        if self.valid < taken {
            return None;
        }
        self.buffer <<= taken;
        self.valid -= taken;
        Some(ones)
    }

    /// A varint of whole bytes, wherever in a byte it begins.
    pub(crate) fn uvarint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.bits(8)?;
            if shift == 63 && byte & 0x7f > 1 {
                return None;
            }
            number |= (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn varint(&mut self) -> Option<i64> {
        let number = self.uvarint()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// `varbit_uint`.
    #[inline]
    pub(crate) fn varbit_uint(&mut self) -> Option<u64> {
        let ones = self.ones(8)?;
        self.bits(*VARBIT_BITS.get(ones as usize)?)
    }

    /// `varbit_int`.
    #[inline]
    pub(crate) fn varbit_int(&mut self) -> Option<i64> {
        let ones = self.ones(8)?;
        let count = *VARBIT_BITS.get(ones as usize)?;
        Some(signed(self.bits(count)?, count))
    }
}

/// A number of `count` bits as Prometheus counts below zero: 2^(count-1) itself is positive.
#[inline]
pub(crate) const fn signed(number: u64, count: u32) -> i64 {
    if count == 0 || count >= 64 {
        return number.cast_signed();
    }
    if number > 1 << (count - 1) { number.cast_signed() - (1 << count) } else { number.cast_signed() }
}

/// A float that is told by what changed since the one before (`varbit_xor`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Xor {
    pub(crate) value: f64,
    /// Zeros at both ends of the last change; nothing before the first.
    window: Option<(u32, u32)>,
}

impl Xor {
    pub(crate) fn new(value: f64) -> Self {
        Self { value, window: None }
    }

    /// Moves to the next value.
    #[inline]
    pub(crate) fn read(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        match bits.ones(2)? {
            0 => Some(()),
            1 => self.change_in_window(bits),
            _ => self.change_in_new_window(bits),
        }
    }

    /// A change whose window is that of the one before.
    #[inline]
    pub(crate) fn change_in_window(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let (leading, trailing) = self.window?;
        let change = bits.bits(64 - leading - trailing)? << trailing;
        self.value = f64::from_bits(self.value.to_bits() ^ change);
        Some(())
    }

    /// A change after its window.
    #[inline]
    pub(crate) fn change_in_new_window(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let leading = bits.bits(5)? as u32;
        let length = match bits.bits(6)? as u32 {
            // 64 does not fit into six bits, and a change has at least one.
            0 => 64,
            length => length,
        };
        let trailing = 64_u32.checked_sub(leading + length)?;
        self.window = Some((leading, trailing));
        self.change_in_window(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_highest_first_across_refills() {
        let bytes: Vec<u8> = (0..40).map(|index| (index * 37) as u8).collect();
        let text: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        for step in 1..=64_usize {
            let mut bits = Bits::new(&bytes);
            let mut at = 0;
            while at + step <= text.len() {
                assert_eq!(bits.left(), text.len() - at);
                let expected = u64::from_str_radix(&text[at..at + step], 2).unwrap();
                assert_eq!(bits.bits(step as u32), Some(expected), "{step} bits at {at}");
                at += step;
                if at < text.len() {
                    assert_eq!(bits.bits(1), Some(u64::from(text.as_bytes()[at] - b'0')), "the bit at {at}");
                    at += 1;
                }
            }
            let left = (text.len() - at) as u32;
            assert_eq!(bits.clone().bits(left + 1).filter(|_| left < 64), None);
        }
    }

    #[test]
    fn numbers_of_a_few_bits_have_their_sign() {
        // 2^(n-1) is positive: the smallest number of three bits is -3, the largest 4.
        assert_eq!((0..8).map(|bits| signed(bits, 3)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, -3, -2, -1]);
        assert_eq!(signed(u64::MAX, 64), -1);
        assert_eq!(Bits::new(&[0b1011_0110, 0b0000_0000]).varbit_int(), Some(-2));
        assert_eq!(Bits::new(&[0xff; 9]).varbit_int(), Some(-1));
        assert_eq!(Bits::new(&[0xff; 8]).varbit_int(), None);
    }
}
