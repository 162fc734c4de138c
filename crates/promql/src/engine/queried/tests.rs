use super::SamplesByStep;
use crate::engine::{Engine, EngineOptions, Query};
use crate::testing::MemorySource;
use crate::{ParseOptions, parse};
use watchfire_model::{Labels, SampleValue};

/// Four steps over two series with a sample each second.
fn counted(query: &str, step_ms: i64, threads: usize) -> SamplesByStep {
    let mut store = MemorySource::default();
    for instance in ["a", "b"] {
        let labels = Labels::from_pairs([("__name__", "up"), ("instance", instance)]);
        for second in 0..100 {
            store.append(&labels, second * 1_000, SampleValue::Float(1.0), 0);
        }
    }
    let expr = parse(query, ParseOptions::default()).unwrap();
    let mut query = Query::range(expr, 50_000, 50_000 + 3 * step_ms, step_ms);
    query.count_queried = true;
    let options = EngineOptions { threads, eager_threads: threads > 1, ..EngineOptions::default() };
    Engine::new(options).evaluate(&query, &store).unwrap().queried
}

#[test]
fn a_sample_is_read_at_the_first_step_that_looks_at_it() {
    // What Prometheus 3.14 says of one such series.
    for (query, looked_at, read) in [
        ("up", [1, 1, 1, 1], [1, 1, 1, 1]),
        ("up + up", [2, 2, 2, 2], [2, 2, 2, 2]),
        ("up @ end()", [1, 1, 1, 1], [1, 0, 0, 0]),
        ("sum_over_time(up[10s])", [10, 10, 10, 10], [10, 2, 2, 2]),
        ("sum_over_time(up[3s])", [3, 3, 3, 3], [3, 2, 2, 2]),
        ("sum_over_time(up[1s])", [1, 1, 1, 1], [1, 1, 1, 1]),
        ("sum_over_time(up[10s] @ end())", [10, 10, 10, 10], [10, 0, 0, 0]),
        ("sum_over_time(up[10s]) + max_over_time(up[5s])", [15, 15, 15, 15], [15, 4, 4, 4]),
        ("sum_over_time(up[10s:2s])", [5, 5, 5, 5], [5, 1, 1, 1]),
        ("sum_over_time(up[10s:2s] @ end())", [5, 5, 5, 5], [5, 0, 0, 0]),
        ("max_over_time(up[3s:1s])", [3, 3, 3, 3], [3, 2, 2, 2]),
        ("max_over_time(rate(up[3s])[4s:1s])", [4, 4, 4, 4], [6, 2, 2, 2]),
        ("sum_over_time(sum_over_time(up[4s])[10s:2s])", [5, 5, 5, 5], [12, 2, 2, 2]),
        ("vector(1)", [0, 0, 0, 0], [0, 0, 0, 0]),
    ] {
        for threads in [1, 3] {
            let counted = counted(query, 2_000, threads);
            let twice = |counts: [u64; 4]| counts.map(|count| 2 * count).to_vec();
            let expected = SamplesByStep { looked_at: twice(looked_at), read: twice(read) };
            assert_eq!(counted, expected, "{query} on {threads} threads");
        }
    }
}

#[test]
fn what_lies_between_two_ranges_is_not_read_though_it_is_evaluated() {
    // The same, three seconds apart.
    for (query, read) in [
        ("sum_over_time(up[2s])", [2, 2, 2, 2]),
        ("sum_over_time(up[1s:1s])", [1, 1, 1, 1]),
        ("sum_over_time(up[5s:1s] offset 2s)", [5, 3, 3, 3]),
        ("sum_over_time((up @ end())[3s:1s])", [1, 0, 0, 0]),
        ("sum_over_time(sum_over_time(up[3s])[1s:1s])", [3, 1, 1, 1]),
        ("sum_over_time(sum_over_time(up[4s])[2s:1s])", [5, 2, 2, 2]),
        ("sum_over_time(sum_over_time(up[3s:1s])[1s:1s])", [3, 1, 1, 1]),
    ] {
        assert_eq!(counted(query, 3_000, 1).read, read.map(|count| 2 * count), "{query}");
    }
}
