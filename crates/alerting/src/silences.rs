//! Silences, and which of them mute an alert.

use crate::matchers::{AlertMatcher, MatcherMode};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use watchfire_ledger::{Silence, SilenceMatcher};
use watchfire_model::Labels;
use watchfire_model::matcher::MatchOp;

/// Where a silence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SilenceState {
    /// It mutes.
    Active,
    /// It will.
    Pending,
    /// It did.
    Expired,
}

impl SilenceState {
    /// Where a silence stands at a time.
    pub const fn of(silence: &Silence, now_ms: i64) -> Self {
        if silence.ends_ms <= now_ms {
            Self::Expired
        } else if silence.starts_ms > now_ms {
            Self::Pending
        } else {
            Self::Active
        }
    }

    /// Alertmanager's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// How many silences there may be, and how large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SilenceLimits {
    /// How many, the expired ones included; 0 for any number.
    pub count: usize,
    /// How many bytes one may have; 0 for any number.
    pub size_bytes: usize,
}

/// Why a silence was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SilenceError {
    /// There is none with that id.
    #[error("silence not found")]
    NotFound,
    /// It does not say what a silence must.
    #[error("{0}")]
    Invalid(String),
    /// It is over already.
    #[error("silence {0} already expired")]
    Expired(String),
    /// It could not be kept.
    #[error(transparent)]
    Ledger(#[from] watchfire_ledger::LedgerError),
}

/// A set of matchers of a silence.
type Slot = (String, usize);

/// All silences, found by what they look for.
#[derive(Default)]
pub(crate) struct Silences {
    all: BTreeMap<String, Compiled>,
    /// Sets that ask for one value of a label, by name and value.
    by_value: HashMap<String, HashMap<String, Vec<Slot>>>,
    /// The others.
    rest: Vec<Slot>,
}

struct Compiled {
    silence: Silence,
    sets: Vec<Vec<AlertMatcher>>,
}

impl fmt::Debug for Silences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Silences").field("count", &self.all.len()).finish_non_exhaustive()
    }
}

impl Silences {
    pub(crate) fn new(silences: Vec<Silence>) -> Self {
        let mut all = Self::default();
        for silence in silences {
            let id = silence.id.clone();
            if let Err(error) = all.put(silence) {
                tracing::error!(silence = id, %error, "a silence in the ledger cannot be read, it mutes nothing");
            }
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id).map(|compiled| &compiled.silence)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.values().map(|compiled| &compiled.silence)
    }

    /// Adds a silence, or replaces the one with its id.
    pub(crate) fn put(&mut self, silence: Silence) -> Result<(), String> {
        let sets: Vec<Vec<AlertMatcher>> =
            silence.matchers.iter().map(|set| compiled(set)).collect::<Result<_, _>>()?;
        self.remove(&silence.id);
        for (index, set) in sets.iter().enumerate() {
            let slot = (silence.id.clone(), index);
            match one_value(set) {
                Some((name, value)) => {
                    let values = self.by_value.entry(name.to_owned()).or_default();
                    values.entry(value.to_owned()).or_default().push(slot);
                }
                None => self.rest.push(slot),
            }
        }
        self.all.insert(silence.id.clone(), Compiled { silence, sets });
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: &str) {
        let Some(gone) = self.all.remove(id) else { return };
        for set in &gone.sets {
            let Some((name, value)) = one_value(set) else { continue };
            let Some(values) = self.by_value.get_mut(name) else { continue };
            if let Some(slots) = values.get_mut(value) {
                slots.retain(|(slot, _)| slot != id);
                if slots.is_empty() {
                    values.remove(value);
                }
            }
        }
        self.rest.retain(|(slot, _)| slot != id);
    }

