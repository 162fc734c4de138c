//! Questions that are meant to hurt: each ends in an answer or a clear error, within its limits, while the server goes on
//! answering others.

use crate::harness::remote_write::{Series, send};
use crate::harness::{PATIENCE, Server, Setup, encode, now_ms};
use serde_json::Value;
use std::time::Instant;

/// How many series there are to be hurt with.
const SERIES: usize = 2_000;

/// What must come of a question.
enum Fate {
    /// Refused before anything is evaluated, with these words.
    Refused(&'static str),
    /// Begun, and ended by a limit, or by its own nature, with one of these words.
    Ended(&'static [&'static str]),
    /// Answered, as it is no harm after all.
    Answered,
}
use Fate::{Answered, Ended, Refused};

/// Its name, the question, its length in seconds and its step if it is one over a range, and its fate.
type Hostile = (&'static str, String, Option<(i64, &'static str)>, Fate);

/// What the limits of the server below say.
const LIMITS: &[&str] = &[
    "query processing would load too many samples into memory",
    "query timed out in expression evaluation",
    "query processing would hold more than",
];

async fn server() -> (Setup, Server, i64) {
    let setup = Setup::new()
        .config("")
        .arg("--query.timeout=4s")
        .arg("--query.max-samples=2000000")
        .arg("--query.max-memory=64MB")
        .arg("--enable-feature=promql-experimental-functions,promql-duration-expr");
    let server = setup.start().await;
    let now = now_ms() / 60_000 * 60_000;
    let ids: Vec<String> = (0..SERIES).map(|id| id.to_string()).collect();
    let labels: Vec<[(&str, &str); 3]> =
        ids.iter().map(|id| [("__name__", "many"), ("id", id.as_str()), ("job", "j")]).collect();
    let samples: Vec<(i64, f64)> = (0..10).map(|step| (now - step * 15_000, step as f64)).rev().collect();
    let series: Vec<Series<'_>> =
        labels.iter().map(|labels| (labels.as_slice(), samples.as_slice())).collect();
    assert_eq!(send(&server, &series).await.unwrap().0, 204);
    (setup, server, now / 1_000)
}

/// The question, over a range if it has a length in seconds and a step.
async fn ask(server: &Server, query: &str, range: Option<(i64, &str)>, now: i64) -> (u16, Value) {
    let (path, times) = match range {
        None => ("/api/v1/query", format!("&time={now}")),
        Some((length, step)) => {
            ("/api/v1/query_range", format!("&start={}&end={now}&step={step}", now - length))
        }
    };
    let body = format!("query={}{times}", encode(query));
    let request = server.client().post(server.url(path)).body(body);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{query:.200}: {error}: {text:.200}")))
}

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

