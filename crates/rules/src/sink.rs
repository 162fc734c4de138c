//! Where alerts go: the trait that rules call, and what they say through it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use watchfire_model::Labels;

/// Where an instance of an alerting rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertState {
    /// No longer active; remembered for 15 minutes.
    Inactive,
    /// Active for less than `for`.
    Pending,
    /// Active for `for` or longer.
    Firing,
}

impl AlertState {
    /// Prometheus's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One instance of an alerting rule. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertInstance {
    /// Its labels: those of the expression without the metric name, those of the rule, and `alertname`.
    pub labels: Labels,
    /// Its annotations, expanded at the last evaluation at which it was active.
    pub annotations: BTreeMap<String, String>,
    /// Where it stands.
    pub state: AlertState,
    /// The value of the expression at the last evaluation at which it was active; 0 for a histogram.
    pub value: f64,
    /// Since when it is active.
    pub active_ms: i64,
    /// Since when it fires, if it ever did.
    pub fired_ms: Option<i64>,
    /// Since when it is resolved.
    pub resolved_ms: Option<i64>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since_ms: Option<i64>,
}

/// What one evaluation of one alerting rule found: all its instances, whether or not they changed. The state in each
/// says what became of it; one that is missing was pending and is no more, or was resolved long ago.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Which rule: the same after a restart, see [`crate::file::AlertingRule::id`].
    pub rule: String,
    /// Its name, that of its group, and its file.
    pub origin: Origin,
    /// When it was evaluated, in milliseconds since the Unix epoch.
    pub evaluated_ms: i64,
    /// Labels that every alert gets on its way to a receiver, where it has none of that name.
    pub external_labels: Labels,
    /// Where the expression can be looked at.
    pub generator_url: String,
    /// The instances.
    pub instances: Vec<AlertInstance>,
}

/// Where a rule stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The rule's name.
    pub name: String,
    /// Its group's.
    pub group: String,
    /// The file's.
    pub file: String,
    /// How often its group is evaluated.
    pub interval: Duration,
}

/// What was kept of a rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// When it was last evaluated, in milliseconds since the Unix epoch.
    pub evaluated_ms: i64,
    /// Its instances then.
    pub instances: Vec<AlertInstance>,
}

/// Why an evaluation was not kept. The next one carries the complete set again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("alerts could not be kept: {0}")]
pub struct SinkError(pub String);

/// What a sink's methods return.
pub type SinkFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, SinkError>> + Send + 'a>>;

/// Whatever keeps alerts and tells people.
pub trait AlertSink: Send + Sync {
    /// Takes what an evaluation found. Resolves when it is on disk together with everything that follows from it.
    fn commit(&self, evaluation: Evaluation) -> SinkFuture<'_, ()>;

    /// What was kept of a rule; `None` if nothing was.
    fn restore(&self, rule: &str) -> SinkFuture<'_, Option<Restored>>;

    /// These rules exist, and no others: whatever fires for another one is over.
    fn retain(&self, rules: Vec<String>, now_ms: i64) -> SinkFuture<'_, ()>;
}

/// A sink that keeps nothing, for tests of rules and for programs that only record.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAlerts;

impl AlertSink for NoAlerts {
    fn commit(&self, _evaluation: Evaluation) -> SinkFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn restore(&self, _rule: &str) -> SinkFuture<'_, Option<Restored>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn retain(&self, _rules: Vec<String>, _now_ms: i64) -> SinkFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}
