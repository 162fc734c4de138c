//! Which label exploded: the different values of each label among the series lately made or refused.

use super::distinct::Distinct;
use super::labels::HashedSeries;

/// Labels that are told apart; beyond, the label names themselves explode.
const MAX_LABELS: usize = 64;

/// The label with the most values among the series that a scope lately made or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// The label's name; empty when it is the label names themselves that are ever new.
    pub label: String,
    /// How many different values it has.
    pub values: u64,
    /// Among how many series.
    pub series: u64,
    /// Whether the values were counted one by one, not estimated.
    pub is_exact: bool,
}

/// One span of time.
#[derive(Debug, Default)]
struct Span {
    series: Distinct,
    /// In the order in which they were first seen, which is mostly that of the next series too.
    labels: Vec<(Box<[u8]>, Distinct)>,
    /// Names of labels beyond [`MAX_LABELS`].
    other_names: Distinct,
}

impl Span {
    fn feed(&mut self, series: &HashedSeries<'_>) {
        // What is refused comes again and again.
        self.series.add(series.hash);
        let mut expected = 0;
        for label in &series.labels {
            let at = match self.labels.get(expected) {
                Some((name, _)) if **name == *label.name => Some(expected),
                _ => self.labels.iter().position(|(name, _)| **name == *label.name),
            };
            let room = self.labels.len() < MAX_LABELS;
            match at.and_then(|at| self.labels.get_mut(at)) {
                Some((_, values)) => values.add(label.value_hash),
                None if room => {
                    let mut values = Distinct::default();
                    values.add(label.value_hash);
                    self.labels.push((label.name.into(), values));
                }
                None => self.other_names.add(label.name_hash),
            }
            expected = at.unwrap_or(expected) + 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.series.merge(&other.series);
        for (name, values) in &other.labels {
            match self.labels.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.merge(values),
                None => {
                    let mut copy = Distinct::default();
                    copy.merge(values);
                    self.labels.push((name.clone(), copy));
                }
            }
        }
        self.other_names.merge(&other.other_names);
    }

    fn bytes(&self) -> usize {
        let labels: usize =
            self.labels.iter().map(|(name, values)| size_of_val(&**name) + 64 + values.bytes()).sum();
        size_of::<Self>() + self.series.bytes() + labels + self.other_names.bytes()
    }
}

/// What one scope's new series look like, over this hour and the one before.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    now: Span,
    before: Option<Box<Span>>,
}

impl Tracker {
    /// Notes a series that was made or refused.
    pub(super) fn feed(&mut self, series: &HashedSeries<'_>) {
        self.now.feed(series);
    }

    /// Begins a new hour; returns whether anything is left to remember.
    pub(super) fn turn(&mut self) -> bool {
        let now = std::mem::take(&mut self.now);
        self.before = (now.series.count() > 0).then(|| Box::new(now));
        self.before.is_some()
    }

    /// The label with the most values; the first in name order among equals.
    pub(super) fn culprit(&self) -> Option<Culprit> {
        let mut all = Span::default();
        let both = self.before.as_deref().map(|before| {
            all.merge(before);
            all.merge(&self.now);
            &all
        });
        let span = both.unwrap_or(&self.now);
        let names = span.other_names.count();
        let worst = span.labels.iter().max_by(|(left_name, left), (right_name, right)| {
            left.count().cmp(&right.count()).then_with(|| right_name.cmp(left_name))
        });
        let (name, values) = worst?;
        let (label, values, is_exact) = if names > values.count() {
            (String::new(), names, span.other_names.is_exact())
        } else {
            (String::from_utf8_lossy(name).into_owned(), values.count(), values.is_exact())
        };
        let series = span.series.count();
        Some(Culprit { label, values: values.min(series), series, is_exact })
    }

    pub(super) fn bytes(&self) -> usize {
        self.now.bytes() + self.before.as_ref().map_or(0, |before| before.bytes())
    }
}

#[cfg(test)]
mod tests;
