//! A new configuration: groups that are still wanted go on, the others see their alerts out.

use super::State;
use super::evaluation::{When, join, millis};
use super::health::Health;
use super::incidents::{self, Tally};
use super::tables::{GroupId, Options, Tables};
use crate::config::Config;
use crate::inhibit::Inhibitor;
use crate::wiring::Wiring;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_ledger::{Alert, LedgerError, Writing};
use watchfire_oncall::OnCall;

impl State {
    /// Puts a configuration in force. Every group that is still wanted goes on and has its turn at once, as after a
    /// reload of Alertmanager; one that was never looked at waits for the rest of its `group_wait`. A group that no
    /// route leads to any more, and whose receiver knows of something firing, stays until that has ended and been told.
    pub(crate) fn apply(
        &mut self,
        config: Config,
        oncall: Arc<OnCall>,
        external_url: String,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let config = Arc::new(config);
        let next = Arc::clone(&config);
        let when = When { now_ms, start_ms: self.start_ms };
        // After a start the timers are those of before.
        let is_reload = self.config.route.is_some();
        if !is_reload {
            self.excuse_silence(config.resolve_timeout, now_ms);
        }
        // The tables are read anew with the rules in force, should the ledger refuse.
        let before = std::mem::replace(&mut self.config, Arc::clone(&config));
        let mut tally = Tally::default();
        let changed = self.change(|tables, write| {
            tables.inhibitor = Inhibitor::new(&next.inhibit_rules, tables.alerts.values());
            let firing: Vec<Alert> =
                tables.alerts.values().filter(|alert| !alert.is_resolved(now_ms)).cloned().collect();
            let mut wanted: BTreeMap<GroupId, i64> = BTreeMap::new();
            for alert in &firing {
                for route in next.route.iter().flat_map(|root| root.matching(&alert.labels)) {
                    wanted.insert(join(tables, route, alert, when), millis(route.group_wait));
                }
            }
            let others: Vec<GroupId> =
                tables.groups.keys().filter(|id| !wanted.contains_key(*id)).cloned().collect();
            for id in others {
                retire(tables, write, (&next, &mut tally), &id, now_ms)?;
            }
            for (id, wait_ms) in wanted.iter().filter(|_| is_reload) {
                let Some(group) = tables.groups.get(id) else { continue };
                let first_ms = group.created_ms.saturating_add(*wait_ms).max(when.start_ms);
                if first_ms <= now_ms && now_ms < group.next_flush_ms {
                    tables.put_turn(write, id, now_ms)?;
                }
            }
            Ok(())
        });
        if let Err(error) = changed {
            self.config = before;
            self.stale = true;
            return Err(error);
        }
        self.tally.add(tally);
        if before.canaries != self.config.canaries || !is_reload {
            self.canaries_since_ms = now_ms;
        }
        self.oncall = oncall;
        self.external_url = external_url;
        self.wiring = Arc::new(Wiring::new(&self.config, Arc::clone(&self.clock)));
        // Who was refused may be reached by what has changed.
        self.destinations.values_mut().for_each(Health::forgive);
        Ok(())
    }
}

/// A group that no route leads to: kept while its receiver has something coming, forgotten otherwise.
fn retire(
    tables: &mut Tables,
    write: &Writing<'_>,
    (next, tally): (&Config, &mut Tally),
    id: &GroupId,
    now_ms: i64,
) -> Result<(), LedgerError> {
    let Some(group) = tables.groups.get(id) else { return Ok(()) };
    let any_firing = group
        .members
        .iter()
        .any(|member| tables.alerts.get(member).is_some_and(|alert| !alert.is_resolved(now_ms)));
    let owed = tables.told(id).any(|told| !told.open.is_empty()) || tables.has_jobs(id);
    if next.receiver(&id.1).is_some() && (owed || !any_firing) {
        let options = Options { retired: any_firing, ..(*tables.options(group)).clone() };
        let text = tables.known_options(&options.text());
        if let Some(group) = tables.groups.get_mut(id) {
            group.options = text;
            tables.touch(id);
        }
        return Ok(());
    }
    let members: Vec<u64> = group.members.iter().copied().collect();
    let why = Some("no route leads here any more");
    incidents::end(tables, write, tally, id, &members, (now_ms, why))?;
    tables.remove_group(write, id)?;
    tables.forget_loose(write, &members, now_ms)
}
