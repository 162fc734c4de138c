//! Rule files as YAML, before anything is checked.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// Labels or annotations in the order written; the place is that of the value.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<(String, Spanned<String>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of names to texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Spanned<Option<String>>>()? {
                    let text = Spanned::new(value.value.unwrap_or_default(), value.referenced, value.defined);
                    pairs.push((name, text));
                }
                Ok(Pairs(pairs))
            }

            fn visit_unit<E>(self) -> Result<Pairs, E> {
                Ok(Pairs::default())
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// The same shape twice: once refusing unknown keys, once passing over them.
macro_rules! shapes {
    ($file:ident, $group:ident, $rule:ident $(, $strict:meta)?) => {
        #[derive(Debug, serde::Deserialize)]
        $(#[$strict])?
        pub(super) struct $file {
            #[serde(default)]
            pub(super) groups: Option<Vec<$group>>,
        }

        #[derive(Debug, serde::Deserialize)]
        $(#[$strict])?
        pub(super) struct $group {
            pub(super) name: Spanned<String>,
            #[serde(default)]
            pub(super) interval: Option<Spanned<String>>,
            #[serde(default)]
            pub(super) query_offset: Option<Spanned<String>>,
            #[serde(default)]
            pub(super) limit: Option<usize>,
            #[serde(default)]
            pub(super) labels: Option<Pairs>,
            #[serde(default)]
            pub(super) rules: Option<Vec<$rule>>,
        }

        #[derive(Debug, serde::Deserialize)]
        $(#[$strict])?
        pub(super) struct $rule {
            #[serde(default)]
            pub(super) record: Option<Spanned<String>>,
            #[serde(default)]
            pub(super) alert: Option<Spanned<String>>,
            #[serde(default)]
            pub(super) expr: Option<Spanned<String>>,
            #[serde(default, rename = "for")]
            pub(super) hold: Option<Spanned<String>>,
            #[serde(default)]
            pub(super) keep_firing_for: Option<Spanned<String>>,
            #[serde(default)]
            pub(super) labels: Option<Pairs>,
            #[serde(default)]
            pub(super) annotations: Option<Pairs>,
        }
    };
}

shapes!(RawFile, RawGroup, RawRule, serde(deny_unknown_fields));
shapes!(LenientFile, LenientGroup, LenientRule);

impl From<LenientFile> for RawFile {
    fn from(file: LenientFile) -> Self {
        Self { groups: file.groups.map(|groups| groups.into_iter().map(RawGroup::from).collect()) }
    }
}

impl From<LenientGroup> for RawGroup {
    fn from(group: LenientGroup) -> Self {
        Self {
            name: group.name,
            interval: group.interval,
            query_offset: group.query_offset,
            limit: group.limit,
            labels: group.labels,
            rules: group.rules.map(|rules| rules.into_iter().map(RawRule::from).collect()),
        }
    }
}

impl From<LenientRule> for RawRule {
    fn from(rule: LenientRule) -> Self {
        Self {
            record: rule.record,
            alert: rule.alert,
            expr: rule.expr,
            hold: rule.hold,
            keep_firing_for: rule.keep_firing_for,
            labels: rule.labels,
            annotations: rule.annotations,
        }
    }
}
