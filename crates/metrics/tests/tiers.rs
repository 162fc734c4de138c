//! The engine over the store's tiers, against the engine over all samples.

use std::path::Path;
use std::sync::Arc;
use watchfire_disk::RealDisk;
use watchfire_metrics::{Downsampled, KeepRule, Retention, Store, StoreOptions, TierOptions};
use watchfire_model::ingest::Row;
use watchfire_model::time::ManualClock;
use watchfire_model::{Coarse, Labels, Matcher, STALE_NAN, SampleValue, Samples, TimeRange};
use watchfire_promql::parser::{SequenceItem, parse_series};
use watchfire_promql::testing::{MemorySource, engine_options};
use watchfire_promql::{
    Engine, EngineOptions, ParseOptions, Query, QueryResult, SelectHints, SeriesStream, Source, SourceError,
    Value, parse,
};

/// The store as the engine sees it.
struct StoreSource(Arc<Store>);

impl Source for StoreSource {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        Ok(Box::new(Stream(self.0.select_digest(matchers, range, hints.digest()).unwrap())))
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(self.0.label_names(matchers, range).unwrap())
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        Ok(self.0.label_values(name, matchers, range).unwrap())
    }
}

struct Stream(Downsampled);

impl SeriesStream for Stream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        Ok(self.0.next(samples).unwrap())
    }

    fn coarse(&self) -> &[Coarse] {
        self.0.coarse()
    }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The first day of samples.
const FIRST: i64 = 20_000 * DAY;

fn options(retention_ms: i64) -> StoreOptions {
    let tier = |resolution_ms, keep_ms| TierOptions { resolution_ms, keep_ms };
    StoreOptions {
        retention_ms,
        tiers: vec![tier(5 * MINUTE, 5 * DAY), tier(HOUR, 300 * DAY)],
        background: false,
        ..StoreOptions::default()
    }
}

fn open(path: &Path, retention_ms: i64, clock: &Arc<ManualClock>) -> Store {
    Store::open(path, options(retention_ms), Arc::new(RealDisk), Arc::clone(clock) as _).unwrap()
}

/// A histogram of so many observations.
fn histogram(count: u64) -> SampleValue {
    let (low, sum) = (count / 2, count * 3);
    let high = count - low;
    let text = format!("h {{{{schema:1 count:{count} sum:{sum} offset:0 buckets:[{low} {high}]}}}}");
    match parse_series(&text).unwrap().values.first() {
        Some(SequenceItem::Value(value)) => value.clone(),
        other => panic!("{other:?}"),
    }
}

/// Series of all shapes: counters with resets, gauges, native histograms, gaps, stale ends, irregular times.
fn rows(days: i64, random: &mut fastrand::Rng) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, job) in
        [("c_total", "a"), ("c_total", "b"), ("gauge", "c"), ("gauge", "sparse"), ("h", "h"), ("odd", "odd")]
    {
        let series = Labels::from_pairs([("__name__", name), ("job", job)]);
        let (mut at, mut value, mut count) = (FIRST + random.i64(0..MINUTE), 0.0, 10_u64);
        while at < FIRST + days * DAY {
            let sample = match name {
                "c_total" => {
                    value = if random.u32(0..200) == 0 { random.f64() } else { value + random.f64() * 10.0 };
                    SampleValue::Float(value)
                }
                "h" => {
                    count = if random.u32(0..200) == 0 { 3 } else { count + random.u64(0..9) };
                    histogram(count)
                }
                "odd" => SampleValue::Float(*random.choice(&[-0.0, 0.0, 1.5, -7.25, 1e9]).unwrap()),
                _ => SampleValue::Float(random.f64() * 100.0 - 30.0),
            };
            let mut push = |timestamp_ms, value| {
                rows.push(Row { series: series.clone(), timestamp_ms, start_timestamp_ms: 0, value });
            };
            push(at, sample);
            let step = if job == "sparse" { random.i64(MINUTE..40 * MINUTE) } else { MINUTE };
            if random.u32(0..300) == 0 {
                // It ends, and comes back later.
                push(at + 1_000, SampleValue::Float(STALE_NAN));
                at += random.i64(0..5 * HOUR);
            } else if random.u32(0..300) == 0 {
                at += random.i64(0..2 * HOUR);
            }
            at += step + random.i64(-300..300);
            if random.u32(0..40) == 0 {
                // Right on the end of a window.
                at = at.div_euclid(5 * MINUTE) * 5 * MINUTE + 5 * MINUTE;
            }
        }
    }
    rows
}

