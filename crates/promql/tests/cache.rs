//! A kept answer is the answer: whatever is written late or deleted between two questions, and however the second lies
//! to the first.

use std::collections::BTreeMap;
use watchfire_model::{Labels, Matcher, SampleValue, TimeRange};
use watchfire_promql::cache::FRESH_MS;
use watchfire_promql::testing::MemorySource;
use watchfire_promql::{
    Engine, ParseOptions, Query, QueryCache, SelectHints, SeriesStream, Source, SourceError, parse,
};

const MINUTE_MS: i64 = 60_000;
const HOURS: i64 = 6;
const NOW_MS: i64 = HOURS * 60 * MINUTE_MS;
/// Changes are counted by stretches of this length.
const STRETCH_MS: i64 = 10 * MINUTE_MS;

/// Series that are written late and deleted from, and which count the changes.
#[derive(Default)]
struct Changing {
    samples: BTreeMap<Labels, BTreeMap<i64, f64>>,
    changes: BTreeMap<i64, u64>,
    memory: MemorySource,
}

impl Changing {
    fn put(&mut self, labels: &Labels, timestamp_ms: i64, value: f64) {
        self.samples.entry(labels.clone()).or_default().insert(timestamp_ms, value);
        self.memory.append(labels, timestamp_ms, SampleValue::Float(value), 0);
        *self.changes.entry(timestamp_ms.div_euclid(STRETCH_MS)).or_default() += 1;
    }

    fn delete(&mut self, labels: &Labels, range: TimeRange) {
        if let Some(samples) = self.samples.get_mut(labels) {
            samples.retain(|time, _| *time < range.start_ms || *time > range.end_ms);
        }
        self.memory = MemorySource::new();
        for (labels, samples) in &self.samples {
            for (time, value) in samples {
                self.memory.append(labels, *time, SampleValue::Float(*value), 0);
            }
        }
        for stretch in range.start_ms.div_euclid(STRETCH_MS)..=range.end_ms.div_euclid(STRETCH_MS) {
            *self.changes.entry(stretch).or_default() += 1;
        }
    }
}

impl Source for Changing {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        self.memory.select(matchers, range, hints)
    }

    fn changes(&self, range: TimeRange) -> Option<u64> {
        let (first, last) = (range.start_ms.div_euclid(STRETCH_MS), range.end_ms.div_euclid(STRETCH_MS));
        Some(self.changes.range(first..=last).map(|(_, count)| count).sum())
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        self.memory.label_names(matchers, range)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        self.memory.label_values(name, matchers, range)
    }
}

/// Numbers that every run draws alike.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 % limit.unsigned_abs().max(1)).unwrap()
    }
}

fn series(name: &str, instance: i64) -> Labels {
    let instance = instance.to_string();
    Labels::from_pairs([("__name__", name), ("instance", instance.as_str()), ("job", "j")])
}

fn filled(dice: &mut Dice) -> Changing {
    let mut store = Changing::default();
    for name in ["x_total", "level"] {
        for instance in 0..4 {
            let mut value = 0.0;
            let (from, to) = (dice.below(NOW_MS / 2), NOW_MS - dice.below(NOW_MS / 3));
            for time in (from..to).step_by(30_000) {
                value += dice.below(100) as f64;
                if dice.below(20) > 0 {
                    store.put(&series(name, instance), time, value);
                }
            }
        }
    }
    store
}

const QUERIES: [&str; 22] = [
    "x_total",
    "rate(x_total[5m])",
    "sum by (instance) (rate(x_total[7m]))",
    "sum(level) / count(level)",
    "level offset 10m",
    "level offset -10m",
    "max_over_time(rate(x_total[5m])[30m:2m])",
    "avg_over_time(level[10m] offset -1h)",
    "max_over_time(level[20m:3m] offset 7m)",
    "absent(level{instance=\"3\"})",
    "absent_over_time(level{instance=\"2\"}[20m])",
    "time() - level",
    "timestamp(level)",
    "level and on (instance) rate(x_total[5m]) > 1",
    "x_total - on (instance, job) level",
    "label_replace(level, \"new\", \"$1\", \"instance\", \"(.)\")",
    "count_values(\"v\", level)",
    "quantile_over_time(0.5, level[15m])",
    // These are not kept, and right all the same.
    "level @ end()",
    "level @ 3600",
    "topk(1, level)",
    "rate(level[5m])",
];

