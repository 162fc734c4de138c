use crate::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use watchfire_model::Labels;

fn open(path: &Path) -> Ledger {
    let opened = Ledger::open(path, 1).unwrap();
    assert_eq!(opened.moved_aside, None);
    opened.ledger
}

fn instance(name: &str, value: f64) -> RuleInstance {
    RuleInstance {
        labels: Labels::from_pairs([("alertname", "Hot"), ("instance", name)]),
        annotations: BTreeMap::from([("summary".to_owned(), "it's \"hot\"\n".to_owned())]).into(),
        state: InstanceState::Firing,
        value,
        active_ms: 1_000,
        fired_ms: Some(2_000),
        resolved_ms: None,
        keep_firing_since_ms: Some(3_000),
    }
}

fn draft(key: &str, payload: &str) -> JobDraft {
    JobDraft {
        group_key: key.to_owned(),
        receiver: "pager".to_owned(),
        integration: 0,
        reason: "first notification".to_owned(),
        payload: payload.to_owned(),
        firing: BTreeSet::from([1, u64::MAX]),
        resolved: BTreeSet::new(),
        incident: None,
    }
}

#[test]
fn what_was_written_is_there_after_reopening_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/ledger.sqlite");
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    let ledger = open(&path);
    ledger
        .write(|write| {
            write.set_rule_evaluated("g;Hot", 5_000)?;
            write.put_instances("g;Hot", &[instance("a", nan), instance("b", -0.0)])?;
            write.set_meta("k", "v")
        })
        .unwrap();
    drop(ledger);
    let state = open(&path).read(|read| read.rule_state("g;Hot")).unwrap().unwrap();
    assert_eq!(state.evaluated_ms, 5_000);
    assert_eq!(state.instances, [instance("a", nan), instance("b", -0.0)]);
    assert_eq!(open(&path).read(|read| read.meta("k")).unwrap().as_deref(), Some("v"));
    assert_eq!(open(&path).read(|read| read.rule_state("other")).unwrap(), None);
}

#[test]
fn a_failed_change_leaves_nothing_behind() {
    let ledger = Ledger::in_memory().unwrap();
    let result: Result<(), LedgerError> = ledger.write(|write| {
        write.set_rule_evaluated("r", 1)?;
        write.enqueue(&draft("k", "{}"), 1)?;
        Err(LedgerError::DamagedRow { table: "outbox", reason: "test".to_owned() })
    });
    assert!(result.is_err());
    assert_eq!(ledger.read(|read| read.rules()).unwrap(), Vec::<String>::new());
    assert_eq!(ledger.read(|read| read.outbox_counts()).unwrap(), OutboxCounts::default());
}

#[test]
fn forgetting_a_rule_forgets_its_instances() {
    let ledger = Ledger::in_memory().unwrap();
    ledger
        .write(|write| {
            write.set_rule_evaluated("r", 1)?;
            write.put_instances("r", &[instance("a", 1.0), instance("b", 1.0)])?;
            write.delete_instances("r", [&instance("a", 1.0).labels])
        })
        .unwrap();
    let kept = ledger.read(|read| read.rule_state("r")).unwrap().unwrap().instances;
    assert_eq!(kept, [instance("b", 1.0)]);
    ledger.write(|write| write.delete_rule("r")).unwrap();
    ledger.write(|write| write.set_rule_evaluated("r", 2)).unwrap();
    assert!(ledger.read(|read| read.rule_state("r")).unwrap().unwrap().instances.is_empty());
}

#[test]
fn a_newer_state_takes_over_the_open_job_and_keeps_its_number() {
    let ledger = Ledger::in_memory().unwrap();
    let (first, second, other) = ledger
        .write(|write| {
            let first = write.enqueue(&draft("k", "old"), 10)?;
            write.begin_attempt(first, 11)?;
            write.retry_job(first, 99, "503")?;
            Ok((first, write.enqueue(&draft("k", "new"), 20)?, write.enqueue(&draft("l", "x"), 20)?))
        })
        .unwrap();
    assert_eq!(first, second);
    assert_ne!(first, other);
    let jobs = ledger.read(|read| read.open_jobs()).unwrap();
    assert_eq!(jobs.len(), 2);
    let job = ledger.read(|read| read.job(first)).unwrap().unwrap();
    assert_eq!(Job { payload: String::new(), ..job.clone() }, jobs[0]);
    assert_eq!(ledger.read(|read| read.payload(first)).unwrap(), "new");
    assert_eq!((job.payload.as_str(), job.generation, job.attempts, job.next_try_ms), ("new", 1, 1, 99));
    assert_eq!(job.firing, BTreeSet::from([1, u64::MAX]));
    assert_eq!(job.last_error.as_deref(), Some("503"));
}

