//! Schedules: layers of rotations and calendars over each other, and overrides over all of them.

use crate::calendar::Calendar;
use crate::remote::Remote;
use crate::shift::{Shift, flattened, joined, overlay};
use crate::wall::{first_ms, shown};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use std::collections::BTreeSet;

const HOUR_S: i64 = 3_600;
/// How far a question about the next shift looks.
const AHEAD_MS: i64 = 90 * 24 * HOUR_S * 1_000;

/// Who is on call when.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Whose clock counts.
    pub zone: TimeZone,
    /// Its layers; a later one goes before those above it.
    pub layers: Vec<Layer>,
    /// The overrides of the configuration; a later one goes before those above it.
    pub overrides: Vec<Stand>,
}

/// Somebody stands in for whoever would be on call. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    /// Who.
    pub people: Vec<String>,
    /// From when.
    pub from_ms: i64,
    /// Until when.
    pub to_ms: i64,
    /// Why.
    pub note: String,
}

/// A layer of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// What it takes its people from.
    pub source: Source,
    /// When it holds; always, where there are none.
    pub restrictions: Vec<Restriction>,
}

/// What a layer takes its people from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// People who take turns.
    Rotation(Rotation),
    /// A calendar.
    Calendar(Calendar),
    /// A calendar at an address.
    Remote(Remote),
}

/// People who take turns. Handovers are at times of the clock on the wall: a weekly turn that begins on Monday at nine
/// does so in summer and in winter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The first handover.
    pub start: DateTime,
    /// When there are no more turns.
    pub end: Option<DateTime>,
    /// How long a turn is, in hours of the clock, at least one.
    pub turn_hours: i64,
    /// Whose turn it is, in order, at least one; several people may share a turn.
    pub people: Vec<Vec<String>>,
}

/// Days and times at which a layer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// From which minute of the day.
    pub from_minute: i64,
    /// Until which; where it is not after `from_minute`, on the next day.
    pub to_minute: i64,
}

impl Rotation {
    /// The moment of a handover, counted from the first.
    fn handover_ms(&self, zone: &TimeZone, number: i64) -> i64 {
        let hours = number.saturating_mul(self.turn_hours);
        let time = self.start.checked_add(SignedDuration::from_secs(hours.saturating_mul(HOUR_S)));
        time.map_or(i64::MAX / 4, |time| first_ms(zone, time))
    }

    /// The last handover at a moment or before; it may be before the first one.
    fn number_at(&self, zone: &TimeZone, at_ms: i64) -> i64 {
        let past = shown(zone, at_ms).duration_since(self.start).as_secs();
        let mut number = past.div_euclid(self.turn_hours.saturating_mul(HOUR_S));
        // The clock may have been set since.
        while self.handover_ms(zone, number + 1) <= at_ms {
            number += 1;
        }
        while self.handover_ms(zone, number) > at_ms {
            number -= 1;
        }
        number
    }

    fn shifts(&self, zone: &TimeZone, from_ms: i64, to_ms: i64, by: &str) -> Vec<Shift> {
        let to_ms = self.end.map_or(to_ms, |end| to_ms.min(first_ms(zone, end)));
        let mut shifts = Vec::new();
        let mut number = self.number_at(zone, from_ms).max(0);
        let turns = i64::try_from(self.people.len()).unwrap_or(i64::MAX).max(1);
        loop {
            let begins_ms = self.handover_ms(zone, number);
            if begins_ms >= to_ms {
                return shifts;
            }
            let turn = usize::try_from(number.rem_euclid(turns)).unwrap_or_default();
            let shift = Shift {
                from_ms: begins_ms,
                to_ms: self.handover_ms(zone, number + 1),
                people: self.people.get(turn).cloned().unwrap_or_default(),
                by: by.to_owned(),
            };
            // A turn that the clock passed over is no shift.
            shifts.extend(shift.within(from_ms, to_ms));
            number += 1;
        }
    }
}

impl Restriction {
    fn windows(&self, zone: &TimeZone, from_ms: i64, to_ms: i64, windows: &mut Vec<Shift>) {
        let at = |date: Date, minute: i64| {
            let midnight = date.to_datetime(jiff::civil::Time::midnight());
            midnight.checked_add(SignedDuration::from_secs(minute * 60)).ok()
        };
        let mut date = shown(zone, from_ms).date().saturating_sub(2.days());
        let last = shown(zone, to_ms).date().saturating_add(1.day());
        while date <= last {
            if self.days.contains(&date.weekday()) {
                let ends = if self.to_minute > self.from_minute { 0 } else { 24 * 60 };
                if let (Some(from), Some(to)) = (at(date, self.from_minute), at(date, self.to_minute + ends))
                {
                    windows.push(Shift {
                        from_ms: first_ms(zone, from),
                        to_ms: first_ms(zone, to),
                        people: Vec::new(),
                        by: String::new(),
                    });
                }
            }
            let Ok(next) = date.tomorrow() else { return };
            date = next;
        }
    }
}

