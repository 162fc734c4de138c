use super::find;
use proptest::prelude::*;

fn of(name: &str, seconds: i64) -> i64 {
    find(name).unwrap()(seconds as f64) as i64
}

proptest! {
    #[test]
    fn the_calendar_agrees_with_a_calendar_library(seconds in -60_000_000_000_i64..250_000_000_000) {
        let date = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        prop_assert_eq!(of("minute", seconds), i64::from(date.minute()));
        prop_assert_eq!(of("hour", seconds), i64::from(date.hour()));
        prop_assert_eq!(of("day_of_month", seconds), i64::from(date.day()));
        prop_assert_eq!(of("day_of_week", seconds), i64::from(date.weekday().to_sunday_zero_offset()));
        prop_assert_eq!(of("day_of_year", seconds), i64::from(date.day_of_year()));
        prop_assert_eq!(of("days_in_month", seconds), i64::from(date.days_in_month()));
        prop_assert_eq!(of("month", seconds), i64::from(date.month()));
        prop_assert_eq!(of("year", seconds), i64::from(date.year()));
    }
}

#[test]
fn what_is_no_date_is_the_one_that_go_makes_of_it() {
    // A real Prometheus's answers.
    for (name, expected) in [
        ("minute", 30.0),
        ("hour", 15.0),
        ("day_of_month", 4.0),
        ("day_of_year", 339.0),
        ("month", 12.0),
        ("year", 292_277_026_596.0),
    ] {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e19] {
            assert_eq!(find(name).unwrap()(seconds), expected, "{name} of {seconds}");
        }
    }
}
