use super::*;

fn alert(pairs: &[(&str, &str)], ends_ms: Option<i64>) -> Alert {
    let labels = Labels::from_pairs(pairs.iter().copied());
    Alert {
        fingerprint: crate::fingerprint(&labels),
        labels,
        annotations: BTreeMap::from([("summary".to_owned(), "<b>5 & 6</b>\u{2028}\u{1}\"".to_owned())]),
        starts_ms: 1_700_000_000_500,
        ends_ms,
        by_timeout: false,
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
        now_ms: i64::MAX,
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
        now_ms: i64::MAX,
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

/// What Debian's Alertmanager 0.25 posted for these alerts and this configuration, captured on loopback.
const CAPTURED: &str = include_str!("alertmanager-0.25.json");

#[test]
fn a_real_alertmanager_posts_the_same_bytes() {
    let config = r#"
route: {receiver: "team-x.mail", group_by: [alertname, z], group_wait: 0s, group_interval: 1s, routes: [{match_re: {service: "a|b"}, matchers: ['zone!="t\\est"'], receiver: "team-x.mail", group_by: [alertname, z]}]}
receivers: [{name: "team-x.mail", webhook_configs: [{url: 'http://127.0.0.1:19555/', max_alerts: 3}]}]
"#;
    let config = crate::Config::parse("am.yml", config, std::path::Path::new("")).unwrap();
    let z = "q\"\n\u{e9}\u{1}\u{2028}\u{7f}";
    let annotations =
        BTreeMap::from([("summary".to_owned(), "<b>5 & 6</b>\u{2028}\u{1}\"\u{7f}".to_owned())]);
    let alert = |pairs: &[(&str, &str)], starts_ms: i64, ends_ms: Option<i64>| {
        let common = [("alertname", "Down"), ("service", "a"), ("z", z)];
        let labels = Labels::from_pairs(common.into_iter().chain(pairs.iter().copied()));
        Alert {
            fingerprint: crate::fingerprint(&labels),
            labels,
            annotations: annotations.clone(),
            starts_ms,
            ends_ms,
            by_timeout: false,
            updated_ms: 0,
            generator_url: "http://w/graph?g0.expr=up&g0.tab=1".to_owned(),
        }
    };
    let start = 1_700_000_000_000;
    let alerts = [
        alert(&[("instance", "b")], start + 500, None),
        alert(&[("instance", "a"), ("job", "j")], start, Some(start + 60_000)),
        alert(&[("instance", "a")], start + 123, None),
        alert(&[], start + 123, None),
    ];
    let route = config.route.as_ref().unwrap().matching(&alerts[0].labels)[0];
    let group_labels = route.group_labels(&alerts[0].labels);
    let mut alerts: Vec<&Alert> = alerts.iter().collect();
    alerts.sort_by(|left, right| order(left, right));
    let notification = Notification {
        receiver: &route.receiver,
        group_key: &route.group_key(&group_labels),
        group_labels: &group_labels,
        external_url: "http://watch:9090",
        alerts: &alerts,
        max_alerts: config.receivers[0].webhooks[0].max_alerts,
        now_ms: i64::MAX,
    };
    assert_eq!(body(&notification).unwrap(), CAPTURED);
}
