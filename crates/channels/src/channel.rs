//! A channel: one integration with what it needs to be used.

use crate::attempt::{Attempt, Receipt};
use crate::aws;
use crate::client::Clients;
use crate::config::{Integration, Settings};
use crate::notification::Notification;
use crate::sending::{Exchange, Sending};
use crate::templates::Templates;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;
use watchfire_model::time::Clock;

/// What all channels of a configuration share.
pub struct Tools {
    clock: Arc<dyn Clock>,
    templates: Templates,
    pub(crate) clients: Clients,
    pub(crate) aws: aws::Known,
    environment: aws::Environment,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("templates", &self.templates).finish_non_exhaustive()
    }
}

impl Tools {
    /// Gathers them, with the default templates alone.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let templates = Templates::new(Arc::clone(&clock));
        Self::with_templates(clock, templates)
    }

    /// Gathers them, with a configuration's templates.
    pub fn with_templates(clock: Arc<dyn Clock>, templates: Templates) -> Self {
        Self {
            clock,
            templates,
            clients: Clients::default(),
            aws: aws::Known::default(),
            environment: aws::environment(),
        }
    }

    /// The same with other variables of the environment.
    #[cfg(test)]
    pub(crate) fn within(self, environment: aws::Environment) -> Self {
        Self { environment, ..self }
    }

    /// A variable of the environment, if it is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// The templates of the configuration.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The time, in milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

/// One integration, ready to be used. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Channel {
    integration: Arc<Integration>,
    tools: Arc<Tools>,
}

impl Channel {
    /// Makes an integration usable.
    pub fn new(integration: Integration, tools: Arc<Tools>) -> Self {
        Self { integration: Arc::new(integration), tools }
    }

    /// The integration.
    pub fn integration(&self) -> &Integration {
        &self.integration
    }

    /// Whether the receiver knows such a thing as somebody who has taken an incident on.
    pub fn knows_standing(&self) -> bool {
        match &self.integration.settings {
            Settings::PagerDuty(to) => to.is_v2(),
            Settings::Slack(to) => to.is_app(),
            _ => false,
        }
    }

    /// Whether it can be told now that somebody has taken an incident on, or, without `is_taken`, that nobody has any
    /// more. `receipt` is what the last delivery left behind.
    pub fn takes_standing(&self, receipt: &Receipt, is_taken: bool) -> bool {
        match &self.integration.settings {
            // PagerDuty has no event that gives an incident back.
            Settings::PagerDuty(to) => to.is_v2() && is_taken,
            Settings::Slack(to) => {
                to.is_app() && receipt.contains_key("ts") && receipt.contains_key("channel")
            }
            _ => false,
        }
    }

    /// One attempt to tell somebody. `receipt` is what the last delivery of the same group left behind. Dropping the
    /// future gives the attempt up; nobody knows then whether it arrived.
    pub async fn send(&self, notification: &Notification, receipt: Option<&Receipt>) -> Attempt {
        self.attempt(Sending::new(&self.tools, notification, receipt, false)).await.0
    }

    /// One attempt to tell somebody what stands in a text: a notification as JSON. `delivery_key` is the same for every
    /// attempt at the same text. A webhook gets the alerts as they stand there.
    ///
    /// # Errors
    /// The text is no notification.
    pub async fn send_written(
        &self,
        text: &str,
        delivery_key: String,
        receipt: Option<&Receipt>,
    ) -> Result<Attempt, serde_json::Error> {
        let plain = match &self.integration.settings {
            Settings::Webhook(to) => Some(to).filter(|to| to.is_plain()),
            _ => None,
        };
        let Some(to) = plain else {
            let mut notification: Notification = serde_json::from_str(text)?;
            notification.delivery_key = delivery_key;
            return Ok(self.send(&notification, receipt).await);
        };
        let mut written: Notification<Box<RawValue>> = serde_json::from_str(text)?;
        let body = crate::webhook::body(&written)?;
        written.delivery_key = delivery_key;
        let (head, _) = written.with_alerts(Vec::new());
        let sending = Sending::new(&self.tools, &head, receipt, false);
        let attempt = to.post(&sending, body).await;
        Ok(sending.finish(attempt.unwrap_or_else(|failed| failed)).0)
    }

    /// The same, and everything that was sent and answered, with every secret masked.
    pub async fn send_and_show(
        &self,
        notification: &Notification,
        receipt: Option<&Receipt>,
    ) -> (Attempt, Vec<Exchange>) {
        self.attempt(Sending::new(&self.tools, notification, receipt, true)).await
    }

    async fn attempt(&self, sending: Sending<'_>) -> (Attempt, Vec<Exchange>) {
        let attempt = match &self.integration.settings {
            Settings::Webhook(to) => to.attempt(&sending).await,
            Settings::Email(to) => to.attempt(&sending).await,
            Settings::Slack(to) => to.attempt(&sending).await,
            Settings::PagerDuty(to) => to.attempt(&sending).await,
            Settings::MsTeamsV2(to) => to.attempt_v2(&sending).await,
            Settings::MsTeams(to) => to.attempt_v1(&sending).await,
            Settings::OpsGenie(to) => to.attempt(&sending).await,
            Settings::Discord(to) => to.attempt(&sending).await,
            Settings::Telegram(to) => to.attempt(&sending).await,
            Settings::Sns(to) => to.attempt(&sending).await,
            Settings::Mattermost(to) => to.attempt(&sending).await,
            Settings::Jira(to) => to.attempt(&sending).await,
            Settings::Pushover(to) => to.attempt(&sending).await,
            Settings::VictorOps(to) => to.attempt(&sending).await,
            Settings::Webex(to) => to.attempt(&sending).await,
            Settings::RocketChat(to) => to.attempt(&sending).await,
            Settings::IncidentIo(to) => to.attempt(&sending).await,
            Settings::WeChat(to) => to.attempt(&sending).await,
        };
        sending.finish(attempt.unwrap_or_else(|failed| failed))
    }
}
