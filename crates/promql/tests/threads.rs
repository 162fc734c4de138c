//! Several threads answer what one does, to the last bit, whatever the order they finish in.

use std::sync::Arc;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};
use watchfire_promql::engine::{Engine, EngineOptions, Query};
use watchfire_promql::{
    ParseOptions, QueryError, SelectHints, SeriesStream, Source, SourceError, Split, Value, parse,
};

const SERIES: usize = 500;
const MINUTE_MS: i64 = 60_000;

/// Some series, of which the one at `broken` cannot be read.
struct Fleet {
    series: Vec<(Labels, Arc<Samples>)>,
    broken: Option<usize>,
}

impl Fleet {
    fn new(broken: Option<usize>) -> Self {
        let mut random: u64 = 42;
        let mut series: Vec<(Labels, Arc<Samples>)> = (0..SERIES)
            .map(|number| {
                let (host, cpu) = (format!("host-{:02}", number / 10), (number % 10).to_string());
                let name = if number % 50 == 0 { "cpu_seconds" } else { "cpu_seconds_total" };
                let labels =
                    Labels::from_pairs([("__name__", name), ("host", host.as_str()), ("cpu", cpu.as_str())]);
                let mut samples = Samples::default();
                let mut value = 0.0;
                for minute in 0..60 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    value += (random >> 40) as f64 / 1e3;
                    // Sums of numbers this far apart depend on the order of additions.
                    samples.push_float(minute * MINUTE_MS, value * 10_f64.powi((number % 30) as i32 - 15));
                }
                (labels, Arc::new(samples))
            })
            .collect();
        series.sort_by(|left, right| left.0.cmp(&right.0));
        Self { series, broken }
    }
}

impl Source for Fleet {
    fn select(
        &self,
        matchers: &[Matcher],
        _range: TimeRange,
        _hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        let matches = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
        };
        let broken = self.broken.and_then(|place| self.series.get(place)).map(|(labels, _)| labels.clone());
        let series: Vec<_> = self.series.iter().filter(|(labels, _)| matches(labels)).cloned().collect();
        Ok(Box::new(Stream { series: series.into_iter(), broken }))
    }

    fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }
}

struct Stream {
    series: std::vec::IntoIter<(Labels, Arc<Samples>)>,
    broken: Option<Labels>,
}

impl SeriesStream for Stream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        samples.clear();
        let Some((labels, stored)) = self.series.next() else { return Ok(None) };
        if self.broken.as_ref() == Some(&labels) {
            return Err(SourceError::Storage("a disk is on fire".to_owned()));
        }
        samples.clone_from(&stored);
        Ok(Some(labels))
    }

    fn split(&mut self, max: usize) -> Split {
        let series: Vec<_> = self.series.by_ref().take(max).collect();
        if series.is_empty() {
            return Split::End;
        }
        Split::Batch(Box::new(Self { series: series.into_iter(), broken: self.broken.clone() }))
    }

    fn most(&self) -> usize {
        self.series.len()
    }
}

fn ask(threads: usize, text: &str, source: &Fleet) -> Result<String, QueryError> {
    let engine = Engine::new(EngineOptions { threads, eager_threads: true, ..EngineOptions::default() });
    let expr = parse(text, ParseOptions::default()).expect("a query");
    let result = engine.evaluate(&Query::range(expr, 0, 60 * MINUTE_MS, MINUTE_MS), source)?;
    let Value::Matrix(series) = &result.value else { panic!("a range query gives a matrix") };
    assert!(!series.is_empty(), "{text}");
    Ok(format!("{series:?} {:?} {}", result.annotations, result.samples_read))
}

#[test]
fn the_number_of_threads_changes_no_bit_of_an_answer() {
    let fleet = Fleet::new(None);
    for text in [
        "cpu_seconds_total",
        "sum(rate({__name__=~\"cpu.*\"}[5m]))",
        "avg by (host) (rate({__name__=~\"cpu.*\"}[5m])) / on () group_left sum(cpu_seconds_total)",
        "topk(3, quantile_over_time(0.9, cpu_seconds_total[10m]))",
        "stddev by (cpu) (predict_linear(cpu_seconds_total[10m], scalar(sum(cpu_seconds_total))))",
        "max_over_time(sum by (host) (rate(cpu_seconds_total[5m]))[10m:1m])",
    ] {
        let alone = ask(1, text, &fleet).unwrap();
        for threads in [2, 3, 8] {
            assert_eq!(ask(threads, text, &fleet).unwrap(), alone, "{text} with {threads} threads");
        }
    }
}

#[test]
fn what_cannot_be_read_ends_the_query_with_several_threads_too() {
    for broken in [0, 1, SERIES / 2, SERIES - 1] {
        let fleet = Fleet::new(Some(broken));
        for threads in [1, 4] {
            let error = ask(threads, "sum({__name__=~\"cpu.*\"})", &fleet).unwrap_err();
            assert_eq!(error.to_string(), "a disk is on fire", "series {broken}, {threads} threads");
        }
    }
}

#[test]
fn a_query_that_was_cancelled_ends_on_all_threads() {
    let fleet = Fleet::new(None);
    let engine = Engine::new(EngineOptions { threads: 4, eager_threads: true, ..EngineOptions::default() });
    let expr = parse("sum(rate(cpu_seconds_total[5m]))", ParseOptions::default()).expect("a query");
    let query = Query::range(expr, 0, 60 * MINUTE_MS, 1_000);
    query.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(engine.evaluate(&query, &fleet), Err(QueryError::Cancelled)));
}
