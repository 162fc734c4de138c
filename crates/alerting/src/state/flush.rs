//! A group's turn: how it stands is compared with what each destination was told, and what is owed is queued.

use super::State;
use super::incidents::{self, Desk, Tally};
use super::muting::{self, Suppressed};
use super::outbox::{enqueue, fallback_ends};
use super::standing::{self, is_standing, standing_of};
use super::tables::{GroupId, Options, Tables};
use crate::config::Config;
use crate::decide::{Desired, Reason, decide};
use crate::telling::{self, About};
use crate::wiring::{Wire, Wiring};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use watchfire_channels::Standing;
use watchfire_ledger::{Alert, Fingerprint, Job, JobDraft, LedgerError, Notified, Writing};
use watchfire_oncall::OnCall;

impl State {
    /// Gives every group whose time has come its turn; returns how many.
    pub(crate) fn flush_due(&mut self, now_ms: i64) -> Result<usize, LedgerError> {
        let due = self.tables.due_groups(now_ms);
        if due.is_empty() {
            return Ok(0);
        }
        let (config, wiring) = (Arc::clone(&self.config), Arc::clone(&self.wiring));
        let oncall = Arc::clone(&self.oncall);
        let mut tally = Tally::default();
        let external_url = self.external_url.clone();
        let sending: HashSet<i64> = self.in_flight.keys().copied().collect();
        let mut reflush = Vec::new();
        let mut suppressed = self.suppressed;
        self.change(|tables, write| {
            let mut turn = Turn {
                config: &config,
                oncall: &oncall,
                tally: &mut tally,
                wiring: &wiring,
                external_url: &external_url,
                sending: &sending,
                suppressed: &mut suppressed,
                incident: None,
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
        self.tally.add(tally);
        self.reflush.extend(reflush);
        Ok(due.len())
    }
}

struct Turn<'a> {
    config: &'a Config,
    oncall: &'a OnCall,
    tally: &'a mut Tally,
    wiring: &'a Wiring,
    external_url: &'a str,
    /// Jobs being sent right now.
    sending: &'a HashSet<i64>,
    suppressed: &'a mut Suppressed,
    /// The incident of the group whose turn it is.
    incident: Option<i64>,
    now_ms: i64,
}

impl Turn<'_> {
    /// Gives one group its turn; `true` if it could not say everything because a job of its is being sent.
    fn flush(&mut self, tables: &mut Tables, write: &Writing<'_>, id: &GroupId) -> Result<bool, LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(false) };
        let (options, due_ms) = (tables.options(group), group.next_flush_ms);
        let members: Vec<Alert> = tables.members(group).into_iter().cloned().collect();
        let muted = self.muted(tables, write, (id, &members), &options)?;
        if let Some(then) = self.on_time(tables, id, &members, (due_ms, options.group_interval_ms)) {
            self.tell(tables, write, id, &options, (&then, &muted))?;
        }
        let held_back = self.tell(tables, write, id, &options, (&members, &muted))?;
        self.tell_paged_standing(tables, write, id, (&members, &muted))?;
        for (destination, open) in fallback_ends(tables, self.config, self.wiring, id) {
            let Some(wire) = self.wiring.get(&destination) else { continue };
            let ended = |alert: &&Alert| alert.is_resolved(self.now_ms) && open.contains(&alert.fingerprint);
            let alerts: Vec<&Alert> = members.iter().filter(ended).collect();
            if !alerts.is_empty() {
                let reason = format!("fallback: {}", Reason::AllResolved.as_str());
                let other = tables.id_of(&id.0, &destination.0);
                self.queue(tables, write, (id, &other), wire, &alerts, reason)?;
            }
        }
        let next_ms = self.now_ms.saturating_add(options.group_interval_ms.max(1));
        tables.put_turn(write, id, next_ms)?;
        settle(tables, write, (self.config, self.wiring), self.tally, id, self.now_ms)?;
        Ok(held_back)
    }

    /// The alerts of a group as a turn on time would have found them, where this one is so late that some ended unseen
    /// since: whoever lasted until a turn was due is told of, however busy or dead we were then.
    fn on_time(
        &self,
        tables: &Tables,
        id: &GroupId,
        members: &[Alert],
        (due_ms, interval_ms): (i64, i64),
    ) -> Option<Vec<Alert>> {
        let is_known = |alert: &Fingerprint| {
            let mut told = tables.told(id);
            told.any(|told| {
                told.firing.contains(alert) || told.open.contains(alert) || told.resolved.contains(alert)
            }) || tables.jobs_of(id).any(|job| job.firing.contains(alert) || job.resolved.contains(alert))
        };
        let missed = |alert: &Alert| {
            let lasted = alert.ends_ms.is_some_and(|ends_ms| {
                // Turns on time are not further apart than this, so that one would have found it.
                (alert.starts_ms <= due_ms && ends_ms > due_ms)
                    || ends_ms > alert.starts_ms.saturating_add(interval_ms)
            });
            lasted && alert.is_resolved(self.now_ms) && !is_known(&alert.fingerprint)
        };
        let on_time = |alert: &Alert| {
            let ends_ms = if missed(alert) { None } else { alert.ends_ms };
            Alert { ends_ms, ..alert.clone() }
        };
        members.iter().any(missed).then(|| members.iter().map(on_time).collect())
    }

    /// Compares how the alerts of a group stand with what each destination was told, and queues what is owed; `true` if
    /// not everything could be because a job is being sent.
    fn tell(
        &mut self,
        tables: &mut Tables,
        write: &Writing<'_>,
        id: &GroupId,
        options: &Options,
        (all, muted): (&[Alert], &HashSet<Fingerprint>),
    ) -> Result<bool, LedgerError> {
        let desk = Desk { oncall: self.oncall, wiring: self.wiring, now_ms: self.now_ms };
        let before = tables.incident_of(id).map(|incident| incident.id);
        let acknowledged = desk.follow(tables, write, self.tally, id, (all, muted))?;
        // What ends an incident belongs to it.
        self.incident = tables.incident_of(id).map(|incident| incident.id).or(before);
        let mut held_back = false;
        for wire in self.wiring.of(&id.1) {
            let integration = wire.number;
            tables.adopt(write, id, integration, all, self.now_ms)?;
            let told = tables.notified.get(&(id.clone(), integration));
            // Who does not want ends is told of what it was to hear as it began, also when that has ended meanwhile.
            let waiting = tables.open_job(id, integration).filter(|_| !wire.send_resolved);
            let members: Cow<'_, [Alert]> = match waiting {
                Some(open) => all.iter().map(|alert| as_it_began(alert, open, told)).collect(),
                None => Cow::Borrowed(all),
            };
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
                send_resolved: wire.send_resolved,
                repeat_interval_ms: (!options.retired && !acknowledged).then_some(options.repeat_interval_ms),
            };
            // A destination that does not want ends is still owed the beginning that it was never told.
            let only_ends = news.firing.is_empty() && !wire.send_resolved;
            if let Some(open) = tables.open_job(id, integration) {
                if self.sending.contains(&open.id) {
                    held_back |= !alerts.is_empty() && differs(open, desired);
                    held_back |= tables.untold_standing(id, wire).is_some();
                } else if !alerts.is_empty()
                    && !only_ends
                    // What speaks of people is not written anew because it says the same of alerts in other words.
                    && (differs(open, desired) || !is_standing(&open.reason))
                {
                    let reason = match decide(told, desired, self.now_ms) {
                        Some(reason) if is_standing(&open.reason) => reason.as_str().to_owned(),
                        _ => open.reason.clone(),
                    };
                    self.queue(tables, write, (id, id), wire, &alerts, reason)?;
                }
                continue;
            }
            if alerts.is_empty() {
                continue;
            }
            let Some(reason) = decide(told, desired, self.now_ms) else {
                self.note_untold_ends(tables, write, (id, wire), &news.resolved)?;
                self.tell_standing(tables, write, id, wire, &alerts)?;
                continue;
            };
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
            self.queue(tables, write, (id, id), wire, &alerts, reason.as_str().to_owned())?;
        }
        Ok(held_back)
    }

    /// A destination that does not want ends is not told them; but whoever ended, and fires again while others in the group
    /// still do, is news.
    fn note_untold_ends(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        (id, wire): (&GroupId, &Wire),
        resolved: &BTreeSet<Fingerprint>,
    ) -> Result<(), LedgerError> {
        let key = (id.clone(), wire.number);
        let knows = |told: &&mut Notified| {
            resolved.iter().any(|alert| told.firing.contains(alert) || told.open.contains(alert))
        };
        let told = tables.notified.get_mut(&key).filter(|_| !wire.send_resolved).filter(knows);
        let Some(told) = told else { return Ok(()) };
        told.firing.retain(|alert| !resolved.contains(alert));
        told.open.retain(|alert| !resolved.contains(alert));
        write.put_notified(told)
    }

    /// The alerts of a group that are not worth telling now. History learns of what changes.
    fn muted(
        &mut self,
        tables: &mut Tables,
        write: &Writing<'_>,
        (id, members): (&GroupId, &[Alert]),
        options: &Options,
    ) -> Result<HashSet<Fingerprint>, LedgerError> {
        let all = muting::intervals(self.config, options, self.now_ms);
        let mut muted = HashSet::new();
        let had_any = tables.recorder.has_muted(id);
        for alert in members {
            let own = tables.muted(alert, self.now_ms);
            let why = own.or(all.as_ref().map(|(why, _)| *why));
            if let Some(why) = why {
                self.suppressed.count(why);
                muted.insert(alert.fingerprint);
            }
            if alert.is_resolved(self.now_ms) {
                tables.recorder.ends(write, alert, None)?;
            } else if had_any || why.is_some() {
                let names = why.map(|why| {
                    let names = match (own, &all) {
                        (Some(own), _) => tables.muting_names(own, alert, self.now_ms),
                        (None, Some((_, names))) => names.clone(),
                        (None, None) => Vec::new(),
                    };
                    (why, names)
                });
                tables.recorder.muting(write, id, alert, names, self.now_ms)?;
            }
        }
        Ok(muted)
    }

    /// Queues what is to be told of one group to a destination, mostly its own, unless the very same waits already.
    fn queue(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        (about, to): (&GroupId, &GroupId),
        wire: &Wire,
        alerts: &[&Alert],
        reason: String,
    ) -> Result<(), LedgerError> {
        let Some(group) = tables.groups.get(about) else { return Ok(()) };
        let told: Vec<&Alert> = alerts
            .iter()
            .copied()
            .filter(|alert| wire.send_resolved || !alert.is_resolved(self.now_ms))
            .collect();
        let news = News::of(alerts, self.now_ms);
        let mut incident = self.incident;
        if incident.is_none() && news.firing.is_empty() {
            let last = write.reading().last_incident(&about.0, &about.1)?;
            incident = last.map(|incident| incident.id);
        }
        let standing = wire.channel.knows_standing().then(|| standing_of(tables.incidents.get(about)));
        let about = About {
            receiver: &to.1,
            group_key: &to.0,
            group_labels: &group.labels,
            route_labels: &tables.options(group).labels,
            external_url: self.external_url,
            alerts: &told,
            reason: &reason,
            now_ms: self.now_ms,
            standing,
        };
        let payload = match telling::payload(&about, self.wiring) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(group = to.0, receiver = to.1, %error, "notification could not be written");
                return Ok(());
            }
        };
        if let Some(open) = tables.open_job(to, wire.number)
            && write.reading().payload(open.id)? == payload
        {
            return Ok(());
        }
        let draft = JobDraft {
            group_key: to.0.clone(),
            receiver: to.1.clone(),
            integration: wire.number,
            reason,
            payload,
            firing: news.firing,
            resolved: news.resolved,
            incident,
        };
        enqueue(tables, write, draft, self.now_ms)
    }
}

