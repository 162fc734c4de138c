//! A notification and a receiver's configuration become one attempt to tell somebody, and what to make of the answer.
//!
//! Flows in: [`Notification`]s, and `receivers`, `global` and `templates` of a file in Alertmanager's format. Flows out:
//! requests to webhooks, mail servers, chats and pagers, and for each an [`Attempt`]: delivered, to be tried again (and
//! not before when), or refused for good. It promises that limits of a receiver shorten a message and never lose it,
//! that a template that fails sends a plain text instead, that files with secrets are read anew for every attempt, and
//! that no secret is in any error. It never decides when or how often to tell anybody, and it remembers nothing.

mod answers;
mod attempt;
mod aws;
mod channel;
mod client;
mod config;
mod discord;
mod email;
mod encoding;
mod incidentio;
mod jira;
mod mattermost;
mod msteams;
mod notification;
mod opsgenie;
mod pagerduty;
mod posting;
mod pushover;
mod rocketchat;
mod sending;
mod slack;
mod sns;
mod standing;
mod telegram;
mod templates;
mod trial;
mod victorops;
mod webex;
mod webhook;
mod wechat;

pub use answers::{Answer, Refusal, Wish, group_identity, of_pagerduty, of_slack, signature};
pub use attempt::{Attempt, Outcome, Receipt};
pub use channel::{Channel, Tools};
pub use config::{Global, Integration, Kind, Receiver, Receivers, Settings, Smtp};
pub use notification::{Alert, Notification, Pairs, Status, go_time};
pub use posting::{get_text, post_bytes, post_json};
pub use sending::Exchange;
pub use standing::{Standing, told_standing, with_standing};
pub use templates::Templates;
pub use trial::{Trial, trial_end, trial_notification, try_receiver};
pub use watchfire_templates::Mode;

pub use discord::Discord;
pub use email::Email;
pub use incidentio::IncidentIo;
pub use jira::Jira;
pub use mattermost::Mattermost;
pub use msteams::MsTeams;
pub use opsgenie::OpsGenie;
pub use pagerduty::PagerDuty;
pub use pushover::Pushover;
pub use rocketchat::RocketChat;
pub use slack::Slack;
pub use sns::Sns;
pub use telegram::Telegram;
pub use victorops::VictorOps;
pub use webex::Webex;
pub use webhook::Webhook;
pub use wechat::WeChat;

#[cfg(test)]
mod tests;
