//! A batch as a part of a request. The fields of a protobuf message may follow each other in pieces, so that the parts of
//! several batches laid one after another are one request.

use watchfire_model::ingest::{Batch, ValueRef};
use watchfire_model::{Labels, Metadata};
use watchfire_scrape::config::RemoteWrite;
use watchfire_scrape::relabel::{self, Verdict};
use watchfire_wire::remote_write::{
    Exemplar, FamilyMetadata, FloatSample, HistogramForm, HistogramSample, TimeSeries, encode,
};

/// A part of a request.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// `prometheus.WriteRequest`, or the beginning of one.
    pub(crate) bytes: Vec<u8>,
    /// Samples in it.
    pub(crate) samples: u64,
    /// The newest of them, in milliseconds since the Unix epoch.
    pub(crate) newest_ms: i64,
    /// Samples left out because their labels are not valid or their kind is not sent.
    pub(crate) left_out: u64,
}

/// What of a batch goes to an address.
pub(crate) fn part(batch: &Batch, to: &RemoteWrite, external: &Labels) -> Part {
    let mut part = Part { newest_ms: i64::MIN, ..Part::default() };
    for series in batch.series() {
        let Ok(labels) = series.checked_labels() else {
            part.left_out += series.len() as u64;
            continue;
        };
        let mut builder = labels.to_builder();
        for (name, value) in external.iter() {
            if builder.get(name).is_none() {
                builder.set(name, value);
            }
        }
        if relabel::apply(&to.write_relabel_configs, &mut builder) != Verdict::Keep {
            continue;
        }
        let labels = builder.build();
        let exemplars: Vec<_> = if to.send_exemplars { series.exemplars().collect() } else { Vec::new() };
        let exemplar_labels: Vec<Labels> =
            exemplars.iter().map(|one| Labels::from_raw(one.packed_labels).unwrap_or_default()).collect();
        let mut found = TimeSeries { labels: labels.iter().collect(), ..TimeSeries::default() };
        for sample in series.samples() {
            part.newest_ms = part.newest_ms.max(sample.timestamp_ms);
            match sample.value {
                ValueRef::Float(value) => {
                    found.samples.push(FloatSample { timestamp_ms: sample.timestamp_ms, value });
                }
                ValueRef::Histogram(histogram) if to.send_native_histograms => {
                    found.histograms.push(HistogramSample {
                        timestamp_ms: sample.timestamp_ms,
                        histogram: histogram.clone(),
                    });
                }
                ValueRef::Histogram(_) => part.left_out += 1,
            }
        }
        found.exemplars.extend(exemplars.iter().zip(&exemplar_labels).map(|(exemplar, labels)| Exemplar {
            labels: labels.iter().collect(),
            value: exemplar.value,
            timestamp_ms: exemplar.timestamp_ms,
        }));
        let samples = found.samples.len() + found.histograms.len();
        if samples + found.exemplars.len() > 0 {
            part.samples += samples as u64;
            part.bytes.extend(encode([&found], &[], HistogramForm::Float));
        }
    }
    part
}

/// What a family says about itself, as a part of a request.
pub(crate) fn description(family: &str, metadata: &Metadata) -> Vec<u8> {
    let said = FamilyMetadata { family, kind: metadata.kind, help: &metadata.help, unit: &metadata.unit };
    encode([], &[said], HistogramForm::Float)
}
