//! Canaries from their evaluation to what the metrics say of them.

use super::*;
use crate::IncidentFilter;
use crate::canary::{CANARY, Canaries};

fn canaries() -> Canaries {
    Canaries {
        receivers: vec!["hook".to_owned()],
        interval: Duration::from_secs(3600),
        offset: Duration::ZERO,
        within: Duration::from_secs(300),
    }
}

async fn apply(house: &House) {
    let config = Config::parse("am.yml", &house.config, Path::new("")).unwrap();
    house.alerting.apply(config.with_canaries(canaries()), Settings::default()).await.unwrap();
}

/// One evaluation of the canary's rule.
async fn evaluate(house: &House, fires: bool) {
    let now_ms = house.clock.now_ms();
    let instance = AlertInstance {
        labels: Labels::from_pairs([("alertname", CANARY), ("receiver", "hook"), ("instance", "c")]),
        annotations: BTreeMap::new(),
        state: if fires { AlertState::Firing } else { AlertState::Inactive },
        value: 0.0,
        active_ms: now_ms,
        fired_ms: Some(now_ms),
        resolved_ms: (!fires).then_some(now_ms),
        keep_firing_since_ms: None,
    };
    let evaluation = Evaluation {
        origin: watchfire_rules::Origin { name: CANARY.to_owned(), ..watchfire_rules::Origin::default() },
        rule: "canary".to_owned(),
        evaluated_ms: now_ms,
        external_labels: Labels::empty(),
        generator_url: String::new(),
        instances: vec![instance],
    };
    house.alerting.commit(evaluation).await.unwrap();
}

fn overdue(house: &House) -> String {
    let mut text = String::new();
    house.alerting.write_metrics(&mut text);
    let found = text.lines().filter(|line| line.starts_with("watchfire_canar")).map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        format!("{}={value} ", name.split_once('{').unwrap().0)
    });
    found.collect::<String>().replace("watchfire_", "").trim().to_owned()
}

#[tokio::test]
async fn a_confirmed_canary_is_remembered_across_a_kill_and_is_no_incident() {
    let mut house = House::new("").await;
    apply(&house).await;
    let to_the_hour = 3_600_000 - house.clock.now_ms() % 3_600_000;
    house.pass(to_the_hour).await;
    let due_s = house.clock.now_ms() / 1_000;
    assert!(overdue(&house).ends_with("canary_overdue=0"), "nothing was due yet");
    evaluate(&house, true).await;
    house.pass(0).await;
    house.pass(MINUTE).await;
    evaluate(&house, false).await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: c=firing", "resolved: c=resolved"]);
    house.pass(10 * MINUTE).await;
    let said = format!(
        "canaries_confirmed_total=1 canary_last_confirmed_timestamp_seconds={} canary_overdue=0",
        due_s + 120
    );
    assert_eq!(overdue(&house), said);
    house.kill().await;
    apply(&house).await;
    assert_eq!(overdue(&house), said, "what was confirmed is on disk");
    let all = IncidentFilter {
        states: Vec::new(),
        severities: Vec::new(),
        matchers: Vec::new(),
        text: String::new(),
        from_ms: i64::MIN,
        to_ms: i64::MAX,
        offset: 0,
        limit: 10,
    };
    assert_eq!(house.alerting.incidents(all).await.unwrap().total, 0);
    let counted = house.alerting.statistics(crate::StatisticsQuery {
        from_ms: 0,
        to_ms: house.clock.now_ms(),
        matchers: Vec::new(),
        rules: BTreeSet::new(),
        within_ms: 0,
        flap_ms: 0,
    });
    assert_eq!(counted.await.unwrap().rules, [], "a canary is no noise");
}

#[tokio::test]
async fn a_receiver_that_fails_refuses_or_is_never_asked_is_overdue_until_it_confirms_again() {
    let house = House::new("").await;
    apply(&house).await;
    let to_the_hour = 3_600_000 - house.clock.now_ms() % 3_600_000;
    house.pass(to_the_hour + 301 * SECOND).await;
    assert!(overdue(&house).ends_with("overdue=1"), "the rule did not fire: {}", overdue(&house));
    house.script.then([Answer::Status(404)]);
    house.pass(3_600_000 - 301 * SECOND).await;
    evaluate(&house, true).await;
    house.pass(0).await;
    assert!(overdue(&house).ends_with("overdue=1"), "refused for good");
    evaluate(&house, false).await;
    house.pass(59 * MINUTE).await;
    house.pass(MINUTE).await;
    evaluate(&house, true).await;
    house.pass(0).await;
    assert!(overdue(&house).ends_with("overdue=0"), "{}", overdue(&house));
}
