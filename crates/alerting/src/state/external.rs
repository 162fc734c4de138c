//! Alerts from outside: posted by a Prometheus or anybody else, merged with what is known, kept before it is answered.

use super::State;
use super::evaluation::{When, begin, millis};
use super::tables::Tables;
use crate::config::Config;
use crate::fingerprint;
use crate::matchers::MatcherMode;
use std::sync::Arc;
use std::time::Duration;
use watchfire_ledger::{Alert, AlertEventKind, AlertIdentity, EventDraft, LedgerError, Texts, Writing};
use watchfire_model::Labels;

/// The label that says what an alert is about.
pub(super) const ALERT_NAME: &str = "alertname";

/// An alert as somebody posts it. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostedAlert {
    /// Its labels.
    pub labels: Labels,
    /// Its annotations.
    pub annotations: Texts,
    /// Since when it fires; `None`: since now.
    pub starts_ms: Option<i64>,
    /// When it ends; `None`: when nobody speaks of it for `resolve_timeout`.
    pub ends_ms: Option<i64>,
    /// Where its source shows it.
    pub generator_url: Arc<str>,
}

/// Why an alert was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected(pub String);

/// What became of posted alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many fire.
    pub firing: u64,
    /// How many are over.
    pub resolved: u64,
    /// Those that were not taken.
    pub rejected: Vec<Rejected>,
}

impl State {
    /// Takes in alerts; what is wrong with some does not keep the others out. They are on disk when this returns,
    /// except for the mere news that they go on.
    pub(crate) fn post(&mut self, posted: Vec<PostedAlert>, now_ms: i64) -> Result<Taken, LedgerError> {
        let config = Arc::clone(&self.config);
        let timeout_ms = millis(config.resolve_timeout);
        let mut taken = Taken::default();
        let mut alerts = Vec::with_capacity(posted.len());
        for posted in posted {
            let mode = config.matcher_mode;
            let alert = alert_of(posted, mode, timeout_ms, now_ms);
            let alert = alert.and_then(|alert| check_annotations(&self.tables, &alert, mode).map(|()| alert));
            match alert {
                Ok(alert) => {
                    *(if alert.is_resolved(now_ms) { &mut taken.resolved } else { &mut taken.firing }) += 1;
                    alerts.push(alert);
                }
                Err(message) => taken.rejected.push(Rejected(message)),
            }
        }
        // Whoever repeats every minute that an alert goes on must not wait for the disk each time.
        alerts.retain(|alert| !prolong(&mut self.tables, alert, now_ms));
        if alerts.is_empty() {
            return Ok(taken);
        }
        let when = When { now_ms, start_ms: self.start_ms };
        self.change(|tables, write| {
            alerts.into_iter().try_for_each(|alert| take(tables, write, &config, alert, when))
        })?;
        Ok(taken)
    }

    /// After a start: whoever was to end while nobody could hear that it goes on gets time to be spoken of again.
    pub(super) fn excuse_silence(&mut self, resolve_timeout: Duration, now_ms: i64) {
        let until_ms = now_ms.saturating_add(millis(resolve_timeout));
        for alert in self.tables.alerts.values_mut() {
            // An end that was in the future when it was told is a guess, not news.
            if let Some(ends_ms) = alert.ends_ms
                && ends_ms > alert.updated_ms
                && ends_ms < until_ms
            {
                alert.ends_ms = Some(until_ms);
                alert.by_timeout = true;
            }
        }
    }
}

fn alert_of(posted: PostedAlert, mode: MatcherMode, timeout_ms: i64, now_ms: i64) -> Result<Alert, String> {
    let labels = posted.labels;
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    if let Some((name, _)) = labels.iter().find(|(name, _)| !mode.is_label_name(name)) {
        return Err(format!("invalid label set: invalid name {name:?}"));
    }
    let starts_ms = posted.starts_ms.or(posted.ends_ms).unwrap_or(now_ms);
    let by_timeout = posted.ends_ms.is_none();
    let ends_ms = posted.ends_ms.unwrap_or_else(|| now_ms.saturating_add(timeout_ms));
    if ends_ms < starts_ms {
        return Err("start time must be before end time".to_owned());
    }
    Ok(Alert {
        row: 0,
        fingerprint: fingerprint(&labels),
        labels,
        annotations: posted.annotations,
        starts_ms,
        ends_ms: Some(ends_ms),
        by_timeout,
        updated_ms: now_ms,
        generator_url: posted.generator_url,
    })
}

