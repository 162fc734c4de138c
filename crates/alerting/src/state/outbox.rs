//! The outbox's jobs: taken for sending, and what becomes of them.

use super::escalation::ESCALATION;
use super::external::ALERT_NAME;
use super::flush::settle;
use super::health::Health;
use super::incidents::Tally;
use super::standing::{self, is_standing};
use super::tables::{GroupId, Tables};
use super::{Destination, State};
use crate::config::Config;
use crate::telling;
use crate::wiring::{Wiring, pace};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use watchfire_channels::{Attempt, Channel, Outcome as Told, Receipt};
use watchfire_ledger::{Job, JobDraft, JobState, LedgerError, Notice, Notified, Outcome, Writing};

/// The first pause after a failure is between nothing and this; it doubles with every attempt.
const BACKOFF_BASE: Duration = Duration::from_secs(1);
/// No pause is longer, unless the destination asks for it: somebody may be down who is to be woken.
const BACKOFF_CAP: Duration = Duration::from_secs(60);
/// Nor shorter, so that a destination that fails at once is not called in a circle.
const BACKOFF_FLOOR: Duration = Duration::from_millis(500);
/// How long finished jobs are kept for people to see.
const HISTORY: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How the reason of a notification begins that another receiver refused.
const FALLBACK: &str = "fallback: ";

/// An attempt that is over.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) claim: Claim,
    pub(crate) attempt: Attempt,
    pub(crate) latency: Duration,
}

/// What follows an attempt, as far as it is known before it is noted.
struct After {
    id: GroupId,
    /// When it is tried again, if it is.
    next_try_ms: i64,
    /// The turn during the attempt could not say everything.
    flush_again: bool,
}

/// A job on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) job: Job,
    pub(crate) channel: Channel,
    /// The name of the integration's kind.
    pub(crate) kind: &'static str,
    /// What the last delivery of the group left behind.
    pub(crate) receipt: Option<Receipt>,
    delivery: i64,
}

impl State {
    /// Takes the jobs that may be sent now, as many for each destination as it can bear, and notes that the attempts
    /// begin.
    pub(crate) fn claim(&mut self, now_ms: i64) -> Result<Vec<Claim>, LedgerError> {
        let (config, wiring) = (Arc::clone(&self.config), Arc::clone(&self.wiring));
        let (mut chosen, mut orphans) = (Vec::new(), Vec::new());
        for (destination, due) in self.tables.due() {
            let ready = due.range(..=(now_ms, i64::MAX));
            let mut ready = ready.filter(|(_, job)| !self.in_flight.contains_key(job)).copied().peekable();
            if ready.peek().is_none() {
                continue;
            }
            let Some(wire) = wiring.get(destination) else {
                // Before the first configuration, nobody is known and everybody may still come.
                if config.route.is_some() {
                    orphans.extend(ready.map(|(_, job)| job));
                }
                continue;
            };
            let health =
                self.destinations.entry(destination.clone()).or_insert_with(|| Health::new(pace(wire.kind)));
            for turn in ready {
                if health.is_full() || health.ready_ms() > now_ms {
                    break;
                }
                health.begin(now_ms);
                chosen.push((turn, wire.clone()));
            }
        }
        // Whoever has waited longest goes first, whatever the destination.
        chosen.sort_by_key(|(turn, _)| *turn);
        let chosen: Vec<_> = chosen.into_iter().map(|((_, job), wire)| (job, wire)).collect();
        if chosen.is_empty() && orphans.is_empty() {
            return Ok(Vec::new());
        }
        let mut tally = Tally::default();
        let begun: Vec<i64> = chosen.iter().map(|(id, _)| *id).collect();
        let claims = self.change(|tables, write| {
            for id in orphans {
                let error = "the receiver is not configured any more";
                write.finish_job(id, JobState::Dead, now_ms, Some(error))?;
                if let Some(job) = tables.remove_job(id) {
                    tracing::warn!(
                        group = job.group_key,
                        receiver = job.receiver,
                        error,
                        "notification given up"
                    );
                    let id = tables.id_of(&job.group_key, &job.receiver);
                    settle(tables, write, (&config, &wiring), &mut tally, &id, now_ms)?;
                }
            }
            let mut claims = Vec::new();
            for (id, wire) in chosen {
                let Some(job) = tables.jobs.get_mut(&id) else { continue };
                let delivery = write.begin_attempt(id, now_ms)?;
                job.attempts += 1;
                let mut job = job.clone();
                job.payload = write.reading().payload(id)?;
                let key = (tables.id_of(&job.group_key, &job.receiver), job.integration);
                let told = tables.notified.get(&key).filter(|told| !told.receiver_data.is_empty());
                let receipt = told.and_then(|told| serde_json::from_str(&told.receiver_data).ok());
                claims.push(Claim { job, channel: wire.channel, kind: wire.kind, receipt, delivery });
            }
            Ok(claims)
        });
        if claims.is_err() {
            let jobs: Vec<Destination> = begun
                .iter()
                .filter_map(|id| self.tables.jobs.get(id))
                .map(|job| (job.receiver.clone(), job.integration))
                .collect();
            for destination in jobs {
                self.destinations.entry(destination).and_modify(Health::end);
            }
        }
        let claims = claims?;
        self.tally.add(tally);
        for claim in &claims {
            self.in_flight.insert(claim.job.id, (claim.job.receiver.clone(), claim.job.integration));
        }
        Ok(claims)
    }

