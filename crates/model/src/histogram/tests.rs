use super::*;
use crate::STALE_NAN;
use proptest::prelude::*;

fn spans(parts: &[(i32, u32)]) -> Vec<Span> {
    parts.iter().map(|(offset, length)| Span { offset: *offset, length: *length }).collect()
}

fn exponential(schema: i32, first: i32, buckets: &[f64]) -> Histogram {
    Histogram {
        schema,
        count: buckets.iter().sum(),
        sum: 5.0,
        positive_spans: spans(&[(first, buckets.len() as u32)]),
        positive_buckets: buckets.to_vec(),
        ..Histogram::default()
    }
}

fn custom(bounds: &[f64], buckets: &[f64]) -> Histogram {
    Histogram {
        schema: CUSTOM_BUCKETS_SCHEMA,
        custom_values: bounds.to_vec(),
        ..exponential(CUSTOM_BUCKETS_SCHEMA, 0, buckets)
    }
}

#[test]
fn bounds_are_prometheus_s_to_the_last_bit() {
    // A real Prometheus's answers, which are not always the nearest numbers.
    for (index, schema, expected) in [
        (-1, 1, 0.707_106_781_186_547_5),
        (-1, 2, 0.840_896_415_253_714_4),
        (-1, 3, 0.917_004_043_204_671_1),
        (-1, 4, 0.957_603_280_698_573_5),
        (3, 0, 8.0),
    ] {
        let histogram = Histogram { schema, ..Histogram::default() };
        assert_eq!(histogram.bound(index).to_bits(), f64::to_bits(expected), "{index} of schema {schema}");
    }
}

#[test]
fn bounds_are_powers_of_the_base() {
    let histogram = exponential(2, 0, &[1.0]);
    assert_eq!(histogram.bound(0), 1.0);
    assert_eq!(histogram.bound(4), 2.0);
    assert_eq!(histogram.bound(2), 2.0_f64.sqrt().next_down());
    assert_eq!(histogram.bound(-8), 0.25);
    assert_eq!(exponential(-1, 0, &[1.0]).bound(3), 64.0);
    assert_eq!(exponential(0, 0, &[1.0]).bound(1024), f64::MAX);
    assert_eq!(exponential(0, 0, &[1.0]).bound(1025), f64::INFINITY);
    assert_eq!(exponential(0, 0, &[1.0]).bound(-1074), f64::from_bits(1));
    assert_eq!(exponential(-4, 0, &[1.0]).bound(i32::MAX), f64::INFINITY);
}

#[test]
fn buckets_come_in_the_order_of_their_values() {
    let histogram = Histogram {
        zero_threshold: 0.5,
        zero_count: 3.0,
        negative_spans: spans(&[(0, 2)]),
        negative_buckets: vec![1.0, 2.0],
        ..exponential(0, 1, &[4.0])
    };
    let found: Vec<(f64, f64, f64)> =
        histogram.all_buckets().map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect();
    assert_eq!(found, [(-2.0, -1.0, 2.0), (-1.0, -0.5, 1.0), (-0.5, 0.5, 3.0), (1.0, 2.0, 4.0)]);
    assert_eq!(histogram.to_string(), "{count:4, sum:5, [-2,-1):2, [-1,-0.5):1, [-0.5,0.5]:3, (1,2]:4}");
}

#[test]
fn a_text_names_every_field_that_is_not_zero() {
    let histogram = Histogram {
        reset_hint: ResetHint::Gauge,
        negative_spans: spans(&[(-2, 1), (1, 1)]),
        negative_buckets: vec![1.0, 2.5],
        ..exponential(3, 1, &[1e6])
    };
    assert_eq!(
        histogram.test_expression(),
        "{{schema:3 count:1e+06 sum:5 counter_reset_hint:gauge offset:1 buckets:[1e+06] n_offset:-2 \
         n_buckets:[1 0 2.5]}}"
    );
}

