//! Prometheus's HTTP API v1 (prometheus.io, "HTTP API").

pub(crate) mod admin;
pub(crate) mod exemplars;
pub(crate) mod features;
pub(crate) mod federate;
pub(crate) mod notifications;
pub(crate) mod openapi;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod search;
pub(crate) mod self_metrics;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod targets;
