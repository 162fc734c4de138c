use super::*;
use crate::file::{Expression, ReadOptions, Rule, RuleFile};

const MINUTE: i64 = 60_000;

fn rule(hold: &str, keep: &str) -> AlertingRule {
    // Built by hand, so that these tests speak of nothing but the state machine.
    let tree = watchfire_promql::ast::Expr { kind: watchfire_promql::ast::ExprKind::Number(1.0), span: 0..1 };
    let duration = |text| watchfire_model::duration::parse(text).unwrap();
    AlertingRule {
        id: "f;g;Hot;{}".to_owned(),
        name: "Hot".to_owned(),
        expr: Expression { text: "1".to_owned(), tree: tree.into() },
        hold: duration(hold),
        keep_firing_for: duration(keep),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

fn candidate(host: &str, value: f64) -> Candidate {
    let labels = Labels::from_pairs([("alertname", "Hot"), ("host", host)]);
    Candidate { labels, annotations: BTreeMap::from([("v".to_owned(), value.to_string())]), value }
}

/// Steps once a minute; a letter per minute: `x` active, `.` not. Gives the states seen: p, F, r, or - for none.
fn walk(rule: &AlertingRule, instances: &mut Instances, from_ms: i64, minutes: &str) -> String {
    let mut seen = String::new();
    for (minute, letter) in minutes.chars().enumerate() {
        let at_ms = from_ms + i64::try_from(minute).unwrap() * MINUTE;
        let named = if letter == 'x' { vec![candidate("a", minute as f64)] } else { Vec::new() };
        instances.step(rule, named, at_ms, 0).unwrap();
        seen.push(match instances.list().first().map(|instance| instance.state) {
            None => '-',
            Some(AlertState::Pending) => 'p',
            Some(AlertState::Firing) => 'F',
            Some(AlertState::Inactive) => 'r',
        });
    }
    seen
}

#[test]
fn for_holds_an_alert_back_until_it_was_active_long_enough() {
    assert_eq!(walk(&rule("2m", "0"), &mut Instances::default(), 0, "xxxx..x"), "ppFFrrp");
    assert_eq!(walk(&rule("2m", "0"), &mut Instances::default(), 0, "xx.x"), "pp-p");
    assert_eq!(walk(&rule("0", "0"), &mut Instances::default(), 0, "x.x"), "FrF");
}

#[test]
fn keep_firing_for_bridges_gaps() {
    assert_eq!(walk(&rule("0", "3m"), &mut Instances::default(), 0, "x..x...."), "FFFFFFFr");
    assert_eq!(walk(&rule("2m", "3m"), &mut Instances::default(), 0, "xx."), "pp-");
}

#[test]
fn a_resolved_alert_is_remembered_for_fifteen_minutes() {
    let minutes = format!("x{}", ".".repeat(18));
    let expected = format!("F{}--", "r".repeat(16));
    assert_eq!(walk(&rule("0", "0"), &mut Instances::default(), 0, &minutes), expected);
}

#[test]
fn an_active_alert_carries_the_newest_value_and_annotations() {
    let (rule, mut instances) = (rule("5m", "0"), Instances::default());
    walk(&rule, &mut instances, 0, "xxx");
    let instance = &instances.list()[0];
    assert_eq!((instance.value, instance.annotations["v"].as_str(), instance.active_ms), (2.0, "2", 0));
}

#[test]
fn more_alerts_than_the_limit_are_an_error_and_none_is_kept() {
    let (rule, mut instances) = (rule("0", "0"), Instances::default());
    let two = || vec![candidate("a", 1.0), candidate("b", 1.0)];
    assert_eq!(instances.step(&rule, two(), 0, 2), Ok(()));
    let error = instances.step(&rule, two(), 1, 1).unwrap_err();
    assert_eq!(error, "exceeded limit of 1 with 2 alerts");
    assert!(instances.list().is_empty());
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let rule = rule("5m", "4m");
    let mut instances = Instances::default();
    assert_eq!(walk(&rule, &mut instances, 0, "xxx"), "ppp");
    let kept = Restored { evaluated_ms: 2 * MINUTE, instances: instances.list() };
    // Ten minutes down: they do not count as pending.
    let mut instances = Instances::restore(kept, 12 * MINUTE);
    assert_eq!(instances.list()[0].active_ms, 10 * MINUTE);
    assert_eq!(walk(&rule, &mut instances, 12 * MINUTE, "xxxx"), "pppF");
    assert_eq!(walk(&rule, &mut instances, 16 * MINUTE, ".."), "FF");
    let kept = Restored { evaluated_ms: 17 * MINUTE, instances: instances.list() };
    // keep_firing_for began at minute 16 and goes on counting.
    let mut instances = Instances::restore(kept, 18 * MINUTE);
    assert_eq!(walk(&rule, &mut instances, 18 * MINUTE, "..."), "FFr");
}

#[test]
fn after_a_long_outage_what_was_pending_begins_anew_and_what_fired_fires() {
    let rule = rule("5m", "0");
    let mut instances = Instances::default();
    walk(&rule, &mut instances, 0, "xxxxxx");
    instances.step(&rule, vec![candidate("a", 0.0), candidate("b", 0.0)], 6 * MINUTE, 0).unwrap();
    let kept = Restored { evaluated_ms: 6 * MINUTE, instances: instances.list() };
    let instances = Instances::restore(kept, 120 * MINUTE);
    assert_eq!(instances.list().len(), 1);
    assert_eq!(instances.list()[0].state, AlertState::Firing);
}

#[test]
fn the_series_of_alerts_tell_state_and_beginning() {
    let (rule, mut instances) = (rule("1m", "0"), Instances::default());
    walk(&rule, &mut instances, 7_500, "x");
    let rows = instances.rows(7_500);
    let texts: Vec<String> =
        rows.iter().map(|row| format!("{} {:?} {}", row.series, row.value, row.timestamp_ms)).collect();
    assert_eq!(
        texts,
        [
            "ALERTS{alertname=\"Hot\", alertstate=\"pending\", host=\"a\"} Float(1.0) 7500",
            "ALERTS_FOR_STATE{alertname=\"Hot\", host=\"a\"} Float(7.0) 7500",
        ]
    );
    walk(&rule, &mut instances, 100_000, ".");
    assert!(instances.rows(100_000).is_empty());
}

#[test]
fn rules_with_one_name_and_labels_are_told_apart() {
    let text = "groups: [{name: g, rules: [{alert: A, expr: up}, {alert: A, expr: up}]}]";
    let Ok(file) = RuleFile::parse("f", text, ReadOptions::default()) else { return };
    let ids: Vec<&str> = file.groups[0].rules.iter().map(Rule::id).collect();
    assert_eq!(ids, ["f;g;A;{}", "f;g;A;{};1"]);
}
