//! `schedules`.

use super::{Reader, zone};
use crate::calendar::Calendar;
use crate::remote::Remote;
use crate::schedule::{Layer, Restriction, Rotation, Schedule, Source, Stand};
use crate::wall::first_ms;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use std::time::Duration;
use watchfire_settings::yaml::{Node, Place};
use watchfire_settings::{Fault, Problem, Secret, Section};

/// The longest turn, in hours: a year.
const LONGEST_TURN: i64 = 366 * 24;
/// How often a calendar at an address is read, where nothing is said, and at most.
const USUAL_REFRESH: Duration = Duration::from_secs(15 * 60);
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl Reader<'_> {
    pub(super) fn schedule(&mut self, node: Node) -> Option<Schedule> {
        let read = self.try_schedule(node);
        self.keep(read)
    }

    fn try_schedule(&mut self, node: Node) -> Result<Schedule, Problem> {
        let mut section = Section::open_item(node, "schedule")?;
        let (name, place) = section.required_text("name")?;
        if self.read.schedule(&name).is_some() {
            return Err(Problem::new(
                place,
                format!("schedule {name:?} stands twice; expected another name"),
            ));
        }
        let (zone_name, place) = section.required_text("time_zone")?;
        let zone = zone(&zone_name, place)?;
        let mut layers: Vec<Layer> = Vec::new();
        for (index, node) in section.list("layers")?.into_iter().enumerate() {
            let layer = self.layer(node, index + 1)?;
            layers.push(layer);
        }
        if layers.is_empty() {
            return Err(section.problem(format!("schedule {name:?} has no layers; expected at least one")));
        }
        let mut overrides = Vec::new();
        for node in section.list("overrides")? {
            overrides.push(self.stand(node, &zone)?);
        }
        section.finish()?;
        Ok(Schedule { name, zone, layers, overrides })
    }

    fn layer(&mut self, node: Node, number: usize) -> Result<Layer, Problem> {
        let mut section = Section::open_item(node, "layer")?;
        let name = section.text("name")?.unwrap_or_else(|| format!("layer {number}"));
        let mut restrictions = Vec::new();
        for node in section.list("restrictions")? {
            restrictions.push(restriction(node)?);
        }
        let source = match section.placed_text("calendar_file")? {
            Some((file, place)) => {
                excludes(
                    &section,
                    "calendar_file",
                    &["calendar_url", "calendar_url_file", "calendar_refresh"],
                )?;
                Source::Calendar(self.calendar(&file, place)?)
            }
            None => match self.remote(&mut section)? {
                Some(remote) => Source::Remote(remote),
                None => Source::Rotation(self.rotation(&mut section)?),
            },
        };
        section.finish()?;
        Ok(Layer { name, source, restrictions })
    }

    /// A calendar at an address; it is read when the file is in force.
    fn remote(&self, section: &mut Section) -> Result<Option<Remote>, Problem> {
        let given = section.placed_text("calendar_url")?;
        let file = section.placed_text("calendar_url_file")?;
        let refresh = section.placed_duration("calendar_refresh")?;
        let (url, place) = match (given, file) {
            (None, None) => {
                return match refresh {
                    Some((_, place)) => Err(Problem::new(
                        place,
                        "calendar_refresh without calendar_url; expected both or none",
                    )),
                    None => Ok(None),
                };
            }
            (Some(_), Some((_, place))) => {
                let message = "calendar_url_file beside calendar_url; expected one of them";
                return Err(Problem::new(place, message));
            }
            (Some(given), None) => given,
            (None, Some((file, place))) => {
                let path = self.path.parent().unwrap_or(std::path::Path::new("")).join(&file);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| Problem::new(place, format!("calendar_url_file {file:?}: {error}")))?;
                (text.trim().to_owned(), place)
            }
        };
        excludes(section, "calendar_url", &[])?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        // The address itself is not told: it may be a secret.
        if rest
            .is_none_or(|rest| rest.is_empty() || rest.starts_with('/') || url.contains(char::is_whitespace))
        {
            let message =
                "calendar_url is no address; expected one such as \"https://calendar.example/team.ics\"";
            return Err(Problem::new(place, message));
        }
        if let Some((_, place)) = refresh.filter(|(refresh, _)| *refresh < SHORTEST_REFRESH) {
            return Err(Problem::new(place, "calendar_refresh is shorter than 10s; expected 10s or longer"));
        }
        let refresh = refresh.map_or(USUAL_REFRESH, |(refresh, _)| refresh);
        Ok(Some(Remote { url: Secret::new(url), refresh, calendar: Calendar::default() }))
    }

    fn rotation(&self, section: &mut Section) -> Result<Rotation, Problem> {
        let (length, place) = section.required_text("rotation")?;
        let wrong = || {
            let message =
                format!("rotation is {length:?}; expected daily, weekly, or whole hours such as 12h or 14d");
            Problem::new(place, message)
        };
        let turn_hours = match length.as_str() {
            "daily" => 24,
            "weekly" => 7 * 24,
            other => {
                let seconds = watchfire_model::duration::parse(other).map_err(|_| wrong())?.as_secs();
                let hours = i64::try_from(seconds / 3_600).map_err(|_| wrong())?;
                if seconds % 3_600 != 0 || !(1..=LONGEST_TURN).contains(&hours) {
                    return Err(wrong());
                }
                hours
            }
        };
        let (start, place) = section.required_text("start")?;
        let start = time(&start, place)?;
        let end = section.placed_text("end")?.map(|(end, place)| time(&end, place)).transpose()?;
        let mut people = Vec::new();
        for node in section.list("people")? {
            people.push(self.people_of(node)?);
        }
        if people.is_empty() {
            return Err(section.problem("people is missing in a layer; expected who takes turns, in order"));
        }
        Ok(Rotation { start, end, turn_hours, people })
    }

    fn calendar(&mut self, file: &str, place: Place) -> Result<Calendar, Problem> {
        let path = self.path.parent().unwrap_or(std::path::Path::new("")).join(file);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Problem::new(place, format!("calendar_file {file:?}: {error}")))?;
        match self.read.read_calendar(&text) {
            Ok(calendar) => Ok(calendar),
            Err(problem) => {
                let fault: Fault = problem.in_file(&path);
                self.faults.push(fault);
                // The schedule goes on being read, so that the rest of what is wrong is told as well.
                Ok(Calendar::default())
            }
        }
    }

    fn stand(&self, node: Node, zone: &TimeZone) -> Result<Stand, Problem> {
        let mut section = Section::open_item(node, "override")?;
        let people = match section.take("people") {
            Some(node) => self.people_of(node)?,
            None => Vec::new(),
        };
        if people.is_empty() {
            return Err(section.problem("people is missing in an override; expected who is on call"));
        }
        let mut moment = |key: &'static str| -> Result<i64, Problem> {
            let (text, place) = section.required_text(key)?;
            Ok(first_ms(zone, time(&text, place)?))
        };
        let (from_ms, to_ms) = (moment("from")?, moment("to")?);
        if from_ms >= to_ms {
            return Err(section.problem("the override ends before it begins; expected from before to"));
        }
        let note = section.text("note")?.unwrap_or_default();
        section.finish()?;
        Ok(Stand { people, from_ms, to_ms, note })
    }
}

