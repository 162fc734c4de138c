//! What Grafana's Prometheus data source and its query editor send, in the shape in which they send it.

use crate::harness::remote_write::send;
use crate::harness::{Server, Setup, encode, now_ms};
use serde_json::{Value, json};

/// A configuration that scrapes nothing, with one rule group.
async fn with_data() -> (Setup, Server, i64) {
    let setup = Setup::new();
    let rules = setup.write(
        "rules.yml",
        "groups:\n- name: g\n  rules:\n  - {record: 'job:requests:sum', expr: 'sum by (job) (requests_total)'}\n  - {alert: Hot, expr: 'requests_total > 1000', labels: {severity: page}}\n",
    );
    let setup = setup.config(&format!("rule_files: ['{}']\n", rules.display()));
    let server = setup.start().await;
    let now = now_ms() / 1000 * 1000;
    let samples: Vec<(i64, f64)> = (0..=60).map(|step| (now - (60 - step) * 10_000, step as f64)).collect();
    let a = [("__name__", "requests_total"), ("code", "200"), ("instance", "a:1"), ("job", "api")];
    let b = [("__name__", "requests_total"), ("code", "500"), ("instance", "a:1"), ("job", "api")];
    let c = [("__name__", "temperature"), ("http.room", "attic"), ("job", "home")];
    let (status, body) = send(&server, &[(&a, &samples), (&b, &samples), (&c, &samples)]).await.unwrap();
    assert_eq!(status, 204, "{body}");
    (setup, server, now / 1000)
}

