use super::*;
use crate::protobuf::MessageWriter;
use crate::remote_write::encode::write_histogram;
use crate::remote_write::{HistogramForm, METRIC_TYPES};
use proptest::prelude::*;
use std::sync::Arc;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, Span};
use watchfire_model::ingest::ValueRef;
use watchfire_model::{Histogram, STALE_NAN};

type OwnedLabels = Vec<(String, String)>;

/// A series as a sender has it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Series {
    labels: OwnedLabels,
    /// Times, starts and the bits of values.
    floats: Vec<(i64, i64, u64)>,
    histograms: Vec<(i64, i64, Arc<Histogram>)>,
    exemplars: Vec<(OwnedLabels, i64, u64)>,
    metadata: (MetricType, String, String),
}

/// A request in the making.
#[derive(Default)]
struct Sender {
    symbols: Vec<String>,
    series: MessageWriter,
}

impl Sender {
    fn new() -> Self {
        Self { symbols: vec![String::new()], series: MessageWriter::new() }
    }

    fn symbol(&mut self, text: &str) -> u64 {
        let known = self.symbols.iter().position(|symbol| symbol == text);
        known.unwrap_or_else(|| {
            self.symbols.push(text.to_owned());
            self.symbols.len() - 1
        }) as u64
    }

    fn references(&mut self, labels: &[(String, String)]) -> Vec<u64> {
        labels.iter().flat_map(|(name, value)| [self.symbol(name), self.symbol(value)]).collect()
    }

    fn add(&mut self, sent: &Series, form: HistogramForm) {
        let labels = self.references(&sent.labels);
        let exemplars: Vec<_> = sent.exemplars.iter().map(|(labels, ..)| self.references(labels)).collect();
        let (kind, help, unit) = &sent.metadata;
        let (help, unit) = (self.symbol(help), self.symbol(unit));
        self.series.message(5, |series| {
            write_references(series, &labels);
            for (timestamp_ms, start_ms, bits) in &sent.floats {
                series.message(2, |sample| {
                    sample.double(1, f64::from_bits(*bits));
                    sample.uint64(2, timestamp_ms.cast_unsigned());
                    sample.uint64(3, start_ms.cast_unsigned());
                });
            }
            for (timestamp_ms, start_ms, histogram) in &sent.histograms {
                series.message(3, |message| {
                    write_histogram(message, histogram, form);
                    message.uint64(15, timestamp_ms.cast_unsigned());
                    message.uint64(17, start_ms.cast_unsigned());
                });
            }
            for ((_, timestamp_ms, bits), labels) in sent.exemplars.iter().zip(&exemplars) {
                series.message(4, |exemplar| {
                    write_references(exemplar, labels);
                    exemplar.double(2, f64::from_bits(*bits));
                    exemplar.uint64(3, timestamp_ms.cast_unsigned());
                });
            }
            series.message(5, |metadata| {
                metadata.uint64(1, METRIC_TYPES.iter().position(|known| known == kind).unwrap() as u64);
                metadata.uint64(3, help);
                metadata.uint64(4, unit);
            });
        });
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = self.symbols_only();
        bytes.extend(self.series.finish());
        bytes
    }