    /// Notes how attempts ended, and what follows, all in one transaction. On an error the jobs stay open and are sent
    /// again: at least once. Returns for each attempt how long each alert fired until this destination confirmed that it
    /// was told so, in milliseconds, of those that it was told for the first time.
    pub(crate) fn finish(&mut self, ended: &[Ended], now_ms: i64) -> Result<Vec<Vec<i64>>, LedgerError> {
        let (config, wiring) = (Arc::clone(&self.config), Arc::clone(&self.wiring));
        let mut turns = Vec::with_capacity(ended.len());
        for Ended { claim, attempt, .. } in ended {
            self.release(claim);
            let job = &claim.job;
            let destination = (job.receiver.clone(), job.integration);
            let failures = self.destinations.get(&destination).map_or(0, Health::failures);
            let backoff = self.backoff(job.attempts.max(failures));
            let pause = attempt.retry_after.unwrap_or(Duration::ZERO).max(backoff);
            let next_try_ms = now_ms.saturating_add(super::evaluation::millis(pause));
            self.destinations.entry(destination).and_modify(|health| match attempt.outcome {
                // Whoever refuses is there.
                Told::Delivered | Told::Dead => health.well(),
                Told::Retry => health.unwell(next_try_ms, attempt.retry_after.is_some()),
            });
            let id = self.tables.id_of(&job.group_key, &job.receiver);
            let flush_again = self.reflush.remove(&id);
            turns.push(After { id, next_try_ms, flush_again });
        }
        let mut tally = Tally::default();
        let all_waits = self.change(|tables, write| {
            let mut all_waits = Vec::with_capacity(ended.len());
            for (ended, after) in ended.iter().zip(&turns) {
                all_waits.push(conclude(
                    tables,
                    write,
                    (&config, &wiring),
                    &mut tally,
                    (ended, after),
                    now_ms,
                )?);
            }
            Ok(all_waits)
        })?;
        self.tally.add(tally);
        Ok(all_waits)
    }

    /// An attempt whose end could not be noted: the job is open again.
    pub(crate) fn release(&mut self, claim: &Claim) {
        if let Some(destination) = self.in_flight.remove(&claim.job.id) {
            self.destinations.entry(destination).and_modify(Health::end);
        }
    }

    /// Forgets jobs that were finished long ago.
    pub(crate) fn prune(&mut self, now_ms: i64) -> Result<usize, LedgerError> {
        let before_ms = now_ms.saturating_sub(super::evaluation::millis(HISTORY));
        self.change(|_, write| write.prune_finished(before_ms))
    }

    /// Full jitter: anything up to a bound that doubles with every attempt.
    fn backoff(&mut self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        let bound = BACKOFF_BASE.saturating_mul(1 << doublings).min(BACKOFF_CAP);
        let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.jitter.u64(0..=bound_ms)).max(BACKOFF_FLOOR)
    }
}

/// How long the alerts of a job fire that its destination hears of for the first time, in milliseconds.
fn first_heard(tables: &Tables, job: &Job, now_ms: i64) -> Vec<i64> {
    let key = (tables.id_of(&job.group_key, &job.receiver), job.integration);
    let known = tables.notified.get(&key).map(|told| &told.open);
    let new = job.firing.iter().filter(|alert| known.is_none_or(|known| !known.contains(alert)));
    new.filter_map(|alert| tables.alerts.get(alert))
        .map(|alert| now_ms.saturating_sub(alert.starts_ms).max(0))
        .collect()
}

