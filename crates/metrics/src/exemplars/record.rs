//! Exemplars as they stand in the log and in their file: groups of a series (packed labels), a count, and the exemplars
//! of it, each with the change of time, the value's bits and its packed labels.

use super::Exemplar;
use crate::codec::bytes::{Reader, put_signed, put_sized, put_varint};
use crate::record::EXEMPLARS;
use watchfire_model::Labels;

/// A record of the log without any exemplars yet.
pub(super) fn begin() -> Vec<u8> {
    vec![EXEMPLARS]
}

/// Whether a record holds no exemplars.
pub(super) fn is_empty(record: &[u8]) -> bool {
    record.len() <= 1
}

/// Adds exemplars of a series.
pub(crate) fn put_group<'a>(
    out: &mut Vec<u8>,
    series: &Labels,
    exemplars: impl ExactSizeIterator<Item = &'a Exemplar>,
) {
    put_sized(out, series.as_bytes());
    put_varint(out, exemplars.len() as u64);
    let mut previous_ms = 0_i64;
    for exemplar in exemplars {
        put_signed(out, exemplar.timestamp_ms.wrapping_sub(previous_ms));
        previous_ms = exemplar.timestamp_ms;
        out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        put_sized(out, exemplar.labels.as_bytes());
    }
}

/// The reverse of [`put_group`]; `None` when it makes no sense, after what could be read of it.
pub(crate) fn take_group(input: &mut Reader<'_>, with: &mut dyn FnMut(&Labels, Exemplar)) -> Option<()> {
    let series = Labels::from_bytes(input.sized()?)?;
    let mut timestamp_ms = 0_i64;
    for _ in 0..input.count()? {
        timestamp_ms = timestamp_ms.wrapping_add(input.signed()?);
        let value = f64::from_bits(input.u64()?);
        let labels = Labels::from_bytes(input.sized()?)?;
        with(&series, Exemplar { labels, value, timestamp_ms });
    }
    Some(())
}

/// Hands out the groups of a record that was made here.
pub(super) fn each_group(record: &[u8], with: &mut dyn FnMut(&Labels, &[Exemplar])) {
    let mut input = Reader::new(record.get(1..).unwrap_or_default());
    while !input.is_empty() {
        let (mut group, mut of) = (Vec::new(), None);
        let whole = take_group(&mut input, &mut |series, exemplar| {
            of.get_or_insert_with(|| series.clone());
            group.push(exemplar);
        });
        if let Some(series) = of {
            with(&series, &group);
        }
        if whole.is_none() {
            return;
        }
    }
}
