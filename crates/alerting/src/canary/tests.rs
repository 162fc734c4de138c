use super::*;
use std::path::Path;
use watchfire_rules::{ReadOptions, RuleFile};

const CONFIG: &str = "route: {receiver: a, routes: [{receiver: b}]}\n\
    receivers: [{name: a, webhook_configs: [{url: 'http://x'}]}, {name: 'b{{.}}', webhook_configs: [{url: 'http://x'}]}, {name: b}]\n";

fn config() -> Config {
    Config::parse("am.yml", CONFIG, Path::new("")).unwrap()
}

fn wanted(receivers: &[&str]) -> Wanted {
    Wanted {
        receivers: receivers
            .iter()
            .map(|name| ((*name).to_owned(), watchfire_settings::Place::default()))
            .collect(),
        interval: Duration::from_secs(3600),
        offset: Duration::from_secs(60),
        within: Duration::from_secs(300),
        place: watchfire_settings::Place::default(),
    }
}

#[test]
fn without_names_every_receiver_that_tells_somebody_gets_one() {
    let canaries = Canaries::new(&wanted(&[]), &config()).unwrap();
    assert_eq!(canaries.receivers, ["a", "b{{.}}"]);
    let unknown = Canaries::new(&wanted(&["c"]), &config()).unwrap_err().1;
    assert!(unknown.contains("\"c\" is not known; expected one of a,"), "{unknown}");
    let silent = Canaries::new(&wanted(&["b"]), &config()).unwrap_err().1;
    assert!(silent.contains("no integrations"), "{silent}");
    assert!(Canaries::new(&wanted(&[]), &Config::default()).is_err(), "nobody is there to be told");
}

#[test]
fn a_canary_goes_to_its_receiver_alone_whatever_the_other_routes_say() {
    let canaries = Canaries::new(&wanted(&[]), &config()).unwrap();
    let config = config().with_canaries(canaries);
    let labels = Labels::from_pairs([("alertname", CANARY), ("receiver", "a"), ("severity", "info")]);
    let root = config.route.as_ref().unwrap();
    let ends: Vec<&str> = root.matching(&labels).iter().map(|route| route.receiver.as_str()).collect();
    assert_eq!(ends, ["a"]);
    let group = root.matching(&labels)[0].group_labels(&labels);
    assert!(is_canary(&group, "a") && !is_canary(&group, "b"));
    let other = Labels::from_pairs([("alertname", "Down")]);
    assert_eq!(root.matching(&other)[0].receiver, "b");
}

#[test]
fn its_rules_are_rules_like_any_other() {
    let canaries = Canaries::new(&wanted(&[]), &config()).unwrap();
    let text = canaries.rules();
    let file = RuleFile::parse("built-in/canary", &text, ReadOptions::default()).unwrap();
    assert_eq!(file.groups.len(), 1);
    assert_eq!(file.groups[0].interval, Some(Duration::from_secs(15)));
    assert!(text.contains("vector((time() - 60) % 3600) < 60"), "{text}");
}

#[test]
fn one_is_due_when_its_time_to_be_confirmed_is_over() {
    let canaries = Canaries::new(&wanted(&[]), &config()).unwrap();
    let hour_ms = 3_600_000;
    let at = 1_000 * hour_ms + 60_000;
    assert_eq!(canaries.last_due_ms(at + 300_000), at);
    assert_eq!(canaries.last_due_ms(at + 299_999), at - hour_ms);
}
