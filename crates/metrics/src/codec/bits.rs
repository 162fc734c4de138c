//! Numbers of any width, one after the other, lowest bit first.

/// Appends numbers to bytes.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    word: u64,
    used: u32,
}

impl<'a> BitWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, word: 0, used: 0 }
    }

    /// Adds the lowest `bits` of `number`, whose other bits are zero; 64 at most.
    #[inline]
    pub(crate) fn put(&mut self, number: u64, bits: u32) {
        debug_assert!(bits == 64 || number >> bits == 0, "{number} has more than {bits} bits");
        self.word |= number << self.used;
        let total = self.used + bits;
        if total < 64 {
            self.used = total;
            return;
        }
        self.out.extend_from_slice(&self.word.to_le_bytes());
        self.word = number.checked_shr(64 - self.used).unwrap_or(0);
        self.used = total - 64;
    }

    /// Fills up the last byte.
    pub(crate) fn finish(self) {
        let bytes = self.word.to_le_bytes();
        self.out.extend(bytes.iter().take(self.used.div_ceil(8) as usize));
    }
}

/// The lowest `bits` of a number; 63 at most.
#[inline]
pub(crate) fn low(number: u64, bits: u32) -> u64 {
    number & ((1_u64 << (bits & 63)) - 1)
}

/// Reads numbers back. Behind the end there are zeros; [`BitReader::is_over`] tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next 57 bits at least.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        let at = self.position >> 3;
        let word = match self.bytes.get(at..at.wrapping_add(8)) {
            Some(chunk) => u64::from_le_bytes(chunk.try_into().unwrap_or_default()),
            None => last_word(self.bytes.get(at..).unwrap_or_default()),
        };
        word >> (self.position & 7)
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, bits: u32) {
        self.position += bits as usize;
    }

    /// A number of `bits`; 64 at most.
    #[inline]
    pub(crate) fn take(&mut self, bits: u32) -> u64 {
        if bits <= 56 {
            let number = low(self.peek(), bits);
            self.skip(bits);
            return number;
        }
        let lower = self.take(32);
        lower | self.take(bits - 32) << 32
    }

    /// Whether more was read than there is.
    pub(crate) fn is_over(&self) -> bool {
        self.position > self.bytes.len() * 8
    }

    /// The bytes that were read from, the last perhaps in part.
    pub(crate) fn used_bytes(&self) -> usize {
        self.position.div_ceil(8)
    }
}

#[cold]
fn last_word(rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
