//! `search/metric_names`, `search/label_names`, `search/label_values`: names for completion, found by parts of them, as
//! lines of JSON (experimental in Prometheus, behind `--enable-feature=search-api`).

use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use relevance::Algorithm;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use watchfire_model::{METRIC_NAME, Matcher, TimeRange};

mod relevance;

/// How many names an answer has at most.
const MAX_LIMIT: usize = 10_000;
const DEFAULT_LIMIT: usize = 100;

pub(crate) async fn metric_names(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    search(app, &params, Subject::MetricNames).await
}

pub(crate) async fn label_names(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    search(app, &params, Subject::LabelNames).await
}

pub(crate) async fn label_values(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let label = params.get("label").filter(|label| !label.is_empty());
    let label = label.ok_or_else(|| ApiError::bad_data("missing required parameter \"label\""))?;
    search(app, &params, Subject::LabelValues(label.to_owned())).await
}

/// What is searched.
enum Subject {
    MetricNames,
    LabelNames,
    LabelValues(String),
}

impl Subject {
    const fn path(&self) -> &'static str {
        match self {
            Self::MetricNames => "metric_names",
            Self::LabelNames => "label_names",
            Self::LabelValues(_) => "label_values",
        }
    }

    /// The key of a found name.
    const fn key(&self) -> &'static str {
        if matches!(self, Self::LabelValues(_)) { "value" } else { "name" }
    }

    fn read(&self, app: &App, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, ApiError> {
        let found = match self {
            Self::MetricNames => app.source.label_values(METRIC_NAME, matchers, range),
            Self::LabelNames => app.source.label_names(matchers, range),
            Self::LabelValues(label) => app.source.label_values(label, matchers, range),
        };
        found.map_err(ApiError::from)
    }
}

/// How results are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
    Score,
}

/// What is asked for.
struct Question {
    terms: Vec<String>,
    algorithm: Algorithm,
    /// From 0 to 1.
    threshold: f64,
    case_sensitive: bool,
    order: Order,
    limit: usize,
    batch: usize,
    include_score: bool,
    include_metadata: bool,
}

impl Question {
    fn read(params: &Params, path: &str) -> Result<Self, ApiError> {
        let given = |name: &str| params.get(name).filter(|text| !text.is_empty());
        let switch = |name: &str, default: bool| match given(name) {
            None => Ok(default),
            Some("true" | "1" | "t" | "T" | "TRUE" | "True") => Ok(true),
            Some("false" | "0" | "f" | "F" | "FALSE" | "False") => Ok(false),
            Some(text) => Err(ApiError::bad_data(format!("invalid {name} {text:?}: must be boolean"))),
        };
        let positive = |name: &str, default: usize| match given(name).map(str::parse::<usize>) {
            None => Ok(default),
            Some(Ok(number)) if number > 0 => Ok(number),
            Some(_) => {
                let text = given(name).unwrap_or_default();
                Err(ApiError::bad_data(format!("invalid {name} {text:?}: must be a positive integer")))
            }
        };
        let algorithm = match given("fuzz_alg") {
            None | Some("subsequence") => Algorithm::Subsequence,
            Some("jarowinkler") => Algorithm::JaroWinkler,
            Some(text) => {
                let words =
                    format!("unsupported fuzz_alg {text:?}: must be one of [subsequence jarowinkler]");
                return Err(ApiError::bad_data(words));
            }
        };
        let threshold = match given("fuzz_threshold").map(str::parse::<u8>) {
            None => 0,
            Some(Ok(percent @ 0..=100)) => percent,
            Some(_) => {
                let text = given("fuzz_threshold").unwrap_or_default();
                return Err(ApiError::bad_data(format!("invalid fuzz_threshold {text:?}: must be 0-100")));
            }
        };
        let terms: Vec<String> =
            params.all("search[]").filter(|term| !term.is_empty()).map(str::to_owned).collect();
        let order = match (given("sort_by"), given("sort_dir")) {
            (Some("score"), Some(_)) => {
                return Err(ApiError::bad_data("sort_dir is not supported for sort_by=score"));
            }
            (Some("score"), None) if terms.is_empty() => {
                return Err(ApiError::bad_data("sort_by=score requires search[] to be set"));
            }
            (Some("score"), None) => Order::Score,
            (None | Some("alpha"), None | Some("asc")) => Order::Ascending,
            (None | Some("alpha"), Some("dsc")) => Order::Descending,
            (None | Some("alpha"), Some(text)) => {
                let words = format!("invalid sort_dir {text:?}: must be \"asc\" or \"dsc\"");
                return Err(ApiError::bad_data(words));
            }
            (Some(text), _) => {
                let words = format!("invalid sort_by {text:?} for {path}: must be \"alpha\" or \"score\"");
                return Err(ApiError::bad_data(words));
            }
        };
        let limit = positive("limit", DEFAULT_LIMIT)?;
        if limit > MAX_LIMIT {
            return Err(ApiError::bad_data(format!("limit {limit} exceeds the maximum ({MAX_LIMIT})")));
        }
        Ok(Self {
            terms,
            algorithm,
            threshold: f64::from(threshold) / 100.0,
            case_sensitive: switch("case_sensitive", true)?,
            order,
            limit,
            batch: positive("batch_size", DEFAULT_LIMIT)?,
            include_score: switch("include_score", false)?,
            include_metadata: switch("include_metadata", false)?,
        })
    }

