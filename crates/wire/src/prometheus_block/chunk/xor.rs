//! Floats as in Facebook's Gorilla paper: timestamps as deltas of deltas, values as what changed.

use super::super::bits::{Bits, Xor, signed};
use watchfire_model::Samples;

/// How many bits follow each count of leading ones before a timestamp's delta of deltas (`varbit_ts`).
const DOD_BITS: [u32; 5] = [0, 14, 17, 20, 64];
const ENDS: &str = "an XOR chunk that ends within a sample";

pub(super) fn decode(data: &[u8], samples: &mut Samples) -> Result<(), &'static str> {
    let (count, stream) =
        data.split_first_chunk::<2>().ok_or("an XOR chunk without its number of samples")?;
    let count = u16::from_be_bytes(*count);
    let mut bits = Bits::new(stream);
    // Every sample after the first two takes at least two bits.
    if usize::from(count.saturating_sub(2)) * 2 > bits.left() {
        return Err("an XOR chunk of fewer bits than samples");
    }
    samples.timestamps_ms.reserve(usize::from(count));
    samples.floats.reserve(usize::from(count));
    let (mut timestamp_ms, mut delta_ms, mut value) = (0_i64, 0_i64, Xor::default());
    for index in 0..count {
        match index {
            0 => {
                timestamp_ms = bits.varint().ok_or(ENDS)?;
                value = Xor::new(bits.float().ok_or(ENDS)?);
            }
            1 => {
                delta_ms = bits.uvarint().ok_or(ENDS)?.cast_signed();
                timestamp_ms = timestamp_ms.wrapping_add(delta_ms);
                value.read(&mut bits).ok_or(ENDS)?;
            }
            _ => {
                let ones = bits.ones(4).ok_or(ENDS)?;
                if ones > 0 {
                    let width = DOD_BITS.get(ones as usize).copied().ok_or(ENDS)?;
                    let dod = signed(bits.bits(width).ok_or(ENDS)?, width);
                    delta_ms = delta_ms.wrapping_add(dod);
                }
                timestamp_ms = timestamp_ms.wrapping_add(delta_ms);
                value.read(&mut bits).ok_or(ENDS)?;
            }
        }
        samples.push_float(timestamp_ms, value.value);
    }
    Ok(())
}
