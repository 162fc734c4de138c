use super::*;
use watchfire_ledger::{EventDraft, Ledger, Notice};
use watchfire_model::Labels;

const MINUTE_MS: i64 = 60_000;

fn identity(fingerprint: u64, rule: &str) -> AlertIdentity {
    AlertIdentity {
        fingerprint,
        labels: Labels::from_pairs([("alertname", rule), ("n", &fingerprint.to_string())]),
        rule: rule.to_owned(),
        group: "g".to_owned(),
        file: "f".to_owned(),
    }
}

fn query(from_ms: i64, to_ms: i64) -> StatisticsQuery {
    StatisticsQuery {
        from_ms,
        to_ms,
        matchers: Vec::new(),
        rules: BTreeSet::new(),
        within_ms: 5 * MINUTE_MS,
        flap_ms: 15 * MINUTE_MS,
    }
}

/// One alert that fired in some minutes of the epoch, up to others.
fn fired(ledger: &Ledger, alert: &AlertIdentity, spans: &[(i64, Option<i64>)]) {
    ledger
        .write(|write| {
            for (from, to) in spans {
                let at = |minute: i64, kind| EventDraft {
                    at_ms: minute * MINUTE_MS,
                    kind,
                    value: Some(1.0),
                    active_ms: Some(from * MINUTE_MS),
                    fired_ms: Some(from * MINUTE_MS),
                    annotations: None,
                    detail: None,
                };
                write.put_event(alert, &at(*from, AlertEventKind::Firing))?;
                if let Some(to) = to {
                    write.put_event_of(alert.fingerprint, &at(*to, AlertEventKind::Resolved))?;
                }
            }
            Ok(())
        })
        .unwrap();
}

fn count(ledger: &Ledger, query: &StatisticsQuery) -> Statistics {
    ledger.read(|read| statistics(read, query, query.to_ms)).unwrap()
}

#[test]
fn lives_are_counted_with_how_long_they_were_and_how_often_they_came_back() {
    let ledger = Ledger::in_memory().unwrap();
    fired(&ledger, &identity(1, "Hot"), &[(0, Some(2)), (10, Some(20)), (100, Some(104))]);
    fired(&ledger, &identity(2, "Hot"), &[(50, None)]);
    let all = count(&ledger, &query(0, 200 * MINUTE_MS));
    let [hot] = &all.rules[..] else { panic!("{all:?}") };
    assert_eq!((hot.fired, hot.instances, hot.firing, hot.flaps), (4, 2, 1, 1));
    assert_eq!(hot.to_resolve.count(), 3);
    assert_eq!(hot.to_resolve.quantile_ms(0.5), Some(4 * MINUTE_MS));
    assert_eq!(hot.to_resolve.quantile_ms(0.9), Some(10 * MINUTE_MS));
    assert_eq!(hot.firing_ms, (2 + 10 + 4 + 150) * MINUTE_MS);
    assert_eq!(hot.short_lived, Some(2.0 / 3.0));
    assert_eq!(
        all.total,
        RuleStatistics { rule: String::new(), group: String::new(), file: String::new(), ..hot.clone() }
    );
    assert_eq!(all.days, [Day { start_ms: 0, fired: 4, notifications: 0 }]);
}

#[test]
fn a_span_counts_what_lies_in_it_and_what_fired_through_it() {
    let ledger = Ledger::in_memory().unwrap();
    fired(&ledger, &identity(1, "Hot"), &[(0, Some(30))]);
    fired(&ledger, &identity(2, "Long"), &[(5, None)]);
    let part = count(&ledger, &query(20 * MINUTE_MS, 40 * MINUTE_MS));
    let of = |name: &str| part.rules.iter().find(|rule| rule.rule == name).unwrap();
    assert_eq!((of("Hot").fired, of("Hot").firing_ms), (0, 10 * MINUTE_MS));
    assert_eq!((of("Long").firing, of("Long").firing_ms), (1, 20 * MINUTE_MS));
    let early = count(&ledger, &query(25 * MINUTE_MS, 26 * MINUTE_MS));
    assert_eq!((early.total.firing, early.total.firing_ms), (2, 2 * MINUTE_MS), "{early:?}");
}

#[test]
fn notifications_are_counted_by_rule_receiver_and_day() {
    let ledger = Ledger::in_memory().unwrap();
    fired(&ledger, &identity(1, "Hot"), &[(0, Some(30))]);
    let notice = |at_ms, job, receiver: &str, delivered| Notice {
        at_ms,
        rule: "Hot".to_owned(),
        receiver: receiver.to_owned(),
        integration: 0,
        job,
        firing: 1,
        resolved: 0,
        delivered,
    };
    ledger
        .write(|write| {
            write.put_notice(&notice(1, 1, "a", true))?;
            write.put_notice(&notice(DAY_MS + 1, 2, "b", true))?;
            write.put_notice(&notice(DAY_MS + 2, 3, "b", false))
        })
        .unwrap();
    let all = count(&ledger, &query(0, 2 * DAY_MS - 1));
    assert_eq!((all.total.notifications, all.total.notifications_failed), (2, 1));
    assert_eq!(all.rules[0].receivers, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]));
    let by_day: Vec<u64> = all.days.iter().map(|day| day.notifications).collect();
    assert_eq!(by_day, [1, 1]);
    let other = StatisticsQuery { rules: BTreeSet::from(["Cold".to_owned()]), ..query(0, 2 * DAY_MS) };
    assert_eq!(count(&ledger, &other).rules, []);
}
