//! `receivers`, `global` and `templates` of Alertmanager's configuration.

mod global;
pub(crate) mod read;
mod receivers;

pub(crate) use global::SLACK_POST;
pub use global::{Global, Smtp};
pub use receivers::{Integration, Kind, Receiver, Receivers, Settings};
