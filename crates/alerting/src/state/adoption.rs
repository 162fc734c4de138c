//! What another Alertmanager had told counts as told by us, as soon as the alerts it speaks of are heard of here.

use super::tables::{GroupId, Tables};
use crate::migration::log_hash;
use std::collections::{BTreeSet, HashMap};
use watchfire_ledger::{Alert, Imported, LedgerError, Notified, Reading, Writing};
use watchfire_model::Labels;

/// What was imported, by group key, receiver and integration.
#[derive(Debug, Default)]
pub(super) struct Adoption {
    imported: HashMap<(String, String, u32), Imported>,
}

impl Adoption {
    pub(super) fn load(read: &Reading<'_>) -> Result<Self, LedgerError> {
        let imported = read.imported()?.into_iter().map(|imported| {
            ((imported.group_key.clone(), imported.receiver.clone(), imported.integration), imported)
        });
        Ok(Self { imported: imported.collect() })
    }

    /// Whether somebody was told elsewhere that an alert fires.
    pub(super) fn knows(&self, labels: &Labels) -> bool {
        if self.imported.is_empty() {
            return false;
        }
        let hash = log_hash(labels);
        self.imported.values().any(|imported| imported.firing.contains(&hash))
    }

    /// Forgets what is remembered no longer.
    pub(super) fn forget(&mut self, now_ms: i64) {
        self.imported.retain(|_, imported| imported.expires_ms > now_ms);
    }
}

impl Tables {
    /// Takes over what a destination of a group had been told elsewhere, as far as the group's alerts are here.
    pub(super) fn adopt(
        &mut self,
        write: &Writing<'_>,
        id: &GroupId,
        integration: u32,
        members: &[Alert],
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        if self.adoption.imported.is_empty() {
            return Ok(());
        }
        let key = (id.0.clone(), id.1.clone(), integration);
        let Some(imported) = self.adoption.imported.get_mut(&key).filter(|found| found.expires_ms > now_ms)
        else {
            return Ok(());
        };
        let (mut firing, mut resolved) = (BTreeSet::new(), BTreeSet::new());
        for alert in members {
            let hash = log_hash(&alert.labels);
            // Once only: when it fires again after its end, that is news.
            if imported.firing.remove(&hash) {
                firing.insert(alert.fingerprint);
            } else if imported.resolved.remove(&hash) {
                resolved.insert(alert.fingerprint);
            }
        }
        if firing.is_empty() && resolved.is_empty() {
            return Ok(());
        }
        write.put_imported(imported)?;
        let mut told = self.notified.get(&(id.clone(), integration)).cloned().unwrap_or_else(|| Notified {
            group_key: id.0.clone(),
            receiver: id.1.clone(),
            integration,
            firing: BTreeSet::new(),
            resolved: BTreeSet::new(),
            at_ms: imported.at_ms,
            open: BTreeSet::new(),
            receiver_data: String::new(),
        });
        told.open.extend(&firing);
        told.firing.extend(firing);
        told.resolved.extend(resolved);
        write.put_notified(&told)?;
        self.put_told(told);
        Ok(())
    }
}
