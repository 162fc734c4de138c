//! `rules` and `alerts`.

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::params::Params;
use crate::prometheus::series::LabelMap;
use crate::time::rfc3339;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::{Labels, Matcher};
use watchfire_rules::{AlertInstance, GroupStatus, RuleKind, RuleStatus};

/// What a time that never was looks like in Prometheus's answers.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(crate) async fn rules(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let filter = Filter::read(&params)?;
    let page = Page::read(&params)?;
    let mut groups = app.rules.groups();
    groups.sort_by(|left, right| (&left.file, &left.name).cmp(&(&right.file, &right.name)));
    if page.limit.is_none() {
        let groups: Vec<Value> = groups.iter().filter_map(|group| filter.group(group)).collect();
        return Ok(success(&json!({ "groups": groups })));
    }
    let (shown, next) = page.cut(&groups, &filter)?;
    let mut answer = json!({ "groups": shown });
    if let (Some(next), Some(fields)) = (next, answer.as_object_mut()) {
        fields.insert("groupNextToken".to_owned(), json!(next));
    }
    Ok(success(&answer))
}

pub(crate) async fn alerts(State(app): State<Arc<App>>) -> Response {
    let groups = app.rules.groups();
    let alerts: Vec<Value> = groups
        .iter()
        .flat_map(|group| &group.rules)
        .filter_map(|rule| match &rule.kind {
            RuleKind::Alerting { alerts, .. } => Some(alerts),
            RuleKind::Recording { .. } => None,
        })
        .flatten()
        .map(alert)
        .collect();
    success(&json!({ "alerts": alerts }))
}

/// Which groups a request asks for, of many: so many, from the one on that the answer before named.
struct Page {
    limit: Option<usize>,
    from: Option<String>,
}

impl Page {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let limit = match params.get("group_limit").map(str::parse::<i64>) {
            None => None,
            Some(Ok(limit)) => match usize::try_from(limit) {
                Ok(limit) if limit > 0 => Some(limit),
                _ => {
                    let fault = "group_limit needs to be greater than 0";
                    return Err(ApiError::bad_parameter("group_limit", fault));
                }
            },
            Some(Err(_)) => {
                let text = params.get("group_limit").unwrap_or_default();
                let fault = format!(
                    "group_limit needs to be a valid number: strconv.ParseInt: parsing {text:?}: invalid syntax"
                );
                return Err(ApiError::bad_parameter("group_limit", fault));
            }
        };
        let from = params.get("group_next_token").map(str::to_owned);
        if from.is_some() && limit.is_none() {
            let fault = "group_limit needs to be present in order to paginate over the groups";
            return Err(ApiError::bad_parameter("group_next_token", fault));
        }
        Ok(Self { limit, from })
    }

    /// The groups of the page, and what names the first one after it.
    fn cut(
        &self,
        groups: &[Arc<GroupStatus>],
        filter: &Filter,
    ) -> Result<(Vec<Value>, Option<String>), ApiError> {
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut begun = self.from.is_none();
        let mut shown = Vec::new();
        for group in groups {
            let token = token(group);
            begun |= self.from.as_ref() == Some(&token);
            if !begun {
                continue;
            }
            let Some(value) = filter.group(group) else { continue };
            if shown.len() == limit {
                return Ok((shown, Some(token)));
            }
            shown.push(value);
        }
        if !begun {
            let token = self.from.as_deref().unwrap_or_default();
            let fault = format!("invalid group_next_token '{token}'. were rule groups changed?");
            return Err(ApiError::bad_parameter("group_next_token", fault));
        }
        Ok((shown, None))
    }
}

