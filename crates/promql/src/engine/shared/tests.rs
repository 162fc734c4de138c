use super::*;
use crate::engine::{Engine, EngineOptions, Query};
use crate::source::{SelectHints, SeriesStream, Source, SourceError};
use crate::testing::MemorySource;
use crate::value::{QueryResult, Value};
use crate::{ParseOptions, parse};
use std::sync::Mutex;
use watchfire_model::{Labels, Matcher, SampleValue, TimeRange};

/// A store that notes what it is asked for.
#[derive(Default)]
struct Watched {
    store: MemorySource,
    asked: Mutex<Vec<String>>,
}

impl Source for Watched {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        self.asked.lock().unwrap().push(matchers.iter().map(|matcher| matcher.value.as_str()).collect());
        self.store.select(matchers, range, hints)
    }

    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError> {
        self.store.label_names(matchers, range)
    }

    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError> {
        self.store.label_values(name, matchers, range)
    }
}

impl Watched {
    /// Counters `x` and `y` of three instances, each 15 seconds for an hour, and `g`, which is no counter.
    fn new() -> Self {
        let mut store = MemorySource::default();
        for (number, name) in ["x", "y", "g"].into_iter().enumerate() {
            for instance in ["a", "b", "c"] {
                let labels = Labels::from_pairs([("__name__", name), ("instance", instance)]);
                for sample in 0..240_i64 {
                    let value =
                        (sample * (number as i64 + 2) % 97) as f64 + f64::from(instance.as_bytes()[0]);
                    store.append(&labels, sample * 15_000, SampleValue::Float(value), 0);
                }
            }
        }
        Self { store, asked: Mutex::default() }
    }

    /// What a query gives, and what was asked for it.
    fn ask(&self, options: &EngineOptions, query: &Query) -> (QueryResult, Vec<String>) {
        self.asked.lock().unwrap().clear();
        let result = Engine::new(options.clone()).evaluate(query, self).unwrap();
        (result, std::mem::take(&mut *self.asked.lock().unwrap()))
    }
}

fn range(text: &str) -> Query {
    Query::range(parse(text, ParseOptions::default()).unwrap(), 1_200_000, 3_000_000, 60_000)
}

#[test]
fn what_stands_in_a_query_more_than_once_is_read_once() {
    let store = Watched::new();
    for (text, expected) in [
        ("sum(rate(x[5m])) / (sum(rate(x[5m])) + sum(rate(y[5m])))", vec!["y", "x"]),
        // Written in another way.
        ("sum( rate(x[5m]) ) + sum(rate(x[300s]))", vec!["x"]),
        ("x / x", vec!["x"]),
        ("(x > 100) and (x < 150)", vec!["x"]),
        // A part of what repeats that stands alone, too.
        ("sum(rate(x[5m])) / (sum(rate(x[5m])) + max(rate(x[5m])))", vec!["x"]),
        // The same thing in the same subquery.
        ("max_over_time(rate(x[1m])[10m:]) - min_over_time(rate(x[1m])[10m:])", vec!["x"]),
        // Other times are other things.
        ("x - x offset 5m", vec!["x", "x"]),
        ("x offset 5m / x offset 5m", vec!["x"]),
        ("x @ 1500 / x @ 1500", vec!["x"]),
        ("x @ 1500 / x", vec!["x", "x"]),
        ("rate(x[5m]) / rate(x[6m])", vec!["x", "x"]),
        ("max_over_time(rate(x[1m])[10m:]) - rate(x[1m])", vec!["x", "x"]),
        ("x{instance=\"a\"} + on () x{instance=\"b\"}", vec!["bx", "ax"]),
        // One of them is in a scalar.
        ("x * scalar(sum(x)) + on () group_left () sum(x)", vec!["x"]),
    ] {
        for query in [range(text), Query::instant(range(text).expr, 3_000_000)] {
            let (_, mut asked) = store.ask(&EngineOptions::default(), &query);
            let mut expected = expected.clone();
            asked.sort();
            expected.sort_unstable();
            assert_eq!(asked, expected, "{text}");
        }
    }
}

