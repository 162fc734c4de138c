//! Floats in the notations Prometheus prints them in.

/// Go's `%v` and `%g`: the shortest digits, with an exponent below 1e-4 and from 1e6 on.
pub(crate) fn general(value: f64) -> String {
    if let Some(word) = special(value) {
        return word.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        return exponential(&format!("{value:e}"));
    }
    format!("{value}")
}

/// Go's `%.{precision}g`.
pub(crate) fn general_precision(value: f64, precision: usize) -> String {
    if let Some(word) = special(value) {
        return word.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = precision.max(1);
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= i32::try_from(digits).unwrap_or(i32::MAX) {
        let mantissa = trim_zeros(mantissa);
        return exponential(&format!("{mantissa}e{exponent}"));
    }
    let decimals = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

/// `strconv.FormatFloat(value, 'f', -1, 64)`: the shortest digits, never an exponent.
pub(crate) fn fixed(value: f64) -> String {
    special(value).map_or_else(|| format!("{value}"), str::to_owned)
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// Rust writes `1e21` and `1e-7` where Go writes `1e+21` and `1e-07`.
fn exponential(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests;
