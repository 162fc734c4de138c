use super::*;
use proptest::prelude::*;
use watchfire_model::STALE_NAN;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};

fn read_all(bytes: &[u8]) -> Result<(Vec<TimeSeries<'_>>, Vec<FamilyMetadata<'_>>), DecodeError> {
    let mut reader = Reader::new(bytes);
    let (mut all, mut metadata) = (Vec::new(), Vec::new());
    let mut series = TimeSeries::default();
    while let Some(part) = reader.next_into(&mut series)? {
        match part {
            Part::Series => all.push(series.clone()),
            Part::Metadata(family) => metadata.push(family),
        }
    }
    Ok((all, metadata))
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
        assert_eq!(decompress(&body).unwrap(), bytes);
        let (all, families) = read_all(&bytes).unwrap();
        assert_eq!(all, [series.clone(), TimeSeries::default()]);
        assert_eq!(families, [metadata]);
    }
}

#[test]
fn a_stale_marker_keeps_its_bits() {
    let sample = FloatSample { timestamp_ms: 1, value: STALE_NAN };
    let series = TimeSeries { samples: vec![sample], ..TimeSeries::default() };
    let bytes = encode([&series], &[], HistogramForm::Float);
    let (all, _) = read_all(&bytes).unwrap();
    assert!(watchfire_model::is_stale(all[0].samples[0].value));
}

#[test]
fn a_declared_size_is_refused_before_memory_is_reserved() {
    let declared = |bytes: u32| {
        let mut body = MessageBytes::varint(bytes);
        body.push(0);
        body
    };
    let error = decompress(&declared(u32::MAX)).unwrap_err();
    assert_eq!(error, SnappyError::TooLarge { declared_bytes: u32::MAX as usize, limit_bytes: 32 << 20 });
    let error = decompress(&declared(32 << 20)).unwrap_err();
    assert!(matches!(error, SnappyError::Impossible { .. }), "{error}");
    assert!(matches!(decompress(b"").unwrap_err(), SnappyError::Corrupt(_)));
    assert!(matches!(decompress(b"\x05hello").unwrap_err(), SnappyError::Corrupt(_)));
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
fn text_that_is_not_utf8_is_refused_with_its_place() {
    let series = TimeSeries { labels: vec![("a", "bcd")], ..TimeSeries::default() };
    let mut bytes = encode([&series], &[], HistogramForm::Float);
    let last = bytes.len() - 1;
    bytes[last] = 0xff;
    let error = read_all(&bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "not a prometheus.WriteRequest: byte {last} of the protobuf message: the field label.value is not UTF-8 text"
        )
    );
}

#[test]
fn a_histogram_that_contradicts_itself_is_refused_with_its_series() {
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
        let error = read_all(&bytes).unwrap_err();
        assert_eq!(error.to_string(), format!("the histogram of h at 5: {problem}"));
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
    assert!(read_all(&request_of(&custom, HistogramForm::Integer)).is_ok());
    let falling = Histogram { custom_values: vec![1.0, 0.1], ..custom.clone() };
    assert!(read_all(&request_of(&falling, HistogramForm::Integer)).is_err());
    let short = Histogram { custom_values: vec![1.0], ..custom };
    assert!(read_all(&request_of(&short, HistogramForm::Float)).is_err());
}

#[test]
fn unknown_fields_are_passed_over() {
    let mut bytes = vec![0x9a, 0x06, 3, 1, 2, 3]; // field 99, three bytes
    let series = TimeSeries { labels: vec![("a", "b")], ..TimeSeries::default() };
    bytes.extend(encode([&series], &[], HistogramForm::Float));
    assert_eq!(read_all(&bytes).unwrap().0, [series]);
}

type OwnedSeries = (Vec<(String, String)>, Vec<(i64, u64)>);

fn any_series() -> impl Strategy<Value = OwnedSeries> {
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
        let (read, _) = read_all(&bytes).unwrap();
        prop_assert_eq!(read.len(), written.len());
        for (read, written) in read.iter().zip(&written) {
            prop_assert_eq!(&read.labels, &written.labels);
            let bits = |series: &TimeSeries<'_>| series.samples.iter().map(|sample| (sample.timestamp_ms, sample.value.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(bits(read), bits(written));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_all(&bytes);
        let _ = decompress(&bytes);
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
        let _ = decompress(&body);
    }
}
