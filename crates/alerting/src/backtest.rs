//! What people would have been told: alerts of the past, through the same state that decides in production, over a ledger
//! in memory and with a clock that somebody else moves.

use crate::config::Config;
use crate::state::{Ended, HistoryLimits, State};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use watchfire_channels::{Attempt, Outcome};
use watchfire_ledger::{Ledger, LedgerError, Silence};
use watchfire_model::Labels;
use watchfire_model::time::ManualClock;
use watchfire_rules::{AlertState, Evaluation};

/// How often the state may be looked at without time passing: more is a defect, not a backtest.
const MOST_ROUNDS: usize = 1_000;

/// A notification that would have been sent and confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedPage {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Who would have been told.
    pub receiver: String,
    /// Why, in Alertmanager's words.
    pub reason: String,
    /// Alertmanager's group key.
    pub group_key: String,
    /// How many alerts it would have told as firing.
    pub firing: usize,
    /// How many as resolved.
    pub resolved: usize,
    /// The names of the alerts, each once, sorted.
    pub alerts: Vec<String>,
}

/// How often an alert was left out at a group's turn, by what muted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimulatedSuppressions {
    /// By a silence.
    pub silence: u64,
    /// By another alert.
    pub inhibition: u64,
    /// By an interval in which the route is mute.
    pub mute_time_interval: u64,
    /// Outside of the intervals in which the route is active.
    pub active_time_interval: u64,
}

/// The past, told anew. Every receiver confirms at once.
pub struct Simulation {
    state: State,
    clock: Arc<ManualClock>,
    pages: Vec<SimulatedPage>,
    /// Of each rule, the alerts of its last evaluation.
    last: HashMap<String, Vec<(Labels, AlertState)>>,
    /// Whose alert it is, and the rules that share one.
    owners: HashMap<Labels, String>,
    contested: HashSet<String>,
    /// Several integrations of one receiver are one page.
    seen: HashSet<(String, String, i64)>,
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation").field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}

impl Simulation {
    /// Begins at a time, in milliseconds since the Unix epoch, with nothing known and nobody silenced.
    pub fn new(config: Config, from_ms: i64) -> Result<Self, LedgerError> {
        let clock = Arc::new(ManualClock::at(from_ms));
        let mut state = State::load(Ledger::in_memory()?, Arc::clone(&clock) as _, from_ms)?;
        // Nobody reads the history of a past that did not happen.
        state.set_history(HistoryLimits { per_rule: 0, is_quiet: true, ..HistoryLimits::default() });
        state.apply(config, Arc::default(), String::new(), from_ms)?;
        Ok(Self {
            state,
            clock,
            pages: Vec::new(),
            last: HashMap::new(),
            owners: HashMap::new(),
            contested: HashSet::new(),
            seen: HashSet::new(),
        })
    }

    /// Lets time pass: groups have their turns, and receivers are told.
    pub fn pass_to(&mut self, to_ms: i64) -> Result<(), LedgerError> {
        let mut rounds = 0;
        let mut last_ms = i64::MIN;
        while let Some(next_ms) = self.state.next_wake_ms().filter(|next_ms| *next_ms <= to_ms) {
            rounds = if next_ms > last_ms { 0 } else { rounds + 1 };
            if rounds > MOST_ROUNDS {
                break;
            }
            last_ms = last_ms.max(next_ms);
            self.clock.set(last_ms);
            self.round(last_ms)?;
        }
        self.clock.set(to_ms);
        Ok(())
    }

    fn round(&mut self, now_ms: i64) -> Result<(), LedgerError> {
        self.state.flush_due(now_ms)?;
        for claim in self.state.claim(now_ms)? {
            let job = &claim.job;
            if self.seen.insert((job.group_key.clone(), job.receiver.clone(), now_ms)) {
                self.pages.push(SimulatedPage {
                    at_ms: now_ms,
                    receiver: job.receiver.clone(),
                    reason: job.reason.clone(),
                    group_key: job.group_key.clone(),
                    firing: job.firing.len(),
                    resolved: job.resolved.len(),
                    alerts: self.state.names_of(job.firing.iter().chain(&job.resolved)),
                });
            }
            let told = Attempt {
                outcome: Outcome::Delivered,
                status: None,
                error: None,
                retry_after: None,
                receipt: None,
            };
            let ended = Ended { claim, attempt: told, latency: Duration::ZERO };
            self.state.finish(&[ended], now_ms)?;
        }
        self.seen.retain(|(_, _, at_ms)| *at_ms == now_ms);
        Ok(())
    }

    /// Lets silences hold, each in its own time.
    pub fn silence(&mut self, silences: Vec<Silence>) -> Result<usize, LedgerError> {
        self.state.import_silences(silences)
    }

    /// Takes in an evaluation; time has to have passed to it.
    pub fn commit(&mut self, evaluation: &Evaluation) -> Result<(), LedgerError> {
        if !self.state.is_news(evaluation) {
            return Ok(());
        }
        // An alert that stands as it stood decides nothing; its value would only be shown.
        let instances = &evaluation.instances;
        let same = self.last.get(&evaluation.rule).is_some_and(|last| {
            let pairs = || last.iter().zip(instances);
            last.len() == instances.len()
                && pairs().all(|((labels, state), now)| *labels == now.labels && *state == now.state)
        });
        // What two rules raise, one may end and the other raise again.
        if same && !self.contested.contains(&evaluation.rule) {
            return Ok(());
        }
        for now in instances {
            match self.owners.get(&now.labels) {
                Some(owner) if *owner == evaluation.rule => {}
                Some(owner) => {
                    self.contested.extend([owner.clone(), evaluation.rule.clone()]);
                }
                None => {
                    self.owners.insert(now.labels.clone(), evaluation.rule.clone());
                }
            }
        }
        let last = instances.iter().map(|now| (now.labels.clone(), now.state)).collect();
        self.last.insert(evaluation.rule.clone(), last);
        self.state.commit(evaluation, evaluation.evaluated_ms)
    }

    /// What people would have been told, in order.
    pub fn pages(&self) -> &[SimulatedPage] {
        &self.pages
    }

    /// What was left out.
    pub fn suppressed(&self) -> SimulatedSuppressions {
        let counted = self.state.suppressed();
        SimulatedSuppressions {
            silence: counted.by_silence,
            inhibition: counted.by_inhibition,
            mute_time_interval: counted.by_mute_interval,
            active_time_interval: counted.by_active_interval,
        }
    }
}

#[cfg(test)]
mod tests;
