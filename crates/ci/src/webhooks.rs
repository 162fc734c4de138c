//! What GitHub and GitLab tell by webhook, as events of our own.

use serde_json::Value;

/// The words of a webhook that become labels have at most so many characters.
const MAX_WORD: usize = 200;
/// No more commits of a push are noted.
const MOST_COMMITS: usize = 500;

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Success,
    /// Not well.
    Failure,
    /// It was stopped, or did not run.
    Cancelled,
}

impl Outcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Something that happened. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A commit was made.
    Commit {
        /// Its hash.
        sha: String,
        /// When.
        at_ms: i64,
    },
    /// A pipeline ended.
    Pipeline {
        /// What tells it from others of the same second.
        id: u64,
        /// Whose.
        project: String,
        /// Its name.
        pipeline: String,
        /// The branch it ran for.
        branch: String,
        /// How it ended.
        outcome: Outcome,
        /// When it ended.
        at_ms: i64,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// Something was deployed, or could not be.
    Deployment {
        /// What tells it from others of the same second.
        id: u64,
        /// Whose.
        project: String,
        /// Where to.
        environment: String,
        /// The commit, or the beginning of its hash.
        sha: String,
        /// How it ended.
        outcome: Outcome,
        /// When it ended.
        at_ms: i64,
    },
    /// A change was merged.
    Merge {
        /// What tells it from others of the same second.
        id: u64,
        /// Whose.
        project: String,
        /// When it was proposed.
        opened_ms: i64,
        /// When it was merged.
        at_ms: i64,
    },
}

/// The body of a webhook.
struct Told<'a>(&'a Value);

impl<'a> Told<'a> {
    /// A text; labels hold no control characters and have an end.
    fn word(&self, place: &str) -> String {
        let text = self.0.pointer(place).and_then(Value::as_str).unwrap_or_default();
        text.chars().filter(|letter| !letter.is_control()).take(MAX_WORD).collect()
    }

    fn number(&self, place: &str) -> Option<f64> {
        self.0.pointer(place).and_then(Value::as_f64)
    }

    fn id(&self, place: &str) -> u64 {
        self.0.pointer(place).and_then(Value::as_u64).unwrap_or_default()
    }

    /// A time as either of them writes it: RFC 3339, `2021-04-28 21:50:00 UTC` or `… +0200`.
    fn time(&self, place: &str) -> Option<i64> {
        time(self.0.pointer(place).and_then(Value::as_str)?)
    }

    fn list(&self, place: &str) -> impl Iterator<Item = Told<'a>> {
        self.0.pointer(place).and_then(Value::as_array).into_iter().flatten().map(Told)
    }
}

fn time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let text = text.replace(" UTC", " +0000");
    jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", &text).ok().map(jiff::Timestamp::as_millisecond)
}

/// Reads a webhook of GitHub; `kind` is its header `X-GitHub-Event`. What means nothing here gives no events.
pub fn github(kind: &str, body: &Value) -> Vec<Event> {
    let told = Told(body);
    let project = told.word("/repository/full_name");
    match kind {
        "push" => {
            told.list("/commits").take(MOST_COMMITS).filter_map(|commit| commit_of(&commit, "/id")).collect()
        }
        "workflow_run" if told.word("/action") == "completed" => {
            let mut events = Vec::new();
            let commit = told.0.pointer("/workflow_run/head_commit").map(Told);
            events.extend(commit.and_then(|commit| commit_of(&commit, "/id")));
            let outcome = outcome(&told.word("/workflow_run/conclusion"));
            let times = told.time("/workflow_run/run_started_at").zip(told.time("/workflow_run/updated_at"));
            if let (Some(outcome), Some((began_ms, at_ms))) = (outcome, times) {
                events.push(Event::Pipeline {
                    id: told.id("/workflow_run/id"),
                    project,
                    pipeline: told.word("/workflow_run/name"),
                    branch: told.word("/workflow_run/head_branch"),
                    outcome,
                    at_ms,
                    seconds: (at_ms - began_ms).max(0) as f64 / 1_000.0,
                });
            }
            events
        }
        "deployment_status" => {
            let state = outcome(&told.word("/deployment_status/state"));
            let event = state.zip(told.time("/deployment_status/created_at")).map(|(outcome, at_ms)| {
                Event::Deployment {
                    id: told.id("/deployment_status/id"),
                    project,
                    environment: told.word("/deployment/environment"),
                    sha: told.word("/deployment/sha"),
                    outcome,
                    at_ms,
                }
            });
            event.into_iter().collect()
        }
        "pull_request" if told.word("/action") == "closed" => {
            let times = told.time("/pull_request/created_at").zip(told.time("/pull_request/merged_at"));
            let id = told.id("/pull_request/id");
            times
                .map(|(opened_ms, at_ms)| Event::Merge { id, project, opened_ms, at_ms })
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Reads a webhook of GitLab, whose kind stands in its body.
pub fn gitlab(body: &Value) -> Vec<Event> {
    let told = Told(body);
    let project = told.word("/project/path_with_namespace");
    match told.word("/object_kind").as_str() {
        "push" => {
            told.list("/commits").take(MOST_COMMITS).filter_map(|commit| commit_of(&commit, "/id")).collect()
        }
        "pipeline" => {
            let mut events = Vec::new();
            events.extend(told.0.pointer("/commit").map(Told).and_then(|commit| commit_of(&commit, "/id")));
            let outcome = outcome(&told.word("/object_attributes/status"));
            if let (Some(outcome), Some(at_ms)) = (outcome, told.time("/object_attributes/finished_at")) {
                let name = told.word("/object_attributes/name");
                events.push(Event::Pipeline {
                    id: told.id("/object_attributes/id"),
                    project,
                    pipeline: if name.is_empty() { told.word("/object_attributes/source") } else { name },
                    branch: told.word("/object_attributes/ref"),
                    outcome,
                    at_ms,
                    seconds: told.number("/object_attributes/duration").unwrap_or(0.0).max(0.0),
                });
            }
            events
        }
        "deployment" => {
            let outcome = outcome(&told.word("/status"));
            let event =
                outcome.zip(told.time("/status_changed_at")).map(|(outcome, at_ms)| Event::Deployment {
                    id: told.id("/deployment_id"),
                    project,
                    environment: told.word("/environment"),
                    sha: told.word("/short_sha"),
                    outcome,
                    at_ms,
                });
            event.into_iter().collect()
        }
        "merge_request" if told.word("/object_attributes/action") == "merge" => {
            let times =
                told.time("/object_attributes/created_at").zip(told.time("/object_attributes/updated_at"));
            let id = told.id("/object_attributes/id");
            times
                .map(|(opened_ms, at_ms)| Event::Merge { id, project, opened_ms, at_ms })
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn commit_of(commit: &Told<'_>, place: &str) -> Option<Event> {
    let (sha, at_ms) = (commit.word(place), commit.time("/timestamp")?);
    let is_hash = (7..=64).contains(&sha.len()) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(Event::Commit { sha, at_ms })
}

/// What both of them call an end; `None` for what is still going on.
fn outcome(word: &str) -> Option<Outcome> {
    match word {
        "success" => Some(Outcome::Success),
        "failure" | "failed" | "error" | "timed_out" | "startup_failure" => Some(Outcome::Failure),
        "cancelled" | "canceled" | "skipped" | "stale" | "neutral" => Some(Outcome::Cancelled),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
