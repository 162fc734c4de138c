//! What chunks are written with.

use super::super::bits::VARBIT_BITS;

/// Bits written from front to back, the highest of each byte first.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet, in the lowest places.
    open: u8,
    count: u32,
}

impl Writer {
    pub(super) fn bits(&mut self, number: u64, count: u32) {
        for place in (0..count).rev() {
            self.open = self.open << 1 | (number >> place & 1) as u8;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(std::mem::take(&mut self.open));
                self.count = 0;
            }
        }
    }

    pub(super) fn uvarint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bits(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.bits(number, 8);
    }

    /// `varbit_int`: as many bits as one of nine widths has that holds the number.
    pub(super) fn varbit_int(&mut self, number: i64) {
        let fits = |width: &u32| {
            *width == 64 || {
                let half = 1_i64.checked_shl(width.saturating_sub(1)).unwrap_or(i64::MAX);
                // Prometheus's bounds: 2^(n-1) itself is positive.
                if *width == 0 { number == 0 } else { -(half - 1) <= number && number <= half }
            }
        };
        self.in_width(number.cast_unsigned(), fits);
    }

    /// `varbit_uint`
    pub(super) fn varbit_uint(&mut self, number: u64) {
        self.in_width(number, |width| *width == 64 || number >> width == 0);
    }

    fn in_width(&mut self, number: u64, fits: impl FnMut(&u32) -> bool) {
        let place = VARBIT_BITS.iter().position(fits).unwrap_or(VARBIT_BITS.len() - 1);
        // As many ones, and a zero behind them unless they are the most there are.
        self.bits(u64::MAX, place as u32);
        if place + 1 < VARBIT_BITS.len() {
            self.bits(0, 1);
        }
        self.bits(number, VARBIT_BITS.get(place).copied().unwrap_or(64));
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            let missing = 8 - self.count;
            self.bits(0, missing);
        }
        self.bytes
    }
}

/// A float told by what changed since the one before.
pub(super) fn push_change(out: &mut Writer, change: u64, window: &mut Option<(u32, u32)>) {
    if change == 0 {
        return out.bits(0, 1);
    }
    // Five bits tell the leading zeros.
    let (leading, trailing) = (change.leading_zeros().min(31), change.trailing_zeros());
    match *window {
        Some((wide, low)) if leading >= wide && trailing >= low => {
            out.bits(0b10, 2);
            out.bits(change >> low, 64 - wide - low);
        }
        _ => {
            *window = Some((leading, trailing));
            let length = 64 - leading - trailing;
            out.bits(0b11, 2);
            out.bits(u64::from(leading), 5);
            // 64 does not fit into six bits and is told as 0.
            out.bits(u64::from(length % 64), 6);
            out.bits(change >> trailing, length);
        }
    }
}
