//! The ledger: what must outlive the process and is not telemetry, kept in one SQLite file.
//!
//! Flows in: alert instances, alerts, silences, groups, incidents, outbox jobs, the record of every delivery attempt and of
//! every change of an alert, training runs with what they were started with. Flows out: the same, exactly as committed,
//! after a restart or a `kill -9`. It promises that [`Ledger::write`] is all or nothing and on disk when it returns (write-ahead log, `synchronous = FULL`), that a file of a newer release is refused
//! rather than misread, and that a damaged file is moved aside and reported, never a panic. It never keeps
//! telemetry, and no SQL leaves this crate.
//!
//! Calls block on the disk for a few milliseconds: asynchronous callers use a blocking thread.

mod alerts;
mod ci;
mod error;
mod history;
mod imported;
mod incidents;
mod outbox;
mod overrides;
mod push;
mod reading;
mod schema;
mod silences;
mod store;
mod texts;
mod training;
mod writing;

pub use alerts::{Alert, Fingerprint, Group, InstanceState, Notified, RuleInstance, RuleState};
pub use error::LedgerError;
pub use history::{AlertEvent, AlertEventKind, AlertIdentity, EventDraft, Forgotten, Notice};
pub use imported::Imported;
pub use incidents::{
    Acknowledgement, Escalation, EventKind, Incident, IncidentAlert, IncidentEvent, NewEvent, NewIncident,
    Taken,
};
pub use outbox::{Delivery, Job, JobDraft, JobState, Outcome};
pub use overrides::{NewOverride, Override};
pub use push::PushGroup;
pub use reading::{OutboxCounts, Reading};
pub use schema::SCHEMA_VERSION;
pub use silences::{Silence, SilenceMatcher};
pub use store::{Ledger, MovedAside, Opened};
pub use texts::{Pairs, Texts};
pub use training::{
    Experiment, RunColumn, RunDetails, RunStatus, TrainingFile, TrainingInput, TrainingMetric, TrainingModel,
    TrainingRun,
};
pub use writing::Writing;
