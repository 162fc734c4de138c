//! Names with texts, as annotations are: kept the way they are written.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use watchfire_model::Labels;

/// Names with texts in the order of the names, cheap to clone.
///
/// They are kept as the JSON object that the ledger, receivers and the API hold, so that writing them anywhere is a copy,
/// and equal sets are equal texts. Unlike a label, a text may be empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Texts {
    json: Arc<str>,
}

impl Texts {
    /// Sorts, and keeps the last of two texts with one name.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = pairs.into_iter().collect();
        // Stable, so that among equal names the last given stays last.
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        let kept = pairs
            .iter()
            .enumerate()
            .filter(|(index, (name, _))| pairs.get(index + 1).is_none_or(|(next, _)| next != name));
        Self::of_sorted(kept.map(|(_, (name, text))| (name.as_ref(), text.as_ref())))
    }

    fn of_sorted<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self { json: object(pairs).into() }
    }

    /// The JSON object: names in order, no white space.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        &*self.json == "{}"
    }

    /// The pairs, in the order of their names.
    pub fn pairs(&self) -> Pairs<'_> {
        serde_json::from_str(&self.json).unwrap_or_default()
    }

    /// All of them, to be looked into.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// The pairs of a JSON object as they come, each text where it stands, copied only where it is escaped there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pairs<'a>(pub Vec<(Cow<'a, str>, Cow<'a, str>)>);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Visit<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::with_capacity(8);
                while let Some((name, text)) = map.next_entry::<Text<'a>, Text<'a>>()? {
                    pairs.push((name.0, text.0));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Visit(PhantomData))
    }
}

/// A JSON object of names and texts, in the order they come.
fn object<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = Vec::with_capacity(256);
    out.push(b'{');
    for (index, (name, text)) in pairs.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // Writing a text to memory cannot fail.
        let _ = serde_json::to_writer(&mut out, name);
        out.push(b':');
        let _ = serde_json::to_writer(&mut out, text);
    }
    out.push(b'}');
    String::from_utf8(out).unwrap_or_default()
}

/// A label set as a JSON object: equal sets are equal texts.
pub(crate) fn labels_text(labels: &Labels) -> String {
    object(labels.iter())
}

impl Default for Texts {
    fn default() -> Self {
        Self { json: "{}".into() }
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}

impl From<&BTreeMap<String, String>> for Texts {
    fn from(map: &BTreeMap<String, String>) -> Self {
        Self::of_sorted(map.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }
}

impl From<BTreeMap<String, String>> for Texts {
    fn from(map: BTreeMap<String, String>) -> Self {
        Self::from(&map)
    }
}

impl Serialize for Texts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_map().serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
