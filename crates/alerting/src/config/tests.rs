use super::*;
use crate::route::GroupBy;
use std::collections::BTreeSet;
use std::path::PathBuf;
use watchfire_model::Labels;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse("am.yml", text, Path::new("/etc/am")).map_err(|error| error.to_string())
}

const MINIMAL: &str = "route: {receiver: pager}\nreceivers:\n- name: pager\n";

#[test]
fn defaults_are_those_of_alertmanager() {
    let config = parse(MINIMAL).unwrap();
    let route = config.route.unwrap();
    assert_eq!(config.resolve_timeout, Duration::from_secs(300));
    assert_eq!(
        (route.group_wait.as_secs(), route.group_interval.as_secs(), route.repeat_interval.as_secs()),
        (30, 300, 14_400)
    );
    assert_eq!((route.key.as_str(), route.group_by), ("{}", GroupBy::Labels(BTreeSet::new())));
}

#[test]
fn a_whole_configuration_is_read() {
    let config = parse(
        r#"
global: {resolve_timeout: 10m}
route:
  receiver: default
  group_by: [alertname, job]
  group_wait: 10s
  labels: {reason: all, who: us}
  routes:
  - match: {team: x}
    match_re: {service: "a|b"}
    matchers: ['severity="critical"', "zone!=test"]
    receiver: pager
    continue: true
    repeat_interval: 1h
    mute_time_intervals: [nights]
    active_time_intervals: [weekdays]
    labels: {reason: some}
    routes:
    - matchers: [deep=yes]
      group_by: ['...']
receivers:
- name: default
  fallback: pager
  webhook_configs:
  - url: http://127.0.0.1:1/hook?token=topsecret
    send_resolved: false
    http_config: {basic_auth: {username: u, password: "hunter2\nsecond"}}
- name: pager
  labels: {team: x}
inhibit_rules:
- name: r
  source_match: {severity: critical}
  target_matchers: ['severity=~"warning|info"']
  equal: [cluster]
- null
mute_time_intervals:
- name: nights
  time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], location: Europe/Berlin}]
time_intervals:
- name: weekdays
  time_intervals: [{weekdays: ['monday:friday', Saturday], days_of_month: [1, '-3:-1'], months: ['1:3', may], years: [2026]}]
tracing: {endpoint: 'localhost:4317', insecure: true}
event_recorder: {file_outputs: [{path: /tmp/x}]}
"#,
    )
    .unwrap();
    let root = config.route.as_ref().unwrap();
    let child = &root.routes[0];
    assert_eq!(child.key, "{}/{service=~\"^(?:a|b)$\",severity=\"critical\",team=\"x\",zone!=\"test\"}");
    assert_eq!(
        (child.group_wait.as_secs(), child.repeat_interval.as_secs(), child.goes_on),
        (10, 3600, true)
    );
    assert_eq!((&child.labels["reason"], &child.labels["who"]), (&"some".to_owned(), &"us".to_owned()));
    assert_eq!((child.mute_time_intervals.len(), child.active_time_intervals.len()), (1, 1));
    let deep = &child.routes[0];
    assert_eq!((deep.receiver.as_str(), &deep.group_by), ("pager", &GroupBy::All));
    assert!(deep.mute_time_intervals.is_empty(), "intervals are not inherited");
    let labels = Labels::from_pairs([("alertname", "A"), ("job", "j\"1"), ("x", "y")]);
    let group = root.group_labels(&labels);
    assert_eq!(root.group_key(&group), "{}:{alertname=\"A\", job=\"j\\\"1\"}");
    assert_eq!((config.inhibit_rules.len(), config.inhibit_rules[0].equal.len()), (1, 1));
    let weekdays = &config.time_intervals["weekdays"].parts[0];
    assert_eq!(weekdays.weekdays, [(1, 5), (6, 6)]);
    assert_eq!(
        (&weekdays.days_of_month[..], &weekdays.months[..]),
        (&[(1, 1), (-3, -1)][..], &[(1, 3), (5, 5)][..])
    );
    assert_eq!(config.time_intervals["nights"].parts[0].times, [(1320, 1440)]);
    assert_eq!(config.fallbacks["default"], "pager");
    assert_eq!(config.notes.len(), 2);
    let masked = config.masked();
    assert!(!masked.contains("topsecret") && !masked.contains("hunter2"), "{masked}");
    assert!(!format!("{config:?}").contains("topsecret"));
    // What is shown is the same configuration, but for its secrets.
    let shown = masked.replace("http://<secret>/", "<secret>").replace("<secret>", "http://127.0.0.1/");
    let again = parse(&shown).unwrap_or_else(|error| panic!("{error}\n{masked}"));
    assert_eq!((&again.route, &again.inhibit_rules), (&config.route, &config.inhibit_rules));
    assert_eq!(again.time_intervals, config.time_intervals);
}

