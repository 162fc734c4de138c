use super::*;
use crate::fingerprint;
use crate::matchers::MatcherMode;
use watchfire_ledger::Texts;

fn rule(sources: &str, targets: &str, equal: &[&str]) -> InhibitRule {
    let matchers = |text: &str| MatcherMode::Fallback.parse(text, "test").unwrap();
    InhibitRule {
        name: String::new(),
        sources: matchers(sources),
        targets: matchers(targets),
        equal: equal.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn alert(labels: &[(&str, &str)], ends_ms: Option<i64>) -> Alert {
    let labels = Labels::from_pairs(labels.iter().copied());
    Alert {
        row: 0,
        fingerprint: fingerprint(&labels),
        labels,
        annotations: Texts::default(),
        starts_ms: 0,
        ends_ms,
        by_timeout: false,
        updated_ms: 0,
        generator_url: "".into(),
    }
}

struct House {
    inhibitor: Inhibitor,
    alerts: HashMap<Fingerprint, Alert>,
}

impl House {
    fn new(rules: &[InhibitRule], alerts: Vec<Alert>) -> Self {
        let alerts: HashMap<_, _> = alerts.into_iter().map(|alert| (alert.fingerprint, alert)).collect();
        Self { inhibitor: Inhibitor::new(rules, alerts.values()), alerts }
    }

    fn muted(&self, labels: &[(&str, &str)], now_ms: i64) -> bool {
        let labels = Labels::from_pairs(labels.iter().copied());
        let named = !self.inhibitor.sources_of(&labels, &self.alerts, now_ms).is_empty();
        assert_eq!(self.inhibitor.firing(&self.alerts, now_ms).mute(&labels), named, "{labels:?}");
        named
    }
}

#[test]
fn a_firing_source_mutes_targets_that_share_its_labels() {
    let rules = [rule("severity=critical", "severity=warning", &["cluster"])];
    let house = House::new(&rules, vec![alert(&[("severity", "critical"), ("cluster", "a")], None)]);
    assert!(house.muted(&[("severity", "warning"), ("cluster", "a")], 0));
    assert!(!house.muted(&[("severity", "warning"), ("cluster", "b")], 0));
    assert!(!house.muted(&[("severity", "warning")], 0));
    assert!(!house.muted(&[("severity", "info"), ("cluster", "a")], 0));
}

#[test]
fn an_absent_label_is_equal_to_an_empty_one() {
    let rules = [rule("severity=critical", "severity=warning", &["cluster", "zone"])];
    let house = House::new(&rules, vec![alert(&[("severity", "critical"), ("zone", "z")], None)]);
    assert!(house.muted(&[("severity", "warning"), ("zone", "z")], 0));
    assert!(!house.muted(&[("severity", "warning")], 0));
}

#[test]
fn the_end_of_one_source_does_not_hide_the_others() {
    let rules = [rule("severity=critical", "severity=warning", &["cluster"])];
    let mut house = House::new(
        &rules,
        vec![
            alert(&[("severity", "critical"), ("cluster", "a"), ("n", "1")], Some(10)),
            alert(&[("severity", "critical"), ("cluster", "a"), ("n", "2")], None),
        ],
    );
    let target = [("severity", "warning"), ("cluster", "a")];
    assert!(house.muted(&target, 9) && house.muted(&target, 11));
    let second = alert(&[("severity", "critical"), ("cluster", "a"), ("n", "2")], None);
    house.inhibitor.remove(&second);
    assert!(house.muted(&target, 9) && !house.muted(&target, 10));
}

#[test]
fn who_is_on_both_sides_is_not_muted_by_who_is_too() {
    let rules = [rule("job=x", "job=~\"x|y\"", &[])];
    let both = House::new(&rules, vec![alert(&[("job", "x"), ("n", "1")], None)]);
    assert!(!both.muted(&[("job", "x"), ("n", "1")], 0), "not by itself");
    assert!(!both.muted(&[("job", "x"), ("n", "2")], 0));
    assert!(both.muted(&[("job", "y")], 0));
    let empty = House::new(&[InhibitRule::default()], vec![alert(&[("job", "x")], None)]);
    assert!(!empty.muted(&[("job", "y")], 0), "a rule without matchers has everybody on both sides");
}
