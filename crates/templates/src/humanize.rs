//! Numbers for people, as Prometheus's template functions write them.

/// Go's `%.4g`.
pub fn four_digits(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:.3e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..4).contains(&exponent) {
        let decimals = usize::try_from(3 - exponent).unwrap_or(0);
        return trim_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

/// Go's `%v`: the shortest digits that give the number back, with an exponent from a millionfold on and below 0.0001.
pub fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Go decides as if there were six digits, however many there are.
    if value == 0.0 || (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn trim_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// `1234567` as `1.235M`, `0.001` as `1m`.
pub fn si(mut value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four_digits(value);
    }
    let mut prefix = "";
    if value.abs() >= 1.0 {
        for larger in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            prefix = larger;
            value /= 1000.0;
        }
    } else {
        (prefix, value) = smaller(value);
    }
    format!("{}{prefix}", four_digits(value))
}

fn smaller(mut value: f64) -> (&'static str, f64) {
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (prefix, value)
}

/// `1048576` as `1Mi`.
pub fn binary(mut value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four_digits(value);
    }
    let mut prefix = "";
    for larger in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
        if value.abs() < 1024.0 {
            break;
        }
        prefix = larger;
        value /= 1024.0;
    }
    format!("{}{prefix}", four_digits(value))
}

/// Seconds as `1d 2h 3m 4s`, `1.5s`, `20ms`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return four_digits(value);
    }
    if value == 0.0 {
        return format!("{}s", four_digits(value));
    }
    if value.abs() < 1.0 {
        let (prefix, value) = smaller(value);
        return format!("{}{prefix}s", four_digits(value));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as far from any duration as can be")]
    let whole = value as i64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four_digits(value))
    }
}

/// Seconds since the Unix epoch as Go prints a time: `2015-03-05 15:10:07.5 +0000 UTC`.
pub fn timestamp(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Ok(four_digits(value));
    }
    let utc = instant(value)?.to_zoned(jiff::tz::TimeZone::UTC);
    let fraction = utc.subsec_nanosecond();
    let text = utc.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = if fraction == 0 {
        String::new()
    } else {
        format!(".{fraction:09}").trim_end_matches('0').to_owned()
    };
    Ok(format!("{text}{fraction} +0000 UTC"))
}

/// Seconds since the Unix epoch as a time.
///
/// # Errors
/// Where that is too far away for Prometheus, which counts nanoseconds in 64 bits.
pub fn instant(seconds: f64) -> Result<jiff::Timestamp, String> {
    if (seconds * 1e9).abs() > i64::MAX as f64 {
        return Err(format!(
            "{seconds} cannot be represented as a nanoseconds timestamp since it overflows int64"
        ));
    }
    jiff::Timestamp::from_nanosecond(i128::from(nanoseconds(seconds))).map_err(|error| error.to_string())
}

/// Seconds as nanoseconds; what is too much is as much as there can be.
pub fn nanoseconds(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates as Go's conversion would overflow")]
    let nanoseconds = (seconds * 1e9) as i64;
    nanoseconds
}