impl Turn<'_> {
    /// Queues who has taken the incident on, where a destination shows that and was not told.
    fn tell_standing(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        id: &GroupId,
        wire: &Wire,
        alerts: &[&Alert],
    ) -> Result<(), LedgerError> {
        let Some((standing, told)) = tables.untold_standing(id, wire) else { return Ok(()) };
        let told = (told.firing.clone(), told.resolved.clone());
        self.queue_standing(tables, write, (id, id), wire, alerts, (standing, told))
    }

    /// The same for those whom steps of a policy told. One for whom something waits hears it when that is over.
    fn tell_paged_standing(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        id: &GroupId,
        (members, muted): (&[Alert], &HashSet<Fingerprint>),
    ) -> Result<(), LedgerError> {
        let firing = |alert: &&Alert| !alert.is_resolved(self.now_ms) && !muted.contains(&alert.fingerprint);
        let alerts: Vec<&Alert> = members.iter().filter(firing).collect();
        for destination in tables.only_paged(id) {
            let Some(wire) = self.wiring.get(&destination).filter(|_| !alerts.is_empty()) else { continue };
            let to = tables.id_of(&id.0, &destination.0);
            if tables.open_job(&to, wire.number).is_some() {
                continue;
            }
            let untold = tables.untold_standing_at(id, &to, wire).map(|(standing, _)| standing);
            if let Some(standing) = untold {
                let nothing = (BTreeSet::new(), BTreeSet::new());
                self.queue_standing(tables, write, (id, &to), wire, &alerts, (standing, nothing))?;
            }
        }
        Ok(())
    }

    fn queue_standing(
        &self,
        tables: &mut Tables,
        write: &Writing<'_>,
        (id, to): (&GroupId, &GroupId),
        wire: &Wire,
        alerts: &[&Alert],
        (standing, (firing, resolved)): (Standing, (BTreeSet<Fingerprint>, BTreeSet<Fingerprint>)),
    ) -> Result<(), LedgerError> {
        let Some(group) = tables.groups.get(id) else { return Ok(()) };
        let reason = standing::reason(&standing);
        let about = About {
            receiver: &to.1,
            group_key: &to.0,
            group_labels: &group.labels,
            route_labels: &tables.options(group).labels,
            external_url: self.external_url,
            alerts,
            reason: &reason,
            now_ms: self.now_ms,
            standing: Some(Standing { is_all: true, ..standing }),
        };
        let payload = match telling::payload(&about, self.wiring) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::error!(group = to.0, receiver = to.1, %error, "notification could not be written");
                return Ok(());
            }
        };
        // Of alerts it tells nothing that was not told.
        let draft = JobDraft {
            group_key: to.0.clone(),
            receiver: to.1.clone(),
            integration: wire.number,
            reason,
            payload,
            firing,
            resolved,
            incident: self.incident,
        };
        enqueue(tables, write, draft, self.now_ms)
    }
}

