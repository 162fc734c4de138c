//! Policies of escalation: who is told, and who next when nobody acknowledges.

use std::time::Duration;
use watchfire_model::Severity;

/// A policy. Its steps are taken one after the other until somebody acknowledges or the incident is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name, by which routes call it.
    pub name: String,
    /// Which incidents it is for; it does nothing for others.
    pub severities: Vec<Severity>,
    /// How often all steps are taken again.
    pub repeat: u32,
    /// The steps, at least one.
    pub steps: Vec<Step>,
}

/// A step of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who is told.
    pub tell: Vec<Target>,
    /// How long they have to acknowledge before the next step is taken.
    pub wait: Duration,
    /// Which incidents take it; others pass over it at once. `None`: all of the policy's.
    pub severities: Option<Vec<Severity>>,
}

/// Whom a step tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A receiver of the Alertmanager configuration.
    Receiver(String),
    /// A person, on all of their receivers.
    Person(String),
    /// Whoever is on call by a schedule.
    Schedule(String),
    /// Everybody who may be on call by a schedule.
    Rotation(String),
}

impl Target {
    /// What it is, and its name: `schedule`, `primary`.
    pub fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Receiver(name) => ("receiver", name),
            Self::Person(name) => ("person", name),
            Self::Schedule(name) => ("schedule", name),
            Self::Rotation(name) => ("rotation", name),
        }
    }

    /// The target that these words name.
    pub fn of_words(kind: &str, name: &str) -> Option<Self> {
        let name = name.to_owned();
        match kind {
            "receiver" => Some(Self::Receiver(name)),
            "person" => Some(Self::Person(name)),
            "schedule" => Some(Self::Schedule(name)),
            "rotation" => Some(Self::Rotation(name)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = self.words();
        write!(f, "{kind} {name}")
    }
}

impl Policy {
    /// The first step from `step` on that incidents of a severity take.
    pub fn step_from(&self, step: u32, severity: Severity) -> Option<(u32, &Step)> {
        if !self.severities.contains(&severity) {
            return None;
        }
        let numbered = (0..).zip(&self.steps).skip_while(|(number, _)| *number < step);
        numbered.into_iter().find(|(_, step)| {
            step.severities.as_ref().is_none_or(|severities| severities.contains(&severity))
        })
    }
}