#[test]
fn every_attempt_is_on_record_until_its_job_is_pruned() {
    let ledger = Ledger::in_memory().unwrap();
    let job = ledger
        .write(|write| {
            let job = write.enqueue(&draft("k", "p"), 10)?;
            let attempt = write.begin_attempt(job, 11)?;
            write.finish_attempt(attempt, Outcome::Retry, Some(503), 7, Some("try later"))?;
            let attempt = write.begin_attempt(job, 20)?;
            write.finish_attempt(attempt, Outcome::Delivered, Some(200), 3, None)?;
            write.finish_job(job, JobState::Done, 21, None)?;
            Ok(job)
        })
        .unwrap();
    let attempts = ledger.read(|read| read.deliveries_of(job)).unwrap();
    let seen: Vec<_> = attempts.iter().map(|a| (a.outcome, a.status, a.latency_ms)).collect();
    assert_eq!(seen, [(Outcome::Retry, Some(503), Some(7)), (Outcome::Delivered, Some(200), Some(3))]);
    assert_eq!(ledger.read(|read| read.outbox_counts()).unwrap(), OutboxCounts { open: 0, done: 1, dead: 0 });
    assert_eq!(ledger.write(|write| write.prune_finished(21)).unwrap(), 0);
    assert_eq!(ledger.write(|write| write.prune_finished(22)).unwrap(), 1);
    assert!(ledger.read(|read| read.recent_deliveries(10)).unwrap().is_empty());
}

#[test]
fn a_file_of_a_newer_release_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(open(&path));
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(connection);
    let error = Ledger::open(&path, 1).unwrap_err().to_string();
    assert!(error.contains("schema version 99"), "{error}");
    assert!(error.contains(&format!("versions up to {}", crate::SCHEMA_VERSION)), "{error}");
    assert!(path.exists());
}

#[test]
fn another_programs_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1);").unwrap();
    drop(connection);
    let error = Ledger::open(&path, 1).unwrap_err();
    assert!(matches!(error, LedgerError::Foreign { .. }), "{error}");
}

#[test]
fn a_damaged_file_is_moved_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    for damage in ["not a database at all, only words ".repeat(100).into_bytes(), {
        let ledger = open(&path);
        ledger
            .write(|write| (0..200).try_for_each(|n| write.enqueue(&draft(&n.to_string(), "x"), 1).map(drop)))
            .unwrap();
        drop(ledger);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[4096..middle].fill(0xa5);
        bytes
    }] {
        std::fs::write(&path, damage).unwrap();
        let opened = Ledger::open(&path, 77).unwrap();
        let aside = opened.moved_aside.expect("the damage was noticed");
        assert!(aside.path.to_string_lossy().ends_with(".corrupt-77"), "{aside:?}");
        assert!(aside.path.exists());
        assert_eq!(opened.ledger.read(|read| read.outbox_counts()).unwrap(), OutboxCounts::default());
        drop(opened.ledger);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn reading_does_not_wait_for_a_writer() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open(&folder.path().join("ledger.sqlite"));
    ledger
        .write(|write| {
            write.set_meta("k", "inside")?;
            let outside = ledger.read(|read| read.meta("k"))?;
            assert_eq!(outside, None);
            Ok(())
        })
        .unwrap();
    assert_eq!(ledger.read(|read| read.meta("k")).unwrap().as_deref(), Some("inside"));
}

#[test]
fn a_silence_is_there_after_reopening_and_goes_when_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let matcher = |name: &str, is_equal: bool| SilenceMatcher {
        name: name.to_owned(),
        value: "a|b".to_owned(),
        is_regex: true,
        is_equal,
    };
    let silence = Silence {
        id: "0f0e".to_owned(),
        matchers: vec![vec![matcher("job", true), matcher("zone", false)], vec![matcher("x", true)]],
        starts_ms: 1,
        ends_ms: i64::MAX,
        updated_ms: -5,
        created_by: "me".to_owned(),
        comment: "it's \"quiet\"".to_owned(),
        annotations: BTreeMap::from([("ticket".to_owned(), "T-1".to_owned())]),
    };
    open(&path).write(|write| write.put_silence(&silence)).unwrap();
    assert_eq!(open(&path).read(|read| read.silences()).unwrap(), [silence]);
    open(&path).write(|write| write.delete_silence("0f0e")).unwrap();
    assert_eq!(open(&path).read(|read| read.silences()).unwrap(), []);
}

#[test]
fn a_file_of_the_first_schema_keeps_what_its_destinations_are_owed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(crate::schema::FIRST).unwrap();
    old.execute_batch(
        "INSERT INTO notified VALUES ('k', 'pager', 0, '00000000000000ff', '', 7, 1);
         INSERT INTO notified VALUES ('k', 'pager', 1, '00000000000000ff', '', 7, 0);
         INSERT INTO alerts VALUES (255, '{\"alertname\":\"A\"}', '{}', 1, NULL, 2, '');",
    )
    .unwrap();
    old.execute_batch(&format!("PRAGMA user_version = 1; PRAGMA application_id = {};", 0x5746_4c47)).unwrap();
    drop(old);
    let ledger = open(&path);
    let told = ledger.read(|read| read.notified()).unwrap();
    assert_eq!((&told[0].open, told[1].open.len()), (&BTreeSet::from([255]), 0));
    let alerts = ledger.read(|read| read.alerts()).unwrap();
    assert_eq!((alerts[0].ends_ms, alerts[0].by_timeout), (None, false));
}

