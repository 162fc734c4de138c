//! Calendars in iCalendar's format (RFC 5545): who is on call as other programs show it, and as other programs plan it.

mod reading;
mod recurrence;
mod writing;

use crate::shift::Shift;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub use reading::parse;
pub(crate) use recurrence::Recurrence;
pub use writing::write;

/// A calendar: whoever an event's summary names is on call during it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calendar {
    /// Its events.
    pub(crate) events: Vec<Event>,
}

/// An event of a calendar, with its repetitions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Who is on call.
    pub(crate) people: Vec<String>,
    /// When it begins, by its clock.
    pub(crate) start: DateTime,
    /// Its clock; that of the schedule where it names none.
    pub(crate) zone: Option<TimeZone>,
    /// How long it is, in seconds of its clock.
    pub(crate) length_s: i64,
    /// How it repeats.
    pub(crate) recurrence: Option<Recurrence>,
    /// The beginnings that are left out.
    pub(crate) except: Vec<DateTime>,
}

impl Calendar {
    /// Everybody who is in it.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        self.events.iter().flat_map(|event| &event.people).map(String::as_str)
    }

    /// Its shifts in a range, in no order; they may overlap.
    pub(crate) fn shifts(&self, zone: &TimeZone, from_ms: i64, to_ms: i64, by: &str) -> Vec<Shift> {
        let mut shifts = Vec::new();
        for event in &self.events {
            let zone = event.zone.as_ref().unwrap_or(zone);
            for start in event.starts() {
                let begins_ms = crate::wall::first_ms(zone, start);
                if begins_ms >= to_ms {
                    break;
                }
                let end = start.checked_add(SignedDuration::from_secs(event.length_s));
                let Ok(end) = end else { break };
                let shift = Shift {
                    from_ms: begins_ms,
                    to_ms: crate::wall::first_ms(zone, end),
                    people: event.people.clone(),
                    by: by.to_owned(),
                };
                shifts.extend(shift.within(from_ms, to_ms));
            }
        }
        shifts
    }
}

impl Event {
    /// When it begins, again and again, in order.
    fn starts(&self) -> Box<dyn Iterator<Item = DateTime> + '_> {
        match &self.recurrence {
            None => Box::new(std::iter::once(self.start)),
            Some(recurrence) => {
                Box::new(recurrence.starts(self.start).filter(|start| !self.except.contains(start)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
