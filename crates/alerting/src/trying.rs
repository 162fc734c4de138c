//! Receivers tried out by somebody who wants to see that they are reached, beside the outbox: nothing of it is kept.

use crate::manager::Alerting;
use watchfire_channels::{Trial, trial_notification, try_receiver};

/// Why a receiver was not tried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// There is none of that name.
    #[error("{0}")]
    NotFound(String),
    /// It tells nobody.
    #[error("receiver {0:?} tells nobody: it has no integrations")]
    Silent(String),
    /// Another one is being tried out.
    #[error("another receiver is being tried out; try again when that is done")]
    Busy,
}

impl Alerting {
    /// Sends a notification that says it is a test in every way a receiver of the configuration in force has, one after
    /// the other, with `ends` its end as well; what was sent and answered, secrets masked. One at a time.
    ///
    /// # Errors
    /// Where nothing was sent, and why. That somebody refused is no error of this.
    pub async fn try_receiver(&self, name: &str, ends: bool) -> Result<Vec<Trial>, TrialError> {
        let _alone = self.inner.trying.try_acquire().map_err(|_| TrialError::Busy)?;
        let (config, tools, external_url) = {
            let state = self.inner.state();
            (state.config().clone(), state.wiring().tools(), state.external_url().to_owned())
        };
        let (Some(receiver), Some(tools)) = (config.receiver(name), tools) else {
            let known: Vec<&str> =
                config.receivers.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
            let known = if known.is_empty() {
                "there are none without an alertmanager_file".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(TrialError::NotFound(format!("there is no receiver {name:?}; {known}")));
        };
        if receiver.integrations.is_empty() {
            return Err(TrialError::Silent(name.to_owned()));
        }
        let notification = trial_notification(name, &external_url, self.inner.clock.now_ms());
        Ok(try_receiver(receiver, &tools, &notification, ends).await)
    }
}