struct Both {
    memory: MemorySource,
    store: StoreSource,
    _dir: tempfile::TempDir,
}

/// Seven days: of the first one windows of an hour are left, then of five minutes, and samples from the sixth on.
fn both(seed: u64) -> Both {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows(7, &mut fastrand::Rng::with_seed(seed));
    let mut memory = MemorySource::new();
    for row in &rows {
        memory.append(&row.series, row.timestamp_ms, row.value.clone(), 0);
    }
    let clock = Arc::new(ManualClock::at(FIRST + 7 * DAY));
    let store = open(dir.path(), 30 * DAY, &clock);
    for rows in rows.chunks(5_000) {
        drop(store.write(rows.to_vec()));
    }
    store.compact_now().unwrap();
    store.close();
    drop(store);
    clock.set(FIRST + 7 * DAY + HOUR + MINUTE);
    let store = open(dir.path(), 2 * DAY, &clock);
    store.compact_now().unwrap();
    let stats = store.tier_stats();
    assert_eq!(stats.seam_ms, Some(FIRST + 5 * DAY));
    assert_eq!(stats.tiers.iter().map(|tier| tier.days).collect::<Vec<_>>(), [5, 7]);
    let mut samples = Samples::default();
    let raw = store.select(&[Matcher::equal("job", "a")], TimeRange::ALL).unwrap().next(&mut samples);
    assert!(raw.unwrap().is_some() && samples.timestamps_ms.iter().all(|at| *at >= FIRST + 5 * DAY));
    Both { memory, store: StoreSource(Arc::new(store)), _dir: dir }
}

