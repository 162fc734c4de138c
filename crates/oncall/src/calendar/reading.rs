//! Calendars from files: a subset of RFC 5545, and everything else refused with its line.

use super::{Calendar, Event, Recurrence};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use watchfire_settings::{Place, Problem};

/// No plan is larger, in bytes.
const MOST_BYTES: usize = 4 << 20;

/// Reads a calendar. `person` gives the name of whoever a summary means.
///
/// Understood are events (`VEVENT`) with `DTSTART`, `DTEND` or `DURATION`, `RRULE` with `FREQ=DAILY` or `FREQ=WEEKLY`,
/// `INTERVAL`, `COUNT`, `UNTIL`, `BYDAY` without numbers and `WKST`, and `EXDATE`; times with a zone of the IANA database,
/// in UTC, or without either.
///
/// # Errors
/// The first thing that is not understood and would change who is on call, with its line.
pub fn parse(text: &str, person: impl Fn(&str) -> Option<String>) -> Result<Calendar, Problem> {
    if text.len() > MOST_BYTES {
        return Err(at(1, format!("the calendar has {} bytes; expected at most {MOST_BYTES}", text.len())));
    }
    let lines = unfolded(text);
    let mut lines = lines.iter().filter(|line| !line.text.trim().is_empty());
    match lines.next() {
        Some(first) if first.text.trim_start_matches('\u{feff}').trim() == "BEGIN:VCALENDAR" => {}
        other => {
            let number = other.map_or(1, |line| line.number);
            return Err(at(number, "no calendar; expected BEGIN:VCALENDAR".to_owned()));
        }
    }
    let mut calendar = Calendar::default();
    let mut inside: Vec<String> = Vec::new();
    let mut draft: Option<Draft> = None;
    for line in lines {
        let property = line.property()?;
        match (property.name.as_str(), property.value) {
            ("BEGIN", component) => {
                inside.push(component.to_owned());
                if component == "VEVENT" && inside.len() == 1 {
                    draft = Some(Draft { line: line.number, ..Draft::default() });
                }
            }
            ("END", component) => {
                if component == "VCALENDAR" && inside.is_empty() {
                    return Ok(calendar);
                }
                if inside.pop().as_deref() != Some(component) {
                    return Err(at(line.number, format!("END:{component} without its BEGIN")));
                }
                if inside.is_empty()
                    && let Some(draft) = draft.take()
                {
                    calendar.events.extend(draft.event(&person)?);
                }
            }
            _ if inside.len() == 1 => {
                if let Some(draft) = &mut draft {
                    draft.take(&property, line.number)?;
                }
            }
            _ => {}
        }
    }
    Err(at(text.lines().count(), "the calendar ends in the middle; expected END:VCALENDAR".to_owned()))
}

fn at(line: usize, message: String) -> Problem {
    Problem::new(Place { line: u64::try_from(line).unwrap_or(u64::MAX).max(1), column: 1 }, message)
}

struct Line {
    number: usize,
    text: String,
}

/// Lines that go on after a line break and a space, put together.
fn unfolded(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some(last)) => last.text.push_str(rest),
            _ => lines.push(Line { number, text: line.to_owned() }),
        }
    }
    lines
}

struct Property<'a> {
    name: String,
    parameters: Vec<(String, &'a str)>,
    value: &'a str,
}

impl Line {
    fn property(&self) -> Result<Property<'_>, Problem> {
        // A colon inside quotes belongs to a parameter.
        let mut quoted = false;
        let colon = self.text.char_indices().find(|(_, letter)| {
            quoted ^= *letter == '"';
            *letter == ':' && !quoted
        });
        let Some((colon, _)) = colon else {
            return Err(at(self.number, "no property; expected NAME:VALUE".to_owned()));
        };
        let (head, value) = self.text.split_at(colon);
        let mut parts = head.split(';');
        let name = parts.next().unwrap_or_default().to_ascii_uppercase();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters =
            parameters.map(|(name, value)| (name.to_ascii_uppercase(), value.trim_matches('"'))).collect();
        Ok(Property { name, parameters, value: value.get(1..).unwrap_or_default().trim_end() })
    }
}

/// A time as it is written.
#[derive(Clone, Debug)]
struct Written {
    time: DateTime,
    zone: Option<TimeZone>,
    is_date: bool,
}

