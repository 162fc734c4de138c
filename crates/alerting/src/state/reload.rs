//! A new configuration: groups that are still wanted go on, the others see their alerts out.

use super::State;
use super::evaluation::join;
use super::tables::{GroupId, Timing};
use crate::config::Config;
use std::collections::BTreeSet;
use std::sync::Arc;
use watchfire_ledger::{Alert, LedgerError};

impl State {
    /// Puts a configuration in force. Groups whose key is unchanged keep their timers. A group that no route leads to
    /// any more, and whose receiver knows of something firing, stays until that has ended and been told.
    pub(crate) fn apply(
        &mut self,
        config: Config,
        external_url: String,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let config = Arc::new(config);
        let next = Arc::clone(&config);
        self.change(|tables, write| {
            let firing: Vec<Alert> =
                tables.alerts.values().filter(|alert| !alert.is_resolved()).cloned().collect();
            let mut wanted: BTreeSet<GroupId> = BTreeSet::new();
            for alert in &firing {
                for route in next.route.iter().flat_map(|root| root.matching(&alert.labels)) {
                    let labels = route.group_labels(&alert.labels);
                    wanted.insert((route.group_key(&labels), route.receiver.clone()));
                    join(tables, write, route, alert, now_ms)?;
                }
            }
            let others: Vec<GroupId> =
                tables.groups.keys().filter(|id| !wanted.contains(*id)).cloned().collect();
            for id in others {
                let Some(group) = tables.groups.get(&id) else { continue };
                let any_firing = group
                    .members
                    .iter()
                    .any(|member| tables.alerts.get(member).is_some_and(|alert| !alert.is_resolved()));
                let told = tables
                    .notified
                    .range((id.0.clone(), id.1.clone(), 0)..=(id.0.clone(), id.1.clone(), u32::MAX))
                    .any(|(_, told)| told.confirmed_firing);
                let owed =
                    told || tables.jobs.values().any(|job| job.group_key == id.0 && job.receiver == id.1);
                if next.receiver(&id.1).is_some() && (owed || !any_firing) {
                    let mut timing = Timing::of(group);
                    timing.retired = any_firing;
                    let Some(group) = tables.groups.get_mut(&id) else { continue };
                    group.options = timing.text();
                    write.put_group(group)?;
                    continue;
                }
                let members: Vec<u64> = group.members.iter().copied().collect();
                write.delete_group(&id.0, &id.1)?;
                tables.groups.remove(&id);
                tables.notified.retain(|(key, receiver, _), _| (key, receiver) != (&id.0, &id.1));
                tables.forget_loose(write, &members)?;
            }
            Ok(())
        })?;
        self.config = config;
        self.external_url = external_url;
        self.gates.clear();
        Ok(())
    }
}