#[test]
fn the_coarser_resolution_wins_a_sum() {
    let mut low = exponential(-1, 1, &[1.0]);
    let notes = low.add(&exponential(0, 1, &[2.0, 2.0])).unwrap();
    assert_eq!(notes, ArithmeticNotes::default());
    assert_eq!((low.schema, low.count), (-1, 5.0));
    assert_eq!(low.positive_buckets, [5.0]);
}

#[test]
fn the_wider_zero_bucket_wins_a_sum() {
    let wide = Histogram { zero_threshold: 0.7, zero_count: 2.0, ..exponential(0, 2, &[1.0]) };
    let mut narrow = exponential(0, 0, &[3.0, 1.0]);
    narrow.add(&wide).unwrap();
    narrow.compact(0);
    // The bucket (0.5, 1] is cut by 0.7 and filled, so that the zero bucket grows to its end.
    assert_eq!((narrow.zero_threshold, narrow.zero_count), (1.0, 5.0));
    assert_eq!(narrow.positive_buckets, [1.0, 1.0]);
    assert_eq!(narrow.positive_spans, spans(&[(1, 2)]));
}

#[test]
fn custom_bounds_that_differ_are_reduced_to_the_common_ones() {
    let mut sum = custom(&[2.0, 4.0, 6.0], &[1.0, 2.0, 5.0, 7.0]);
    let notes = sum.add(&custom(&[1.0, 2.0, 3.0, 6.0], &[1.0, 1.0, 1.0, 1.0, 1.0])).unwrap();
    assert!(notes.bounds_reconciled);
    assert_eq!(sum.custom_values, [2.0, 6.0]);
    assert_eq!(sum.positive_buckets, [3.0, 9.0, 8.0]);
}

#[test]
fn exponential_and_custom_buckets_do_not_mix() {
    let mut sum = exponential(0, 0, &[1.0]);
    let before = sum.clone();
    assert_eq!(sum.add(&custom(&[1.0], &[1.0])), Err(HistogramError::IncompatibleSchema));
    assert_eq!(sum, before);
}

#[test]
fn a_reset_and_no_reset_contradict_each_other_in_a_sum() {
    use ResetHint::{Gauge, NoReset, Reset, Unknown};
    for (own, other, result, conflict) in [
        (Reset, NoReset, Unknown, true),
        (NoReset, NoReset, NoReset, false),
        (NoReset, Unknown, Unknown, false),
        (Reset, Gauge, Gauge, false),
        (Gauge, NoReset, Gauge, false),
    ] {
        let mut sum = exponential(0, 0, &[1.0]).with_hint(own);
        let notes = sum.add(&exponential(0, 0, &[1.0]).with_hint(other)).unwrap();
        assert_eq!((sum.reset_hint, notes.reset_conflict), (result, conflict), "{own:?} and {other:?}");
    }
}

#[test]
fn division_by_zero_leaves_no_buckets() {
    let mut histogram = exponential(0, 0, &[1.0, 2.0]);
    histogram.div_scalar(0.0);
    assert_eq!((histogram.count, histogram.sum), (f64::INFINITY, f64::INFINITY));
    assert!(histogram.positive_buckets.is_empty());
}

#[test]
fn a_compensated_sum_keeps_small_numbers_beside_large_ones() {
    let of = |sum: f64| Histogram { sum, ..exponential(0, 0, &[1.0]) };
    let mut total = KahanHistogram::new(&of(1.0));
    for sum in [1e100, 1.0, -1e100] {
        total.add(&of(sum)).unwrap();
    }
    let total = total.finish();
    assert_eq!((total.sum, total.count), (2.0, 4.0));
}

#[test]
fn a_mean_survives_the_overflow_of_its_sum() {
    let of = |count: f64| Histogram { count, sum: count, ..Histogram::default() };
    let mut mean = HistogramMean::new(&of(f64::MAX));
    mean.add(&of(f64::MAX)).unwrap();
    let mean = mean.finish();
    assert!((mean.count / f64::MAX - 1.0).abs() < 1e-9);
    let single = HistogramMean::new(&of(3.0)).finish();
    assert_eq!(single.count, 3.0);
}

