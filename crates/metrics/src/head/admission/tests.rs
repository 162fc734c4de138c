use super::*;
use crate::ceiling::{MemoryProbe, MemoryUse};
use std::sync::atomic::AtomicU64;

const NOW: i64 = 1_700_000_000_000;

#[derive(Debug, Default)]
struct Live(AtomicU64);

impl MemoryProbe for Live {
    fn measure(&self) -> MemoryUse {
        MemoryUse { live_bytes: self.0.load(Ordering::Relaxed), resident_bytes: 0 }
    }
}

fn admission(limits: SeriesLimits) -> Admission {
    with_ceiling(limits, Arc::default())
}

fn with_ceiling(limits: SeriesLimits, ceiling: Arc<Ceiling>) -> Admission {
    let admission = Admission::new(ceiling);
    admission.limit(&limits, std::iter::empty());
    admission.enforce();
    admission.at(NOW);
    admission
}

fn unlimited() -> SeriesLimits {
    SeriesLimits { series_per_target: 0, ..SeriesLimits::default() }
}

fn series(job: &str, instance: &str, id: &str) -> Labels {
    Labels::from_pairs([("__name__", "x"), ("job", job), ("instance", instance), ("request_id", id)])
}

/// Makes a series unless a limit refuses it; then says why.
fn make(admission: &Admission, labels: &Labels) -> Result<(), String> {
    match admission.admit(labels.as_bytes()) {
        Ok(admitted) => {
            admitted.keep();
            Ok(())
        }
        Err(refused) => {
            let mut refusals = Refusals::default();
            refusals.note(refused);
            Err(admission.settle(refusals).unwrap())
        }
    }
}

#[test]
fn a_target_over_its_limit_is_refused_and_the_label_that_exploded_is_named() {
    let admission = admission(SeriesLimits { series_per_target: 100, ..SeriesLimits::default() });
    for id in 0..100 {
        make(&admission, &series("llm", "10.0.0.1:8000", &id.to_string())).unwrap();
    }
    let mut refusals = Refusals::default();
    let rows: Vec<Labels> = (100..3000).map(|id| series("llm", "10.0.0.1:8000", &id.to_string())).collect();
    for row in &rows {
        refusals.note(admission.admit(row.as_bytes()).unwrap_err());
    }
    let words = admission.settle(refusals).unwrap();
    let (culprit, rest) = words.split_once(" has about ").unwrap();
    assert_eq!(
        culprit,
        "x{instance=\"10.0.0.1:8000\", job=\"llm\", request_id=\"100\"} is not made: job \"llm\" target \
         \"10.0.0.1:8000\": label \"request_id\""
    );
    assert!(
        rest.ends_with(" new series; a target may have 100 series (metrics.limits.series_per_target)"),
        "{rest}"
    );
    assert_eq!(
        admission.counters().refused,
        [report::RefusedCount {
            scope: LimitScope::Target,
            job: "llm".to_owned(),
            label: "request_id".to_owned(),
            refused: 2900
        }]
    );
    let refused = admission.report(10).refused;
    assert_eq!(refused.len(), 1);
    assert_eq!((refused[0].instance.as_str(), refused[0].refused_per_hour), ("10.0.0.1:8000", 2900));
    assert_eq!(refused[0].culprit.as_ref().unwrap().label, "request_id");
    assert_eq!((refused[0].series, refused[0].last_refused_ms), (100, Some(NOW)));
}

#[test]
fn one_holder_at_its_limit_leaves_the_others_alone() {
    let limits = SeriesLimits {
        series: 8,
        series_per_target: 2,
        series_per_job: 3,
        series_per_tenant: 4,
        tenant_label: "team".to_owned(),
    };
    let admission = admission(limits);
    let with = |job: &str, instance: &str, team: &str, id: u32| {
        let mut labels = series(job, instance, &id.to_string()).to_builder();
        make(&admission, &labels.set("team", team).build())
    };
    let refused = |result: Result<(), String>, setting: &str| {
        let words = result.unwrap_err();
        assert!(words.contains(&format!("(metrics.limits.{setting})")), "{words}");
    };
    with("a", "1", "", 0).unwrap();
    with("a", "1", "", 1).unwrap();
    refused(with("a", "1", "", 2), "series_per_target");
    with("a", "2", "", 3).unwrap();
    refused(with("a", "3", "", 4), "series_per_job");
    for id in 5..9 {
        with(&id.to_string(), "1", "red", id).unwrap();
    }
    refused(with("9", "1", "red", 9), "series_per_tenant");
    with("9", "1", "blue", 9).unwrap();
    refused(with("10", "1", "", 10), "series");
    let report = admission.report(10);
    assert_eq!((report.total.series, report.target_count, report.tenant_count), (8, 7, 2));
}

#[test]
fn a_series_forgotten_makes_room_for_another() {
    let admission = admission(SeriesLimits { series_per_target: 1, ..SeriesLimits::default() });
    let (old, new) = (series("a", "1", "old"), series("a", "1", "new"));
    make(&admission, &old).unwrap();
    assert!(make(&admission, &new).is_err());
    admission.forget(old.as_bytes());
    make(&admission, &new).unwrap();
    let counters = admission.counters();
    assert_eq!((counters.made, counters.forgotten), (2, 1));
}

#[test]
fn a_series_that_was_not_made_after_all_is_not_counted() {
    let admission = admission(unlimited());
    drop(admission.admit(series("a", "1", "x").as_bytes()).unwrap());
    let report = admission.report(10);
    assert_eq!((report.total.series, report.targets.len(), report.target_count), (0, 0, 0));
}

