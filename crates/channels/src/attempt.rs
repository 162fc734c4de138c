//! What became of an attempt.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a channel needs to remember of a delivery to speak of it again: the message to update, the thread to answer in.
/// Kept by whoever sends, and handed back with the next notification of the same group to the same integration.
pub type Receipt = BTreeMap<String, String>;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver confirmed.
    Delivered,
    /// It failed, or nobody knows; it may work later.
    Retry,
    /// The receiver refused for good: the same attempt cannot succeed before somebody changes something.
    Dead,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, or the SMTP reply code, if there was one.
    pub status: Option<u16>,
    /// What went wrong, for people; no secret is in it. Also set on a delivery that did not go as configured, such as
    /// one whose template failed.
    pub error: Option<String>,
    /// The destination asks not to be called before this has passed.
    pub retry_after: Option<Duration>,
    /// What to hand back with the next notification of this group; `None` to keep what there was.
    pub receipt: Option<Receipt>,
}

impl Attempt {
    /// The receiver confirmed.
    pub(crate) const fn delivered(status: u16) -> Self {
        Self {
            outcome: Outcome::Delivered,
            status: Some(status),
            error: None,
            retry_after: None,
            receipt: None,
        }
    }

    /// It may work later.
    pub(crate) fn retry(error: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Retry,
            status: None,
            error: Some(error.into()),
            retry_after: None,
            receipt: None,
        }
    }

    /// It cannot work.
    pub(crate) fn dead(error: impl Into<String>) -> Self {
        Self { outcome: Outcome::Dead, ..Self::retry(error) }
    }
}