    /// The silences that mute an alert with these labels now, by id.
    pub(crate) fn muting(&self, labels: &Labels, now_ms: i64) -> Vec<String> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let known = labels
            .iter()
            .filter_map(|(name, value)| self.by_value.get(name)?.get(value))
            .flatten()
            .chain(&self.rest);
        let mut found: Vec<String> = known
            .filter_map(|(id, index)| self.all.get(id).zip(Some(*index)))
            .filter(|(compiled, index)| {
                SilenceState::of(&compiled.silence, now_ms) == SilenceState::Active
                    && compiled
                        .sets
                        .get(*index)
                        .is_some_and(|set| set.iter().all(|matcher| matcher.matches(labels)))
            })
            .map(|(compiled, _)| compiled.silence.id.clone())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The silences that mute something at a moment, ready for being asked about many alerts.
pub(crate) struct Active<'a> {
    /// Sets that ask for one value of a label, by name and value.
    by_value: Vec<(&'a str, Values<'a>)>,
    /// The others.
    rest: Vec<&'a [AlertMatcher]>,
}

/// The sets that ask for a value.
type Values<'a> = HashMap<&'a str, Vec<&'a [AlertMatcher]>>;

impl Silences {
    /// Those that mute something at a time.
    pub(crate) fn active(&self, now_ms: i64) -> Active<'_> {
        let mut by_value: HashMap<&str, Values<'_>> = HashMap::new();
        let mut rest = Vec::new();
        let active =
            self.all.values().filter(|one| SilenceState::of(&one.silence, now_ms) == SilenceState::Active);
        for set in active.flat_map(|compiled| &compiled.sets) {
            match one_value(set) {
                Some((name, value)) => {
                    by_value.entry(name).or_default().entry(value).or_default().push(set);
                }
                None => rest.push(set.as_slice()),
            }
        }
        Active { by_value: by_value.into_iter().collect(), rest }
    }
}

impl Active<'_> {
    /// Whether one of them mutes an alert with these labels.
    pub(crate) fn mute(&self, labels: &Labels) -> bool {
        let known = self.by_value.iter().filter_map(|(name, values)| values.get(labels.get(name)?)).flatten();
        known.chain(&self.rest).any(|set| set.iter().all(|matcher| matcher.matches(labels)))
    }
}

/// A matcher that only alerts with one value of a label can satisfy.
fn one_value(set: &[AlertMatcher]) -> Option<(&str, &str)> {
    set.iter()
        .find(|matcher| matcher.op() == MatchOp::Equal && !matcher.value().is_empty())
        .map(|matcher| (matcher.name(), matcher.value()))
}

/// A set of matchers, ready to be used.
pub(crate) fn compiled(set: &[SilenceMatcher]) -> Result<Vec<AlertMatcher>, String> {
    set.iter()
        .map(|matcher| {
            let op = match (matcher.is_regex, matcher.is_equal) {
                (false, true) => MatchOp::Equal,
                (false, false) => MatchOp::NotEqual,
                (true, true) => MatchOp::Regex,
                (true, false) => MatchOp::NotRegex,
            };
            AlertMatcher::new(&matcher.name, op, &matcher.value).map_err(|error| error.to_string())
        })
        .collect()
}

/// What is wrong with a silence that somebody wants kept.
pub(crate) fn check(silence: &Silence, mode: MatcherMode) -> Result<(), String> {
    if silence.matchers.is_empty() || silence.matchers.iter().any(Vec::is_empty) {
        return Err("invalid silence: at least one matcher required".to_owned());
    }
    for set in &silence.matchers {
        if let Some((index, matcher)) =
            set.iter().enumerate().find(|(_, matcher)| !mode.is_label_name(&matcher.name))
        {
            return Err(format!(
                "invalid silence: invalid label matcher {index}: invalid label name {:?}",
                matcher.name
            ));
        }
        let matchers = compiled(set).map_err(|error| format!("invalid silence: {error}"))?;
        // Negations are let through, as in Alertmanager: `zone!="test"` is meant.
        if set.iter().zip(&matchers).all(|(written, matcher)| written.is_equal && matcher.matches_empty()) {
            return Err("invalid silence: at least one matcher must not match the empty string".to_owned());
        }
    }
    if silence.ends_ms < silence.starts_ms {
        return Err("invalid silence: end time must not be before start time".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
