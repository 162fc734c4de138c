//! Incidents and schedules, as the HTTP layer asks for them.

use super::Alerting;
use crate::incident::{
    Acknowledge, IncidentFilter, IncidentState, IncidentStory, IncidentView, Incidents, PeopleError, Told,
};
use std::sync::Arc;
use watchfire_channels::Answer;
use watchfire_ledger::{Incident, LedgerError, NewOverride, Override, Reading};
use watchfire_oncall::calendar::Calendar;
use watchfire_oncall::{OnCall, Place, Stand, Target};
use watchfire_settings::Secret;

impl Alerting {
    /// The on-call file in force.
    pub fn oncall(&self) -> Arc<OnCall> {
        Arc::clone(self.inner.state().oncall())
    }

    /// The last good copy of a calendar, and when it was read.
    pub(crate) async fn kept_calendar(
        &self,
        place: Place,
        url: Secret,
    ) -> Result<Option<(i64, String)>, LedgerError> {
        self.blocking(move |inner| inner.state().kept_calendar(&place, &url)).await
    }

    /// Keeps a copy of a calendar.
    pub(crate) async fn keep_calendar(
        &self,
        place: Place,
        url: Secret,
        text: String,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        self.blocking(move |inner| inner.state().keep_calendar(&place, &url, &text, now_ms)).await
    }

    /// Who is on call changes by what was read in a calendar.
    pub(crate) fn set_calendar(&self, place: &Place, url: &Secret, calendar: Calendar) {
        self.inner.state().set_calendar(place, url, calendar);
    }

    /// The incidents that a filter shows.
    pub async fn incidents(&self, filter: IncidentFilter) -> Result<Incidents, LedgerError> {
        self.blocking(move |inner| {
            let (ledger, oncall) = {
                let state = inner.state();
                (state.ledger().clone(), Arc::clone(state.oncall()))
            };
            ledger.read(|read| list(read, &oncall, &filter))
        })
        .await
    }

    /// An incident with everything that happened to it; `None` where there is none of that number.
    pub async fn incident(&self, id: i64) -> Result<Option<IncidentStory>, LedgerError> {
        self.blocking(move |inner| {
            let (ledger, oncall, wiring) = {
                let state = inner.state();
                (state.ledger().clone(), Arc::clone(state.oncall()), state.wiring())
            };
            ledger.read(|read| {
                let Some(incident) = read.incident(id)? else { return Ok(None) };
                let notifications = read.jobs_of_incident(id)?.into_iter().map(|job| {
                    let wire = wiring.get(&(job.receiver.clone(), job.integration));
                    let integration = wire.map(|wire| wire.kind);
                    Ok(Told { attempts: read.deliveries_of(job.id)?, integration, job })
                });
                Ok(Some(IncidentStory {
                    events: read.incident_events(id)?,
                    notifications: notifications.collect::<Result<_, LedgerError>>()?,
                    view: view(read, &oncall, incident)?,
                }))
            })
        })
        .await
    }

    /// Somebody takes an incident on; that is on disk when this resolves, as everything below.
    pub async fn acknowledge(&self, id: i64, taken: Acknowledge) -> Result<(), PeopleError> {
        self.act(move |state, now_ms| state.acknowledge(id, &taken, now_ms)).await
    }

    /// Somebody gives an incident back.
    pub async fn unacknowledge(&self, id: i64, by: String, note: String) -> Result<(), PeopleError> {
        self.act(move |state, now_ms| state.unacknowledge(id, &by, &note, now_ms)).await
    }

    /// Somebody notes something.
    pub async fn note_incident(&self, id: i64, by: String, note: String) -> Result<(), PeopleError> {
        self.act(move |state, now_ms| state.note_incident(id, &by, &note, now_ms)).await
    }

    /// Somebody wants more people told: whom the next step tells, or `to`.
    pub async fn escalate(
        &self,
        id: i64,
        by: String,
        note: String,
        to: Option<Target>,
    ) -> Result<(), PeopleError> {
        self.act(move |state, now_ms| state.escalate(id, (&by, &note), to.as_ref(), now_ms)).await
    }

    /// Somebody answered where they were told; how many incidents that was about. On disk when this resolves.
    pub async fn answered(&self, answer: Answer) -> Result<usize, PeopleError> {
        self.act(move |state, now_ms| state.answered(&answer, now_ms)).await
    }

    /// Somebody stands in for whoever would be on call.
    pub async fn add_override(&self, made: NewOverride) -> Result<Override, PeopleError> {
        self.act(move |state, now_ms| state.add_override(made, now_ms)).await
    }

    /// That is taken back.
    pub async fn remove_override(&self, schedule: String, id: i64) -> Result<(), PeopleError> {
        self.act(move |state, _| state.remove_override(&schedule, id)).await
    }

    /// The overrides of a schedule that people made, the oldest first.
    pub fn overrides(&self, schedule: &str) -> Vec<Override> {
        self.inner.state().overrides(schedule)
    }

    /// The same, as schedules take them.
    pub fn stands(&self, schedule: &str) -> Vec<Stand> {
        self.overrides(schedule).iter().map(crate::state::stand).collect()
    }

    async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut crate::state::State, i64) -> Result<T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        let done = self
            .blocking(move |inner| {
                let now_ms = inner.clock.now_ms();
                act(&mut inner.state(), now_ms)
            })
            .await;
        self.inner.wake.notify_one();
        done
    }
}

fn view(read: &Reading<'_>, oncall: &OnCall, incident: Incident) -> Result<IncidentView, LedgerError> {
    let policy = incident.escalation.as_ref().and_then(|escalation| oncall.policy(&escalation.policy));
    let policy = policy.map(|policy| (policy.steps.len(), policy.repeat));
    Ok(IncidentView { alerts: read.incident_alerts(incident.id)?, incident, policy })
}

fn list(read: &Reading<'_>, oncall: &OnCall, filter: &IncidentFilter) -> Result<Incidents, LedgerError> {
    let text = filter.text.to_lowercase();
    let looks_inside = !filter.matchers.is_empty() || !text.is_empty();
    let mut found = Incidents { total: 0, counts: [0; 3], shown: Vec::new() };
    for incident in read.incidents_between(filter.from_ms, filter.to_ms)? {
        let state = IncidentState::of(&incident);
        let wanted = (filter.states.is_empty() || filter.states.contains(&state))
            && (filter.severities.is_empty() || filter.severities.contains(&incident.severity));
        if !wanted {
            continue;
        }
        let place = found.total;
        let is_shown = place >= filter.offset && place - filter.offset < filter.limit;
        if looks_inside || is_shown {
            let view = view(read, oncall, incident)?;
            let fits = |labels| filter.matchers.iter().all(|matcher| matcher.matches(labels));
            if !view.alerts.iter().any(|alert| fits(&alert.labels)) || !(text.is_empty() || view.says(&text))
            {
                continue;
            }
            if is_shown {
                found.shown.push(view);
            }
        }
        found.total += 1;
        for (count, _) in found.counts.iter_mut().zip(IncidentState::ALL).filter(|(_, one)| *one == state) {
            *count += 1;
        }
    }
    Ok(found)
}