#[derive(Debug, Default)]
struct Draft {
    line: usize,
    summary: Option<String>,
    start: Option<Written>,
    end: Option<(Written, usize)>,
    length_s: Option<i64>,
    rule: Option<(String, usize)>,
    except: Vec<(Written, usize)>,
    cancelled: bool,
}

impl Draft {
    fn take(&mut self, property: &Property<'_>, line: usize) -> Result<(), Problem> {
        match property.name.as_str() {
            "SUMMARY" => self.summary = Some(unescaped(property.value)),
            "STATUS" => self.cancelled = property.value.eq_ignore_ascii_case("CANCELLED"),
            "DTSTART" => self.start = Some(written(property, property.value, line)?),
            "DTEND" => self.end = Some((written(property, property.value, line)?, line)),
            "DURATION" => {
                let length = length_s(property.value).ok_or_else(|| {
                    at(line, format!("DURATION is {:?}; expected one such as P1D or PT12H", property.value))
                })?;
                self.length_s = Some(length);
            }
            "RRULE" => self.rule = Some((property.value.to_owned(), line)),
            "EXDATE" => {
                for value in property.value.split(',') {
                    self.except.push((written(property, value, line)?, line));
                }
            }
            "RDATE" | "RECURRENCE-ID" | "EXRULE" => {
                let message = format!(
                    "{} is not understood; expected plain events, or RRULE with EXDATE",
                    property.name
                );
                return Err(at(line, message));
            }
            _ => {}
        }
        Ok(())
    }

    fn event(self, person: impl Fn(&str) -> Option<String>) -> Result<Option<Event>, Problem> {
        if self.cancelled {
            return Ok(None);
        }
        let Some(start) = self.start else {
            return Err(at(self.line, "the event has no DTSTART".to_owned()));
        };
        let summary = self.summary.unwrap_or_default();
        let mut people = Vec::new();
        for name in summary.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let message = || format!("SUMMARY names {name:?}; expected the name or full name of a person");
            people.push(person(name).ok_or_else(|| at(self.line, message()))?);
        }
        if people.is_empty() {
            return Err(at(self.line, "the event has no SUMMARY; expected the name of a person".to_owned()));
        }
        let length_s = match (self.end, self.length_s) {
            (Some((end, line)), _) => {
                let end = in_zone(&end, start.zone.as_ref(), line)?;
                end.duration_since(start.time).as_secs()
            }
            (None, Some(length_s)) => length_s,
            (None, None) if start.is_date => 24 * 3_600,
            (None, None) => 0,
        };
        if length_s <= 0 {
            return Err(at(self.line, "the event has no length; expected DTEND after DTSTART".to_owned()));
        }
        let recurrence = self
            .rule
            .map(|(rule, line)| recurrence(&rule, start.zone.as_ref()).map_err(|message| at(line, message)));
        let except = self.except.iter().map(|(time, line)| in_zone(time, start.zone.as_ref(), *line));
        Ok(Some(Event {
            except: except.collect::<Result<_, _>>()?,
            people,
            start: start.time,
            zone: start.zone,
            length_s,
            recurrence: recurrence.transpose()?,
        }))
    }
}

/// A time by the clock of an event.
fn in_zone(written: &Written, zone: Option<&TimeZone>, line: usize) -> Result<DateTime, Problem> {
    match (&written.zone, zone) {
        (None, _) => Ok(written.time),
        (Some(own), Some(zone)) if own == zone => Ok(written.time),
        (Some(own), Some(zone)) => {
            let moment = own.to_timestamp(written.time).map_err(|error| at(line, error.to_string()))?;
            Ok(zone.to_datetime(moment))
        }
        (Some(_), None) => {
            Err(at(line, "has a zone and DTSTART has none; expected both to have one".to_owned()))
        }
    }
}

