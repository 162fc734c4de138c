use super::*;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

#[test]
fn a_part_holds_what_all_its_lists_hold() {
    let part = TimeInterval {
        times: vec![(9 * 60, 17 * 60), (23 * 60, 24 * 60)],
        weekdays: vec![(1, 5)],
        years: vec![(2026, 2027)],
        ..TimeInterval::default()
    };
    // The 20th of November 2026 is a Friday.
    for (time, inside) in [
        ("2026-11-20T09:00:00Z", true),
        ("2026-11-20T08:59:59.999Z", false),
        ("2026-11-20T16:59:59Z", true),
        ("2026-11-20T17:00:00Z", false),
        ("2026-11-20T23:59:59Z", true),
        ("2026-11-21T10:00:00Z", false),
        ("2025-11-20T10:00:00Z", false),
    ] {
        assert_eq!(part.contains(at(time)), inside, "{time}");
    }
    assert!(TimeInterval::default().contains(0), "what says nothing holds everything");
    assert!(!NamedInterval { name: "n".to_owned(), parts: vec![] }.contains(0));
}

#[test]
fn days_are_counted_from_either_end_of_the_month_and_cut_to_it() {
    let days =
        |from: i32, to: i32| TimeInterval { days_of_month: vec![(from, to)], ..TimeInterval::default() };
    for (range, time, inside) in [
        ((1, 5), "2026-02-05T12:00:00Z", true),
        ((1, 5), "2026-02-06T00:00:00Z", false),
        ((-1, -1), "2026-02-28T12:00:00Z", true),
        ((-1, -1), "2028-02-28T12:00:00Z", false),
        ((-1, -1), "2028-02-29T12:00:00Z", true),
        ((-3, -1), "2026-11-28T12:00:00Z", true),
        ((-31, -25), "2026-02-04T12:00:00Z", true),
        ((25, 31), "2026-02-28T12:00:00Z", true),
        ((30, 31), "2026-02-28T12:00:00Z", false),
        ((10, -10), "2026-02-19T12:00:00Z", true),
        ((10, -10), "2026-02-20T12:00:00Z", false),
    ] {
        assert_eq!(days(range.0, range.1).contains(at(time)), inside, "{range:?} {time}");
    }
}

#[test]
fn the_clock_of_the_place_counts_over_daylight_saving() {
    let part = TimeInterval {
        times: vec![(9 * 60, 17 * 60)],
        location: Some(TimeZone::get("Europe/Berlin").unwrap()),
        ..TimeInterval::default()
    };
    // Summer time is two hours ahead of UTC, winter time one.
    assert!(part.contains(at("2026-07-01T07:00:00Z")) && !part.contains(at("2026-07-01T06:59:00Z")));
    assert!(part.contains(at("2026-12-01T08:00:00Z")) && !part.contains(at("2026-12-01T07:59:00Z")));
    let sydney = TimeInterval {
        weekdays: vec![(6, 6)],
        location: Some(TimeZone::get("Australia/Sydney").unwrap()),
        ..TimeInterval::default()
    };
    assert!(sydney.contains(at("2026-11-20T13:30:00Z")), "it is Saturday there already");
}
