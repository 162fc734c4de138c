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

const TREE: &str = "
route:
  receiver: all
  group_by: [alertname]
  group_wait: 1m
  group_interval: 10m
  repeat_interval: 3h
  routes:
  - {receiver: team, matchers: ['team=a'], active_time_intervals: [office]}
  - {receiver: pager, matchers: ['severity=critical'], group_wait: 10s}
time_intervals: [{name: office, time_intervals: [{times: [{start_time: '06:00', end_time: '18:00'}]}]}]
inhibit_rules: [{source_matchers: ['severity=critical'], target_matchers: ['severity=warning'], equal: [cluster]}]
receivers:
- {name: all, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
- {name: team, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
- {name: pager, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
";

#[test]
fn waits_intervals_repeats_inhibition_and_hours_are_those_worked_out_by_hand() {
    // Name, labels beside it, the minutes from which and until which it fires.
    type Life = (&'static str, &'static [(&'static str, &'static str)], i64, i64);
    let lives: [Life; 4] = [
        ("Warm", &[("severity", "warning"), ("cluster", "c1")], 3, 300),
        ("Hot", &[("severity", "critical"), ("cluster", "c1")], 5, 65),
        ("Warm", &[("severity", "warning"), ("cluster", "c2")], 20, 80),
        ("Slow", &[("team", "a")], 350, 370),
    ];
    let config = Config::parse("am.yml", TREE, Path::new("")).unwrap();
    let mut simulation = Simulation::new(config, 0).unwrap();
    for minute in 0..400 {
        simulation.pass_to(minute * MINUTE).unwrap();
        for name in ["Warm", "Hot", "Slow"] {
            let instances =
                lives.iter().filter(|life| life.0 == name && life.2 <= minute && minute <= life.3 + 15);
            let instances = instances.map(|(name, labels, from, to)| AlertInstance {
                labels: Labels::from_pairs(labels.iter().copied().chain([("alertname", *name)])),
                annotations: BTreeMap::new(),
                state: if minute < *to { AlertState::Firing } else { AlertState::Inactive },
                value: 1.0,
                active_ms: from * MINUTE,
                fired_ms: Some(from * MINUTE),
                resolved_ms: (minute >= *to).then_some(to * MINUTE),
                keep_firing_since_ms: None,
            });
            let instances = instances.collect();
            let evaluation = Evaluation {
                rule: name.to_owned(),
                instances,
                ..evaluation(minute * MINUTE, "", AlertState::Firing)
            };
            simulation.commit(&evaluation).unwrap();
        }
    }
    simulation.pass_to(400 * MINUTE).unwrap();
    let pages = simulation.pages().iter();
    let pages: Vec<_> = pages
        .map(|page| {
            let at = format!("{}:{:02}", page.at_ms / MINUTE, page.at_ms % MINUTE / 1000);
            (at, page.receiver.as_str(), page.reason.as_str(), page.firing, page.resolved)
        })
        .collect();
    let expected = [
        // A minute after it fired; what inhibits it does not fire yet.
        ("4:00", "all", "first notification", 1, 0),
        // Its own group_wait of ten seconds.
        ("5:10", "pager", "first notification", 1, 0),
        // At the turns at 14 minutes and after, c1 is inhibited; c2 is not, and new at this one.
        ("24:00", "all", "new alerts added", 1, 0),
        ("65:10", "pager", "all alerts resolved", 0, 1),
        // c1 is inhibited no more.
        ("74:00", "all", "new alerts added", 2, 0),
        ("84:00", "all", "some alerts resolved", 1, 1),
        // Three hours after 84 minutes are 264, and it has to be longer ago.
        ("274:00", "all", "repeat interval elapsed", 1, 0),
        ("304:00", "all", "all alerts resolved", 0, 1),
        // At 351 minutes the office was closed, at 361 it is one minute past six.
        ("361:00", "team", "first notification", 1, 0),
        ("371:00", "team", "all alerts resolved", 0, 1),
    ];
    assert_eq!(
        pages,
        expected.map(|(at, receiver, reason, firing, resolved)| (
            at.to_owned(),
            receiver,
            reason,
            firing,
            resolved
        ))
    );
    let suppressed = simulation.suppressed();
    // c1 at the turns at 14, 24, … 64 minutes.
    assert_eq!((suppressed.inhibition, suppressed.active_time_interval), (6, 1));
}
