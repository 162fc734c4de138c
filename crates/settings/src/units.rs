//! Sizes in bytes as Prometheus writes them.

/// Reads `10MB`, `1.5GiB`, `512B` or `0`. `KB` and `KiB` both mean 1024 bytes (Prometheus reads base 2); a number
/// other than 0 needs its unit. `None` when the text is no size or does not fit.
pub fn parse_size(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let number_len = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(number_len);
    let power = match unit {
        "B" => 0,
        "KB" | "KiB" => 1,
        "MB" | "MiB" => 2,
        "GB" | "GiB" => 3,
        "TB" | "TiB" => 4,
        "PB" | "PiB" => 5,
        "EB" | "EiB" => 6,
        _ => return None,
    };
    let unit_bytes = 1_u64 << (10 * power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit_bytes).filter(|bytes| *bytes <= i64::MAX as u64);
    }
    let bytes = number.parse::<f64>().ok()? * unit_bytes as f64;
    (bytes.is_finite() && bytes < i64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_need_a_unit_and_count_in_powers_of_two() {
        assert_eq!(parse_size("10MB"), Some(10 << 20));
        assert_eq!(parse_size("1KiB"), Some(1024));
        assert_eq!(parse_size("1.5KB"), Some(1536));
        assert_eq!(parse_size("0"), Some(0));
        for text in ["100", "", "MB", "1.2.3MB", "-1MB", "10 MB", "9999999999EB", "1mb"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