#[test]
fn routes_are_tried_as_alertmanager_tries_them() {
    let text = |first: &str, second: &str| {
        format!(
            "route:\n  receiver: default\n  routes:\n  - {first}\n  - {second}\n\
             receivers: [{{name: default}}, {{name: test1}}, {{name: test2}}]\n"
        )
    };
    let a = "{match_re: {test: '^[12]$'}, receiver: test1, continue: true}";
    let b = "{match: {test: '2'}, receiver: test2}";
    let receivers = |config: &str, value: &str| -> Vec<String> {
        let config = parse(config).unwrap();
        let labels = Labels::from_pairs([("test", value)]);
        config.route.unwrap().matching(&labels).iter().map(|route| route.receiver.clone()).collect()
    };
    assert_eq!(receivers(&text(a, b), "1"), ["test1"]);
    assert_eq!(receivers(&text(a, b), "2"), ["test1", "test2"]);
    assert_eq!(receivers(&text(a, b), "volovina"), ["default"]);
    let b = "{match: {test: '2'}, receiver: test2, continue: true}";
    assert_eq!(receivers(&text(b, a), "2"), ["test2", "test1"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let with_interval = |part: &str| {
        format!(
            "route: {{receiver: a}}\nreceivers: [{{name: a}}]\ntime_intervals:\n- name: t\n  time_intervals: [{part}]\n"
        )
    };
    for (text, place, words) in [
        ("receivers: [{name: a}]\n".to_owned(), "1:1", "no routes provided; expected a key 'route'"),
        (
            "route: {receiver: b}\nreceivers:\n- name: a\n".to_owned(),
            "1:19",
            "undefined receiver \"b\" used in route",
        ),
        (
            "route: {group_by: [a]}\nreceivers: []\n".to_owned(),
            "1:8",
            "root route must specify a default receiver",
        ),
        (
            "route:\n  receiver: a\n  matchers: [x=y]\nreceivers: [{name: a}]\n".to_owned(),
            "2:3",
            "root route must not have any matchers",
        ),
        (
            "route: {receiver: a}\nreceivers:\n- name: a\n- name: a\n".to_owned(),
            "4:9",
            "notification config name \"a\" is not unique",
        ),
        (
            "route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]\n".to_owned(),
            "1:38",
            "group_interval cannot be zero",
        ),
        (
            "route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]\n".to_owned(),
            "1:36",
            "duplicated label \"x\" in group_by",
        ),
        (
            "route: {receiver: a, group_by: [x, '...']}\nreceivers: [{name: a}]\n".to_owned(),
            "1:36",
            "cannot have wildcard group_by",
        ),
        (
            "route: {receiver: a, nonsense: 1}\nreceivers: [{name: a}]\n".to_owned(),
            "1:22",
            "unknown key \"nonsense\"",
        ),
        (
            "route: {receiver: a, routes: [{mute_time_intervals: [x]}]}\nreceivers: [{name: a}]\n".to_owned(),
            "1:54",
            "undefined time interval \"x\"",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a, fallback: b}]\n".to_owned(),
            "2:33",
            "expected the name of another receiver",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules: [{equal: ['']}]\n".to_owned(),
            "3:18",
            "invalid label name \"\"",
        ),
        (
            "route: {receiver: a, routes: [{match_re: {x: null}}]}\nreceivers: [{name: a}]\n".to_owned(),
            "1:43",
            "expected a regular expression",
        ),
        (with_interval("{weekdays: [funday]}"), "5:32", "funday is not a valid weekday"),
        (with_interval("{weekdays: ['friday:monday']}"), "5:32", "start day cannot be before end day"),
        (with_interval("{days_of_month: ['-3:5']}"), "5:37", "end day must be negative"),
        (with_interval("{days_of_month: [0]}"), "5:37", "out of range"),
        (with_interval("{days_of_month: ['20:-20']}"), "5:37", "end day -20 is always before start day 20"),
        (with_interval("{months: ['5:march']}"), "5:30", "end month 3 is before start month 5"),
        (with_interval("{location: Nowhere/Else}"), "5:31", "unknown time zone"),
        (with_interval("{times: [{start_time: '9:00', end_time: '10:00'}]}"), "5:42", "expected HH:MM"),
        (
            with_interval("{times: [{start_time: '10:00', end_time: '10:00'}]}"),
            "5:29",
            "start time cannot be equal",
        ),
        (
            with_interval("{times: [{start_time: '10:00'}]}"),
            "5:29",
            "both start and end times must be provided",
        ),
        (
            "route: {receiver: a}\nreceivers: [{name: a}]\ntracing: {insecure: true}\n".to_owned(),
            "3:10",
            "tracing endpoint must be set",
        ),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.starts_with(&format!("am.yml:{place}: ")) && error.contains(words), "{text}: {error}");
    }
}

/// Which of Alertmanager's own files are wrong, by their names.
fn is_wrong(name: &str) -> bool {
    ["-both-", ".bad.", "-no-", "nil-", "old-team", "sns-invalid", "slack-update-message-and-webhook"]
        .iter()
        .any(|part| name.contains(part))
        && !name.contains("smtp-no-username")
}

#[test]
fn alertmanagers_own_files_are_judged_as_alertmanager_judges_them() {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/alertmanager");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let (mut right, mut wrong) = (0, Vec::new());
    for part in ["config", "cli", "examples"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("config-") {
                // The configuration of a command line tool.
                continue;
            }
            match (Config::load(&path, MatcherMode::default()), is_wrong(&name)) {
                (Ok(_), false) | (Err(_), true) => right += 1,
                (verdict, _) => wrong.push(format!(
                    "{name}: {:?}",
                    verdict.map(|_| "good").map_err(|error| error.to_string())
                )),
            }
        }
    }
    println!("files of Alertmanager: {right} judged right");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (file, value, expected) in [
        ("conf.routing.yml", "1", vec!["test1"]),
        ("conf.routing.yml", "2", vec!["test1", "test2"]),
        ("conf.routing-reverted.yml", "2", vec!["test2", "test1"]),
        ("conf.routing.yml", "volovina", vec!["default"]),
    ] {
        let path = folder.join("cli").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("global:\n  smtp_smarthost: 'localhost:25'", "global: {}");
        let config = Config::parse(file, &text, Path::new("")).unwrap();
        let labels = Labels::from_pairs([("test", value)]);
        let found: Vec<&str> = config
            .route
            .as_ref()
            .unwrap()
            .matching(&labels)
            .iter()
            .map(|route| route.receiver.as_str())
            .collect();
        assert_eq!(found, expected, "{file} {value}");
    }
}