fn asked(dice: &mut Dice) -> Query {
    let text = QUERIES[dice.below(QUERIES.len() as i64) as usize];
    let step_ms = [MINUTE_MS, 90_000][dice.below(2) as usize];
    let phase_ms = [0, 17_000][dice.below(2) as usize];
    let last = NOW_MS / step_ms + 5;
    let from = dice.below(last);
    let to = from + dice.below(last - from) + 1;
    let expr = parse(text, ParseOptions::default()).unwrap();
    Query::range(expr, from * step_ms + phase_ms, to * step_ms + phase_ms + dice.below(step_ms), step_ms)
}

#[test]
fn a_kept_answer_is_what_evaluating_gives_whatever_was_written_or_deleted_since() {
    for seed in 1..=6 {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut store = filled(&mut dice);
        let (engine, cache) = (Engine::default(), QueryCache::new(if seed == 6 { 40_000 } else { 8 << 20 }));
        let mut now_ms = NOW_MS / 2;
        for round in 0..1_500 {
            now_ms = (now_ms + dice.below(MINUTE_MS)).min(NOW_MS + FRESH_MS);
            let name = ["x_total", "level"][dice.below(2) as usize];
            let labels = series(name, dice.below(5));
            match dice.below(60) {
                0 => store.put(&labels, dice.below(NOW_MS), dice.below(1_000) as f64),
                1 => {
                    let from = dice.below(NOW_MS);
                    store.delete(&labels, TimeRange::new(from, from + dice.below(30 * MINUTE_MS)));
                }
                _ => {
                    let query = asked(&mut dice);
                    let expected = engine.evaluate(&query, &store).unwrap();
                    let found = cache.evaluate(&engine, &query, &store, now_ms).unwrap();
                    let words = format!("seed {seed}, round {round}: {}", query.expr);
                    assert_eq!(found.value, expected.value, "{words}");
                    assert_eq!(found.annotations, expected.annotations, "{words}");
                }
            }
        }
        let counts = cache.counts();
        println!("seed {seed}: {counts:?}");
        assert!(counts.hits > if seed == 6 { 0 } else { 40 } && counts.misses > 0, "{counts:?}");
    }
}

#[test]
fn what_is_kept_is_not_evaluated_again_and_what_is_fresh_always() {
    let mut dice = Dice(7);
    let store = filled(&mut dice);
    let (engine, cache) = (Engine::default(), QueryCache::new(1 << 20));
    let expr = parse("rate(x_total[5m])", ParseOptions::default()).unwrap();
    let ask = |from_min: i64, to_min: i64| {
        let query = Query::range(expr.clone(), from_min * MINUTE_MS, to_min * MINUTE_MS, MINUTE_MS);
        cache.evaluate(&engine, &query, &store, NOW_MS).unwrap().samples_read
    };
    let old = HOURS * 60 - FRESH_MS / MINUTE_MS;
    assert!(ask(120, old) > 0);
    assert_eq!(ask(120, old), 0, "all of it is kept");
    assert_eq!(ask(150, old - 30), 0, "and each part of it");
    let steps = cache.counts().steps;
    ask(150, old + 10);
    assert_eq!(cache.counts().steps - steps, u64::try_from(old - 150 + 1).unwrap(), "all but what is fresh");
    ask(150, old + 10);
    assert_eq!(cache.counts().steps - steps, 2 * u64::try_from(old - 150 + 1).unwrap(), "it is not kept");
    assert!(cache.counts().bytes > 0 && cache.counts().answers == 1);
    cache.clear();
    assert_eq!((cache.counts().bytes, cache.counts().answers), (0, 0));
}

#[test]
fn a_source_that_does_not_know_what_changes_is_asked_every_time() {
    let store = MemorySource::new();
    let (engine, cache) = (Engine::default(), QueryCache::new(1 << 20));
    let query = Query::range(parse("x", ParseOptions::default()).unwrap(), 0, 600_000, 60_000);
    for _ in 0..3 {
        cache.evaluate(&engine, &query, &store, NOW_MS).unwrap();
    }
    assert_eq!((cache.counts().hits, cache.counts().answers), (0, 0));
}

#[test]
fn an_answer_from_the_cache_keeps_to_the_limits_of_a_query() {
    let store = filled(&mut Dice(3));
    let cache = QueryCache::new(8 << 20);
    let ample = Engine::default();
    let expr = parse("level", ParseOptions::default()).unwrap();
    let query = Query::range(expr, NOW_MS / 2, NOW_MS * 3 / 5, MINUTE_MS);
    let answered = cache.evaluate(&ample, &query, &store, NOW_MS);
    assert!(answered.is_ok());
    let options = watchfire_promql::EngineOptions { max_samples: 50, ..Default::default() };
    let narrow = Engine::new(options);
    let refused = cache.evaluate(&narrow, &query, &store, NOW_MS).unwrap_err();
    assert_eq!(refused.to_string(), narrow.evaluate(&query, &store).unwrap_err().to_string());
}
