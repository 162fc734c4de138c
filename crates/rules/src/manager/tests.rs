use super::*;
use crate::file::ReadOptions;
use crate::group::Group;
use crate::sink::{AlertInstance, AlertState, Evaluation, Restored, SinkError, SinkFuture};
use crate::status::{Health, RuleKind};
use crate::testing::TestStore;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use watchfire_model::ingest::Row;
use watchfire_model::sample::STALE_NAN_BITS;
use watchfire_model::time::{ManualClock, SystemClock};
use watchfire_model::{Matcher, SampleValue, Samples, TimeRange};
use watchfire_promql::SelectHints;

/// A sink that remembers the last evaluation of every rule.
#[derive(Default)]
struct Memory {
    kept: Mutex<BTreeMap<String, Evaluation>>,
    retained: Mutex<Vec<Vec<String>>>,
    broken: AtomicBool,
}

impl Memory {
    fn instances(&self, rule: &str) -> Vec<AlertInstance> {
        let kept = self.kept.lock().unwrap();
        kept.get(rule).map(|evaluation| evaluation.instances.clone()).unwrap_or_default()
    }
}

impl AlertSink for Memory {
    fn commit(&self, evaluation: Evaluation) -> SinkFuture<'_, ()> {
        let result = if self.broken.load(Ordering::SeqCst) {
            Err(SinkError("disk full".to_owned()))
        } else {
            self.kept.lock().unwrap().insert(evaluation.rule.clone(), evaluation);
            Ok(())
        };
        Box::pin(std::future::ready(result))
    }

    fn restore(&self, rule: &str) -> SinkFuture<'_, Option<Restored>> {
        let kept = self.kept.lock().unwrap();
        let restored = kept.get(rule).map(|evaluation| Restored {
            evaluated_ms: evaluation.evaluated_ms,
            instances: evaluation.instances.clone(),
        });
        Box::pin(std::future::ready(Ok(restored)))
    }

    fn retain(&self, rules: Vec<String>, _now_ms: i64) -> SinkFuture<'_, ()> {
        self.retained.lock().unwrap().push(rules);
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Bench {
    store: Arc<TestStore>,
    alerts: Arc<Memory>,
    surround: Surround,
}

impl Bench {
    fn new() -> Self {
        let (store, alerts) = (Arc::new(TestStore::default()), Arc::new(Memory::default()));
        let surround = Surround {
            asker: Asker::new(Engine::default(), store.clone()),
            observer: None,
            threads: Arc::new(QueryThreads::start(1).unwrap()),
            samples: store.clone(),
            alerts: alerts.clone(),
            external_labels: Labels::from_pairs([("region", "north")]),
            external_url: "http://w".to_owned(),
            default_query_offset: Duration::ZERO,
        };
        Self { store, alerts, surround }
    }

    fn put(&self, name: &str, pairs: &[(&str, &str)], timestamp_ms: i64, value: f64) {
        let series = Labels::from_pairs(pairs.iter().copied().chain([("__name__", name)]));
        self.store.append(Row {
            series,
            timestamp_ms,
            start_timestamp_ms: 0,
            value: SampleValue::Float(value),
        });
    }

    /// All samples of a metric, as `{labels} value@time …`, `ended` for the stale marker.
    fn dump(&self, name: &str) -> Vec<String> {
        let matcher = [Matcher::equal("__name__", name)];
        let mut stream = self.store.select(&matcher, TimeRange::ALL, &SelectHints::default()).unwrap();
        let (mut samples, mut lines) = (Samples::default(), Vec::new());
        while let Some(labels) = stream.next(&mut samples).unwrap() {
            let words = samples.timestamps_ms.iter().zip(&samples.floats).map(|(time, value)| {
                let ended = value.to_bits() == STALE_NAN_BITS;
                format!(" {}@{time}", if ended { "ended".to_owned() } else { value.to_string() })
            });
            lines.push(format!("{}{}", labels.without_name(), words.collect::<String>()));
        }
        lines
    }

    async fn evaluate(&self, group: &mut Group, at_ms: i64) {
        group.evaluate(at_ms, &self.surround, || true).await;
    }
}

fn file(text: &str) -> RuleFile {
    RuleFile::parse("r.yml", text, ReadOptions::default()).unwrap()
}

fn group(rules: &str) -> Group {
    let file = file(&format!("groups:\n- name: g\n{rules}"));
    Group::new("r.yml", file.groups.into_iter().next().unwrap(), Duration::from_secs(60))
}

