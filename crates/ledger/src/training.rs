//! Training runs and the experiments they belong to.

mod models;
mod reading;
mod writing;

pub use models::TrainingModel;
use std::collections::BTreeMap;

/// Runs that belong together. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// Which; 0 is the one for runs that name none.
    pub id: i64,
    /// Its name; no other has it.
    pub name: String,
    /// Where its files lie, as whoever made it said; may be empty.
    pub artifacts: String,
    /// Whether it was deleted; it can be brought back.
    pub is_deleted: bool,
    /// When it was made.
    pub created_ms: i64,
    /// When it, or a run of it, last changed.
    pub updated_ms: i64,
    /// Words that people attached to it.
    pub tags: BTreeMap<String, String>,
}

/// Where a run stands; the numbers are MLflow's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunStatus {
    /// It runs.
    Running,
    /// It will run.
    Scheduled,
    /// It ended well.
    Finished,
    /// It failed.
    Failed,
    /// Somebody ended it.
    Killed,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// The word for it, in lower case; MLflow's is the same in capitals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Scheduled => "scheduled",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "killed",
        }
    }

    /// What a word stands for, in whatever case.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether nothing more is to come.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }

    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Running => 1,
            Self::Scheduled => 2,
            Self::Finished => 3,
            Self::Failed => 4,
            Self::Killed => 5,
        }
    }

    pub(crate) fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// A run. Times are milliseconds since the Unix epoch; texts may be empty where nobody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingRun {
    /// Which, 32 hexadecimal digits.
    pub id: String,
    /// The experiment's number.
    pub experiment: i64,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Who began it.
    pub user: String,
    /// What program it is.
    pub source: String,
    /// The machine it runs on, as that machine's metrics call it.
    pub host: String,
    /// Who told of it: `mlflow`, `tensorboard` or `watchfire`.
    pub reporter: String,
    /// When it began.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// The time of its newest metric.
    pub updated_ms: Option<i64>,
    /// When it was deleted; it can be brought back.
    pub deleted_ms: Option<i64>,
}

/// What is known of a metric of a run without looking at its values over time.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingMetric {
    /// Its name.
    pub key: String,
    /// The value of the highest step; of those of one step the latest, and of those of one time the largest, as in MLflow.
    pub value: f64,
    /// The step of that value.
    pub step: i64,
    /// The time of that value, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The lowest step.
    pub first_step: i64,
    /// The earliest time.
    pub first_ms: i64,
    /// The latest time.
    pub newest_ms: i64,
    /// The smallest value that is a number.
    pub min: Option<f64>,
    /// The largest value that is a number.
    pub max: Option<f64>,
    /// Whether any value was no number.
    pub has_nan: bool,
}

impl TrainingMetric {
    /// A metric with one value.
    pub fn new(key: &str, value: f64, step: i64, at_ms: i64) -> Self {
        let number = (!value.is_nan()).then_some(value);
        Self {
            key: key.to_owned(),
            value,
            step,
            at_ms,
            first_step: step,
            first_ms: at_ms,
            newest_ms: at_ms,
            min: number,
            max: number,
            has_nan: value.is_nan(),
        }
    }

    /// Takes another value in. The same value twice changes nothing.
    pub fn add(&mut self, value: f64, step: i64, at_ms: i64) {
        self.merge(&Self::new(&self.key, value, step, at_ms));
    }

    /// Takes what is known from elsewhere in.
    pub fn merge(&mut self, other: &Self) {
        let is_later = (other.step, other.at_ms) > (self.step, self.at_ms);
        let is_larger = (other.step, other.at_ms) == (self.step, self.at_ms)
            && (other.value > self.value || self.value.is_nan());
        if is_later || is_larger {
            (self.value, self.step, self.at_ms) = (other.value, other.step, other.at_ms);
        }
        self.first_step = self.first_step.min(other.first_step);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.newest_ms = self.newest_ms.max(other.newest_ms);
        let smaller = |one: f64, other: f64| one.min(other);
        let larger = |one: f64, other: f64| one.max(other);
        self.min = both(self.min, other.min, smaller);
        self.max = both(self.max, other.max, larger);
        self.has_nan |= other.has_nan;
    }
}

fn both(one: Option<f64>, other: Option<f64>, choose: impl Fn(f64, f64) -> f64) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(choose(one, other)),
        (one, other) => one.or(other),
    }
}

/// A data set that a run used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingInput {
    /// Its name.
    pub name: String,
    /// What tells its contents from others'.
    pub digest: String,
    /// The rest as its reporter said it, a JSON object.
    pub content: String,
}

/// Everything about a run but the run itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunDetails {
    /// What it was started with.
    pub params: BTreeMap<String, String>,
    /// Words attached to it.
    pub tags: BTreeMap<String, String>,
    /// Its metrics by name.
    pub metrics: BTreeMap<String, TrainingMetric>,
    /// The data sets it used.
    pub inputs: Vec<TrainingInput>,
}

/// How far a file of events was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingFile {
    /// Where it lies.
    pub path: String,
    /// The run it tells of.
    pub run: String,
    /// What tells it from another file of this name.
    pub identity: String,
    /// How many bytes of it were read.
    pub read_bytes: u64,
}

/// What to look runs up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunColumn {
    /// A parameter.
    Param,
    /// A tag.
    Tag,
}

#[cfg(test)]
mod tests;
