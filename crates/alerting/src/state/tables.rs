//! The ledger's rows in memory.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use watchfire_ledger::{
    Alert, Fingerprint, Group, Job, Ledger, LedgerError, Notified, RuleInstance, Writing,
};
use watchfire_model::Labels;

/// A group's key and receiver.
pub(crate) type GroupId = (String, String);

/// What the ledger says.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) rules: HashMap<String, BTreeMap<Labels, RuleInstance>>,
    pub(super) alerts: HashMap<Fingerprint, Alert>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    /// By group key, receiver and integration.
    pub(super) notified: BTreeMap<(String, String, u32), Notified>,
    /// The open jobs.
    pub(super) jobs: BTreeMap<i64, Job>,
}

/// A group's timing, as kept in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timing {
    pub(super) group_interval_ms: i64,
    pub(super) repeat_interval_ms: i64,
    /// No route leads here any more: the group only waits for its alerts to end.
    #[serde(default)]
    pub(super) retired: bool,
}

impl Timing {
    pub(super) fn of(group: &Group) -> Self {
        // A row that cannot be read gets Alertmanager's defaults rather than losing its group.
        serde_json::from_str(&group.options).unwrap_or(Self {
            group_interval_ms: 300_000,
            repeat_interval_ms: 14_400_000,
            retired: false,
        })
    }

    pub(super) fn text(self) -> String {
        serde_json::to_string(&self).unwrap_or_default()
    }
}

impl Tables {
    pub(super) fn load(ledger: &Ledger) -> Result<Self, LedgerError> {
        ledger.read(|read| {
            let mut tables = Self::default();
            for rule in read.rules()? {
                let state = read.rule_state(&rule)?.unwrap_or_default();
                let instances =
                    state.instances.into_iter().map(|instance| (instance.labels.clone(), instance)).collect();
                tables.rules.insert(rule, instances);
            }
            tables.alerts = read.alerts()?.into_iter().map(|alert| (alert.fingerprint, alert)).collect();
            tables.groups = read
                .groups()?
                .into_iter()
                .map(|group| ((group.key.clone(), group.receiver.clone()), group))
                .collect();
            tables.notified = read
                .notified()?
                .into_iter()
                .map(|told| ((told.group_key.clone(), told.receiver.clone(), told.integration), told))
                .collect();
            tables.jobs = read.open_jobs()?.into_iter().map(|job| (job.id, job)).collect();
            Ok(tables)
        })
    }

    /// The alerts of a group, in Alertmanager's order.
    pub(super) fn members(&self, group: &Group) -> Vec<&Alert> {
        super::sorted(group.members.iter().filter_map(|member| self.alerts.get(member)))
    }

    /// The open job of a group for one of its destinations.
    pub(super) fn open_job(&self, id: &GroupId, integration: u32) -> Option<&Job> {
        self.jobs
            .values()
            .find(|job| job.integration == integration && job.group_key == id.0 && job.receiver == id.1)
    }

    /// Forgets resolved alerts that no group holds.
    pub(super) fn forget_loose(
        &mut self,
        write: &Writing<'_>,
        candidates: &[Fingerprint],
    ) -> Result<(), LedgerError> {
        let loose: Vec<Fingerprint> = candidates
            .iter()
            .copied()
            .filter(|fingerprint| {
                self.alerts.get(fingerprint).is_some_and(Alert::is_resolved)
                    && !self.groups.values().any(|group| group.members.contains(fingerprint))
            })
            .collect();
        write.delete_alerts(loose.iter().copied())?;
        for fingerprint in loose {
            self.alerts.remove(&fingerprint);
        }
        Ok(())
    }
}