fn ask(source: &dyn Source, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> QueryResult {
    let expr = parse(query, ParseOptions::default()).unwrap();
    let query = Query::range(expr, start_ms, end_ms, step_ms);
    // A week of samples is more than scripts of a few minutes may hold.
    let options = EngineOptions { max_samples: EngineOptions::default().max_samples, ..engine_options() };
    Engine::new(options).evaluate(&query, source).unwrap()
}

fn near(left: f64, right: f64, tolerance: f64) -> bool {
    left.to_bits() == right.to_bits()
        || (left.is_nan() && right.is_nan())
        || (left - right).abs() <= tolerance * left.abs().max(right.abs()).max(1.0)
}

fn same(left: &SampleValue, right: &SampleValue, tolerance: f64) -> bool {
    match (left, right) {
        (SampleValue::Float(left), SampleValue::Float(right)) if tolerance == 0.0 => {
            left.to_bits() == right.to_bits()
        }
        (SampleValue::Float(left), SampleValue::Float(right)) => near(*left, *right, tolerance),
        (SampleValue::Histogram(left), SampleValue::Histogram(right)) => {
            near(left.count, right.count, tolerance)
                && near(left.sum, right.sum, tolerance)
                && left.positive_buckets.len() == right.positive_buckets.len()
                && left
                    .positive_buckets
                    .iter()
                    .zip(&right.positive_buckets)
                    .all(|(left, right)| near(*left, *right, tolerance))
        }
        _ => false,
    }
}

/// Both answers, and where they differ.
fn assert_same(both: &Both, query: &str, (start_ms, end_ms, step_ms): (i64, i64, i64), tolerance: f64) {
    let wanted = ask(&both.memory, query, start_ms, end_ms, step_ms);
    let found = ask(&both.store, query, start_ms, end_ms, step_ms);
    let (Value::Matrix(wanted), Value::Matrix(series)) = (wanted.value, found.value) else { panic!() };
    let labels = |series: &[watchfire_model::Series]| -> Vec<String> {
        series.iter().map(|series| series.labels.to_string()).collect()
    };
    assert_eq!(labels(&wanted), labels(&series), "{query}");
    assert!(!wanted.is_empty(), "{query} tests nothing");
    for (wanted, found) in wanted.iter().zip(&series) {
        assert_eq!(
            wanted.samples.timestamps_ms, found.samples.timestamps_ms,
            "{query} {} over {start_ms}..{end_ms}",
            wanted.labels
        );
        for ((at, wanted_value), (_, value)) in wanted.samples.iter().zip(found.samples.iter()) {
            assert!(
                same(&wanted_value, &value, tolerance),
                "{query} {} at {at} (day {} + {} min): {wanted_value:?} expected, {value:?} found",
                wanted.labels,
                (at - FIRST) / DAY,
                (at - FIRST) % DAY / MINUTE
            );
        }
    }
    let told: Vec<String> = found.annotations.infos.iter().map(|note| note.message.clone()).collect();
    assert!(!told.iter().any(|text| text.contains("approximate")), "{query}: {told:?}");
    assert_eq!(found.coarse.len(), 2, "{query} reads both tiers");
}

/// Across both seams, in whole hours.
const WHOLE: (i64, i64, i64) = (FIRST + 6 * HOUR, FIRST + 7 * DAY, HOUR);

#[test]
fn ranges_of_whole_windows_are_answered_as_samples_would_answer_them() {
    for seed in 0..4 {
        let both = both(seed);
        for (function, tolerance) in [
            ("min_over_time", 0.0),
            ("max_over_time", 0.0),
            ("count_over_time", 0.0),
            ("last_over_time", 0.0),
            ("first_over_time", 0.0),
            ("present_over_time", 0.0),
            ("ts_of_last_over_time", 0.0),
            ("ts_of_first_over_time", 0.0),
            ("sum_over_time", 1e-12),
            ("avg_over_time", 1e-12),
            ("rate", 1e-12),
            ("increase", 1e-12),
            ("delta", 1e-12),
        ] {
            for range in ["1h", "2h", "6h", "1d"] {
                let query = format!("{function}({{__name__=~\"c_total|gauge|odd|h\"}}[{range}])");
                assert_same(&both, &query, WHOLE, tolerance);
            }
        }
        for query in [
            "rate(c_total[2h] anchored)",
            "increase(c_total[2h] smoothed)",
            "rate(h[2h] anchored)",
            "histogram_quantile(0.9, rate(h[3h]))",
            "sum(rate(c_total[1h] offset 1h))",
        ] {
            assert_same(&both, query, WHOLE, 1e-12);
        }
    }
}

#[test]
fn at_the_end_of_windows_selectors_find_what_was_there() {
    for seed in 10..14 {
        let both = both(seed);
        for query in
            ["{__name__=~\"c_total|gauge|odd|h\"}", "timestamp(gauge)", "absent(gauge{job=\"sparse\"})"]
        {
            assert_same(&both, query, WHOLE, 0.0);
        }
    }
}

#[test]
fn between_the_ends_of_windows_a_series_neither_ends_early_nor_lives_on() {
    let both = both(20);
    let range = (FIRST + HOUR + 7_000, FIRST + 7 * DAY, 419_000);
    let wanted = ask(&both.memory, "c_total{job=\"a\"}", range.0, range.1, range.2);
    let found = ask(&both.store, "c_total{job=\"a\"}", range.0, range.1, range.2);
    let times = |result: &QueryResult| match &result.value {
        Value::Matrix(series) => series[0].samples.timestamps_ms.clone(),
        other => panic!("{other:?}"),
    };
    let (wanted_times, found_times) = (times(&wanted), times(&found));
    // Only a gap inside a window goes unseen, and that not always.
    let missing = wanted_times.iter().filter(|at| !found_times.contains(at)).count();
    let invented = found_times.iter().filter(|at| !wanted_times.contains(at)).count();
    assert_eq!(missing, 0);
    assert!(invented * 100 < wanted_times.len(), "{invented} of {}", wanted_times.len());
    let told = &found.annotations.infos[0].message;
    assert_eq!(
        told,
        "result is approximate: samples before 2024-10-09T00:00:00Z are kept at a resolution of 5m and before \
         2024-10-06T00:00:00Z at a resolution of 1h, and its times are no multiples of it"
    );
}

/// What the answer says about itself.
fn told(result: &QueryResult) -> Vec<String> {
    result.annotations.infos.iter().map(|note| note.message.clone()).collect()
}

/// All values of an answer.
fn values(result: QueryResult) -> Vec<f64> {
    match result.value {
        Value::Matrix(series) => series.into_iter().flat_map(|series| series.samples.floats).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_range_that_is_not_made_of_windows_is_rounded_and_says_so() {
    let both = both(30);
    let shown = "samples before 2024-10-09T00:00:00Z are kept at a resolution of 5m and before \
                 2024-10-06T00:00:00Z at a resolution of 1h";
    let shown = format!("result for \"rate\" is approximate: {shown}, to which its range was rounded");
    for (query, near) in [("rate(c_total{job=\"a\"}[100m])", 0.35), ("rate(c_total{job=\"a\"}[7m])", 4.0)] {
        let step = (FIRST + 6 * HOUR + 90_000, FIRST + 7 * DAY, 37 * MINUTE);
        let wanted = values(ask(&both.memory, query, step.0, step.1, step.2));
        let found = ask(&both.store, query, step.0, step.1, step.2);
        assert!(told(&found).contains(&shown), "{:?}", told(&found));
        let found = values(found);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (wanted_mean, found_mean) = (mean(&wanted), mean(&found));
        assert!((wanted_mean - found_mean).abs() < 0.05 * wanted_mean, "{wanted_mean} {found_mean}");
        if found.len() == wanted.len() {
            let far = wanted
                .iter()
                .zip(&found)
                .filter(|(wanted, found)| (*wanted - *found).abs() > near * **wanted);
            assert!(far.count() * 10 < wanted.len(), "{query}");
        }
    }
    // A range shorter than a window is answered from the window, scaled.
    let range = (FIRST + DAY, FIRST + 2 * DAY, HOUR);
    let whole = ask(&both.memory, "count_over_time(c_total{job=\"a\"}[1h])", range.0, range.1, range.2);
    let found = ask(&both.store, "count_over_time(c_total{job=\"a\"}[6m])", range.0, range.1, range.2);
    let tenth: Vec<f64> = values(whole).iter().map(|count| count * 0.1).collect();
    assert_eq!(values(found), tenth);
}

#[test]
fn what_windows_do_not_keep_is_told() {
    let both = both(31);
    for function in
        ["quantile_over_time(0.5, gauge{job=\"c\"}[6h])", "stddev_over_time(gauge{job=\"c\"}[6h])"]
    {
        let (wanted, found) = (
            ask(&both.memory, function, WHOLE.0, WHOLE.1, WHOLE.2),
            ask(&both.store, function, WHOLE.0, WHOLE.1, WHOLE.2),
        );
        let told = told(&found);
        assert!(told.iter().any(|text| text.contains("is approximate: samples before")), "{told:?}");
        // Of evenly spread values in -30..70.
        for (wanted, found) in values(wanted).iter().zip(values(found)) {
            assert!((wanted - found).abs() < 25.0, "{function}: {wanted} {found}");
        }
    }
    for function in ["irate", "deriv", "changes", "resets", "idelta"] {
        let query = format!("{function}(c_total[6h])");
        let told = told(&ask(&both.store, &query, WHOLE.0, WHOLE.1, WHOLE.2));
        assert!(told.iter().any(|text| text.contains("is approximate")), "{function} {told:?}");
        // Where only samples are read there is nothing to tell.
        let recent = ask(&both.store, &query, FIRST + 6 * DAY, FIRST + 7 * DAY, HOUR);
        assert!(
            recent.coarse.is_empty()
                && !recent.annotations.infos.iter().any(|note| note.message.contains("approximate"))
        );
    }
}

#[test]
fn labels_of_series_that_only_windows_have_are_found() {
    let both = both(32);
    let old = TimeRange::new(FIRST, FIRST + 2 * DAY);
    assert_eq!(both.store.0.label_values("job", &[], old).unwrap(), ["a", "b", "c", "h", "odd", "sparse"]);
    assert_eq!(both.store.0.label_names(&[], old).unwrap(), ["__name__", "job"]);
    assert_eq!(both.store.0.series(&[Matcher::equal("__name__", "c_total")], old).unwrap().len(), 2);
}

#[test]
fn a_late_sample_changes_the_windows_it_falls_into() {
    let dir = tempfile::tempdir().unwrap();
    let series = Labels::from_pairs([("__name__", "x"), ("job", "a")]);
    let row = |timestamp_ms, value| Row {
        series: series.clone(),
        timestamp_ms,
        start_timestamp_ms: 0,
        value: SampleValue::Float(value),
    };
    let clock = Arc::new(ManualClock::at(FIRST + DAY + 2 * HOUR));
    let store = open(dir.path(), 2 * DAY, &clock);
    drop(store.write(
        (0..1440).filter(|at| at % 10 != 5).map(|at| row(FIRST + at * MINUTE, 1.0)).collect::<Vec<_>>(),
    ));
    store.compact_now().unwrap();
    assert_eq!(store.tier_stats().days_made, 2);
    store.compact_now().unwrap();
    assert_eq!(store.tier_stats().days_made, 2, "nothing new, nothing made");
    drop(store.write(vec![row(FIRST + 5 * MINUTE, 7.0)]));
    store.compact_now().unwrap();
    assert_eq!(store.tier_stats().days_made, 4);
    clock.set(FIRST + 4 * DAY);
    store.compact_now().unwrap();
    let source = StoreSource(Arc::new(store));
    let sum = ask(&source, "sum_over_time(x[1h])", FIRST + HOUR, FIRST + HOUR, HOUR);
    assert_eq!(values(sum), [54.0 + 7.0]);
    assert_eq!(source.0.tier_stats().seam_ms, Some(FIRST + DAY));
}

#[test]
fn samples_stay_until_their_tier_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let series = Labels::from_pairs([("__name__", "x")]);
    let clock = Arc::new(ManualClock::at(FIRST + DAY));
    let store = open(dir.path(), DAY, &clock);
    let value = SampleValue::Float(1.0);
    drop(store.write(vec![Row { series, timestamp_ms: FIRST + HOUR, start_timestamp_ms: 0, value }]));
    // In memory only, and far beyond the retention.
    clock.set(FIRST + 9 * DAY);
    store.tend(false).unwrap();
    let source = StoreSource(Arc::new(store));
    assert_eq!(source.0.counters().parts, 0, "dropped once its window is kept");
    assert_eq!(source.0.tier_stats().tiers[1].windows, 1);
    let found = ask(&source, "last_over_time(x[1h])", FIRST + HOUR, FIRST + HOUR, HOUR);
    assert_eq!(values(found), [1.0]);
}

/// A sample a minute of each of these series, over some days.
fn minutes(names: &[&str], days: i64) -> Vec<Row> {
    let rows = names.iter().flat_map(|name| {
        let series = Labels::from_pairs([("__name__", *name)]);
        (1..=days * 1440).map(move |minute| Row {
            series: series.clone(),
            timestamp_ms: FIRST + minute * MINUTE - 7_000,
            start_timestamp_ms: 0,
            value: SampleValue::Float((minute % 100) as f64),
        })
    });
    rows.collect()
}

fn hours(source: &StoreSource, query: &str, from: i64, to: i64) -> Vec<f64> {
    values(ask(source, query, FIRST + from * HOUR, FIRST + to * HOUR, HOUR))
}

#[test]
fn days_that_go_for_their_size_are_read_from_their_windows() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(FIRST + 4 * DAY + 2 * HOUR));
    let store = open(dir.path(), 30 * DAY, &clock);
    drop(store.write(minutes(&["x"], 4)));
    store.compact_now().unwrap();
    let retention = Retention { size_bytes: Some(1), ..(*store.retention()).clone() };
    store.set_retention(retention);
    store.compact_now().unwrap();
    assert_eq!(store.counters().size_retentions, 3);
    assert_eq!(store.tier_stats().seam_ms, Some(FIRST + 3 * DAY));
    let source = StoreSource(Arc::new(store));
    assert_eq!(hours(&source, "count_over_time(x[1h])", 1, 96), vec![60.0; 96]);
    // What comes for a day of which windows are read would not be seen.
    let late = Row { timestamp_ms: FIRST + DAY, ..minutes(&["x"], 1).remove(0) };
    drop(source.0.write(vec![late]));
    let refused = source.0.counters().samples_refused;
    assert!(refused.contains(&("too_old", 1)), "{refused:?}");
}

