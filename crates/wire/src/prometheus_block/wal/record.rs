//! What records say.

use super::super::bytes::Bytes;
use super::super::{FormatError, Problem};
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::{Histogram, Metadata, MetricType};

/// Is told what records hold.
pub trait RecordSink {
    /// A series gets a number. A later one may replace it, and one series may get several.
    fn series(&mut self, number: u64, labels: &[(&str, &str)]);
    /// A float sample.
    fn float(&mut self, series: u64, timestamp_ms: i64, value: f64);
    /// A native histogram.
    fn histogram(&mut self, series: u64, timestamp_ms: i64, histogram: Histogram);
    /// Samples of a series were deleted, both times inclusive.
    fn deleted(&mut self, series: u64, min_ms: i64, max_ms: i64);
    /// What a series says about itself.
    fn metadata(&mut self, series: u64, metadata: Metadata);
    /// Exemplars of any series.
    fn exemplars(&mut self, count: usize);
    /// A record of a kind that is not known here.
    fn unknown(&mut self, kind: u8);
}

const TRUNCATED: &str = "a record of the log";

/// Reads a record and tells `sink` what it holds. What was told before an error stays told.
pub fn decode(record: &[u8], offset: u64, sink: &mut impl RecordSink) -> Result<(), FormatError> {
    // Offsets inside a record mean nothing to anybody once it was compressed: errors name where the record began.
    read(record, sink).map_err(|error| FormatError::new(offset, error.problem))
}

fn read(record: &[u8], sink: &mut impl RecordSink) -> Result<(), FormatError> {
    let mut input = Bytes::new(record, 0, TRUNCATED);
    match input.u8()? {
        1 => series(&mut input, sink),
        2 => each_sample(&mut input, |series, timestamp_ms, input| {
            sink.float(series, timestamp_ms, input.float()?);
            Ok(())
        }),
        3 => {
            while !input.is_empty() {
                let (series, min_ms, max_ms) = (input.u64()?, input.varint()?, input.varint()?);
                sink.deleted(series, min_ms, max_ms);
            }
            Ok(())
        }
        4 => {
            let mut count = 0;
            let read = each_sample(&mut input, |_, _, input| {
                input.float()?;
                labels(input, &mut Vec::new())?;
                count += 1;
                Ok(())
            });
            sink.exemplars(count);
            read
        }
        // Where in `chunks_head` samples stand that the log holds as well.
        5 => Ok(()),
        6 => metadata(&mut input, sink),
        7 | 9 => each_sample(&mut input, |series, timestamp_ms, input| {
            sink.histogram(series, timestamp_ms, histogram(input, whole_count, whole_buckets)?);
            Ok(())
        }),
        8 | 10 => each_sample(&mut input, |series, timestamp_ms, input| {
            sink.histogram(series, timestamp_ms, histogram(input, Bytes::float, float_buckets)?);
            Ok(())
        }),
        kind => {
            sink.unknown(kind);
            Ok(())
        }
    }
}

fn labels<'a>(input: &mut Bytes<'a>, into: &mut Vec<(&'a str, &'a str)>) -> Result<(), FormatError> {
    into.clear();
    for _ in 0..input.count(2)? {
        into.push((input.string()?, input.string()?));
    }
    Ok(())
}

fn series(input: &mut Bytes<'_>, sink: &mut impl RecordSink) -> Result<(), FormatError> {
    let mut pairs = Vec::new();
    while !input.is_empty() {
        let number = input.u64()?;
        labels(input, &mut pairs)?;
        sink.series(number, &pairs);
    }
    Ok(())
}

/// Samples name their series and times as differences to the first.
fn each_sample<'a>(
    input: &mut Bytes<'a>,
    mut sample: impl FnMut(u64, i64, &mut Bytes<'a>) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    if input.is_empty() {
        return Ok(());
    }
    let (first_series, first_ms) = (input.u64()?, input.i64()?);
    while !input.is_empty() {
        let series = first_series.wrapping_add_signed(input.varint()?);
        let timestamp_ms = first_ms.wrapping_add(input.varint()?);
        sample(series, timestamp_ms, input)?;
    }
    Ok(())
}

fn metadata(input: &mut Bytes<'_>, sink: &mut impl RecordSink) -> Result<(), FormatError> {
    while !input.is_empty() {
        let series = input.uvarint()?;
        let kind = match input.u8()? {
            1 => MetricType::Counter,
            2 => MetricType::Gauge,
            3 => MetricType::Histogram,
            4 => MetricType::GaugeHistogram,
            5 => MetricType::Summary,
            6 => MetricType::Info,
            7 => MetricType::StateSet,
            _ => MetricType::Unknown,
        };
        let mut metadata = Metadata { kind, ..Metadata::default() };
        for _ in 0..input.count(2)? {
            let (name, value) = (input.string()?, input.string()?);
            match name {
                "UNIT" => value.clone_into(&mut metadata.unit),
                "HELP" => value.clone_into(&mut metadata.help),
                _ => {}
            }
        }
        sink.metadata(series, metadata);
    }
    Ok(())
}

fn whole_count(input: &mut Bytes<'_>) -> Result<f64, FormatError> {
    Ok(input.uvarint()? as f64)
}

fn histogram<'a>(
    input: &mut Bytes<'a>,
    count: impl Fn(&mut Bytes<'a>) -> Result<f64, FormatError>,
    buckets: impl Fn(&mut Bytes<'a>) -> Result<Vec<f64>, FormatError>,
) -> Result<Histogram, FormatError> {
    let reset_hint = match input.u8()? {
        1 => ResetHint::Reset,
        2 => ResetHint::NoReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    let offset = input.offset();
    let schema = i32::try_from(input.varint()?)
        .map_err(|_| FormatError::new(offset, Problem::Nonsense("a histogram with an impossible schema")))?;
    let zero_threshold = input.float()?;
    let (zero_count, total) = (count(input)?, count(input)?);
    let sum = input.float()?;
    let (positive_spans, negative_spans) = (spans(input)?, spans(input)?);
    let (positive_buckets, negative_buckets) = (buckets(input)?, buckets(input)?);
    let custom_values = if schema == CUSTOM_BUCKETS_SCHEMA { float_buckets(input)? } else { Vec::new() };
    Ok(Histogram {
        reset_hint,
        schema,
        zero_threshold,
        zero_count,
        count: total,
        sum,
        positive_spans,
        negative_spans,
        positive_buckets,
        negative_buckets,
        custom_values,
    })
}

fn spans(input: &mut Bytes<'_>) -> Result<Vec<Span>, FormatError> {
    let mut spans = Vec::new();
    for _ in 0..input.count(2)? {
        let offset = i32::try_from(input.varint()?).map_err(|_| input.nonsense("an impossible span"))?;
        spans.push(Span { offset, length: input.uvarint32()? });
    }
    Ok(spans)
}

/// Whole counts are told as differences to the bucket before.
fn whole_buckets(input: &mut Bytes<'_>) -> Result<Vec<f64>, FormatError> {
    let mut total = 0_i64;
    let mut counts = Vec::new();
    for _ in 0..input.count(1)? {
        total = total.wrapping_add(input.varint()?);
        counts.push(total as f64);
    }
    Ok(counts)
}

fn float_buckets(input: &mut Bytes<'_>) -> Result<Vec<f64>, FormatError> {
    (0..input.count(8)?).map(|_| input.float()).collect()
}
