use super::*;

const GOOD: &str = "
incidents: {reopen_within: 5m}
severities: {critical: [sev1], default: info}
people:
- {name: ada, full_name: Ada Lovelace, time_zone: Europe/London, receivers: [ada-phone]}
- {name: ben, receivers: [ben-phone, ben-mail]}
schedules:
- name: primary
  time_zone: Europe/Berlin
  layers:
  - rotation: weekly
    start: 2026-01-05 09:00
    people: [ada, [ben, ada]]
  - {name: nights, rotation: 12h, start: 2026-01-05 20:00, people: [ben], restrictions: [{days: ['mon:fri'], from: '20:00', to: '08:00'}]}
  overrides:
  - {people: [ben], from: 2026-12-24 00:00, to: 2026-12-27 00:00, note: holidays}
policies:
- name: gpu
  repeat: 2
  steps:
  - {tell: [{schedule: primary}, {receiver: team}], wait: 3m}
  - {tell: [{rotation: primary}, {person: ada}], severities: [critical]}
";

fn parse(text: &str) -> Result<OnCall, ConfigError> {
    OnCall::parse(Path::new("oncall.yml"), text)
}

#[test]
fn everything_is_read() {
    let read = parse(GOOD).unwrap();
    assert_eq!(read.incidents.reopen_within, Duration::from_secs(300));
    assert_eq!(read.incidents.retention, Duration::from_secs(90 * 86_400));
    let of = |value: &str| read.severities.of(&watchfire_model::Labels::from_pairs([("severity", value)]));
    assert_eq!(
        (of("SEV1"), of("page"), of("whatever")),
        (Severity::Critical, Severity::Critical, Severity::Info)
    );
    let policy = read.policy("gpu").unwrap();
    assert_eq!(policy.severities, [Severity::Critical, Severity::Warning]);
    assert_eq!(policy.step_from(0, Severity::Warning).map(|(number, _)| number), Some(0));
    assert_eq!(policy.step_from(1, Severity::Warning), None);
    assert_eq!(policy.step_from(1, Severity::Critical).map(|(number, _)| number), Some(1));
    assert_eq!(policy.step_from(0, Severity::Info), None, "info pages nobody");
    let schedule = read.schedule("primary").unwrap();
    assert_eq!(schedule.layers.len(), 2);
    assert_eq!(schedule.layers[0].name, "layer 1");
    assert_eq!(schedule.overrides.len(), 1);
    let unknown = read.unknown_receivers(|name| name != "ben-mail");
    assert_eq!(
        unknown[0].to_string(),
        "oncall.yml:6:38: person \"ben\": receiver \"ben-mail\" is not known; expected one of the Alertmanager configuration"
    );
}