/// Counts, for the statistics of each rule, a notification that was confirmed or refused.
fn count(
    tables: &Tables,
    write: &Writing<'_>,
    job: &Job,
    delivered: bool,
    now_ms: i64,
) -> Result<(), LedgerError> {
    // Who has taken it on is no page.
    if is_standing(&job.reason) {
        return Ok(());
    }
    let name = |alert: &u64| {
        let alert = tables.alerts.get(alert)?;
        Some(alert.labels.get(ALERT_NAME).unwrap_or_default())
    };
    let mut by_rule: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for rule in job.firing.iter().filter_map(name) {
        by_rule.entry(rule).or_default().0 += 1;
    }
    for rule in job.resolved.iter().filter_map(name) {
        by_rule.entry(rule).or_default().1 += 1;
    }
    for (rule, (firing, resolved)) in by_rule {
        write.put_notice(&Notice {
            at_ms: now_ms,
            rule: rule.to_owned(),
            receiver: job.receiver.clone(),
            integration: job.integration,
            job: job.id,
            firing,
            resolved,
            delivered,
        })?;
    }
    Ok(())
}

/// Notes how one attempt ended, and what follows. The waits of those alerts that were told for the first time.
fn conclude(
    tables: &mut Tables,
    write: &Writing<'_>,
    (config, wiring): (&Config, &Wiring),
    tally: &mut Tally,
    (ended, after): (&Ended, &After),
    now_ms: i64,
) -> Result<Vec<i64>, LedgerError> {
    let Ended { claim, attempt, latency } = ended;
    let job = &claim.job;
    let untold = renewed(tables, job);
    let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let error = attempt.error.as_deref();
    let outcome = match attempt.outcome {
        Told::Delivered => Outcome::Delivered,
        Told::Retry => Outcome::Retry,
        Told::Dead => Outcome::Dead,
    };
    let mut waits = Vec::new();
    write.finish_attempt(claim.delivery, outcome, attempt.status, latency_ms, error)?;
    match attempt.outcome {
        Told::Delivered | Told::Dead => {
            let delivered = attempt.outcome == Told::Delivered;
            if delivered {
                waits = first_heard(tables, job, now_ms);
            }
            let state = if delivered { JobState::Done } else { JobState::Dead };
            write.finish_job(job.id, state, now_ms, error)?;
            tables.remove_job(job.id);
            count(tables, write, job, delivered, now_ms)?;
            tables.note_canary(write, job, delivered, now_ms)?;
            // A group that was given up meanwhile has nothing to remember.
            if tables.groups.contains_key(&after.id)
                || (delivered && job.reason.starts_with(FALLBACK) && !tables.is_paged(job))
            {
                note(tables, write, (job, &untold), attempt, now_ms)?;
            } else if tables.is_paged(job)
                && (delivered || is_standing(&job.reason))
                && let Some(wire) = wiring.get(&(job.receiver.clone(), job.integration))
            {
                tables.note_paged(write, (job, wire), attempt, now_ms)?;
            } else if delivered && job.reason.starts_with(ESCALATION) && !tables.is_paged(job) {
                tables.forget_paged(write, &after.id)?;
            }
            if !delivered {
                fall_back(tables, write, config, wiring, job, now_ms)?;
            }
        }
        Told::Retry => {
            let error = error.unwrap_or_default();
            write.retry_job(job.id, after.next_try_ms, error)?;
            tables.put_off(job.id, after.next_try_ms, error);
        }
    }
    if after.flush_again
        && let Some(group) = tables.groups.get(&after.id)
    {
        // The turn that could not say everything is due again: whoever it found firing is told of.
        let interval_ms = tables.options(group).group_interval_ms.max(1);
        let next_ms = group.next_flush_ms.saturating_sub(interval_ms).min(now_ms);
        tables.put_turn(write, &after.id, next_ms)?;
    } else if untold.is_empty() {
        settle(tables, write, (config, wiring), tally, &after.id, now_ms)?;
    }
    Ok(waits)
}

/// The alerts whose end a job tells, and which have begun anew since that was written: their new life is not told.
fn renewed(tables: &Tables, job: &Job) -> BTreeSet<u64> {
    let younger =
        |alert: &&u64| tables.alerts.get(*alert).is_some_and(|alert| alert.starts_ms > job.created_ms);
    let mut younger = job.resolved.iter().filter(younger).copied().peekable();
    if younger.peek().is_none() {
        return BTreeSet::new();
    }
    let told = telling::beginnings(&job.payload);
    let is_other = |alert: &u64| {
        let now = tables.alerts.get(alert).map(|alert| alert.starts_ms);
        told.get(alert).is_some_and(|told| Some(*told) != now)
    };
    younger.filter(is_other).collect()
}