/// What names a group from one page to the next, short and the same as long as file and name are (FNV-1a).
fn token(group: &GroupStatus) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in group.file.bytes().chain([0]).chain(group.name.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// Which rules a request asks for.
struct Filter {
    alerting: bool,
    recording: bool,
    with_alerts: bool,
    names: Vec<String>,
    groups: Vec<String>,
    files: Vec<String>,
    selectors: Vec<Vec<Matcher>>,
}

impl Filter {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let (alerting, recording) = match params.get("type") {
            None => (true, true),
            Some("alert") => (true, false),
            Some("record") => (false, true),
            Some(other) => {
                return Err(ApiError::bad_parameter("type", format!("not supported value {other:?}")));
            }
        };
        let with_alerts = match params.get("exclude_alerts") {
            None | Some("0" | "f" | "F" | "false" | "False" | "FALSE") => true,
            Some("1" | "t" | "T" | "true" | "True" | "TRUE") => false,
            Some(other) => {
                let fault = format!(
                    "error converting exclude_alerts: strconv.ParseBool: parsing {other:?}: invalid syntax"
                );
                return Err(ApiError::bad_parameter("exclude_alerts", fault));
            }
        };
        let list = |name: &str| params.all(name).map(str::to_owned).collect();
        Ok(Self {
            alerting,
            recording,
            with_alerts,
            names: list("rule_name[]"),
            groups: list("rule_group[]"),
            files: list("file[]"),
            selectors: params.matchers()?,
        })
    }

    fn group(&self, group: &GroupStatus) -> Option<Value> {
        let listed = |list: &[String], name: &str| list.is_empty() || list.iter().any(|found| found == name);
        if !listed(&self.groups, &group.name) || !listed(&self.files, &group.file) {
            return None;
        }
        let rules: Vec<Value> = group
            .rules
            .iter()
            .filter(|rule| listed(&self.names, &rule.name) && self.wants(rule))
            .map(|rule| self.rule(rule))
            .collect();
        let asks_for_all =
            self.names.is_empty() && self.selectors.is_empty() && self.alerting && self.recording;
        if rules.is_empty() && !asks_for_all {
            return None;
        }
        Some(json!({
            "name": group.name,
            "file": group.file,
            "rules": rules,
            "interval": group.interval.as_secs_f64(),
            "limit": group.limit,
            "evaluationTime": group.evaluation_time.as_secs_f64(),
            "lastEvaluation": time(group.last_evaluation_ms),
        }))
    }

    fn wants(&self, rule: &RuleStatus) -> bool {
        let (kind, labels) = match &rule.kind {
            RuleKind::Recording { labels } => (self.recording, labels.clone()),
            RuleKind::Alerting { labels, .. } => {
                let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                (self.alerting, Labels::from_pairs(pairs))
            }
        };
        let selected =
            |matchers: &Vec<Matcher>| matchers.iter().all(|matcher| matcher.matches_labels(&labels));
        kind && (self.selectors.is_empty() || self.selectors.iter().any(selected))
    }

    fn rule(&self, rule: &RuleStatus) -> Value {
        let mut out = match &rule.kind {
            RuleKind::Recording { labels } => json!({"labels": LabelMap(labels), "type": "recording"}),
            RuleKind::Alerting { hold, keep_firing_for, labels, annotations, state, alerts } => json!({
                "state": state.as_str(),
                "duration": seconds(*hold),
                "keepFiringFor": seconds(*keep_firing_for),
                "labels": labels,
                "annotations": annotations,
                // Prometheus answers null, against its own description of the API, which knows lists alone.
                "alerts": alerts.iter().filter(|_| self.with_alerts).map(alert).collect::<Vec<_>>(),
                "type": "alerting",
            }),
        };
        if let Some(object) = out.as_object_mut() {
            object.insert("name".to_owned(), json!(rule.name));
            object.insert("query".to_owned(), json!(rule.query));
            object.insert("health".to_owned(), json!(rule.health.as_str()));
            if let Some(error) = &rule.last_error {
                object.insert("lastError".to_owned(), json!(error));
            }
            object.insert("evaluationTime".to_owned(), json!(rule.evaluation_time.as_secs_f64()));
            object.insert("lastEvaluation".to_owned(), json!(time(rule.last_evaluation_ms)));
        }
        out
    }
}

fn alert(alert: &AlertInstance) -> Value {
    let mut out = json!({
        "labels": LabelMap(&alert.labels),
        "annotations": alert.annotations,
        "state": alert.state.as_str(),
        "activeAt": rfc3339(alert.active_ms),
        "value": exponent_text(alert.value),
    });
    if let (Some(since_ms), Some(object)) = (alert.keep_firing_since_ms, out.as_object_mut()) {
        object.insert("keepFiringSince".to_owned(), json!(rfc3339(since_ms)));
    }
    out
}

fn time(timestamp_ms: Option<i64>) -> String {
    timestamp_ms.map_or_else(|| NEVER.to_owned(), rfc3339)
}

/// Whole seconds as a whole number.
fn seconds(duration: Duration) -> Value {
    if duration.subsec_nanos() == 0 { json!(duration.as_secs()) } else { json!(duration.as_secs_f64()) }
}

/// A float as Go prints it with `%e` and no fixed precision: `9.5e+01`.
fn exponent_text(value: f64) -> String {
    if !value.is_finite() {
        return crate::format::float_text(value);
    }
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_alerts_look_as_go_prints_them() {
        for (value, expected) in
            [(0.0, "0e+00"), (95.5, "9.55e+01"), (1e-7, "1e-07"), (1e100, "1e+100"), (f64::NAN, "NaN")]
        {
            assert_eq!(exponent_text(value), expected);
        }
    }
}
