//! `receivers`, `global` and `templates` of Alertmanager's configuration.

mod global;
mod receivers;

pub use global::Global;
pub use receivers::{Integration, Kind, Receiver, Receivers, Settings};
