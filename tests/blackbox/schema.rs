//! Answers held to the description of the API that the server itself gives.

use crate::harness::remote_write::send;
use crate::harness::{Server, Setup, encode, now_ms};
use serde_json::{Value, json};

const CONFIG: &str = "
scrape_configs:
  - job_name: self
    scrape_interval: 1s
    relabel_configs:
      - {target_label: role, replacement: here}
      - {source_labels: [__address__], regex: 'gone:.*', action: drop}
    static_configs: [{targets: ['127.0.0.1:1', 'gone:1']}]
rule_files: [rules.yml]
";
const RULES: &str = "
groups:
  - name: g
    interval: 1s
    rules:
      - {record: a:b, expr: vector(1)}
      - {alert: Always, expr: vector(1), labels: {severity: page}, annotations: {summary: x}}
  - name: h
    rules: [{record: c:d, expr: vector(2)}]
";

/// What of a value does not fit a schema, as `place: reason`. Only what our description uses is known.
fn faults(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        let schema = document.pointer(target.trim_start_matches('#')).unwrap();
        return faults(document, schema, value, place, found);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let tried = choices.iter().map(|choice| {
            let mut found = Vec::new();
            faults(document, choice, value, place, &mut found);
            found
        });
        let best = tried.min_by_key(Vec::len).unwrap_or_default();
        found.extend(best);
        return;
    }
    if let Some(known) = schema["enum"].as_array().filter(|known| !known.contains(value)) {
        found.push(format!("{place}: {value} is none of {known:?}"));
    }
    let fits = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        found.push(format!("{place}: {value:.80} is no {}", schema["type"]));
    }
    if schema["format"] == "date-time" && !value.as_str().is_some_and(|text| text.ends_with('Z')) {
        found.push(format!("{place}: {value} is no time"));
    }
    if let Some(items) = value.as_array() {
        let within = |bound: &str, fits: &dyn Fn(usize, usize) -> bool| {
            schema[bound].as_u64().is_none_or(|bound| fits(items.len(), bound as usize))
        };
        if !within("minItems", &|len, least| len >= least) || !within("maxItems", &|len, most| len <= most) {
            found.push(format!("{place}: {} items", items.len()));
        }
        for (index, item) in items.iter().enumerate() {
            faults(document, &schema["items"], item, &format!("{place}[{index}]"), found);
        }
    }
    let Some(fields) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(format!("{place}: {name} is missing"));
        }
    }
    for (name, value) in fields {
        let place = format!("{place}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => faults(document, schema, value, &place, found),
            (None, Value::Bool(false)) => found.push(format!("{place}: nobody described it")),
            (None, schema) if schema.is_object() => faults(document, schema, value, &place, found),
            (None, _) => {}
        }
    }
}

async fn with_data() -> (Setup, Server, i64) {
    let setup = Setup::new();
    setup.write("rules.yml", RULES);
    let setup = setup.config(CONFIG);
    let server = setup.start().await;
    let now = now_ms();
    let samples: Vec<(i64, f64)> = (0..20).map(|step| (now - (20 - step) * 1_000, step as f64)).collect();
    let labels = [("__name__", "requests_total"), ("code", "200"), ("job", "api")];
    assert_eq!(send(&server, &[(&labels, &samples)]).await.unwrap().0, 204);
    server.until("count(ALERTS)", |count| count >= 1.0).await;
    (setup, server, now / 1_000)
}

