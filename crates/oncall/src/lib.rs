//! Who is told when nobody answers: people, schedules of who is on call, and policies of escalation.
//!
//! Flows in: the on-call file, calendars in iCalendar's format, overrides that people made, and a time. Flows out: who is
//! on call then, the shifts of a range of time, and which steps a policy has. It promises that at every moment a schedule
//! has one answer, also while clocks are set forward or back. It never tells anybody anything, keeps nothing, and does
//! not know what time it is.

#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

pub mod calendar;
mod config;
mod policy;
mod remote;
mod schedule;
mod severity;
mod shift;
mod wall;

pub use config::{ConfigError, Incidents, Integrations, OnCall, Person};
pub use policy::{Policy, Step, Target};
pub use remote::{Place, Remote};
pub use schedule::{Layer, Restriction, Rotation, Schedule, Source, Stand};
pub use severity::Severities;
pub use shift::Shift;