#[test]
fn quantiles_are_interpolated_on_the_logarithm_and_in_custom_buckets_on_the_value() {
    let histogram = exponential(0, 0, &[1.0, 2.0, 1.0]);
    assert!((histogram.quantile(0.5).value - 2.0_f64.sqrt()).abs() < 1e-12);
    assert_eq!(histogram.quantile(-0.1).value, f64::NEG_INFINITY);
    assert_eq!(histogram.quantile(1.1).value, f64::INFINITY);
    assert!(Histogram::default().quantile(0.5).value.is_nan());
    assert_eq!(custom(&[5.0, 10.0], &[1.0, 2.0, 1.0]).quantile(0.5).value, 7.5);
    assert!((histogram.fraction(1.0, 2.0) - 0.5).abs() < 1e-12);
    assert_eq!(histogram.fraction(2.0, 1.0), 0.0);
}

#[test]
fn observations_of_nan_skew_quantiles_and_are_told() {
    let histogram = Histogram { count: 15.0, sum: f64::NAN, ..exponential(0, 0, &[12.0]) };
    let skewed = histogram.quantile(0.8);
    assert_eq!((skewed.value, skewed.nan_effect), (1.0, NanEffect::Skewed));
    let among = histogram.quantile(0.81);
    assert!(among.value.is_nan());
    assert_eq!(among.nan_effect, NanEffect::Result);
    assert_eq!(histogram.fraction(f64::NEG_INFINITY, f64::INFINITY), 0.8);
}

#[test]
fn trimming_divides_the_bucket_at_the_cut() {
    let mut histogram = Histogram {
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 34.0,
        sum: 123.75,
        negative_spans: spans(&[(0, 2)]),
        negative_buckets: vec![1.0, 2.0],
        ..exponential(0, 0, &[2.0, 4.0, 8.0, 16.0])
    };
    let whole = histogram.clone();
    histogram.trim_upper(f64::INFINITY);
    histogram.trim_lower(f64::NEG_INFINITY);
    assert_eq!(histogram, whole);
    histogram.trim_upper(2.0_f64.sqrt());
    assert!((histogram.count - 8.0).abs() < 1e-9);
    assert!((histogram.sum - 0.257_093_89).abs() < 1e-6);
    let mut above = custom(&[5.0, 10.0, 15.0, 20.0], &[1.0, 6.0, 4.0, 3.0, 1.0]);
    above.trim_lower(13.0);
    assert!((above.count - 5.6).abs() < 1e-12);
    assert!((above.sum - 94.9).abs() < 1e-12);
}

#[test]
fn a_counter_reset_shows_in_a_single_bucket() {
    let before = exponential(0, 0, &[1.0, 2.0, 1.0]);
    let grown = exponential(0, 0, &[1.0, 2.0, 3.0]);
    let shifted = exponential(0, 0, &[1.0, 1.0, 3.0]);
    assert!(!grown.detect_reset(&before));
    assert!(shifted.detect_reset(&before));
    assert!(!shifted.clone().with_hint(ResetHint::NoReset).detect_reset(&before));
    assert!(grown.clone().with_hint(ResetHint::Reset).detect_reset(&before));
    assert!(exponential(1, 0, &[9.0]).detect_reset(&before));
    assert!(custom(&[1.0], &[9.0]).detect_reset(&before));
    assert_eq!(grown.stored_hint(Some(&before)), ResetHint::NoReset);
    assert_eq!(shifted.stored_hint(Some(&before)), ResetHint::Unknown);
    assert_eq!(grown.stored_hint(None), ResetHint::Unknown);
}

#[test]
fn a_coarser_histogram_can_continue_a_finer_one() {
    let fine = exponential(1, 1, &[1.0, 1.0, 1.0]);
    let coarse = exponential(0, 1, &[2.0, 1.0]);
    assert!(!coarse.detect_reset(&fine));
    assert!(exponential(0, 1, &[1.0, 2.0]).detect_reset(&fine));
}

