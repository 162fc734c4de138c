use super::{fixed, general, general_precision};

#[test]
fn floats_read_as_in_go() {
    for (value, text) in [
        (1.0, "1"),
        (0.81, "0.81"),
        (-0.1, "-0.1"),
        (1e21, "1e+21"),
        (1e20, "1e+20"),
        (123456.0, "123456"),
        (1234567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (f64::INFINITY, "+Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(general(value), text);
    }
    assert_eq!(fixed(1e22), "10000000000000000000000");
    assert_eq!(fixed(f64::NEG_INFINITY), "-Inf");
}

#[test]
fn two_digits_are_kept_and_zeros_are_not() {
    for (value, text) in
        [(0.0, "0"), (1.0, "1"), (123.0, "1.2e+02"), (0.0123, "0.012"), (1e-7, "1e-07"), (9.96, "10")]
    {
        assert_eq!(general_precision(value, 2), text);
    }
}
