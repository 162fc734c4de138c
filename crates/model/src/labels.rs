//! Label sets.

mod limits;
mod pair;
mod raw;

pub use limits::LabelLimits;
pub use pair::LabelPair;
pub use raw::{LabelProblem, RawLabels};

use crate::METRIC_NAME;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A sorted set of label names and values, cheap to clone.
///
/// One allocation holds the whole set: for each label, in name order, the lengths of name and value as varints and
/// then their bytes. Equality and hashing work on those bytes. A label with an empty value is the same as no label,
/// so none is kept (Prometheus data model).
#[derive(Clone)]
pub struct Labels {
    packed: Arc<[u8]>,
}

impl Labels {
    /// No labels at all.
    pub fn empty() -> Self {
        Self { packed: Arc::from([]) }
    }

    /// Sorts, drops empty values, and keeps the last of two labels with one name.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
        // Stable, so that among equal names the last given stays last.
        pairs.sort_by(|left, right| left.0.cmp(right.0));
        let mut packed =
            Vec::with_capacity(pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
        for (index, (name, value)) in pairs.iter().enumerate() {
            let shadowed = pairs.get(index + 1).is_some_and(|(next, _)| next == name);
            if !shadowed && !value.is_empty() {
                push_label(&mut packed, name, value);
            }
        }
        Self { packed: packed.into() }
    }

    /// The packed bytes: stable within one process and between processes of one format version.
    pub fn as_bytes(&self) -> &[u8] {
        &self.packed
    }

    /// Reads packed bytes back, checking every length, the order and UTF-8; `None` when they are not a label set.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut previous: Option<&str> = None;
        while !rest.is_empty() {
            let (name, value, tail) = split_label(rest)?;
            let (name, value) = (std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?);
            if value.is_empty() || previous.is_some_and(|previous| previous >= name) {
                return None;
            }
            previous = Some(name);
            rest = tail;
        }
        Some(Self { packed: bytes.into() })
    }

    /// The labels in name order.
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: &self.packed }
    }

    /// The value of a label, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        for (found, value) in self {
            match found.cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The metric name, or an empty string.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// A builder that starts from these labels.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            labels: self.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// These labels without those named by `drop`.
    pub fn without(&self, mut drop: impl FnMut(&str) -> bool) -> Self {
        let mut packed = Vec::with_capacity(self.packed.len());
        for (name, value) in self.iter().filter(|(name, _)| !drop(name)) {
            push_label(&mut packed, name, value);
        }
        if packed.len() == self.packed.len() { self.clone() } else { Self { packed: packed.into() } }
    }

    /// Appends what [`Labels::as_bytes`] would be with those labels alone whose names `keep` chooses.
    pub fn pack_those(&self, packed: &mut Vec<u8>, mut keep: impl FnMut(&str) -> bool) {
        let mut labels = self.iter();
        loop {
            let before = labels.rest;
            let Some((name, _)) = labels.next() else { return };
            if keep(name) {
                let len = before.len() - labels.rest.len();
                packed.extend_from_slice(before.get(..len).unwrap_or_default());
            }
        }
    }

    /// These labels without the metric name.
    pub fn without_name(&self) -> Self {
        self.without(|name| name == METRIC_NAME)
    }
}

fn push_label(packed: &mut Vec<u8>, name: &str, value: &str) {
    push_raw_label(packed, name.as_bytes(), value.as_bytes());
}

/// Packs a label of any bytes.
pub(crate) fn push_raw_label(packed: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    push_varint(packed, name.len());
    push_varint(packed, value.len());
    packed.extend_from_slice(name);
    packed.extend_from_slice(value);
}

fn push_varint(packed: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        packed.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    packed.push(number as u8);
}

fn split_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

fn split_label(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name_len, rest) = split_varint(bytes)?;
    let (value_len, rest) = split_varint(rest)?;
    let (name, rest) = rest.split_at_checked(name_len)?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    Some((name, value, rest))
}

/// The labels of a set, in name order.
#[derive(Clone, Debug)]
pub struct LabelsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    #[expect(
        unsafe_code,
        reason = "the bytes are checked or come from str when packed; this is the hottest loop"
    )]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = split_label(self.rest)?;
        self.rest = rest;
        // SAFETY: packed bytes are made only from `str` (`push_label`) or after a UTF-8 check (`from_bytes`).
        Some(unsafe { (std::str::from_utf8_unchecked(name), std::str::from_utf8_unchecked(value)) })
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Labels {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(pairs: T) -> Self {
        Self::from_pairs(pairs)
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.packed, &other.packed) || self.packed == other.packed
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.packed.hash(state);
    }
}

/// Prometheus's order: label by label, name before value; a set that runs out first comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        // What is merged from several places is mostly the same.
        if self == other { Ordering::Equal } else { self.iter().cmp(other.iter()) }
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `name{label="value", …}` as Prometheus prints a metric; names that need it are quoted.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        let plain_name = is_legacy_metric_name(name);
        if plain_name {
            f.write_str(name)?;
        }
        let mut first = true;
        let others = self.iter().filter(|(label, _)| *label != METRIC_NAME);
        let quoted_name = (!plain_name && !name.is_empty()).then_some(name);
        if quoted_name.is_none() && plain_name && others.clone().next().is_none() {
            return Ok(());
        }
        f.write_str("{")?;
        if let Some(name) = quoted_name {
            write!(f, "{name:?}")?;
            first = false;
        }
        for (label, value) in others {
            if !first {
                f.write_str(", ")?;
            }
            first = false;
            if is_legacy_label_name(label) {
                write!(f, "{label}={value:?}")?;
            } else {
                write!(f, "{label:?}={value:?}")?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a name fits `[a-zA-Z_:][a-zA-Z0-9_:]*`, the metric names that need no quotes.
pub fn is_legacy_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// Whether a name fits `[a-zA-Z_][a-zA-Z0-9_]*`, the label names that need no quotes.
pub fn is_legacy_label_name(name: &str) -> bool {
    !name.contains(':') && is_legacy_metric_name(name)
}

/// A label set under construction.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    labels: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Starts from nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a label, replacing an earlier value; an empty value removes it.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl Into<String>) -> &mut Self {
        let (name, value) = (name.as_ref(), value.into());
        match self.labels.iter_mut().find(|(found, _)| found == name) {
            Some((_, slot)) => *slot = value,
            None => self.labels.push((name.to_owned(), value)),
        }
        self
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.labels.retain(|(found, _)| found != name);
        self
    }

    /// Keeps only the labels for which `keep(name, value)` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.labels.retain(|(name, value)| keep(name, value));
        self
    }

    /// The value set for a label, if any.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The labels set so far, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The finished set.
    pub fn build(&self) -> Labels {
        Labels::from_pairs(self.iter())
    }
}

#[cfg(test)]
mod tests;