#[test]
fn while_memory_is_tight_only_the_greediest_target_is_refused() {
    let live = Arc::new(Live::default());
    let ceiling = Arc::new(Ceiling::new(Some(Arc::clone(&live) as Arc<dyn MemoryProbe>)));
    ceiling.limit(1_000_000_000);
    let admission = with_ceiling(unlimited(), Arc::clone(&ceiling));
    for id in 0..2000 {
        make(&admission, &series("bomb", "1", &id.to_string())).unwrap();
    }
    live.0.store(650_000_000, Ordering::Relaxed);
    ceiling.measure();
    let words = make(&admission, &series("bomb", "1", "more")).unwrap_err();
    assert!(words.contains("job \"bomb\" target \"1\": label \"request_id\" has about"), "{words}");
    assert!(
        words.ends_with("memory is short, 680.8 MiB of at most 953.7 MiB (metrics.limits.memory)"),
        "{words}"
    );
    for id in 0..100 {
        make(&admission, &series("good", "1", &id.to_string())).unwrap();
    }
    // Full: whoever has few series may have a few more.
    live.0.store(700_000_000, Ordering::Relaxed);
    ceiling.measure();
    assert!(make(&admission, &series("good", "1", "more")).unwrap_err().contains("job \"bomb\""));
    for id in 0..16 {
        make(&admission, &series("new", "1", &id.to_string())).unwrap();
    }
    assert!(make(&admission, &series("new", "1", "more")).is_err());
    // Over: nobody.
    live.0.store(900_000_000, Ordering::Relaxed);
    ceiling.measure();
    assert!(make(&admission, &series("newer", "1", "first")).is_err());
    // And when there is memory again, everybody.
    live.0.store(100_000_000, Ordering::Relaxed);
    ceiling.measure();
    make(&admission, &series("bomb", "1", "more")).unwrap();
}

#[test]
fn the_first_hour_after_an_explosion_its_target_is_told_and_later_forgotten() {
    let admission = admission(SeriesLimits { series_per_target: 1, ..SeriesLimits::default() });
    let (first, second) = (series("a", "1", "1"), series("a", "1", "2"));
    make(&admission, &first).unwrap();
    assert!(make(&admission, &second).is_err());
    assert_eq!(admission.report(10).refused.len(), 1);
    admission.forget(first.as_bytes());
    assert_eq!((admission.report(10).refused.len(), admission.report(10).targets.len()), (1, 0));
    for hour in 1..4 {
        admission.at(NOW + hour * HOUR_MS);
    }
    let report = admission.report(10);
    assert_eq!((report.refused.len(), report.target_count, report.job_count), (0, 0, 0));
    assert_eq!(admission.tracker_bytes.load(Ordering::Relaxed), 0);
    assert_eq!(report.refused_counts.len(), 1, "what was refused stays counted");
}

#[test]
fn an_explosion_of_instances_is_the_fault_of_their_job() {
    let admission = admission(SeriesLimits { series_per_job: 5000, ..unlimited() });
    let mut refusals = Refusals::default();
    let rows: Vec<Labels> = (0..9000).map(|number| series("pods", &format!("pod-{number}"), "1")).collect();
    for row in &rows {
        match admission.admit(row.as_bytes()) {
            Ok(admitted) => admitted.keep(),
            Err(refused) => refusals.note(refused),
        }
    }
    let words = admission.settle(refusals).unwrap();
    assert!(words.contains("is not made: job \"pods\": label \"instance\" has about"), "{words}");
    assert_eq!(admission.report(3).target_count, 5000, "who is refused takes no memory");
}

#[test]
fn another_tenant_label_counts_all_series_again() {
    let admission = admission(unlimited());
    let labels = |team: &str, id: u32| {
        let id = id.to_string();
        Labels::from_pairs([("__name__", "x"), ("team", team), ("id", id.as_str())])
    };
    let all: Vec<Labels> = (0..5).map(|id| labels(if id < 2 { "red" } else { "blue" }, id)).collect();
    for labels in &all {
        make(&admission, labels).unwrap();
    }
    assert!(admission.report(10).tenants.is_empty());
    admission.limit(
        &SeriesLimits { tenant_label: "team".to_owned(), series_per_tenant: 3, ..unlimited() },
        all.iter().cloned(),
    );
    let tenants: Vec<_> =
        admission.report(10).tenants.into_iter().map(|holder| (holder.name, holder.series)).collect();
    assert_eq!(tenants, [("blue".to_owned(), 3), ("red".to_owned(), 2)]);
    assert!(make(&admission, &labels("blue", 9)).is_err());
    make(&admission, &labels("red", 9)).unwrap();
}

#[test]
fn threads_that_make_series_at_once_never_pass_a_limit() {
    let admission = admission(SeriesLimits { series_per_job: 700, ..unlimited() });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let admission = &admission;
            scope.spawn(move || {
                for id in 0..500 {
                    let labels = series("a", &(id % 50).to_string(), &format!("{thread}-{id}"));
                    if let Ok(admitted) = admission.admit(labels.as_bytes()) {
                        admitted.keep();
                        if id % 3 == 0 {
                            admission.forget(labels.as_bytes());
                        }
                    }
                }
            });
        }
    });
    let report = admission.report(1000);
    let of_targets: u64 = report.targets.iter().map(|target| target.series).sum();
    assert_eq!((of_targets, report.jobs[0].series), (report.total.series, report.total.series));
    assert_eq!(report.total.series, 700);
}
