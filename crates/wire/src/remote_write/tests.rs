use super::*;
use proptest::prelude::*;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::ingest::ValueRef;
use watchfire_model::labels::RawLabels;
use watchfire_model::{Metadata, STALE_NAN};

/// What a request holds, written again as a sender would; a decoded batch has no order of its own to compare.
#[derive(Debug, PartialEq)]
struct Read {
    series: Vec<OwnedSeries>,
    families: Vec<(String, Metadata)>,
    refused: Vec<String>,
}

/// Labels as sent, floats with their bits, histograms, exemplars.
type OwnedSeries = (
    Vec<(Vec<u8>, Vec<u8>)>,
    Vec<(i64, u64)>,
    Vec<(i64, Arc<Histogram>)>,
    Vec<(Vec<(Vec<u8>, Vec<u8>)>, i64, f64)>,
);

fn labels_of(packed: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    RawLabels(packed).iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn read_all(bytes: &[u8]) -> Result<Read, DecodeError> {
    let (mut batch, mut families) = (Batch::new(), Vec::new());
    decode(bytes, &mut batch, &mut families)?;
    let series = batch.series().map(|series| {
        let (mut floats, mut histograms) = (Vec::new(), Vec::new());
        for sample in series.samples() {
            match sample.value {
                ValueRef::Float(value) => floats.push((sample.timestamp_ms, value.to_bits())),
                ValueRef::Histogram(histogram) => histograms.push((sample.timestamp_ms, histogram.clone())),
            }
        }
        let exemplars = series
            .exemplars()
            .map(|exemplar| (labels_of(exemplar.packed_labels), exemplar.timestamp_ms, exemplar.value));
        (labels_of(series.packed_labels()), floats, histograms, exemplars.collect())
    });
    let refused = batch.refused().iter().map(|refusal| refusal.example.clone()).collect();
    Ok(Read { series: series.collect(), families, refused })
}

/// What is read when this was sent.
fn as_read(sent: &TimeSeries<'_>) -> OwnedSeries {
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| (name.as_bytes().to_owned(), value.as_bytes().to_owned())).collect()
    };
    let floats = sent.samples.iter().map(|sample| (sample.timestamp_ms, sample.value.to_bits()));
    let histograms = sent.histograms.iter().map(|sample| (sample.timestamp_ms, sample.histogram.clone()));
    let exemplars = sent.exemplars.iter().map(|sent| (labels(&sent.labels), sent.timestamp_ms, sent.value));
    (labels(&sent.labels), floats.collect(), histograms.collect(), exemplars.collect())
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, SnappyError> {
    decompress_into(body, &mut Vec::new()).map(<[u8]>::to_vec)
}

fn histogram() -> Histogram {
    Histogram {
        reset_hint: ResetHint::NoReset,
        schema: 1,
        zero_threshold: 1e-128,
        zero_count: 2.0,
        count: 19.0,
        sum: 18.4,
        positive_spans: vec![Span { offset: -1, length: 2 }, Span { offset: 1, length: 2 }],
        positive_buckets: vec![4.0, 2.0, 5.0, 1.0],
        negative_spans: vec![Span { offset: 0, length: 1 }],
        negative_buckets: vec![5.0],
        custom_values: vec![],
    }
}

fn request_of(histogram: &Histogram, form: HistogramForm) -> Vec<u8> {
    let series = TimeSeries {
        labels: vec![("__name__", "h")],
        histograms: vec![HistogramSample { timestamp_ms: 5, histogram: Arc::new(histogram.clone()) }],
        ..TimeSeries::default()
    };
    encode([&series], &[], form)
}

#[test]
fn a_request_of_every_part_reads_back() {
    let series = TimeSeries {
        labels: vec![("__name__", "größe"), ("a", "1")],
        samples: vec![
            FloatSample { timestamp_ms: -5, value: 1.5 },
            FloatSample { timestamp_ms: 6, value: 0.0 },
        ],
        histograms: vec![HistogramSample { timestamp_ms: 7, histogram: Arc::new(histogram()) }],
        exemplars: vec![Exemplar { labels: vec![("trace_id", "x")], value: 2.0, timestamp_ms: 8 }],
    };
    let metadata =
        FamilyMetadata { family: "größe", kind: MetricType::StateSet, help: "how much", unit: "kg" };
    for form in [HistogramForm::Float, HistogramForm::Integer] {
        let bytes = encode([&series, &TimeSeries::default()], &[metadata], form);
        let body = snappy::compress(&bytes).unwrap();
        assert_eq!(unpacked(&body).unwrap(), bytes);
        let read = read_all(&bytes).unwrap();
        assert_eq!(read.series, [as_read(&series), as_read(&TimeSeries::default())]);
        let described = Metadata { kind: metadata.kind, help: "how much".to_owned(), unit: "kg".to_owned() };
        assert_eq!(read.families, [("größe".to_owned(), described)]);
        assert_eq!(read.refused, Vec::<String>::new());
    }
}

