use super::*;

fn alert(pairs: &[(&str, &str)]) -> Alert {
    let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Alert { labels, ..Alert::default() }
}

#[test]
fn alerts_are_ordered_by_job_instance_and_labels() {
    let alerts = vec![
        alert(&[("z", "1")]),
        alert(&[("a", "1"), ("z", "0")]),
        alert(&[("job", "b"), ("instance", "1")]),
        alert(&[("job", "a"), ("instance", "2")]),
        alert(&[("job", "a"), ("instance", "1")]),
        alert(&[("a", "0")]),
    ];
    let notification = Notification::new("r", "k", Pairs::new(), "", alerts);
    let texts: Vec<String> = notification
        .alerts
        .iter()
        .map(|alert| alert.labels.iter().map(|(name, value)| format!("{name}{value}")).collect())
        .collect();
    assert_eq!(texts, ["instance1joba", "instance2joba", "instance1jobb", "z1", "a0", "a1z0"]);
}

#[test]
fn a_notification_is_read_back_from_its_json() {
    let mut notification =
        Notification::new("a.b", "k", Pairs::new(), "http://w", vec![alert(&[("a", "b")])]);
    let instant = "2026-01-02T03:04:05.678901234Z".parse().unwrap();
    for alert in &mut notification.alerts {
        alert.starts_at = Some(instant);
    }
    notification.delivery_key = "d-1".to_owned();
    let json = serde_json::to_string(&notification).unwrap();
    assert!(
        json.contains(r#""receiver":"a\\.b""#) && json.contains(r#""endsAt":"0001-01-01T00:00:00Z""#),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Notification>(&json).unwrap(), notification);
}
