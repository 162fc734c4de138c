//! The dashboards that travel in the binary.

use crate::error::ApiError;
use crate::format::json;
use axum::extract::Path;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// What a list of dashboards shows of each.
#[derive(Debug, Deserialize, Serialize)]
struct Summary {
    uid: String,
    title: String,
    #[serde(default)]
    tags: Vec<String>,
}

pub(crate) async fn list() -> Result<Response, ApiError> {
    let mut summaries = Vec::new();
    for content in watchfire_assets::dashboards() {
        let summary: Summary = serde_json::from_str(content.text)
            .map_err(|error| ApiError::internal(format!("dashboard {}: {error}", content.name)))?;
        summaries.push(summary);
    }
    summaries.sort_by(|left, right| left.title.cmp(&right.title));
    Ok(json(serde_json::to_vec(&summaries).map_err(|error| ApiError::internal(error.to_string()))?))
}

/// The author's JSON, byte for byte.
pub(crate) async fn one(Path(uid): Path<String>) -> Result<Response, ApiError> {
    let found = watchfire_assets::dashboards().iter().find(|content| {
        serde_json::from_str::<Summary>(content.text).is_ok_and(|summary| summary.uid == uid)
    });
    let content = found.ok_or_else(|| ApiError::not_found(format!("no dashboard has the uid {uid:?}")))?;
    Ok(json(content.text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_dashboard_has_a_uid_of_its_own_and_a_title() {
        let mut seen = BTreeSet::new();
        for content in watchfire_assets::dashboards() {
            let summary: Summary = serde_json::from_str(content.text).expect(content.name);
            assert!(!summary.title.is_empty(), "{}", content.name);
            assert!(seen.insert(summary.uid.clone()), "{}: uid {:?} is taken", content.name, summary.uid);
        }
    }
}
