//! The commands that are not the server.

pub(crate) mod alert;
pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod import;
pub(crate) mod people;
mod progress;
pub(crate) mod query;
pub(crate) mod rules;
pub(crate) mod test_rules;
pub(crate) mod verify;