    fn symbols_only(&self) -> Vec<u8> {
        self.symbols.iter().fold(Vec::new(), |mut bytes, symbol| {
            bytes.push(4 << 3 | 2);
            bytes.extend(varint(symbol.len() as u64));
            bytes.extend(symbol.as_bytes());
            bytes
        })
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Packed, as senders do it.
fn write_references(message: &mut MessageWriter, references: &[u64]) {
    let packed: Vec<u8> = references.iter().flat_map(|reference| varint(*reference)).collect();
    message.bytes(1, &packed);
}

fn request_of(series: &[Series], form: HistogramForm) -> Vec<u8> {
    let mut sender = Sender::new();
    series.iter().for_each(|series| sender.add(series, form));
    sender.finish()
}

#[derive(Debug, PartialEq)]
struct Read {
    series: Vec<Series>,
    families: Vec<(String, Metadata)>,
    refused: Vec<(RefusalReason, usize, String)>,
}

fn read_all(bytes: &[u8]) -> Result<Read, DecodeError> {
    let (mut batch, mut families) = (Batch::new(), Vec::new());
    decode(bytes, &mut batch, &mut families)?;
    let labels_of = |packed| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        RawLabels(packed).iter().map(|(name, value)| (text(name), text(value))).collect()
    };
    let series = batch.series().map(|series| {
        let mut read = Series { labels: labels_of(series.packed_labels()), ..Series::default() };
        for sample in series.samples() {
            let (at, start) = (sample.timestamp_ms, sample.start_timestamp_ms);
            match sample.value {
                ValueRef::Float(value) => read.floats.push((at, start, value.to_bits())),
                ValueRef::Histogram(histogram) => read.histograms.push((at, start, Arc::clone(histogram))),
            }
        }
        let exemplars = series.exemplars().map(|exemplar| {
            (labels_of(exemplar.packed_labels), exemplar.timestamp_ms, exemplar.value.to_bits())
        });
        read.exemplars = exemplars.collect();
        read
    });
    let refused = batch.refused().iter();
    let refused = refused.map(|refusal| (refusal.reason, refusal.rows, refusal.example.clone()));
    Ok(Read { series: series.collect(), families, refused: refused.collect() })
}

fn labels(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn floats(name: &str, floats: &[(i64, i64, f64)]) -> Series {
    let floats = floats.iter().map(|(at, start, value)| (*at, *start, value.to_bits()));
    Series { labels: labels(&[("__name__", name)]), floats: floats.collect(), ..Series::default() }
}

fn exponential() -> Histogram {
    Histogram {
        schema: 1,
        zero_threshold: 1e-128,
        zero_count: 2.0,
        count: 19.0,
        sum: 18.4,
        positive_spans: vec![Span { offset: -1, length: 2 }, Span { offset: 1, length: 2 }],
        positive_buckets: vec![4.0, 2.0, 5.0, 1.0],
        negative_spans: vec![Span { offset: 0, length: 1 }],
        negative_buckets: vec![5.0],
        ..Histogram::default()
    }
}

fn custom() -> Histogram {
    Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 3.0,
        sum: 1.0,
        positive_spans: vec![Span { offset: 0, length: 3 }],
        positive_buckets: vec![1.0, 1.0, 1.0],
        custom_values: vec![0.1, 1.0],
        ..Histogram::default()
    }
}

fn everything() -> Vec<Series> {
    let metadata = |kind, help: &str, unit: &str| (kind, help.to_owned(), unit.to_owned());
    let counter = Series {
        labels: labels(&[("__name__", "größe_total"), ("a", "1"), ("empty", "")]),
        exemplars: vec![(labels(&[("trace_id", "x"), ("a", "1")]), 8, 2.5_f64.to_bits())],
        metadata: metadata(MetricType::Counter, "how much", "kg"),
        ..floats("", &[(-5, 0, 1.5), (6, 3, 0.0), (7, 3, STALE_NAN)])
    };
    let native = Series {
        labels: labels(&[("__name__", "latency"), ("a", "1")]),
        histograms: vec![(7, 1, Arc::new(exponential())), (8, 0, Arc::new(custom()))],
        metadata: metadata(MetricType::Histogram, "how long", "seconds"),
        ..Series::default()
    };
    vec![counter, native]
}

#[test]
fn a_request_of_every_part_reads_back() {
    let sent = everything();
    for form in [HistogramForm::Float, HistogramForm::Integer] {
        let read = read_all(&request_of(&sent, form)).unwrap();
        assert_eq!(read.refused, []);
        let without_metadata =
            sent.iter().map(|series| Series { metadata: <_>::default(), ..series.clone() });
        assert_eq!(read.series, without_metadata.collect::<Vec<_>>());
        let told = |family: &str, kind, help: &str, unit: &str| {
            (family.to_owned(), Metadata { kind, help: help.to_owned(), unit: unit.to_owned() })
        };
        let expected = [
            told("größe_total", MetricType::Counter, "how much", "kg"),
            told("latency", MetricType::Histogram, "how long", "seconds"),
        ];
        assert_eq!(read.families, expected);
    }
}

#[test]
fn fields_may_stand_in_any_order_and_references_be_unpacked() {
    let mut series = MessageWriter::new();
    series.message(5, |series| {
        series.message(2, |sample| sample.uint64(2, 9));
        for reference in [1, 2] {
            series.present_uint64(1, reference);
        }
    });
    let mut bytes = series.finish();
    bytes.extend(Sender { symbols: labels_table(&["", "__name__", "late"]), ..Sender::new() }.finish());
    assert_eq!(read_all(&bytes).unwrap().series, [floats("late", &[(9, 0, 0.0)])]);
}

fn labels_table(symbols: &[&str]) -> Vec<String> {
    symbols.iter().map(|symbol| (*symbol).to_owned()).collect()
}

#[test]
fn a_start_told_for_the_whole_series_is_that_of_samples_that_do_not_tell() {
    let mut sender = Sender { symbols: labels_table(&["", "__name__", "up", "h"]), ..Sender::new() };
    sender.series.message(5, |series| {
        write_references(series, &[1, 2]);
        series.message(2, |sample| sample.uint64(2, 100));
        series.message(2, |sample| {
            sample.uint64(2, 200);
            sample.uint64(3, 150);
        });
        series.uint64(6, 50);
    });
    sender.series.message(5, |series| {
        write_references(series, &[1, 3]);
        series.message(3, |histogram| histogram.uint64(15, 100));
    });
    let read = read_all(&sender.finish()).unwrap();
    assert_eq!(read.series[0], floats("up", &[(100, 50, 0.0), (200, 150, 0.0)]));
    assert_eq!(read.series[1].histograms[0].1, 0, "the next series is another");
}

#[test]
fn a_series_with_a_wrong_reference_is_refused_and_the_others_kept() {
    type Spoil = fn(&mut MessageWriter);
    let spoilt: [(Spoil, &str); 7] = [
        (|s| write_references(s, &[1, 3, 4, 99]), "{__name__=\"bad\"}: it refers to the symbol 99 of 5"),
        (|s| write_references(s, &[u64::MAX, 3]), "{}: it refers to the symbol 18446744073709551615 of 5"),
        (
            |s| write_references(s, &[1, 3, 4]),
            "{__name__=\"bad\"}: an odd number of references to names and values of labels",
        ),
        (
            |s| {
                write_references(s, &[1, 3]);
                s.message(4, |exemplar| write_references(exemplar, &[7, 1]));
            },
            "{__name__=\"bad\"}: it refers to the symbol 7 of 5",
        ),
        (
            |s| {
                write_references(s, &[1, 3]);
                s.message(4, |exemplar| write_references(exemplar, &[1]));
            },
            "{__name__=\"bad\"}: an odd number of references to names and values of labels",
        ),
        (
            |s| {
                write_references(s, &[1, 3]);
                s.message(5, |metadata| metadata.uint64(3, 5));
            },
            "{__name__=\"bad\"}: it refers to the symbol 5 of 5",
        ),
        (
            |s| {
                write_references(s, &[1, 3]);
                s.message(5, |metadata| {
                    metadata.uint64(1, 1);
                    metadata.uint64(4, 6);
                });
            },
            "{__name__=\"bad\"}: it refers to the symbol 6 of 5",
        ),
    ];
    let good = |message: &mut MessageWriter| {
        message.message(5, |series| {
            write_references(series, &[1, 2]);
            series.message(2, |sample| sample.uint64(2, 9));
        });
    };
    for (spoil, problem) in spoilt {
        let symbols = labels_table(&["", "__name__", "good", "bad", "a"]);
        let mut sender = Sender { symbols, ..Sender::new() };
        good(&mut sender.series);
        sender.series.message(5, |series| {
            series.message(2, |sample| sample.uint64(2, 9));
            spoil(series);
            series.message(2, |sample| sample.uint64(2, 10));
            series.message(3, |histogram| histogram.uint64(15, 11));
        });
        good(&mut sender.series);
        let read = read_all(&sender.finish()).unwrap();
        let example = format!("the series {problem}");
        assert_eq!(read.refused, [(RefusalReason::InvalidLabels, 3, example)]);
        assert_eq!(read.series, vec![floats("good", &[(9, 0, 0.0)]); 2]);
        assert_eq!(read.families, []);
    }
}

#[test]
fn a_table_that_does_not_begin_with_the_empty_text_costs_the_series_that_need_it() {
    let symbols = labels_table(&["__name__", "good", "__name__"]);
    let mut sender = Sender { symbols, ..Sender::new() };
    for name in [2, 0] {
        sender.series.message(5, |series| {
            write_references(series, &[name, 1]);
            series.message(2, |sample| sample.uint64(2, 9));
            // No help and no unit, as the first symbol says, or should.
            series.message(5, |metadata| metadata.uint64(1, 2));
        });
    }
    let read = read_all(&sender.finish()).unwrap();
    assert_eq!(read.series, [floats("good", &[(9, 0, 0.0)])]);
    let example = "the series {}: it refers to the symbol 0, which must be empty and is not".to_owned();
    assert_eq!(read.refused, [(RefusalReason::InvalidLabels, 1, example)]);
    let metadata = Metadata { kind: MetricType::Gauge, ..Metadata::default() };
    assert_eq!(read.families, [("good".to_owned(), metadata)]);
}

#[test]
fn a_histogram_that_contradicts_itself_is_refused_alone() {
    let mut wrong = exponential();
    wrong.count = 20.0;
    let histograms = vec![(5, 0, Arc::new(wrong)), (6, 0, Arc::new(exponential()))];
    let sent = Series { histograms, ..floats("h", &[]) };
    let read = read_all(&request_of(&[sent], HistogramForm::Integer)).unwrap();
    assert_eq!(read.series[0].histograms.len(), 1);
    let example =
        "the histogram of {__name__=\"h\"} at 5 ms: the count 20, but the buckets hold 19 observations";
    assert_eq!(read.refused, [(RefusalReason::InvalidHistogram, 1, example.to_owned())]);
}

#[test]
fn metrics_of_one_family_describe_it_and_those_that_say_nothing_do_not() {
    let of = |name: &str, kind| Series {
        metadata: (kind, "helps".to_owned(), String::new()),
        ..floats(name, &[(1, 0, 1.0)])
    };
    let sent = [
        of("h_bucket", MetricType::Histogram),
        of("h_bucket", MetricType::Histogram),
        of("h_sum", MetricType::Histogram),
        of("s_count", MetricType::Summary),
        of("queue_count", MetricType::Gauge),
        of("g_gsum", MetricType::GaugeHistogram),
        of("_sum", MetricType::Summary),
        Series { histograms: vec![(1, 0, Arc::new(exponential()))], ..of("n_sum", MetricType::Histogram) },
        floats("quiet", &[(1, 0, 1.0)]),
    ];
    let read = read_all(&request_of(&sent, HistogramForm::Float)).unwrap();
    let families: Vec<&str> = read.families.iter().map(|(family, _)| family.as_str()).collect();
    assert_eq!(families, ["h", "h", "s", "queue_count", "g", "_sum", "n_sum"]);
}

#[test]
fn a_small_request_does_not_write_out_texts_without_end() {
    let long = "x".repeat(1 << 20);
    let mut sender = Sender::new();
    sender.symbols.extend(["__name__".to_owned(), long]);
    for _ in 0..100 {
        sender.series.message(5, |series| {
            write_references(series, &[1, 2]);
            series.message(2, |sample| sample.uint64(2, 9));
        });
    }
    let (mut batch, mut families) = (Batch::new(), Vec::new());
    decode(&sender.finish(), &mut batch, &mut families).unwrap();
    assert_eq!(batch.len(), 63);
    let refused = batch.refused();
    assert_eq!((refused[0].reason, refused[0].rows), (RefusalReason::LabelLimit, 37));
    assert!(refused[0].example.ends_with("send fewer series at once"), "{}", refused[0].example);
}

#[test]
fn more_symbols_than_a_request_has_use_for_are_refused_whole() {
    let bytes = [4 << 3 | 2, 0].repeat(MAX_SYMBOLS + 1);
    assert_eq!(read_all(&bytes), Err(DecodeError::TooManySymbols));
    assert!(read_all(&bytes[2..]).is_ok());
}

#[test]
fn series_without_anything_to_keep_leave_nothing() {
    let bytes = [5 << 3 | 2, 0].repeat(1000);
    assert_eq!(read_all(&bytes).unwrap(), Read { series: vec![], families: vec![], refused: vec![] });
}

#[test]
fn a_request_cut_anywhere_is_refused_or_shorter() {
    let bytes = request_of(&everything(), HistogramForm::Integer);
    let whole = read_all(&bytes).unwrap();
    let mut refused = 0;
    for end in 0..bytes.len() {
        match read_all(&bytes[..end]) {
            Ok(read) => assert!(read.series.len() < whole.series.len(), "{end}"),
            Err(error) => {
                let said = error.to_string();
                assert!(said.starts_with("not an io.prometheus.write.v2.Request: byte "), "{said}");
                refused += 1;
            }
        }
    }
    assert!(refused > bytes.len() / 2);
}

fn any_labels() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("[a-c]{1,2}", "\\PC{0,4}"), 0..4)
}

fn any_series() -> impl Strategy<Value = Series> {
    let floats = prop::collection::vec(any::<(i64, i64, u64)>(), 1..5);
    let exemplars = prop::collection::vec((any_labels(), any::<i64>(), any::<u64>()), 0..3);
    (any_labels(), floats, exemplars).prop_map(|(labels, floats, exemplars)| Series {
        labels,
        floats,
        exemplars,
        ..Series::default()
    })
}

proptest! {
    #[test]
    fn any_request_reads_back_bit_for_bit(sent in prop::collection::vec(any_series(), 0..6)) {
        let read = read_all(&request_of(&sent, HistogramForm::Float)).unwrap();
        prop_assert_eq!(read.series, sent);
        prop_assert_eq!(read.refused, vec![]);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_all(&bytes);
    }

    #[test]
    fn a_request_with_changed_bytes_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = request_of(&everything(), HistogramForm::Integer);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read_all(&bytes);
    }
}
