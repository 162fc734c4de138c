use super::*;
use crate::remote_read::{Frames, encode_request, read_chunked};
use proptest::prelude::*;
use std::sync::Arc;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};
use watchfire_model::{Histogram, is_stale};

fn labels() -> Labels {
    Labels::from_pairs([("__name__", "m"), ("job", "a")])
}

fn histogram() -> impl Strategy<Value = Histogram> {
    let counts = || proptest::collection::vec((0..50_u8).prop_map(f64::from), 0..6);
    let threshold = prop_oneof![Just(0.0), Just(0.001), Just(2_f64.powi(-128)), Just(2_f64.powi(10))];
    let hint =
        prop_oneof![3 => Just(ResetHint::Unknown), 1 => Just(ResetHint::Reset), 1 => Just(ResetHint::Gauge)];
    (-4..9_i32, -70_000..70_000_i32, counts(), counts(), threshold, hint, any::<bool>()).prop_map(
        |(schema, offset, positive, negative, zero_threshold, reset_hint, custom)| {
            let spans = |buckets: &[f64], offset| match buckets.len() {
                0 => Vec::new(),
                1 => vec![Span { offset, length: 1 }],
                many => vec![Span { offset, length: 1 }, Span { offset: 3, length: many as u32 - 1 }],
            };
            let (schema, offset) = if custom { (CUSTOM_BUCKETS_SCHEMA, 0) } else { (schema, offset) };
            let negative = if custom { Vec::new() } else { negative };
            Histogram {
                reset_hint,
                schema,
                zero_threshold: if custom { 0.0 } else { zero_threshold },
                zero_count: 0.0,
                count: positive.iter().chain(&negative).sum(),
                sum: 0.5,
                positive_spans: spans(&positive, offset),
                negative_spans: spans(&negative, offset),
                positive_buckets: positive,
                negative_buckets: negative,
                custom_values: if custom {
                    vec![-1.5, 0.005, 0.3, 1.0 / 3.0, 7.0, 1e300, f64::MAX, f64::INFINITY]
                } else {
                    Vec::new()
                },
            }
        },
    )
}

