//! How groups and rules fare, as `/api/v1/rules` and `/api/v1/alerts` tell it.

use crate::sink::{AlertInstance, AlertState};
use std::collections::BTreeMap;
use std::time::Duration;
use watchfire_model::Labels;

/// Whether a rule's last evaluation went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not evaluated yet.
    Unknown,
    /// It went well.
    Good,
    /// It failed.
    Bad,
}

impl Health {
    /// Prometheus's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad => "err",
        }
    }
}

/// How a group fares.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// How often it is evaluated.
    pub interval: Duration,
    /// How many series or alerts a rule may give; 0 for any number.
    pub limit: usize,
    /// How many samples its last evaluation wrote, ends of series aside.
    pub samples: usize,
    /// How long taking up the state of its alerts took.
    pub restore_time: Duration,
    /// When it was last evaluated, in milliseconds since the Unix epoch.
    pub last_evaluation_ms: Option<i64>,
    /// How long that took.
    pub evaluation_time: Duration,
    /// Its rules, in order.
    pub rules: Vec<RuleStatus>,
}

/// How a rule fares.
#[derive(Clone, Debug)]
pub struct RuleStatus {
    /// The name of the series or of the alert.
    pub name: String,
    /// The expression, in canonical form on one line.
    pub query: String,
    /// What is particular to its kind.
    pub kind: RuleKind,
    /// Whether its last evaluation went well.
    pub health: Health,
    /// What went wrong then.
    pub last_error: Option<String>,
    /// When it was last evaluated, in milliseconds since the Unix epoch.
    pub last_evaluation_ms: Option<i64>,
    /// How long that took.
    pub evaluation_time: Duration,
}

/// What is particular to a kind of rule.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// Keeps a series.
    Recording {
        /// Labels set on the result.
        labels: Labels,
    },
    /// Raises alerts.
    Alerting {
        /// `for`
        hold: Duration,
        /// `keep_firing_for`
        keep_firing_for: Duration,
        /// Labels set on its alerts, as templates.
        labels: BTreeMap<String, String>,
        /// Annotations, as templates.
        annotations: BTreeMap<String, String>,
        /// The gravest state among its alerts.
        state: AlertState,
        /// Its alerts that are pending or firing.
        alerts: Vec<AlertInstance>,
    },
}
