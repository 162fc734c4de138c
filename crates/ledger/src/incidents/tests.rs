use super::*;
use crate::{JobDraft, JobState, Ledger};
use std::collections::BTreeMap;

fn alert(fingerprint: u64) -> Alert {
    Alert {
        row: 0,
        fingerprint,
        labels: Labels::from_pairs([("alertname", "Down"), ("instance", "a")]),
        annotations: BTreeMap::from([("summary".to_owned(), "a is down".to_owned())]).into(),
        starts_ms: 1_000,
        ends_ms: None,
        by_timeout: false,
        updated_ms: 1_000,
        generator_url: "http://w".into(),
    }
}

fn open(ledger: &Ledger, key: &str) -> Incident {
    let labels = Labels::from_pairs([("alertname", "Down")]);
    let new = NewIncident {
        group_key: key,
        receiver: "ops",
        labels: &labels,
        severity: Severity::Critical,
        started_ms: 1_000,
        escalation: None,
    };
    ledger.write(|write| write.open_incident(new, 2_000)).unwrap()
}

#[test]
fn an_incident_comes_back_as_it_was_kept() {
    let ledger = Ledger::in_memory().unwrap();
    let mut incident = open(&ledger, "k");
    ledger
        .write(|write| {
            write.put_incident_alerts(incident.id, [&alert(u64::MAX), &alert(2)])?;
            write.end_incident_alerts(incident.id, [(2, 5_000)])?;
            incident.acknowledgement = Some(Acknowledgement {
                owner: "ada".to_owned(),
                note: "mine".to_owned(),
                at_ms: 3_000,
                until_ms: Some(9_000),
                reminder_ms: None,
                next_reminder_ms: None,
                severity: Severity::Warning,
            });
            incident.escalation =
                Some(Escalation { policy: "gpu".to_owned(), step: 1, round: 0, next_ms: Some(7_000) });
            incident.paged.insert(("ben".to_owned(), 7));
            write.put_incident(&incident)?;
            write.add_event(&NewEvent {
                incident: incident.id,
                at_ms: 2_000,
                kind: EventKind::Fired,
                actor: None,
                text: "began".to_owned(),
                alerts: BTreeSet::from([u64::MAX, 2]),
            })
        })
        .unwrap();
    incident.firing.insert(u64::MAX);
    ledger
        .read(|read| {
            assert_eq!(read.incident(incident.id)?.as_ref(), Some(&incident));
            assert_eq!(read.live_incidents()?, [incident.clone()]);
            assert_eq!(read.last_incident("k", "ops")?, Some(incident.clone()));
            assert_eq!(read.last_incident("k", "others")?, None);
            let alerts = read.incident_alerts(incident.id)?;
            assert_eq!(alerts.iter().map(|alert| alert.ends_ms).collect::<Vec<_>>(), [None, Some(5_000)]);
            let events = read.incident_events(incident.id)?;
            assert_eq!((events[0].kind, events[0].alerts.len()), (EventKind::Fired, 2));
            assert_eq!(read.incidents_between(0, 999)?, []);
            assert_eq!(read.incidents_between(1_000, 1_000)?.len(), 1);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_group_has_one_open_incident_at_most() {
    let ledger = Ledger::in_memory().unwrap();
    let labels = Labels::default();
    open(&ledger, "k");
    let twice = NewIncident {
        group_key: "k",
        receiver: "ops",
        labels: &labels,
        severity: Severity::Info,
        started_ms: 1,
        escalation: None,
    };
    assert!(ledger.write(|write| write.open_incident(twice, 2)).is_err());
}

#[test]
fn what_is_pruned_is_over_and_told_and_takes_its_notifications_along() {
    let ledger = Ledger::in_memory().unwrap();
    let (mut over, mut owing, fires) = (open(&ledger, "a"), open(&ledger, "b"), open(&ledger, "c"));
    ledger
        .write(|write| {
            let draft = JobDraft {
                group_key: "a".to_owned(),
                receiver: "ops".to_owned(),
                integration: 0,
                reason: String::new(),
                payload: String::new(),
                firing: BTreeSet::new(),
                resolved: BTreeSet::new(),
                incident: Some(over.id),
            };
            let job = write.enqueue(&draft, 0)?;
            write.finish_job(job, JobState::Done, 10, None)?;
            over.resolved_ms = Some(100);
            owing.resolved_ms = Some(100);
            owing.paged.insert(("ben".to_owned(), 1));
            write.put_incident(&over)?;
            write.put_incident(&owing)?;
            assert_eq!(write.prune_finished(1_000)?, 0, "the incident is still kept");
            assert_eq!(write.prune_incidents(100)?, 0);
            assert_eq!(write.prune_incidents(101)?, 1);
            assert_eq!(write.prune_finished(1_000)?, 1);
            let left: Vec<i64> = write.reading().live_incidents()?.iter().map(|found| found.id).collect();
            assert_eq!(left, [owing.id, fires.id]);
            Ok(())
        })
        .unwrap();
}