#[test]
fn empty_buckets_are_dropped_and_short_gaps_may_stay() {
    let mut histogram = exponential(0, -1, &[0.0, 1.0, 0.0, 0.0, 2.0, 0.0]);
    let mut tolerant = histogram.clone();
    histogram.compact(0);
    assert_eq!(histogram.positive_spans, spans(&[(0, 1), (2, 1)]));
    assert_eq!(histogram.positive_buckets, [1.0, 2.0]);
    tolerant.compact(2);
    assert_eq!(tolerant.positive_spans, spans(&[(0, 4)]));
    assert_eq!(tolerant.positive_buckets, [1.0, 0.0, 0.0, 2.0]);
}

#[test]
fn contradictions_are_named() {
    assert_eq!(exponential(0, 0, &[1.0]).validate(), Ok(()));
    assert!(exponential(9, 0, &[1.0]).validate().is_err());
    assert!(exponential(0, 0, &[-1.0]).validate().is_err());
    assert!(custom(&[2.0, 1.0], &[1.0]).validate().is_err());
    assert!(custom(&[1.0], &[1.0, 1.0, 1.0]).validate().is_err());
    let mut torn = exponential(0, 0, &[1.0, 1.0]);
    torn.positive_buckets.pop();
    assert!(torn.validate().is_err());
}

#[test]
fn a_stale_marker_survives_the_bytes() {
    let stale = Histogram { sum: STALE_NAN, ..Histogram::default() };
    let mut bytes = Vec::new();
    stale.encode(&mut bytes);
    let (back, used) = Histogram::decode(&bytes).unwrap();
    assert_eq!((back.sum.to_bits(), used), (STALE_NAN.to_bits(), bytes.len()));
}

prop_compose! {
    fn side()(offset in -20_i32..20, gaps in prop::collection::vec((0_i32..3, 1_u32..4), 0..4))
        (counts in prop::collection::vec(0_u32..1000, gaps.iter().map(|(_, length)| *length as usize).sum::<usize>()),
         offset in Just(offset), gaps in Just(gaps)) -> (Vec<Span>, Vec<f64>) {
        let mut spans: Vec<Span> =
            gaps.into_iter().map(|(offset, length)| Span { offset, length }).collect();
        if let Some(first) = spans.first_mut() {
            first.offset = offset;
        }
        (spans, counts.into_iter().map(f64::from).collect())
    }
}

prop_compose! {
    fn exponential_histogram()(schema in -2_i32..4, positive in side(), negative in side(),
                               zero_count in 0_u32..100, threshold in prop::sample::select(vec![0.0, 0.001, 0.25, 1.0]))
        -> Histogram {
        let count = positive.1.iter().chain(&negative.1).sum::<f64>() + f64::from(zero_count);
        let mut histogram = Histogram {
            schema,
            zero_count: f64::from(zero_count),
            count,
            sum: count * 0.5,
            positive_spans: positive.0,
            positive_buckets: positive.1,
            negative_spans: negative.0,
            negative_buckets: negative.1,
            ..Histogram::default()
        };
        // Nobody observes into a bucket inside the zero bucket.
        let nearest = histogram.positive_iter().map(|bucket| bucket.lower);
        let nearest = nearest.chain(histogram.negative_iter().map(|bucket| -bucket.upper)).fold(threshold, f64::min);
        histogram.zero_threshold = nearest;
        histogram
    }
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), (0_u64..5000).prop_map(|whole| whole as f64)]
}

