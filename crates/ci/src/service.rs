//! Reports and events as series, and what must be remembered between them.

use crate::reports::{self, Coverage, Suite};
use crate::webhooks::{self, Event, Outcome};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use watchfire_ledger::{Ledger, LedgerError, Writing};
use watchfire_model::ingest::{Batch, MetricSink, WriteError};
use watchfire_model::time::Clock;
use watchfire_model::{Labels, METRIC_NAME, Metadata, MetricType};
use watchfire_settings::Secret;

/// What is kept: the series, their unit, what they are.
const FAMILIES: [(&str, &str, &str); 8] = [
    ("ci_tests", "", "Tests of the newest report, by suite and result."),
    ("ci_tests_duration_seconds", "seconds", "How long the tests of a suite took."),
    ("ci_coverage_ratio", "ratio", "Share of lines, branches or functions that tests reach."),
    ("ci_pipeline_duration_seconds", "seconds", "How long a pipeline took; one sample for each."),
    (
        "ci_change_merge_seconds",
        "seconds",
        "How long a change was open until it was merged; one sample for each.",
    ),
    ("ci_deployment", "", "A deployment; one sample of 1 for each."),
    ("ci_deployment_lead_time_seconds", "seconds", "How long it took from a commit to its deployment."),
    (
        "ci_deployment_restore_seconds",
        "seconds",
        "How long it took from a failed deployment to the next good one.",
    ),
];

/// A commit that nobody deployed for so long is forgotten.
const REMEMBERED_MS: i64 = 90 * 86_400_000;

/// What it is put together from.
pub struct Options {
    /// What is remembered stands here.
    pub ledger: Ledger,
    /// Where samples go.
    pub sink: Arc<dyn MetricSink>,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

/// What webhooks are signed with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Secrets {
    /// GitHub's.
    pub github: Option<Secret>,
    /// GitLab's.
    pub gitlab: Option<Secret>,
}

/// Whom a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// The project.
    pub project: String,
    /// The branch.
    pub branch: String,
}

/// What a report is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// JUnit's XML, of tests.
    Junit,
    /// Cobertura's XML, of coverage.
    Cobertura,
    /// LCOV's tracefile, of coverage.
    Lcov,
}

/// Takes reports and events.
pub struct Ci {
    ledger: Ledger,
    sink: Arc<dyn MetricSink>,
    clock: Arc<dyn Clock>,
    secrets: RwLock<Secrets>,
    /// Whether the store knows what the series are.
    is_described: AtomicBool,
}

impl std::fmt::Debug for Ci {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ci").finish_non_exhaustive()
    }
}

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CiError {
    /// Nobody gave a secret to check it with.
    #[error("{0} is not configured; expected its secret in the section ci of the configuration")]
    NotConfigured(&'static str),
    /// It is not signed with that secret.
    #[error("the signature is not that of the configured secret")]
    Unsigned,
    /// It cannot be read.
    #[error("{0}")]
    Invalid(String),
    /// Not now; the same may go well later.
    #[error("{0}")]
    Unavailable(String),
}

impl From<LedgerError> for CiError {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(format!("it could not be kept: {error}"))
    }
}

impl From<WriteError> for CiError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// What was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many samples are on disk.
    pub samples: usize,
    /// What the store refused, in words.
    pub refused: Vec<String>,
}

/// Samples to be.
#[derive(Debug, Default)]
struct Rows(Batch);

impl Rows {
    fn push(&mut self, name: &str, labels: &[(&str, &str)], at_ms: i64, value: f64) {
        let labels = labels.iter().copied().chain([(METRIC_NAME, name)]);
        self.0.begin_shared(Labels::from_pairs(labels));
        self.0.push_float(at_ms, 0, value);
    }
}

impl Ci {
    /// Takes reports, and webhooks once it knows what they are signed with.
    pub fn new(options: Options) -> Self {
        let Options { ledger, sink, clock } = options;
        Self { ledger, sink, clock, secrets: RwLock::default(), is_described: AtomicBool::new(false) }
    }

