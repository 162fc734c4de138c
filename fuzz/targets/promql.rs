//! A query of any text, as anybody may send it: read, printed and read again, and evaluated within small limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use std::time::Duration;
use watchfire_model::{Labels, SampleValue};
use watchfire_promql::engine::EngineOptions;
use watchfire_promql::parser::parse_bytes;
use watchfire_promql::testing::MemorySource;
use watchfire_promql::{Engine, Expr, ParseOptions, Query, parse, pretty, to_json};

const STEP_MS: i64 = 15_000;

static STORE: LazyLock<MemorySource> = LazyLock::new(|| {
    let mut store = MemorySource::new();
    for (name, instance, le) in [("up", "a", ""), ("up", "b", ""), ("x_bucket", "a", "1"), ("x_bucket", "a", "+Inf")] {
        let labels = Labels::from_pairs([("__name__", name), ("instance", instance), ("le", le)]);
        for step in 0..40 {
            store.append(&labels, step * STEP_MS, SampleValue::Float((step % 17) as f64), 0);
        }
    }
    store
});

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(EngineOptions {
        timeout: Duration::from_millis(200),
        max_samples: 20_000,
        threads: 1,
        ..EngineOptions::default()
    })
});

fuzz_target!(|bytes: &[u8]| {
    let options = ParseOptions::default();
    let Ok(expr) = parse_bytes(bytes, options) else { return };
    // It stands for bytes that are no text, which are not printed.
    if expr.to_string().contains('\u{fffd}') {
        return ask(&expr);
    }
    for printed in [expr.to_string(), pretty(&expr)] {
        let again = parse(&printed, options).expect("what is printed is a query");
        assert_eq!(again.to_string(), expr.to_string(), "and the same one");
    }
    assert!(!to_json(&expr).to_string().is_empty());
    ask(&expr);
});

/// Whatever comes of it, it is an answer or an error.
fn ask(expr: &Expr) {
    let _ = ENGINE.evaluate(&Query::instant(expr.clone(), 20 * STEP_MS), &*STORE);
    let _ = ENGINE.evaluate(&Query::range(expr.clone(), 10 * STEP_MS, 30 * STEP_MS, 2 * STEP_MS), &*STORE);
}
