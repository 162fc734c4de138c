//! Which series in memory have which labels.

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use std::collections::BTreeSet;
use watchfire_model::{Labels, Matcher};

/// The ids that have a label value. Most values of a label with many belong to one series.
#[derive(Clone, Debug)]
pub(crate) enum Postings {
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Postings {
    fn add(&mut self, id: u32) {
        match self {
            Self::One(first) if *first == id => {}
            Self::One(first) => *self = Self::Many(Box::new(RoaringBitmap::from_iter([*first, id]))),
            Self::Many(ids) => {
                ids.insert(id);
            }
        }
    }

    pub(crate) fn add_to(&self, ids: &mut RoaringBitmap) {
        match self {
            Self::One(id) => {
                ids.insert(*id);
            }
            Self::Many(many) => *ids |= &**many,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(ids) => ids.len(),
        }
    }

    fn intersects(&self, ids: &RoaringBitmap) -> bool {
        match self {
            Self::One(id) => ids.contains(*id),
            Self::Many(many) => !many.is_disjoint(ids),
        }
    }
}

/// An inverted index: label name to value to series.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: HashMap<String, HashMap<Box<str>, Postings>>,
    all: RoaringBitmap,
}

impl Index {
    pub(crate) fn insert(&mut self, id: u32, labels: &Labels) {
        self.all.insert(id);
        for (name, value) in labels {
            let values = self.names.entry_ref(name).or_default();
            match values.get_mut(value) {
                Some(postings) => postings.add(id),
                None => {
                    values.insert(value.into(), Postings::One(id));
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, id: u32, labels: &Labels) {
        self.all.remove(id);
        for (name, value) in labels {
            let Some(values) = self.names.get_mut(name) else { continue };
            let empty = match values.get_mut(value) {
                Some(Postings::Many(ids)) => {
                    ids.remove(id);
                    ids.is_empty()
                }
                Some(Postings::One(_)) => true,
                None => false,
            };
            if empty {
                values.remove(value);
                if values.is_empty() {
                    self.names.remove(name);
                }
            }
        }
    }

    /// The series that satisfy all matchers.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> RoaringBitmap {
        let mut found: Option<RoaringBitmap> = None;
        // Conditions that need a label first: they leave the least for the others.
        let (needing, others): (Vec<_>, Vec<_>) =
            matchers.iter().partition(|matcher| !matcher.matches_empty());
        for matcher in needing {
            let ids = self.matching(matcher, |matcher, value| matcher.matches(value));
            found = Some(found.map_or_else(|| ids.clone(), |found| found & &ids));
        }
        let mut found = found.unwrap_or_else(|| self.all.clone());
        for matcher in others {
            found -= self.matching(matcher, |matcher, value| !matcher.matches(value));
        }
        found
    }

    fn matching(&self, matcher: &Matcher, test: impl Fn(&Matcher, &str) -> bool) -> RoaringBitmap {
        let mut ids = RoaringBitmap::new();
        let Some(values) = self.names.get(matcher.name.as_str()) else { return ids };
        if let Some(finite) = matcher.finite_values()
            && !matcher.matches_empty()
        {
            for postings in finite.into_iter().filter_map(|value| values.get(value)) {
                postings.add_to(&mut ids);
            }
            return ids;
        }
        for (_, postings) in values.iter().filter(|(value, _)| test(matcher, value)) {
            postings.add_to(&mut ids);
        }
        ids
    }

    /// Adds the names of labels that the series in `ids` have, or all.
    pub(crate) fn label_names(&self, ids: Option<&RoaringBitmap>, out: &mut BTreeSet<String>) {
        for (name, values) in &self.names {
            if ids.is_none_or(|ids| values.values().any(|postings| postings.intersects(ids))) {
                out.insert(name.clone());
            }
        }
    }

    /// Adds the values of one label that the series in `ids` have, or all.
    pub(crate) fn label_values(&self, name: &str, ids: Option<&RoaringBitmap>, out: &mut BTreeSet<String>) {
        for (value, postings) in self.names.get(name).into_iter().flatten() {
            if ids.is_none_or(|ids| postings.intersects(ids)) {
                out.insert(value.to_string());
            }
        }
    }

    /// Names, values and how many series have them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &HashMap<Box<str>, Postings>)> {
        self.names.iter().map(|(name, values)| (name.as_str(), values))
    }
}
