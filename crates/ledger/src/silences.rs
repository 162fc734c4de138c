//! Silences: what people do not want to be told for a while.

use crate::LedgerError;
use crate::alerts::{damaged, read_map};
use rusqlite::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A silence. It mutes what satisfies all matchers of any of its sets. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Which: a UUID.
    pub id: String,
    /// Sets of matchers, at least one.
    pub matchers: Vec<Vec<SilenceMatcher>>,
    /// From when it mutes.
    pub starts_ms: i64,
    /// From when it does not any more.
    pub ends_ms: i64,
    /// When it was last changed.
    pub updated_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else its maker noted.
    pub annotations: BTreeMap<String, String>,
}

/// One condition on a label, as Alertmanager's API spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceMatcher {
    /// The label.
    pub name: String,
    /// What it is compared with.
    pub value: String,
    /// Whether the value is a regular expression.
    pub is_regex: bool,
    /// Whether it must match, or must not.
    pub is_equal: bool,
}

impl Silence {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "silences";
        let matchers = row.get_ref("matchers")?.as_str().unwrap_or("");
        Ok(Self {
            id: row.get("id")?,
            matchers: serde_json::from_str(matchers).map_err(|error| damaged(TABLE, error.to_string()))?,
            starts_ms: row.get("starts_ms")?,
            ends_ms: row.get("ends_ms")?,
            updated_ms: row.get("updated_ms")?,
            created_by: row.get("created_by")?,
            comment: row.get("comment")?,
            annotations: read_map(TABLE, row.get_ref("annotations")?.as_str().unwrap_or(""))?,
        })
    }
}
