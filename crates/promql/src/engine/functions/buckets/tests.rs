use super::{Bucket, Cumulative};

fn buckets(pairs: &[(f64, f64)]) -> Cumulative {
    Cumulative::new(pairs.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect())
}

#[test]
fn quantiles_are_spread_evenly_inside_a_bucket() {
    let histogram = buckets(&[(f64::INFINITY, 10.0), (1.0, 4.0), (2.0, 8.0)]);
    assert_eq!(histogram.quantile(0.2), 0.5);
    assert_eq!(histogram.quantile(0.6), 1.5);
    assert_eq!(histogram.quantile(1.0), 2.0, "the last finite bound is all that is known");
    assert_eq!(histogram.quantile(-0.1), f64::NEG_INFINITY);
    assert!(buckets(&[(1.0, 4.0)]).quantile(0.5).is_nan(), "a bucket up to +Inf is needed");
}

#[test]
fn fractions_undo_quantiles() {
    let histogram = buckets(&[(1.0, 4.0), (2.0, 8.0), (f64::INFINITY, 10.0)]);
    for quantile in [0.1, 0.4, 0.55, 0.8] {
        let fraction = histogram.fraction(f64::NEG_INFINITY, histogram.quantile(quantile));
        assert!((fraction - quantile).abs() < 1e-12, "{quantile}: {fraction}");
    }
    assert_eq!(histogram.fraction(2.0, 1.0), 0.0);
}

#[test]
fn falling_counts_are_lifted_and_told_but_rounding_is_not() {
    let repair = buckets(&[(1.0, 5.0), (2.0, 3.0), (4.0, 4.0), (f64::INFINITY, 9.0)]).repair.unwrap();
    assert_eq!((repair.min_bucket, repair.max_bucket, repair.max_diff), (2.0, 4.0, 2.0));
    assert!(buckets(&[(1.0, 5.0), (2.0, 5.0 - 1e-14), (f64::INFINITY, 9.0)]).repair.is_none());
}

#[test]
fn a_bound_that_is_no_number_breaks_nothing() {
    let pairs: Vec<(f64, f64)> =
        (0..60).map(|index| (if index % 3 == 0 { f64::NAN } else { f64::from(60 - index) }, 1.0)).collect();
    assert!(buckets(&pairs).quantile(0.5).is_nan());
}
