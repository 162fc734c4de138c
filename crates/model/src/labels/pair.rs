//! Single labels, for whoever keeps many label sets that have most of their labels in common.

use super::{Labels, LabelsIter, push_label};
use std::fmt;
use std::sync::Arc;

/// One label, packed as within [`Labels::as_bytes`], cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelPair {
    packed: Arc<[u8]>,
}

impl LabelPair {
    /// A label of this name and value.
    pub fn new(name: &str, value: &str) -> Self {
        let mut packed = Vec::with_capacity(name.len() + value.len() + 2);
        push_label(&mut packed, name, value);
        Self { packed: packed.into() }
    }

    /// The packed bytes: those of a label set are those of its labels, one after the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.packed
    }

    /// Name and value.
    pub fn parts(&self) -> (&str, &str) {
        let packed = LabelsIter { rest: &self.packed };
        packed.last().unwrap_or_default()
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.parts().0
    }

    /// The value.
    pub fn value(&self) -> &str {
        self.parts().1
    }
}

impl fmt::Debug for LabelPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = self.parts();
        write!(f, "{name}={value:?}")
    }
}

impl Labels {
    /// The set of these labels, which come in name order, each name once and none with an empty value.
    pub fn from_label_pairs<'a>(pairs: impl Iterator<Item = &'a LabelPair> + Clone) -> Self {
        let mut packed = Vec::with_capacity(pairs.clone().map(|pair| pair.packed.len()).sum());
        for pair in pairs {
            packed.extend_from_slice(&pair.packed);
        }
        debug_assert!(Self::from_bytes(&packed).is_some(), "labels out of order");
        Self { packed: packed.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_made_of_its_own_labels_is_the_same_set() {
        let labels = Labels::from_pairs([("job", "node"), ("__name__", "up"), ("zone", "é")]);
        let pairs: Vec<LabelPair> = labels.iter().map(|(name, value)| LabelPair::new(name, value)).collect();
        assert_eq!(Labels::from_label_pairs(pairs.iter()), labels);
        assert_eq!(pairs.iter().map(LabelPair::parts).collect::<Vec<_>>(), labels.iter().collect::<Vec<_>>());
    }
}