#[tokio::test]
async fn rules_of_a_group_see_what_the_ones_before_them_recorded() {
    let bench = Bench::new();
    bench.put("up", &[("job", "a")], 1_000, 1.0);
    let mut group = group(
        "  rules:\n  - {record: up:sum, expr: sum(up), labels: {by: me}}\n  - {record: up:double, expr: 'up:sum * 2'}\n",
    );
    bench.evaluate(&mut group, 2_000).await;
    assert_eq!(bench.dump("up:sum"), ["{by=\"me\"} 1@2000"]);
    assert_eq!(bench.dump("up:double"), ["{by=\"me\"} 2@2000"]);
    let status = group.status();
    assert!(
        status.rules.iter().all(|rule| rule.health == Health::Good && rule.last_evaluation_ms == Some(2_000))
    );
}

/// A store that refuses one metric, as if it had a series too many.
struct Choosy(Arc<TestStore>);

impl MetricSink for Choosy {
    fn write(&self, batch: watchfire_model::ingest::Batch) -> watchfire_model::ingest::Committed {
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for row in batch.rows() {
            if row.series.get("__name__") == Some("unwanted") {
                let reason = watchfire_model::ingest::RefusalReason::SeriesLimit;
                watchfire_model::ingest::Refusal::note(&mut refused, reason, 1, || "one too many".to_owned());
            } else {
                kept.push(row);
            }
        }
        let written = self.0.write(kept.into());
        Box::pin(async move {
            let report = written.await?;
            Ok(watchfire_model::ingest::WriteReport { refused, ..report })
        })
    }

    fn describe(&self, _target: &Labels, _family: &str, _metadata: watchfire_model::Metadata) {}
}

#[tokio::test]
async fn of_rules_that_are_written_together_only_the_one_whose_series_are_refused_is_bad() {
    let mut bench = Bench::new();
    bench.surround.samples = Arc::new(Choosy(bench.store.clone()));
    bench.put("up", &[("job", "a")], 1_000, 1.0);
    let mut group = group(
        "  rules:\n  - {record: first, expr: up}\n  - {record: unwanted, expr: up}\n  - {record: last, expr: up * 3}\n",
    );
    for at_ms in [2_000, 3_000] {
        bench.evaluate(&mut group, at_ms).await;
        let status = group.status();
        let health: Vec<Health> = status.rules.iter().map(|rule| rule.health).collect();
        assert_eq!(health, [Health::Good, Health::Bad, Health::Good], "at {at_ms}");
        assert!(status.rules[1].last_error.as_deref().unwrap().contains("one too many"), "{status:?}");
    }
    assert_eq!(bench.dump("last"), ["{job=\"a\"} 3@2000 3@3000"]);
    // Once nothing is refused any more all is well again.
    bench.surround.samples = bench.store.clone();
    for at_ms in [4_000, 5_000] {
        bench.evaluate(&mut group, at_ms).await;
        assert!(group.status().rules.iter().all(|rule| rule.health == Health::Good));
    }
    assert_eq!(bench.dump("unwanted"), ["{job=\"a\"} 1@4000 1@5000"]);
}

#[tokio::test]
async fn series_that_a_rule_gives_no_more_end_and_those_of_a_failing_rule_do_not() {
    let bench = Bench::new();
    bench.put("x", &[("i", "1")], 0, 1.0);
    bench.put("x", &[("i", "2")], 0, f64::NAN);
    let mut group = group("  rules:\n  - {record: y, expr: 'x'}\n");
    bench.evaluate(&mut group, 1_000).await;
    bench.put("x", &[("i", "1")], 1_500, f64::from_bits(STALE_NAN_BITS));
    bench.evaluate(&mut group, 2_000).await;
    assert_eq!(bench.dump("y"), ["{i=\"1\"} 1@1000 ended@2000", "{i=\"2\"} NaN@1000 NaN@2000"]);

    let mut failing = self::group("  rules:\n  - {record: z, expr: 'x + on () group_left () x'}\n");
    bench.put("x", &[("i", "3")], 2_000, 1.0);
    bench.evaluate(&mut failing, 2_500).await;
    let status = failing.status();
    assert_eq!(status.rules[0].health, Health::Bad);
    assert!(status.rules[0].last_error.as_deref().unwrap().contains("many-to-many"), "{status:?}");
    assert!(bench.dump("z").is_empty());
}

