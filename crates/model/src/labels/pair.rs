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
    pub fn from_label_pairs<'a>(pairs: impl Iterator<Item = &'a LabelPair>) -> Self {
        // On the stack first, so that most sets take one allocation: that in which they stay.
        let mut few = [0; FEW_BYTES];
        let mut many = Vec::new();
        let mut len = 0;
        for pair in pairs {
            let end = len + pair.packed.len();
            match few.get_mut(len..end) {
                Some(place) if many.is_empty() => place.copy_from_slice(&pair.packed),
                _ => {
                    if many.is_empty() {
                        many.reserve(2 * end);
                        many.extend_from_slice(few.get(..len).unwrap_or_default());
                    }
                    many.extend_from_slice(&pair.packed);
                }
            }
            len = end;
        }
        let packed: &[u8] = if many.is_empty() { few.get(..len).unwrap_or_default() } else { &many };
        debug_assert!(Self::from_bytes(packed).is_some(), "labels out of order");
        Self { packed: packed.into() }
    }
}

/// Most label sets take no more.
const FEW_BYTES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_any_size_are_made_of_their_labels() {
        for count in 0..200_usize {
            let texts: Vec<(String, String)> =
                (0..count).map(|label| (format!("l{label:03}"), "v".repeat(label % 7 * 11 + 1))).collect();
            let pairs: Vec<LabelPair> =
                texts.iter().map(|(name, value)| LabelPair::new(name, value)).collect();
            let expected =
                Labels::from_pairs(texts.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            assert_eq!(Labels::from_label_pairs(pairs.iter()), expected);
        }
        let (short, long) = (LabelPair::new("a", "b"), LabelPair::new("c", &"d".repeat(5_000)));
        let labels = Labels::from_label_pairs([&short, &long].into_iter());
        assert_eq!((labels.get("a"), labels.get("c").map(str::len)), (Some("b"), Some(5_000)));
    }

    #[test]
    fn a_set_made_of_its_own_labels_is_the_same_set() {
        let labels = Labels::from_pairs([("job", "node"), ("__name__", "up"), ("zone", "é")]);
        let pairs: Vec<LabelPair> = labels.iter().map(|(name, value)| LabelPair::new(name, value)).collect();
        assert_eq!(Labels::from_label_pairs(pairs.iter()), labels);
        assert_eq!(pairs.iter().map(LabelPair::parts).collect::<Vec<_>>(), labels.iter().collect::<Vec<_>>());
    }
}
