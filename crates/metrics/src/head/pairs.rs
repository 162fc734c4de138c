//! The label pairs of the series in memory, each kept once.
//!
//! A million series have a few thousand label pairs between them: a series holds their numbers, and a pair is there as
//! long as a series has it.

mod ids;

use super::registry::Registry;
use crate::reading;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
pub(crate) use ids::PairIds;
use std::hash::BuildHasher;
use std::sync::RwLock;
use watchfire_model::Labels;
use watchfire_model::labels::LabelPair;

/// About what a pair takes beside its text: its entry, its place in the table and in the list of its name.
const PAIR_BYTES: usize = 72;
/// New series wait while so many are copied: well below a millisecond.
const RANKED_AT_ONCE: usize = 8192;

/// Label pairs by number and by text.
#[derive(Debug)]
pub(crate) struct Pairs {
    hasher: DefaultHashBuilder,
    by_text: HashTable<u32>,
    /// Number 0 is nobody's.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_name: HashMap<String, Vec<u32>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    pair: LabelPair,
    /// How many series have it.
    uses: u32,
    /// Where it stands in the list of its name.
    place: u32,
}

impl Default for Pairs {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            by_text: HashTable::new(),
            entries: vec![None],
            free: Vec::new(),
            by_name: HashMap::default(),
            bytes: 0,
        }
    }
}

impl Pairs {
    /// The pairs of one more series; `None` when there are no numbers left.
    pub(super) fn take(&mut self, labels: &Labels) -> Option<PairIds> {
        let mut ids = Vec::with_capacity(16);
        for (name, value) in labels {
            match self.find(name, value).or_else(|| self.add(name, value)) {
                Some(id) => ids.push(id),
                None => {
                    self.give_up(ids.into_iter());
                    return None;
                }
            }
            if let Some(entry) = ids.last().and_then(|id| self.entry_mut(*id)) {
                entry.uses += 1;
            }
        }
        Some(PairIds::new(ids.into_iter()))
    }

    /// A series that had these is gone.
    pub(super) fn give_back(&mut self, ids: &PairIds) {
        self.give_up(ids.iter());
    }

    fn give_up(&mut self, ids: impl Iterator<Item = u32>) {
        for id in ids {
            let Some(entry) = self.entry_mut(id) else { continue };
            entry.uses -= 1;
            if entry.uses == 0 {
                self.remove(id);
            }
        }
    }

    fn entry_mut(&mut self, id: u32) -> Option<&mut Entry> {
        self.entries.get_mut(id as usize)?.as_mut()
    }