    /// Says what webhooks are signed with.
    pub fn set_secrets(&self, secrets: Secrets) {
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    fn secrets(&self) -> Secrets {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a report.
    ///
    /// # Errors
    /// What cannot be read, or not be kept now.
    pub async fn report(&self, kind: ReportKind, of: &Labelled, text: &str) -> Result<Taken, CiError> {
        let now_ms = self.clock.now_ms();
        let rows = match kind {
            ReportKind::Junit => reports::junit(text).map(|suites| tests(of, &suites, now_ms)),
            ReportKind::Cobertura => reports::cobertura(text).map(|found| coverage_rows(of, &found, now_ms)),
            ReportKind::Lcov => reports::lcov(text).map(|found| coverage_rows(of, &found, now_ms)),
        };
        self.keep(rows.map_err(CiError::Invalid)?).await
    }

    /// Takes a webhook of GitHub: its headers `X-GitHub-Event` and `X-Hub-Signature-256`, and its body.
    ///
    /// # Errors
    /// A signature that is not right, what cannot be read, or not be kept now.
    pub async fn github(&self, kind: &str, signature: &str, body: &[u8]) -> Result<Taken, CiError> {
        let secret = self.secrets().github.ok_or(CiError::NotConfigured("GitHub"))?;
        check_github(secret.expose(), signature, body)?;
        self.events(webhooks::github(kind, &parsed(body)?)).await
    }

    /// Takes a webhook of GitLab: its header `X-Gitlab-Token` and its body.
    ///
    /// # Errors
    /// A token that is not right, what cannot be read, or not be kept now.
    pub async fn gitlab(&self, token: &str, body: &[u8]) -> Result<Taken, CiError> {
        let secret = self.secrets().gitlab.ok_or(CiError::NotConfigured("GitLab"))?;
        let is_right =
            aws_lc_rs::constant_time::verify_slices_are_equal(secret.expose().as_bytes(), token.as_bytes());
        if secret.expose().is_empty() || is_right.is_err() {
            return Err(CiError::Unsigned);
        }
        self.events(webhooks::gitlab(&parsed(body)?)).await
    }

    async fn events(&self, events: Vec<Event>) -> Result<Taken, CiError> {
        let (ledger, now_ms) = (self.ledger.clone(), self.clock.now_ms());
        let rows =
            tokio::task::spawn_blocking(move || ledger.write(|writing| noted(writing, &events, now_ms)))
                .await
                .map_err(|panic| CiError::Unavailable(format!("it failed unexpectedly: {panic}")))??;
        self.keep(rows).await
    }

    async fn keep(&self, rows: Rows) -> Result<Taken, CiError> {
        if rows.0.is_empty() {
            return Ok(Taken::default());
        }
        let report = self.sink.write(rows.0).await?;
        if !self.is_described.swap(true, Ordering::Relaxed) {
            for (name, unit, help) in FAMILIES {
                let metadata =
                    Metadata { kind: MetricType::Gauge, help: help.to_owned(), unit: unit.to_owned() };
                self.sink.describe(&Labels::empty(), name, metadata);
            }
        }
        let refused =
            report.refused.iter().map(|refusal| format!("{} ({})", refusal.example, refusal.reason.as_str()));
        Ok(Taken { samples: report.accepted, refused: refused.collect() })
    }
}

fn parsed(body: &[u8]) -> Result<serde_json::Value, CiError> {
    serde_json::from_slice(body).map_err(|error| CiError::Invalid(format!("the body is no JSON: {error}")))
}

/// `sha256=` and the hexadecimal HMAC of the body.
fn check_github(secret: &str, signature: &str, body: &[u8]) -> Result<(), CiError> {
    let hex = signature.strip_prefix("sha256=").unwrap_or_default();
    let digits = hex.as_bytes().chunks_exact(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    let tag: Option<Vec<u8>> = digits.collect();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let is_right =
        tag.is_some_and(|tag| tag.len() == 32 && aws_lc_rs::hmac::verify(&key, body, &tag).is_ok());
    if secret.is_empty() || !is_right { Err(CiError::Unsigned) } else { Ok(()) }
}

fn tests(of: &Labelled, suites: &BTreeMap<String, Suite>, at_ms: i64) -> Rows {
    let mut rows = Rows::default();
    for (name, suite) in suites {
        let own =
            [("project", of.project.as_str()), ("branch", of.branch.as_str()), ("suite", name.as_str())];
        for (result, count) in [
            ("passed", suite.passed),
            ("failed", suite.failed),
            ("error", suite.errors),
            ("skipped", suite.skipped),
        ] {
            let labels = [own.as_slice(), &[("result", result)]].concat();
            rows.push("ci_tests", &labels, at_ms, count as f64);
        }
        rows.push("ci_tests_duration_seconds", &own, at_ms, suite.seconds);
    }
    rows
}

fn coverage_rows(of: &Labelled, coverage: &Coverage, at_ms: i64) -> Rows {
    let mut rows = Rows::default();
    for (kind, covered) in
        [("line", coverage.lines), ("branch", coverage.branches), ("function", coverage.functions)]
    {
        if covered.total > 0 {
            let labels = [("project", of.project.as_str()), ("branch", of.branch.as_str()), ("kind", kind)];
            rows.push("ci_coverage_ratio", &labels, at_ms, covered.hit as f64 / covered.total as f64);
        }
    }
    rows
}

/// Two events of one second would have one time: their numbers tell them apart, and the same one twice has the same time.
fn moment(at_ms: i64, id: u64) -> i64 {
    // Below a thousand.
    at_ms - at_ms.rem_euclid(1_000) + (id % 1_000) as i64
}

/// Makes samples of events, with what was remembered of those before, and remembers what those to come will need.
fn noted(writing: &Writing<'_>, events: &[Event], now_ms: i64) -> Result<Rows, LedgerError> {
    let mut rows = Rows::default();
    for event in events {
        match event {
            Event::Commit { sha, at_ms } => writing.set_ci_fact(&commit_key(sha), *at_ms, now_ms)?,
            Event::Pipeline { id, project, pipeline, branch, outcome, at_ms, seconds } => {
                let labels = [
                    ("project", project.as_str()),
                    ("pipeline", pipeline),
                    ("branch", branch),
                    ("result", outcome.as_str()),
                ];
                rows.push("ci_pipeline_duration_seconds", &labels, moment(*at_ms, *id), *seconds);
            }
            Event::Merge { id, project, opened_ms, at_ms } => {
                let seconds = (at_ms - opened_ms).max(0) as f64 / 1_000.0;
                rows.push("ci_change_merge_seconds", &[("project", project)], moment(*at_ms, *id), seconds);
            }
            Event::Deployment { id, project, environment, sha, outcome, at_ms } => {
                let own = [("project", project.as_str()), ("environment", environment.as_str())];
                let at = moment(*at_ms, *id);
                let labels = [own.as_slice(), &[("result", outcome.as_str())]].concat();
                rows.push("ci_deployment", &labels, at, 1.0);
                let broken = format!("broken/{project}/{environment}");
                match outcome {
                    Outcome::Cancelled => {}
                    // Broken since the first of several failures.
                    Outcome::Failure if writing.reading().ci_fact(&broken)?.is_none() => {
                        writing.set_ci_fact(&broken, *at_ms, now_ms)?;
                    }
                    Outcome::Failure => {}
                    Outcome::Success => {
                        if let Some(commit_ms) = writing.reading().ci_fact(&commit_key(sha))? {
                            let seconds = (at_ms - commit_ms).max(0) as f64 / 1_000.0;
                            rows.push("ci_deployment_lead_time_seconds", &own, at, seconds);
                        }
                        if let Some(since_ms) = writing.reading().ci_fact(&broken)?
                            && since_ms <= *at_ms
                        {
                            let seconds = (at_ms - since_ms) as f64 / 1_000.0;
                            rows.push("ci_deployment_restore_seconds", &own, at, seconds);
                            writing.delete_ci_fact(&broken)?;
                        }
                    }
                }
            }
        }
    }
    writing.prune_ci_facts(now_ms - REMEMBERED_MS)?;
    Ok(rows)
}

/// Short hashes name commits too; seven digits are what everybody shows.
fn commit_key(sha: &str) -> String {
    format!("commit/{}", sha.get(..7).unwrap_or(sha).to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
