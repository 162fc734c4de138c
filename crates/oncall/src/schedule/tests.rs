//! Compared with somebody who looks at the clock on the wall every few minutes, in zones that set their clocks.

use super::*;
use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Half hours, whole days left out, changes at midnight, both hemispheres.
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/St_Johns",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn ms(zone: &TimeZone, time: &str) -> i64 {
    first_ms(zone, time.parse().unwrap())
}

fn people(names: &[&str]) -> Vec<Vec<String>> {
    names.iter().map(|name| vec![(*name).to_owned()]).collect()
}

fn rotation(start: DateTime, turn_hours: i64, names: &[&str]) -> Layer {
    Layer {
        name: "turns".to_owned(),
        source: Source::Rotation(Rotation { start, end: None, turn_hours, people: people(names) }),
        restrictions: Vec::new(),
    }
}

fn schedule(zone_name: &str, layers: Vec<Layer>) -> Schedule {
    Schedule { name: "primary".to_owned(), zone: zone(zone_name), layers, overrides: Vec::new() }
}

/// Walks through the time by minutes, with the clock on the wall in sight: a turn ends the first time that the clock shows
/// its end or later.
fn walked(zone: &TimeZone, rotation: &Rotation, from_ms: i64, to_ms: i64) -> Vec<(i64, usize)> {
    let mut turn = 0;
    let mut next = rotation.start;
    let mut seen = Vec::new();
    let mut at_ms = from_ms;
    while at_ms < to_ms {
        let clock = zone.to_datetime(Timestamp::from_millisecond(at_ms).unwrap());
        while clock >= next {
            turn += 1;
            next = rotation.start.checked_add((turn * rotation.turn_hours).hours()).unwrap();
        }
        if turn > 0 {
            let index = usize::try_from(turn - 1).unwrap() % rotation.people.len();
            seen.push((at_ms, index));
        }
        at_ms += 5 * MINUTE_MS;
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn turns_are_those_of_the_clock_on_the_wall_without_gap_or_overlap(
        zone_name in prop::sample::select(&ZONES[..]),
        day in 0_i64..(18 * 366),
        minute in 0_i64..(24 * 12),
        turn_hours in prop::sample::select(&[1_i64, 8, 12, 23, 24, 36, 168][..]),
        count in 1_usize..4,
        days in 2_i64..30,
    ) {
        let zone = zone(zone_name);
        let start = date(2010, 1, 1).to_datetime(jiff::civil::Time::midnight()) + day.days();
        let start = start + (minute * 5).minutes();
        let rotation = Rotation { start, end: None, turn_hours, people: people(&["a", "b", "c"][..count]) };
        let from_ms = first_ms(&zone, start);
        let to_ms = from_ms + days * DAY_MS;
        let shifts = rotation.shifts(&zone, from_ms, to_ms, "turns");
        // Without gap or overlap, from end to end.
        prop_assert_eq!(shifts.first().map(|shift| shift.from_ms), Some(from_ms));
        prop_assert_eq!(shifts.last().map(|shift| shift.to_ms), Some(to_ms));
        for pair in shifts.windows(2) {
            prop_assert_eq!(pair[0].to_ms, pair[1].from_ms);
            prop_assert!(pair[0].from_ms < pair[0].to_ms);
        }
        for (at_ms, index) in walked(&zone, &rotation, from_ms, to_ms) {
            let shift = shifts.iter().find(|shift| (shift.from_ms..shift.to_ms).contains(&at_ms)).unwrap();
            prop_assert_eq!(&shift.people[0], ["a", "b", "c"][index], "{} at {}", zone_name, at_ms);
        }
    }

    #[test]
    fn a_moment_and_a_range_give_the_same_answer(
        zone_name in prop::sample::select(&ZONES[..]),
        day in 0_i64..(18 * 366),
        at in 0_i64..(20 * 24 * 60),
        over in 0_i64..(20 * 24 * 60),
        length in 1_i64..(3 * 24 * 60),
        from_hour in 0_i64..24,
        to_hour in 1_i64..=24,
        first_day in 0_usize..5,
    ) {
        let start = date(2010, 1, 1).to_datetime(jiff::civil::Time::midnight()) + day.days();
        let weekdays = [Weekday::Monday, Weekday::Tuesday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
        let mut office = rotation(start, 24, &["x", "y"]);
        office.restrictions = vec![Restriction {
            days: weekdays[first_day..].to_vec(),
            from_minute: from_hour * 60,
            to_minute: to_hour * 60,
        }];
        let schedule = schedule(zone_name, vec![rotation(start, 168, &["a", "b"]), office]);
        let from_ms = first_ms(&schedule.zone, start);
        let stand = Stand {
            people: vec!["o".to_owned()],
            from_ms: from_ms + over * MINUTE_MS,
            to_ms: from_ms + (over + length) * MINUTE_MS,
            note: String::new(),
        };
        let to_ms = from_ms + 20 * DAY_MS;
        let shifts = schedule.shifts(from_ms, to_ms, std::slice::from_ref(&stand));
        for pair in shifts.windows(2) {
            prop_assert_eq!(pair[0].to_ms, pair[1].from_ms);
        }
        let at_ms = from_ms + at * MINUTE_MS;
        let shift = shifts.iter().find(|shift| (shift.from_ms..shift.to_ms).contains(&at_ms)).unwrap();
        prop_assert_eq!(&schedule.on_call(at_ms, std::slice::from_ref(&stand)), &shift.people);
        let inside = (stand.from_ms..stand.to_ms).contains(&at_ms);
        prop_assert_eq!(inside, shift.people[0] == "o");
    }
}

#[test]
fn a_handover_stays_at_its_hour_of_the_wall_when_clocks_are_set() {
    let layer = rotation(date(2026, 3, 27).at(9, 0, 0, 0), 24, &["a", "b"]);
    let schedule = schedule("Europe/Berlin", vec![layer]);
    let berlin = &schedule.zone;
    // Clocks were set forward on 29 March at two: the shift over that night has 23 hours.
    let shifts = schedule.shifts(ms(berlin, "2026-03-28 09:00"), ms(berlin, "2026-03-30 09:00"), &[]);
    let hours: Vec<i64> =
        shifts.iter().map(|shift| (shift.to_ms - shift.from_ms) / (60 * MINUTE_MS)).collect();
    assert_eq!(hours, [23, 24]);
    // And back on 25 October at three: 25 hours.
    let shifts = schedule.shifts(ms(berlin, "2026-10-24 09:00"), ms(berlin, "2026-10-25 09:00"), &[]);
    assert_eq!((shifts[0].to_ms - shifts[0].from_ms) / (60 * MINUTE_MS), 25);
}

#[test]
fn a_handover_in_an_hour_that_is_left_out_happens_when_clocks_are_set_and_in_a_doubled_one_the_first_time() {
    let layer = rotation(date(2026, 3, 28).at(2, 30, 0, 0), 24, &["a", "b"]);
    let schedule = schedule("Europe/Berlin", vec![layer]);
    let change_ms = "2026-03-29T01:00:00Z".parse::<Timestamp>().unwrap().as_millisecond();
    assert_eq!(schedule.on_call(change_ms - 1, &[]), ["a"]);
    assert_eq!(schedule.on_call(change_ms, &[]), ["b"]);
    let first_ms = "2026-10-25T00:30:00Z".parse::<Timestamp>().unwrap().as_millisecond();
    let before = schedule.on_call(first_ms - 1, &[]);
    let after = schedule.on_call(first_ms, &[]);
    assert_ne!(before, after);
    assert_eq!(schedule.on_call(first_ms + 60 * MINUTE_MS, &[]), after, "the clock shows 02:30 again");
}

#[test]
fn leap_days_are_days() {
    let layer = rotation(date(2028, 2, 27).at(0, 0, 0, 0), 24, &["a", "b", "c"]);
    let schedule = schedule("America/New_York", vec![layer]);
    let on = |day: &str| schedule.on_call(ms(&schedule.zone, day), &[]);
    assert_eq!(on("2028-02-28 12:00"), ["b"]);
    assert_eq!(on("2028-02-29 12:00"), ["c"]);
    assert_eq!(on("2028-03-01 12:00"), ["a"]);
}

#[test]
fn a_later_layer_goes_before_an_earlier_one_and_overrides_before_all() {
    let mut night = rotation(date(2026, 1, 5).at(0, 0, 0, 0), 168, &["n"]);
    night.name = "night".to_owned();
    night.restrictions = vec![Restriction { days: DAYS.to_vec(), from_minute: 22 * 60, to_minute: 6 * 60 }];
    let mut schedule =
        schedule("Europe/Berlin", vec![rotation(date(2026, 1, 5).at(9, 0, 0, 0), 168, &["a", "b"]), night]);
    let at = |schedule: &Schedule, time: &str, stands: &[Stand]| {
        schedule.on_call(ms(&schedule.zone, time), stands)
    };
    assert_eq!(at(&schedule, "2026-01-05 08:59", &[]), Vec::<String>::new(), "before the first handover");
    assert_eq!(at(&schedule, "2026-01-05 12:00", &[]), ["a"]);
    assert_eq!(at(&schedule, "2026-01-05 22:00", &[]), ["n"]);
    assert_eq!(at(&schedule, "2026-01-06 05:59", &[]), ["n"]);
    assert_eq!(at(&schedule, "2026-01-06 06:00", &[]), ["a"]);
    assert_eq!(at(&schedule, "2026-01-12 10:00", &[]), ["b"]);
    let stand = |name: &str| Stand {
        people: vec![name.to_owned()],
        from_ms: ms(&schedule.zone, "2026-01-05 21:00"),
        to_ms: ms(&schedule.zone, "2026-01-05 23:00"),
        note: String::new(),
    };
    let (configured, made) = (stand("o"), stand("p"));
    schedule.overrides = vec![configured];
    assert_eq!(at(&schedule, "2026-01-05 22:30", &[]), ["o"]);
    assert_eq!(at(&schedule, "2026-01-05 22:30", std::slice::from_ref(&made)), ["p"]);
    assert_eq!(at(&schedule, "2026-01-05 23:00", &[made]), ["n"]);
    let (now, next) = schedule.now_and_next(ms(&schedule.zone, "2026-01-05 12:00"), &[]);
    assert_eq!((now.unwrap().people, next.unwrap().people), (vec!["a".to_owned()], vec!["o".to_owned()]));
    assert_eq!(schedule.people().into_iter().collect::<Vec<_>>(), ["a", "b", "n"]);
}

const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

#[test]
fn gaps_are_the_times_without_anybody() {
    let mut layer = rotation(date(2026, 1, 5).at(0, 0, 0, 0), 168, &["a"]);
    layer.restrictions =
        vec![Restriction { days: DAYS[..5].to_vec(), from_minute: 9 * 60, to_minute: 17 * 60 }];
    let schedule = schedule("Europe/Berlin", vec![layer]);
    let (from_ms, to_ms) = (ms(&schedule.zone, "2026-01-09 12:00"), ms(&schedule.zone, "2026-01-12 10:00"));
    let shifts = schedule.shifts(from_ms, to_ms, &[]);
    let gaps = Schedule::gaps(from_ms, to_ms, &shifts);
    assert_eq!(gaps, [(ms(&schedule.zone, "2026-01-09 17:00"), ms(&schedule.zone, "2026-01-12 09:00"))]);
}
