//! Numbers as Go's `ParseFloat` reads them, less what Prometheus refuses (hexadecimal, underscores).

/// The NaN a parsed `NaN` becomes (Prometheus `value.NormalNaN`); any other bits could be taken for a stale marker.
const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Integers of up to this many digits are exact as floats.
const EXACT_DIGITS: usize = 15;

/// A sample value. Counters and gauges of whole numbers, the common case, take the short way.
pub(super) fn value(text: &str) -> Option<f64> {
    if text.len() <= EXACT_DIGITS && !text.is_empty() {
        let mut number = 0_u64;
        let mut whole = true;
        for byte in text.bytes() {
            if !byte.is_ascii_digit() {
                whole = false;
                break;
            }
            number = number * 10 + u64::from(byte - b'0');
        }
        if whole {
            return Some(number as f64);
        }
    }
    let number: f64 = text.parse().ok()?;
    if number.is_nan() {
        // Go takes no sign before NaN.
        return text.eq_ignore_ascii_case("nan").then_some(NORMAL_NAN);
    }
    // Go calls a literal that does not fit an error; only a spelled-out infinity is one.
    let spelled_out = text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'n'));
    (number.is_finite() || spelled_out).then_some(number)
}

/// OpenMetrics seconds as milliseconds; `None` for NaN and infinities. A time beyond what milliseconds can hold
/// becomes the last one they can.
pub(super) fn seconds_to_ms(seconds: f64) -> Option<i64> {
    seconds.is_finite().then_some((seconds * 1000.0) as i64)
}
