//! The outbox's jobs: taken for sending, and what becomes of them.

use super::flush::settle;
use super::{Destination, State};
use crate::config::Webhook;
use crate::sending::Attempt;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use watchfire_ledger::{Job, JobState, LedgerError, Notified, Outcome};

/// The first pause after a failure is between nothing and this; it doubles with every attempt.
const BACKOFF_BASE: Duration = Duration::from_secs(2);
/// No pause is longer, unless the destination asks for it.
const BACKOFF_CAP: Duration = Duration::from_secs(5 * 60);
/// Nor shorter, so that a destination that fails at once is not called in a circle.
const BACKOFF_FLOOR: Duration = Duration::from_millis(100);
/// How long finished jobs are kept for people to see.
const HISTORY: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// A job on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) job: Job,
    pub(crate) webhook: Webhook,
    delivery: i64,
}

impl State {
    /// Takes the jobs that may be sent now, at most one for each destination, and notes that the attempts begin.
    pub(crate) fn claim(&mut self, now_ms: i64) -> Result<Vec<Claim>, LedgerError> {
        let config = Arc::clone(&self.config);
        let mut busy: HashSet<Destination> = self.in_flight.values().cloned().collect();
        let mut ready: Vec<&Job> = self
            .tables
            .jobs
            .values()
            .filter(|job| job.next_try_ms <= now_ms && !self.in_flight.contains_key(&job.id))
            .collect();
        ready.sort_by_key(|job| (job.next_try_ms, job.id));
        let (mut chosen, mut orphans) = (Vec::new(), Vec::new());
        for job in ready {
            let webhook = usize::try_from(job.integration)
                .ok()
                .and_then(|index| config.receiver(&job.receiver)?.webhooks.get(index));
            let Some(webhook) = webhook else {
                // Before the first configuration, nobody is known and everybody may still come.
                if config.route.is_some() {
                    orphans.push(job.id);
                }
                continue;
            };
            let destination = (job.receiver.clone(), job.integration);
            let gate = self.gates.get(&destination).copied().unwrap_or(i64::MIN);
            if gate <= now_ms && busy.insert(destination) {
                chosen.push((job.id, webhook.clone()));
            }
        }
        if chosen.is_empty() && orphans.is_empty() {
            return Ok(Vec::new());
        }
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
                    settle(tables, write, &config, &(job.group_key, job.receiver), now_ms)?;
                }
            }
            let mut claims = Vec::new();
            for (id, webhook) in chosen {
                let Some(job) = tables.jobs.get_mut(&id) else { continue };
                let delivery = write.begin_attempt(id, now_ms)?;
                job.attempts += 1;
                claims.push(Claim { job: job.clone(), webhook, delivery });
            }
            Ok(claims)
        })?;
        for claim in &claims {
            self.in_flight.insert(claim.job.id, (claim.job.receiver.clone(), claim.job.integration));
        }
        Ok(claims)
    }

    /// Notes how an attempt ended, and what follows. On an error the job stays open and is sent again: at least once.
    pub(crate) fn finish(
        &mut self,
        claim: &Claim,
        attempt: &Attempt,
        latency: Duration,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        self.in_flight.remove(&claim.job.id);
        let config = Arc::clone(&self.config);
        let job = &claim.job;
        let destination = (job.receiver.clone(), job.integration);
        let backoff = self.backoff(job.attempts);
        let pause = attempt.retry_after.unwrap_or(Duration::ZERO).max(backoff);
        let next_try_ms = now_ms.saturating_add(super::evaluation::millis(pause));
        match attempt.retry_after {
            Some(_) => self.gates.insert(destination, next_try_ms),
            None => self.gates.remove(&destination),
        };
        let id = (job.group_key.clone(), job.receiver.clone());
        let flush_again = self.reflush.remove(&id);
        self.change(|tables, write| {
            let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
            let error = attempt.error.as_deref();
            write.finish_attempt(claim.delivery, attempt.outcome, attempt.status, latency_ms, error)?;
            match attempt.outcome {
                Outcome::Delivered | Outcome::Dead => {
                    let delivered = attempt.outcome == Outcome::Delivered;
                    let state = if delivered { JobState::Done } else { JobState::Dead };
                    write.finish_job(job.id, state, now_ms, error)?;
                    tables.remove_job(job.id);
                    // A group that was given up meanwhile has nothing to remember.
                    if tables.groups.contains_key(&id) {
                        let before = tables.told(&id).find(|told| told.integration == job.integration);
                        let mut told = Notified {
                            group_key: id.0.clone(),
                            receiver: id.1.clone(),
                            integration: job.integration,
                            firing: job.firing.clone(),
                            resolved: job.resolved.clone(),
                            at_ms: now_ms,
                            open: before.map(|told| told.open.clone()).unwrap_or_default(),
                            receiver_data: before.map(|told| told.receiver_data.clone()).unwrap_or_default(),
                        };
                        if delivered {
                            told.open.extend(&job.firing);
                            told.open.retain(|alert| !job.resolved.contains(alert));
                        }
                        write.put_notified(&told)?;
                        tables.put_told(told);
                    }
                }
                Outcome::Retry | Outcome::Started => {
                    let error = error.unwrap_or_default();
                    write.retry_job(job.id, next_try_ms, error)?;
                    if let Some(open) = tables.jobs.get_mut(&job.id) {
                        open.next_try_ms = next_try_ms;
                        open.last_error = Some(error.to_owned());
                    }
                }
            }
            if flush_again && let Some(group) = tables.groups.get_mut(&id) {
                group.next_flush_ms = now_ms;
                write.touch_group(group)?;
            } else {
                settle(tables, write, &config, &id, now_ms)?;
            }
            Ok(())
        })
    }

    /// An attempt whose end could not be noted: the job is open again.
    pub(crate) fn release(&mut self, claim: &Claim) {
        self.in_flight.remove(&claim.job.id);
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
