//! Bad series in a remote write: the good ones beside them are stored, the bad ones are counted by reason and named.

use crate::harness::remote_write::{Series, impossible_histogram, request, send};
use crate::harness::{Server, Setup, now_ms};

/// Checks that so many samples were refused for these reasons, and none for any other.
async fn assert_refused(server: &Server, expected: &[(&str, u64)]) {
    let (_, metrics) = server.get("/metrics").await;
    let refused = metrics.lines().filter_map(|line| {
        let (reason, count) =
            line.strip_prefix("watchfire_store_samples_refused_total{reason=\"")?.split_once("\"} ")?;
        Some((reason.to_owned(), count.parse::<u64>().unwrap()))
    });
    let mut refused: Vec<(String, u64)> = refused.filter(|(_, count)| *count > 0).collect();
    refused.sort_unstable();
    let expected: Vec<(String, u64)> =
        expected.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
    assert_eq!(refused, expected);
}

async fn names(server: &Server) -> serde_json::Value {
    server.get_json("/api/v1/label/__name__/values").await["data"].clone()
}

#[tokio::test]
async fn the_good_series_of_a_remote_write_are_kept_and_the_bad_ones_named_by_reason() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let now = now_ms();
    let long = "n".repeat(5000);
    let text = "t".repeat(300);
    let series: [Series<'_>; 9] = [
        (&[("z", "1"), ("__name__", "good"), ("a", "1")], &[(now, 1.0)]),
        (&[("a", "1")], &[(now, 1.0)]),
        (&[("__name__", "bad"), ("a", "1"), ("a", "2")], &[(now, 1.0), (now + 1, 1.0)]),
        (&[("__name__", "bad"), ("", "1")], &[(now, 1.0)]),
        (&[("__name__", "bad"), (&long, "1")], &[(now, 1.0)]),
        (&[("__name__", "bad"), ("text", &text)], &[(now, 1.0)]),
        (&[("__name__", "ahead")], &[(now + 3_600_000, 1.0)]),
        (&[("__name__", "old")], &[(1000, 1.0)]),
        (&[("__name__", "good"), ("a", "2")], &[(1000, 1.0), (now, 2.0)]),
    ];
    // A byte that no UTF-8 text has takes the place of one that stands for itself.
    let mut message = snap::raw::Decoder::new().decompress_vec(&request(&series)).unwrap();
    let at = message.windows(300).position(|window| window == text.as_bytes()).unwrap();
    message[at] = 0xff;
    message.extend_from_slice(&impossible_histogram("impossible", now));
    let response = server
        .client()
        .post(server.url("/api/v1/write"))
        .body(snap::raw::Encoder::new().compress_vec(&message).unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(response.headers()["x-prometheus-remote-write-samples-written"], "2");
    let said = response.text().await.unwrap();
    for expected in [
        "no metric name: the label \"__name__\" is missing or empty (5 samples invalid_labels)",
        "of 5000 bytes is longer than label_name_length_limit, 4096 (1 samples label_limit)",
        "in the future; check the clocks (1 samples too_far_ahead)",
        "older than the retention keeps (2 samples too_old)",
        "the histogram of {__name__=\"impossible\"} at ",
        "the schema 9; expected -4 to 8, or -53 for custom buckets (1 samples invalid_histogram)",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
    server.until("good{a=\"1\", z=\"1\"}", |value| value == 1.0).await;
    server.until("good{a=\"2\"}", |value| value == 2.0).await;
    assert_eq!(names(&server).await, serde_json::json!(["good"]));
    let refused = [
        ("invalid_histogram", 1),
        ("invalid_labels", 5),
        ("label_limit", 1),
        ("too_far_ahead", 1),
        ("too_old", 2),
    ];
    assert_refused(&server, &refused).await;
}

#[tokio::test]
async fn of_two_values_for_one_time_the_first_stays_and_the_other_is_counted() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let now = now_ms();
    let write = async |name: &str, samples: &[(i64, f64)]| {
        send(&server, &[(&[("__name__", name)], samples)]).await.unwrap()
    };
    assert_eq!(write("x", &[(now - 60_000, 1.0), (now, 2.0)]).await.0, 204);
    assert_eq!(write("x", &[(now, 2.0)]).await.0, 204, "the same sample again is none too many");
    let (status, said) = write("x", &[(now, 3.0), (now + 1, 4.0)]).await;
    assert_eq!(status, 400);
    let told = format!("x at {now} ms has another value already, which stays");
    assert!(said.contains(&told) && said.contains("(1 samples duplicate_timestamp)"), "{said}");
    assert_refused(&server, &[("duplicate_timestamp", 1)]).await;

    // Between two others: whether there is another value shows when they are merged.
    assert_eq!(write("x", &[(now - 60_000, 5.0), (now - 30_000, 6.0)]).await.0, 204);
    let (status, said) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert_eq!(status, 204, "{said}");
    assert_refused(&server, &[("duplicate_timestamp", 2)]).await;
    // And with what is in parts already.
    assert_eq!(write("x", &[(now - 60_000, 7.0), (now - 15_000, 8.0)]).await.0, 204);
    let (status, said) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert_eq!(status, 204, "{said}");
    assert_refused(&server, &[("duplicate_timestamp", 3)]).await;

    let path = format!("/api/v1/query?query=x%5B5m%5D&time={}", now / 1000 + 1);
    let answer = server.get_json(&path).await;
    let values = answer["data"]["result"][0]["values"].as_array().unwrap();
    let values: Vec<&str> = values.iter().map(|sample| sample[1].as_str().unwrap()).collect();
    assert_eq!(values, ["1", "6", "8", "2", "4"]);
}

#[tokio::test]
async fn a_reload_puts_other_limits_on_labels_in_force_and_known_series_stay() {
    let limits = |limits: &str| format!("metrics: {{limits: {{{limits}}}}}\n");
    let setup = Setup::new().config(&limits("label_limit: 3, label_value_length_limit: 5"));
    let server = setup.start().await;
    let wide: &[(&str, &str)] = &[("__name__", "m"), ("a", "1"), ("b", "2")];
    let wider: &[(&str, &str)] = &[("__name__", "m"), ("a", "1"), ("b", "2"), ("c", "3")];
    let long: &[(&str, &str)] = &[("__name__", "m"), ("a", "123456")];
    let write = async |labels: &[(&str, &str)]| send(&server, &[(labels, &[(now_ms(), 1.0)])]).await.unwrap();
    assert_eq!(write(wide).await.0, 204);
    for (labels, told) in [(wider, "label_limit, 3"), (long, "label_value_length_limit, 5")] {
        let (status, said) = write(labels).await;
        assert!(status == 400 && said.contains(told), "{status}: {said}");
    }
    assert_refused(&server, &[("label_limit", 2)]).await;

    setup.write("prometheus.yml", &limits("label_limit: 2, label_value_length_limit: 0"));
    let (status, said) = server.post("/-/reload", "").await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(write(wide).await.0, 204, "it is known");
    assert_eq!(write(long).await.0, 204);
    assert_eq!(write(wider).await.0, 400);
    server.until("count(m)", |count| count == 2.0).await;
}
