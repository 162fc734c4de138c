use super::*;
use crate::schedule::{Layer, Schedule, Source};

fn person(name: &str) -> Option<String> {
    ["ada", "ben"].contains(&name).then(|| name.to_owned())
}

fn calendar(lines: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n")
}

fn schedule(text: &str) -> Schedule {
    let layer = Layer {
        name: "calendar".to_owned(),
        source: Source::Calendar(parse(text, person).unwrap()),
        restrictions: Vec::new(),
    };
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    Schedule { name: "c".to_owned(), zone, layers: vec![layer], overrides: Vec::new() }
}

fn at(schedule: &Schedule, time: &str) -> Vec<String> {
    schedule.on_call(time.parse::<jiff::Timestamp>().unwrap().as_millisecond(), &[])
}

#[test]
fn a_weekly_event_keeps_its_hour_over_the_change_of_clocks() {
    let text = calendar(
        "SUMMARY:ada\r\nDTSTART;TZID=Europe/Berlin:20260316T090000\r\nDURATION:PT8H\r\n\
         RRULE:FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20260402T215959Z\r\nEXDATE;TZID=Europe/Berlin:20260323T090000\r\n",
    );
    let schedule = schedule(&text);
    assert_eq!(at(&schedule, "2026-03-16T08:00:00Z"), ["ada"]);
    assert!(at(&schedule, "2026-03-17T08:00:00Z").is_empty());
    assert!(at(&schedule, "2026-03-23T08:00:00Z").is_empty(), "left out");
    assert_eq!(at(&schedule, "2026-03-30T07:00:00Z"), ["ada"], "nine in summer");
    assert_eq!(at(&schedule, "2026-04-02T07:00:00Z"), ["ada"]);
    assert!(at(&schedule, "2026-04-06T07:00:00Z").is_empty(), "over");
}

#[test]
fn every_other_week_counts_from_the_first_and_stops_after_its_count() {
    let text = calendar(
        "DTSTART;VALUE=DATE:20260107\r\nDTEND;VALUE=DATE:20260108\r\nSUMMARY:ben\r\n\
         RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=3\r\n",
    );
    let schedule = schedule(&text);
    let days: Vec<&str> =
        ["2026-01-05", "2026-01-07", "2026-01-14", "2026-01-19", "2026-01-21", "2026-02-02"]
            .into_iter()
            .filter(|day| !at(&schedule, &format!("{day}T12:00:00Z")).is_empty())
            .collect();
    assert_eq!(days, ["2026-01-07", "2026-01-19", "2026-01-21"]);
}

#[test]
fn events_that_overlap_have_all_their_people_on_call() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:ada\nDTSTART:20260101T000000Z\nDTEND:20260103T000000Z\nEND:VEVENT\n\
                BEGIN:VEVENT\nSUMMARY:ben\n , ada\nDTSTART:20260102T000000Z\nDTEND:20260104T000000Z\nBEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\n\
                END:VEVENT\nEND:VCALENDAR\n";
    let schedule = schedule(text);
    assert_eq!(at(&schedule, "2026-01-01T12:00:00Z"), ["ada"]);
    assert_eq!(at(&schedule, "2026-01-02T12:00:00Z"), ["ada", "ben"]);
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    let event = "SUMMARY:ada\r\nDTSTART:20260101T000000Z\r\nDTEND:20260103T000000Z\r\n";
    let faults = [
        (calendar(&format!("{event}RRULE:FREQ=MONTHLY\r\n")), 7, "FREQ=MONTHLY"),
        (calendar(&format!("{event}RRULE:FREQ=WEEKLY;BYDAY=1MO\r\n")), 7, "without numbers"),
        (calendar(&format!("{event}RRULE:FREQ=DAILY;BYSETPOS=1\r\n")), 7, "BYSETPOS"),
        (calendar(&format!("{event}RECURRENCE-ID:20260101T000000Z\r\n")), 7, "RECURRENCE-ID"),
        (calendar("SUMMARY:eve\r\nDTSTART:20260101\r\n"), 3, "eve"),
        (calendar("SUMMARY:ada\r\nDTSTART;TZID=Mars/Base:20260101T000000\r\n"), 5, "Mars/Base"),
        (calendar("SUMMARY:ada\r\nDTSTART:2026-01-01\r\n"), 5, "20260105T090000"),
        (calendar("SUMMARY:ada\r\nDTSTART:20260101T000000Z\r\n"), 3, "no length"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n".to_owned(), 2, "END:VCALENDAR"),
        ("<html>".to_owned(), 1, "BEGIN:VCALENDAR"),
        (String::new(), 1, "BEGIN:VCALENDAR"),
    ];
    for (text, line, words) in faults {
        let problem = parse(&text, person).unwrap_err();
        assert!(problem.message.contains(words), "{}", problem.message);
        assert_eq!(problem.place.line, line, "{}", problem.message);
    }
}

#[test]
fn what_is_written_is_read_back() {
    let shifts: Vec<Shift> = (0..3)
        .map(|number| Shift {
            from_ms: number * 86_400_000,
            to_ms: (number + 1) * 86_400_000,
            people: vec![if number % 2 == 0 { "ada" } else { "ben" }.to_owned()],
            by: "a name; that is, with everything, and \\ so long that it must be folded by somebody ü"
                .to_owned(),
        })
        .collect();
    let text = write("primary, really", &shifts, 1_700_000_000_000);
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    assert!(text.contains("NAME:primary\\, really\r\n"));
    let read = parse(&text, person).unwrap();
    let read: Vec<(i64, i64, Vec<String>)> = read
        .shifts(&TimeZone::UTC, i64::MIN / 8, i64::MAX / 8, "x")
        .into_iter()
        .map(|shift| (shift.from_ms, shift.to_ms, shift.people))
        .collect();
    let written: Vec<(i64, i64, Vec<String>)> =
        shifts.into_iter().map(|shift| (shift.from_ms, shift.to_ms, shift.people)).collect();
    assert_eq!(read, written);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(text in "(BEGIN:VCALENDAR\n)?(BEGIN:VEVENT\n)?((DTSTART|DTEND|RRULE|SUMMARY|DURATION|EXDATE|END)[;:=A-Z0-9,]{0,20}\n){0,6}") {
        let _ = parse(&text, |name| Some(name.to_owned()));
    }
}
