//! Functions of the calendar, always in UTC.

/// The function of that name, from seconds since the Unix epoch.
pub(crate) fn find(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "minute" => |seconds| (whole(seconds).rem_euclid(3_600) / 60) as f64,
        "hour" => |seconds| (whole(seconds).rem_euclid(86_400) / 3_600) as f64,
        // The first of January 1970 was a Thursday.
        "day_of_week" => |seconds| (days(seconds) + 4).rem_euclid(7) as f64,
        "day_of_month" => |seconds| civil(days(seconds)).day as f64,
        "day_of_year" => |seconds| {
            let today = days(seconds);
            (today - first_day(civil(today).year) + 1) as f64
        },
        "days_in_month" => |seconds| {
            let date = civil(days(seconds));
            days_in_month(date.year, date.month) as f64
        },
        "month" => |seconds| civil(days(seconds)).month as f64,
        "year" => |seconds| civil(days(seconds)).year as f64,
        _ => return None,
    })
}

/// The seconds since the Unix epoch that Go takes for the number on x86-64: cut towards zero, and what no 64-bit integer
/// holds is the least of them. Go counts from the year -292277022399 in 64 bits without a sign, so that what lies before
/// it lands at the other end of time.
fn whole(seconds: f64) -> i128 {
    /// From Go's first year to the Unix epoch.
    const BEFORE_EPOCH: i64 = 9_223_372_028_715_321_600;
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    let seconds = if (-BOUND..BOUND).contains(&seconds) { seconds as i64 } else { i64::MIN };
    i128::from(seconds.wrapping_add(BEFORE_EPOCH).cast_unsigned()) - i128::from(BEFORE_EPOCH)
}

fn days(seconds: f64) -> i64 {
    // Two to the power of 64 seconds are far fewer days than an i64 holds.
    whole(seconds).div_euclid(86_400) as i64
}

struct Date {
    year: i64,
    month: i64,
    day: i64,
}

/// The proleptic Gregorian date of a day since 1970-01-01. Years begin in March here, so that leap days come last.
fn civil(days: i64) -> Date {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Date { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
}

/// The first day of a year, since 1970-01-01.
fn first_day(year: i64) -> i64 {
    let before = year - 1;
    let leap_days = before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
    365 * (year - 1_970) + leap_days - 477
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests;
