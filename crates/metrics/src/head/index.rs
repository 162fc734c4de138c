//! Which series in memory have which label pairs.

use super::pairs::{PairIds, Pairs};
use super::selections::Changes;
use super::tried::{Tried, is_finite};
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use watchfire_model::Matcher;
use watchfire_model::labels::LabelPair;

/// The ids that have a label pair. Most values of a label with many belong to one series.
#[derive(Clone, Debug, Default)]
enum Postings {
    #[default]
    None,
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Postings {
    fn add(&mut self, id: u32) {
        match self {
            Self::None => *self = Self::One(id),
            Self::One(first) if *first == id => {}
            Self::One(first) => *self = Self::Many(Box::new(RoaringBitmap::from_iter([*first, id]))),
            Self::Many(ids) => {
                ids.insert(id);
            }
        }
    }

    fn remove(&mut self, id: u32) {
        match self {
            Self::One(only) if *only == id => *self = Self::None,
            Self::Many(ids) => {
                ids.remove(id);
                if ids.is_empty() {
                    *self = Self::None;
                }
            }
            Self::None | Self::One(_) => {}
        }
    }

    fn add_to(&self, ids: &mut RoaringBitmap) {
        match self {
            Self::None => {}
            Self::One(id) => {
                ids.insert(*id);
            }
            Self::Many(many) => *ids |= &**many,
        }
    }

    fn len(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(ids) => ids.len(),
        }
    }

    /// Whether any of these have the pair, or any at all.
    fn meet(&self, ids: Option<&RoaringBitmap>) -> bool {
        match (self, ids) {
            (Self::None, _) => false,
            (_, None) => true,
            (Self::One(id), Some(ids)) => ids.contains(*id),
            (Self::Many(many), Some(ids)) => !many.is_disjoint(ids),
        }
    }
}

/// An inverted index: label pair to series. While the log is read back it lags behind the pairs, so that a pair may be
/// there that no series here has.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_pair: Vec<Postings>,
    all: RoaringBitmap,
    pub(super) changes: Changes,
}

impl Index {
    pub(crate) fn insert(&mut self, id: u32, pairs: &PairIds) {
        self.all.insert(id);
        for pair in pairs.iter() {
            let at = pair as usize;
            if at >= self.by_pair.len() {
                self.by_pair.resize(at + 1, Postings::None);
            }
            if let Some(postings) = self.by_pair.get_mut(at) {
                postings.add(id);
            }
            self.changes.note(pair);
        }
    }

    pub(crate) fn remove(&mut self, id: u32, pairs: &PairIds) {
        self.all.remove(id);
        for pair in pairs.iter() {
            if let Some(postings) = self.by_pair.get_mut(pair as usize) {
                postings.remove(id);
            }
            self.changes.note(pair);
        }
    }

    fn postings(&self, pair: u32) -> &Postings {
        self.by_pair.get(pair as usize).unwrap_or(&Postings::None)
    }

    /// How many series have a pair.
    pub(crate) fn count(&self, pair: u32) -> u64 {
        self.postings(pair).len()
    }

    /// The series that satisfy all matchers, of which `tried` are the trials.
    pub(crate) fn select(&self, pairs: &Pairs, matchers: &[Matcher], tried: &[Tried]) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // Conditions that need a label first: they leave the least for the others.
        let tried = matchers.iter().zip(tried);
        let (needing, others): (Vec<_>, Vec<_>) = tried.partition(|(matcher, _)| !matcher.matches_empty());
        for (matcher, tried) in needing {
            let ids = self.having(pairs, matcher, true, tried);
            found = Some(found.map_or_else(|| ids.clone(), |found| found & &ids));
        }
        let mut found = found.unwrap_or_else(|| self.all.clone());
        for (matcher, tried) in others {
            found -= self.having(pairs, matcher, false, tried);
        }
        found
    }

    /// The series that have the label with a value about which the matcher says `wanted`.
    fn having(&self, pairs: &Pairs, matcher: &Matcher, wanted: bool, tried: &Tried) -> RoaringBitmap {
        let mut ids = RoaringBitmap::new();
        if is_finite(matcher) && wanted {
            for value in matcher.finite_values().unwrap_or_default() {
                if let Some(pair) = pairs.find(&matcher.name, value) {
                    self.postings(pair).add_to(&mut ids);
                }
            }
        } else {
            tried.pairs(matcher, wanted, pairs, |pair| self.postings(pair).add_to(&mut ids));
        }
        ids
    }

    /// Adds the names of labels that the series in `ids` have, or all.
    pub(crate) fn label_names(&self, pairs: &Pairs, ids: Option<&RoaringBitmap>, out: &mut BTreeSet<String>) {
        for (name, values) in pairs.names() {
            if values.iter().any(|pair| self.postings(*pair).meet(ids)) {
                out.insert(name.to_owned());
            }
        }
    }

    /// The pairs of one name that the series in `ids` have, or all. Texts are made of them when the locks are gone.
    pub(crate) fn label_pairs(
        &self,
        pairs: &Pairs,
        name: &str,
        ids: Option<&RoaringBitmap>,
    ) -> Vec<LabelPair> {
        let there = pairs.of_name(name).iter().filter(|pair| self.postings(**pair).meet(ids));
        there.filter_map(|pair| pairs.get(*pair).cloned()).collect()
    }
}
