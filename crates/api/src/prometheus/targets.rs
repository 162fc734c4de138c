//! `targets`, `scrape_pools`, `metadata`: what is asked, and what it says about itself.

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use crate::prometheus::series::LabelMap;
use crate::time::rfc3339;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_model::{Matcher, Metadata};
use watchfire_scrape::TargetStatus;

pub(crate) async fn targets(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let state = params.get("state").unwrap_or("any").to_lowercase();
    let (active, dropped) = match state.as_str() {
        "any" => (true, true),
        "active" => (true, false),
        "dropped" => (false, true),
        other => {
            return Err(ApiError::bad_parameter(
                "state",
                format!("{other:?} is none of active, dropped, any"),
            ));
        }
    };
    let pool = params.get("scrapePool");
    let wanted = |name: &str| pool.is_none_or(|pool| pool == name);
    let active_targets: Vec<Value> = if active {
        app.scrape.targets().iter().filter(|target| wanted(&target.scrape_pool)).map(active_target).collect()
    } else {
        Vec::new()
    };
    let pools = app.scrape.pools();
    let pools = || pools.iter().filter(|found| wanted(&found.scrape_pool));
    let dropped_targets: Vec<Value> = pools()
        .filter(|_| dropped)
        .flat_map(|pool| &pool.dropped)
        .map(|target| {
            json!({"discoveredLabels": LabelMap(&target.discovered), "scrapePool": target.scrape_pool})
        })
        .collect();
    let counts: BTreeMap<&str, usize> =
        pools().map(|pool| (pool.scrape_pool.as_str(), pool.dropped_count)).collect();
    let faults: Vec<&String> = pools().flat_map(|pool| &pool.faults).collect();
    Ok(success(&json!({
        "activeTargets": active_targets,
        "droppedTargets": dropped_targets,
        "droppedTargetCounts": counts,
        "discoveryFaults": faults,
    })))
}

fn active_target(target: &TargetStatus) -> Value {
    json!({
        "discoveredLabels": LabelMap(&target.discovered),
        "labels": LabelMap(&target.labels),
        "scrapePool": target.scrape_pool,
        "scrapeUrl": target.scrape_url,
        "globalUrl": target.global_url,
        "lastError": target.last_error,
        "lastWarning": target.last_warning,
        "lastScrape": target.last_scrape_ms.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
        "lastScrapeDuration": target.last_scrape_duration.as_secs_f64(),
        "lastSamples": target.last_samples,
        "health": target.health.as_str(),
        "scrapeInterval": watchfire_model::duration::format(target.interval),
        "scrapeTimeout": watchfire_model::duration::format(target.timeout),
    })
}

pub(crate) async fn scrape_pools(State(app): State<Arc<App>>) -> Response {
    let pools: Vec<String> = app.scrape.pools().into_iter().map(|pool| pool.scrape_pool).collect();
    success(&json!({ "scrapePools": pools }))
}

/// What metric families say about themselves: each different saying once.
pub(crate) async fn metadata(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.count("limit")?.unwrap_or(usize::MAX);
    let per_metric = params.count("limit_per_metric")?.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let wanted = params.get("metric").map(str::to_owned);
    app.blocking(move |app| {
        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (family, metadata) in app.store.metadata() {
            if wanted.as_ref().is_some_and(|wanted| *wanted != family) {
                continue;
            }
            if found.len() >= limit && !found.contains_key(&family) {
                continue;
            }
            let sayings = found.entry(family).or_default();
            let saying = saying(&metadata);
            if sayings.len() < per_metric && !sayings.contains(&saying) {
                sayings.push(saying);
            }
        }
        Ok(success(&found))
    })
    .await
}

fn saying(metadata: &Metadata) -> Value {
    json!({"type": metadata.kind.as_str(), "help": metadata.help, "unit": metadata.unit})
}

/// What each target says about its metrics. With `metric`, only that one, and its name is not repeated.
pub(crate) async fn target_metadata(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.count("limit")?.unwrap_or(usize::MAX);
    let matchers: Vec<Matcher> = params.selectors("match_target")?.into_iter().next().unwrap_or_default();
    let wanted = params.get("metric").map(str::to_owned);
    app.blocking(move |app| {
        let mut found = Vec::new();
        for target in app.scrape.metadata() {
            if !matchers.iter().all(|matcher| matcher.matches_labels(&target.target)) {
                continue;
            }
            for (family, metadata) in &target.families {
                if found.len() >= limit {
                    return Ok(success(&found));
                }
                let mut entry = json!({"target": LabelMap(&target.target)});
                match (&wanted, entry.as_object_mut()) {
                    (Some(wanted), _) if wanted != family => continue,
                    (None, Some(object)) => {
                        object.insert("metric".to_owned(), json!(family));
                    }
                    _ => {}
                }
                if let (Some(object), Value::Object(saying)) = (entry.as_object_mut(), saying(metadata)) {
                    object.extend(saying);
                }
                found.push(entry);
            }
        }
        Ok(success(&found))
    })
    .await
}

/// Which Alertmanagers are sent to: none, for alerts are delivered from here.
pub(crate) async fn alertmanagers() -> Response {
    success(&json!({"activeAlertmanagers": [], "droppedAlertmanagers": []}))
}
