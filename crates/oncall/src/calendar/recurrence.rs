//! Repetitions: `RRULE` as far as plans of who is on call need it.

use jiff::civil::{DateTime, Weekday};
use jiff::{Span, ToSpan};

/// No calendar repeats an event more often than this is looked through.
const MOST: usize = 200_000;

/// How an event repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recurrence {
    /// By weeks rather than by days.
    pub(crate) weekly: bool,
    /// Every so many days or weeks.
    pub(crate) interval: i64,
    /// On these days of the week only; by weeks without any: on that of the first.
    pub(crate) days: Vec<Weekday>,
    /// On which day weeks begin.
    pub(crate) week_start: Weekday,
    /// How often at most, the first and those that are left out included.
    pub(crate) count: Option<usize>,
    /// Not after this, by the event's clock.
    pub(crate) until: Option<DateTime>,
}

impl Recurrence {
    pub(crate) fn starts(&self, first: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let days =
            if self.weekly && self.days.is_empty() { vec![first.weekday()] } else { self.days.clone() };
        let first_week =
            first.date().saturating_sub(i64::from(first.weekday().since(self.week_start)).days());
        let candidates = (0_i64..).map_while(move |number| {
            if self.weekly {
                // Day by day, in every `interval`th week.
                let week =
                    (number / 7).checked_mul(self.interval)?.checked_mul(7)?.checked_add(number % 7)?;
                let date = first_week.checked_add(Span::new().try_days(week).ok()?).ok()?;
                Some(date.to_datetime(first.time()))
            } else {
                first.checked_add(Span::new().try_days(number.checked_mul(self.interval)?).ok()?).ok()
            }
        });
        candidates
            .filter(move |start| *start >= first && (days.is_empty() || days.contains(&start.weekday())))
            .take_while(|start| self.until.is_none_or(|until| *start <= until))
            .take(self.count.unwrap_or(MOST).min(MOST))
    }
}
