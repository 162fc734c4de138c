//! A notification and a receiver's configuration become one attempt to tell somebody, and what to make of the answer.
//!
//! Flows in: [`Notification`]s, and `receivers`, `global` and `templates` of a file in Alertmanager's format. Flows out:
//! requests to webhooks, mail servers, chats and pagers, and for each an [`Attempt`]: delivered, to be tried again (and
//! not before when), or refused for good. It promises that limits of a receiver shorten a message and never lose it,
//! that a template that fails sends a plain text instead, that files with secrets are read anew for every attempt, and
//! that no secret is in any error. It never decides when or how often to tell anybody, and it remembers nothing.

mod attempt;
mod channel;
mod config;
mod notification;
mod sending;
mod webhook;

pub use attempt::{Attempt, Outcome, Receipt};
pub use channel::{Channel, Tools};
pub use config::{Global, Integration, Kind, Receiver, Receivers, Settings};
pub use notification::{Alert, Notification, Pairs, Status, go_time};
pub use webhook::Webhook;