#[tokio::test]
async fn every_answer_is_as_the_api_describes_itself() {
    let (_setup, server, now) = with_data().await;
    let (status, body) = server.get("/api/v1/openapi.yaml").await;
    assert_eq!(status, 200);
    // JSON is YAML.
    let document: Value = serde_json::from_str(&body).unwrap();
    let query = encode("rate(requests_total[10s])");
    let labels = encode("{\"__address__\":\"gone:1\"}");
    let asked = [
        ("/query", format!("query=requests_total&time={now}&stats=all")),
        ("/query", "query=1%2B1".to_owned()),
        ("/query", "query=%22text%22".to_owned()),
        ("/query", format!("query={}", encode("requests_total[1m]"))),
        ("/query", "query=sum(".to_owned()),
        ("/query_range", format!("query={query}&start={}&end={now}&step=1&stats=all", now - 10)),
        ("/query_range", "query=up&start=2&end=1&step=1".to_owned()),
        ("/query_exemplars", "query=requests_total".to_owned()),
        ("/format_query", "query=sum(a)by(b)".to_owned()),
        ("/parse_query", "query=sum(a)by(b)".to_owned()),
        ("/series", "match[]=requests_total&limit=1".to_owned()),
        ("/series", String::new()),
        ("/labels", "limit=1".to_owned()),
        ("/label/{name}/values", "match[]=requests_total".to_owned()),
        ("/metadata", "limit=5".to_owned()),
        ("/metadata", "limit=x".to_owned()),
        ("/targets", String::new()),
        ("/targets", "state=active&scrapePool=self".to_owned()),
        ("/targets/metadata", String::new()),
        ("/targets/relabel_steps", format!("scrapePool=self&labels={labels}")),
        ("/targets/relabel_steps", "scrapePool=none&labels={}".to_owned()),
        ("/scrape_pools", String::new()),
        ("/rules", String::new()),
        ("/rules", "type=alert&exclude_alerts=true".to_owned()),
        ("/rules", "group_limit=1".to_owned()),
        ("/rules", "group_limit=0".to_owned()),
        ("/rules", "group_next_token=x".to_owned()),
        ("/alerts", String::new()),
        ("/alertmanagers", String::new()),
        ("/status/config", String::new()),
        ("/status/flags", String::new()),
        ("/status/runtimeinfo", String::new()),
        ("/status/buildinfo", String::new()),
        ("/status/tsdb", "limit=3".to_owned()),
        ("/status/tsdb/blocks", String::new()),
        ("/status/walreplay", String::new()),
        ("/status/self_metrics", "metric_name_pattern=watchfire_build_info".to_owned()),
        ("/status/self_metrics", "metric_name_pattern=(".to_owned()),
        // Not without its feature flag.
        ("/search/metric_names", String::new()),
        ("/search/label_names", String::new()),
        ("/search/label_values", "label=job".to_owned()),
        ("/features", String::new()),
        ("/notifications", String::new()),
    ];
    let mut found = Vec::new();
    for (path, parameters) in &asked {
        let url = format!("/api/v1{}?{parameters}", path.replace("{name}", "code"));
        let (status, body) = server.get(&url).await;
        let answer: Value =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"));
        let responses = &document["paths"][path]["get"]["responses"];
        let response = responses.get(status.to_string()).unwrap_or(&responses["default"]);
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{url}: {status} is not described");
        faults(&document, schema, &answer, &url, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    // Every path that is only read was asked.
    for (path, methods) in document["paths"].as_object().unwrap() {
        let is_asked = asked.iter().any(|(asked, _)| asked == path);
        assert!(is_asked || methods["get"].is_null(), "{path} was not asked");
    }
    let newer = server.get("/api/v1/openapi.yaml?openapi_version=3.2").await.1;
    assert!(newer.contains("\"3.2.0\"") && newer.contains("/notifications/live"));
}

#[tokio::test]
async fn names_are_found_for_completion_by_parts_of_them() {
    let setup = Setup::new().config("").arg("--enable-feature=search-api");
    let server = setup.start().await;
    let samples = [(now_ms(), 1.0)];
    for name in ["http_requests_total", "http_request_duration_seconds_sum", "memory_bytes"] {
        assert_eq!(
            send(&server, &[(&[("__name__", name), ("job", "shop")], &samples)]).await.unwrap().0,
            204
        );
    }
    let search = async |path: &str| -> Vec<Value> {
        let (status, body) = server.get(&format!("/api/v1/search/{path}")).await;
        assert_eq!(status, 200, "{path}: {body}");
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let found = search("metric_names?search[]=req&batch_size=1&sort_by=score").await;
    assert_eq!(found[0]["results"], json!([{"name": "http_request_duration_seconds_sum"}]));
    assert_eq!(found[1]["results"], json!([{"name": "http_requests_total"}]));
    assert_eq!(found[2], json!({"status": "success", "has_more": false}));
    let found = search("metric_names?search[]=mby&include_score=true").await;
    assert_eq!(found[0]["results"][0]["name"], "memory_bytes");
    assert!(found[0]["results"][0]["score"].as_f64().unwrap() < 0.9);
    let found = search("label_values?label=job&search[]=SH&case_sensitive=false&limit=1").await;
    assert_eq!(found[0]["results"], json!([{"value": "shop"}]));
    assert_eq!(search("label_names?match[]=memory_bytes&limit=1").await[1]["has_more"], true);
    assert_eq!(server.get("/api/v1/search/metric_names?limit=0").await.0, 400);
}

#[tokio::test]
async fn rules_come_page_by_page() {
    let (_setup, server, _) = with_data().await;
    let first = server.get_json("/api/v1/rules?group_limit=1").await["data"].clone();
    let token = first["groupNextToken"].as_str().unwrap().to_owned();
    let rest =
        server.get_json(&format!("/api/v1/rules?group_limit=10&group_next_token={token}")).await["data"]
            .clone();
    assert!(rest["groupNextToken"].is_null(), "{rest}");
    let names = |page: &Value| -> Vec<String> {
        let groups = page["groups"].as_array().unwrap();
        groups.iter().map(|group| format!("{} {}", group["file"], group["name"])).collect()
    };
    let all = server.get_json("/api/v1/rules").await["data"].clone();
    let (mut paged, mut whole) = ([names(&first), names(&rest)].concat(), names(&all));
    paged.sort();
    whole.sort();
    assert_eq!(paged, whole);
    assert!(paged.len() >= 2);
    let (status, body) = server.get("/api/v1/rules?group_limit=1&group_next_token=gone").await;
    assert_eq!(status, 400);
    assert!(body.contains("were rule groups changed?"), "{body}");
}

#[tokio::test]
async fn browsers_of_other_sites_read_only_where_they_are_let_in() {
    let setup = Setup::new().config("").arg("--web.cors.origin=https://(a|b)[.]example");
    let server = setup.start().await;
    let ask = |method: reqwest::Method, path: &str, origin: &'static str| {
        let request = server.client().request(method, server.url(path));
        request.header("origin", origin).header("sec-fetch-site", "cross-site").send()
    };
    let query = "/api/v1/query?query=1";
    let let_in = ask(reqwest::Method::GET, query, "https://a.example").await.unwrap();
    assert_eq!(let_in.status(), 200);
    assert_eq!(let_in.headers()["access-control-allow-origin"], "https://a.example");
    let asks_first = ask(reqwest::Method::OPTIONS, query, "https://a.example").await.unwrap();
    assert_eq!(asks_first.status(), 204);
    assert!(asks_first.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    let stranger = ask(reqwest::Method::GET, query, "https://evil.example").await.unwrap();
    assert_eq!(stranger.status(), 403);
    assert!(!stranger.headers().contains_key("access-control-allow-origin"));
    let changes = ask(reqwest::Method::POST, "/-/reload", "https://a.example").await.unwrap();
    assert_eq!(changes.status(), 403);
    for path in ["/-/reload", "/-/quit"] {
        let (status, body) = server.get(path).await;
        assert_eq!((status, body.as_str()), (405, "Only POST or PUT requests allowed"), "{path}");
    }
}

#[tokio::test]
async fn notifications_are_streamed_as_they_come_and_go() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let mut live = server.client().get(server.url("/api/v1/notifications/live")).send().await.unwrap();
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    assert_eq!(live.chunk().await.unwrap().unwrap(), ":\n\n");
    setup.write("prometheus.yml", "nonsense: [");
    assert_eq!(server.post("/-/reload", "").await.0, 500);
    let event = live.chunk().await.unwrap().unwrap();
    let event = String::from_utf8(event.to_vec()).unwrap();
    let json: Value = serde_json::from_str(event.trim().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&json["text"], &json["active"]), (&"Configuration reload has failed.".into(), &true.into()));
    assert_eq!(server.get_json("/api/v1/notifications").await["data"][0]["text"], json["text"]);
    setup.write("prometheus.yml", "");
    assert_eq!(server.post("/-/reload", "").await.0, 200);
    let gone = live.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&gone).contains("\"active\":false"), "{gone:?}");
}
