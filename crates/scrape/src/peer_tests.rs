//! The same configuration and the same targets, asked by us and by Debian's Prometheus where it is installed: the
//! targets, the series and the labels must be the same.

use crate::config::{Check, Config};
use crate::manager::{Manager, Options};
use crate::testing::{RecordingSink, serve, text, until};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use watchfire_model::Labels;
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::SystemClock;

const BODY: &str = r#"# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="GET",job="own",instance=""} 5
requests_total{method="POST",exported_job="taken",job="own"} 6
plain 1
empty{instance=""} 2
drop_this 3
UPPER{Label="MiXed",path="/a/b/c"} 4
escaped{text="a\"b\\c\nd"} 5
histogram_bucket{le="0.5"} 1
histogram_bucket{le="+Inf"} 2
histogram_sum 3
histogram_count 2
summary{quantile="0.99"} 1
with_time 7 1000000000000
nan NaN
infinite{sign="-"} -Inf
"#;

fn configuration(addresses: &[String]) -> String {
    let [first, second, third] = addresses else { panic!("three") };
    format!(
        r#"
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: plain
  static_configs: [{{targets: ['{first}'], labels: {{dc: east, __meta_rack: r1, __hidden: h}}}}]
- job_name: honest
  honor_labels: true
  static_configs: [{{targets: ['{first}']}}]
- job_name: rewritten
  params: {{collect: [one, two], z: [w]}}
  metrics_path: /custom
  static_configs:
  - {{targets: ['{first}', '{second}', '{third}'], labels: {{__meta_team_name: Blue, __meta_team_size: '7', env: Prod}}}}
  relabel_configs:
  - {{source_labels: [__address__], regex: '{third}', action: drop}}
  - {{action: labelmap, regex: __meta_(team_.+)}}
  - {{action: labelmap, regex: __meta_(.+)_size, replacement: size_of_$1}}
  - {{source_labels: [__address__, env], separator: '/', target_label: both}}
  - {{source_labels: [__address__], regex: '([^:]+):(\d+)', target_label: port, replacement: 'p${{2}}'}}
  - {{source_labels: [__address__], regex: '[^:]+:(\d+)', target_label: 'label_$1_x', replacement: y}}
  - {{source_labels: [__address__], modulus: 97, target_label: shard, action: hashmod}}
  - {{source_labels: [env], target_label: env_lower, action: lowercase}}
  - {{source_labels: [env], target_label: env_upper, action: uppercase}}
  - {{source_labels: [team_name], target_label: __param_team}}
  - {{target_label: __param_collect, replacement: other}}
  - {{source_labels: [team_name], regex: Blue, target_label: team_name, replacement: ''}}
  - {{source_labels: [env], regex: nothing, target_label: never, replacement: x}}
  - {{action: labeldrop, regex: env}}
  metric_relabel_configs:
  - {{source_labels: [__name__], regex: drop_.*, action: drop}}
  - {{source_labels: [path], regex: '/([^/]*)/.*', target_label: first_part}}
  - {{source_labels: [Label], target_label: Label, action: lowercase}}
  - {{source_labels: [__name__], regex: 'histogram_(.*)', target_label: __name__, replacement: 'renamed_${{1}}'}}
  - {{action: labeldrop, regex: 'quantile|shard'}}
- job_name: equal
  static_configs: [{{targets: ['{first}', '{second}'], labels: {{wanted: '{first}', unwanted: '{second}'}}}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: wanted, action: keepequal}}
  - {{source_labels: [__address__], target_label: unwanted, action: dropequal}}
  metric_relabel_configs:
  - {{action: labelkeep, regex: '__name__|job|method|le|quantile|Label|sign|text|instance'}}
- job_name: limited
  sample_limit: 3
  static_configs: [{{targets: ['{first}']}}]
"#
    )
}

/// Ends the peer with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_prometheus(folder: &Path, port: u16) -> Option<Peer> {
    let child = Command::new("prometheus")
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=data")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.ok().map(Peer)
}

