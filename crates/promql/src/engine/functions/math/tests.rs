use super::{Change, find, larger, smaller};

#[test]
fn the_larger_and_the_smaller_of_two_are_those_of_go() {
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    let same = |found: f64, expected: f64| {
        assert!(
            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
            "{found:?}, not {expected:?}"
        );
    };
    for (left, right, max, min) in [
        (1.0, 2.0, 2.0, 1.0),
        (nan, 2.0, nan, nan),
        (nan, infinity, infinity, nan),
        (nan, -infinity, nan, -infinity),
        (infinity, -infinity, infinity, -infinity),
        (0.0, -0.0, 0.0, -0.0),
    ] {
        same(larger(left, right), max);
        same(larger(right, left), max);
        same(smaller(left, right), min);
        same(smaller(right, left), min);
    }
}

#[test]
fn hyperbolic_functions_of_the_largest_numbers_are_finite() {
    let of = |name: &str, value: f64| match find(name) {
        Some(Change::Float(function)) => function(value),
        _ => f64::NAN,
    };
    // Real answers of a Prometheus.
    assert!((of("asinh", 1.7e308) - 710.4196).abs() < 1e-3);
    assert!((of("asinh", -1.7e308) + 710.4196).abs() < 1e-3);
    assert!((of("acosh", 1.7e308) - 710.4196).abs() < 1e-3);
    assert!((of("asinh", 1.0) - 0.881_373_587_019_543).abs() < 1e-15);
}
