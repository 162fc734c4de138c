use super::*;
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
  routes:
  - match: {team: x}
    match_re: {service: "a|b"}
    matchers: ['severity="critical"', "zone!=test"]
    receiver: pager
    continue: true
    repeat_interval: 1h
    routes:
    - matchers: [deep=yes]
      group_by: ['...']
receivers:
- name: default
  webhook_configs:
  - url: http://127.0.0.1:1/hook?token=topsecret
    send_resolved: false
    max_alerts: 3
    timeout: 2s
    http_config: {basic_auth: {username: u, password: hunter2}}
- name: pager
  webhook_configs:
  - url_file: hook.txt
    http_config: {authorization: {credentials_file: /run/token}}
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
    assert_eq!(child.routes[0].receiver, "pager");
    assert_eq!(child.routes[0].group_by, GroupBy::All);
    let labels = Labels::from_pairs([("alertname", "A"), ("job", "j\"1"), ("x", "y")]);
    let group = root.group_labels(&labels);
    assert_eq!(root.group_key(&group), "{}:{alertname=\"A\", job=\"j\\\"1\"}");
    let hook = &config.receivers[0].webhooks[0];
    assert!(!hook.send_resolved);
    assert_eq!((hook.max_alerts, hook.timeout), (3, Some(Duration::from_secs(2))));
    let pager = &config.receivers[1].webhooks[0];
    assert_eq!(pager.url, Secret::File("/etc/am/hook.txt".into()));
    assert!(pager.send_resolved);
    let masked = config.masked();
    assert!(!masked.contains("topsecret") && !masked.contains("hunter2"), "{masked}");
    assert!(!format!("{config:?}").contains("url: \"http"));
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
    for (text, expected) in [
        ("receivers: [{name: a}]\n", "am.yml: no routes provided; expected a key 'route'"),
        (
            "route: {receiver: b}\nreceivers:\n- name: a\n",
            "am.yml:1:19: route: undefined receiver \"b\" used in route",
        ),
        ("route: {group_by: [a]}\nreceivers: []\n", "am.yml:1:8: root route must specify a default receiver"),
        (
            "route:\n  receiver: a\n  matchers: [x=y]\nreceivers: [{name: a}]\n",
            "am.yml:2:3: root route must not have any matchers",
        ),
        (
            "route: {receiver: a}\nreceivers:\n- name: a\n- name: a\n",
            "am.yml:4:9: notification config name \"a\" is not unique",
        ),
        (
            "route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs:\n  - channel: x\n",
            "am.yml:5:5: receivers[0].slack_configs is not supported yet",
        ),
        (
            "route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]\n",
            "am.yml:1:38: route: group_interval cannot be zero",
        ),
        (
            "route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]\n",
            "am.yml:1:36: route: duplicated label \"x\" in group_by",
        ),
        (
            "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: ftp://x/\n",
            "am.yml:5:10: receivers[0].webhook_configs[0].url: unsupported scheme \"ftp\" for URL; expected http or https",
        ),
        (
            "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n  - send_resolved: true\n",
            "am.yml:5:5: receivers[0].webhook_configs[0]: one of url or url_file must be configured",
        ),
        (
            "global: {smtp_from: x}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
            "am.yml:1:21: global.smtp_from is not supported yet",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
    }
    let error = parse("route: {receiver: a, nonsense: 1}\nreceivers: [{name: a}]\n").unwrap_err();
    assert!(error.starts_with("am.yml:1:22: ") && error.contains("nonsense"), "{error}");
}

#[test]
fn alertmanagers_own_files_are_read_or_refused_for_what_is_not_built() {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/alertmanager");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let (mut read, mut unbuilt, mut refused) = (0, 0, 0);
    for part in ["config", "cli", "examples"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("config-") {
                // The configuration of a command line tool.
                continue;
            }
            let result = Config::load(&path);
            let only_unbuilt = |error: &ConfigError| {
                error
                    .0
                    .iter()
                    .all(|error| error.message.ends_with("is not supported yet") && error.place.line > 0)
            };
            match &result {
                Ok(_) => {
                    assert!(!name.contains(".bad.") && !name.contains("-both-"), "{name} is wrong");
                    read += 1;
                }
                Err(error) if only_unbuilt(error) => unbuilt += 1,
                Err(_) => refused += 1,
            }
            if name.contains("good") || name.starts_with("conf.routing") || name.starts_with("doc_examples") {
                let fine = result.as_ref().err().is_none_or(only_unbuilt);
                assert!(fine || name.contains("amtool.good"), "{name}: {result:?}");
            }
        }
    }
    println!(
        "files of Alertmanager: {read} read, {unbuilt} refused for what is not built, {refused} for what is wrong"
    );
    for (file, value, expected) in [
        ("conf.routing.yml", "1", vec!["test1"]),
        ("conf.routing.yml", "2", vec!["test1", "test2"]),
        ("conf.routing-reverted.yml", "2", vec!["test2", "test1"]),
        ("conf.routing.yml", "volovina", vec!["default"]),
    ] {
        let text = std::fs::read_to_string(folder.join("cli").join(file)).unwrap();
        // Neither templates nor mail is built; routing is.
        let text = text.replace("global:\n  smtp_smarthost: 'localhost:25'", "global: {}");
        let text = text.replace("templates:\n  - '/etc/alertmanager/template/*.tmpl'", "");
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