/// What is wrong with the annotations of an alert. Those that are known to be right are not looked at again.
fn check_annotations(tables: &Tables, alert: &Alert, mode: MatcherMode) -> Result<(), String> {
    let known = tables.alerts.get(&alert.fingerprint);
    if alert.annotations.is_empty() || known.is_some_and(|known| known.annotations == alert.annotations) {
        return Ok(());
    }
    match alert.annotations.to_map().keys().find(|name| !mode.is_label_name(name)) {
        Some(name) => Err(format!("invalid annotations: invalid name {name:?}")),
        None => Ok(()),
    }
}

/// Takes news that say nothing but that an alert goes on; `false` where there is more to it.
fn prolong(tables: &mut Tables, news: &Alert, now_ms: i64) -> bool {
    let Some(known) = tables.alerts.get_mut(&news.fingerprint) else { return false };
    if known.ends_ms.is_none() {
        // A rule of ours watches it; what others say of it adds nothing.
        return true;
    }
    let goes_on = !known.is_resolved(now_ms) && !news.is_resolved(now_ms);
    let merged = merge(known, news.clone(), now_ms);
    let same = goes_on
        && merged.starts_ms == known.starts_ms
        && merged.annotations == known.annotations
        && merged.generator_url == known.generator_url
        // A start finds the end that the ledger has; later ones are a matter of memory.
        && merged.ends_ms >= known.ends_ms;
    if same {
        (known.ends_ms, known.by_timeout) = (merged.ends_ms, merged.by_timeout);
        known.updated_ms = merged.updated_ms;
    }
    same
}

fn take(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    news: Alert,
    when: When,
) -> Result<(), LedgerError> {
    let Some(known) = tables.alerts.get(&news.fingerprint) else {
        // The end of something nobody heard of is not news.
        if news.is_resolved(when.now_ms) {
            // Unless another Alertmanager had told somebody that it fires.
            if tables.adoption.knows(&news.labels) {
                begin(tables, write, config, news, when)?;
            }
            return Ok(());
        }
        return fires(tables, write, config, news, when);
    };
    let merged = merge(known, news, when.now_ms);
    if known.is_resolved(when.now_ms) && !merged.is_resolved(when.now_ms) {
        return fires(tables, write, config, merged, when);
    }
    let fingerprint = merged.fingerprint;
    if merged.is_resolved(when.now_ms) {
        tables.recorder.ends(write, &merged, None)?;
    }
    tables.put_alert(write, merged)?;
    tables.forget_loose(write, &[fingerprint], when.now_ms)
}

/// An alert that was not there, or was over, fires.
fn fires(
    tables: &mut Tables,
    write: &Writing<'_>,
    config: &Config,
    alert: Alert,
    when: When,
) -> Result<(), LedgerError> {
    let identity = AlertIdentity {
        fingerprint: alert.fingerprint,
        labels: alert.labels.clone(),
        rule: alert.labels.get(ALERT_NAME).unwrap_or_default().to_owned(),
        group: String::new(),
        file: String::new(),
    };
    let (annotations, fired_ms) = (alert.annotations.clone(), alert.starts_ms);
    let groups = begin(tables, write, config, alert, when)?;
    let event = EventDraft {
        at_ms: when.now_ms,
        kind: AlertEventKind::Firing,
        value: None,
        active_ms: None,
        fired_ms: Some(fired_ms),
        annotations: Some(&annotations),
        detail: None,
    };
    tables.recorder.begins(write, &identity, &event, &groups)
}

/// What is known and the news of it together, as Alertmanager merges them: where they overlap in time, the earlier
/// start counts, and of two ends the later; of ends in the future only those that somebody gave. Where they do not
/// overlap, the news replace what was known.
fn merge(known: &Alert, news: Alert, now_ms: i64) -> Alert {
    let end = |alert: &Alert| alert.ends_ms.unwrap_or(i64::MAX);
    let (known_end, news_end) = (end(known), end(&news));
    let inside = |time: i64| time > known.starts_ms && time < known_end;
    if !inside(news_end) && !inside(news.starts_ms) {
        return news;
    }
    let mut merged = news;
    merged.starts_ms = merged.starts_ms.min(known.starts_ms);
    let known_wins = if merged.is_resolved(now_ms) { known.is_resolved(now_ms) } else { !known.by_timeout };
    if known_wins && known_end > news_end {
        merged.ends_ms = known.ends_ms;
    }
    merged
}

#[cfg(test)]
mod tests;
