//! Silences as people make, change and end them: on disk before anybody is told that it is done.

use super::State;
use crate::silences::{SilenceError, SilenceLimits, SilenceState, check};
use std::collections::BTreeMap;
use watchfire_ledger::{LedgerError, Silence, SilenceMatcher};

/// A silence as somebody wants it. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostedSilence {
    /// The silence to change; empty for a new one.
    pub id: String,
    /// Sets of matchers.
    pub matchers: Vec<Vec<SilenceMatcher>>,
    /// From when it mutes.
    pub starts_ms: i64,
    /// Until when.
    pub ends_ms: i64,
    /// Who wants it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else there is to say.
    pub annotations: BTreeMap<String, String>,
}

impl State {
    /// All silences, in Alertmanager's order: the active by their ends, those to come by their starts, those that are
    /// over by their ends, the last first.
    pub(crate) fn silences(&self, now_ms: i64) -> Vec<Silence> {
        let mut silences: Vec<Silence> = self.tables.silences.iter().cloned().collect();
        silences.sort_by_key(|silence| {
            let state = SilenceState::of(silence, now_ms);
            let time = match state {
                SilenceState::Active => silence.ends_ms,
                SilenceState::Pending => silence.starts_ms,
                SilenceState::Expired => silence.ends_ms.saturating_neg(),
            };
            (state, time)
        });
        silences
    }

    /// The silence with an id.
    pub(crate) fn silence(&self, id: &str) -> Option<Silence> {
        self.tables.silences.get(id).cloned()
    }

    /// Keeps a silence and returns its id. One that changes another takes its place only where what it mutes and since
    /// when stay the same; otherwise the other ends now, and this is a new one.
    pub(crate) fn put_silence(
        &mut self,
        posted: PostedSilence,
        new_id: String,
        limits: SilenceLimits,
        now_ms: i64,
    ) -> Result<String, SilenceError> {
        let mut silence = Silence {
            id: posted.id,
            matchers: posted.matchers,
            starts_ms: posted.starts_ms,
            ends_ms: posted.ends_ms,
            updated_ms: now_ms,
            created_by: posted.created_by,
            comment: posted.comment,
            annotations: posted.annotations,
        };
        check(&silence, self.config.matcher_mode).map_err(SilenceError::Invalid)?;
        let size_bytes = size(&silence);
        if limits.size_bytes > 0 && size_bytes > limits.size_bytes {
            let limit = limits.size_bytes;
            return Err(SilenceError::Invalid(format!(
                "silence exceeded maximum size: {size_bytes} bytes (limit: {limit} bytes)"
            )));
        }
        let mut ended = None;
        if !silence.id.is_empty() {
            let before = self.tables.silences.get(&silence.id).ok_or(SilenceError::NotFound)?;
            if may_change(before, &silence, now_ms) {
                // What began stays begun.
                return self.keep(None, silence);
            }
            if SilenceState::of(before, now_ms) != SilenceState::Expired {
                ended = Some(ended_now(before, now_ms));
            }
        }
        if limits.count > 0 && self.tables.silences.len() >= limits.count {
            let (count, limit) = (self.tables.silences.len(), limits.count);
            return Err(SilenceError::Invalid(format!(
                "exceeded maximum number of silences: {count} (limit: {limit})"
            )));
        }
        silence.id = new_id;
        silence.starts_ms = silence.starts_ms.max(now_ms);
        self.keep(ended, silence)
    }

    /// Ends a silence now.
    pub(crate) fn expire_silence(&mut self, id: &str, now_ms: i64) -> Result<(), SilenceError> {
        let before = self.tables.silences.get(id).ok_or(SilenceError::NotFound)?;
        if SilenceState::of(before, now_ms) == SilenceState::Expired {
            return Err(SilenceError::Expired(id.to_owned()));
        }
        let ended = ended_now(before, now_ms);
        self.keep(None, ended)?;
        Ok(())
    }

    /// Takes in silences of another Alertmanager, ids and all; returns how many were not here before.
    pub(crate) fn import_silences(&mut self, silences: Vec<Silence>) -> Result<usize, LedgerError> {
        let fresh: Vec<Silence> = silences
            .into_iter()
            .filter(|silence| {
                let here = self.tables.silences.get(&silence.id);
                here.is_none_or(|here| here.updated_ms < silence.updated_ms)
            })
            .collect();
        let count = fresh.len();
        self.change(|tables, write| {
            for silence in fresh {
                write.put_silence(&silence)?;
                if let Err(error) = tables.silences.put(silence.clone()) {
                    tracing::warn!(silence = silence.id, %error, "an imported silence cannot be read, it mutes nothing");
                }
            }
            Ok(())
        })?;
        Ok(count)
    }

    /// Forgets silences that ended before a time; returns how many.
    pub(crate) fn forget_silences(&mut self, before_ms: i64) -> Result<usize, LedgerError> {
        let old: Vec<String> = self
            .tables
            .silences
            .iter()
            .filter(|silence| silence.ends_ms < before_ms)
            .map(|silence| silence.id.clone())
            .collect();
        if old.is_empty() {
            return Ok(0);
        }
        self.change(|tables, write| {
            for id in &old {
                write.delete_silence(id)?;
                tables.silences.remove(id);
            }
            Ok(old.len())
        })
    }

    fn keep(&mut self, ended: Option<Silence>, silence: Silence) -> Result<String, SilenceError> {
        let id = silence.id.clone();
        let problem = self.change(|tables, write| {
            for silence in ended.into_iter().chain([silence]) {
                write.put_silence(&silence)?;
                // It was checked before.
                if let Err(problem) = tables.silences.put(silence) {
                    return Ok(Some(problem));
                }
            }
            Ok(None)
        })?;
        problem.map_or(Ok(id), |problem| Err(SilenceError::Invalid(problem)))
    }
}

/// Whether a silence may become another one without being a new one.
fn may_change(before: &Silence, after: &Silence, now_ms: i64) -> bool {
    if before.matchers != after.matchers {
        return false;
    }
    match SilenceState::of(before, now_ms) {
        SilenceState::Active => before.starts_ms == after.starts_ms && after.ends_ms >= now_ms,
        SilenceState::Pending => after.starts_ms >= now_ms,
        SilenceState::Expired => false,
    }
}

fn ended_now(silence: &Silence, now_ms: i64) -> Silence {
    Silence {
        starts_ms: silence.starts_ms.min(now_ms),
        ends_ms: now_ms,
        updated_ms: now_ms,
        ..silence.clone()
    }
}

fn size(silence: &Silence) -> usize {
    let matchers =
        silence.matchers.iter().flatten().map(|matcher| matcher.name.len() + matcher.value.len() + 4);
    let annotations = silence.annotations.iter().map(|(name, text)| name.len() + text.len() + 4);
    silence.id.len()
        + silence.created_by.len()
        + silence.comment.len()
        + 48
        + matchers.chain(annotations).sum::<usize>()
}