#[tokio::test]
async fn questions_that_are_meant_to_hurt_end_within_their_limits_and_others_are_answered() {
    let (_setup, server, now) = server().await;
    let instant = None;
    let hour = Some((3_600, "15"));
    let long = Some((11_000, "1"));
    let questions: Vec<Hostile> = vec![
        ("parentheses", nested("(", "many", ")", 5_000), instant, Refused("levels")),
        ("signs", nested("-", "many", "", 50_000), instant, Refused("are allowed")),
        ("calls", nested("abs(", "many", ")", 5_000), instant, Refused("levels")),
        ("a chain", format!("1{}", " + 1".repeat(10_000)), instant, Refused("are allowed")),
        ("a chain of sets", format!("many{}", " or many".repeat(10_000)), instant, Refused("are allowed")),
        ("a long text", format!("many{{a=\"{}\"}}", "x".repeat(1_100_000)), instant, Refused("are read")),
        ("too many steps", "many".to_owned(), Some((11_002, "1")), Refused("exceeded maximum resolution")),
        ("all steps of many series", "many".to_owned(), long, Answered),
        (
            "a subquery of a thousand years",
            "max_over_time(vector(1)[1000y:1ms])".to_owned(),
            instant,
            Refused("duration"),
        ),
        ("a fine subquery", "max_over_time(vector(1)[10y:1ms])".to_owned(), instant, Ended(LIMITS)),
        ("a fine subquery of many", "max_over_time(many[1d:10ms])".to_owned(), instant, Ended(LIMITS)),
        (
            "subqueries in subqueries",
            nested("max_over_time(", "rate(many[5m])", "[2d:1s])", 20),
            hour,
            Ended(LIMITS),
        ),
        ("few steps in subqueries", nested("sum_over_time(", "many", "[1d:1h])", 30), hour, Answered),
        (
            "a cross join",
            "many * on (job) many".to_owned(),
            instant,
            Ended(&["many-to-many", "multiple matches"]),
        ),
        (
            "a cross join with a group",
            "many * on (job) group_left () many".to_owned(),
            instant,
            Ended(&["many-to-many", "multiple matches"]),
        ),
        ("a cross set", "many and on (job) many".to_owned(), long, Ended(LIMITS)),
        (
            "a label that doubles",
            nested("label_join(", "many", ", \"id\", \"\", \"id\", \"id\")", 60),
            instant,
            Ended(&["a label value made by label_join()", "would hold more than", "too many samples"]),
        ),
        (
            "a label that doubles by patterns",
            nested("label_replace(", "many", ", \"id\", \"$1$1\", \"id\", \"(.*)\")", 60),
            instant,
            Ended(&["a label value made by label_replace()", "would hold more than", "too many samples"]),
        ),
        (
            "a label of a hundred thousand",
            nested("label_join(", "many", &format!(", \"id\", \"\"{})", ", \"id\"".repeat(30_000)), 3),
            instant,
            Ended(&["a label value made by label_join()", "would hold more than", "too many samples"]),
        ),
        (
            "a count of all values",
            "count_values(\"v\", many + on (id) group_left () many * time())".to_owned(),
            hour,
            Answered,
        ),
        (
            "a pattern that grows",
            format!("many{{id=~\"{}\"}}", nested("(", "a", "{100})", 6)),
            instant,
            Refused("parse error"),
        ),
        (
            "a pattern that backtracks elsewhere",
            "many{id=~\"(([0-9]+)+)+[a-z]\"} or many{id=~\"(x+x+)+y\"}".to_owned(),
            instant,
            Answered,
        ),
        (
            "a pattern that grows while relabelling",
            format!("label_replace(many, \"a\", \"$1\", \"id\", \"{}\")", nested("(", "\\\\pL", "{50})", 5)),
            instant,
            Ended(&["invalid regular expression"]),
        ),
        (
            "a pattern of many words",
            format!("many{{id=~\"{}\"}}", (0..100_000).map(|n| n.to_string()).collect::<Vec<_>>().join("|")),
            instant,
            Answered,
        ),
        ("the first of very many", "topk(1e18, many)".to_owned(), hour, Answered),
        ("some of very many", "limitk(9e18, many)".to_owned(), hour, Answered),
        ("no number of them", "bottomk(NaN, many)".to_owned(), instant, Ended(&["NaN", "overflow"])),
        ("a number that is none", "topk(Inf, many)".to_owned(), instant, Ended(&["overflow", "Inf"])),
        (
            "many labels to group by",
            format!("sum by ({}) (many)", vec!["id"; 100_000].join(",")),
            instant,
            Answered,
        ),
        (
            "many quantiles",
            format!("histogram_quantiles(many, \"q\"{})", ", 0.5".repeat(10_000)),
            instant,
            Refused("expected at most"),
        ),
        ("a duration beyond all", "many[1e300]".to_owned(), instant, Refused("duration")),
        ("a time beyond all", "many @ 1e300".to_owned(), instant, Refused("timestamp out of bounds")),
        ("an offset beyond all", "many offset 290y offset 290y".to_owned(), instant, Refused("offset")),
        ("a place beyond all", "max_over_time(many[5m] offset -290y)".to_owned(), hour, Answered),
        (
            "smoothing without end",
            format!("{}(many)", "sort(".repeat(150)) + &")".repeat(150),
            instant,
            Answered,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, query, range, fate) in &questions {
        let asked = Instant::now();
        let (outcome, probe) =
            tokio::join!(ask(&server, query, *range, now), ask(&server, "count(many)", None, now));
        let (status, answer) = outcome;
        if asked.elapsed() > PATIENCE {
            wrong.push(format!("{name}: took {:?}", asked.elapsed()));
        }
        if probe.1["data"]["result"][0]["value"][1] != SERIES.to_string().as_str() {
            wrong.push(format!("{name}: another question was not answered: {}", probe.1));
        }
        let error = answer["error"].as_str().unwrap_or_default();
        let fits = match fate {
            Refused(words) => status == 400 && error.contains(words),
            Ended(words) => matches!(status, 422 | 503) && words.iter().any(|words| error.contains(words)),
            Answered => status == 200,
        };
        if !fits {
            wrong.push(format!("{name}: {status}: {:.300}", answer.to_string()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing of all that is left behind.
    let (_, metrics) = server.get("/metrics").await;
    assert!(metrics.contains("prometheus_engine_queries 0\n"), "queries are still under way");
    let (_, queries) = server.get("/api/ui/v1/queries").await;
    assert!(queries.contains("\"active\":[]"), "{queries:.300}");
}

#[tokio::test]
async fn histograms_of_very_many_buckets_are_borne_by_the_query_that_reads_them() {
    let (_setup, server, now) = server().await;
    // Classic: 2,000 bounds each, and every step computes all.
    let query = "histogram_quantile(0.5, label_replace(many, \"le\", \"$1\", \"id\", \"(.*)\"))";
    let (status, answer) = ask(&server, query, Some((11_000, "1")), now).await;
    let error = answer["error"].as_str().unwrap_or_default();
    let ended = LIMITS.iter().any(|words| error.contains(words));
    assert!(status == 200 || ended, "{status}: {:.300}", answer.to_string());
    let (status, answer) = ask(&server, query, None, now).await;
    assert_eq!(status, 200, "{:.300}", answer.to_string());
}

#[tokio::test]
async fn many_such_questions_at_once_leave_room_for_one_that_is_asked_well() {
    let (_setup, server, now) = server().await;
    let query = nested("max_over_time(", "rate(many[5m])", "[2d:1s])", 20);
    let server = std::sync::Arc::new(server);
    let mut hostile = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (server, query) = (std::sync::Arc::clone(&server), query.clone());
        hostile.spawn(async move { ask(&server, &query, Some((3_600, "15")), now).await });
    }
    let (status, answer) = ask(&server, "sum(many)", None, now).await;
    assert_eq!(status, 200, "{answer}");
    while let Some(outcome) = hostile.join_next().await {
        let (status, answer) = outcome.unwrap();
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(LIMITS.iter().any(|words| error.contains(words)), "{status}: {:.300}", answer.to_string());
    }
}
