//! Batches as they stand in the log.
//!
//! A record is `1`, the series it introduces to its segment (number, packed labels), and samples: a control byte, and
//! then only what the sample before does not already say. Or it is `2`, the metadata of a metric family, or `3`, exemplars.

use crate::codec::bytes::{Reader, put_signed, put_sized, put_varint};
use crate::exemplars::Exemplar;
use crate::exemplars::record::take_group;
use std::sync::Arc;
use watchfire_model::ingest::ValueRef;
use watchfire_model::{Histogram, Labels, Metadata, MetricType, STALE_NAN, is_stale};

/// Version of this format, kept in the header of every segment.
pub(crate) const FORMAT: u32 = 1;

const SAMPLES: u8 = 1;
const METADATA: u8 = 2;
pub(crate) const EXEMPLARS: u8 = 3;

const KIND: u8 = 0b11;
const WHOLE: u8 = 0;
const FLOAT: u8 = 1;
const HISTOGRAM: u8 = 2;
const STALE: u8 = 3;
const NEW_TIME: u8 = 1 << 2;
const HAS_START: u8 = 1 << 3;
const NEXT_SERIES: u8 = 1 << 4;

/// Whole numbers up to here are written as varints.
const MAX_WHOLE: f64 = (1_u64 << 40) as f64;

/// The sample part of a record under construction.
#[derive(Debug, Default)]
pub(crate) struct SampleEncoder {
    pub(crate) bytes: Vec<u8>,
    id: u32,
    timestamp_ms: i64,
    start_ms: i64,
}

/// What a sample of a whole number takes with its change of series and time.
const USUAL_BYTES: usize = 6;

impl SampleEncoder {
    pub(crate) fn with_room_for(samples: usize) -> Self {
        Self { bytes: Vec::with_capacity(samples * USUAL_BYTES), ..Self::default() }
    }

