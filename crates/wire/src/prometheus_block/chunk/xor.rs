//! Floats as in Facebook's Gorilla paper: timestamps as deltas of deltas, values as what changed.

use super::super::bits::{Bits, Xor, signed};
use super::write::{Writer, push_change};
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

/// The smallest number of leading ones whose bits hold a delta of deltas; the bounds are Prometheus's.
fn ones_for(dod: i64) -> usize {
    let fits = |width: &u32| {
        *width == 64 || {
            let half = 1_i64 << (width - 1);
            -(half - 1) <= dod && dod <= half
        }
    };
    if dod == 0 {
        0
    } else {
        DOD_BITS.iter().skip(1).position(fits).map_or(DOD_BITS.len() - 1, |index| index + 1)
    }
}

/// Samples as a chunk's data; at most 65,535 of them, later ones are left out.
pub(super) fn encode(timestamps_ms: &[i64], values: &[f64]) -> Vec<u8> {
    let count = timestamps_ms.len().min(values.len()).min(usize::from(u16::MAX));
    let mut out = Writer::default();
    out.bits(count as u64, 16);
    let (mut before_ms, mut delta_ms, mut before) = (0_i64, 0_i64, 0_u64);
    let mut window: Option<(u32, u32)> = None;
    for (index, (timestamp_ms, value)) in timestamps_ms.iter().zip(values).take(count).enumerate() {
        let bits = value.to_bits();
        if index == 0 {
            out.uvarint((*timestamp_ms << 1 ^ *timestamp_ms >> 63).cast_unsigned());
            out.bits(bits, 64);
        } else {
            let delta = timestamp_ms.wrapping_sub(before_ms);
            if index == 1 {
                out.uvarint(delta.cast_unsigned());
            } else {
                let dod = delta.wrapping_sub(delta_ms);
                let ones = ones_for(dod);
                // As many ones, and a zero behind them unless they are the most there are.
                out.bits(u64::MAX, ones as u32);
                if ones + 1 < DOD_BITS.len() {
                    out.bits(0, 1);
                }
                out.bits(dod.cast_unsigned(), DOD_BITS.get(ones).copied().unwrap_or(64));
            }
            delta_ms = delta;
            push_change(&mut out, bits ^ before, &mut window);
        }
        (before_ms, before) = (*timestamp_ms, bits);
    }
    out.finish()
}
