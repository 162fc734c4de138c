//! Why somebody was told, or was not.

use super::*;
use crate::explain::{ExplainQuery, Explained, Verdict};
use crate::state::PostedSilence;
use watchfire_ledger::SilenceMatcher;

async fn ask(house: &House, at_ms: i64) -> Explained {
    let matchers = crate::MatcherMode::default().parse("instance=\"a\"", "test").unwrap();
    let query = ExplainQuery { fingerprint: None, matchers, at_ms, receiver: None };
    house.alerting.explain(query).await.unwrap().expect("an alert")
}

async fn now(house: &House) -> Explained {
    ask(house, house.clock.now_ms()).await
}

fn words(explained: &Explained) -> Vec<String> {
    explained.steps.iter().map(|step| format!("{} {}", step.step, step.verdict)).collect()
}

#[tokio::test]
async fn an_alert_that_was_told_is_explained_from_sample_to_answer() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    let waiting = now(&house).await;
    assert_eq!((waiting.told, waiting.destinations[0].verdict), ("waiting", Verdict::Waiting));
    assert!(waiting.summary.contains("has its turn at 2023-11-14T22:13:30"), "{}", waiting.summary);
    house.script.then([Answer::Status(503)]);
    house.pass(10 * SECOND).await;
    let retrying = now(&house).await;
    assert_eq!(retrying.destinations[0].verdict, Verdict::Retrying, "{retrying:?}");
    assert!(retrying.summary.contains("503"), "{}", retrying.summary);
    house.settle().await;
    let told = now(&house).await;
    assert_eq!((told.told, told.destinations[0].verdict), ("yes", Verdict::Told));
    assert_eq!(
        words(&told),
        ["evaluation pass", "routing pass", "outbox pass", "attempt fail", "confirmed pass"]
    );
    assert!(
        told.summary.contains("webhook[0] confirmed at") && told.summary.contains("at attempt 2"),
        "{told:?}"
    );
    assert_eq!(told.destinations[0].route.as_deref(), Some(""));
    assert_eq!(told.identity.rule, "Test");
}

#[tokio::test]
async fn a_life_long_ago_is_explained_as_it_was() {
    let house = House::new("").await;
    house.evaluate(&["a"], &[]).await;
    house.pass(5 * SECOND).await;
    house.evaluate(&[], &["a"]).await;
    house.pass(30 * MINUTE).await;
    house.evaluate(&["a"], &[]).await;
    house.pass(MINUTE).await;
    let first = ask(&house, START + 6 * SECOND).await;
    assert_eq!((first.told, first.destinations[0].verdict), ("no", Verdict::NotTold));
    assert!(
        first.summary.contains("it ended at") && first.summary.contains("5s after it fired"),
        "{}",
        first.summary
    );
    assert_eq!(now(&house).await.told, "yes");
}

#[tokio::test]
async fn a_silence_that_kept_an_alert_quiet_is_named() {
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
        ends_ms: now_ms + 60 * MINUTE,
        created_by: "bob".to_owned(),
        comment: "new disks".to_owned(),
        ..PostedSilence::default()
    };
    let id = house.alerting.put_silence(silence).await.unwrap();
    house.evaluate(&["a"], &[]).await;
    house.pass(MINUTE).await;
    let muted = now(&house).await;
    assert_eq!((muted.told, muted.destinations[0].verdict), ("no", Verdict::Muted));
    assert!(muted.summary.contains(&id), "{}", muted.summary);
    assert_eq!(muted.destinations[0].suppressed_by[0].names, [id]);
    assert!(muted.destinations[0].suppressed_by[0].text.contains("\"bob\""), "{muted:?}");
    assert!(words(&muted).contains(&"silence stop".to_owned()));
}

#[tokio::test]
async fn a_receiver_that_refused_and_an_alert_nobody_heard_of_are_told() {
    let house = House::new("").await;
    house.script.then([Answer::Status(404)]);
    house.evaluate(&["a"], &[]).await;
    house.pass(MINUTE).await;
    let dead = now(&house).await;
    assert_eq!(dead.destinations[0].verdict, Verdict::Dead, "{dead:?}");
    assert!(dead.summary.contains("404") && dead.summary.contains("no fallback"), "{}", dead.summary);
    let nobody = ExplainQuery { fingerprint: Some(1), matchers: Vec::new(), at_ms: START, receiver: None };
    assert!(house.alerting.explain(nobody).await.unwrap().is_none());
}