/// An alert as a destination that does not want ends is to hear of it, while a job for it waits: one that the job speaks
/// of, and that the destination does not know of, is told as firing.
fn as_it_began(alert: &Alert, open: &Job, told: Option<&Notified>) -> Alert {
    let is_new = open.firing.contains(&alert.fingerprint)
        && told.is_none_or(|told| !told.open.contains(&alert.fingerprint));
    Alert { ends_ms: alert.ends_ms.filter(|_| !is_new), ..alert.clone() }
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

/// What ended and was let go is news when it fires again, also to who was never told its end.
fn forget_told(
    tables: &mut Tables,
    write: &Writing<'_>,
    id: &GroupId,
    over: &[Fingerprint],
) -> Result<(), LedgerError> {
    let stale = |told: &&Notified| {
        let mut over = over.iter();
        over.any(|over| [&told.firing, &told.open, &told.resolved].iter().any(|all| all.contains(over)))
    };
    let stale: Vec<Notified> = tables.told(id).filter(stale).cloned().collect();
    for mut told in stale {
        for all in [&mut told.firing, &mut told.open, &mut told.resolved] {
            all.retain(|alert| !over.contains(alert));
        }
        write.put_notified(&told)?;
        tables.put_told(told);
    }
    Ok(())
}

/// Lets go of resolved alerts that nobody has to be told about any more, and of a group that is empty then.
pub(super) fn settle(
    tables: &mut Tables,
    write: &Writing<'_>,
    (config, wiring): (&Config, &Wiring),
    tally: &mut Tally,
    id: &GroupId,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let Some(group) = tables.groups.get(id) else { return Ok(()) };
    if tables.has_jobs(id) {
        return Ok(());
    }
    let wants_ends: Vec<u32> =
        wiring.of(&id.1).iter().filter(|wire| wire.send_resolved).map(|wire| wire.number).collect();
    // Whose beginning was told or may have been, and whose end was not.
    let mut owed: HashSet<Fingerprint> = tables
        .told(id)
        .filter(|told| wants_ends.contains(&told.integration))
        .flat_map(|told| told.firing.iter().chain(&told.open))
        .copied()
        .collect();
    owed.extend(fallback_ends(tables, config, wiring, id).into_iter().flat_map(|(_, open)| open));
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
    incidents::end(tables, write, tally, id, &over, (now_ms, None))?;
    tables.remove_members(id, &over);
    forget_told(tables, write, id, &over)?;
    match tables.groups.get(id) {
        Some(group) if !group.members.is_empty() => tables.touch(id),
        _ => tables.remove_group(write, id)?,
    }
    tables.forget_loose(write, &over, now_ms)
}
