//! Who has taken an incident on is news for receivers that show it: a message is updated, a pager stops to tell others.
//!
//! What a receiver was told of it is in what its last delivery left behind. Whatever differs at a group's turn is told,
//! so that nothing is lost by a kill or a receiver that is ill.

use super::State;
use super::tables::{GroupId, Tables};
use crate::wiring::Wire;
use watchfire_channels::{Notification, Receipt, Standing, told_standing, with_standing};
use watchfire_ledger::{Incident, Job, LedgerError, Notified};

/// How the reason of a notification begins that tells of nothing else; what follows is who.
const TAKEN: &str = "acknowledged by ";
/// The same when nobody has it any more.
const GIVEN_BACK: &str = "acknowledgement taken back";

/// Whether a notification is about nothing else.
pub(super) fn is_standing(reason: &str) -> bool {
    reason.starts_with(TAKEN) || reason == GIVEN_BACK
}

/// Who has taken an incident on, as receivers are told.
pub(super) fn standing_of(incident: Option<&Incident>) -> Standing {
    let Some(taken) = incident.and_then(|incident| incident.acknowledgement.as_ref()) else {
        return Standing::default();
    };
    Standing {
        owner: taken.owner.clone(),
        note: taken.note.clone(),
        until_ms: taken.until_ms,
        mark: format!("{}@{}", taken.owner, taken.at_ms),
        is_all: false,
    }
}

/// Why that is told.
pub(super) fn reason(standing: &Standing) -> String {
    if standing.owner.is_empty() { GIVEN_BACK.to_owned() } else { format!("{TAKEN}{}", standing.owner) }
}

/// What a destination left behind when it was told last.
fn receipt_of(told: &Notified) -> Receipt {
    serde_json::from_str(&told.receiver_data).unwrap_or_default()
}

/// What a destination that refused to be told of a standing is taken to know, so that it is not told at every turn.
pub(super) fn refused(job: &Job, receiver_data: &str) -> Option<String> {
    let standing = serde_json::from_str::<Notification>(&job.payload).ok()?.standing?;
    let receipt: Receipt = serde_json::from_str(receiver_data).unwrap_or_default();
    serde_json::to_string(&with_standing(receipt, &standing.mark)).ok()
}

impl Tables {
    /// The standing of a group's incident that a destination was not told of, and can be told of.
    pub(super) fn untold_standing(&self, id: &GroupId, wire: &Wire) -> Option<(Standing, &Notified)> {
        if !wire.channel.knows_standing() {
            return None;
        }
        let incident = self.incidents.get(id)?;
        let told = self.notified.get(&(id.0.clone(), id.1.clone(), wire.number))?;
        let standing = standing_of(Some(incident));
        let receipt = receipt_of(told);
        let is_news = told_standing(&receipt) != standing.mark
            && wire.channel.takes_standing(&receipt, !standing.owner.is_empty());
        (is_news && !told.open.is_empty()).then_some((standing, told))
    }
}

impl State {
    /// Somebody has taken an incident on or given it back: its group has its turn at once where a receiver shows that.
    pub(super) fn show_standing(&mut self, id: &GroupId, now_ms: i64) -> Result<(), LedgerError> {
        let wiring = self.wiring();
        if !wiring.of(&id.1).iter().any(|wire| wire.channel.knows_standing()) {
            return Ok(());
        }
        self.change(|tables, write| {
            let Some(group) = tables.groups.get_mut(id) else { return Ok(()) };
            group.next_flush_ms = group.next_flush_ms.min(now_ms);
            write.touch_group(group)
        })
    }
}
