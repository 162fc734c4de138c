//! What one receiver was told of a life of an alert, or why not.

use super::life::Life;
use super::people::{self, People};
use super::{Around, Step, clock_text};
use crate::routing::{RouteNode, Suppression};
use crate::state::{By, EventDetail};
use std::time::Duration;
use watchfire_ledger::{
    AlertEventKind, AlertIdentity, Delivery, Job, JobState, LedgerError, Outcome, Reading,
};

/// How long the outbox remembers.
pub(super) const OUTBOX_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// How many jobs of a group are looked at, and how many are shown.
const MOST_JOBS: u32 = 500;
const SHOWN_JOBS: usize = 50;

/// Where things stand with one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It confirmed a notification that told of the alert.
    Told,
    /// Its group's turn has not come, or the notification is queued.
    Waiting,
    /// A silence, an inhibition or an interval keeps it out.
    Muted,
    /// It knew already.
    NothingNew,
    /// It failed, and is tried again.
    Retrying,
    /// It refused for good.
    Dead,
    /// The alert ended before the group's turn, or the receiver tells nobody.
    NotTold,
    /// Too long ago.
    Forgotten,
}

impl Verdict {
    /// A word for interfaces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Waiting => "waiting",
            Self::Muted => "muted",
            Self::NothingNew => "nothing_new",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
            Self::NotTold => "not_told",
            Self::Forgotten => "forgotten",
        }
    }
}

/// The group's times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// How long a new group waits.
    pub group_wait: Duration,
    /// How often it is looked at after that.
    pub group_interval: Duration,
    /// After how long people are told again.
    pub repeat_interval: Duration,
    /// When it is looked at next, in milliseconds since the Unix epoch; `None` when it is gone.
    pub next_flush_ms: Option<i64>,
    /// When the receiver was last told something of it.
    pub last_told_ms: Option<i64>,
}

/// A notification that told of the alert.
#[derive(Clone, Debug)]
pub struct NotificationView {
    /// The outbox's job.
    pub job: Job,
    /// In which way: `webhook[0]`.
    pub integration: String,
    /// Whether it tells the alert as firing, or as over.
    pub is_firing: bool,
    /// The attempts, oldest first.
    pub attempts: Vec<Delivery>,
}

/// A receiver, and what it was told.
#[derive(Clone, Debug)]
pub struct DestinationView {
    /// The receiver's name.
    pub receiver: String,
    /// The group's key.
    pub group_key: String,
    /// The labels that the group shares, where the route is still there.
    pub group_labels: watchfire_model::Labels,
    /// The route's id in the tree of today.
    pub route: Option<String>,
    /// Where things stand.
    pub verdict: Verdict,
    /// The same for people.
    pub text: String,
    /// The group's times; `None` where the route is gone.
    pub timers: Option<Timers>,
    /// What keeps it out.
    pub suppressed_by: Vec<Suppression>,
    /// What was told.
    pub notifications: Vec<NotificationView>,
    /// What began and stopped to keep it out, with its time.
    suppressions: Vec<(i64, Option<By>)>,
    group: Vec<Step>,
    /// What people and policies did.
    pub(super) people: People,
}

/// Looks at one receiver.
pub(super) fn look(
    read: &Reading<'_>,
    identity: &AlertIdentity,
    life: &Life,
    (key, receiver): (String, String),
    fired_ms: i64,
    around: &Around<'_>,
    tree: Option<&RouteNode>,
) -> Result<DestinationView, LedgerError> {
    let alert = identity.fingerprint;
    let until_ms = life.next_ms.unwrap_or(i64::MAX);
    let jobs = read.jobs_of(&key, &receiver, until_ms, MOST_JOBS)?;
    let speaks = |job: &Job| {
        let last_ms = job.finished_ms.unwrap_or(i64::MAX).max(job.created_ms);
        (job.firing.contains(&alert) || job.resolved.contains(&alert)) && last_ms >= fired_ms
    };
    let mut notifications = Vec::new();
    for job in jobs.into_iter().filter(speaks).take(SHOWN_JOBS) {
        let name = around.integrations.get(&(receiver.clone(), job.integration)).cloned();
        notifications.push(NotificationView {
            is_firing: job.firing.contains(&alert),
            integration: name.unwrap_or_else(|| "(gone)".to_owned()),
            attempts: read.deliveries_of(job.id)?,
            job,
        });
    }
    notifications.reverse();
    let node = tree.and_then(|tree| {
        tree.ends()
            .into_iter()
            .find(|node| node.receiver == receiver && key.starts_with(&format!("{}:", node.key)))
    });
    let suppressions = suppressions(life, &key, &receiver);
    let group = around.snapshot.groups.iter().find(|group| group.key == key && group.receiver == receiver);
    let timers = node.map(|node| Timers {
        group_wait: node.group_wait,
        group_interval: node.group_interval,
        repeat_interval: node.repeat_interval,
        next_flush_ms: group.map(|group| group.next_flush_ms),
        last_told_ms: group.and_then(|group| group.told.iter().map(|told| told.at_ms).max()),
    });
    let is_current = life.next_ms.is_none() && life.ended_ms(around).is_none();
    let mut suppressed_by = Vec::new();
    if is_current {
        suppressed_by.extend(around.snapshot.muted.iter().cloned());
        suppressed_by
            .extend(node.and_then(|node| Suppression::by_intervals(around.config, node, around.now_ms)));
    }
    let ended_ms = life.ended_ms(around).unwrap_or(around.now_ms).min(until_ms);
    let people = people::look(read, (&key, &receiver), (fired_ms, ended_ms))?;
    let mut view = DestinationView {
        group_labels: node_labels(around, identity, &key, &receiver),
        receiver,
        group_key: key,
        route: node.map(|node| node.id.clone()),
        verdict: Verdict::NotTold,
        text: String::new(),
        timers,
        suppressed_by,
        notifications,
        suppressions,
        group: Vec::new(),
        people,
    };
    view.judge(life, fired_ms, around, group.map(|group| (group.created_ms, group.next_flush_ms)));
    if let Some(now) = view.people.now.as_ref().filter(|_| is_current) {
        view.text = format!("{} {now}", view.text);
    }
    Ok(view)
}

