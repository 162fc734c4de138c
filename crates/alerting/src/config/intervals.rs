//! `time_intervals` and `mute_time_intervals`, their older name.

use crate::intervals::{NamedInterval, TimeInterval};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use watchfire_settings::yaml::{Node, Value};
use watchfire_settings::{Problem, Section};

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

pub(super) fn take(root: &mut Section, problems: &mut Vec<Problem>) -> BTreeMap<String, NamedInterval> {
    let mut found = BTreeMap::new();
    for key in ["mute_time_intervals", "time_intervals"] {
        let items = root.list(key).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        for (index, item) in items.into_iter().enumerate() {
            let place = item.place;
            match interval(item) {
                Ok(interval) if found.contains_key(&interval.name) => {
                    let message = format!(
                        "{key}[{index}]: time interval {:?} is not unique; expected another name",
                        interval.name
                    );
                    problems.push(Problem::new(place, message));
                }
                Ok(interval) => {
                    found.insert(interval.name.clone(), interval);
                }
                Err(problem) => {
                    problems
                        .push(Problem::new(problem.place, format!("{key}[{index}]: {}", problem.message)));
                }
            }
        }
    }
    found
}

fn interval(node: Node) -> Result<NamedInterval, Problem> {
    let mut section = Section::open_item(node, "time interval")?;
    let name = section.text("name")?.unwrap_or_default();
    if name.is_empty() {
        return Err(section.problem("missing name in time interval; expected a key 'name'"));
    }
    let parts = section.list("time_intervals")?.into_iter().map(part).collect::<Result<_, _>>()?;
    section.finish()?;
    Ok(NamedInterval { name, parts })
}

fn part(node: Node) -> Result<TimeInterval, Problem> {
    let mut section = Section::open(node, "time interval")?;
    let times = section.list("times")?.into_iter().map(time_range).collect::<Result<_, _>>()?;
    let mut ranges = |key: &'static str, kind: Kind| -> Result<Vec<(i32, i32)>, Problem> {
        section.list(key)?.into_iter().map(|node| range(&node, kind)).collect()
    };
    let weekdays = ranges("weekdays", Kind::Weekday)?;
    let days_of_month = ranges("days_of_month", Kind::DayOfMonth)?;
    let months = ranges("months", Kind::Month)?;
    let years = ranges("years", Kind::Year)?;
    let location = section.placed_text("location")?;
    let location = location.map(|(name, place)| zone(&name).map_err(|message| Problem::new(place, message)));
    let location = location.transpose()?.flatten();
    section.finish()?;
    Ok(TimeInterval { times, weekdays, days_of_month, months, years, location })
}

fn zone(name: &str) -> Result<Option<TimeZone>, String> {
    match name {
        "" | "UTC" => Ok(None),
        "Local" => Ok(Some(TimeZone::system())),
        name => TimeZone::get(name).map(Some).map_err(|_| {
            format!("unknown time zone {name:?}; expected a name of the IANA database such as Europe/Berlin, UTC or Local")
        }),
    }
}

fn time_range(node: Node) -> Result<(u16, u16), Problem> {
    let mut section = Section::open_item(node, "range of times")?;
    let mut time = |key: &'static str| -> Result<u16, Problem> {
        let Some((text, place)) = section.placed_text(key)? else {
            return Err(section
                .problem("both start and end times must be provided; expected start_time and end_time"));
        };
        minutes(&text).ok_or_else(|| {
            Problem::new(place, format!("couldn't parse timestamp {text}, invalid format; expected HH:MM"))
        })
    };
    let (from, to) = (time("start_time")?, time("end_time")?);
    if from >= to {
        return Err(section.problem(
            "start time cannot be equal or greater than end time; split what passes midnight in two",
        ));
    }
    section.finish()?;
    Ok((from, to))
}

/// `HH:MM`, up to and with `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let (hours, minutes) =
        (number(hours).filter(|_| hours.len() == 2)?, number(minutes).filter(|_| minutes.len() == 2)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60).then_some(total)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Weekday,
    DayOfMonth,
    Month,
    Year,
}

/// `FROM:TO`, or one value for both.
fn range(node: &Node, kind: Kind) -> Result<(i32, i32), Problem> {
    let Value::Scalar(text, _) = &node.value else {
        return Err(node.expected("a value or a range such as 1:5"));
    };
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split(':').collect();
    let ends = match parts.as_slice() {
        [one] => (*one, *one),
        [from, to] => (*from, *to),
        _ => {
            return Err(
                node.problem(format!("couldn't parse range {text}, invalid format; expected FROM:TO"))
            );
        }
    };
    let value = |text: &str| kind.value(text).map_err(|message| node.problem(message));
    let (from, to) = (value(ends.0)?, value(ends.1)?);
    kind.check(from, to).map_err(|message| node.problem(message))?;
    Ok((from, to))
}

impl Kind {
    fn value(self, text: &str) -> Result<i32, String> {
        let named = |names: &[&str], first: i32| {
            names
                .iter()
                .position(|name| *name == text)
                .and_then(|at| i32::try_from(at).ok())
                .map(|at| at + first)
        };
        let number = text.parse::<i32>().ok();
        match self {
            Self::Weekday => named(&WEEKDAYS, 0)
                .ok_or_else(|| format!("{text} is not a valid weekday; expected one such as monday")),
            Self::Month => named(&MONTHS, 1)
                .or(number.filter(|month| (1..=12).contains(month)))
                .ok_or_else(|| format!("{text} is not a valid month; expected a name or 1 to 12")),
            Self::DayOfMonth => number.filter(|day| *day != 0 && (-31..=31).contains(day)).ok_or_else(|| {
                format!("{text} is not a valid day of the month: out of range; expected 1 to 31 or -31 to -1")
            }),
            Self::Year => number.ok_or_else(|| format!("{text} is not a valid year; expected a number")),
        }
    }

    fn check(self, from: i32, to: i32) -> Result<(), String> {
        match self {
            Self::Weekday if from > to => {
                Err("start day cannot be before end day; the week begins on Sunday".to_owned())
            }
            Self::Month if from > to => {
                Err(format!("end month {to} is before start month {from}; split the range in two"))
            }
            Self::Year if from > to => Err(format!("end year {to} is before start year {from}")),
            Self::DayOfMonth if from < 0 && to > 0 => {
                Err("end day must be negative if start day is negative".to_owned())
            }
            Self::DayOfMonth => {
                // In the shortest month; longer ones may hold what this one does not.
                let counted = |day: i32| if day < 0 { 28 + day } else { day };
                if counted(from) > counted(to) {
                    return Err(format!("end day {to} is always before start day {from}"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