#[test]
fn a_stale_marker_keeps_its_bits() {
    let sample = FloatSample { timestamp_ms: 1, value: STALE_NAN };
    let series = TimeSeries { samples: vec![sample], ..TimeSeries::default() };
    let bytes = encode([&series], &[], HistogramForm::Float);
    assert_eq!(read_all(&bytes).unwrap().series[0].1, [(1, STALE_NAN.to_bits())]);
}

#[test]
fn a_declared_size_is_refused_before_memory_is_reserved() {
    let declared = |bytes: u32| {
        let mut body = MessageBytes::varint(bytes);
        body.push(0);
        body
    };
    let error = unpacked(&declared(u32::MAX)).unwrap_err();
    assert_eq!(error, SnappyError::TooLarge { declared_bytes: u32::MAX as usize, limit_bytes: 32 << 20 });
    let error = unpacked(&declared(32 << 20)).unwrap_err();
    assert!(matches!(error, SnappyError::Impossible { .. }), "{error}");
    assert!(matches!(unpacked(b"").unwrap_err(), SnappyError::Corrupt(_)));
    assert!(matches!(unpacked(b"\x05hello").unwrap_err(), SnappyError::Corrupt(_)));
}

struct MessageBytes;

impl MessageBytes {
    fn varint(mut number: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }
}

#[test]
fn a_buffer_serves_one_body_after_another() {
    let mut buffer = Vec::new();
    for bytes in [b"long long long".as_slice(), b"short"] {
        let body = snappy::compress(bytes).unwrap();
        assert_eq!(decompress_into(&body, &mut buffer).unwrap(), bytes);
    }
}

#[test]
fn text_that_is_not_utf8_is_left_to_whoever_keeps_the_series() {
    let series = TimeSeries { labels: vec![("a", "bcd")], ..TimeSeries::default() };
    let mut bytes = encode([&series], &[], HistogramForm::Float);
    let last = bytes.len() - 1;
    bytes[last] = 0xff;
    assert_eq!(read_all(&bytes).unwrap().series[0].0, [(b"a".to_vec(), b"bc\xff".to_vec())]);
}

#[test]
fn bytes_that_are_no_request_are_refused_with_their_place() {
    let sample = FloatSample { timestamp_ms: 1, value: 1.0 };
    let series = TimeSeries { labels: vec![("a", "b")], samples: vec![sample], ..TimeSeries::default() };
    let bytes = encode([&series], &[], HistogramForm::Float);
    for (spoil, said) in [
        (
            0,
            "not a prometheus.WriteRequest: byte 1 of the protobuf message: the field timeseries as another type",
        ),
        (2, "byte 3 of the protobuf message: the field labels as another type"),
        (12, "byte 13 of the protobuf message: the field sample.value as another type than `double`"),
    ] {
        let mut bytes = bytes.clone();
        bytes[spoil] &= 0xf8;
        let error = read_all(&bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{spoil}: {error}");
    }
    let error = read_all(&bytes[..bytes.len() - 1]).unwrap_err();
    assert!(error.to_string().contains("the message ends within a field"), "{error}");
}

#[test]
fn a_histogram_that_contradicts_itself_is_refused_with_its_series_and_nothing_else() {
    type Spoil = fn(&mut Histogram);
    let mistakes: [(Spoil, &str); 7] = [
        (|h| h.schema = 9, "the schema 9; expected -4 to 8, or -53 for custom buckets"),
        (|h| h.count = 20.0, "the count 20, but the buckets hold 19 observations"),
        (|h| h.positive_spans[0].length = 3, "4 positive buckets where the spans have room for 5"),
        (|h| h.positive_spans[1].offset = -1, "a positive span begins before the one before it ends"),
        (|h| h.negative_buckets[0] = -5.0, "a bucket with the negative count -5"),
        (|h| h.custom_values = vec![1.0], "custom bounds beside the exponential schema 1"),
        (|h| h.schema = CUSTOM_BUCKETS_SCHEMA, "custom buckets beside a zero bucket"),
    ];
    for (spoil, problem) in mistakes {
        let mut spoilt = histogram();
        spoil(&mut spoilt);
        let bytes = request_of(&spoilt, HistogramForm::Integer);
        let read = read_all(&bytes).unwrap();
        assert_eq!(read.refused, [format!("the histogram of {{__name__=\"h\"}} at 5 ms: {problem}")]);
        assert!(read.series[0].2.is_empty());
    }
}

#[test]
fn custom_buckets_are_taken_when_their_bounds_grow() {
    let custom = Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 3.0,
        sum: 1.0,
        positive_spans: vec![Span { offset: 0, length: 3 }],
        positive_buckets: vec![1.0, 1.0, 1.0],
        custom_values: vec![0.1, 1.0],
        ..Histogram::default()
    };
    let taken =
        |histogram: &Histogram, form| read_all(&request_of(histogram, form)).unwrap().series[0].2.len() == 1;
    assert!(taken(&custom, HistogramForm::Integer));
    let falling = Histogram { custom_values: vec![1.0, 0.1], ..custom.clone() };
    assert!(!taken(&falling, HistogramForm::Integer));
    let short = Histogram { custom_values: vec![1.0], ..custom };
    assert!(!taken(&short, HistogramForm::Float));
}

