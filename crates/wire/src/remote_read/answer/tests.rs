use super::*;
use crate::remote_read::{Frames, encode_request, read_chunked};
use proptest::prelude::*;

fn labels() -> Labels {
    Labels::from_pairs([("__name__", "m"), ("job", "a")])
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
