//! The labels of a series as the numbers of its label pairs.

use crate::codec::bytes::{Reader, put_varint};

/// So many bytes fit without an allocation: fifteen of the commonest label pairs, or seven of the first 16 thousand.
const FEW_BYTES: usize = 15;

/// A list of numbers, none of them 0, as varints.
#[derive(Clone, Debug)]
pub(crate) enum PairIds {
    /// Ends at the first 0, or where it is full.
    Few([u8; FEW_BYTES]),
    Many(Box<Long>),
}

/// Behind one thin pointer, so that the list itself stays as small as its commonest form.
#[derive(Clone, Debug)]
pub(crate) struct Long {
    bytes: Box<[u8]>,
}

impl PairIds {
    /// A list of these numbers. A 0 would end it.
    pub(super) fn new(ids: impl Iterator<Item = u32>) -> Self {
        let mut bytes = Vec::with_capacity(2 * FEW_BYTES);
        for id in ids {
            debug_assert!(id > 0, "0 is no number of a label pair");
            put_varint(&mut bytes, u64::from(id));
        }
        let mut few = [0; FEW_BYTES];
        match few.get_mut(..bytes.len()) {
            Some(front) => {
                front.copy_from_slice(&bytes);
                Self::Few(few)
            }
            None => Self::Many(Box::new(Long { bytes: bytes.into() })),
        }
    }

    /// The numbers, in the order given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + Clone {
        let mut bytes = Reader::new(match self {
            Self::Few(bytes) => bytes,
            Self::Many(long) => &long.bytes,
        });
        std::iter::from_fn(move || u32::try_from(bytes.varint()?).ok().filter(|id| *id > 0))
    }

    /// Bytes held beside the list itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Few(_) => 0,
            Self::Many(long) => size_of::<Long>() + long.bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_of_any_length_comes_back(ids in prop::collection::vec(prop_oneof![1_u32..300, 1..=u32::MAX], 0..40)) {
            let list = PairIds::new(ids.iter().copied());
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), ids);
        }
    }

    #[test]
    fn a_list_is_as_small_as_two_words() {
        assert_eq!(size_of::<PairIds>(), 16);
    }
}
