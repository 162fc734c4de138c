//! Alerts to people: routed, grouped, queued on disk, and sent until somebody confirms.
//!
//! Flows in: the alerts of every rule evaluation, and a configuration in Alertmanager's format. Flows out: webhook
//! notifications, and for the HTTP layer the alerts, groups, jobs and attempts. It promises that an alert that fires
//! for longer than its route's `group_wait` is delivered, and that its end is delivered to everybody who confirmed
//! its beginning, also when receivers fail for hours or the process is killed at any moment: a change of state and
//! the notification that follows from it are one transaction of the ledger. Deliveries are at least once. It never
//! evaluates anything, and it never gives up on a receiver that may come back.

mod backtest;
mod calendars;
mod canary;
pub mod config;
mod decide;
mod explain;
mod fingerprint;
mod heartbeat;
mod history;
mod incident;
mod inhibit;
mod intervals;
mod manager;
mod matchers;
mod metrics;
mod migration;
mod order;
mod route;
mod routing;
mod senders;
mod silences;
mod state;
mod status;
mod telling;
mod trying;
mod wiring;

pub use backtest::{SimulatedPage, SimulatedSuppressions, Simulation};
pub use calendars::{CalendarView, Calendars};
pub use canary::{CANARY, Canaries, CanaryView};
pub use config::{Config, ConfigError};
pub use explain::{DestinationView, ExplainQuery, Explained, NotificationView, Step, Timers, Verdict};
pub use fingerprint::fingerprint;
pub use heartbeat::Heartbeat;
pub use history::{
    Day, Durations, HistoryEvent, HistoryPage, HistoryQuery, RuleStatistics, Statistics, StatisticsQuery,
};
pub use incident::{
    Acknowledge, IncidentFilter, IncidentState, IncidentStory, IncidentView, Incidents, PeopleError, Told,
};
pub use inhibit::InhibitRule;
pub use intervals::{NamedInterval, TimeInterval};
pub use manager::{Alerting, AlertingOptions, Settings, Tuning};
pub use matchers::{AlertMatcher, MatcherMode, MatcherParseError};
pub use migration::{Migrated, migrate};
pub use route::{GroupBy, Route};
pub use routing::{Outcome as RouteOutcome, RouteNode, RouteTest, RoutedTo, Suppression};
pub use senders::{Fanout, SenderOptions, Senders};
pub use silences::{SilenceError, SilenceLimits, SilenceState};
pub use state::{
    AlertFilter, By, EventDetail, GroupRef, HistoryLimits, PostedAlert, PostedSilence, Rejected, Taken,
    receiver_labels,
};
pub use status::{AlertCounts, AlertView, GroupView, OutboxView};
pub use trying::TrialError;
pub use watchfire_channels::{
    Answer, Outcome as AttemptOutcome, Refusal, Trial, Wish, of_pagerduty, of_slack,
};
pub use watchfire_ledger::{
    Acknowledgement, AlertEvent, AlertEventKind, AlertIdentity, EventKind, Incident, IncidentAlert,
    IncidentEvent, NewOverride, Outcome, Override, Pairs as TextPairs, Silence, SilenceMatcher, Texts,
};
pub use watchfire_oncall as oncall;
