use super::*;
use crate::testing::wait;
use crate::{LimitScope, StoreOptions};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use watchfire_disk::SimDisk;
use watchfire_model::ingest::{Batch, RefusalReason, Row, WriteReport};
use watchfire_model::time::{Clock, ManualClock};
use watchfire_model::{Labels, SampleValue};

const NOW: i64 = 1_700_000_000_000;

fn limits() -> SeriesLimits {
    SeriesLimits {
        series: 20,
        series_per_target: 4,
        series_per_job: 7,
        series_per_tenant: 6,
        tenant_label: "team".to_owned(),
    }
}

fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Store {
    let options = StoreOptions {
        group_window: Duration::ZERO,
        background: false,
        limits: limits(),
        ..StoreOptions::default()
    };
    Store::open(Path::new("/data"), options, Arc::new(disk.clone()), Arc::clone(clock) as _).unwrap()
}

fn row(series: &Labels, timestamp_ms: i64) -> Row {
    Row { series: series.clone(), timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(1.0) }
}

fn write(store: &Store, rows: Vec<Row>) -> WriteReport {
    wait(store.write(rows)).unwrap()
}

/// What every holder must count: the series in the index, one by one.
fn counted_one_by_one(store: &Store) -> BTreeMap<(&'static str, String, String), u64> {
    let mut counts = BTreeMap::new();
    for id in store.core.head.sorted() {
        let (labels, ()) = store.core.head.with_labels(id, |_| ()).unwrap();
        let value = |name: &str| labels.get(name).unwrap_or("").to_owned();
        let holders = [
            ("target", value("job"), value("instance")),
            ("job", value("job"), String::new()),
            ("tenant", value("team"), String::new()),
            ("total", String::new(), String::new()),
        ];
        for holder in holders.into_iter().filter(|holder| holder.0 != "tenant" || !holder.1.is_empty()) {
            *counts.entry(holder).or_default() += 1;
        }
    }
    counts
}

fn counted_by_admission(store: &Store) -> BTreeMap<(&'static str, String, String), u64> {
    let Cardinality { total, targets, jobs, tenants, .. } = store.cardinality(usize::MAX);
    let all = targets.into_iter().chain(jobs).chain(tenants).chain([total]);
    all.filter(|holder| holder.series > 0)
        .map(|holder| ((holder.scope.as_str(), holder.name, holder.instance), holder.series))
        .collect()
}

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<(u8, u8, u8, u8)>),
    Flush,
    Restart,
    PowerCut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let series = (0_u8..3, 0_u8..3, 0_u8..3, 0_u8..4);
    let step = prop_oneof![
        4 => proptest::collection::vec(series, 1..12).prop_map(Step::Write),
        2 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => Just(Step::PowerCut),
    ];
    proptest::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_holder_counts_the_series_that_are_there_and_none_passes_its_limit(steps in steps()) {
        let disk = SimDisk::new(1);
        let clock = Arc::new(ManualClock::at(NOW));
        let mut store = open(&disk, &clock);
        for step in steps {
            clock.advance(15_000);
            match step {
                Step::Write(series) => {
                    let rows: Vec<Row> = series
                        .iter()
                        .map(|(job, instance, team, id)| {
                            let text = |number: &u8| if *number == 0 { String::new() } else { number.to_string() };
                            let (job, instance, team, id) = (text(job), text(instance), text(team), text(id));
                            let labels = Labels::from_pairs([
                                ("__name__", "x"),
                                ("job", &*job),
                                ("instance", &*instance),
                                ("team", &*team),
                                ("id", &*id),
                            ]);
                            row(&labels, clock.now_ms())
                        })
                        .collect();
                    let count = rows.len();
                    let report = write(&store, rows);
                    prop_assert_eq!(report.accepted + report.refused_rows(), count);
                }
                Step::Flush => store.compact_now().unwrap(),
                Step::Restart => {
                    store.close();
                    drop(store);
                    store = open(&disk, &clock);
                }
                Step::PowerCut => {
                    drop(store);
                    disk.cut_power();
                    disk.restart();
                    store = open(&disk, &clock);
                }
            }
            let counted = counted_by_admission(&store);
            prop_assert_eq!(&counted, &counted_one_by_one(&store));
            let limits = limits();
            for ((scope, ..), series) in &counted {
                let limit = match *scope {
                    "target" => limits.series_per_target,
                    "job" => limits.series_per_job,
                    "tenant" => limits.series_per_tenant,
                    _ => limits.series,
                };
                prop_assert!(*series <= limit, "{} has {}", scope, series);
            }
        }
    }
}

