use super::*;

fn alert(pairs: &[(&str, &str)], ends_ms: Option<i64>) -> Alert {
    let labels = Labels::from_pairs(pairs.iter().copied());
    Alert {
        fingerprint: crate::fingerprint(&labels),
        labels,
        annotations: BTreeMap::from([("summary".to_owned(), "<b>5 & 6</b>\u{2028}\u{1}\"".to_owned())]),
        starts_ms: 1_700_000_000_500,
        ends_ms,
        updated_ms: 0,
        generator_url: "http://w/graph?g0.expr=up&g0.tab=1".to_owned(),
    }
}

#[test]
fn the_body_is_alertmanagers_to_the_byte() {
    let first = alert(&[("alertname", "Down"), ("instance", "a")], None);
    let second = alert(&[("alertname", "Down"), ("instance", "b")], Some(1_700_000_060_000));
    let labels = Labels::from_pairs([("alertname", "Down")]);
    let notification = Notification {
        receiver: "team-x.mail",
        group_key: "{}:{alertname=\"Down\"}",
        group_labels: &labels,
        external_url: "http://watch:9090",
        alerts: &[&first, &second],
        max_alerts: 0,
    };
    let annotation = r#"{"summary":"\u003cb\u003e5 \u0026 6\u003c/b\u003e\u2028\u0001\""}"#;
    let url = r"http://w/graph?g0.expr=up\u0026g0.tab=1";
    let expected = format!(
        concat!(
            r#"{{"receiver":"team-x\\.mail","status":"firing","alerts":["#,
            r#"{{"status":"firing","labels":{{"alertname":"Down","instance":"a"}},"annotations":{annotation},"#,
            r#""startsAt":"2023-11-14T22:13:20.5Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"{url}","#,
            r#""fingerprint":"{first:016x}"}},"#,
            r#"{{"status":"resolved","labels":{{"alertname":"Down","instance":"b"}},"annotations":{annotation},"#,
            r#""startsAt":"2023-11-14T22:13:20.5Z","endsAt":"2023-11-14T22:14:20Z","generatorURL":"{url}","#,
            r#""fingerprint":"{second:016x}"}}],"#,
            r#""groupLabels":{{"alertname":"Down"}},"commonLabels":{{"alertname":"Down"}},"#,
            r#""commonAnnotations":{annotation},"externalURL":"http://watch:9090","version":"4","#,
            r#""groupKey":"{{}}:{{alertname=\"Down\"}}","truncatedAlerts":0}}"#,
            "\n"
        ),
        annotation = annotation,
        url = url,
        first = first.fingerprint,
        second = second.fingerprint,
    );
    assert_eq!(body(&notification).unwrap(), expected);
}

#[test]
fn alerts_beyond_the_maximum_are_counted() {
    let alerts = [alert(&[("i", "a")], None), alert(&[("i", "b")], None), alert(&[("i", "c")], None)];
    let alerts: Vec<&Alert> = alerts.iter().collect();
    let notification = Notification {
        receiver: "r",
        group_key: "k",
        group_labels: &Labels::empty(),
        external_url: "",
        alerts: &alerts,
        max_alerts: 2,
    };
    let body: serde_json::Value = serde_json::from_str(&body(&notification).unwrap()).unwrap();
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(body["truncatedAlerts"], 1);
    assert_eq!(body["commonLabels"], serde_json::json!({}));
}

#[test]
fn alerts_are_ordered_by_job_instance_and_labels() {
    let mut alerts = [
        alert(&[("z", "1")], None),
        alert(&[("a", "1"), ("z", "0")], None),
        alert(&[("job", "b"), ("instance", "1")], None),
        alert(&[("job", "a"), ("instance", "2")], None),
        alert(&[("job", "a"), ("instance", "1")], None),
        alert(&[("a", "0")], None),
    ];
    alerts.sort_by(order);
    let texts: Vec<String> = alerts.iter().map(|alert| alert.labels.to_string()).collect();
    assert_eq!(
        texts,
        [
            "{instance=\"1\", job=\"a\"}",
            "{instance=\"2\", job=\"a\"}",
            "{instance=\"1\", job=\"b\"}",
            "{z=\"1\"}",
            "{a=\"0\"}",
            "{a=\"1\", z=\"0\"}",
        ]
    );
}
