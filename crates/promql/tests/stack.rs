//! The deepest queries that are read at all, of every kind of nesting, must fit a thread's stack on their whole way:
//! parsing, checking, planning, evaluation, printing, and being dropped.

use watchfire_model::{Labels, SampleValue};
use watchfire_promql::testing::MemorySource;
use watchfire_promql::{Engine, ParseOptions, Query, parse, pretty, to_json};

/// Half of what a thread usually has: the other half is its caller's.
const STACK_BYTES: usize = 1 << 20;

fn store() -> MemorySource {
    let mut store = MemorySource::new();
    let labels = Labels::from_pairs([("__name__", "x"), ("a", "b")]);
    for minute in 0..30 {
        store.append(&labels, minute * 60_000, SampleValue::Float(minute as f64), 0);
    }
    store
}

/// The whole life of a query; its error text if it is refused.
fn live(query: &str) -> Result<(), String> {
    let expr = parse(query, ParseOptions::default()).map_err(|error| error.to_string())?;
    assert!(!expr.to_string().is_empty());
    assert!(!pretty(&expr).is_empty());
    assert!(!to_json(&expr).to_string().is_empty());
    let (engine, store) = (Engine::default(), store());
    let range = Query::range(expr.clone(), 1_200_000, 1_500_000, 60_000);
    engine.evaluate(&range, &store).map_err(|error| error.to_string())?;
    engine.evaluate(&Query::instant(expr, 1_200_000), &store).map_err(|error| error.to_string())?;
    Ok(())
}

/// Makes a query deeper and deeper until the parser refuses it, and lives the deepest one that it reads.
fn live_the_deepest(name: &'static str, deepen: impl Fn(usize) -> String + Send + 'static) {
    let run = move || {
        let (mut fits, mut refused) = (1_usize, 1_024);
        while refused - fits > 1 {
            let middle = fits.midpoint(refused);
            match parse(&deepen(middle), ParseOptions::default()) {
                Ok(_) => fits = middle,
                Err(error) => {
                    let words = error.to_string();
                    assert!(words.contains("are allowed"), "{name}: {words}");
                    refused = middle;
                }
            }
        }
        println!("{name}: {fits} levels");
        assert!(fits > 50, "{name}: only {fits} levels are read");
        live(&deepen(fits)).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap();
}

fn wrapped(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn parentheses_and_signs() {
    live_the_deepest("parentheses", |n| wrapped("(", "x", ")", n));
    live_the_deepest("parentheses about a number", |n| wrapped("(", "1", ")", n));
    live_the_deepest("signs", |n| wrapped("-", "x", "", n));
    live_the_deepest("signs and parentheses", |n| wrapped("-(", "x", ")", n));
}

#[test]
fn chains_of_operators() {
    live_the_deepest("sums", |n| wrapped("x + ", "x", "", n));
    live_the_deepest("sums of numbers", |n| wrapped("1 + ", "1", "", n));
    live_the_deepest("sums with a number", |n| wrapped("", "x", " + 1", n));
    live_the_deepest("powers", |n| wrapped("x ^ ", "x", "", n));
    live_the_deepest("comparisons", |n| wrapped("x <= bool ", "x", "", n));
    live_the_deepest("sets", |n| wrapped("x and ", "x", "", n));
    live_the_deepest("unions", |n| wrapped("", "x", " or x", n));
    live_the_deepest("joins", |n| wrapped("", "x", " + on (a) group_left () x", n));
    live_the_deepest("sums to the right", |n| wrapped("x + (", "x", ")", n));
    live_the_deepest("sums in calls", |n| wrapped("abs(", "x", " + x + x + x)", n));
}

#[test]
fn calls_and_aggregations() {
    live_the_deepest("calls", |n| wrapped("abs(", "x", ")", n));
    live_the_deepest("sorted", |n| wrapped("sort(", "x", ")", n));
    live_the_deepest("absent", |n| wrapped("absent(", "x", ")", n));
    live_the_deepest("labels", |n| wrapped("label_join(", "x", ", \"c\", \"-\", \"a\")", n));
    live_the_deepest("quantiles", |n| wrapped("histogram_quantile(0.5, ", "x", ")", n));
    live_the_deepest("scalars", |n| wrapped("vector(scalar(", "x", "))", n));
    live_the_deepest("clamps", |n| wrapped("clamp_max(x, scalar(", "x", "))", n));
    live_the_deepest("aggregations", |n| wrapped("sum(", "x", ")", n));
    live_the_deepest("picked", |n| wrapped("topk(1, ", "x", ")", n));
    live_the_deepest("counted", |n| wrapped("count_values(\"v\", ", "x", ")", n));
    live_the_deepest("quantile", |n| wrapped("quantile(0.5, ", "x", ")", n));
    live_the_deepest("parameters", |n| wrapped("topk(scalar(", "x", "), x)", n));
    live_the_deepest("info", |n| wrapped("info(", "x", ")", n));
}

#[test]
fn subqueries() {
    live_the_deepest("subqueries", |n| wrapped("max_over_time(", "x", "[1m:1m])", n));
    live_the_deepest("rates", |n| wrapped("rate(", "x", "[3m:1m])", n));
    live_the_deepest("fixed subqueries", |n| wrapped("max_over_time(", "x", "[1m:1m] @ 1200)", n));
}

#[test]
fn durations() {
    live_the_deepest("durations in parentheses", |n| {
        format!("max_over_time(x[{}])", wrapped("(", "1m", ")", n))
    });
    live_the_deepest("sums of durations", |n| format!("max_over_time(x[{}])", wrapped("1s + ", "1m", "", n)));
    live_the_deepest("least durations", |n| {
        format!("max_over_time(x[{}])", wrapped("min_of(1m, ", "1m", ")", n))
    });
}
