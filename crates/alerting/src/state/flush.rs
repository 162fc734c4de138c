//! A group's turn: how it stands is compared with what each destination was told, and what is owed is queued.

use super::State;
use super::tables::{GroupId, Tables, Timing};
use crate::config::{Config, Receiver, Webhook};
use crate::decide::{Desired, decide};
use crate::webhook::{self, Notification};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use watchfire_ledger::{Alert, Fingerprint, Job, JobDraft, JobState, LedgerError, Notified, Writing};

impl State {
    /// Gives every group whose time has come its turn; returns how many.
    pub(crate) fn flush_due(&mut self, now_ms: i64) -> Result<usize, LedgerError> {
        let due: Vec<GroupId> = self
            .tables
            .groups
            .iter()
            .filter(|(_, group)| group.next_flush_ms <= now_ms)
            .map(|(id, _)| id.clone())
            .collect();
        if due.is_empty() {
            return Ok(0);
        }
        let config = Arc::clone(&self.config);
        let external_url = self.external_url.clone();
        let sending: HashSet<i64> = self.in_flight.keys().copied().collect();
        let mut reflush = Vec::new();
        self.change(|tables, write| {
            let turn = Turn { config: &config, external_url: &external_url, sending: &sending, now_ms };
            for id in &due {
                if turn.flush(tables, write, id)? {
                    reflush.push(id.clone());
                }
            }
            Ok(())
        })?;
        self.reflush.extend(reflush);
        Ok(due.len())
    }
}

struct Turn<'a> {
    config: &'a Config,
    external_url: &'a str,
    /// Jobs being sent right now.
    sending: &'a HashSet<i64>,
    now_ms: i64,
}

impl Turn<'_> {
    /// Gives one group its turn; `true` if it could not say everything because a job of its is being sent.
    fn flush(&self, tables: &mut Tables, write: &Writing<'_>, id: &GroupId) -> Result<bool, LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(false) };
        let timing = Timing::of(group);
        let alerts: Vec<Alert> = tables.members(group).into_iter().cloned().collect();
        let (resolved, firing): (Vec<&Alert>, Vec<&Alert>) =
            alerts.iter().partition(|alert| alert.is_resolved());
        let (firing, resolved) = (fingerprints(&firing), fingerprints(&resolved));
        let mut held_back = false;
        let webhooks = self.config.receiver(&id.1).map_or(&[][..], |receiver| &receiver.webhooks);
        for (integration, webhook) in (0_u32..).zip(webhooks) {
            let desired = Desired {
                firing: &firing,
                resolved: &resolved,
                send_resolved: webhook.send_resolved,
                repeat_interval_ms: (!timing.retired).then_some(timing.repeat_interval_ms),
            };
            let open = tables.open_job(id, integration);
            if let Some(open) = open {
                if self.sending.contains(&open.id) {
                    held_back |= differs(open, desired);
                    continue;
                }
                // A destination that does not want ends is still owed the beginning that it was never told.
                let only_ends = firing.is_empty() && !webhook.send_resolved;
                if only_ends || !differs(open, desired) {
                    continue;
                }
                let reason = open.reason.clone();
                self.queue(tables, write, id, (integration, webhook), &alerts, reason)?;
                continue;
            }
            let told = tables.notified.get(&(id.0.clone(), id.1.clone(), integration));
            let Some(reason) = decide(told, desired, self.now_ms) else { continue };
            if firing.is_empty() && !webhook.send_resolved {
                let told = Notified {
                    group_key: id.0.clone(),
                    receiver: id.1.clone(),
                    integration,
                    firing: BTreeSet::new(),
                    resolved: resolved.clone(),
                    at_ms: self.now_ms,
                    confirmed_firing: false,
                };
                write.put_notified(&told)?;
                tables.notified.insert((id.0.clone(), id.1.clone(), integration), told);
                continue;
            }
            self.queue(tables, write, id, (integration, webhook), &alerts, reason.as_str().to_owned())?;
        }
        if let Some(group) = tables.groups.get_mut(id) {
            group.next_flush_ms = self.now_ms.saturating_add(timing.group_interval_ms.max(1));
            write.put_group(group)?;
        }
        settle(tables, write, self.config, id)?;
        Ok(held_back)
    }

    fn queue(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        id: &GroupId,
        (integration, webhook): (u32, &Webhook),
        alerts: &[Alert],
        reason: String,
    ) -> Result<(), LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(()) };
        let told: Vec<&Alert> =
            alerts.iter().filter(|alert| webhook.send_resolved || !alert.is_resolved()).collect();
        let (resolved, firing): (Vec<&Alert>, Vec<&Alert>) =
            alerts.iter().partition(|alert| alert.is_resolved());
        let notification = Notification {
            receiver: &id.1,
            group_key: &id.0,
            group_labels: &group.labels,
            external_url: self.external_url,
            alerts: &told,
            max_alerts: webhook.max_alerts,
        };
        let payload = match webhook::body(&notification) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(group = id.0, receiver = id.1, %error, "notification could not be written");
                return Ok(());
            }
        };
        let draft = JobDraft {
            group_key: id.0.clone(),
            receiver: id.1.clone(),
            integration,
            reason,
            payload,
            firing: fingerprints(&firing),
            resolved: fingerprints(&resolved),
        };
        let job = write.enqueue(&draft, self.now_ms)?;
        let kept = tables.jobs.remove(&job);
        tables.jobs.insert(job, job_of(job, draft, kept, self.now_ms));
        Ok(())
    }
}

