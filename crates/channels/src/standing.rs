//! Who has taken an incident on, as receivers are told that know such a thing.

use crate::attempt::Receipt;
use serde::{Deserialize, Serialize};

/// Where a receipt says which standing the receiver was told.
pub(crate) const STANDING: &str = "standing";

/// Whether somebody has taken an incident on, and who.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Who; empty where nobody has.
    pub owner: String,
    /// What they said.
    pub note: String,
    /// Until when it holds, in milliseconds since the Unix epoch; `None`: until the incident is over.
    pub until_ms: Option<i64>,
    /// What tells it from the one before; empty where nobody has.
    pub mark: String,
    /// Whether it is the only news.
    pub is_all: bool,
}

impl Standing {
    /// Whether somebody has.
    pub(crate) const fn is_taken(&self) -> bool {
        !self.owner.is_empty()
    }

    /// A line for people: `Acknowledged by ada until 2026-11-21T18:00:00Z: on it`. Nothing where nobody has.
    pub(crate) fn line(&self) -> Option<String> {
        if !self.is_taken() {
            return None;
        }
        let until = self.until_ms.and_then(|at_ms| jiff::Timestamp::from_millisecond(at_ms).ok());
        let until = until.map(|at| format!(" until {at:.0}")).unwrap_or_default();
        let note = if self.note.is_empty() { String::new() } else { format!(": {}", self.note) };
        Some(format!("Acknowledged by {}{until}{note}", self.owner))
    }
}

/// Which standing a receiver was told last, by what its last delivery left behind; empty where it was told of none.
pub fn told_standing(receipt: &Receipt) -> &str {
    receipt.get(STANDING).map_or("", String::as_str)
}

/// The same receipt for a receiver that will not take this standing, so that it is not told of it again and again.
pub fn with_standing(mut receipt: Receipt, mark: &str) -> Receipt {
    receipt.insert(STANDING.to_owned(), mark.to_owned());
    receipt
}