#[tokio::test]
async fn labels_that_collide_and_limits_that_are_passed_are_errors() {
    let bench = Bench::new();
    bench.put("x", &[("i", "1")], 0, 1.0);
    bench.put("x", &[("i", "2")], 0, 2.0);
    for (rules, words) in [
        (
            "  rules:\n  - {record: y, expr: x, labels: {i: same}}\n",
            "same labelset after applying rule labels",
        ),
        (
            "  rules:\n  - {alert: A, expr: x, labels: {i: same}}\n",
            "same labelset after applying alert labels",
        ),
        ("  limit: 1\n  rules:\n  - {record: y, expr: x}\n", "exceeded limit of 1 with 2 series"),
        ("  limit: 1\n  rules:\n  - {alert: A, expr: x}\n", "exceeded limit of 1 with 2 alerts"),
        ("  rules:\n  - {record: y, expr: '\"text\"'}\n", "rule result is not a vector or scalar"),
    ] {
        let mut group = group(rules);
        bench.evaluate(&mut group, 1_000).await;
        let error = group.status().rules[0].last_error.clone().unwrap_or_default();
        assert!(error.contains(words), "{rules}: {error}");
    }
    assert!(bench.dump("y").is_empty() && bench.dump("ALERTS").is_empty());
}

#[tokio::test]
async fn an_alerting_rule_writes_its_series_and_tells_its_sink() {
    let bench = Bench::new();
    bench.put("up", &[("job", "a"), ("instance", "x")], 0, 0.0);
    let mut group = group(
        "  query_offset: 5s\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 1m\n    labels: {severity: page}\n    \
         annotations: {summary: '{{ $labels.instance }} is {{ $value }} in {{ $externalLabels.region }}', bad: '{{ first (query \"nothing\") }}'}\n",
    );
    bench.evaluate(&mut group, 10_000).await;
    bench.evaluate(&mut group, 70_000).await;
    let labels = "instance=\"x\", job=\"a\", severity=\"page\"}";
    assert_eq!(
        bench.dump("ALERTS"),
        [
            format!("{{alertname=\"Down\", alertstate=\"firing\", {labels} 1@65000"),
            format!("{{alertname=\"Down\", alertstate=\"pending\", {labels} 1@5000 ended@65000"),
        ]
    );
    assert_eq!(bench.dump("ALERTS_FOR_STATE"), [format!("{{alertname=\"Down\", {labels} 10@5000 10@65000")]);
    let kept = bench.alerts.kept.lock().unwrap();
    let evaluation = kept.values().next().unwrap();
    assert_eq!(evaluation.rule, "r.yml;g;Down;{severity=\"page\"}");
    assert_eq!(evaluation.generator_url, "http://w/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
    let alert = &evaluation.instances[0];
    assert_eq!((alert.state, alert.active_ms, alert.fired_ms), (AlertState::Firing, 10_000, Some(70_000)));
    assert_eq!(alert.annotations["summary"], "x is 0 in north");
    assert!(
        alert.annotations["bad"]
            .starts_with("<error expanding template: error executing template __alert_Down: ")
    );
    drop(kept);
    let RuleKind::Alerting { state, alerts, .. } = &group.status().rules[0].kind else { panic!() };
    assert_eq!((*state, alerts.len()), (AlertState::Firing, 1));
}

#[tokio::test]
async fn a_sink_that_cannot_keep_alerts_makes_the_rule_bad_until_it_can() {
    let bench = Bench::new();
    bench.put("up", &[], 0, 0.0);
    let mut group = group("  rules:\n  - {alert: Down, expr: up == 0}\n");
    bench.alerts.broken.store(true, Ordering::SeqCst);
    bench.evaluate(&mut group, 1_000).await;
    assert_eq!(group.status().rules[0].last_error.as_deref(), Some("alerts could not be kept: disk full"));
    bench.alerts.broken.store(false, Ordering::SeqCst);
    bench.evaluate(&mut group, 2_000).await;
    assert_eq!(group.status().rules[0].health, Health::Good);
    assert_eq!(bench.alerts.instances("r.yml;g;Down;{}")[0].fired_ms, Some(1_000));
}

#[tokio::test]
async fn a_group_goes_on_after_a_restart_as_if_nothing_had_happened() {
    let bench = Bench::new();
    bench.put("up", &[], 0, 0.0);
    let rules = "  rules:\n  - {alert: Down, expr: up == 0, for: 2m, keep_firing_for: 5m}\n";
    let mut before = group(rules);
    for minute in 0..3 {
        bench.evaluate(&mut before, minute * 60_000).await;
    }
    let mut after = group(rules);
    after.restore(&*bench.alerts, 150_000).await;
    assert_eq!(
        bench.alerts.instances("r.yml;g;Down;{}").first().map(|alert| (alert.state, alert.active_ms)),
        Some((AlertState::Firing, 0))
    );
    // The series is gone by now: it keeps firing, and the series of alerts goes on.
    bench.evaluate(&mut after, 900_000).await;
    let alert = bench.alerts.instances("r.yml;g;Down;{}")[0].clone();
    assert_eq!(
        (alert.state, alert.fired_ms, alert.keep_firing_since_ms),
        (AlertState::Firing, Some(120_000), Some(900_000))
    );
    bench.evaluate(&mut after, 1_200_000).await;
    let alert = bench.alerts.instances("r.yml;g;Down;{}")[0].clone();
    assert_eq!((alert.state, alert.resolved_ms), (AlertState::Inactive, Some(1_200_000)));
    assert!(
        bench.dump("ALERTS").iter().any(|line| line.contains("firing") && line.ends_with("ended@1200000"))
    );
}

#[test]
fn a_group_is_evaluated_in_its_slot_of_the_interval() {
    let slot = slot_of(&("f".to_owned(), "g".to_owned()), 60_000);
    assert!((0..60_000).contains(&slot));
    for now_ms in [0, 1, slot - 1, slot, slot + 1, 1_700_000_012_345] {
        let next = next_evaluation(now_ms, 60_000, slot);
        assert!(next > now_ms && next <= now_ms + 60_000, "{now_ms} {next}");
        assert_eq!(next.rem_euclid(60_000), slot);
    }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} never happened");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn manager(bench: &Bench, clock: Arc<dyn Clock>) -> Manager {
    Manager::start(Parts {
        engine: Engine::default(),
        source: bench.store.clone(),
        samples: bench.store.clone(),
        alerts: bench.alerts.clone(),
        clock,
        observer: None,
        query_threads: 1,
    })
    .unwrap()
}

