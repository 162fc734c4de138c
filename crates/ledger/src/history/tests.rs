use crate::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use watchfire_model::Labels;

fn identity(fingerprint: u64) -> AlertIdentity {
    AlertIdentity {
        fingerprint,
        labels: Labels::from_pairs([("alertname", "Hot"), ("instance", "a\"b")]),
        rule: "Hot".to_owned(),
        group: "g".to_owned(),
        file: "rules.yml".to_owned(),
    }
}

fn event(at_ms: i64, kind: AlertEventKind) -> EventDraft<'static> {
    EventDraft {
        at_ms,
        kind,
        value: Some(f64::NAN),
        active_ms: Some(1),
        fired_ms: None,
        annotations: None,
        detail: None,
    }
}

fn all(ledger: &Ledger) -> Vec<AlertEvent> {
    let mut found = Vec::new();
    ledger
        .read(|read| {
            read.scan_events((i64::MIN, i64::MAX), None, |event| {
                found.push(event);
                Ok(ControlFlow::Continue(()))
            })
        })
        .unwrap();
    found
}

#[test]
fn events_come_back_newest_first_and_go_on_where_somebody_stopped() {
    let ledger = Ledger::in_memory().unwrap();
    let annotations = Texts::from(BTreeMap::from([("summary".to_owned(), "<b>".to_owned())]));
    ledger
        .write(|write| {
            for at_ms in [10, 20, 20, 30] {
                write.put_event(&identity(u64::MAX), &event(at_ms, AlertEventKind::Pending))?;
            }
            let told = EventDraft {
                annotations: Some(&annotations),
                detail: Some("{}"),
                ..event(40, AlertEventKind::Firing)
            };
            write.put_event(&identity(u64::MAX), &told)?;
            Ok(())
        })
        .unwrap();
    let events = all(&ledger);
    let order: Vec<(i64, i64)> = events.iter().map(|event| (event.at_ms, event.id)).collect();
    assert_eq!(order, [(40, 5), (30, 4), (20, 3), (20, 2), (10, 1)]);
    assert_eq!(events[0].annotations.as_ref(), Some(&annotations.to_map()));
    assert!(events[0].value.is_some_and(f64::is_nan) && events[1].annotations.is_none());
    let mut rest = Vec::new();
    ledger
        .read(|read| {
            read.scan_events((15, 35), Some((20, 3)), |event| {
                rest.push(event.id);
                Ok(ControlFlow::Break(()))
            })
        })
        .unwrap();
    assert_eq!(rest, [2]);
    let known = ledger.read(|read| read.alert_identity(u64::MAX)).unwrap();
    assert_eq!(known, Some(identity(u64::MAX)));
    assert_eq!(ledger.read(|read| read.firing_in_history()).unwrap(), [u64::MAX]);
}

#[test]
fn what_is_old_or_too_much_is_forgotten_step_by_step_and_what_fires_stays_known() {
    let ledger = Ledger::in_memory().unwrap();
    ledger
        .write(|write| {
            for at_ms in 0..10 {
                write.put_event(&identity(1), &event(at_ms, AlertEventKind::Pending))?;
            }
            write.put_event_of(1, &event(10, AlertEventKind::Inactive))?;
            write.put_event(&identity(2), &event(3, AlertEventKind::Firing))?;
            Ok(())
        })
        .unwrap();
    let step =
        |before_ms, keep, most| ledger.write(|write| write.forget_events(before_ms, keep, most)).unwrap();
    assert_eq!(step(5, 100, 4), Forgotten { by_age: 4, by_number: 0 });
    assert_eq!(step(5, 100, 4), Forgotten { by_age: 2, by_number: 0 });
    assert_eq!(all(&ledger).len(), 6);
    assert_eq!(step(0, 3, 2), Forgotten { by_age: 0, by_number: 2 });
    assert_eq!(step(0, 3, 100), Forgotten { by_age: 0, by_number: 1 });
    assert_eq!(step(0, 3, 100), Forgotten::default());
    assert_eq!(step(100, 100, 100).by_age, 3);
    let known = |alert| ledger.read(|read| read.alert_identity(alert)).unwrap().is_some();
    assert!(!known(1), "nothing speaks of it any more");
    assert!(known(2), "its end has still to be written");
}

#[test]
fn notices_are_counted_by_time() {
    let ledger = Ledger::in_memory().unwrap();
    let notice = |at_ms| Notice {
        at_ms,
        rule: "Hot".to_owned(),
        receiver: "pager".to_owned(),
        integration: 7,
        job: 1,
        firing: 2,
        resolved: 0,
        delivered: true,
    };
    ledger.write(|write| (0..5).try_for_each(|at_ms| write.put_notice(&notice(at_ms)))).unwrap();
    assert_eq!(ledger.read(|read| read.notices((1, 2))).unwrap(), [notice(1), notice(2)]);
    ledger.write(|write| write.forget_events(3, 10, 100)).unwrap();
    assert_eq!(ledger.read(|read| read.notices((0, 9))).unwrap(), [notice(3), notice(4)]);
}
