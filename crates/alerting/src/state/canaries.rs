//! What is remembered of canaries: when each way of each receiver confirmed one last.

use super::evaluation::millis;
use super::tables::Tables;
use super::{Destination, State};
use crate::canary::{CanaryView, is_canary};
use crate::routing::integration_name;
use crate::wiring::number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use watchfire_ledger::{Job, LedgerError, Reading, Writing};

/// Where the ledger keeps it.
const META: &str = "canaries";

/// What one way of a receiver made of its canaries. Times are milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    confirmed_ms: Option<i64>,
    refused_ms: Option<i64>,
    confirmed: u64,
}

/// All of them, as the ledger has them.
#[derive(Debug, Default)]
pub(super) struct Book(BTreeMap<Destination, Seen>);

impl Book {
    pub(super) fn load(read: &Reading<'_>) -> Result<Self, LedgerError> {
        let text = read.meta(META)?.unwrap_or_default();
        // What cannot be read is forgotten: the next canary says anew how things stand.
        let rows: Vec<(Destination, Seen)> = serde_json::from_str(&text).unwrap_or_default();
        Ok(Self(rows.into_iter().collect()))
    }

    fn save(&self, write: &Writing<'_>) -> Result<(), LedgerError> {
        let rows: Vec<(&Destination, &Seen)> = self.0.iter().collect();
        write.set_meta(META, &serde_json::to_string(&rows).unwrap_or_default())
    }
}

impl Tables {
    /// A job was confirmed or refused for good: where it was a canary's, that is remembered.
    pub(super) fn note_canary(
        &mut self,
        write: &Writing<'_>,
        job: &Job,
        delivered: bool,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        if !self.is_canary_job(job) {
            return Ok(());
        }
        let seen = self.canaries.0.entry((job.receiver.clone(), job.integration)).or_default();
        if delivered {
            seen.confirmed_ms = Some(now_ms);
            // Beginnings are counted; an end belongs to one of them.
            seen.confirmed += u64::from(!job.firing.is_empty());
        } else {
            seen.refused_ms = Some(now_ms);
        }
        self.canaries.save(write)
    }

    fn is_canary_job(&self, job: &Job) -> bool {
        let group = self.groups.get(&(job.group_key.clone(), job.receiver.clone()));
        group.is_some_and(|group| is_canary(&group.labels, &job.receiver))
    }
}

impl State {
    /// How the canaries of the configuration in force fare.
    pub(crate) fn canaries(&self, now_ms: i64) -> Vec<CanaryView> {
        let Some(canaries) = &self.config.canaries else { return Vec::new() };
        let due_ms = canaries.last_due_ms(now_ms);
        let late_ms = now_ms.saturating_sub(millis(canaries.within));
        let mut views = Vec::new();
        for receiver in canaries.receivers.iter().filter_map(|name| self.config.receiver(name)) {
            for integration in &receiver.integrations {
                let destination = (receiver.name.clone(), number(integration.kind.name(), integration.index));
                let seen = self.tables.canaries.0.get(&destination).copied().unwrap_or_default();
                let was_due = due_ms >= self.canaries_since_ms && seen.confirmed_ms < Some(due_ms);
                let waits = self.tables.jobs.values().any(|job| {
                    (job.integration, &job.receiver) == (destination.1, &destination.0)
                        && job.created_ms <= late_ms
                        && self.tables.is_canary_job(job)
                });
                views.push(CanaryView {
                    receiver: receiver.name.clone(),
                    integration: integration_name(integration),
                    confirmed_ms: seen.confirmed_ms,
                    confirmed: seen.confirmed,
                    is_overdue: was_due || waits || seen.refused_ms > seen.confirmed_ms,
                });
            }
        }
        views
    }
}
