//! Metrics under Alertmanager's names.

use super::*;

#[tokio::test]
async fn what_dashboards_of_alertmanager_ask_for_is_there_before_the_first_notification() {
    let house = House::new("").await;
    let metrics = |alerting: &Alerting| {
        let mut text = String::new();
        alerting.write_metrics(&mut text);
        text
    };
    let text = metrics(&house.alerting);
    for line in [
        "alertmanager_notifications_total{integration=\"webhook\"} 0",
        "alertmanager_notifications_failed_total{integration=\"webhook\",reason=\"clientError\"} 0",
        "alertmanager_notification_latency_seconds_count{integration=\"webhook\"} 0",
        "alertmanager_integrations 1",
        "alertmanager_marked_alerts{state=\"active\"} 0",
        "alertmanager_cluster_members 1",
        "alertmanager_cluster_health_score 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let hash = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix("alertmanager_config_hash ")?.parse::<u64>().ok())
    };
    let before = hash(&text).expect("a hash");
    assert!(before < 1 << 48, "a float holds it");
    let other = Config::parse("am.yml", &format!("{}# changed\n", house.config), Path::new("")).unwrap();
    house.alerting.apply(other, Settings::default()).await.unwrap();
    assert_ne!(hash(&metrics(&house.alerting)), Some(before), "another file");
}

#[tokio::test]
async fn metrics_tell_receivers_apart_where_that_is_asked_for() {
    let house = House::new("").await;
    let folder = tempfile::tempdir().unwrap();
    let options = AlertingOptions {
        ledger: Ledger::open(&folder.path().join("l"), START).unwrap().ledger,
        clock: house.clock.clone(),
        tuning: Tuning { receiver_names: true, ..Tuning::default() },
    };
    let alerting = Alerting::open(options).unwrap();
    let config = Config::parse("am.yml", &house.config, Path::new("")).unwrap();
    alerting.apply(config, Settings::default()).await.unwrap();
    let mut text = String::new();
    alerting.write_metrics(&mut text);
    let line = "alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"hook\"} 0";
    assert!(text.lines().any(|found| found == line), "{text}");
}