prop_compose! {
    /// Anything the type allows, sense or nonsense.
    fn wild()(hint in prop::sample::select(vec![ResetHint::Unknown, ResetHint::Reset, ResetHint::NoReset, ResetHint::Gauge]),
              schema in prop_oneof![Just(CUSTOM_BUCKETS_SCHEMA), -6_i32..10, any::<i32>()],
              numbers in prop::array::uniform4(any_float()),
              spans in prop::array::uniform2(prop::collection::vec((any::<i32>(), 0_u32..2000), 0..4)),
              buckets in prop::array::uniform2(prop::collection::vec(any_float(), 0..8)),
              custom_values in prop::collection::vec(any_float(), 0..5)) -> Histogram {
        let [zero_threshold, zero_count, count, sum] = numbers;
        let [positive_spans, negative_spans] = spans
            .map(|side| side.into_iter().map(|(offset, length)| Span { offset, length }).collect());
        let [positive_buckets, negative_buckets] = buckets;
        Histogram {
            reset_hint: hint, schema, zero_threshold, zero_count, count, sum,
            positive_spans, negative_spans, positive_buckets, negative_buckets, custom_values,
        }
    }
}

fn buckets_sum(histogram: &Histogram) -> f64 {
    histogram.zero_count
        + histogram.positive_buckets.iter().sum::<f64>()
        + histogram.negative_buckets.iter().sum::<f64>()
}

fn compacted(mut histogram: Histogram) -> Histogram {
    histogram.compact(0);
    histogram
}