#[test]
fn series_without_a_rule_are_seen_until_windows_stand_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(FIRST + DAY));
    let store = open(dir.path(), 2 * DAY, &clock);
    let matchers = vec![Matcher::equal("__name__", "short")];
    let rules = vec![KeepRule { selectors: vec![matchers], keep_ms: DAY }];
    store.set_retention(Retention { rules, ..(*store.retention()).clone() });
    drop(store.write(minutes(&["short", "x"], 1)));
    store.compact_now().unwrap();
    // Half of the day is older than two days; it is not read from windows before all of it is.
    clock.set(FIRST + 2 * DAY + 12 * HOUR);
    store.compact_now().unwrap();
    store.clean_now().unwrap();
    assert_eq!(store.tier_stats().seam_ms, None);
    let source = StoreSource(Arc::new(store));
    assert_eq!(hours(&source, "count_over_time(x[1h])", 1, 24), vec![60.0; 24]);
    assert_eq!(hours(&source, "count_over_time(short[1h])", 1, 24), [0.0; 0]);
    clock.set(FIRST + 3 * DAY + HOUR);
    source.0.compact_now().unwrap();
    assert_eq!(source.0.tier_stats().seam_ms, Some(FIRST + DAY));
    assert_eq!(hours(&source, "count_over_time(x[1h])", 1, 24), vec![60.0; 24]);
}

