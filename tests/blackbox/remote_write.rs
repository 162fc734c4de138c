//! Remote write 2.0: what its own sender and a real Prometheus send is kept and told.
//!
//! `WATCHFIRE_TEST_PROMETHEUS` names another program than the `prometheus` that is installed.

use crate::harness::remote_write_v2::{Histogram, Request, Series};
use crate::harness::{Peer, Server, Setup, find_program, free_port, now_ms};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// What a server tells of everything that the request below holds.
async fn told(server: &Server, at_ms: i64) -> Value {
    let at = at_ms as f64 / 1000.0;
    let mut told = serde_json::Map::new();
    for query in [
        "requests_total[5m]",
        "increase(requests_total[5m])",
        "increase(unstarted_total[5m])",
        "ended",
        "ended[5m]",
        "latency[5m]",
        "histogram_count(increase(latency[5m]))",
    ] {
        let path = format!("/api/v1/query?time={at}&query={}", crate::harness::encode(query));
        let answer = server.get_json(&path).await;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        told.insert(query.to_owned(), answer["data"]["result"].clone());
    }
    told.insert("metadata".to_owned(), server.get_json("/api/v1/metadata").await["data"].clone());
    told.into()
}

fn number(told: &Value, query: &str) -> f64 {
    let value = told[query][0]["value"][1].as_str();
    value.unwrap_or_else(|| panic!("{query}: {}", told[query])).parse().unwrap()
}

#[tokio::test]
async fn version_2_is_kept_with_starts_histograms_and_metadata_across_a_kill() {
    let setup = Setup::new().config("").arg("--enable-feature=use-start-timestamps");
    let server = setup.start().await;
    let now = now_ms() / 1000 * 1000;
    let (then, before) = (now - 60_000, now - 120_000);
    // It started again in between, and had counted on to more than before when it was asked again.
    let restarted = [(then, before, 1_000_000.0), (now - 1_000, now - 30_000, 1_000_060.0)];
    let unstarted = restarted.map(|(at, _, value)| (at, 0, value));
    let integers =
        [(then, before, Histogram::Integer([1, 2, 3])), (now - 1_000, before, Histogram::Integer([2, 4, 6]))];
    let request = Request::new()
        .add(Series {
            labels: &[("__name__", "requests_total"), ("empty", ""), ("job", "größe")],
            floats: &restarted,
            exemplars: &[(&[("trace_id", "abc")], now - 1_000, 0.5)],
            metadata: (1, "how many", "requests"),
            ..Series::default()
        })
        .add(Series {
            labels: &[("__name__", "unstarted_total")],
            floats: &unstarted,
            metadata: (1, "how many", ""),
            ..Series::default()
        })
        .add(Series {
            labels: &[("__name__", "ended")],
            floats: &[(then, 0, -0.0), (now - 1_000, 0, STALE)],
            ..Series::default()
        })
        .add(Series {
            labels: &[("__name__", "latency"), ("kind", "integer")],
            histograms: &integers,
            metadata: (3, "how long", "seconds"),
            ..Series::default()
        })
        .add(Series {
            labels: &[("__name__", "latency"), ("kind", "float")],
            histograms: &[(then, 0, Histogram::Float([0.5, 1.5, 2.5]))],
            metadata: (3, "how long", "seconds"),
            ..Series::default()
        })
        .add(Series {
            labels: &[("__name__", "latency"), ("kind", "custom")],
            histograms: &[(then, 0, Histogram::Custom([3, 0, 4]))],
            metadata: (3, "how long", "seconds"),
            ..Series::default()
        });
    let (status, kept, body) = request.send(&server).await;
    assert_eq!((status, kept), (204, [6, 4, 1]), "{body}");

    let first = told(&server, now).await;
    let labels = &first["requests_total[5m]"][0]["metric"];
    assert_eq!(*labels, json!({"__name__": "requests_total", "job": "größe"}));
    assert_eq!(first["requests_total[5m]"][0]["values"][1][1], "1000060");
    assert!(number(&first, "increase(requests_total[5m])") > 1_000_000.0, "{first}");
    assert!(number(&first, "increase(unstarted_total[5m])") < 1_000.0, "{first}");
    assert_eq!(first["ended"], json!([]), "a stale marker ends it");
    assert_eq!(first["ended[5m]"][0]["values"].as_array().unwrap().len(), 1);
    assert_eq!(first["ended[5m]"][0]["values"][0][1], "-0");
    let histograms = first["latency[5m]"].as_array().unwrap();
    let of = |kind: &str| {
        let series = histograms.iter().find(|series| series["metric"]["kind"] == kind);
        &series.unwrap_or_else(|| panic!("{kind}: {first}"))["histograms"]
    };
    assert_eq!(of("integer").as_array().unwrap().len(), 2);
    assert_eq!(of("integer")[1][1]["count"], "13");
    assert_eq!(of("float")[0][1]["count"], "5.5");
    assert_eq!(
        of("custom")[0][1]["buckets"],
        json!([[3, "-Inf", "0.5", "3"], [0, "2", "+Inf", "4"]]),
        "{first}"
    );
    let described = |family: &str| first["metadata"][family][0].clone();
    assert_eq!(
        described("requests_total"),
        json!({"type": "counter", "help": "how many", "unit": "requests"})
    );
    assert_eq!(described("latency"), json!({"type": "histogram", "help": "how long", "unit": "seconds"}));
    assert_eq!(described("ended"), Value::Null, "it said nothing about itself");

    server.kill();
    let server = setup.start().await;
    assert_eq!(told(&server, now).await, first);
    // The same once more changes nothing.
    let (status, _, body) = request.send(&server).await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(told(&server, now).await, first);
}

