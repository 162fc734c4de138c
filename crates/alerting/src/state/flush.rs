//! A group's turn: how it stands is compared with what each destination was told, and what is owed is queued.

use super::State;
use super::muting::{self, Suppressed};
use super::tables::{GroupId, Options, Tables};
use crate::config::{Config, Receiver, Webhook};
use crate::decide::{Desired, decide};
use crate::webhook::{self, Notification};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use watchfire_ledger::{Alert, Fingerprint, Group, Job, JobDraft, JobState, LedgerError, Notified, Writing};

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
        let mut suppressed = self.suppressed;
        self.change(|tables, write| {
            let mut turn = Turn {
                config: &config,
                external_url: &external_url,
                sending: &sending,
                suppressed: &mut suppressed,
                now_ms,
            };
            for id in &due {
                if turn.flush(tables, write, id)? {
                    reflush.push(id.clone());
                }
            }
            Ok(())
        })?;
        self.suppressed = suppressed;
        self.reflush.extend(reflush);
        Ok(due.len())
    }
}

struct Turn<'a> {
    config: &'a Config,
    external_url: &'a str,
    /// Jobs being sent right now.
    sending: &'a HashSet<i64>,
    suppressed: &'a mut Suppressed,
    now_ms: i64,
}

impl Turn<'_> {
    /// Gives one group its turn; `true` if it could not say everything because a job of its is being sent.
    fn flush(&mut self, tables: &mut Tables, write: &Writing<'_>, id: &GroupId) -> Result<bool, LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(false) };
        let options = Options::of(group);
        let muted = self.muted(tables, group, &options);
        let members: Vec<Alert> = tables.members(group).into_iter().cloned().collect();
        let mut held_back = false;
        let webhooks = self.config.receiver(&id.1).map_or(&[][..], |receiver| &receiver.webhooks);
        for (integration, webhook) in (0_u32..).zip(webhooks) {
            let told = tables.notified.get(&(id.0.clone(), id.1.clone(), integration));
            // Who was told that something fires is told its end, whatever mutes it by then.
            let is_owed = |alert: &Alert| {
                alert.is_resolved(self.now_ms)
                    && told.is_some_and(|told| told.open.contains(&alert.fingerprint))
            };
            let alerts: Vec<&Alert> = members
                .iter()
                .filter(|alert| !muted.contains(&alert.fingerprint) || is_owed(alert))
                .collect();
            let news = News::of(&alerts, self.now_ms);
            let desired = Desired {
                firing: &news.firing,
                resolved: &news.resolved,
                send_resolved: webhook.send_resolved,
                repeat_interval_ms: (!options.retired).then_some(options.repeat_interval_ms),
            };
            // A destination that does not want ends is still owed the beginning that it was never told.
            let only_ends = news.firing.is_empty() && !webhook.send_resolved;
            if let Some(open) = tables.open_job(id, integration) {
                if self.sending.contains(&open.id) {
                    held_back |= !alerts.is_empty() && differs(open, desired);
                } else if !alerts.is_empty() && !only_ends && differs(open, desired) {
                    let reason = open.reason.clone();
                    self.queue(tables, write, id, (integration, webhook), &alerts, reason)?;
                }
                continue;
            }
            if alerts.is_empty() {
                continue;
            }
            let Some(reason) = decide(told, desired, self.now_ms) else { continue };
            if only_ends {
                let told = Notified {
                    group_key: id.0.clone(),
                    receiver: id.1.clone(),
                    integration,
                    firing: BTreeSet::new(),
                    resolved: news.resolved,
                    at_ms: self.now_ms,
                    open: BTreeSet::new(),
                    receiver_data: told.map(|told| told.receiver_data.clone()).unwrap_or_default(),
                };
                write.put_notified(&told)?;
                tables.put_told(told);
                continue;
            }
            self.queue(tables, write, id, (integration, webhook), &alerts, reason.as_str().to_owned())?;
        }
        if let Some(group) = tables.groups.get_mut(id) {
            group.next_flush_ms = self.now_ms.saturating_add(options.group_interval_ms.max(1));
            write.touch_group(group)?;
        }
        settle(tables, write, self.config, id, self.now_ms)?;
        Ok(held_back)
    }

    /// The alerts of a group that are not worth telling now.
    fn muted(&mut self, tables: &Tables, group: &Group, options: &Options) -> HashSet<Fingerprint> {
        let all = muting::intervals(self.config, options, self.now_ms).map(|(why, _)| why);
        let mut muted = HashSet::new();
        for alert in group.members.iter().filter_map(|member| tables.alerts.get(member)) {
            if let Some(why) = tables.muted(alert, self.now_ms).or(all) {
                self.suppressed.count(why);
                muted.insert(alert.fingerprint);
            }
        }
        muted
    }

    fn queue(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        id: &GroupId,
        (integration, webhook): (u32, &Webhook),
        alerts: &[&Alert],
        reason: String,
    ) -> Result<(), LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(()) };
        let told: Vec<&Alert> = alerts
            .iter()
            .copied()
            .filter(|alert| webhook.send_resolved || !alert.is_resolved(self.now_ms))
            .collect();
        let news = News::of(alerts, self.now_ms);
        let notification = Notification {
            receiver: &id.1,
            group_key: &id.0,
            group_labels: &group.labels,
            external_url: self.external_url,
            alerts: &told,
            max_alerts: webhook.max_alerts,
            now_ms: self.now_ms,
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
            firing: news.firing,
            resolved: news.resolved,
        };
        let job = write.enqueue(&draft, self.now_ms)?;
        let kept = tables.remove_job(job);
        tables.put_job(job_of(job, draft, kept, self.now_ms));
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