proptest! {
    #[test]
    fn a_sum_does_not_depend_on_the_order(left in exponential_histogram(), right in exponential_histogram()) {
        let (mut one, mut other) = (left.clone(), right.clone());
        one.add(&right).unwrap();
        other.add(&left).unwrap();
        prop_assert_eq!(buckets_sum(&one), one.count);
        prop_assert_eq!(compacted(one), compacted(other));
    }

    #[test]
    fn compensation_changes_nothing_where_nothing_is_lost(
        left in exponential_histogram(), right in exponential_histogram(), third in exponential_histogram(),
    ) {
        let mut plain = left.clone();
        plain.add(&right).unwrap();
        plain.add(&third).unwrap();
        let mut exact = KahanHistogram::new(&left);
        exact.add(&right).unwrap();
        exact.add(&third).unwrap();
        prop_assert_eq!(compacted(plain), compacted(exact.finish()));
    }

    #[test]
    fn how_buckets_are_cut_into_spans_decides_nothing(
        before in exponential_histogram(), grown in prop::collection::vec(-1_i32..3, 24), third in exponential_histogram(),
    ) {
        let mut now = before.clone();
        for (bucket, more) in now.positive_buckets.iter_mut().chain(&mut now.negative_buckets).zip(&grown) {
            *bucket = (*bucket + f64::from(*more)).max(0.0);
        }
        // One layout is compared quickly; an empty span at the end makes it another.
        let mut other_cut = now.clone();
        other_cut.positive_spans.push(Span { offset: 0, length: 0 });
        prop_assert_eq!(now.detect_reset(&before), other_cut.detect_reset(&before));
        // Buckets that all have a place are added there; others need room first.
        let mut quick = KahanHistogram::new(&before);
        let mut slow = quick.clone();
        quick.add(&compacted(now.clone())).unwrap();
        slow.add(&third).unwrap();
        slow.add(&now).unwrap();
        quick.add(&third).unwrap();
        prop_assert_eq!(compacted(quick.finish()), compacted(slow.finish()));
    }

    #[test]
    fn what_is_added_can_be_taken_away(left in exponential_histogram(), right in exponential_histogram()) {
        let mut there_and_back = left.clone();
        there_and_back.add(&right).unwrap();
        there_and_back.sub(&right).unwrap();
        // The layout may have become coarser; bring the original to it by adding nothing.
        let nothing = Histogram { sum: 0.0, count: 0.0, zero_count: 0.0, ..right };
        let nothing = Histogram {
            positive_buckets: vec![0.0; nothing.positive_buckets.len()],
            negative_buckets: vec![0.0; nothing.negative_buckets.len()],
            ..nothing
        };
        let mut expected = left;
        expected.add(&nothing).unwrap();
        prop_assert_eq!(there_and_back.count, expected.count);
        prop_assert_eq!(there_and_back.sum, expected.sum);
        prop_assert_eq!(buckets_sum(&there_and_back), buckets_sum(&expected));
    }

    #[test]
    fn a_coarser_resolution_keeps_every_observation(histogram in exponential_histogram(), by in 0_i32..3) {
        let mut coarse = histogram.clone();
        coarse.reduce_resolution(histogram.schema - by).unwrap();
        prop_assert_eq!(buckets_sum(&coarse), buckets_sum(&histogram));
        prop_assert_eq!(coarse.validate(), Ok(()));
        prop_assert!(!coarse.detect_reset(&histogram));
    }

    #[test]
    fn both_parts_of_a_histogram_make_the_whole(histogram in exponential_histogram(), cut in -100.0..100.0_f64) {
        let (mut below, mut above) = (histogram.clone(), histogram.clone());
        below.trim_upper(cut);
        above.trim_lower(cut);
        prop_assert!((below.count + above.count - histogram.count).abs() < 1e-6);
        let fraction = histogram.fraction(f64::NEG_INFINITY, cut) * histogram.count;
        prop_assert!(histogram.count == 0.0 || (below.count - fraction).abs() < 1e-6);
    }

    #[test]
    fn bytes_bring_back_the_same_histogram(
        histogram in wild(),
        mut before in wild(),
        tail in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        let length = bytes.len();
        bytes.extend_from_slice(&tail);
        let (back, used) = Histogram::decode(&bytes).unwrap();
        prop_assert_eq!(used, length);
        let mut again = Vec::new();
        back.encode(&mut again);
        prop_assert_eq!(&again[..], &bytes[..length]);
        prop_assert_eq!(format!("{back:?}"), format!("{histogram:?}"));
        prop_assert_eq!(before.decode_into(&bytes), Some(length));
        prop_assert_eq!(Histogram::encoded_len(&bytes), Some(length));
        prop_assert_eq!(format!("{before:?}"), format!("{histogram:?}"));
        for cut in 0..length {
            prop_assert!(Histogram::decode(&bytes[..cut]).is_none());
            prop_assert!(Histogram::encoded_len(&bytes[..cut]).is_none());
        }
    }

    #[test]
    fn hostile_bytes_are_refused_or_read_but_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut framed = vec![1, bytes.first().copied().unwrap_or(0) & 0x3f];
        framed.extend(bytes);
        if let Some((histogram, used)) = Histogram::decode(&framed) {
            prop_assert!(used <= framed.len());
            prop_assert_eq!(Histogram::encoded_len(&framed), Some(used));
            let _ = histogram.validate();
        }
    }

    #[test]
    fn nonsense_is_computed_without_a_panic(left in wild(), right in wild(), number in any_float()) {
        let _ = (left.validate(), left.equals(&right), left.detect_reset(&right), left.stored_hint(Some(&right)));
        let _ = (left.quantile(number), left.fraction(-1.0, number), left.stdvar(), left.to_string());
        let _ = left.test_expression();
        let mut sum = left.clone();
        let _ = sum.add(&right);
        let _ = sum.sub(&right);
        let mut exact = KahanHistogram::new(&left);
        let _ = exact.add(&right);
        let mut mean = HistogramMean::new(&left);
        let _ = mean.add(&right);
        let _ = mean.finish();
        for schema in [-4, 0, 8, left.schema] {
            let _ = left.clone().reduce_resolution(schema);
        }
        let mut trimmed = left.clone();
        trimmed.trim_lower(number);
        trimmed.trim_upper(1.0);
        trimmed.compact(3);
    }
}

#[test]
fn bounds_are_powers_of_two_down_to_zero_and_up_to_the_largest_number() {
    for index in -1_300..1_300_i32 {
        let half = index.clamp(-1_200, 1_200) / 2;
        let power = 2.0_f64.powi(half) * 2.0_f64.powi(index.clamp(-1_200, 1_200) - half);
        let expected = if index == 1_024 { f64::MAX } else { power };
        assert_eq!(buckets::exponential_bound(index, 0), expected, "{index}");
        assert_eq!(buckets::exponential_bound(index * 8, 3), expected, "{index}");
    }
}
