//! Taking over from an Alertmanager that had told somebody.

use super::*;
use crate::migration::{log_hash, migrate};
use watchfire_wire::alertmanager::{SavedNotice, SavedSilence};

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("alertname", "Down"), ("instance", name)])
}

fn post(name: &str, ends_ms: Option<i64>) -> PostedAlert {
    PostedAlert {
        labels: labels(name),
        starts_ms: Some(START - 60 * MINUTE),
        ends_ms,
        ..PostedAlert::default()
    }
}

async fn house_after_migration(told: &[&str]) -> House {
    let mut house = House::new("").await;
    let notice = SavedNotice {
        group_key: "{}:{alertname=\"Down\"}".to_owned(),
        receiver: "hook".to_owned(),
        integration: "webhook".to_owned(),
        index: 0,
        at_ms: START - 5 * MINUTE,
        firing: told.iter().map(|name| log_hash(&labels(name))).collect(),
        resolved: Vec::new(),
        expires_ms: START + 24 * 60 * MINUTE,
    };
    let ledger = house.alerting.inner.state().ledger().clone();
    let silence = SavedSilence { id: "a".to_owned(), updated_ms: 1, ..SavedSilence::default() };
    let migrated = migrate(&ledger, vec![silence.clone()], vec![notice], START).unwrap();
    assert_eq!((migrated.silences, migrated.notices, migrated.firing), (1, 1, 1));
    let again = migrate(&ledger, vec![silence], Vec::new(), START).unwrap();
    assert_eq!((again.silences, again.known_silences), (0, 1));
    drop(ledger);
    house.kill().await;
    house
}

#[tokio::test]
async fn what_was_told_elsewhere_is_not_told_again_and_its_end_is() {
    let house = house_after_migration(&["a", "b"]).await;
    house.alerting.post(vec![post("a", None)]).await.unwrap();
    house.pass(MINUTE).await;
    house.alerting.post(vec![post("a", None), post("b", None)]).await.unwrap();
    house.pass(MINUTE).await;
    assert!(house.script.take().is_empty(), "nobody is paged again, whenever the source speaks of it");
    house.alerting.post(vec![post("a", None), post("b", None), post("c", None)]).await.unwrap();
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing b=firing c=firing"], "what is new is told");
    let now_ms = house.clock.now_ms();
    house.alerting.post(["a", "b", "c"].map(|name| post(name, Some(now_ms))).to_vec()).await.unwrap();
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved b=resolved c=resolved"]);
    house.alerting.post(vec![post("a", None)]).await.unwrap();
    house.settle().await;
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["firing: a=firing"], "when it fires again, that is news");
}

#[tokio::test]
async fn an_alert_that_ended_while_nobody_listened_has_its_end_told() {
    let house = house_after_migration(&["a"]).await;
    let now_ms = house.clock.now_ms();
    house.alerting.post(vec![post("a", Some(now_ms)), post("x", Some(now_ms))]).await.unwrap();
    house.pass(MINUTE).await;
    assert_eq!(house.script.told(), ["resolved: a=resolved"]);
}
