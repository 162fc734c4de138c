//! Time intervals: when a route is muted, or active only.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// An interval of time that routes name: the union of its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedInterval {
    /// Its name, one of a kind.
    pub name: String,
    /// Its parts.
    pub parts: Vec<TimeInterval>,
}

impl NamedInterval {
    /// Whether a time, in milliseconds since the Unix epoch, is inside.
    pub fn contains(&self, at_ms: i64) -> bool {
        self.parts.iter().any(|part| part.contains(at_ms))
    }
}

/// Part of an interval: a time is inside when every list that is not empty holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeInterval {
    /// Minutes of the day, the first inside, the last outside.
    pub times: Vec<(u16, u16)>,
    /// Days of the week, Sunday is 0; both ends are inside, as in all that follow.
    pub weekdays: Vec<(i32, i32)>,
    /// Days of the month from 1, or counted from its end, from -1.
    pub days_of_month: Vec<(i32, i32)>,
    /// Months from 1.
    pub months: Vec<(i32, i32)>,
    /// Years.
    pub years: Vec<(i32, i32)>,
    /// Whose clock counts; `None` for UTC.
    pub location: Option<TimeZone>,
}

impl TimeInterval {
    /// Whether a time, in milliseconds since the Unix epoch, is inside.
    pub fn contains(&self, at_ms: i64) -> bool {
        let Ok(at) = Timestamp::from_millisecond(at_ms) else { return false };
        let zone = self.location.clone().unwrap_or(TimeZone::UTC);
        self.contains_civil(at.to_zoned(zone).datetime())
    }

    fn contains_civil(&self, at: DateTime) -> bool {
        let minute = u16::from(at.hour().unsigned_abs()) * 60 + u16::from(at.minute().unsigned_abs());
        let date = at.date();
        let weekday = i32::from(date.weekday().to_sunday_zero_offset());
        (self.times.is_empty() || self.times.iter().any(|(from, to)| (*from..*to).contains(&minute)))
            && (self.days_of_month.is_empty()
                || self.days_of_month.iter().any(|range| in_month(*range, date)))
            && within(&self.months, i32::from(date.month()))
            && within(&self.weekdays, weekday)
            && within(&self.years, i32::from(date.year()))
    }
}

fn within(ranges: &[(i32, i32)], value: i32) -> bool {
    ranges.is_empty() || ranges.iter().any(|(from, to)| (*from..=*to).contains(&value))
}

/// Days that the month does not have are cut off; a range that begins after its last day holds none of it.
fn in_month((from, to): (i32, i32), date: Date) -> bool {
    let days = i32::from(date.days_in_month());
    let counted = |day: i32| if day < 0 { days + day + 1 } else { day };
    let (from, to) = (counted(from), counted(to));
    from <= days && (from.max(-days)..=to.clamp(-days, days)).contains(&i32::from(date.day()))
}

#[cfg(test)]
mod tests;