    pub(crate) fn push(&mut self, id: u32, timestamp_ms: i64, start_ms: i64, value: ValueRef<'_>) {
        let mut control = match value {
            ValueRef::Histogram(_) => HISTOGRAM,
            ValueRef::Float(value) if is_stale(value) => STALE,
            ValueRef::Float(value) if whole(value) => WHOLE,
            ValueRef::Float(_) => FLOAT,
        };
        let next = id == self.id.wrapping_add(1);
        control |= if next { NEXT_SERIES } else { 0 };
        control |= if timestamp_ms == self.timestamp_ms { 0 } else { NEW_TIME };
        control |= if start_ms == 0 { 0 } else { HAS_START };
        self.bytes.push(control);
        if !next {
            put_signed(&mut self.bytes, i64::from(id) - i64::from(self.id));
        }
        if timestamp_ms != self.timestamp_ms {
            put_signed(&mut self.bytes, timestamp_ms.wrapping_sub(self.timestamp_ms));
        }
        if start_ms != 0 {
            put_signed(&mut self.bytes, start_ms.wrapping_sub(self.start_ms));
            self.start_ms = start_ms;
        }
        (self.id, self.timestamp_ms) = (id, timestamp_ms);
        match value {
            ValueRef::Float(value) if control & KIND == WHOLE => put_signed(&mut self.bytes, value as i64),
            ValueRef::Float(value) if control & KIND == FLOAT => {
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            ValueRef::Float(_) => {}
            ValueRef::Histogram(histogram) => histogram.encode(&mut self.bytes),
        }
    }
}

/// Whether a float is a whole number that an integer keeps to the last bit, the sign of zero included.
fn whole(value: f64) -> bool {
    value.abs() < MAX_WHOLE && (value as i64 as f64).to_bits() == value.to_bits()
}

/// Begins a record that introduces so many series, which follow by [`definition`].
pub(crate) fn definitions(count: usize, out: &mut Vec<u8>) {
    out.push(SAMPLES);
    put_varint(out, count as u64);
}

/// Introduces a series: its number and its packed labels.
pub(crate) fn definition(id: u32, labels: &[u8], out: &mut Vec<u8>) {
    put_varint(out, u64::from(id));
    put_sized(out, labels);
}

/// A metadata record.
pub(crate) fn metadata(family: &str, metadata: &Metadata) -> Vec<u8> {
    let mut out = vec![METADATA];
    put_metadata(&mut out, family, metadata);
    out
}

/// A family and its metadata.
pub(crate) fn put_metadata(out: &mut Vec<u8>, family: &str, metadata: &Metadata) {
    for text in [family, metadata.kind.as_str(), &metadata.unit, &metadata.help] {
        put_sized(out, text.as_bytes());
    }
}

/// The reverse of [`put_metadata`].
pub(crate) fn take_metadata(input: &mut Reader<'_>) -> Option<(String, Metadata)> {
    let family = input.text()?.to_owned();
    let kind = kind_of(input.text()?);
    let unit = input.text()?.to_owned();
    let help = input.text()?.to_owned();
    Some((family, Metadata { kind, unit, help }))
}

fn kind_of(word: &str) -> MetricType {
    [
        MetricType::Counter,
        MetricType::Gauge,
        MetricType::Histogram,
        MetricType::GaugeHistogram,
        MetricType::Summary,
        MetricType::Info,
        MetricType::StateSet,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == word)
    .unwrap_or_default()
}

/// A value read from a record.
#[derive(Debug)]
pub(crate) enum RecordValue {
    Float(f64),
    Histogram(Arc<Histogram>),
}

/// What a record says, piece by piece.
pub(crate) trait RecordSink {
    /// From here on in this segment the number stands for these labels.
    fn define(&mut self, id: u32, labels: &[u8]);
    fn sample(&mut self, id: u32, timestamp_ms: i64, start_ms: i64, value: RecordValue);
    fn metadata(&mut self, family: String, metadata: Metadata);
    fn exemplar(&mut self, series: &Labels, exemplar: Exemplar);
}

/// Reads a record; `None` when it makes no sense, after what could be read of it.
pub(crate) fn decode(record: &[u8], sink: &mut dyn RecordSink) -> Option<()> {
    let mut input = Reader::new(record);
    match input.byte()? {
        METADATA => {
            let (family, metadata) = take_metadata(&mut input)?;
            sink.metadata(family, metadata);
            return Some(());
        }
        EXEMPLARS => {
            while !input.is_empty() {
                take_group(&mut input, &mut |series, exemplar| sink.exemplar(series, exemplar))?;
            }
            return Some(());
        }
        SAMPLES => {}
        _ => return None,
    }
    for _ in 0..input.varint()? {
        let id = u32::try_from(input.varint()?).ok()?;
        sink.define(id, input.sized()?);
    }
    let (mut id, mut timestamp_ms, mut last_start_ms) = (0_u32, 0_i64, 0_i64);
    while !input.is_empty() {
        let control = input.byte()?;
        id = if control & NEXT_SERIES != 0 {
            id.wrapping_add(1)
        } else {
            u32::try_from(i64::from(id).checked_add(input.signed()?)?).ok()?
        };
        if control & NEW_TIME != 0 {
            timestamp_ms = timestamp_ms.wrapping_add(input.signed()?);
        }
        let mut start_ms = 0;
        if control & HAS_START != 0 {
            last_start_ms = last_start_ms.wrapping_add(input.signed()?);
            start_ms = last_start_ms;
        }
        let value = match control & KIND {
            WHOLE => RecordValue::Float(input.signed()? as f64),
            FLOAT => RecordValue::Float(f64::from_bits(input.u64()?)),
            STALE => RecordValue::Float(STALE_NAN),
            _ => {
                let (histogram, len) = Histogram::decode(input.rest())?;
                input.bytes(len)?;
                RecordValue::Histogram(Arc::new(histogram))
            }
        };
        sink.sample(id, timestamp_ms, start_ms, value);
    }
    Some(())
}

#[cfg(test)]
mod tests;