#[test]
fn a_deletion_hides_windows_whole_and_is_exact_where_samples_are_left() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(FIRST + 2 * DAY + 2 * HOUR));
    let store = open(dir.path(), DAY, &clock);
    store.set_retention(Retention { time_ms: 30 * DAY, ..(*store.retention()).clone() });
    drop(store.write(minutes(&["x"], 2)));
    store.compact_now().unwrap();
    assert_eq!(store.tier_stats().days_made, 4);
    // From and until the middle of a window of five minutes.
    let hidden = |day: i64| {
        let start = FIRST + day * DAY + HOUR + 2 * MINUTE;
        TimeRange::new(start, start + 30 * MINUTE)
    };
    let selectors = || vec![vec![Matcher::equal("__name__", "x")]];
    store.delete(selectors(), hidden(0)).unwrap();
    store.compact_now().unwrap();
    assert_eq!(store.tier_stats().days_made, 6, "made again of the samples that are left");
    store.set_retention(Retention { time_ms: DAY, ..(*store.retention()).clone() });
    store.compact_now().unwrap();
    assert_eq!(store.tier_stats().seam_ms, Some(FIRST + DAY));
    let source = StoreSource(Arc::new(store));
    assert_eq!(hours(&source, "count_over_time(x[1h])", 1, 3), [60.0, 30.0, 60.0]);
    // Now only windows are left of that day.
    let at = FIRST + 5 * HOUR;
    source.0.delete(selectors(), TimeRange::new(at + 2 * MINUTE, at + 32 * MINUTE)).unwrap();
    for function in ["count_over_time", "sum_over_time", "max_over_time", "min_over_time"] {
        let seen = values(ask(&source, &format!("{function}(x[5m])"), at, at + HOUR, 5 * MINUTE));
        // The end of seven windows is hidden but for the two that reach beyond the deletion.
        assert_eq!(seen.len(), 13 - 5, "{function}: {seen:?}");
    }
    let counted = hours(&source, "count_over_time(x[1h])", 6, 6);
    assert_eq!(counted, [35.0]);
}