#[tokio::test]
async fn the_manager_evaluates_by_itself_and_a_reload_keeps_what_did_not_change() {
    let bench = Bench::new();
    let manager = manager(&bench, Arc::new(SystemClock));
    let settings = Settings { evaluation_interval: Duration::from_millis(20), ..Settings::default() };
    let first = file(
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: vector(1), for: 1h}\n  - {record: gone, expr: vector(1)}\n\
         - name: same\n  rules: [{alert: S, expr: vector(1), for: 1h}]\n- name: empty\n",
    );
    manager.apply(vec![first], settings.clone()).await;
    let evaluated = |name: &str| {
        let groups = manager.groups();
        groups.iter().find(|group| group.name == name).is_some_and(|group| group.last_evaluation_ms.is_some())
    };
    until("an evaluation", || evaluated("g") && evaluated("same") && evaluated("empty")).await;
    let active = |rule: &str| bench.alerts.instances(rule).first().map(|alert| alert.active_ms);
    let (a, s) = (active("r.yml;g;A;{}").unwrap(), active("r.yml;same;S;{}").unwrap());

    let second = file(
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'vector(2)', for: 1h}\n\
         - name: same\n  rules: [{alert: S, expr: vector(1), for: 1h}]\n",
    );
    manager.apply(vec![second], settings).await;
    assert_eq!(manager.groups().len(), 2);
    until("the changed rule", || bench.alerts.instances("r.yml;g;A;{}")[0].value == 2.0).await;
    assert_eq!((active("r.yml;g;A;{}"), active("r.yml;same;S;{}")), (Some(a), Some(s)));
    assert!(bench.dump("gone")[0].contains("ended@"));
    assert_eq!(*bench.alerts.retained.lock().unwrap().last().unwrap(), ["r.yml;g;A;{}", "r.yml;same;S;{}"]);
    let metrics = || {
        let mut metrics = String::new();
        manager.write_metrics(&mut metrics);
        metrics
    };
    let count = || {
        let counted = metrics().lines().find_map(|line| {
            let count =
                line.strip_prefix("prometheus_rule_group_iterations_total{rule_group=\"r.yml;same\"} ")?;
            count.parse::<u64>().ok()
        });
        counted.unwrap()
    };
    assert!(count() > 0, "a group keeps its counts over a reload");
    let said = metrics();
    for line in [
        "prometheus_rule_group_rules{rule_group=\"r.yml;g\"} 1\n",
        "prometheus_rule_group_last_evaluation_samples{rule_group=\"r.yml;g\"} 2\n",
        "prometheus_rule_evaluation_failures_total{rule_group=\"r.yml;same\"} 0\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("r.yml;empty"), "a group that is gone has none: {said}");
    manager.stop().await;
    let stopped_at = count();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(count(), stopped_at);
}

#[tokio::test]
async fn a_reload_does_not_wait_for_a_clock_that_stands_still() {
    let bench = Bench::new();
    let manager = manager(&bench, Arc::new(ManualClock::at(1_000)));
    let rules = file("groups:\n- name: g\n  rules: [{alert: A, expr: vector(1)}]\n");
    manager.apply(vec![rules.clone()], Settings::default()).await;
    manager.apply(Vec::new(), Settings::default()).await;
    assert!(manager.groups().is_empty());
}
