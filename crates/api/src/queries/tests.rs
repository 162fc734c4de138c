use super::*;
use watchfire_promql::{ParseOptions, parse};

fn query(text: &str) -> Query {
    Query::range(parse(text, ParseOptions::default()).unwrap(), 1_000, 61_000, 15_000)
}

#[test]
fn a_query_is_listed_while_it_is_under_way() {
    let queries = Arc::new(ActiveQueries::default());
    let mut first = queries.begin(&query("up"), "up", Origin::default(), 1_435_781_451_000);
    let second = queries.begin(&query("down"), "down", Origin::default(), 0);
    first.runs(Duration::from_millis(5));
    let listed = serde_json::to_value(queries.active()).unwrap();
    assert_eq!((&listed[0]["query"], &listed[0]["queued"]), (&"up".into(), &false.into()));
    assert_eq!((&listed[1]["query"], &listed[1]["queued"]), (&"down".into(), &true.into()));
    assert_eq!(listed[0]["asked"], "2015-07-01T20:10:51.000Z");
    assert_eq!((&listed[0]["start"], &listed[0]["step"]), (&1_000.into(), &15_000.into()));
    drop((first, second));
    assert!(queries.active().is_empty());
    assert!(queries.slow().is_empty(), "these took no second");
}

#[tokio::test]
async fn a_killed_query_is_told_so_wherever_it_waits() {
    let queries = Arc::new(ActiveQueries::default());
    let asked = query("up");
    let underway = queries.begin(&asked, "up", Origin::default(), 0);
    let id = underway.entry.asked.id;
    assert!(queries.kill(id));
    assert!(asked.cancel.load(Ordering::Relaxed));
    underway.killed().await;
    drop(underway);
    assert!(!queries.kill(id), "it is gone");
}

#[test]
fn the_log_has_a_line_for_each_query_and_what_became_of_it() {
    let path = std::env::temp_dir().join(format!("watchfire-queries-{}.log", std::process::id()));
    let queries = Arc::new(ActiveQueries::default());
    queries.log_to(Some(&path)).unwrap();
    let origin = Origin {
        client: Some([127, 0, 0, 1].into()),
        method: "POST".to_owned(),
        path: "/api/v1/query_range".to_owned(),
    };
    let mut done = queries.begin(&query("up"), "up{a=\"\n\"}", origin, 0);
    done.runs(Duration::ZERO);
    done.ends(None);
    drop(done);
    let mut failed = queries.begin(&query("up"), "up", Origin::default(), 0);
    failed.runs(Duration::ZERO);
    failed.ends(Some("it was too much".to_owned()));
    drop(failed);
    let killed = queries.begin(&query("up"), "up", Origin::default(), 0);
    queries.kill(killed.entry.asked.id);
    drop(killed);
    drop(queries.begin(&query("up"), "up", Origin::default(), 0));
    queries.log_to(None).unwrap();
    drop(queries.begin(&query("up"), "up", Origin::default(), 0));
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcomes: Vec<&str> = lines.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["done", "failed", "killed", "left"]);
    assert_eq!(lines[0]["params"]["query"], "up{a=\"\n\"}");
    assert_eq!(lines[0]["params"]["step"], 15);
    assert_eq!(
        lines[0]["httpRequest"],
        serde_json::json!({"clientIP": "127.0.0.1", "method": "POST", "path": "/api/v1/query_range"})
    );
    assert_eq!((&lines[0]["error"], &lines[1]["error"]), (&().into(), &"it was too much".into()));
    assert_eq!(lines[0]["params"]["end"], "1970-01-01T00:01:01.000Z");
    std::fs::remove_file(&path).unwrap();
    assert!(queries.log_to(Some(&path.join("below a file that is not there"))).is_err());
}

#[test]
fn the_log_says_of_a_rule_s_query_which_group_asked() {
    let name = format!("watchfire-rule-queries-{}.log", std::process::id());
    let path = std::env::temp_dir().join(name);
    let queries = Arc::new(ActiveQueries::default());
    let observer = RuleQueries::new(
        Arc::clone(&queries),
        Arc::new(watchfire_model::time::ManualClock::at(1_435_781_451_000)),
    );
    let mut asked = Query::instant(parse("sum( rate(x[5m]))", ParseOptions::default()).unwrap(), 60_000);
    asked.count_queried = true;
    let mut store = watchfire_promql::testing::MemorySource::default();
    for at_ms in [-240_000, 0, 15_000, 30_000] {
        let labels = watchfire_model::Labels::from_pairs([("__name__", "x")]);
        store.append(&labels, at_ms, watchfire_model::SampleValue::Float(1.0), 0);
    }
    watchfire_promql::Engine::default().evaluate(&asked, &store).unwrap();
    let tell = |error: Option<&str>| {
        let (took, error) = (Duration::from_millis(250), error.map(str::to_owned));
        observer.ended(&RuleQuery { file: "/etc/rules.yml", group: "g", query: &asked, took, error });
    };
    tell(None);
    queries.log_to(Some(&path)).unwrap();
    tell(None);
    tell(Some("too much"));
    queries.log_to(None).unwrap();
    tell(None);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "only while there is a log: {text}");
    for line in &lines {
        assert_eq!(line["ruleGroup"], serde_json::json!({"file": "/etc/rules.yml", "name": "g"}));
        assert_eq!(line["params"]["query"], "sum(rate(x[5m]))");
        assert_eq!(
            (&line["params"]["start"], &line["params"]["step"]),
            (&"1970-01-01T00:01:00.000Z".into(), &0.into())
        );
        assert_eq!(line["stats"]["timings"]["execTotalTime"], 0.25);
        assert_eq!(line["time"], "2015-07-01T20:10:51.000Z");
        assert_eq!(line["stats"]["samples"]["totalQueryableSamples"], 3, "the first is just outside");
        assert!(line.get("httpRequest").is_none());
    }
    assert_eq!((lines[0].get("error"), &lines[1]["error"]), (None, &"too much".into()));
}
