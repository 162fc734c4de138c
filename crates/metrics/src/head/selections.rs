//! Which series selectors found that were asked lately: rules and dashboards ask the same ones again and again.
//!
//! A selection that needs a label pair can only change when a series that has the pair comes or goes. So the index counts
//! for every pair how often that happened, and a selection is good as long as the count of one of its pairs is what it was.
//! Pairs share counters, so that they take next to no memory; then a selection is made anew once too often.

use super::pairs::Pairs;
use crate::{reading, writing};
use hashbrown::HashMap;
use std::sync::{Arc, RwLock};
use watchfire_model::{MatchOp, Matcher};

/// Counters that all pairs share.
const COUNTERS: usize = 4096;
/// Reading a larger selection takes so long that finding it does not matter.
const MAX_SERIES: usize = 1024;
/// About what an entry takes beside its text, its series and what it leans on.
const ENTRY_BYTES: usize = 160;
/// So much may be kept, and more with more series in memory.
const FEW_BYTES: usize = 1 << 20;
const BYTES_PER_SERIES: usize = 32;

/// How often series came and went, by the label pairs that they have. Changed and read under the lock of the index.
#[derive(Debug)]
pub(super) struct Changes(Box<[u64]>);

impl Default for Changes {
    fn default() -> Self {
        Self(vec![0; COUNTERS].into())
    }
}

impl Changes {
    /// A series that has this pair came or went.
    pub(super) fn note(&mut self, pair: u32) {
        if let Some(count) = self.0.get_mut(pair as usize % COUNTERS) {
            *count += 1;
        }
    }

    fn count(&self, pair: u32) -> u64 {
        self.0.get(pair as usize % COUNTERS).copied().unwrap_or(0)
    }
}

/// A selector, as selections are found by it.
#[derive(Debug)]
pub(super) struct Selector(Vec<u8>);

impl Selector {
    /// `None` of one whose selection is not worth keeping, or could not be known to be good.
    pub(super) fn new(matchers: &[Matcher]) -> Option<Self> {
        matchers.iter().any(needs_pair).then(|| Self(text_of(matchers)))
    }
}

/// Matchers as one text, which is the same for the same matchers in the same order only.
pub(crate) fn text_of(matchers: &[Matcher]) -> Vec<u8> {
    let mut text = Vec::with_capacity(96);
    for Matcher { name, op, value, .. } in matchers {
        for part in [name, op.as_str(), value] {
            text.extend_from_slice(&(part.len() as u32).to_le_bytes());
            text.extend_from_slice(part.as_bytes());
        }
    }
    text
}

/// Whether a matcher asks for one label pair, that there is none without.
fn needs_pair(matcher: &Matcher) -> bool {
    matcher.op == MatchOp::Equal && !matcher.value.is_empty()
}

/// The numbers of series, in label order.
pub(super) type Selected = Arc<[u32]>;

/// A selection and what it leans on: it is good as long as one of these pairs has this count.
#[derive(Debug)]
struct Kept {
    ids: Selected,
    counts: Box<[(u32, u64)]>,
    bytes: usize,
}

impl Kept {
    fn is_good(&self, changes: &Changes) -> bool {
        self.counts.iter().any(|(pair, count)| changes.count(*pair) == *count)
    }
}

/// What must be known of a selection before others may change the index.
#[derive(Debug)]
pub(super) struct Leans(Box<[(u32, u64)]>);

impl Leans {
    /// What the selection of these matchers leans on now; `None` where a pair is not there at all.
    pub(super) fn on(matchers: &[Matcher], pairs: &Pairs, changes: &Changes) -> Option<Self> {
        let needed = matchers.iter().filter(|matcher| needs_pair(matcher));
        let counted = needed.map(|matcher| {
            let pair = pairs.find(&matcher.name, &matcher.value)?;
            Some((pair, changes.count(pair)))
        });
        counted.collect::<Option<_>>().map(Self)
    }
}

/// Selections by their selectors. Those that nobody asked for while half of what may be kept was asked for are forgotten.
#[derive(Debug, Default)]
pub(super) struct Selections(RwLock<Generations>);

type BySelector = HashMap<Vec<u8>, Kept>;

#[derive(Debug, Default)]
struct Generations {
    young: BySelector,
    young_bytes: usize,
    old: BySelector,
    old_bytes: usize,
}

impl Generations {
    fn bytes(&self) -> usize {
        self.young_bytes + self.old_bytes
    }

    fn insert(&mut self, selector: Vec<u8>, kept: Kept, most: usize) {
        if let Some(before) = self.old.remove(&selector) {
            self.old_bytes -= before.bytes;
        }
        if self.young_bytes + kept.bytes > most / 2 {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
        self.young_bytes += kept.bytes;
        if let Some(before) = self.young.insert(selector, kept) {
            self.young_bytes -= before.bytes;
        }
    }
}

impl Selections {
    /// What this selector found, if that is still so. The caller holds the lock of the index, whose changes these are.
    pub(super) fn find(&self, selector: &Selector, changes: &Changes) -> Option<Selected> {
        let ids = {
            let kept = reading(&self.0);
            if let Some(found) = kept.young.get(&selector.0) {
                return found.is_good(changes).then(|| Arc::clone(&found.ids));
            }
            let found = kept.old.get(&selector.0)?;
            found.is_good(changes).then(|| Arc::clone(&found.ids))?
        };
        let mut kept = writing(&self.0);
        if let Some((selector, found)) = kept.old.remove_entry(&selector.0) {
            kept.old_bytes -= found.bytes;
            kept.young_bytes += found.bytes;
            kept.young.insert(selector, found);
        }
        Some(ids)
    }

    /// Keeps what a selector found when that leant on this. Of `series` in memory, so much may be kept. Returns how many
    /// bytes were kept before and are now.
    pub(super) fn keep(
        &self,
        selector: Selector,
        ids: &[u32],
        leans: Leans,
        series: usize,
    ) -> (usize, usize) {
        let mut kept = writing(&self.0);
        let before = kept.bytes();
        if ids.len() <= MAX_SERIES {
            let bytes = ENTRY_BYTES + selector.0.len() + size_of_val(ids) + size_of_val(&*leans.0);
            let most = FEW_BYTES + BYTES_PER_SERIES * series;
            kept.insert(selector.0, Kept { ids: ids.into(), counts: leans.0, bytes }, most);
        }
        (before, kept.bytes())
    }
}

#[cfg(test)]
mod tests;
