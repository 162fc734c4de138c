//! Scraping, and watching this machine without any configuration.

use crate::harness::exposition::{Target, text};
use crate::harness::{PATIENCE, Peer, Setup, free_port};
use std::time::{Duration, Instant};

#[tokio::test]
async fn without_configuration_this_machine_is_watched() {
    let setup = Setup::new();
    let server = setup.start().await;
    server.until("node_memory_MemTotal_bytes", |bytes| bytes > 1e6).await;
    server.until("count(node_cpu_seconds_total{mode=\"idle\"})", |cores| cores >= 1.0).await;
    server.until("min(up)", |up| up == 1.0).await;
    let rules = server.get_json("/api/v1/rules").await;
    assert!(rules["data"]["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "{rules}");
    let dashboards = server.get_json("/api/ui/v1/dashboards").await;
    assert!(
        dashboards.as_array().unwrap().iter().any(|dashboard| dashboard["uid"] == "host"),
        "{dashboards}"
    );
}

#[tokio::test]
async fn a_series_that_vanishes_is_stale_at_once_and_a_dead_target_is_down() {
    let target = Target::start(text("kept 1\nvanishing 2\n"));
    let setup = Setup::new().config(&config(&target.address));
    let server = setup.start().await;
    server.until("vanishing", |value| value == 2.0).await;
    target.becomes(text("kept 1\n"));
    let started = Instant::now();
    while !server.query("vanishing").await.is_empty() {
        assert!(started.elapsed() < PATIENCE, "the series is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.value("kept").await, Some(1.0));
    target.becomes(text("kept{ 1\n"));
    server.until("up", |up| up == 0.0).await;
    assert!(server.query("kept").await.is_empty(), "a failed scrape ends the target's series");
}

#[tokio::test]
async fn relabelling_and_honour_work_from_the_file() {
    let target = Target::start(text("wanted{job=\"own\",secret=\"x\"} 1\nunwanted 1\n"));
    let setup = Setup::new().config(&format!(
        "{}  relabel_configs:\n  - {{target_label: zone, replacement: eu}}\n  metric_relabel_configs:\n  - {{source_labels: [__name__], regex: unwanted, action: drop}}\n  - {{regex: secret, action: labeldrop}}\n",
        config(&target.address)
    ));
    let server = setup.start().await;
    server.until("wanted", |value| value == 1.0).await;
    let found = server.query("wanted").await;
    assert_eq!(
        found[0]["metric"],
        serde_json::json!({"__name__": "wanted", "job": "t", "exported_job": "own", "instance": target.address, "zone": "eu"})
    );
    assert!(server.query("unwanted").await.is_empty());
    server.until("scrape_samples_scraped", |samples| samples == 2.0).await;
    server.until("scrape_samples_post_metric_relabeling", |samples| samples == 1.0).await;
}

#[tokio::test]
async fn a_file_of_targets_is_followed() {
    let target = Target::start(text("found 1\n"));
    let setup = Setup::new().config(
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: t\n  file_sd_configs: [{files: ['targets/*.json'], refresh_interval: 1s}]\n",
    );
    std::fs::create_dir(setup.path("targets")).unwrap();
    setup.write("targets/a.json", "[]");
    let server = setup.start().await;
    assert!(server.query("found").await.is_empty());
    setup.write(
        "targets/a.json",
        &format!("[{{\"targets\": [\"{}\"], \"labels\": {{\"rack\": \"7\"}}}}]", target.address),
    );
    server.until("found{rack=\"7\"}", |value| value == 1.0).await;
}

#[tokio::test]
async fn a_real_node_exporter_is_scraped_without_a_gap() {
    let port = free_port();
    let Some(_exporter) =
        Peer::start("prometheus-node-exporter", [format!("--web.listen-address=127.0.0.1:{port}")])
    else {
        return;
    };
    let setup = Setup::new().config(&config(&format!("127.0.0.1:{port}")));
    let server = setup.start().await;
    server.until("count_over_time(up[1m])", |scrapes| scrapes >= 8.0).await;
    let since = server.until("count_over_time(up[1m])", |scrapes| scrapes >= 15.0).await;
    let first = server.value("min_over_time(timestamp(up)[1m:1s])").await.unwrap();
    let last = server.value("timestamp(up)").await.unwrap();
    assert!((last - first).round() <= since, "gaps: {since} scrapes over {} s", last - first);
    let loads = server
        .query("{__name__=~\"node_load1|node_memory_MemTotal_bytes|node_filesystem_size_bytes\"}")
        .await;
    assert!(loads.len() >= 3, "{loads:?}");
}

fn config(address: &str) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: t\n  static_configs: [{{targets: ['{address}']}}]\n"
    )
}