#[test]
fn every_fault_is_told_at_its_place_with_the_mend() {
    let cases = [
        ("name: ada, full", "nmae: ada, full", "5:3: name is missing in person"),
        ("Europe/London", "Mars/Base", "5:51: time zone \"Mars/Base\" is not known"),
        ("receivers: [ada-phone]", "receivers: []", "5:3: person \"ada\" has no receivers"),
        ("rotation: weekly", "rotation: 90m", "11:15: rotation is \"90m\"; expected daily, weekly"),
        ("start: 2026-01-05 09:00", "start: Monday", "12:12: \"Monday\" is no time; expected one such as"),
        (
            "people: [ada, [ben, ada]]",
            "people: [ada, [eve]]",
            "13:20: person \"eve\" is not known; expected one of people: ada, ben",
        ),
        ("'mon:fri'", "mon-fri", "days has \"mon-fri\"; expected days such as"),
        ("'20:00', to", "'25:00', to", "\"25:00\" is no time of day"),
        ("to: 2026-12-27 00:00", "to: 2026-12-20 00:00", "16:5: the override ends before it begins"),
        (
            "{schedule: primary}, {",
            "{schedule: second}, {",
            "21:24: policy \"gpu\": schedule second is not known",
        ),
        (
            "{person: ada}",
            "{person: ada, receiver: x}",
            "22:34: expected one of receiver, person, schedule, rotation",
        ),
        ("wait: 3m", "wait: 0s", "wait is shorter than 1s"),
        ("[critical]}", "[high]}", "severity is \"high\"; expected one of critical, warning, info"),
        ("repeat: 2", "repeats: 2", "19:3: unknown key \"repeats\" in policy; did you mean \"repeat\"?"),
        (
            "policies:",
            "polices:",
            "17:1: unknown key \"polices\" in on-call file; did you mean \"policies\"?",
        ),
    ];
    let mut wrong = Vec::new();
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        // What follows from a fault is not told.
        if !error.contains(expected) || error.lines().count() != 1 {
            wrong.push(error);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn secrets_are_read_from_files_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oncall.yml");
    let text = "integrations: {slack: {signing_secret: s3cret}, pagerduty: {secret_file: pd}}\n";
    let error = OnCall::parse(&path, text).unwrap_err().to_string();
    assert!(error.contains("oncall.yml:1:") && error.contains("secret_file"), "{error}");
    std::fs::write(folder.path().join("pd"), "hush\n").unwrap();
    let read = OnCall::parse(&path, text).unwrap();
    assert_eq!(read.integrations.pagerduty.as_ref().map(|secret| secret.expose()), Some("hush"));
    let shown = format!("{read:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("hush"), "{shown}");
    let both = "integrations: {slack: {signing_secret: a, signing_secret_file: b}}\n";
    let error = OnCall::parse(&path, both).unwrap_err().to_string();
    assert!(error.contains("expected one of signing_secret, signing_secret_file"), "{error}");
}

#[test]
fn a_calendar_is_read_and_its_faults_have_their_own_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oncall.yml");
    let text = "people: [{name: ada, receivers: [a]}]\nschedules: [{name: c, time_zone: UTC, layers: [{calendar_file: plan.ics}]}]\n";
    let error = OnCall::parse(&path, text).unwrap_err().to_string();
    assert!(error.contains("oncall.yml:2:"), "{error}");
    std::fs::write(folder.path().join("plan.ics"), "BEGIN:VCALENDAR\nEND:VCALENDAR\n").unwrap();
    assert_eq!(OnCall::parse(&path, text).unwrap().schedules.len(), 1);
    std::fs::write(folder.path().join("plan.ics"), "BEGIN:VCALENDAR\nBEGIN:VEVENT\n").unwrap();
    let error = OnCall::parse(&path, text).unwrap_err().to_string();
    assert!(error.contains("plan.ics:2:1: the calendar ends in the middle"), "{error}");
}

#[test]
fn a_calendar_at_an_address_is_read_with_its_place_and_never_printed() {
    let layer = |keys: &str| {
        let text = format!("schedules:\n- name: s\n  time_zone: UTC\n  layers:\n  - {keys}\n");
        OnCall::parse(Path::new("f"), &text)
    };
    let read = layer("calendar_url: https://c.example/s3cret.ics").unwrap();
    assert!(!format!("{read:?}").contains("s3cret"));
    let remotes = read.remotes();
    assert_eq!(remotes[0].1.refresh, std::time::Duration::from_secs(900));
    assert_eq!((remotes[0].0.schedule.as_str(), remotes[0].0.name.as_str()), ("s", "layer 1"));
    for (keys, expected) in [
        ("{calendar_url: 'ftp://s3cret'}", "f:5:20: calendar_url is no address"),
        ("{calendar_url: 'https://x/s', rotation: daily}", "a layer with calendar_url has no rotation"),
        ("{calendar_url: 'https://x/s', calendar_refresh: 1s}", "calendar_refresh is shorter than 10s"),
        ("{calendar_file: a.ics, calendar_url: 'https://x/s'}", "has no calendar_url"),
        ("{calendar_url: 'https://x/s', calendar_url_file: u}", "expected one of them"),
        ("{calendar_refresh: 1m}", "calendar_refresh without calendar_url"),
    ] {
        let told = layer(keys).unwrap_err().to_string();
        assert!(told.contains(expected) && !told.contains("s3cret"), "{told}");
    }
}
