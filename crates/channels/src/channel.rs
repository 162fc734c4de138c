//! A channel: one integration with what it needs to be used.

use crate::attempt::{Attempt, Receipt};
use crate::config::{Integration, Settings};
use crate::notification::Notification;
use crate::sending::Sending;
use std::fmt;
use std::sync::Arc;
use watchfire_model::time::Clock;

/// What all channels of a configuration share.
pub struct Tools {
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").finish_non_exhaustive()
    }
}

impl Tools {
    /// Gathers them.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
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

    /// One attempt to tell somebody. `receipt` is what the last delivery of the same group left behind. Dropping the
    /// future gives the attempt up; nobody knows then whether it arrived.
    pub async fn send(&self, notification: &Notification, receipt: Option<&Receipt>) -> Attempt {
        let sending = Sending::new(&self.tools, notification, receipt);
        match &self.integration.settings {
            Settings::Webhook(webhook) => webhook.send(&sending).await,
        }
    }
}
