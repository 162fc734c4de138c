//! What is written down of the lives of alerts, and what is found again.

use super::*;
use crate::history::HistoryQuery;
use crate::state::PostedSilence;
use watchfire_ledger::SilenceMatcher;

async fn events(house: &House) -> Vec<String> {
    let query = HistoryQuery {
        from_ms: 0,
        to_ms: i64::MAX,
        matchers: Vec::new(),
        rules: BTreeSet::new(),
        kinds: BTreeSet::new(),
        fingerprint: None,
        text: None,
        limit: 1000,
        after: None,
    };
    let page = house.alerting.history(query).await.unwrap();
    assert_eq!(page.next, None);
    let mut words: Vec<String> = page
        .events
        .iter()
        .map(|shown| {
            let name = shown.identity.labels.get("instance").unwrap_or_default();
            let at_s = (shown.event.at_ms - START) / SECOND;
            let by = shown.detail.by.as_ref().map(|by| format!(" {}", by.kind)).unwrap_or_default();
            format!("{at_s} {name} {}{by}", shown.event.kind.as_str())
        })
        .collect();
    words.reverse();
    words
}

fn post(name: &str, ends_ms: Option<i64>) -> PostedAlert {
    PostedAlert {
        labels: Labels::from_pairs([("alertname", "Down"), ("instance", name)]),
        ends_ms,
        ..PostedAlert::default()
    }
}

#[tokio::test]
async fn each_change_of_a_rules_alert_is_kept_once_across_evaluations_and_kills() {
    let mut house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(MINUTE).await;
    house.evaluate(&["a"], &[]).await;
    house.kill().await;
    house.evaluate(&["a", "b"], &[]).await;
    house.pass(MINUTE).await;
    house.evaluate(&["b"], &["a"]).await;
    house.evaluate(&["b"], &["a"]).await;
    assert_eq!(events(&house).await, ["0 a firing", "60 b firing", "120 a resolved"]);
    house.pass(MINUTE).await;
    house.alerting.retain(Vec::new(), house.clock.now_ms()).await.unwrap();
    assert_eq!(events(&house).await.last().unwrap(), "180 b resolved");
}

