//! The HTTP surface.
//!
//! Flows in: requests in the field's own protocols. Flows out: answers in the same. It promises that every route stands
//! in one table with its method, path, permission and size limit, that bodies are capped before they are read, and that
//! every error has the shape the protocol's clients expect. It never decides anything: queries are the engine's, targets
//! the scrape manager's, alerts the rules'.

mod access;
mod agent;
mod alerting;
mod alertmanager;
mod answer;
mod app;
mod ci;
mod cors;
mod error;
mod format;
mod manage;
mod metrics;
mod origin;
mod pages;
mod params;
mod people;
mod probes;
mod prometheus;
mod push;
mod queries;
mod quick;
mod route;
mod routes;
mod server;
mod time;
mod training;
mod ui;
mod unread;

pub use agent::{AgentPages, GatherText};
pub use app::{App, AppError, BuildInfo, Control, Flags, QueryLimits};
pub use cors::Cors;
pub use metrics::{ANSWER_BOUNDS, Answered, Count, HttpMetrics, QueryCounts, QueryMetrics};
pub use probes::Probes;
pub use prometheus::read::ReadLimits;
pub use queries::{ActiveQueries, RuleQueries};
pub use quick::QuickQueries;
pub use route::Route;
pub use routes::routes;
pub use server::{Bound, ConnectionLimits, ServeError, bind};