proptest! {
    #[test]
    fn a_streamed_series_reads_back_to_the_same_bits(
        deltas in proptest::collection::vec(prop_oneof![0..3_i64, 0..20_000_i64, 0..5_000_000_000_i64], 1..400),
        seeds in proptest::collection::vec(any::<u64>(), 400),
        start in -10_000_000_000_i64..10_000_000_000_000,
    ) {
        let mut samples = Samples::default();
        let mut time = start;
        for (delta, seed) in deltas.iter().zip(&seeds) {
            // Some equal neighbours, some wild ones.
            let value = if seed % 3 == 0 { 42.0 } else { f64::from_bits(*seed) };
            samples.push_float(time, value);
            time += delta;
        }
        let mut out = Vec::new();
        frame(3, &labels(), &samples, 700, &mut out);
        let mut frames = Frames::default();
        frames.push(&out);
        let mut found = Samples::default();
        while let Some(message) = frames.next().unwrap() {
            for series in read_chunked(message).unwrap() {
                prop_assert_eq!(&series.labels, &vec![("__name__", "m"), ("job", "a")]);
                for (encoding, data) in series.chunks {
                    chunk::decode(encoding.unwrap(), data, &mut found).unwrap();
                }
            }
        }
        prop_assert!(!frames.is_torn());
        prop_assert_eq!(&found.timestamps_ms, &samples.timestamps_ms);
        let bits = |samples: &Samples| samples.floats.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found), bits(&samples));
    }

    #[test]
    fn a_streamed_series_of_histograms_and_floats_reads_back_the_same(
        drawn in proptest::collection::vec((1..40_000_i64, 0..12_u8, histogram()), 1..300),
    ) {
        let mut samples = Samples::default();
        let mut time = 1_700_000_000_000;
        let mut last: Option<Histogram> = None;
        for (gap, kind, histogram) in drawn {
            time += gap;
            match kind {
                0 => samples.push_float(time, gap as f64 / 3.0),
                1 => samples.push_histogram(
                    time,
                    Arc::new(Histogram { sum: watchfire_model::STALE_NAN, ..Histogram::default() }),
                ),
                2 => {
                    samples.push_histogram(time, Arc::new(histogram.clone()));
                    last = Some(histogram);
                }
                // Mostly the same layout, and more in it.
                _ => {
                    let mut next = last.clone().unwrap_or(histogram);
                    next.positive_buckets.iter_mut().for_each(|bucket| *bucket += f64::from(kind - 2));
                    next.count += f64::from(kind - 2) * next.positive_buckets.len() as f64;
                    next.sum += gap as f64 / 7.0;
                    samples.push_histogram(time, Arc::new(next.clone()));
                    last = Some(next);
                }
            }
        }
        let mut out = Vec::new();
        frame(0, &labels(), &samples, 5_000, &mut out);
        let mut frames = Frames::default();
        frames.push(&out);
        let (mut found, mut chunks) = (Samples::default(), 0);
        while let Some(message) = frames.next().unwrap() {
            for series in read_chunked(message).unwrap() {
                chunks += series.chunks.len();
                for (encoding, data) in series.chunks {
                    chunk::decode(encoding.unwrap(), data, &mut found).unwrap();
                }
            }
        }
        prop_assert_eq!(&found.timestamps_ms, &samples.timestamps_ms);
        prop_assert!(chunks <= samples.len());
        for index in 0..samples.len() {
            let (Some(before), Some(after)) = (samples.histogram(index), found.histogram(index)) else {
                prop_assert!(samples.histogram(index).is_none() && found.histogram(index).is_none());
                prop_assert_eq!(samples.floats[index].to_bits(), found.floats[index].to_bits());
                continue;
            };
            let bytes = |histogram: &Histogram| {
                let mut bytes = Vec::new();
                histogram.clone().with_hint(ResetHint::Unknown).encode(&mut bytes);
                bytes
            };
            prop_assert_eq!(bytes(before), bytes(after), "sample {}", index);
            // Whoever believes what is said of resets sees those that there are.
            if let (Some(previous), false) = (index.checked_sub(1).and_then(|index| samples.histogram(index)), is_stale(before.sum))
                && !is_stale(previous.sum)
            {
                let gauge = before.reset_hint == ResetHint::Gauge;
                prop_assert_eq!(gauge, after.reset_hint == ResetHint::Gauge);
                prop_assert!(gauge || after.detect_reset(previous) == before.detect_reset(previous), "sample {}", index);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_request(&bytes);
    }
}

#[test]
fn a_question_reads_back_as_it_was_asked() {
    let matchers = vec![
        Matcher::new("__name__", MatchOp::Equal, "up").unwrap(),
        Matcher::new("job", MatchOp::NotRegex, "a|b").unwrap(),
    ];
    let range = TimeRange::new(-5, 1_700_000_000_000);
    let request = decode_request(&encode_request(std::slice::from_ref(&matchers), range, true)).unwrap();
    assert_eq!(request.queries, [ReadQuery { range, matchers: matchers.clone() }]);
    assert!(request.accepts_samples && request.accepts_chunks && request.prefers_chunks);
    let request = decode_request(&encode_request(&[matchers], range, false)).unwrap();
    assert!(request.accepts_samples && !request.accepts_chunks);
}

#[test]
fn samples_come_back_by_query_with_their_histograms() {
    let mut samples = Samples::default();
    samples.push_float(1_000, 1.5);
    let mut response = SampledResponse::default();
    response.begin_result();
    assert!(response.is_empty());
    response.push(&labels(), &samples);
    response.begin_result();
    let message = response.finish();
    let results = crate::remote_read::results(&message).unwrap();
    assert_eq!((results.len(), results[0].is_empty(), results[1].is_empty()), (2, false, true));
}
