//! Prometheus durations: `1h30m`, `15s`, `100ms`, `1d`, `0`.

use std::time::Duration;

/// Why a duration could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there.
    #[error("empty duration string")]
    Empty,
    /// Not of the form `1w2d3h4m5s6ms`, units descending, each at most once.
    #[error("not a valid duration string: {0:?}")]
    Invalid(String),
    /// Something else than a unit behind a number.
    #[error("unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// What stands there.
        unit: String,
        /// The whole text.
        text: String,
    },
    /// More milliseconds than can be counted.
    #[error("duration out of range")]
    OutOfRange,
}

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration in Prometheus's grammar, `([0-9]+y)?([0-9]+w)?…([0-9]+ms)?` or `0`.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let invalid = || DurationError::Invalid(text.to_owned());
    let mut rest = text;
    let mut next_unit = 0;
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(invalid());
        }
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let unknown = || DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() };
        let found = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(unknown)?;
        if found < next_unit {
            return Err(invalid());
        }
        next_unit = found + 1;
        let count: u64 = number.parse().map_err(|_| DurationError::OutOfRange)?;
        let unit_ms = UNITS.get(found).map_or(1, |(_, unit_ms)| *unit_ms);
        total_ms = count
            .checked_mul(unit_ms)
            .and_then(|ms| total_ms.checked_add(ms))
            // Prometheus counts nanoseconds in 63 bits.
            .filter(|ms| *ms <= i64::MAX as u64 / 1_000_000)
            .ok_or(DurationError::OutOfRange)?;
        rest = tail;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration as Prometheus does: the largest exact units first, years and weeks only when they stand alone.
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        let alone_only = matches!(unit, "y" | "w");
        if rest < unit_ms || (alone_only && rest % unit_ms != 0) {
            continue;
        }
        text.push_str(&(rest / unit_ms).to_string());
        text.push_str(unit);
        rest %= unit_ms;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_as_prometheus_does() {
        for (text, ms) in
            [("0", 0), ("15s", 15_000), ("1h30m", 5_400_000), ("100ms", 100), ("1w2d", 777_600_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "1", "s", "1s1h", "1h1h", "1.5h", "-1s", "1 s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(format(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(format(Duration::from_secs(7 * 86_400)), "1w");
        assert_eq!(format(Duration::from_secs(8 * 86_400)), "8d");
        assert_eq!(format(Duration::ZERO), "0s");
    }
}