#[tokio::test]
async fn what_is_wrong_in_version_2_is_named_and_counted_and_the_rest_kept() {
    let setup = Setup::new().config("");
    let server = setup.start().await;
    let now = now_ms();
    let good = Series { labels: &[("__name__", "good")], floats: &[(now, 0, 7.0)], ..Series::default() };
    let twice = Series {
        labels: &[("__name__", "twice"), ("a", "1"), ("a", "2")],
        floats: &[(now, 0, 7.0)],
        ..Series::default()
    };
    let request = Request::new().add(twice).add_dangling(now).add(good);
    let (status, kept, body) = request.send(&server).await;
    assert_eq!((status, kept), (400, [1, 0, 0]), "{body}");
    assert!(body.contains("invalid_labels") && body.contains('2'), "{body}");
    assert_eq!(server.value("good").await, Some(7.0));
    let (_, metrics) = server.get("/metrics").await;
    let counted = metrics.lines().find(|line| {
        line.starts_with("watchfire_store_samples_refused_total{") && line.contains("invalid_labels")
    });
    assert!(counted.is_some_and(|line| line.ends_with(" 2")), "{counted:?}");

    // What is no message of that name, or has a name that nobody knows, is refused whole.
    let send = async |content_type: &str, body: Vec<u8>| {
        let post = server.client().post(server.url("/api/v1/write")).header("content-type", content_type);
        let response = post.header("content-encoding", "snappy").body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let broken = snap::raw::Encoder::new().compress_vec(&[5 << 3 | 2, 9]).unwrap();
    let (status, said) = send(v2, broken).await;
    assert_eq!(status, 400);
    assert!(said.contains("not an io.prometheus.write.v2.Request: byte 2"), "{said}");
    let (status, said) = send("application/x-protobuf;proto=some.Message", request.body()).await;
    assert_eq!(status, 415);
    assert!(said.contains("proto=io.prometheus.write.v2.Request (2.0)"), "{said}");
}

#[tokio::test]
async fn a_real_prometheus_writes_to_it_by_version_2() {
    let setup = Setup::new();
    let server = setup.start().await;
    let program = std::env::var("WATCHFIRE_TEST_PROMETHEUS").unwrap_or_else(|_| "prometheus".to_owned());
    let path = if program.contains('/') { Some(PathBuf::from(&program)) } else { find_program(&program) };
    let Some(path) = path else { return };
    let version = Command::new(path).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&[version.stdout, version.stderr].concat()).into_owned();
    if !version.contains("version 3") {
        println!("skipped: {program} is too old to send remote write 2.0");
        return;
    }
    let port = free_port();
    let config = setup.write(
        "peer.yml",
        &format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs:\n\
             - job_name: itself\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n\
             remote_write:\n\
             - url: http://{}/api/v1/write\n  protobuf_message: io.prometheus.write.v2.Request\n  \
             send_exemplars: true\n  send_native_histograms: true\n",
            server.address
        ),
    );
    let peer = Peer::start(
        &program,
        [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", setup.path("peer-data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
            "--enable-feature=native-histograms,metadata-wal-records,exemplar-storage".to_owned(),
        ],
    );
    assert!(peer.is_some());
    // Its scrapes of itself come to us, and it counts what we told it of having kept.
    server.until("up{job=\"itself\"}", |up| up == 1.0).await;
    server.until("count({job=\"itself\"})", |series| series > 200.0).await;
    server.until("prometheus_remote_storage_samples_total{job=\"itself\"}", |sent| sent > 1_000.0).await;
    for nothing in ["samples_failed_total", "samples_dropped_total", "histograms_failed_total"] {
        let sum = server.value(&format!("sum(prometheus_remote_storage_{nothing}{{job=\"itself\"}})")).await;
        assert!(sum.is_none_or(|sum| sum == 0.0), "{nothing}: {sum:?}");
    }
    let metadata = server.get_json("/api/v1/metadata?metric=prometheus_http_requests_total").await;
    assert_eq!(metadata["data"]["prometheus_http_requests_total"][0]["type"], "counter", "{metadata}");
    let histogram = "histogram_count(prometheus_http_request_duration_seconds{job=\"itself\"})";
    server.until(&format!("sum({histogram})"), |count| count > 0.0).await;
}
