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
    Ok(success(&list(&app, &params, false)))
}

/// With what Prometheus's answer has no room for: warnings of scrapes, and what is wrong with the discovery.
pub(crate) async fn detailed_targets(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Response, ApiError> {
    Ok(success(&list(&app, &params, true)))
}

fn list(app: &App, params: &Params, detailed: bool) -> Value {
    // Any other state asks for neither, as in Prometheus.
    let state = params.get("state").unwrap_or("any").to_lowercase();
    let (active, dropped) =
        (matches!(state.as_str(), "any" | "active"), matches!(state.as_str(), "any" | "dropped"));
    let pool = params.get("scrapePool");
    let wanted = |name: &str| pool.is_none_or(|pool| pool == name);
    let active_targets: Vec<Value> = if active {
        let targets = app.scrape.targets();
        let wanted = targets.iter().filter(|target| wanted(&target.scrape_pool));
        wanted.map(|target| active_target(target, detailed)).collect()
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
    let mut answer = json!({
        "activeTargets": active_targets,
        "droppedTargets": dropped_targets,
        "droppedTargetCounts": counts,
    });
    if let Some(fields) = answer.as_object_mut().filter(|_| detailed) {
        let of_alertmanagers = if pool.is_none() { app.senders.faults() } else { Vec::new() };
        let faults: Vec<&String> = pools().flat_map(|pool| &pool.faults).chain(&of_alertmanagers).collect();
        fields.insert("discoveryFaults".to_owned(), json!(faults));
    }
    answer
}

fn active_target(target: &TargetStatus, detailed: bool) -> Value {
    let mut answer = json!({
        "discoveredLabels": LabelMap(&target.discovered),
        "labels": LabelMap(&target.labels),
        "scrapePool": target.scrape_pool,
        "scrapeUrl": target.scrape_url,
        "globalUrl": target.global_url,
        "lastError": target.last_error,
        "lastScrape": target.last_scrape_ms.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), rfc3339),
        "lastScrapeDuration": target.last_scrape_duration.as_secs_f64(),
        "health": target.health.as_str(),
        "scrapeInterval": watchfire_model::duration::format(target.interval),
        "scrapeTimeout": watchfire_model::duration::format(target.timeout),
    });
    if let Some(fields) = answer.as_object_mut().filter(|_| detailed) {
        fields.insert("lastWarning".to_owned(), json!(target.last_warning));
        fields.insert("lastSamples".to_owned(), json!(target.last_samples));
    }
    answer
}

/// What each relabelling rule of a job makes of labels that are given as a JSON object.
pub(crate) async fn relabel_steps(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let pool =
        params.get("scrapePool").ok_or_else(|| ApiError::bad_data("no scrapePool parameter provided"))?;
    let text = params.get("labels").ok_or_else(|| ApiError::bad_data("no labels parameter provided"))?;
    let labels: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_data(format!("error parsing labels: {error}")))?;
    let rules = app.control.relabel_rules(pool).ok_or_else(|| {
        ApiError::bad_data(format!("error retrieving scrape config: scrape pool {pool:?} not found"))
    })?;
    let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut builder = watchfire_model::Labels::from_pairs(pairs).to_builder();
    let mut steps = Vec::new();
    for rule in &rules {
        let kept = watchfire_scrape::relabel::apply(std::slice::from_ref(rule), &mut builder)
            == watchfire_scrape::relabel::Verdict::Keep;
        let output = if kept { builder.clone().build() } else { watchfire_model::Labels::empty() };
        steps.push(json!({"rule": rule_text(rule), "output": LabelMap(&output), "keep": kept}));
        if !kept {
            break;
        }
    }
    Ok(success(&json!({ "steps": steps })))
}

fn rule_text(rule: &watchfire_scrape::relabel::Rule) -> Value {
    let mut answer = json!({
        "separator": rule.separator,
        "regex": unanchored(rule.regex.as_str()),
        "replacement": rule.replacement,
        "action": rule.action.as_str(),
    });
    if let Some(fields) = answer.as_object_mut() {
        if !rule.source_labels.is_empty() {
            fields.insert("source_labels".to_owned(), json!(rule.source_labels));
        }
        if rule.modulus > 0 {
            fields.insert("modulus".to_owned(), json!(rule.modulus));
        }
        if !rule.target_label.is_empty() {
            fields.insert("target_label".to_owned(), json!(rule.target_label));
        }
    }
    answer
}

/// The pattern as it was written.
fn unanchored(pattern: &str) -> &str {
    let inner = pattern.strip_prefix("^(?s:").and_then(|rest| rest.strip_suffix(")$"));
    inner.unwrap_or(pattern)
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

/// Which Alertmanagers alerts are sent on to.
pub(crate) async fn alertmanagers(State(app): State<Arc<App>>) -> Response {
    let (active, dropped) = app.senders.addresses();
    let shown = |urls: Vec<String>| urls.into_iter().map(|url| json!({"url": url})).collect::<Vec<_>>();
    success(&json!({"activeAlertmanagers": shown(active), "droppedAlertmanagers": shown(dropped)}))
}
