use super::*;
use watchfire_ledger::Texts;

fn alert(instance: &str, summary: &str, ends_ms: Option<i64>) -> Alert {
    let labels = Labels::from_pairs([("alertname", "Down\"<b>"), ("instance", instance), ("job", "node")]);
    let annotations = Pairs::from([
        ("summary".to_owned(), summary.to_owned()),
        ("runbook".to_owned(), "http://x/?a=1&b=\u{e9}\n".to_owned()),
        ("empty".to_owned(), String::new()),
    ]);
    Alert {
        row: 0,
        fingerprint: crate::fingerprint(&labels),
        labels,
        annotations: Texts::from(annotations),
        starts_ms: 1_700_000_000_123,
        ends_ms,
        by_timeout: false,
        updated_ms: 0,
        generator_url: "http://w/graph?a<b".into(),
    }
}

#[test]
fn what_is_written_is_the_notification_that_it_is_read_as() {
    let (a, b, c) =
        (alert("b", "same", None), alert("a", "same", Some(5)), alert("c", "other", Some(i64::MAX)));
    for alerts in [vec![&a, &b], vec![&a, &b, &c], vec![&b], vec![]] {
        let about = About {
            receiver: "team.a",
            group_key: "{}:{alertname=\"Down\"}",
            group_labels: &Labels::from_pairs([("alertname", "Down")]),
            route_labels: &Pairs::new(),
            external_url: "http://w",
            alerts: &alerts,
            reason: "first notification",
            now_ms: 1_800_000_000_000,
            standing: None,
        };
        let text = payload(&about, &Wiring::default()).unwrap();
        let all = alerts.iter().map(|alert| one(alert, about.now_ms)).collect();
        let labels = pairs(about.group_labels);
        let mut wanted = Notification::new(about.receiver, about.group_key, labels, about.external_url, all);
        about.reason.clone_into(&mut wanted.notification_reason);
        assert_eq!(serde_json::from_str::<Notification>(&text).unwrap(), wanted);
        assert_eq!(text, serde_json::to_string(&wanted).unwrap());
    }
}
