//! Prometheus's HTTP API v1 (prometheus.io, "HTTP API").

pub(crate) mod admin;
pub(crate) mod exemplars;
pub(crate) mod federate;
pub(crate) mod query;
pub(crate) mod rules;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod targets;
