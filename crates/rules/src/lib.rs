//! Rules: files of expressions, evaluated on time, that record series and raise alerts.
//!
//! Flows in: rule files in Prometheus's format, and answers of the query engine. Flows out: recorded series into a
//! `MetricSink`, and the complete set of a rule's alerts into an [`AlertSink`] after every evaluation. It promises
//! Prometheus's semantics of evaluation, that a reload keeps the state of rules that did not change, and that a
//! restart goes on where the alert sink's last commit left off, `keep_firing_for` included. It never notifies anybody
//! and never writes to disk itself.

mod alerting;
pub mod backtest;
pub mod check;
pub mod file;
mod group;
pub mod manager;
mod query;
mod recording;
pub mod sink;
pub mod status;
mod template;
pub mod testing;
pub mod yaml;

pub use file::{ReadOptions, Rule, RuleFile};
pub use manager::{Manager, Parts, Settings};
pub use query::{QueryObserver, RuleQuery};
pub use sink::{
    AlertInstance, AlertSink, AlertState, Evaluation, NoAlerts, Origin, Restored, SinkError, SinkFuture,
};
pub use status::{GroupStatus, Health, RuleKind, RuleStatus};