#[test]
fn unknown_fields_are_passed_over() {
    let mut bytes = vec![0x9a, 0x06, 3, 1, 2, 3]; // field 99, three bytes
    let series = TimeSeries { labels: vec![("a", "b")], ..TimeSeries::default() };
    bytes.extend(encode([&series], &[], HistogramForm::Float));
    assert_eq!(read_all(&bytes).unwrap().series, [as_read(&series)]);
}

/// Labels, and times with the bits of floats.
type AnySeries = (Vec<(String, String)>, Vec<(i64, u64)>);

fn any_series() -> impl Strategy<Value = AnySeries> {
    let labels = prop::collection::vec(("\\PC{0,6}", "\\PC{0,6}"), 0..4);
    (labels, prop::collection::vec(any::<(i64, u64)>(), 0..5))
}

proptest! {
    #[test]
    fn any_request_reads_back_bit_for_bit(all in prop::collection::vec(any_series(), 0..5)) {
        let written: Vec<TimeSeries<'_>> = all.iter().map(|(labels, samples)| TimeSeries {
            labels: labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            samples: samples.iter().map(|(timestamp_ms, bits)| FloatSample { timestamp_ms: *timestamp_ms, value: f64::from_bits(*bits) }).collect(),
            ..TimeSeries::default()
        }).collect();
        let bytes = encode(&written, &[], HistogramForm::Float);
        let expected: Vec<OwnedSeries> = written.iter().map(as_read).collect();
        prop_assert_eq!(read_all(&bytes).unwrap().series, expected);
    }

    #[test]
    fn fields_in_any_order_and_repeated_mean_what_protobuf_says(
        name in "[a-z]{0,200}", value in "[a-z]{0,200}", backwards: bool, twice: bool
    ) {
        let mut fields = [(1, &name), (2, &value)];
        if backwards {
            fields.reverse();
        }
        let mut series = crate::protobuf::MessageWriter::new();
        series.message(1, |message| message.message(1, |label| {
            if twice {
                label.string(1, "overwritten");
            }
            for (number, text) in fields {
                label.string(number, text);
            }
        }));
        let read = read_all(&series.finish()).unwrap();
        let name = if twice && name.is_empty() { "overwritten" } else { name.as_str() };
        prop_assert_eq!(&read.series[0].0, &vec![(name.as_bytes().to_vec(), value.as_bytes().to_vec())]);
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_all(&bytes);
        let _ = unpacked(&bytes);
    }

    #[test]
    fn a_request_with_a_flipped_byte_never_panics(at in 0_usize..200, byte: u8) {
        let mut bytes = request_of(&histogram(), HistogramForm::Integer);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read_all(&bytes);
        let mut body = snappy::compress(&bytes).unwrap();
        let at = at % body.len();
        body[at] = byte;
        let _ = unpacked(&body);
    }
}
