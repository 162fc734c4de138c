//! A backtest's answer.

use super::{DAY_MS, Outcome, Tested};
use crate::alerting::history::labels;
use crate::alerting::{seconds, time};
use crate::format::float_text;
use crate::time::rfc3339;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use watchfire_alerting::SimulatedPage;
use watchfire_rules::backtest::{Life, Replay};

const MOST_NOTIFICATIONS: usize = 1_000;

#[derive(Default)]
struct Count {
    firing: u64,
    resolved: u64,
    repeats: u64,
}

impl Count {
    fn add(&mut self, page: &SimulatedPage) {
        if page.firing > 0 {
            self.firing += 1;
        } else {
            self.resolved += 1;
        }
        self.repeats += u64::from(page.reason.starts_with("repeat"));
    }
}

pub(super) fn answer(tested: &Tested, (from_ms, to_ms): (i64, i64), notes: &[String]) -> Value {
    let pages = tested.simulation.pages();
    let mut total = Count::default();
    let mut receivers: BTreeMap<&str, Count> = BTreeMap::new();
    let mut days: BTreeMap<i64, BTreeMap<&str, Count>> =
        (from_ms.div_euclid(DAY_MS)..=to_ms.div_euclid(DAY_MS)).map(|day| (day, BTreeMap::new())).collect();
    for page in pages {
        total.add(page);
        receivers.entry(&page.receiver).or_default().add(page);
        let day = days.entry(page.at_ms.div_euclid(DAY_MS)).or_default();
        day.entry(&page.receiver).or_default().add(page);
    }
    let receiver = |(name, count): (&&str, &Count)| {
        json!({
            "receiver": name,
            "total": count.firing + count.resolved,
            "firing": count.firing,
            "resolved": count.resolved,
            "repeats": count.repeats,
        })
    };
    let days: Vec<Value> = days
        .iter()
        .map(|(day, by_receiver)| {
            let firing: u64 = by_receiver.values().map(|count| count.firing).sum();
            let resolved: u64 = by_receiver.values().map(|count| count.resolved).sum();
            json!({
                "day": rfc3339(day * DAY_MS).get(..10).unwrap_or_default(),
                "total": firing + resolved,
                "firing": firing,
                "receivers": by_receiver.iter().map(receiver).collect::<Vec<_>>(),
            })
        })
        .collect();
    let shown = pages.iter().take(MOST_NOTIFICATIONS).map(|page| {
        json!({
            "at": rfc3339(page.at_ms),
            "receiver": page.receiver,
            "reason": page.reason,
            "groupKey": page.group_key,
            "firing": page.firing,
            "resolved": page.resolved,
            "alerts": page.alerts,
        })
    });
    let suppressed = tested.simulation.suppressed();
    let rules = tested.backtest.replays().iter().zip(&tested.rules);
    json!({
        "from": rfc3339(from_ms),
        "to": rfc3339(to_ms),
        "evaluations": tested.backtest.evaluations(),
        "recorded": tested.backtest.recorded(),
        "rules": rules.map(|(replay, outcome)| rule(replay, outcome, pages)).collect::<Vec<_>>(),
        "pages": {
            "total": total.firing,
            "firing": total.firing,
            "resolved": total.resolved,
            "receivers": receivers.iter().map(receiver).collect::<Vec<_>>(),
            "days": days,
        },
        "notifications": shown.collect::<Vec<_>>(),
        "notificationsLeftOut": pages.len().saturating_sub(MOST_NOTIFICATIONS),
        "suppressed": {
            "silence": suppressed.silence,
            "inhibition": suppressed.inhibition,
            "mute_time_interval": suppressed.mute_time_interval,
            "active_time_interval": suppressed.active_time_interval,
        },
        "notes": notes,
    })
}

fn rule(replay: &Replay, tested: &Outcome, pages: &[SimulatedPage]) -> Value {
    let rule = replay.rule();
    let told = pages.iter().filter(|page| page.firing > 0 && page.alerts.contains(&rule.name)).count();
    let missing: Vec<Value> = tested
        .missing
        .iter()
        .map(|gap| json!({"selector": gap.selector, "from": rfc3339(gap.from_ms), "to": rfc3339(gap.to_ms)}))
        .collect();
    json!({
        "rule": rule.name,
        "group": replay.origin().group,
        "interval": seconds(replay.timing().interval_ms),
        "for": rule.hold.as_secs_f64(),
        "keepFiringFor": rule.keep_firing_for.as_secs_f64(),
        "fired": tested.fired,
        "pendingOnly": tested.pending_only,
        "firingSeconds": seconds(tested.firing_ms),
        "longest": seconds(tested.longest_ms),
        "pages": told,
        "lives": tested.lives.iter().map(life).collect::<Vec<_>>(),
        "livesLeftOut": tested.left_out,
        "missing": missing,
        "error": replay.error(),
    })
}

fn life(life: &Life) -> Value {
    json!({
        "labels": labels(&life.labels),
        "fingerprint": format!("{:016x}", watchfire_alerting::fingerprint(&life.labels)),
        "activeAt": rfc3339(life.active_ms),
        "firedAt": time(life.fired_ms),
        "resolvedAt": time(life.ended_ms),
        "value": float_text(life.value),
        "peak": float_text(life.peak),
    })
}
