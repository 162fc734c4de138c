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