/// What a destination knows after a job is over.
fn note(
    tables: &mut Tables,
    write: &Writing<'_>,
    (job, untold): (&Job, &BTreeSet<u64>),
    attempt: &Attempt,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let key = (tables.id_of(&job.group_key, &job.receiver), job.integration);
    let before = tables.notified.get(&key);
    let mut open = before.map(|told| told.open.clone()).unwrap_or_default();
    let mut receiver_data = before.map(|told| told.receiver_data.clone()).unwrap_or_default();
    if attempt.outcome == Told::Delivered {
        open.extend(&job.firing);
        open.retain(|alert| !job.resolved.contains(alert));
        if let Some(receipt) = &attempt.receipt {
            receiver_data = serde_json::to_string(receipt).unwrap_or_default();
        }
    } else if let Some(known) = standing::refused(job, &receiver_data) {
        receiver_data = known;
    }
    // Repeats count from the last time that alerts were told.
    let at_ms = before.map(|told| told.at_ms).filter(|_| is_standing(&job.reason)).unwrap_or(now_ms);
    let told = Notified {
        group_key: job.group_key.clone(),
        receiver: job.receiver.clone(),
        integration: job.integration,
        firing: job.firing.clone(),
        resolved: job.resolved.difference(untold).copied().collect(),
        at_ms,
        open,
        receiver_data,
    };
    write.put_notified(&told)?;
    tables.put_told(told);
    Ok(())
}

/// What a receiver refused for good is told its fallback, and goes no further from there.
fn fall_back(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    wiring: &Wiring,
    job: &Job,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let Some(fallback) = config.fallbacks.get(&job.receiver) else { return Ok(()) };
    if job.reason.starts_with(FALLBACK) || is_standing(&job.reason) {
        return Ok(());
    }
    for wire in wiring.of(fallback) {
        if job.firing.is_empty() && !wire.send_resolved {
            continue;
        }
        let draft = JobDraft {
            group_key: job.group_key.clone(),
            receiver: fallback.clone(),
            integration: wire.number,
            reason: format!("{FALLBACK}{} refused the notification", job.receiver),
            payload: job.payload.clone(),
            firing: job.firing.clone(),
            resolved: job.resolved.clone(),
            incident: job.incident,
        };
        enqueue(tables, write, draft, now_ms)?;
        // Whoever is told in the place of somebody whom a policy tells hears the end as they would.
        if job.reason.starts_with(ESCALATION)
            && let Some(number) = job.incident
            && let Some(incident) = tables.incident_mut(number)
            && incident.paged.insert((fallback.clone(), wire.number))
        {
            write.put_incident(incident)?;
        }
    }
    Ok(())
}

/// The ends that the fallback of a receiver is owed: it was told of beginnings that the receiver refused.
pub(super) fn fallback_ends(
    tables: &Tables,
    config: &Config,
    wiring: &Wiring,
    id: &GroupId,
) -> Vec<(Destination, BTreeSet<u64>)> {
    let Some(fallback) = config.fallbacks.get(&id.1) else { return Vec::new() };
    let other = tables.id_of(&id.0, fallback);
    if tables.groups.contains_key(&other) {
        return Vec::new();
    }
    let wires = wiring.of(fallback).iter().filter(|wire| wire.send_resolved);
    wires
        .filter_map(|wire| {
            let told = tables.notified.get(&(Arc::clone(&other), wire.number))?;
            let waiting = tables.open_job(&other, wire.number).is_some();
            (!told.open.is_empty() && !waiting).then(|| ((other.1.clone(), wire.number), told.open.clone()))
        })
        .collect()
}

/// Writes a job to the outbox, in the ledger and in memory.
pub(super) fn enqueue(
    tables: &mut Tables,
    write: &Writing<'_>,
    draft: JobDraft,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let id = write.enqueue(&draft, now_ms)?;
    let replaced = tables.remove_job(id);
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
        incident: None,
    });
    // What it tells is in the ledger alone until it is sent.
    tables.put_job(Job {
        // A new job is of generation 0.
        generation: base.generation.wrapping_add(1),
        reason: draft.reason,
        firing: draft.firing,
        resolved: draft.resolved,
        incident: draft.incident.or(base.incident),
        ..base
    });
    Ok(())
}
