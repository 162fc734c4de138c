//! Times and durations in request parameters.

use jiff::Timestamp;

/// How Prometheus's clients write "from the beginning" and "to the end": the bounds of its own counting.
const EARLIEST: &str = "-292273086-05-16T16:47:06Z";
const LATEST: &str = "292277025-08-18T07:12:54.999999999Z";

/// Reads a time as Prometheus does: Unix seconds as a decimal, or RFC 3339. Milliseconds since the epoch.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return instant_ms(seconds).ok_or_else(|| format!("cannot parse {text:?} to a valid timestamp"));
    }
    match text {
        EARLIEST => return Ok(i64::MIN / 2),
        LATEST => return Ok(i64::MAX / 2),
        _ => {}
    }
    text.parse::<Timestamp>()
        .map(Timestamp::as_millisecond)
        .map_err(|_| format!("cannot parse {text:?} to a valid timestamp"))
}

/// Reads a duration: seconds as a decimal, or Prometheus's `1h30m`. Milliseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let refused = || format!("cannot parse {text:?} to a valid duration");
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds_to_ms(seconds).ok_or_else(|| format!("{}. It overflows int64", refused()));
    }
    let duration = watchfire_model::duration::parse(text).map_err(|_| refused())?;
    i64::try_from(duration.as_millis()).map_err(|_| refused())
}

/// Prometheus counts nanoseconds in 63 bits inside; this keeps sums of times from overflowing too.
const LARGEST_S: f64 = 9.2e12;

/// An instant as Prometheus reads it: the fraction is rounded to milliseconds by itself, and then cut to whole
/// nanoseconds and milliseconds, which loses one where the fraction has no exact form.
fn instant_ms(seconds: f64) -> Option<i64> {
    if !seconds.is_finite() || seconds.abs() >= LARGEST_S {
        return None;
    }
    let fraction = (seconds.fract() * 1_000.0).round() / 1_000.0;
    let nanoseconds = (fraction * 1e9) as i64;
    Some(seconds.trunc() as i64 * 1_000 + nanoseconds.div_euclid(1_000_000))
}

/// A duration as Prometheus reads it: cut to whole milliseconds.
fn seconds_to_ms(seconds: f64) -> Option<i64> {
    let nanoseconds = seconds * 1e9;
    (seconds.is_finite() && seconds.abs() < LARGEST_S).then_some((nanoseconds / 1e6) as i64)
}

/// RFC 3339 with milliseconds, in UTC.
pub(crate) fn rfc3339(timestamp_ms: i64) -> String {
    Timestamp::from_millisecond(timestamp_ms).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc3339() {
        assert_eq!(parse_time("1435781451.781"), Ok(1_435_781_451_781));
        assert_eq!(parse_time("2015-07-01T20:10:51.781Z"), Ok(1_435_781_451_781));
        assert_eq!(parse_time("2015-07-01T22:10:51.781+02:00"), Ok(1_435_781_451_781));
        for text in ["", "x", "NaN", "1e300", "2015-07-01"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        assert!(parse_time(EARLIEST).is_ok_and(|time_ms| time_ms < -1_000_000_000_000_000_000));
        assert!(parse_time(LATEST).is_ok_and(|time_ms| time_ms > 1_000_000_000_000_000_000));
        // The first is a real Prometheus's reading.
        for (text, expected_ms) in
            [("1795258405.00049996376", 1_795_258_405_000), ("1.0005", 1_000), ("-1.5", -1_500)]
        {
            assert_eq!(parse_time(text), Ok(expected_ms), "{text}");
        }
        assert_eq!(parse_duration("1.0019"), Ok(1_001));
        assert_eq!(parse_duration("15"), Ok(15_000));
        assert_eq!(parse_duration("15.000"), Ok(15_000));
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000));
        assert_eq!(rfc3339(1_435_781_451_781), "2015-07-01T20:10:51.781Z");
    }
}