/// The job as the ledger has it after [`Writing::enqueue`].
fn job_of(id: i64, draft: JobDraft, replaced: Option<Job>, now_ms: i64) -> Job {
    let base = replaced.unwrap_or_else(|| Job {
        id,
        group_key: draft.group_key.clone(),
        receiver: draft.receiver.clone(),
        integration: draft.integration,
        state: JobState::Open,
        generation: u32::MAX,
        reason: String::new(),
        payload: String::new(),
        firing: BTreeSet::new(),
        resolved: BTreeSet::new(),
        created_ms: now_ms,
        next_try_ms: now_ms,
        attempts: 0,
        finished_ms: None,
        last_error: None,
    });
    Job {
        // A new job is of generation 0.
        generation: base.generation.wrapping_add(1),
        reason: draft.reason,
        payload: draft.payload,
        firing: draft.firing,
        resolved: draft.resolved,
        ..base
    }
}

fn differs(job: &Job, desired: Desired<'_>) -> bool {
    job.firing != *desired.firing || (desired.send_resolved && job.resolved != *desired.resolved)
}

fn fingerprints(alerts: &[&Alert]) -> BTreeSet<Fingerprint> {
    alerts.iter().map(|alert| alert.fingerprint).collect()
}

/// Lets go of resolved alerts that nobody has to be told about any more, and of a group that is empty then.
pub(super) fn settle(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    id: &GroupId,
) -> Result<(), LedgerError> {
    let Some(group) = tables.groups.get(id) else { return Ok(()) };
    if tables.jobs.values().any(|job| job.group_key == id.0 && job.receiver == id.1) {
        return Ok(());
    }
    let webhooks = config.receiver(&id.1).map(|receiver: &Receiver| &receiver.webhooks);
    let wants_ends: HashMap<u32, bool> =
        (0_u32..).zip(webhooks.into_iter().flatten().map(|webhook| webhook.send_resolved)).collect();
    let owed = |fingerprint: &Fingerprint| {
        wants_ends.iter().filter(|(_, wants)| **wants).any(|(integration, _)| {
            let told = tables.notified.get(&(id.0.clone(), id.1.clone(), *integration));
            told.is_some_and(|told| told.firing.contains(fingerprint))
        })
    };
    let over: Vec<Fingerprint> = group
        .members
        .iter()
        .copied()
        .filter(|member| tables.alerts.get(member).is_none_or(Alert::is_resolved) && !owed(member))
        .collect();
    if over.is_empty() && !group.members.is_empty() {
        return Ok(());
    }
    let Some(group) = tables.groups.get_mut(id) else { return Ok(()) };
    for member in &over {
        group.members.remove(member);
    }
    if group.members.is_empty() {
        write.delete_group(&id.0, &id.1)?;
        tables.groups.remove(id);
        tables.notified.retain(|(key, receiver, _), _| (key, receiver) != (&id.0, &id.1));
    } else {
        write.put_group(group)?;
    }
    tables.forget_loose(write, &over)
}