    fn add(&mut self, name: &str, value: &str) -> Option<u32> {
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                let id = u32::try_from(self.entries.len()).ok()?;
                self.entries.push(None);
                id
            }
        };
        let pair = LabelPair::new(name, value);
        self.bytes += PAIR_BYTES + pair.as_bytes().len();
        let same_name = self.by_name.entry_ref(name).or_default();
        let place = same_name.len() as u32;
        same_name.push(id);
        if let Some(entry) = self.entries.get_mut(id as usize) {
            *entry = Some(Entry { pair, uses: 0, place });
        }
        let (hasher, entries) = (&self.hasher, &self.entries);
        let rehash = |id: &u32| {
            let entry = entries.get(*id as usize).and_then(Option::as_ref);
            entry.map_or(0, |entry| hasher.hash_one(entry.pair.parts()))
        };
        self.by_text.insert_unique(hasher.hash_one((name, value)), id, rehash);
        Some(id)
    }

    fn remove(&mut self, id: u32) {
        let Some(Entry { pair, place, .. }) = self.entries.get_mut(id as usize).and_then(Option::take) else {
            return;
        };
        self.bytes -= PAIR_BYTES + pair.as_bytes().len();
        let hash = self.hasher.hash_one(pair.parts());
        if let Ok(found) = self.by_text.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        if let Some(same_name) = self.by_name.get_mut(pair.name()) {
            same_name.swap_remove(place as usize);
            let moved = same_name.get(place as usize).copied();
            if same_name.is_empty() {
                self.by_name.remove(pair.name());
            }
            if let Some(entry) = moved.and_then(|moved| self.entry_mut(moved)) {
                entry.place = place;
            }
        }
        self.free.push(id);
    }

    /// A pair by its number.
    pub(crate) fn get(&self, id: u32) -> Option<&LabelPair> {
        Some(&self.entries.get(id as usize)?.as_ref()?.pair)
    }

    /// The number of a pair.
    pub(crate) fn find(&self, name: &str, value: &str) -> Option<u32> {
        let hash = self.hasher.hash_one((name, value));
        let same = |id: &u32| self.get(*id).is_some_and(|pair| pair.parts() == (name, value));
        self.by_text.find(hash, same).copied()
    }

    /// The names there are, each with the numbers of its pairs, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.by_name.iter().map(|(name, ids)| (name.as_str(), ids.as_slice()))
    }

    /// The numbers of the pairs of a name, in no order.
    pub(crate) fn of_name(&self, name: &str) -> &[u32] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether these are the packed labels.
    pub(crate) fn are(&self, ids: &PairIds, packed: &[u8]) -> bool {
        let mut rest = packed;
        for id in ids.iter() {
            match self.get(id).and_then(|pair| rest.strip_prefix(pair.as_bytes())) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// The label set.
    pub(crate) fn labels(&self, ids: &PairIds) -> Labels {
        Labels::from_label_pairs(ids.iter().filter_map(|id| self.get(id)))
    }

    /// Appends the packed labels.
    pub(crate) fn pack(&self, ids: &PairIds, out: &mut Vec<u8>) {
        for pair in ids.iter().filter_map(|id| self.get(id)) {
            out.extend_from_slice(pair.as_bytes());
        }
    }

    /// About the bytes that all pairs take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All pairs from this number on, with their numbers, but not many more than so many.
    fn some(&self, from: usize, count: usize) -> Option<impl Iterator<Item = (u32, LabelPair)>> {
        let entries = self.entries.get(from..).filter(|entries| !entries.is_empty())?;
        let numbered = (from as u32..).zip(entries.iter().take(count));
        Some(numbered.filter_map(|(id, entry)| Some((id, entry.as_ref()?.pair.clone()))))
    }
}

/// Where each pair stands among all in order: label sets compare as the ranks of their labels do.
#[derive(Debug)]
pub(super) struct Ranks {
    by_id: Vec<u32>,
}

impl Ranks {
    /// Of the pairs there are now. New series wait only while some of them are copied.
    pub(super) fn new(registry: &RwLock<Registry>) -> Self {
        let mut pairs = Vec::with_capacity(reading(registry).pairs.entries.len());
        let mut from = 0;
        while let Some(some) = reading(registry).pairs.some(from, RANKED_AT_ONCE) {
            pairs.extend(some);
            from += RANKED_AT_ONCE;
        }
        Self::of(pairs)
    }

    fn of(mut pairs: Vec<(u32, LabelPair)>) -> Self {
        pairs.sort_unstable_by(|(_, left), (_, right)| left.parts().cmp(&right.parts()));
        let len = pairs.iter().map(|(id, _)| *id as usize + 1).max().unwrap_or(0);
        let mut by_id = vec![0; len];
        for (rank, (id, _)) in (0..).zip(pairs) {
            if let Some(slot) = by_id.get_mut(id as usize) {
                *slot = rank;
            }
        }
        Self { by_id }
    }

    /// Compares the label sets that the pairs make.
    pub(super) fn compare(&self, left: &PairIds, right: &PairIds) -> std::cmp::Ordering {
        let rank = |id: u32| self.by_id.get(id as usize).copied().unwrap_or_default();
        left.iter().map(rank).cmp(right.iter().map(rank))
    }
}

#[cfg(test)]
mod tests;
