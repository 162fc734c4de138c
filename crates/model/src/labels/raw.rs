//! Labels as somebody sent them: packed, but in any order and of any bytes.

use super::{Labels, push_label, split_label};
use std::fmt;

/// Why bytes that somebody sent are not a label set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelProblem {
    /// Lengths that do not fit.
    #[error("the packed labels are cut off")]
    Packing,
    /// A label without a name.
    #[error("a label without a name")]
    EmptyName,
    /// Two labels of one name.
    #[error("the label {0:?} is there twice")]
    Twice(String),
    /// A name that is not UTF-8.
    #[error("the label name {0:?} is not UTF-8 text")]
    NameNotText(String),
    /// A value that is not UTF-8.
    #[error("the value of the label {0:?} is not UTF-8 text")]
    ValueNotText(String),
    /// More labels than a limit allows.
    #[error("{labels} labels are more than label_limit, {limit}")]
    TooMany {
        /// How many there are.
        labels: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A name longer than a limit allows.
    #[error("the label name {name:?} of {bytes} bytes is longer than label_name_length_limit, {limit}")]
    NameTooLong {
        /// Its beginning.
        name: String,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A value longer than a limit allows.
    #[error(
        "the value of the label {name:?} of {bytes} bytes is longer than label_value_length_limit, {limit}"
    )]
    ValueTooLong {
        /// The label's name.
        name: String,
        /// How long the value is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

impl LabelProblem {
    /// Whether the labels are valid as such, but exceed a limit.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TooMany { .. } | Self::NameTooLong { .. } | Self::ValueTooLong { .. })
    }
}

/// Longer texts are shortened in errors.
const SHOWN_CHARS: usize = 64;
/// A label set is shown up to about this length.
const SHOWN_BYTES: usize = 300;

pub(super) fn lossy(bytes: &[u8]) -> String {
    // A character has at most four bytes, and one more is cut in two at the end.
    let bytes = bytes.get(..SHOWN_CHARS * 4).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl Labels {
    /// A label set from packed bytes in any order, checked: names are there and once, everything is UTF-8. Labels with
    /// an empty value are left out.
    pub fn from_raw(packed: &[u8]) -> Result<Self, LabelProblem> {
        if let Some(labels) = Self::from_bytes(packed)
            && labels.iter().next().is_none_or(|(name, _)| !name.is_empty())
        {
            return Ok(labels);
        }
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        let mut rest = packed;
        while !rest.is_empty() {
            let (name, value, tail) = split_label(rest).ok_or(LabelProblem::Packing)?;
            if name.is_empty() {
                return Err(LabelProblem::EmptyName);
            }
            let text = std::str::from_utf8(name).map_err(|_| LabelProblem::NameNotText(lossy(name)))?;
            let value = std::str::from_utf8(value).map_err(|_| LabelProblem::ValueNotText(lossy(name)))?;
            pairs.push((text, value));
            rest = tail;
        }
        pairs.sort_unstable_by_key(|(name, _)| *name);
        let twice = pairs.iter().zip(pairs.iter().skip(1)).find(|(left, right)| left.0 == right.0);
        if let Some(((name, _), _)) = twice {
            return Err(LabelProblem::Twice(lossy(name.as_bytes())));
        }
        let mut sorted = Vec::with_capacity(packed.len());
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            push_label(&mut sorted, name, value);
        }
        Ok(Self { packed: sorted.into() })
    }
}

/// Packed labels as they were sent, for an error: whatever they are, and not endlessly.
#[derive(Clone, Copy, Debug)]
pub struct RawLabels<'a>(pub &'a [u8]);

impl<'a> RawLabels<'a> {
    /// The labels in the order sent; what is cut off at the end is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, value, tail) = split_label(rest)?;
            rest = tail;
            Some((name, value))
        })
    }
}

impl fmt::Display for RawLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        let mut shown = 0;
        for (index, (name, value)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if shown > SHOWN_BYTES {
                f.write_str("…")?;
                break;
            }
            let (name, value) = (lossy(name), lossy(value));
            write!(f, "{name}={value:?}")?;
            shown += name.len() + value.len() + 5;
        }
        f.write_str("}")
    }
}
