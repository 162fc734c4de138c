//! Who has taken an incident on is news for receivers that show it: a message is updated, a pager stops to tell others.
//!
//! What a receiver was told of it is in what its last delivery left behind. Whatever differs at a group's turn is told,
//! so that nothing is lost by a kill or a receiver that is ill.

use super::tables::{GroupId, Tables};
use super::{Destination, State};
use crate::wiring::Wire;
use std::collections::BTreeSet;
use watchfire_channels::{
    Attempt, Notification, Outcome as Told, Receipt, Standing, told_standing, with_standing,
};
use watchfire_ledger::{Incident, Job, LedgerError, Notified, Writing};

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
    /// The standing of a group's incident that a destination of its own was not told of, and can be told of.
    pub(super) fn untold_standing(&self, id: &GroupId, wire: &Wire) -> Option<(Standing, &Notified)> {
        self.untold_standing_at(id, id, wire).filter(|(_, told)| !told.open.is_empty())
    }

    /// The same of any destination: `to` is the group key with the destination's receiver.
    pub(super) fn untold_standing_at(
        &self,
        id: &GroupId,
        to: &GroupId,
        wire: &Wire,
    ) -> Option<(Standing, &Notified)> {
        if !wire.channel.knows_standing() {
            return None;
        }
        let incident = self.incidents.get(id)?;
        let told = self.notified.get(&(to.clone(), wire.number))?;
        let standing = standing_of(Some(incident));
        let receipt = receipt_of(told);
        let is_news = told_standing(&receipt) != standing.mark
            && wire.channel.takes_standing(&receipt, !standing.owner.is_empty());
        is_news.then_some((standing, told))
    }

    /// The destinations that steps of a policy told of a group's incident, and that hear of it from nowhere else.
    pub(super) fn only_paged(&self, id: &GroupId) -> Vec<Destination> {
        let paged = self.incidents.get(id).into_iter().flat_map(|incident| &incident.paged);
        paged
            .filter(|(receiver, _)| !self.groups.contains_key(&(id.0.clone(), receiver.clone())))
            .cloned()
            .collect()
    }

    /// A step of a policy reached its destination, or who has the incident was refused there: what the destination left
    /// behind is kept, and if there are news of who has the incident, its group has its turn at once. What was told of
    /// alerts is not kept here: their end is told when the incident is over.
    pub(super) fn note_paged(
        &mut self,
        write: &Writing<'_>,
        (job, wire): (&Job, &Wire),
        attempt: &Attempt,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let to = self.id_of(&job.group_key, &job.receiver);
        let key = (to.clone(), job.integration);
        let before = self.notified.get(&key).map(|told| told.receiver_data.clone()).unwrap_or_default();
        let receiver_data = match &attempt.receipt {
            Some(receipt) => serde_json::to_string(receipt).unwrap_or_default(),
            None if attempt.outcome == Told::Delivered => before,
            None => refused(job, &before).unwrap_or(before),
        };
        let told = Notified {
            group_key: job.group_key.clone(),
            receiver: job.receiver.clone(),
            integration: job.integration,
            firing: BTreeSet::new(),
            resolved: BTreeSet::new(),
            at_ms: now_ms,
            open: BTreeSet::new(),
            receiver_data,
        };
        write.put_notified(&told)?;
        self.put_told(told);
        let own = self.incidents.iter().find(|(_, incident)| Some(incident.id) == job.incident);
        let Some(id) = own.map(|(id, _)| id.clone()) else { return Ok(()) };
        if self.untold_standing_at(&id, &to, wire).is_some()
            && let Some(group) = self.groups.get(&id)
        {
            let next_ms = group.next_flush_ms.min(now_ms);
            self.put_turn(write, &id, next_ms)?;
        }
        Ok(())
    }

    /// Forgets what a destination left behind that steps of a policy told, when its end was told, too.
    pub(super) fn forget_paged(&mut self, write: &Writing<'_>, to: &GroupId) -> Result<(), LedgerError> {
        let is_needed = self.groups.contains_key(to) || self.told(to).any(|told| !told.open.is_empty());
        if is_needed { Ok(()) } else { self.remove_group(write, to) }
    }
}

impl State {
    /// Somebody has taken an incident on or given it back: its group has its turn at once where a receiver shows that.
    pub(super) fn show_standing(&mut self, id: &GroupId, now_ms: i64) -> Result<(), LedgerError> {
        let wiring = self.wiring();
        let paged = self.tables.only_paged(id);
        let mut wires = wiring.of(&id.1).iter().chain(paged.iter().filter_map(|to| wiring.get(to)));
        if !wires.any(|wire| wire.channel.knows_standing()) {
            return Ok(());
        }
        self.change(|tables, write| {
            let Some(group) = tables.groups.get(id) else { return Ok(()) };
            let next_ms = group.next_flush_ms.min(now_ms);
            tables.put_turn(write, id, next_ms)
        })
    }
}
