//! Our own API, for the web UI: everything one screen needs in one request.

pub(crate) mod alerts;
pub(crate) mod boot;
pub(crate) mod cardinality;
pub(crate) mod dashboards;
pub(crate) mod queries;
pub(crate) mod query;
