//! A real Prometheus reads from us, by samples and by streamed chunks.

use crate::differential::{peer_program, version_of};
use crate::harness::remote_write::send;
use crate::harness::{PATIENCE, Peer, Setup, encode, free_port, now_ms, remote_write_v2};
use serde_json::Value;
use std::time::Instant;

#[tokio::test]
async fn a_real_prometheus_reads_floats_and_histograms_from_here() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let now = now_ms() / 1_000 * 1_000;
    // More than a chunk holds, with values of many kinds.
    let samples: Vec<(i64, f64)> = (0..500_i32)
        .map(|step| (now - i64::from(500 - step) * 1_000, f64::from(step).sqrt() * f64::from(1 - step % 7)))
        .collect();
    for job in ["a", "b"] {
        let labels = [("__name__", "floats"), ("job", job)];
        assert_eq!(send(&server, &[(&labels, &samples)]).await.unwrap().0, 204);
    }
    let histograms: Vec<(i64, i64, remote_write_v2::Histogram)> = (0..20)
        .map(|step| (now - (20 - step) * 1_000, 0, remote_write_v2::Histogram::Integer([step, 2 * step, 3])))
        .collect();
    let request = remote_write_v2::Request::new().add(remote_write_v2::Series {
        labels: &[("__name__", "natives")],
        histograms: &histograms,
        ..remote_write_v2::Series::default()
    });
    assert_eq!(request.send(&server).await.0, 204);

    let config = format!("remote_read:\n  - url: {}\n    read_recent: true\n", server.url("/api/v1/read"));
    let config = setup.write("reader.yml", &config);
    let port = free_port();
    let Some(program) = peer_program() else {
        println!("no prometheus is installed: nobody to read from here");
        return;
    };
    let _reader = Peer::start_at(
        &program,
        [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", setup.path("reader").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--enable-feature=native-histograms".to_owned(),
        ],
    );
    let reader = format!("http://127.0.0.1:{port}");
    let client = server.client();
    let started = Instant::now();
    while !client
        .get(format!("{reader}/-/ready"))
        .send()
        .await
        .is_ok_and(|answer| answer.status().is_success())
    {
        assert!(started.elapsed() < PATIENCE, "the real Prometheus did not become ready");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut queries = vec!["floats[600s]", "floats{job!=\"a\"}", "sum_over_time(floats[500s])"];
    if version_of(&program) >= (3, 0) {
        // Prometheus 2 reads no histograms from elsewhere.
        queries.extend([
            "histogram_count(natives)",
            "natives",
            "rate(natives[15s])",
            "histogram_quantile(0.9, rate(natives[15s]))",
            "count_over_time(natives[20s])",
        ]);
    } else {
        println!("this peer reads no histograms; set WATCHFIRE_PEER_PROMETHEUS to one of 3.0 or later");
    }
    for query in queries {
        let path = format!("/api/v1/query?query={}&time={}", encode(query), (now - 1_000) / 1_000);
        let body = client.get(format!("{reader}{path}")).send().await.unwrap().text().await.unwrap();
        let theirs: Value = serde_json::from_str(&body).unwrap();
        let ours = server.get_json(&path).await;
        assert_eq!(theirs["data"], ours["data"], "{query}: {theirs}");
        assert!(!ours["data"]["result"].as_array().unwrap().is_empty(), "{query}");
    }
}

#[tokio::test]
async fn a_read_that_makes_no_sense_is_refused_in_words() {
    let server = Setup::new().config("").start().await;
    let (status, body) = server.post("/api/v1/read", "nonsense").await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("snappy"), "{body}");
    let empty_query = snap::raw::Encoder::new().compress_vec(&[10, 0]).unwrap();
    let (status, body) = server.post("/api/v1/read", empty_query).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("without matchers"), "{body}");
}