fn written(property: &Property<'_>, value: &str, line: usize) -> Result<Written, Problem> {
    let parameter =
        |name: &str| property.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
    let wrong = || {
        let message = format!(
            "{} is {value:?}; expected a time such as 20260105T090000 or 20260105T080000Z",
            property.name
        );
        at(line, message)
    };
    let (plain, utc) = value.strip_suffix('Z').map_or((value, false), |plain| (plain, true));
    let (date, time) = plain.split_once('T').map_or((plain, None), |(date, time)| (date, Some(time)));
    let digits = |text: &str, from: usize, to: usize| {
        text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<i16>().ok()
    };
    let small = |number: Option<i16>| number.and_then(|number| i8::try_from(number).ok());
    let date_of = |text: &str| {
        (text.len() == 8).then_some(())?;
        Date::new(digits(text, 0, 4)?, small(digits(text, 4, 6))?, small(digits(text, 6, 8))?).ok()
    };
    let time_of = |text: &str| {
        (text.len() == 6).then_some(())?;
        let second = small(digits(text, 4, 6))?.min(59);
        Time::new(small(digits(text, 0, 2))?, small(digits(text, 2, 4))?, second, 0).ok()
    };
    let date = date_of(date).ok_or_else(wrong)?;
    let clock = time.map(|time| time_of(time).ok_or_else(wrong)).transpose()?;
    let zone = match (utc, parameter("TZID")) {
        (true, _) => Some(TimeZone::UTC),
        (false, Some(name)) => Some(TimeZone::get(name.trim_start_matches('/')).map_err(|_| {
            at(line, format!("time zone {name:?} is not known; expected one such as Europe/Berlin"))
        })?),
        (false, None) => None,
    };
    Ok(Written { time: date.to_datetime(clock.unwrap_or(Time::midnight())), zone, is_date: clock.is_none() })
}

/// `P1W`, `P2D`, `PT12H30M`.
fn length_s(text: &str) -> Option<i64> {
    let rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (mut total, mut number, mut of_day) = (0_i64, None::<i64>, false);
    for letter in rest.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(digit))?);
            continue;
        }
        if letter == 'T' {
            of_day = true;
            continue;
        }
        let unit = match (letter, of_day) {
            ('W', false) => 7 * 24 * 3_600,
            ('D', false) => 24 * 3_600,
            ('H', true) => 3_600,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    (number.is_none() && total > 0).then_some(total)
}

fn recurrence(rule: &str, zone: Option<&TimeZone>) -> Result<Recurrence, String> {
    let mut found = Recurrence {
        weekly: false,
        interval: 1,
        days: Vec::new(),
        week_start: Weekday::Monday,
        count: None,
        until: None,
    };
    let mut frequency = None;
    for part in rule.split(';').filter(|part| !part.is_empty()) {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("RRULE has {part:?}; expected KEY=VALUE"))?;
        let refused = || format!("RRULE has {part:?}, which is not understood");
        match key {
            "FREQ" => frequency = Some(value),
            "INTERVAL" => {
                found.interval = value
                    .parse()
                    .ok()
                    .filter(|interval| (1..=10_000).contains(interval))
                    .ok_or_else(refused)?;
            }
            "COUNT" => found.count = Some(value.parse().map_err(|_| refused())?),
            "UNTIL" => {
                let property = Property { name: "UNTIL".to_owned(), parameters: Vec::new(), value };
                let until = written(&property, value, 1).map_err(|problem| problem.message)?;
                let time =
                    in_zone(&until, zone.or(until.zone.as_ref()), 1).map_err(|problem| problem.message)?;
                // A date means all of its day.
                found.until = Some(if until.is_date { time.date().to_datetime(Time::MAX) } else { time });
            }
            "BYDAY" => {
                for day in value.split(',') {
                    let expected = "expected days such as MO,TU without numbers";
                    found.days.push(weekday(day).ok_or_else(|| format!("{}; {expected}", refused()))?);
                }
            }
            "WKST" => found.week_start = weekday(value).ok_or_else(refused)?,
            _ => return Err(format!("{}; expected FREQ, INTERVAL, COUNT, UNTIL, BYDAY, WKST", refused())),
        }
    }
    match frequency {
        Some("DAILY") => Ok(found),
        Some("WEEKLY") => Ok(Recurrence { weekly: true, ..found }),
        _ => Err(format!(
            "RRULE has FREQ={}; expected FREQ=DAILY or FREQ=WEEKLY",
            frequency.unwrap_or_default()
        )),
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    let days = [
        ("MO", Weekday::Monday),
        ("TU", Weekday::Tuesday),
        ("WE", Weekday::Wednesday),
        ("TH", Weekday::Thursday),
        ("FR", Weekday::Friday),
        ("SA", Weekday::Saturday),
        ("SU", Weekday::Sunday),
    ];
    days.into_iter().find(|(word, _)| *word == name).map(|(_, day)| day)
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n' | 'N') => out.push(' '),
                Some(other) => out.push(other),
                None => {}
            },
            (letter, false) => out.push(letter),
        }
    }
    out
}