#[tokio::test]
async fn an_event_says_where_the_alert_was_routed_and_with_which_annotations() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(MINUTE).await;
    house.evaluate(&[], &["a"]).await;
    let query = HistoryQuery {
        from_ms: START,
        to_ms: START + MINUTE,
        matchers: crate::MatcherMode::default().parse("instance=\"a\"", "test").unwrap(),
        rules: BTreeSet::from(["Test".to_owned()]),
        kinds: BTreeSet::new(),
        fingerprint: None,
        text: Some("A IS DOWN".to_owned()),
        limit: 1,
        after: None,
    };
    let page = house.alerting.history(query.clone()).await.unwrap();
    let [firing] = &page.events[..] else { panic!("{page:?}") };
    assert_eq!(firing.detail.groups[0].receiver, "hook");
    assert_eq!(firing.detail.groups[0].key, "{}:{alertname=\"Down\"}");
    assert_eq!((firing.identity.group.as_str(), firing.identity.file.as_str()), ("g", "f"));
    let resolved = HistoryQuery {
        kinds: BTreeSet::from([watchfire_ledger::AlertEventKind::Resolved]),
        text: None,
        ..query.clone()
    };
    let page = house.alerting.history(resolved).await.unwrap();
    assert_eq!(page.events[0].annotations["summary"], "a is down", "as it fired");
    assert_eq!(page.events[0].lasted_ms(), Some(MINUTE));
    let all = HistoryQuery { text: None, ..query };
    let first = house.alerting.history(all.clone()).await.unwrap();
    assert_eq!(first.events[0].event.kind.as_str(), "resolved");
    let second = house.alerting.history(HistoryQuery { after: first.next, ..all.clone() }).await.unwrap();
    assert_eq!(second.events[0].event.kind.as_str(), "firing");
    assert_eq!(second.next, None);
    let other = HistoryQuery { rules: BTreeSet::from(["Other".to_owned()]), ..all };
    assert!(house.alerting.history(other).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn alerts_from_outside_end_in_history_by_news_or_by_silence_of_their_source() {
    let house = House::new("").await;
    house.alerting.post(vec![post("a", None), post("b", None)]).await.unwrap();
    house.pass(MINUTE).await;
    house.alerting.post(vec![post("a", None), post("b", Some(house.clock.now_ms()))]).await.unwrap();
    for _ in 0..8 {
        house.pass(MINUTE).await;
    }
    assert_eq!(events(&house).await, ["0 a firing", "0 b firing", "60 b resolved", "360 a resolved"]);
    house.alerting.post(vec![post("a", None)]).await.unwrap();
    assert_eq!(events(&house).await.last().unwrap(), "540 a firing");
}

#[tokio::test]
async fn what_keeps_an_alert_from_being_told_is_kept_when_it_changes() {
    let house = House::new("").await;
    let now_ms = house.clock.now_ms();
    let silence = PostedSilence {
        matchers: vec![vec![SilenceMatcher {
            name: "instance".to_owned(),
            value: "a".to_owned(),
            is_regex: false,
            is_equal: true,
        }]],
        starts_ms: now_ms,
        ends_ms: now_ms + 3 * MINUTE,
        ..PostedSilence::default()
    };
    house.alerting.put_silence(silence).await.unwrap();
    for _ in 0..6 {
        house.evaluate(&["a", "b"], &[]).await;
        house.pass(MINUTE).await;
    }
    assert_eq!(
        events(&house).await,
        ["0 a firing", "0 b firing", "60 a suppressed silence", "180 a unsuppressed"]
    );
    let statistics = crate::StatisticsQuery {
        from_ms: 0,
        to_ms: i64::MAX / 2,
        matchers: Vec::new(),
        rules: BTreeSet::new(),
        within_ms: MINUTE,
        flap_ms: MINUTE,
    };
    let counted = house.alerting.statistics(statistics).await.unwrap();
    assert_eq!((counted.total.fired, counted.total.firing), (2, 2));
    let notices = house.alerting.read(|read| read.notices((0, i64::MAX))).await.unwrap();
    let told: Vec<(&str, u64)> = notices.iter().map(|notice| (notice.rule.as_str(), notice.firing)).collect();
    assert_eq!(told, [("Down", 1), ("Down", 2)]);
}

#[tokio::test]
async fn a_flood_is_told_and_counted_and_does_not_fill_the_disk() {
    let house = House::new("").await;
    let limits = HistoryLimits { per_rule: 3, ..HistoryLimits::default() };
    house.alerting.inner.state().set_history(limits);
    house.alerting.post((0..10).map(|n| post(&n.to_string(), None)).collect()).await.unwrap();
    house.pass(MINUTE).await;
    assert_eq!(house.script.take()[0].body["alerts"].as_array().unwrap().len(), 10, "all are told");
    assert_eq!(events(&house).await.len(), 3);
    assert_eq!(house.alerting.history_limits().1, BTreeMap::from([("Down".to_owned(), 7)]));
    let mut metrics = String::new();
    house.alerting.write_metrics(&mut metrics);
    assert!(metrics.contains("watchfire_alert_history_dropped_total{rule=\"Down\"} 7"), "{metrics}");
    let end_ms = house.clock.now_ms();
    house.alerting.post((0..10).map(|n| post(&n.to_string(), Some(end_ms))).collect()).await.unwrap();
    assert_eq!(events(&house).await.len(), 6, "what began in history ends in it");
}

#[tokio::test]
async fn history_is_forgotten_when_its_time_is_over() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.evaluate(&[], &["a"]).await;
    let later_ms = START + 91 * 24 * 60 * MINUTE;
    let forget = |now_ms| house.alerting.inner.state().forget_history(now_ms).unwrap();
    assert_eq!(forget(START + MINUTE), (false, 0));
    assert_eq!(events(&house).await.len(), 2);
    assert_eq!(forget(later_ms), (false, 0));
    assert!(events(&house).await.is_empty());
}
