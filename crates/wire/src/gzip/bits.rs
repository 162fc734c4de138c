//! Bits behind one another, the low ones first.

#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    bits: u64,
    /// How many bits wait; fewer than eight between calls of [`BitWriter::flush`].
    count: u32,
}

impl BitWriter {
    /// Adds up to 32 bits, the unused ones being zero. [`BitWriter::flush`] must come before 56 of them wait.
    #[inline(always)]
    pub(super) const fn put(&mut self, bits: u64, count: u32) {
        self.bits |= bits << self.count;
        self.count += count;
    }

    /// Lets whole bytes go.
    #[inline(always)]
    pub(super) fn flush(&mut self) {
        let whole = self.count / 8;
        let from = self.bytes.len();
        // Eight at a time, and those that are none yet are taken back: quicker than a loop over bytes.
        self.bytes.extend_from_slice(&self.bits.to_le_bytes());
        self.bytes.truncate(from + whole as usize);
        self.bits >>= whole * 8;
        self.count %= 8;
    }

    /// Fills up the last byte.
    pub(super) fn align(&mut self) {
        self.flush();
        if self.count > 0 {
            self.count = 8;
            self.flush();
        }
    }

    /// Adds whole bytes; bits must be aligned.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The whole bytes so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.flush();
        let room = self.bytes.len();
        std::mem::replace(&mut self.bytes, Vec::with_capacity(room))
    }
}
