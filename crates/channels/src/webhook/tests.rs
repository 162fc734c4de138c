use super::*;
use crate::notification::{Alert, Pairs, Status};
use watchfire_settings::yaml;

fn time(ms: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(ms).ok()
}

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What Debian's Alertmanager 0.25 posted for these alerts, captured on loopback.
const CAPTURED: &str = include_str!("alertmanager-0.25.json");

#[test]
fn a_real_alertmanager_posts_the_same_bytes() {
    let captured: serde_json::Value = serde_json::from_str(CAPTURED).unwrap();
    let z = "q\"\n\u{e9}\u{1}\u{2028}\u{7f}";
    let fingerprint = |labels: &Pairs| {
        let found = captured["alerts"].as_array().unwrap().iter().find(|alert| {
            alert["labels"].as_object().unwrap().len() == labels.len()
                && labels.iter().all(|(name, value)| alert["labels"][name] == value.as_str())
        });
        found.map_or_else(String::new, |alert| alert["fingerprint"].as_str().unwrap().to_owned())
    };
    let alert = |extra: &[(&str, &str)], starts_ms: i64, ends_ms: Option<i64>| {
        let mut labels = pairs(&[("alertname", "Down"), ("service", "a"), ("z", z)]);
        labels.extend(pairs(extra));
        Alert {
            status: if ends_ms.is_some() { Status::Resolved } else { Status::Firing },
            fingerprint: fingerprint(&labels),
            labels,
            annotations: pairs(&[("summary", "<b>5 & 6</b>\u{2028}\u{1}\"\u{7f}")]),
            starts_at: time(starts_ms),
            ends_at: ends_ms.and_then(time),
            generator_url: "http://w/graph?g0.expr=up&g0.tab=1".to_owned(),
        }
    };
    let start = 1_700_000_000_000;
    let alerts = vec![
        alert(&[("instance", "b")], start + 500, None),
        alert(&[("instance", "a"), ("job", "j")], start, Some(start + 60_000)),
        alert(&[("instance", "a")], start + 123, None),
        alert(&[], start + 123, None),
    ];
    let key = captured["groupKey"].as_str().unwrap();
    let group = pairs(&[("alertname", "Down"), ("z", z)]);
    let notification = Notification::new("team-x.mail", key, group, "http://watch:9090", alerts);
    // Routes had no labels then.
    let expected = CAPTURED.replace("\"externalURL\"", "\"routeLabels\":{},\"externalURL\"");
    assert_eq!(body(&notification.truncated(3)).unwrap(), expected);
}

#[test]
fn alerts_beyond_the_maximum_are_counted_and_the_rest_is_summed_up_anew() {
    let alert = |value: &str, status| Alert { labels: pairs(&[("a", value)]), status, ..Alert::default() };
    let alerts = vec![alert("x", Status::Resolved), alert("x", Status::Resolved), alert("y", Status::Firing)];
    let notification = Notification::new("r", "k", Pairs::new(), "", alerts);
    assert!(notification.is_firing() && notification.common_labels.is_empty());
    let body: serde_json::Value = serde_json::from_str(&body(&notification.truncated(2)).unwrap()).unwrap();
    assert_eq!(body["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(body["truncatedAlerts"], 1);
    assert_eq!(body["status"], "resolved");
    assert_eq!(body["commonLabels"], serde_json::json!({"a": "x"}));
}

#[test]
fn addresses_that_cannot_be_called_are_refused_with_their_place() {
    for (text, words) in [
        ("url: ftp://x/", "unsupported scheme"),
        ("url: 'http://'", "invalid URL"),
        ("{}", "one of url or url_file"),
        ("{url: http://a/, url_file: b}", "exclude each other"),
    ] {
        let mut section = Section::open(yaml::parse(text).unwrap(), "webhook").unwrap();
        let mut reading = Reading::new(std::path::Path::new(""));
        let problem = Webhook::take(&mut section, &Global::default(), &mut reading).unwrap_err();
        assert!(problem.message.contains(words), "{text}: {}", problem.message);
        assert_eq!(problem.place.line, 1);
    }
}
