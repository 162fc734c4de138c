//! What was deleted from a block and not yet taken out of it.

use super::FormatError;
use super::bytes::{Bytes, check};
use super::chunk::check_header;

const MAGIC: u32 = 0x0130_ba30;

/// Samples of a series that were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The series, as [`Version::series_reference`](super::index::Version::series_reference) counts it.
    pub series: u64,
    /// The first time deleted, in milliseconds since the Unix epoch.
    pub min_ms: i64,
    /// The last.
    pub max_ms: i64,
}

/// Reads a whole `tombstones` file.
pub fn read(bytes: &[u8]) -> Result<Vec<Tombstone>, FormatError> {
    let mut input = Bytes::new(bytes, 0, "the tombstones");
    check_header(&mut input, MAGIC, "tombstones file", 1)?;
    let offset = input.offset();
    let content = input.take(input.len().saturating_sub(4))?;
    check(content, input.u32()?, offset, "the tombstones")?;
    let mut input = Bytes::new(content, offset, "the tombstones");
    let mut stones = Vec::new();
    while !input.is_empty() {
        stones.push(Tombstone { series: input.uvarint()?, min_ms: input.varint()?, max_ms: input.varint()? });
    }
    Ok(stones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus_block::Problem;

    fn file(content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x01, 0x30, 0xba, 0x30, 1];
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(&crc32c::crc32c(content).to_be_bytes());
        bytes
    }

    #[test]
    fn stones_are_read_and_a_flipped_bit_is_found() {
        // Series 300, from -1 to 5.
        let mut bytes = file(&[0xac, 0x02, 1, 10]);
        assert_eq!(read(&bytes), Ok(vec![Tombstone { series: 300, min_ms: -1, max_ms: 5 }]));
        assert_eq!(read(&file(&[])), Ok(vec![]));
        bytes[7] ^= 4;
        assert!(matches!(read(&bytes).unwrap_err().problem, Problem::Checksum { .. }));
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "cut to {len} bytes");
        }
    }
}