fn node_labels(
    around: &Around<'_>,
    identity: &AlertIdentity,
    key: &str,
    receiver: &str,
) -> watchfire_model::Labels {
    let test = crate::routing::test(around.config, &identity.labels, around.now_ms);
    let found = test.routes.into_iter().find(|route| route.group_key == key && route.receiver == receiver);
    found.map(|route| route.group_labels).unwrap_or_default()
}

fn suppressions(life: &Life, key: &str, receiver: &str) -> Vec<(i64, Option<By>)> {
    life.events
        .iter()
        .filter(|event| matches!(event.kind, AlertEventKind::Suppressed | AlertEventKind::Unsuppressed))
        .map(|event| (event.at_ms, EventDetail::read(event.detail.as_deref())))
        .filter(|(_, detail)| {
            detail.groups.iter().any(|group| group.key == key && group.receiver == receiver)
        })
        .map(|(at_ms, detail)| (at_ms, detail.by))
        .collect()
}

impl DestinationView {
    fn judge(&mut self, life: &Life, fired_ms: i64, around: &Around<'_>, group: Option<(i64, i64)>) {
        let (verdict, text) = self.verdict(life, fired_ms, around, group);
        (self.verdict, self.text) = (verdict, text);
    }

    fn verdict(
        &mut self,
        life: &Life,
        fired_ms: i64,
        around: &Around<'_>,
        group: Option<(i64, i64)>,
    ) -> (Verdict, String) {
        let by_state =
            |state: JobState| self.notifications.iter().filter(move |seen| seen.job.state == state);
        let beginning = by_state(JobState::Done).find(|seen| seen.is_firing);
        if let Some(told) = beginning.or_else(|| by_state(JobState::Done).next()) {
            let at = clock_text(told.job.finished_ms.unwrap_or(told.job.created_ms));
            let what = if told.is_firing { "it fires" } else { "it had fired and was over" };
            let tries = told.attempts.len();
            let tries = if tries > 1 { format!(" at attempt {tries}") } else { String::new() };
            let mut text = format!("{} confirmed at {at}{tries} that {what}", told.integration);
            if let Some(end) = by_state(JobState::Done).find(|seen| !seen.is_firing && told.is_firing) {
                let at = clock_text(end.job.finished_ms.unwrap_or(end.job.created_ms));
                text.push_str(&format!(", and at {at} that it is over"));
            }
            return (Verdict::Told, format!("{text}."));
        }
        if let Some(open) = by_state(JobState::Open).next() {
            let next = clock_text(open.job.next_try_ms);
            return match &open.job.last_error {
                Some(error) => {
                    let text = format!("{} failed ({error}); it is tried again at {next}.", open.integration);
                    (Verdict::Retrying, text)
                }
                None => (Verdict::Waiting, format!("the notification is queued for {next}.")),
            };
        }
        if let Some(dead) = by_state(JobState::Dead).next() {
            let error = dead.job.last_error.clone().unwrap_or_default();
            let fallback = match around.config.fallbacks.get(&self.receiver) {
                Some(fallback) => format!("; its fallback {fallback:?} was told instead"),
                None => "; it has no fallback".to_owned(),
            };
            return (Verdict::Dead, format!("{} refused for good: {error}{fallback}.", dead.integration));
        }
        let ended_ms = life.ended_ms(around);
        let muted = self.suppressions.last().and_then(|(at_ms, by)| Some((*at_ms, by.clone()?)));
        if let Some((at_ms, by)) = muted {
            let names = by.names.join(", ");
            let text =
                format!("left out since {} by {} {names}.", clock_text(at_ms), by.kind.replace('_', " "));
            return (Verdict::Muted, text);
        }
        let tells_nobody =
            around.config.receiver(&self.receiver).is_some_and(|known| known.integrations.is_empty());
        if tells_nobody {
            return (Verdict::NotTold, "the receiver has no integrations, so it tells nobody.".to_owned());
        }
        if let (None, Some(found)) = (ended_ms, self.suppressed_by.first()) {
            return (Verdict::Muted, format!("it would be left out now: {}.", found.text));
        }
        if let (None, Some((created_ms, next_ms))) = (ended_ms, group) {
            let text = format!(
                "the group, begun {}, has its turn at {}.",
                clock_text(created_ms),
                clock_text(next_ms)
            );
            self.group.push(Step {
                step: "group",
                verdict: "wait",
                at_ms: Some(next_ms),
                text: text.clone(),
            });
            let knows = around.snapshot.groups.iter().any(|known| {
                known.key == self.group_key
                    && known.receiver == self.receiver
                    && known.told.iter().any(|told| told.at_ms >= fired_ms)
            });
            if knows {
                let text = "its group was looked at since, and the receiver knew already that it fires.";
                return (Verdict::NothingNew, text.to_owned());
            }
            return (Verdict::Waiting, text);
        }
        if around.now_ms.saturating_sub(fired_ms) > OUTBOX_MS {
            return (Verdict::Forgotten, "what was told is forgotten after 14 days.".to_owned());
        }
        match ended_ms {
            Some(ended_ms) => {
                let text = format!(
                    "it ended at {}, {} after it fired, before its group had a turn at which it would have been told.",
                    clock_text(ended_ms),
                    watchfire_model::duration::format(Duration::from_millis(
                        ended_ms.saturating_sub(fired_ms).max(0).unsigned_abs()
                    )),
                );
                self.group.push(Step {
                    step: "group",
                    verdict: "stop",
                    at_ms: Some(ended_ms),
                    text: text.clone(),
                });
                (Verdict::NotTold, text)
            }
            None => (Verdict::NotTold, "no route of today leads it there any more.".to_owned()),
        }
    }

