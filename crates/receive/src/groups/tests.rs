use super::*;
use watchfire_model::time::ManualClock;

const NOW_MS: i64 = 1_700_000_000_500;

fn open(ledger: &Ledger) -> Groups {
    Groups::open(ledger.clone(), Arc::new(ManualClock::at(NOW_MS))).unwrap()
}

fn push(groups: &Groups, replace: Replace, path: &str, text: &str) -> Result<(), GroupError> {
    groups.push(&parse(path).unwrap(), replace, Headers::default(), text.as_bytes())
}

/// The samples, without what is told about them.
fn lines(groups: &Groups) -> Vec<String> {
    let text = groups.exposition();
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("push_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn put_replaces_a_group_and_post_its_families() {
    let groups = open(&Ledger::in_memory().unwrap());
    push(&groups, Replace::All, "job/j/instance/i", "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 1\n").unwrap();
    push(&groups, Replace::All, "job/j", "c 1\n").unwrap();
    push(&groups, Replace::Sent, "job/j/instance/i", "a{x=\"3\"} 3\n").unwrap();
    let others = "c{instance=\"\",job=\"j\"} 1";
    assert_eq!(
        lines(&groups),
        ["a{instance=\"i\",job=\"j\",x=\"3\"} 3", "b{instance=\"i\",job=\"j\"} 1", others]
    );
    push(&groups, Replace::All, "job/j/instance/i", "b 2\n").unwrap();
    assert_eq!(lines(&groups), ["b{instance=\"i\",job=\"j\"} 2", others]);
    push(&groups, Replace::Sent, "job/j/instance/i", "").unwrap();
    assert_eq!(lines(&groups).len(), 2);
    push(&groups, Replace::All, "job/j/instance/i", "").unwrap();
    assert_eq!(lines(&groups), [others]);
    assert_eq!(groups.stats().groups, 2);
}

#[test]
fn what_was_answered_is_there_after_a_restart_and_what_was_deleted_is_not() {
    let ledger = Ledger::in_memory().unwrap();
    let groups = open(&ledger);
    push(&groups, Replace::All, "job/j", "a 1\n").unwrap();
    push(&groups, Replace::All, "job/k", "a 2\n").unwrap();
    assert!(groups.delete(&parse("job/k").unwrap()).unwrap());
    assert!(!groups.delete(&parse("job/k").unwrap()).unwrap());
    let told = groups.exposition();
    drop(groups);
    assert_eq!(open(&ledger).exposition(), told);
    assert!(told.contains("push_time_seconds{job=\"j\",instance=\"\"} 1.7000000005e+09\n"), "{told}");
    assert!(told.contains("push_failure_time_seconds{job=\"j\",instance=\"\"} 0\n"), "{told}");
    assert!(!told.contains("\"k\""), "{told}");
}

#[test]
fn a_refused_push_changes_nothing_but_the_time_of_its_failure() {
    let groups = open(&Ledger::in_memory().unwrap());
    push(&groups, Replace::All, "job/j", "a 1\n").unwrap();
    let error = push(&groups, Replace::All, "job/j", "a one\n").unwrap_err();
    assert!(matches!(&error, GroupError::Refused(error) if error.status == 400), "{error}");
    assert_eq!(lines(&groups), ["a{instance=\"\",job=\"j\"} 1"]);
    assert!(
        groups.exposition().contains("push_failure_time_seconds{job=\"j\",instance=\"\"} 1.7000000005e+09\n")
    );
    assert_eq!(groups.stats().refused, 1);
}

#[test]
fn there_is_room_for_so_much_and_the_refusal_says_so() {
    let groups = open(&Ledger::in_memory().unwrap());
    let long = "y".repeat(1000);
    let large: String =
        (0..MAX_GROUP_BYTES / 1000).map(|n| format!("m{{n=\"{n}\",x=\"{long}\"}} 1\n")).collect();
    let error = push(&groups, Replace::All, "job/j", &large).unwrap_err();
    assert!(error.to_string().contains("more than 8388608 bytes"), "{error}");
}

#[test]
fn protocol_buffers_are_refused_with_the_way_out() {
    let groups = open(&Ledger::in_memory().unwrap());
    let kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    let headers = Headers { content_type: Some(kind), content_encoding: None };
    let error = groups.push(&parse("job/j").unwrap(), Replace::All, headers, b"").unwrap_err();
    assert!(matches!(&error, GroupError::Refused(error) if error.status == 415), "{error}");
    assert!(error.to_string().contains("text format"), "{error}");
}