async fn get(url: &str) -> serde_json::Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    match client.get(url).send().await {
        Ok(response) => serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default(),
        Err(_) => serde_json::Value::Null,
    }
}

fn labels(value: &serde_json::Value) -> BTreeMap<String, String> {
    let object = value.as_object().unwrap();
    object.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn ours(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

type TargetFacts = (BTreeMap<String, String>, BTreeMap<String, String>, String, String, String, bool);

#[tokio::test]
async fn prometheus_finds_the_same_targets_and_series() {
    let folder = tempfile::tempdir().unwrap();
    let mut addresses = Vec::new();
    for _ in 0..3 {
        addresses.push(serve(|_| text(BODY)).await);
    }
    let yaml = configuration(&addresses);
    std::fs::write(folder.path().join("prometheus.yml"), &yaml).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(_peer) = start_prometheus(folder.path(), port) else {
        println!("skipped: prometheus is not installed");
        return;
    };
    let config = Config::parse(&yaml, Path::new("prometheus.yml"), Check::Full).unwrap();
    let sink = Arc::new(RecordingSink::default());
    let manager = Manager::start(
        Options::default(),
        &config,
        Arc::clone(&sink) as Arc<dyn MetricSink>,
        Arc::new(SystemClock),
    )
    .await
    .unwrap();
    let wanted = manager.targets().len();
    until(|| manager.targets().iter().all(|target| target.last_scrape_ms.is_some())).await;

    let api = format!("http://127.0.0.1:{port}/api/v1");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let targets = loop {
        let answer = get(&format!("{api}/targets")).await;
        let scraped = answer["data"]["activeTargets"].as_array().is_some_and(|targets| {
            targets.len() == wanted && targets.iter().all(|target| target["health"] != "unknown")
        });
        if scraped {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "the peer scraped everything: {answer}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let text_of = |target: &serde_json::Value, key: &str| target[key].as_str().unwrap().to_owned();
    let theirs: BTreeSet<TargetFacts> = targets["data"]["activeTargets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| {
            (
                labels(&target["labels"]),
                labels(&target["discoveredLabels"]),
                text_of(target, "scrapePool"),
                text_of(target, "scrapeUrl"),
                text_of(target, "lastError"),
                target["health"] == "up",
            )
        })
        .collect();
    let our_targets: BTreeSet<TargetFacts> = manager
        .targets()
        .iter()
        .map(|target| {
            (
                ours(&target.labels),
                ours(&target.discovered),
                target.scrape_pool.clone(),
                target.scrape_url.clone(),
                target.last_error.clone(),
                target.last_error.is_empty(),
            )
        })
        .collect();
    assert_eq!(our_targets, theirs);
    let dropped = |values: Vec<BTreeMap<String, String>>| values.into_iter().collect::<BTreeSet<_>>();
    let their_dropped = targets["data"]["droppedTargets"].as_array().unwrap();
    assert_eq!(
        dropped(
            manager
                .pools()
                .iter()
                .flat_map(|pool| &pool.dropped)
                .map(|target| ours(&target.discovered))
                .collect()
        ),
        dropped(their_dropped.iter().map(|target| labels(&target["discoveredLabels"])).collect())
    );

    let series = get(&format!("{api}/series?start=0&match[]=%7B__name__!=%22%22%7D")).await;
    let theirs: BTreeSet<_> = series["data"].as_array().unwrap().iter().map(labels).collect();
    manager.stop().await;
    // Debian's Prometheus refuses samples far in the past; ours leaves that to the store.
    let ours: BTreeSet<_> = sink
        .rows
        .lock()
        .unwrap()
        .iter()
        .filter(|row| row.series.metric_name() != "with_time")
        .map(|row| ours(&row.series))
        .collect();
    println!("the same {} targets and {} series as Prometheus", wanted, theirs.len());
    assert_eq!(ours, theirs);
}
