//! Taking over from another Alertmanager: its silences, and what it had told.

use crate::wiring::number;
use std::collections::BTreeMap;
use watchfire_ledger::{Imported, Ledger, LedgerError, Silence, SilenceMatcher};
use watchfire_model::{Labels, xxhash64};
use watchfire_wire::alertmanager::{SavedNotice, SavedSilence};

/// What was taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Silences that are new here, or newer than what was here.
    pub silences: usize,
    /// Silences that were here already.
    pub known_silences: usize,
    /// Groups and destinations that were told something.
    pub notices: usize,
    /// Of these, those that know of something firing.
    pub firing: usize,
    /// Those that Alertmanager itself would have forgotten by now.
    pub expired: usize,
}

/// Takes over silences and notices into a ledger that no server uses. May be repeated.
pub fn migrate(
    ledger: &Ledger,
    silences: Vec<SavedSilence>,
    notices: Vec<SavedNotice>,
    now_ms: i64,
) -> Result<Migrated, LedgerError> {
    ledger.write(|write| {
        let mut migrated = Migrated::default();
        let here: BTreeMap<String, i64> =
            write.reading().silences()?.into_iter().map(|silence| (silence.id, silence.updated_ms)).collect();
        for saved in silences {
            if here.get(&saved.id).is_some_and(|updated_ms| *updated_ms >= saved.updated_ms) {
                migrated.known_silences += 1;
                continue;
            }
            write.put_silence(&silence(saved))?;
            migrated.silences += 1;
        }
        for saved in notices {
            if saved.expires_ms <= now_ms {
                migrated.expired += 1;
                continue;
            }
            migrated.notices += 1;
            migrated.firing += usize::from(!saved.firing.is_empty());
            write.put_imported(&Imported {
                integration: number(&saved.integration, saved.index),
                group_key: saved.group_key,
                receiver: saved.receiver,
                firing: saved.firing.into_iter().collect(),
                resolved: saved.resolved.into_iter().collect(),
                at_ms: saved.at_ms,
                expires_ms: saved.expires_ms,
            })?;
        }
        Ok(migrated)
    })
}

fn silence(saved: SavedSilence) -> Silence {
    let matchers = saved.matchers.into_iter().map(|matcher| SilenceMatcher {
        name: matcher.name,
        value: matcher.pattern,
        is_regex: matcher.is_regex,
        is_equal: matcher.is_equal,
    });
    Silence {
        id: saved.id,
        matchers: vec![matchers.collect()],
        starts_ms: saved.starts_ms,
        ends_ms: saved.ends_ms,
        updated_ms: saved.updated_ms,
        created_by: saved.created_by,
        comment: saved.comment,
        annotations: BTreeMap::new(),
    }
}

/// How Alertmanager's log names an alert.
pub(crate) fn log_hash(labels: &Labels) -> u64 {
    let mut text = Vec::new();
    for (name, value) in labels {
        text.extend_from_slice(name.as_bytes());
        text.push(0xff);
        text.extend_from_slice(value.as_bytes());
        text.push(0xff);
    }
    xxhash64(&text)
}
