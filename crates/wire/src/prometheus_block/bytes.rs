//! Whole bytes read from front to back.

use super::{FormatError, Problem};

/// Reads numbers and strings, and knows where in the file it is.
#[derive(Clone, Debug)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    offset: u64,
    /// What is being read, for the error when it ends too early.
    what: &'static str,
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8], offset: u64, what: &'static str) -> Self {
        Self { rest: bytes, offset, what }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn truncated(&self) -> FormatError {
        FormatError::new(self.offset, Problem::Truncated(self.what))
    }

    pub(crate) fn nonsense(&self, what: &'static str) -> FormatError {
        FormatError::new(self.offset, Problem::Nonsense(what))
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        self.offset += len as u64;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        self.offset += N as u64;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, FormatError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, FormatError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, FormatError> {
        Ok(self.u64()?.cast_signed())
    }

    pub(crate) fn float(&mut self) -> Result<f64, FormatError> {
        Ok(f64::from_bits(self.u64()?))
    }

    pub(crate) fn uvarint(&mut self) -> Result<u64, FormatError> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.nonsense("a number of more than 64 bits"))
    }

    pub(crate) fn varint(&mut self) -> Result<i64, FormatError> {
        let number = self.uvarint()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    pub(crate) fn uvarint32(&mut self) -> Result<u32, FormatError> {
        let number = self.uvarint()?;
        u32::try_from(number).map_err(|_| self.nonsense("a number of more than 32 bits"))
    }

    /// How many items of at least `item_bytes` follow: never more than there are bytes for.
    pub(crate) fn count(&mut self, item_bytes: usize) -> Result<usize, FormatError> {
        let count = self.uvarint()?;
        let count = usize::try_from(count).ok().filter(|count| *count <= self.rest.len() / item_bytes);
        count.ok_or_else(|| self.nonsense("more items are promised than there are bytes"))
    }

    /// A string after its length.
    pub(crate) fn string(&mut self) -> Result<&'a str, FormatError> {
        let len = self.uvarint()?;
        let at = self.offset;
        let len = usize::try_from(len).map_err(|_| self.truncated())?;
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes)
            .map_err(|_| FormatError::new(at, Problem::Nonsense("a string that is not UTF-8")))
    }
}

/// Checks a checksum over `bytes`, which begin at `offset`.
pub(crate) fn check(bytes: &[u8], expected: u32, offset: u64, what: &'static str) -> Result<(), FormatError> {
    let got = crc32c::crc32c(bytes);
    if got == expected {
        return Ok(());
    }
    Err(FormatError::new(offset, Problem::Checksum { what, got, expected }))
}
