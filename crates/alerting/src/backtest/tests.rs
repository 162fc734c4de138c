use super::*;
use std::collections::BTreeMap;
use std::path::Path;
use watchfire_model::Labels;
use watchfire_rules::{AlertInstance, AlertState, Origin};

const MINUTE: i64 = 60_000;
const CONFIG: &str = "
route:
  receiver: all
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 1h
  routes: [{receiver: day, matchers: ['severity=\"warning\"'], mute_time_intervals: [early]}]
time_intervals: [{name: early, time_intervals: [{times: [{start_time: '00:00', end_time: '01:00'}]}]}]
receivers:
- {name: all, webhook_configs: [{url: 'http://127.0.0.1:1/'}, {url: 'http://127.0.0.1:2/'}]}
- {name: day, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
";

fn evaluation(at_ms: i64, severity: &str, state: AlertState) -> Evaluation {
    Evaluation {
        rule: format!("r;{severity}"),
        origin: Origin::default(),
        evaluated_ms: at_ms,
        external_labels: Labels::empty(),
        generator_url: String::new(),
        instances: vec![AlertInstance {
            labels: Labels::from_pairs([("alertname", "Hot"), ("severity", severity)]),
            annotations: BTreeMap::new(),
            state,
            value: 1.0,
            active_ms: 0,
            fired_ms: Some(0),
            resolved_ms: (state == AlertState::Inactive).then_some(at_ms),
            keep_firing_since_ms: None,
        }],
    }
}

fn told(simulation: &Simulation) -> Vec<(i64, &str, &str)> {
    let pages = simulation.pages().iter();
    pages.map(|page| (page.at_ms / 1000, page.receiver.as_str(), page.reason.as_str())).collect()
}

#[test]
fn the_past_is_told_as_production_would_have_told_it() {
    let config = Config::parse("am.yml", CONFIG, Path::new("")).unwrap();
    let mut simulation = Simulation::new(config, 0).unwrap();
    for minute in 0..150 {
        simulation.pass_to(minute * MINUTE).unwrap();
        let state = if minute < 140 { AlertState::Firing } else { AlertState::Inactive };
        simulation.commit(&evaluation(minute * MINUTE, "critical", state)).unwrap();
        simulation.commit(&evaluation(minute * MINUTE, "warning", state)).unwrap();
    }
    simulation.pass_to(200 * MINUTE).unwrap();
    assert_eq!(
        told(&simulation),
        [
            (30, "all", "first notification"),
            (30 + 3600, "day", "first notification"),
            (30 + 3900, "all", "repeat interval elapsed"),
            (30 + 7500, "day", "repeat interval elapsed"),
            (30 + 7800, "all", "repeat interval elapsed"),
            (30 + 8400, "day", "all alerts resolved"),
            (30 + 8400, "all", "all alerts resolved"),
        ]
    );
    assert_eq!(simulation.pages()[0].alerts, ["Hot"]);
    assert_eq!(simulation.suppressed().mute_time_interval, 12);
}

#[test]
fn a_silence_of_that_time_holds_in_its_own_time_only() {
    let config = Config::parse("am.yml", CONFIG, Path::new("")).unwrap();
    let mut simulation = Simulation::new(config, 0).unwrap();
    let silence = watchfire_ledger::Silence {
        id: "s".to_owned(),
        matchers: vec![vec![watchfire_ledger::SilenceMatcher {
            name: "severity".to_owned(),
            value: "critical".to_owned(),
            is_regex: false,
            is_equal: true,
        }]],
        starts_ms: 0,
        ends_ms: 20 * MINUTE,
        updated_ms: 0,
        created_by: String::new(),
        comment: String::new(),
        annotations: BTreeMap::new(),
    };
    assert_eq!(simulation.silence(vec![silence]).unwrap(), 1);
    for minute in 0..40 {
        simulation.pass_to(minute * MINUTE).unwrap();
        simulation.commit(&evaluation(minute * MINUTE, "critical", AlertState::Firing)).unwrap();
    }
    assert_eq!(told(&simulation), [(30 + 20 * 60, "all", "first notification")]);
    assert_eq!(simulation.suppressed().silence, 4);
}
