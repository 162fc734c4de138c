//! The commands that are not the server.

pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod query;
pub(crate) mod test_rules;
