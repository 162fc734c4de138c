//! Durations as Go prints them.

/// Nanoseconds as Go's `time.Duration` prints itself.
pub fn nanoseconds_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let text = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", scaled(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", scaled(total, 1_000_000)),
        _ => {
            let whole = total / 1_000_000_000;
            let rest = scaled(total % 60_000_000_000, 1_000_000_000);
            match (whole / 3_600, whole / 60 % 60) {
                (0, 0) => format!("{rest}s"),
                (0, minutes) => format!("{minutes}m{rest}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    };
    format!("{sign}{text}")
}

fn scaled(amount: u64, unit: u64) -> String {
    let (whole, fraction) = (amount / unit, amount % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{fraction:0digits$}").trim_end_matches('0'))
}