impl Layer {
    /// Its shifts in a range, in order; they do not overlap.
    pub fn shifts(&self, zone: &TimeZone, from_ms: i64, to_ms: i64) -> Vec<Shift> {
        let shifts = match &self.source {
            Source::Rotation(rotation) => rotation.shifts(zone, from_ms, to_ms, &self.name),
            Source::Calendar(calendar) | Source::Remote(Remote { calendar, .. }) => {
                flattened(calendar.shifts(zone, from_ms, to_ms, &self.name))
            }
        };
        if self.restrictions.is_empty() {
            return joined(shifts);
        }
        let mut windows = Vec::new();
        for restriction in &self.restrictions {
            restriction.windows(zone, from_ms, to_ms, &mut windows);
        }
        windows.retain(|window| window.from_ms < window.to_ms);
        let windows = flattened(windows);
        let mut held = Vec::new();
        let mut first = 0;
        for shift in shifts {
            first += windows.iter().skip(first).take_while(|window| window.to_ms <= shift.from_ms).count();
            let over = windows.iter().skip(first).take_while(|window| window.from_ms < shift.to_ms);
            held.extend(over.filter_map(|window| shift.within(window.from_ms, window.to_ms)));
        }
        joined(held)
    }

    /// Everybody who may be in it.
    fn people(&self) -> BTreeSet<&str> {
        match &self.source {
            Source::Rotation(rotation) => rotation.people.iter().flatten().map(String::as_str).collect(),
            Source::Calendar(calendar) | Source::Remote(Remote { calendar, .. }) => {
                calendar.people().collect()
            }
        }
    }
}

impl Schedule {
    /// Who is on call in a range, in order, without overlaps: `overrides`, the latest before the others, before those of
    /// the configuration, before the layers. Where nobody is, there is no shift.
    pub fn shifts(&self, from_ms: i64, to_ms: i64, overrides: &[Stand]) -> Vec<Shift> {
        let mut shifts = Vec::new();
        for layer in &self.layers {
            shifts = overlay(shifts, &layer.shifts(&self.zone, from_ms, to_ms));
        }
        for stand in self.overrides.iter().chain(overrides) {
            let over = Shift {
                from_ms: stand.from_ms,
                to_ms: stand.to_ms,
                people: stand.people.clone(),
                by: "override".to_owned(),
            };
            if let Some(over) = over.within(from_ms, to_ms) {
                shifts = overlay(shifts, &[over]);
            }
        }
        shifts
    }

    /// Who is on call at a moment; nobody is an empty list.
    pub fn on_call(&self, at_ms: i64, overrides: &[Stand]) -> Vec<String> {
        let shifts = self.shifts(at_ms, at_ms.saturating_add(1), overrides);
        shifts.into_iter().next().map(|shift| shift.people).unwrap_or_default()
    }

    /// Who is on call at a moment and until when, and the shift after it; within ninety days.
    pub fn now_and_next(&self, at_ms: i64, overrides: &[Stand]) -> (Option<Shift>, Option<Shift>) {
        let mut shifts = self.shifts(at_ms, at_ms.saturating_add(AHEAD_MS), overrides).into_iter();
        let first = shifts.next();
        if first.as_ref().is_some_and(|shift| shift.from_ms > at_ms) {
            return (None, first);
        }
        (first, shifts.next())
    }

    /// Everybody who may be on call, sorted.
    pub fn people(&self) -> BTreeSet<&str> {
        self.layers.iter().flat_map(Layer::people).collect()
    }

    /// The times of a range at which nobody is on call.
    pub fn gaps(from_ms: i64, to_ms: i64, shifts: &[Shift]) -> Vec<(i64, i64)> {
        let mut gaps = Vec::new();
        let mut at_ms = from_ms;
        for shift in shifts {
            if shift.from_ms > at_ms {
                gaps.push((at_ms, shift.from_ms));
            }
            at_ms = at_ms.max(shift.to_ms);
        }
        if at_ms < to_ms {
            gaps.push((at_ms, to_ms));
        }
        gaps
    }
}

#[cfg(test)]
mod tests;
