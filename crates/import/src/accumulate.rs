//! Samples that come in no order, held in memory until they can be handed out series by series.
//!
//! A float takes two to six bytes as a rule: the change of the step in time, and what changed in the value.

use crate::selection::put_in_order;
use hashbrown::HashMap;
use std::sync::Arc;
use watchfire_model::{Histogram, Labels, Samples};

/// Counted for each series besides its labels and samples.
const SERIES_BYTES: usize = 200;

/// In a sample's first byte: it is a histogram.
const HISTOGRAM: u8 = 0xff;

#[derive(Debug, Default)]
pub(crate) struct Accumulator {
    numbers: HashMap<Labels, u32>,
    series: Vec<Series>,
    bytes: usize,
}

#[derive(Debug)]
struct Series {
    labels: Labels,
    samples: Vec<u8>,
    last_ms: i64,
    step_ms: i64,
    last_bits: u64,
}

impl Accumulator {
    /// The number of a series, made when it is new.
    pub(crate) fn series(&mut self, labels: &Labels) -> u32 {
        if let Some(number) = self.numbers.get(labels) {
            return *number;
        }
        let number = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        self.bytes += SERIES_BYTES + labels.as_bytes().len();
        self.numbers.insert(labels.clone(), number);
        let labels = labels.clone();
        self.series.push(Series { labels, samples: Vec::new(), last_ms: i64::MIN, step_ms: 0, last_bits: 0 });
        number
    }

    /// The time of the sample of a series that was pushed last.
    pub(crate) fn last_ms(&self, series: u32) -> Option<i64> {
        let series = self.series.get(series as usize)?;
        (!series.samples.is_empty()).then_some(series.last_ms)
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push_float(&mut self, series: u32, timestamp_ms: i64, value: f64) {
        self.push(series, timestamp_ms, |series| {
            let bits = value.to_bits();
            let change = bits ^ series.last_bits;
            series.last_bits = bits;
            let (zeros, len) = match change {
                0 => (0, 0),
                change => (
                    change.trailing_zeros() / 8,
                    8 - change.leading_zeros() / 8 - change.trailing_zeros() / 8,
                ),
            };
            series.samples.push((zeros << 4 | len) as u8);
            let changed = (change >> (zeros * 8)).to_le_bytes();
            series.samples.extend_from_slice(changed.get(..len as usize).unwrap_or_default());
        });
    }

    pub(crate) fn push_histogram(&mut self, series: u32, timestamp_ms: i64, histogram: &Histogram) {
        self.push(series, timestamp_ms, |series| {
            series.samples.push(HISTOGRAM);
            histogram.encode(&mut series.samples);
        });
    }

    fn push(&mut self, series: u32, timestamp_ms: i64, value: impl FnOnce(&mut Series)) {
        let Some(series) = self.series.get_mut(series as usize) else { return };
        let before = series.samples.capacity();
        let step_ms = timestamp_ms.wrapping_sub(series.last_ms);
        let change = step_ms.wrapping_sub(series.step_ms);
        (series.last_ms, series.step_ms) = (timestamp_ms, step_ms);
        put_varint(&mut series.samples, (change << 1 ^ (change >> 63)).cast_unsigned());
        value(series);
        self.bytes += series.samples.capacity() - before;
    }

    /// Hands out the series in label order, each with its samples in time order, and forgets them.
    pub(crate) fn drain<E>(
        &mut self,
        mut take: impl FnMut(&Labels, &mut Samples) -> Result<(), E>,
    ) -> Result<(), E> {
        self.numbers = HashMap::new();
        self.bytes = 0;
        let mut series = std::mem::take(&mut self.series);
        series.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
        let mut samples = Samples::default();
        for series in series {
            samples.clear();
            decode(&series.samples, &mut samples);
            put_in_order(&mut samples);
            if !samples.is_empty() {
                take(&series.labels, &mut samples)?;
            }
        }
        Ok(())
    }
}

fn decode(mut bytes: &[u8], samples: &mut Samples) {
    let (mut at_ms, mut step_ms, mut bits) = (i64::MIN, 0_i64, 0_u64);
    while let Some(change) = take_varint(&mut bytes) {
        step_ms = step_ms.wrapping_add((change >> 1).cast_signed() ^ -((change & 1).cast_signed()));
        at_ms = at_ms.wrapping_add(step_ms);
        let Some((kind, rest)) = bytes.split_first() else { return };
        bytes = rest;
        if *kind == HISTOGRAM {
            let Some((histogram, len)) = Histogram::decode(bytes) else { return };
            bytes = bytes.get(len..).unwrap_or_default();
            samples.push_histogram(at_ms, Arc::new(histogram));
            continue;
        }
        let (zeros, len) = (u32::from(kind >> 4), usize::from(kind & 0xf));
        let Some((changed, rest)) = bytes.split_at_checked(len) else { return };
        bytes = rest;
        let change = changed.iter().rev().fold(0_u64, |change, byte| change << 8 | u64::from(*byte));
        bits ^= change << (zeros * 8);
        samples.push_float(at_ms, f64::from_bits(bits));
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_model::STALE_NAN;

    #[test]
    fn samples_come_back_bit_for_bit_in_order() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut held = Accumulator::default();
        let mut expected: Vec<Vec<(i64, u64)>> = vec![Vec::new(); 3];
        let name = |number: usize| Labels::from_pairs([("__name__", ["b", "a", "c"][number])]);
        for at in 0..3000_i64 {
            let number = rng.usize(0..3);
            let value = match rng.u8(0..5) {
                0 => 0.0,
                1 => STALE_NAN,
                2 => rng.f64(),
                3 => f64::from_bits(rng.u64(..)),
                _ => at as f64,
            };
            let series = held.series(&name(number));
            held.push_float(series, at * 15_000 + rng.i64(0..3), value);
            assert!(held.last_ms(series).is_some());
            expected[number].push((held.last_ms(series).unwrap(), value.to_bits()));
        }
        assert!(held.bytes() > 3000);
        let mut found = Vec::new();
        held.drain(|labels, samples| {
            let bits = samples.timestamps_ms.iter().zip(&samples.floats);
            found.push((labels.clone(), bits.map(|(at, value)| (*at, value.to_bits())).collect::<Vec<_>>()));
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!(found, [1, 0, 2].map(|number| (name(number), expected[number].clone())));
        assert_eq!(held.bytes(), 0);
    }

    #[test]
    fn histograms_and_samples_out_of_order_are_held_too() {
        let mut held = Accumulator::default();
        let series = held.series(&Labels::from_pairs([("__name__", "m")]));
        let histogram = Histogram { count: 3.0, sum: 0.1, ..Histogram::default() };
        held.push_float(series, 50, 1.5);
        held.push_histogram(series, 20, &histogram);
        held.push_float(series, i64::MAX, -0.0);
        held.push_float(series, i64::MIN, 2.5);
        held.push_float(series, 50, 9.0);
        let mut found = Vec::new();
        held.drain(|_, samples| {
            found.push(samples.clone());
            Ok::<(), ()>(())
        })
        .unwrap();
        let samples = &found[0];
        assert_eq!(samples.timestamps_ms, [i64::MIN, 20, 50, i64::MAX]);
        assert_eq!(samples.histogram(1).map(|found| (**found).clone()), Some(histogram));
        assert_eq!((samples.floats[2], samples.floats[3].to_bits()), (1.5, (-0.0_f64).to_bits()));
    }
}