#[test]
fn a_file_of_the_seventh_schema_keeps_alerts_history_and_what_is_to_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    crate::schema::MIGRATIONS[..7].iter().for_each(|step| old.execute_batch(step).unwrap());
    old.execute_batch(
        "INSERT INTO alerts (fingerprint, labels, annotations, starts_ms, ends_ms, updated_ms, generator_url, by_timeout)
             VALUES (255, '{\"alertname\":\"A\"}', '{\"s\":\"x\"}', 1, 9, 2, 'http://w', 1),
                    (-1, '{\"alertname\":\"B\"}', '{}', 3, NULL, 1, '', 0);
         INSERT INTO alert_identities VALUES (255, '{\"alertname\":\"A\"}', 'A', 'g', 'f', 1),
                    (-1, '{\"alertname\":\"B\"}', 'B', '', '', 2);
         INSERT INTO alert_events (at_ms, fingerprint, kind) VALUES (10, 255, 0), (11, -1, 1), (12, 255, 1), (13, -1, 2);
         INSERT INTO outbox (group_key, receiver, integration, state, generation, reason, payload, firing, resolved,
                    created_ms, next_try_ms, attempts)
             VALUES ('k', 'pager', 0, 0, 3, 'first', 'told', '00000000000000ff', '', 5, 6, 7);
         INSERT INTO deliveries (job, group_key, receiver, integration, started_ms, outcome)
             VALUES (1, 'k', 'pager', 0, 6, 0);",
    )
    .unwrap();
    old.execute_batch(&format!("PRAGMA user_version = 7; PRAGMA application_id = {};", 0x5746_4c47)).unwrap();
    drop(old);
    let ledger = open(&path);
    let alerts = ledger.read(|read| read.alerts()).unwrap();
    let mut seen: Vec<_> =
        alerts.iter().map(|a| (a.fingerprint, a.starts_ms, a.ends_ms, a.by_timeout, a.row != 0)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(255, 1, Some(9), true, true), (u64::MAX, 3, None, false, true)]);
    let kinds = |alert: u64| -> Vec<AlertEventKind> {
        let events = ledger.read(|read| read.events_of(alert, i64::MAX, 10)).unwrap();
        events.into_iter().map(|event| event.kind).collect()
    };
    assert_eq!(kinds(255), [AlertEventKind::Firing, AlertEventKind::Pending]);
    assert_eq!(kinds(u64::MAX), [AlertEventKind::Resolved, AlertEventKind::Firing]);
    assert_eq!(ledger.read(|read| read.firing_in_history()).unwrap(), [255]);
    let job = ledger.read(|read| read.job(1)).unwrap().unwrap();
    assert_eq!((job.payload.as_str(), job.generation, job.attempts), ("told", 3, 7));
    assert_eq!(ledger.read(|read| read.deliveries_of(1)).unwrap().len(), 1);
    ledger.write(|write| write.finish_job(1, JobState::Done, 20, None)).unwrap();
    assert_eq!(ledger.write(|write| write.prune_finished(21)).unwrap(), 1);
    assert_eq!(ledger.read(|read| read.payload(1)).unwrap(), "", "what it told goes with it");
    assert_eq!(Ledger::verify(&path).unwrap(), Vec::<String>::new());
}

#[test]
fn an_alert_keeps_its_row_until_it_is_forgotten() {
    let ledger = Ledger::in_memory().unwrap();
    let alert = Alert {
        row: 0,
        fingerprint: u64::MAX,
        labels: Labels::from_pairs([("alertname", "Hot")]),
        annotations: BTreeMap::from([("summary".to_owned(), "a\"b".to_owned())]).into(),
        starts_ms: 1,
        ends_ms: Some(2),
        by_timeout: true,
        updated_ms: 3,
        generator_url: "http://w".into(),
    };
    let row = ledger.write(|write| write.put_alert(&alert)).unwrap();
    let other = ledger.write(|write| write.put_alert(&Alert { fingerprint: 1, ..alert.clone() })).unwrap();
    assert_ne!(row, other);
    let later = Alert { row, ends_ms: None, ..alert };
    assert_eq!(ledger.write(|write| write.put_alert(&later)).unwrap(), row);
    ledger.write(|write| write.delete_alerts([other])).unwrap();
    assert_eq!(ledger.read(|read| read.alerts()).unwrap(), [later]);
}