    /// The best score among the terms; `None` where none of them is in the name. Without terms every name is wanted.
    fn score(&self, name: &str) -> Option<f64> {
        if self.terms.is_empty() {
            return Some(1.0);
        }
        let scores = self.terms.iter().filter_map(|term| {
            let score = if self.case_sensitive {
                relevance::score(term, name, self.algorithm)
            } else {
                relevance::score(&term.to_lowercase(), &name.to_lowercase(), self.algorithm)
            };
            score.filter(|score| score.contains || score.value > 0.0 && score.value >= self.threshold)
        });
        scores.map(|score| score.value).max_by(f64::total_cmp)
    }
}

async fn search(app: Arc<App>, params: &Params, subject: Subject) -> Result<Response, ApiError> {
    if !app.search_enabled {
        return Err(ApiError::unavailable("search API disabled"));
    }
    let (selectors, range) = (params.matchers()?, params.range()?);
    let Some(range) = range else {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    };
    let question = Question::read(params, subject.path())?;
    app.blocking(move |app| {
        let names: BTreeSet<String> = match selectors.as_slice() {
            [] => subject.read(app, &[], range)?.into_iter().collect(),
            selectors => {
                let mut all = BTreeSet::new();
                for matchers in selectors {
                    all.extend(subject.read(app, matchers, range)?);
                }
                all
            }
        };
        let mut found: Vec<(String, f64)> =
            names.into_iter().filter_map(|name| question.score(&name).map(|score| (name, score))).collect();
        match question.order {
            Order::Ascending => {}
            Order::Descending => found.reverse(),
            // Stable: names of one score stay in their order.
            Order::Score => found.sort_by(|left, right| right.1.total_cmp(&left.1)),
        }
        let more = found.len() > question.limit;
        found.truncate(question.limit);
        let metadata = match (&subject, question.include_metadata) {
            (Subject::MetricNames, true) => metadata(app),
            _ => BTreeMap::new(),
        };
        let items: Vec<Value> = found
            .into_iter()
            .map(|(name, score)| item(&subject, &question, name, score, &metadata))
            .collect();
        Ok(lines(&items, question.batch, more))
    })
    .await
}

/// Type and help of each family, as the most targets say.
fn metadata(app: &App) -> BTreeMap<String, (String, String)> {
    let mut sayings: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (family, metadata) in app.store.metadata() {
        sayings
            .entry(family)
            .or_default()
            .push((metadata.kind.as_str().to_owned(), metadata.help.to_string()));
    }
    let most = |said: Vec<(String, String)>| {
        let count = |saying: &(String, String)| said.iter().filter(|other| *other == saying).count();
        said.iter().min_by_key(|saying| Reverse(count(saying))).cloned()
    };
    sayings.into_iter().filter_map(|(family, said)| Some((family, most(said)?))).collect()
}

fn item(
    subject: &Subject,
    question: &Question,
    name: String,
    score: f64,
    metadata: &BTreeMap<String, (String, String)>,
) -> Value {
    let about = metadata.get(&name);
    let mut item = json!({ subject.key(): name });
    if question.include_score && !question.terms.is_empty() {
        item["score"] = json!(score);
    }
    if let Some((kind, help)) = about {
        item["type"] = json!(kind);
        item["help"] = json!(help);
    }
    item
}

/// Batches of results, a line each, and how the search ended.
fn lines(items: &[Value], batch: usize, more: bool) -> Response {
    let mut body = String::new();
    let mut push = |line: &Value| {
        body.push_str(&line.to_string());
        body.push('\n');
    };
    if items.is_empty() {
        push(&json!({"results": []}));
    }
    for batch in items.chunks(batch) {
        push(&json!({"results": batch}));
    }
    push(&json!({"status": "success", "has_more": more}));
    ([(header::CONTENT_TYPE, "application/x-ndjson; charset=utf-8")], body).into_response()
}

#[cfg(test)]
mod tests;