/// The same query without anything that stands in it twice: each selector has another condition that all series meet.
fn told_apart(text: &str) -> String {
    let mut parts = text.split("x[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |text, (number, part)| format!("{text}x{{no{number}=\"\"}}[{part}"))
}

#[test]
fn shared_or_not_the_answer_and_its_remarks_are_the_same() {
    let store = Watched::new();
    for text in [
        "sum by (instance) (rate(x[5m])) / (sum by (instance) (rate(x[5m])) + on (instance) sum by (instance) (rate(y[5m])))",
        "rate(x[5m]) or on (instance) rate(x[5m]) * 2",
        "rate(x[5m]) unless rate(x[5m])",
        "quantile(2, rate(x[5m])) + quantile(2, rate(x[5m])) + quantile(3, rate(x[5m]))",
        "sum(rate(x[5m])) / (sum(rate(x[5m])) + max(rate(x[5m])))",
        "topk(2, increase(x[5m])) + increase(x[5m]) - on (instance) topk(2, increase(x[5m]))",
        "max_over_time(rate(x[1m])[10m:]) - min_over_time(rate(x[1m])[10m:])",
        "absent(rate(x[5m])) or rate(x[5m])",
    ] {
        let apart = told_apart(text);
        for threads in [1, 4] {
            let options = EngineOptions { threads, eager_threads: true, ..EngineOptions::default() };
            for at in [range as fn(&str) -> Query, |text| Query::instant(range(text).expr, 3_000_000)] {
                let ((shared, once), (alone, often)) =
                    (store.ask(&options, &at(text)), store.ask(&options, &at(&apart)));
                assert!(once.len() < often.len(), "{text}: {once:?}, {often:?}");
                assert_eq!(shared.value, alone.value, "{text}");
                let messages = |result: &QueryResult| {
                    let of = |notes: &[crate::value::Annotation]| -> Vec<String> {
                        notes.iter().map(|note| note.message.clone()).collect()
                    };
                    (of(&result.annotations.warnings), of(&result.annotations.infos))
                };
                assert_eq!(messages(&shared), messages(&alone), "{text}");
                let Value::Matrix(series) = &shared.value else { continue };
                assert!(!series.is_empty() || text.contains("unless"), "{text}");
            }
        }
    }
}

#[test]
fn what_is_too_much_to_keep_is_evaluated_again() {
    let store = Watched::new();
    let text = "rate(x[5m]) / rate(x[5m])";
    let (kept, asked) = store.ask(&EngineOptions::default(), &range(text));
    assert_eq!(asked, ["x"]);
    // Three series of 31 steps and the samples of one do not fit into a quarter of what the query may hold.
    let options = EngineOptions { max_samples: 800, ..EngineOptions::default() };
    let (evaluated, asked) = store.ask(&options, &range(text));
    assert_eq!(asked, ["x", "x"]);
    assert_eq!(kept.value, evaluated.value);
    let Value::Matrix(series) = kept.value else { panic!("no matrix") };
    assert_eq!(series.len(), 3);
}

#[test]
fn a_query_of_many_selectors_or_long_texts_is_not_searched() {
    let name = "n".repeat(2 * MAX_TEXT);
    let long = parse(&format!("{name} + {name}"), ParseOptions::default()).unwrap();
    assert!(Shares::of(&long).numbers.is_empty());
    let many = vec!["x"; MAX_SELECTORS + 1].join(" or ");
    assert!(Shares::of(&parse(&many, ParseOptions::default()).unwrap()).numbers.is_empty());
    let few = vec!["x"; MAX_SELECTORS].join(" or ");
    assert!(!Shares::of(&parse(&few, ParseOptions::default()).unwrap()).numbers.is_empty());
}
