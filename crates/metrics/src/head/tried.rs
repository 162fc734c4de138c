//! Patterns tried on the values of a label before any lock is held for long.
//!
//! A label may have a million values, and a pattern takes most of a second for them, in which no series could be made
//! and no batch begun. So the values are copied out, some at a time, tried without a lock, and what the pattern said is
//! looked up with the lock held. Values that came or went meanwhile are noticed, and tried then.

use super::Registry;
use super::pairs::Pairs;
use crate::part::prefix_of;
use crate::reading;
use std::sync::RwLock;
use watchfire_model::Matcher;
use watchfire_model::labels::LabelPair;

/// Fewer values than this take no time to speak of.
const MANY_VALUES: usize = 1024;
/// So many are copied out while others wait.
const COPIED_AT_ONCE: usize = 8192;

/// What one condition says about the values of its label, by their place in the list of the name.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    said: Vec<(LabelPair, bool)>,
}

/// Whether the condition can be answered by looking its values up.
pub(super) fn is_finite(matcher: &Matcher) -> bool {
    matcher.finite_values().is_some() && !matcher.matches_empty()
}

/// Whether a value satisfies a condition; `prefix` is what [`prefix_of`] says of it.
fn says(matcher: &Matcher, prefix: &str, value: &str) -> bool {
    value.starts_with(prefix) && matcher.matches(value)
}

impl Tried {
    /// Tries each condition for which that is worth it.
    pub(super) fn each(matchers: &[Matcher], registry: &RwLock<Registry>) -> Vec<Self> {
        matchers.iter().map(|matcher| Self::new(matcher, registry)).collect()
    }

    fn new(matcher: &Matcher, registry: &RwLock<Registry>) -> Self {
        let mut said = Vec::new();
        if is_finite(matcher) {
            return Self { said };
        }
        let prefix = prefix_of(matcher);
        loop {
            let some: Vec<LabelPair> = {
                let registry = reading(registry);
                let ids = registry.pairs.of_name(&matcher.name);
                if ids.len() < MANY_VALUES {
                    return Self::default();
                }
                let ids = ids.iter().skip(said.len()).take(COPIED_AT_ONCE);
                ids.filter_map(|id| registry.pairs.get(*id).cloned()).collect()
            };
            if some.is_empty() {
                return Self { said };
            }
            said.extend(some.into_iter().map(|pair| {
                let it_says = says(matcher, prefix, pair.value());
                (pair, it_says)
            }));
        }
    }

    /// The numbers of the pairs about which the condition says `wanted`.
    pub(super) fn pairs(&self, matcher: &Matcher, wanted: bool, pairs: &Pairs, mut each: impl FnMut(u32)) {
        let prefix = prefix_of(matcher);
        for (place, id) in pairs.of_name(&matcher.name).iter().enumerate() {
            let Some(pair) = pairs.get(*id) else { continue };
            let known = self.said.get(place).filter(|(known, _)| known == pair);
            let it_says = known.map_or_else(|| says(matcher, prefix, pair.value()), |(_, said)| *said);
            if it_says == wanted {
                each(*id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchfire_model::{Labels, MatchOp};

    #[test]
    fn values_that_come_and_go_after_the_trial_are_noticed() {
        let registry = RwLock::new(Registry::default());
        let name = |number: usize| Labels::from_pairs([("id", format!("{number:04}").as_str())]);
        let take = |number| registry.write().unwrap().pairs.take(&name(number)).unwrap();
        let mut kept: Vec<_> = (0..2 * MANY_VALUES).map(take).collect();
        let matcher = Matcher::new("id", MatchOp::Regex, "00.[13]|0.*5").unwrap();
        let tried = Tried::new(&matcher, &registry);
        assert_eq!(tried.said.len(), kept.len());
        // The last takes the place of one that goes, and new ones come.
        for place in [1030, 31, 5] {
            registry.write().unwrap().pairs.give_back(&kept.swap_remove(place));
        }
        kept.extend([5, 7, 31, 9005].map(take));
        let registry = registry.read().unwrap();
        for wanted in [true, false] {
            let mut found = Vec::new();
            tried.pairs(&matcher, wanted, &registry.pairs, |id| found.push(id));
            let mut expected = Vec::new();
            Tried::default().pairs(&matcher, wanted, &registry.pairs, |id| expected.push(id));
            assert_eq!(found, expected);
            let says = |id: &u32| matcher.matches(registry.pairs.get(*id).unwrap().value()) == wanted;
            assert!(found.iter().all(says) && !found.is_empty(), "{wanted}");
        }
    }
}