#[test]
fn only_new_series_are_refused_and_the_rest_of_the_batch_is_kept() {
    let clock = Arc::new(ManualClock::at(NOW));
    let store = open(&SimDisk::new(1), &clock);
    let series = |id: u32| {
        let id = id.to_string();
        Labels::from_pairs([
            ("__name__", "x"),
            ("job", "llm"),
            ("instance", "a"),
            ("request_id", id.as_str()),
        ])
    };
    let report = write(&store, (0..10).map(|id| row(&series(id), NOW)).collect());
    assert_eq!(report.accepted, 4);
    assert_eq!(report.refused.len(), 1);
    let refusal = &report.refused[0];
    assert_eq!((refusal.reason, refusal.rows), (RefusalReason::SeriesLimit, 6));
    assert_eq!(
        refusal.example,
        "x{instance=\"a\", job=\"llm\", request_id=\"4\"} is not made: job \"llm\" target \"a\": label \
         \"request_id\" has 6 values among its 6 new series; a target may have 4 series \
         (metrics.limits.series_per_target)"
    );
    let again = write(&store, (0..4).map(|id| row(&series(id), NOW + 15_000)).collect());
    assert_eq!((again.accepted, again.refused.len()), (4, 0));
    store.set_limits(&SeriesLimits { series_per_target: 5, ..limits() }, 0);
    assert_eq!(write(&store, vec![row(&series(4), NOW + 15_000)]).accepted, 1);
    assert_eq!(store.admission().refused[0].scope, LimitScope::Target);
}

#[test]
fn forgotten_series_make_room_again_and_are_told_as_churn() {
    let clock = Arc::new(ManualClock::at(NOW));
    let store = open(&SimDisk::new(1), &clock);
    let series = |id: u32| Labels::from_pairs([("__name__", "x"), ("id", id.to_string().as_str())]);
    write(&store, (0..4).map(|id| row(&series(id), NOW)).collect());
    assert_eq!(write(&store, vec![row(&series(4), NOW)]).accepted, 0);
    // The first takes the samples out of memory, the second forgets who got no more.
    store.compact_now().unwrap();
    store.compact_now().unwrap();
    assert_eq!(write(&store, vec![row(&series(4), NOW)]).accepted, 1);
    let total = store.cardinality(10).total;
    assert_eq!((total.made_per_hour, total.forgotten_per_hour, total.refused_per_hour), (5, 4, 0));
    let counters = store.admission();
    assert_eq!((counters.made, counters.forgotten), (5, 4));
}

#[test]
fn at_the_limit_a_known_series_is_served_in_whatever_order_its_labels_come() {
    let clock = Arc::new(ManualClock::at(NOW));
    let store = open(&SimDisk::new(1), &clock);
    let sent = |labels: &[(&str, &str)], at| {
        let mut batch = Batch::new();
        batch.begin_series();
        labels.iter().for_each(|(name, value)| batch.push_label(name.as_bytes(), value.as_bytes()));
        batch.push_float(at, 0, 1.0);
        wait(store.write(batch)).unwrap()
    };
    for id in ["1", "2", "3", "4"] {
        assert_eq!(sent(&[("__name__", "x"), ("id", id)], NOW).accepted, 1);
    }
    assert_eq!(sent(&[("id", "4"), ("__name__", "x"), ("none", "")], NOW + 1).accepted, 1);
    let refused = sent(&[("id", "5"), ("__name__", "x")], NOW + 1);
    assert_eq!(refused.refused[0].reason, RefusalReason::SeriesLimit);
    assert_eq!(store.counters().head_series, 4);
}