/// The alerts of a group that may be told, by how they stand.
struct News {
    firing: BTreeSet<Fingerprint>,
    resolved: BTreeSet<Fingerprint>,
}

impl News {
    fn of(alerts: &[&Alert], now_ms: i64) -> Self {
        let (resolved, firing): (Vec<&Alert>, Vec<&Alert>) =
            alerts.iter().copied().partition(|alert| alert.is_resolved(now_ms));
        let set = |alerts: Vec<&Alert>| alerts.iter().map(|alert| alert.fingerprint).collect();
        Self { firing: set(firing), resolved: set(resolved) }
    }
}

/// Lets go of resolved alerts that nobody has to be told about any more, and of a group that is empty then.
pub(super) fn settle(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    id: &GroupId,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let Some(group) = tables.groups.get(id) else { return Ok(()) };
    if tables.has_jobs(id) {
        return Ok(());
    }
    let webhooks = config.receiver(&id.1).map(|receiver: &Receiver| &receiver.webhooks);
    let wants_ends: Vec<u32> = (0_u32..)
        .zip(webhooks.into_iter().flatten())
        .filter(|(_, webhook)| webhook.send_resolved)
        .map(|(integration, _)| integration)
        .collect();
    // Whose beginning was told or may have been, and whose end was not.
    let owed: HashSet<Fingerprint> = tables
        .told(id)
        .filter(|told| wants_ends.contains(&told.integration))
        .flat_map(|told| told.firing.iter().chain(&told.open))
        .copied()
        .collect();
    let over: Vec<Fingerprint> = group
        .members
        .iter()
        .copied()
        .filter(|member| {
            tables.alerts.get(member).is_none_or(|alert| alert.is_resolved(now_ms)) && !owed.contains(member)
        })
        .collect();
    if over.is_empty() && !group.members.is_empty() {
        return Ok(());
    }
    tables.remove_members(id, &over);
    match tables.groups.get(id) {
        Some(group) if !group.members.is_empty() => write.put_group(group)?,
        _ => tables.remove_group(write, id)?,
    }
    tables.forget_loose(write, &over, now_ms)
}