    /// The decisions, in order of time.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (at_ms, by) in &self.suppressions {
            let (step, text) = match by {
                Some(by) => {
                    let step = match by.kind.as_str() {
                        "inhibition" => "inhibition",
                        "silence" => "silence",
                        _ => "interval",
                    };
                    let names = by.names.join(", ");
                    (
                        step,
                        format!(
                            "{}: left out of the notification by {} {names}",
                            self.receiver,
                            by.kind.replace('_', " ")
                        ),
                    )
                }
                None => ("silence", format!("{}: nothing keeps it out any more", self.receiver)),
            };
            let verdict = if by.is_some() { "stop" } else { "pass" };
            steps.push(Step { step, verdict, at_ms: Some(*at_ms), text });
        }
        for told in &self.notifications {
            steps.push(told.step());
            for attempt in &told.attempts {
                steps.push(attempt_step(&self.receiver, told, attempt));
            }
        }
        steps.extend(self.group.iter().chain(&self.people.steps).cloned());
        steps.sort_by_key(|step| step.at_ms);
        steps
    }
}

impl NotificationView {
    /// That it was queued, and why.
    pub(super) fn step(&self) -> Step {
        let job = &self.job;
        let what = if self.is_firing { "firing" } else { "resolved" };
        let text = format!(
            "{}: the group's turn: notification {} queued for {}, telling it as {what}: {}",
            job.receiver, job.id, self.integration, job.reason
        );
        Step { step: "outbox", verdict: "pass", at_ms: Some(job.created_ms), text }
    }
}

pub(super) fn attempt_step(receiver: &str, told: &NotificationView, attempt: &Delivery) -> Step {
    let answer = match (attempt.status, &attempt.error) {
        (Some(status), Some(error)) => format!("{status}: {error}"),
        (Some(status), None) => status.to_string(),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer is known".to_owned(),
    };
    let (step, verdict, text) = match attempt.outcome {
        Outcome::Delivered => ("confirmed", "pass", format!("confirmed ({answer})")),
        Outcome::Retry => ("attempt", "fail", format!("failed ({answer}), to be tried again")),
        Outcome::Dead => ("attempt", "stop", format!("refused for good ({answer})")),
        Outcome::Started => ("attempt", "unknown", format!("begun, {answer}")),
    };
    let text = format!("{receiver}: {} {text}", told.integration);
    Step { step, verdict, at_ms: Some(attempt.started_ms), text }
}