/// As the data source's backend does it: a form, with headers of Grafana's own.
async fn post(server: &Server, path: &str, form: &[(&str, &str)]) -> Value {
    let body: Vec<String> =
        form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let response = server
        .client()
        .post(server.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("user-agent", "Grafana/12.0.0")
        .header("x-dashboard-uid", "abc")
        .header("x-panel-id", "1")
        .header("x-datasource-uid", "P1")
        .header("accept-encoding", "gzip")
        .body(body.join("&"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    let status = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(status, 200, "{path}: {text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["status"], "success", "{path}: {answer}");
    answer["data"].clone()
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.get_json(path).await;
    assert_eq!(answer["status"], "success", "{path}: {answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn the_data_source_can_be_saved_and_tested() {
    let (_setup, server, _) = with_data().await;
    let health = post(&server, "/api/v1/query", &[("query", "1+1"), ("time", "4")]).await;
    assert_eq!(health, json!({"resultType": "scalar", "result": [4, "2"]}));
    let build = get(&server, "/api/v1/status/buildinfo").await;
    let version: Vec<u32> =
        build["version"].as_str().unwrap().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version.as_slice() >= [3, 0, 0].as_slice(), "Grafana offers what this version has: {version:?}");
    assert!(build["features"].is_null(), "which would make it a Mimir");
    assert_eq!(server.get_json("/version").await["version"], build["version"]);
}

#[tokio::test]
async fn panels_get_ranges_whatever_way_the_step_is_written() {
    let (_setup, server, now) = with_data().await;
    let (start, end) = ((now - 300).to_string(), now.to_string());
    let mut answers = Vec::new();
    for step in ["15", "15.000", "15s"] {
        let form = [
            ("query", "sum by (code) (rate(requests_total{job=~\"api|web\"}[1m]))"),
            ("start", start.as_str()),
            ("end", end.as_str()),
            ("step", step),
        ];
        answers.push(post(&server, "/api/v1/query_range", &form).await);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    let data = &answers[0];
    assert_eq!(data["resultType"], "matrix");
    let series = data["result"].as_array().unwrap();
    assert_eq!(series.len(), 2);
    for one in series {
        let values = one["values"].as_array().unwrap();
        assert_eq!(values.len(), 21);
        for (index, value) in values.iter().enumerate() {
            assert_eq!(value[0].as_f64().unwrap() as i64, now - 300 + 15 * index as i64);
            assert!(value[1].as_str().unwrap().parse::<f64>().is_ok());
        }
    }
    let exemplars = [("query", "requests_total"), ("start", start.as_str()), ("end", end.as_str())];
    assert_eq!(post(&server, "/api/v1/query_exemplars", &exemplars).await, json!([]));
    let instant = [("query", "topk(1, requests_total)"), ("time", end.as_str())];
    let instant = post(&server, "/api/v1/query", &instant).await;
    assert_eq!((&instant["resultType"], instant["result"].as_array().unwrap().len()), (&json!("vector"), 1));
}

#[tokio::test]
async fn variables_and_the_query_editor_find_names_and_values() {
    let (_setup, server, now) = with_data().await;
    let range = format!("start={}&end={now}", now - 3600);
    let selector = encode("requests_total{code=\"200\"}");
    assert_eq!(
        get(&server, &format!("/api/v1/label/code/values?match[]={selector}&{range}")).await,
        json!(["200"])
    );
    assert_eq!(
        get(&server, &format!("/api/v1/label/code/values?match%5B%5D={}&{range}", encode("requests_total")))
            .await,
        json!(["200", "500"])
    );
    let names = get(&server, &format!("/api/v1/label/__name__/values?{range}&limit=40000")).await;
    assert!(names.as_array().unwrap().contains(&json!("temperature")), "{names}");
    assert_eq!(
        get(&server, &format!("/api/v1/label/U__http_2e_room/values?{range}")).await,
        json!(["attic"])
    );
    assert_eq!(
        get(&server, &format!("/api/v1/labels?match[]={selector}&{range}")).await,
        json!(["__name__", "code", "instance", "job"])
    );
    let (start, end) = ((now - 3600).to_string(), now.to_string());
    let form = [("match[]", "requests_total"), ("start", start.as_str()), ("end", end.as_str())];
    assert_eq!(post(&server, "/api/v1/labels", &form).await, json!(["__name__", "code", "instance", "job"]));
    let both = [("match[]", "requests_total"), ("match[]", "temperature"), ("start", start.as_str())];
    let series = post(&server, "/api/v1/series", &both).await;
    assert_eq!(series.as_array().unwrap().len(), 3);
    assert_eq!(
        series[0],
        json!({"__name__": "requests_total", "code": "200", "instance": "a:1", "job": "api"})
    );
    assert_eq!(get(&server, "/api/v1/labels?start=2&end=1").await, json!([]), "a range that holds nothing");
}

#[tokio::test]
async fn metadata_rules_alerts_and_status_have_the_shapes_that_are_read() {
    let (_setup, server, _) = with_data().await;
    assert!(get(&server, "/api/v1/metadata?limit=5000").await.is_object());
    assert!(get(&server, "/api/v1/targets/metadata?metric=up").await.is_array());
    let rules = get(&server, "/api/v1/rules").await;
    let group = rules["groups"].as_array().unwrap().iter().find(|group| group["name"] == "g").unwrap();
    for key in ["file", "interval", "evaluationTime", "lastEvaluation"] {
        assert!(!group[key].is_null(), "{key}: {group}");
    }
    assert_eq!(
        (&group["rules"][0]["type"], &group["rules"][1]["type"]),
        (&json!("recording"), &json!("alerting"))
    );
    let only_alerts = get(&server, "/api/v1/rules?type=alert&rule_group[]=g").await;
    assert_eq!(only_alerts["groups"][0]["rules"].as_array().unwrap().len(), 1);
    assert!(get(&server, "/api/v1/alerts").await["alerts"].is_array());
    assert_eq!(
        get(&server, "/api/v1/alertmanagers").await,
        json!({"activeAlertmanagers": [], "droppedAlertmanagers": []})
    );
    assert!(get(&server, "/api/v1/status/walreplay").await["current"].is_number());
    assert!(get(&server, "/api/v1/targets?state=active").await["activeTargets"].is_array());
}

#[tokio::test]
async fn heat_maps_annotations_metric_finds_and_alert_lists_get_what_they_ask_for() {
    let (_setup, server, now) = with_data().await;
    let buckets: Vec<[(&str, &str); 3]> = ["0.1", "1", "+Inf"]
        .map(|bound| [("__name__", "latency_seconds_bucket"), ("job", "api"), ("le", bound)])
        .into();
    for (rank, labels) in buckets.iter().enumerate() {
        let samples: Vec<(i64, f64)> = (0..=60)
            .map(|step| ((now - (60 - step) * 10) * 1_000, (step * (rank as i64 + 1)) as f64))
            .collect();
        assert_eq!(send(&server, &[(labels, &samples)]).await.unwrap().0, 204);
    }
    let (start, end) = ((now - 300).to_string(), now.to_string());
    let range = |query: &'static str| {
        [("query", query), ("start", start.as_str()), ("end", end.as_str()), ("step", "60")]
    };
    // A heat map: one series for each bound, whose label Grafana sorts by.
    let heat = post(
        &server,
        "/api/v1/query_range",
        &range("sum by (le) (increase(latency_seconds_bucket{job=\"api\"}[1m]))"),
    )
    .await;
    let bounds: Vec<&str> =
        heat["result"].as_array().unwrap().iter().map(|one| one["metric"]["le"].as_str().unwrap()).collect();
    assert_eq!(bounds, ["+Inf", "0.1", "1"]);
    // Annotations ask a range, `query_result` of a variable an instant, a metric find the names by a pattern.
    let marks = post(&server, "/api/v1/query_range", &range("changes(requests_total[1m]) > 0")).await;
    assert_eq!(marks["result"].as_array().unwrap().len(), 2);
    let silent = post(&server, "/api/v1/query_range", &range("ALERTS{alertstate=\"firing\"}")).await;
    assert_eq!(silent["result"], json!([]));
    let found = [("query", "count by (code) (requests_total)"), ("time", end.as_str())];
    assert_eq!(post(&server, "/api/v1/query", &found).await["result"][0]["metric"], json!({"code": "200"}));
    let names = encode("{__name__=~\".*requests.*\"}");
    let names =
        get(&server, &format!("/api/v1/label/__name__/values?match[]={names}&start={start}&end={end}")).await;
    assert_eq!(names, json!(["requests_total"]));
    let rules = get(&server, "/api/v1/rules?exclude_alerts=true&group_limit=1").await;
    assert_eq!(rules["groups"].as_array().unwrap().len(), 1);
    let alerting = get(&server, "/api/v1/rules?type=alert&match[]=%7Bseverity%3D%22page%22%7D").await;
    let named: Vec<&Value> = alerting["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| &rule["name"])
        .collect();
    assert!(named.contains(&&json!("Hot")), "{alerting}");
}