/// A layer takes its people from one place.
fn excludes(section: &Section, from: &str, more: &[&str]) -> Result<(), Problem> {
    for key in ["rotation", "start", "end", "people"].iter().chain(more) {
        if let Some(place) = section.has(key) {
            let message = format!("a layer with {from} has no {key}; expected one or the other");
            return Err(Problem::new(place, message));
        }
    }
    Ok(())
}

/// A time of the schedule's clock: `2026-01-05 09:00`.
fn time(text: &str, place: Place) -> Result<DateTime, Problem> {
    text.parse().map_err(|_| {
        Problem::new(place, format!("{text:?} is no time; expected one such as \"2026-01-05 09:00\""))
    })
}

fn restriction(node: Node) -> Result<Restriction, Problem> {
    let mut section = Section::open_item(node, "restriction")?;
    let mut days = Vec::new();
    for node in section.list("days")? {
        let place = node.place;
        let text = watchfire_settings::section::text(node)?;
        days.extend(days_of(&text).ok_or_else(|| {
            Problem::new(place, format!("days has {text:?}; expected days such as monday or monday:friday"))
        })?);
    }
    if days.is_empty() {
        days = DAYS.map(|(_, day)| day).to_vec();
    }
    let from_minute = section.placed_text("from")?.map_or(Ok(0), |(text, place)| minute(&text, place))?;
    let to_minute = section.placed_text("to")?.map_or(Ok(24 * 60), |(text, place)| minute(&text, place))?;
    section.finish()?;
    Ok(Restriction { days, from_minute, to_minute })
}

fn days_of(text: &str) -> Option<Vec<Weekday>> {
    let text = text.to_lowercase();
    let number = |name: &str| DAYS.iter().position(|(day, _)| *day == name || day.get(..3) == Some(name));
    let (from, to) = text.split_once(':').unwrap_or((&text, &text));
    let (from, to) = (number(from.trim())?, number(to.trim())?);
    let to = if to < from { to + 7 } else { to };
    let days = (from..=to).filter_map(|number| DAYS.get(number % 7)).map(|(_, day)| *day);
    Some(days.collect())
}

fn minute(text: &str, place: Place) -> Result<i64, Problem> {
    let wrong = || Problem::new(place, format!("{text:?} is no time of day; expected one such as \"09:00\""));
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number =
        |text: &str| Some(text).filter(|text| text.len() <= 2 && !text.starts_with('+'))?.parse::<i64>().ok();
    let (hour, minute) = (number(hour).ok_or_else(wrong)?, number(minute).ok_or_else(wrong)?);
    let all = hour * 60 + minute;
    if hour < 0 || !(0..60).contains(&minute) || all > 24 * 60 {
        return Err(wrong());
    }
    Ok(all)
}
