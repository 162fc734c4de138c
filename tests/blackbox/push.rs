//! Pushed text: `POST /api/v1/import/prometheus`.

use crate::harness::Setup;

#[tokio::test]
async fn one_line_of_curl_is_on_disk_when_it_is_answered() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    // As `curl -d` sends it, which calls everything a form.
    let sent = server.client().post(server.url("/api/v1/import/prometheus?extra_label=job=nightly"));
    let sent =
        sent.header("content-type", "application/x-www-form-urlencoded").body("train_loss{run=\"a\"} 0.42");
    let answer = sent.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (204, String::new()));
    server.kill();
    let server = setup.start().await;
    assert_eq!(server.value("train_loss{run=\"a\",job=\"nightly\"}").await, Some(0.42));

    let (status, told) = server
        .post(
            "/api/v1/import/prometheus",
            "# TYPE good gauge\ngood 1\nbad five\nname{x=\"1\",x=\"2\"} 1\nalso_good 2\n",
        )
        .await;
    assert_eq!(status, 400, "{told}");
    assert!(told.starts_with("2 samples kept\n3:5: found \"five\""), "{told}");
    assert!(told.contains("1 samples invalid_labels"), "{told}");
    assert_eq!(server.value("good + on() also_good").await, Some(3.0));
    let counted = server.get("/metrics").await.1;
    assert!(counted.contains("watchfire_store_samples_refused_total{reason=\"malformed\"} 1\n"), "{counted}");
    assert_eq!(server.get_json("/api/v1/metadata?metric=good").await["data"]["good"][0]["type"], "gauge");

    let (status, told) = server.post("/api/v1/import/prometheus?timestamp=soon", "a 1\n").await;
    assert_eq!((status, told.as_str()), (400, "timestamp \"soon\" is not a number of milliseconds\n"));
    let (status, _) = server.post("/api/v1/import/prometheus?timestamp=1", "long_ago 1\n").await;
    assert_eq!(status, 400, "it is older than what is kept");
}

#[tokio::test]
async fn a_pushed_group_is_shown_until_it_is_deleted_and_survives_a_kill() {
    let setup = Setup::new().config("collect: {interval: 1s}\n");
    let server = setup.start().await;
    let send = |method: reqwest::Method, path: &str, body: &'static str| {
        let sent = server.client().request(method, server.url(path)).body(body).send();
        async move { sent.await.unwrap() }
    };
    let (put, post, delete) = (reqwest::Method::PUT, reqwest::Method::POST, reqwest::Method::DELETE);
    let backup = "/metrics/job/backup/path@base64/L3Zhci90bXA";
    let answer = send(put.clone(), backup, "# TYPE size gauge\nsize 5\nfiles 2\n").await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, String::new()));
    // It has no instance, and the job is its own, not that of the target that shows it.
    let size = "size{job=\"backup\",path=\"/var/tmp\",instance=\"\"}";
    assert_eq!(server.until(size, |_| true).await, 5.0);
    assert_eq!(server.until("up{job=\"pushgateway\"}", |_| true).await, 1.0);

    assert_eq!(send(post, backup, "size 6\n").await.status(), 200);
    server.until(size, |value| value == 6.0).await;
    server.kill();
    let server = setup.start().await;
    // The time of the sample is after the start: it is shown, not remembered.
    server.until(&format!("timestamp({size}) > bool (time() - 30) + {size} * 0"), |value| value == 1.0).await;
    assert_eq!(server.until("files{job=\"backup\"}", |_| true).await, 2.0);
    server.until("time() - push_time_seconds{job=\"backup\"}", |age| age >= 0.0).await;

    let send = |method: reqwest::Method, path: &str, body: &'static str| {
        let sent = server.client().request(method, server.url(path)).body(body).send();
        async move { sent.await.unwrap() }
    };
    let answer = send(put.clone(), backup, "size 7 1700000000000\n").await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().starts_with("size has a timestamp"));
    server.until("push_failure_time_seconds{job=\"backup\"}", |time| time > 1.7e9).await;
    assert_eq!(send(put, "/metrics/job/", "size 7\n").await.status(), 400);

    assert_eq!(send(delete, backup, "").await.status(), 202);
    // Deleted, its series end at once.
    server.until(&format!("absent({size})"), |value| value == 1.0).await;
    assert!(server.get("/metrics").await.1.contains("watchfire_push_groups 0\n"));
}

#[tokio::test]
async fn the_python_client_pushes_its_registry_here() {
    let Some(python) = crate::services::python() else { return };
    let setup = Setup::new().config("collect: {interval: 1s}\n");
    let server = setup.start().await;
    let script = r#"
import sys
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, delete_from_gateway, push_to_gateway, pushadd_to_gateway
gateway, act = sys.argv[1:]
key = {"path": "/var/tmp", "empty": "", "name": "Προμηθεύς"}
if act == "delete":
    delete_from_gateway(gateway, "nightly", grouping_key=key)
    sys.exit()
registry = CollectorRegistry()
Gauge("last_success_unixtime", "When it went well.", registry=registry).set(5)
if act == "push":
    Counter("rows", "Rows.", ["table"], registry=registry).labels("a").inc(3)
    Histogram("took_seconds", "How long.", registry=registry).observe(0.3)
    push_to_gateway(gateway, "nightly", registry, grouping_key=key)
else:
    pushadd_to_gateway(gateway, "nightly", registry, grouping_key=key)
"#;
    let run = |act: &str| {
        let output =
            std::process::Command::new(&python).args(["-c", script, &server.url(""), act]).output().unwrap();
        assert!(output.status.success(), "{act}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("push");
    let of = "job=\"nightly\",path=\"/var/tmp\",empty=\"\",name=\"Προμηθεύς\"";
    assert_eq!(server.until(&format!("rows_total{{{of},table=\"a\"}}"), |_| true).await, 3.0);
    assert_eq!(server.until(&format!("took_seconds_bucket{{{of},le=\"0.5\"}}"), |_| true).await, 1.0);
    run("pushadd");
    let (_, told) = server.get("/api/v1/metadata?metric=took_seconds").await;
    assert!(told.contains("histogram"), "{told}");
    assert_eq!(
        server
            .until(&format!("count({{__name__=~\"rows_total|last_success_unixtime\",{of}}})"), |_| true)
            .await,
        2.0
    );
    run("delete");
    server.until(&format!("absent(last_success_unixtime{{{of}}})"), |value| value == 1.0).await;
}
