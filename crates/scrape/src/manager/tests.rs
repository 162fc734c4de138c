use super::*;
use crate::runner::status::Health;
use crate::testing::{RecordingSink, TokioClock, http, one_job, parse, serve, serve_with, text, until};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::AsyncWriteExt;
use watchfire_model::time::SystemClock;
use watchfire_model::{Labels, is_stale};

async fn start(config: &Config) -> (Manager, Arc<RecordingSink>) {
    let sink = Arc::new(RecordingSink::default());
    let manager = Manager::start(
        Options::default(),
        config,
        Arc::clone(&sink) as Arc<dyn MetricSink>,
        Arc::new(SystemClock),
    );
    (manager.await.unwrap(), sink)
}

fn only(manager: &Manager) -> TargetStatus {
    let mut targets = manager.targets();
    assert_eq!(targets.len(), 1);
    targets.remove(0)
}

#[tokio::test]
async fn a_target_is_scraped_and_reported_on() {
    let address = serve(|_| text("# HELP a words\n# TYPE a counter\na 1\nb{x=\"y\"} 2\n")).await;
    let (manager, sink) = start(&one_job("extra_scrape_metrics: true", &address)).await;
    until(|| sink.of("a").len() >= 3).await;
    manager.stop().await;
    let samples = sink.samples();
    let key = |metric: &str| format!("{metric}{{instance=\"{address}\", job=\"test\"}}");
    assert!(samples[&key("up")].iter().all(|(_, value)| *value == 1.0));
    assert!(samples[&key("scrape_samples_scraped")].iter().all(|(_, value)| *value == 2.0));
    assert!(samples[&key("scrape_samples_post_metric_relabeling")].iter().all(|(_, value)| *value == 2.0));
    assert_eq!(samples[&key("scrape_series_added")][0].1, 2.0);
    assert_eq!(samples[&key("scrape_series_added")][1].1, 0.0);
    assert!(samples.contains_key(&key("scrape_duration_seconds")));
    assert_eq!(samples[&key("scrape_timeout_seconds")][0].1, 0.5);
    assert!(!sink.of("a").iter().any(|(_, value)| is_stale(*value)), "a shutdown ends no series");
    assert_eq!(sink.described.lock().unwrap()[0].1, "a");
}

#[tokio::test]
async fn a_target_that_misbehaves_is_down_with_the_reason_and_harms_nobody_else() {
    let html =
        serve(|_| http("200 OK", "Content-Type: text/html; charset=utf-8\r\n", b"<html></html>")).await;
    let wrong = serve(|_| text("this is { not an exposition\n")).await;
    let many = serve(|_| text("a 1\nb 1\nc 1\nd 1\n")).await;
    let good = serve(|_| text("fine 1\n")).await;
    let endless = serve_with(|_, mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut alive = stream.write_all(head).await.is_ok();
        while alive {
            alive = stream.write_all(b"4\r\na 1\n\r\n".repeat(1000).as_slice()).await.is_ok();
        }
    })
    .await;
    let config = parse(&format!(
        "scrape_configs:\n- job_name: test\n  scrape_interval: 5s\n  scrape_timeout: 5s\n  body_size_limit: 64KB\n  sample_limit: 3\n  static_configs: [{{targets: ['{html}', '{wrong}', '{many}', '{good}', '{endless}']}}]\n"
    ));
    let (manager, sink) = start(&config).await;
    until(|| manager.targets().iter().all(|target| target.health != Health::Unknown)).await;
    let error = |address: &str| {
        let target =
            manager.targets().into_iter().find(|target| target.scrape_url.contains(address)).unwrap();
        assert_eq!(target.health == Health::Up, target.last_error.is_empty());
        target.last_error
    };
    assert!(error(&html).starts_with("received unsupported Content-Type \"text/html; charset=utf-8\""));
    assert!(error(&wrong).starts_with("body:1:"), "{}", error(&wrong));
    assert_eq!(error(&many), "sample limit exceeded");
    assert_eq!(error(&good), "");
    assert!(error(&endless).starts_with("body size limit exceeded"), "{}", error(&endless));
    let stats = manager.stats();
    assert!(stats.failed >= 4 && stats.exceeded_sample_limit >= 1 && stats.exceeded_body_size_limit >= 1);
    manager.stop().await;
    assert_eq!(sink.of("fine")[0].1, 1.0);
    let down = format!("up{{instance=\"{html}\", job=\"test\"}}");
    assert_eq!(sink.samples()[&down][0].1, 0.0);
}

#[tokio::test]
async fn a_target_that_fails_loses_its_series_until_it_is_back() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let address = serve(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        2 => http("500 Internal Server Error", "", b""),
        _ => text("a 1\n"),
    })
    .await;
    let (manager, sink) = start(&one_job("", &address)).await;
    until(|| sink.of("a").len() >= 4).await;
    manager.stop().await;
    let samples = sink.of("a");
    let ended = samples.iter().position(|(_, value)| is_stale(*value)).unwrap();
    assert!(ended >= 1 && samples[ended - 1].1 == 1.0 && samples[ended + 1].1 == 1.0, "{samples:?}");
    let up = sink.of("up").into_iter().find(|(_, value)| *value == 0.0);
    assert_eq!(up.map(|(at, _)| at), Some(samples[ended].0), "the marker stands where the scrape failed");
}

#[tokio::test]
async fn a_reload_keeps_what_stays_and_ends_what_goes() {
    let stays = serve(|_| text("stays 1\n")).await;
    let goes = serve(|_| text("goes 1\n")).await;
    let comes = serve(|_| text("comes 1\n")).await;
    let config = |second: &str, extra: &str| {
        parse(&format!(
            "scrape_configs:\n- job_name: one\n  scrape_interval: 400ms\n  scrape_timeout: 400ms\n  static_configs: [{{targets: ['{stays}', '{second}']}}]\n{extra}"
        ))
    };
    let (manager, sink) = start(&config(&goes, "")).await;
    until(|| sink.of("stays").len() >= 2 && sink.of("goes").len() >= 2).await;
    let extra = format!(
        "- job_name: two\n  scrape_interval: 400ms\n  scrape_timeout: 400ms\n  static_configs: [{{targets: ['{comes}']}}]\n"
    );
    manager.apply(&config(&comes, &extra)).await.unwrap();
    until(|| sink.samples().keys().filter(|series| series.starts_with("comes{")).count() == 2).await;
    until(|| is_stale(sink.of("goes").last().unwrap().1)).await;
    let before = sink.of("stays").len();
    until(|| sink.of("stays").len() >= before + 2).await;
    manager.stop().await;
    let stayed = sink.of("stays");
    assert!(!stayed.iter().any(|(_, value)| is_stale(*value)));
    assert!(stayed.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let up = format!("up{{instance=\"{goes}\", job=\"one\"}}");
    assert!(is_stale(sink.samples()[&up].last().unwrap().1), "the report on a target ends with it");
    let times: Vec<i64> = sink.of("goes").iter().map(|(at, _)| *at).collect();
    assert!(times.is_sorted());
}

#[tokio::test]
async fn new_rules_reach_a_running_target() {
    let address = serve(|_| text("a 1\nb 1\n")).await;
    let (manager, sink) = start(&one_job("", &address)).await;
    until(|| sink.of("b").len() >= 2).await;
    let rules = "metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]";
    manager.apply(&one_job(rules, &address)).await.unwrap();
    until(|| is_stale(sink.of("b").last().unwrap().1)).await;
    manager.stop().await;
    assert!(!sink.of("a").iter().any(|(_, value)| is_stale(*value)));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_run_changes_nothing() {
    let address = serve(|_| text("a 1\n")).await;
    let (manager, _sink) = start(&one_job("", &address)).await;
    let error =
        manager.apply(&one_job("tls_config: {ca: nonsense, cert: no, key: no}", &address)).await.unwrap_err();
    assert!(error.to_string().starts_with("job \"test\": "), "{error}");
    assert_eq!(only(&manager).labels.get("instance"), Some(address.as_str()));
    manager.stop().await;
}

#[tokio::test]
async fn a_changed_target_file_changes_the_targets() {
    let first = serve(|_| text("first 1\n")).await;
    let second = serve(|_| text("second 1\n")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.json");
    std::fs::write(&file, format!("[{{\"targets\": [\"{first}\"]}}]")).unwrap();
    let config = parse(&format!(
        "scrape_configs:\n- job_name: files\n  scrape_interval: 400ms\n  scrape_timeout: 400ms\n  file_sd_configs: [{{files: ['{}'], refresh_interval: 20ms}}]\n",
        file.display()
    ));
    let (manager, sink) = start(&config).await;
    until(|| !sink.of("first").is_empty()).await;
    std::fs::write(&file, format!("[{{\"targets\": [\"{second}\"]}}]")).unwrap();
    until(|| !sink.of("second").is_empty()).await;
    until(|| is_stale(sink.of("first").last().unwrap().1)).await;
    std::fs::write(&file, "[{\"targets\": ").unwrap();
    until(|| !manager.pools()[0].faults.is_empty() || manager.targets().is_empty()).await;
    assert_eq!(manager.targets().len(), 1, "a broken file keeps the last good targets");
    manager.stop().await;
}

#[tokio::test]
async fn above_the_target_limit_no_target_is_asked() {
    let config = parse(
        "scrape_configs:\n- job_name: test\n  scrape_interval: 400ms\n  scrape_timeout: 400ms\n  target_limit: 1\n  static_configs: [{targets: ['h:1', 'h:2']}]\n",
    );
    let (manager, _sink) = start(&config).await;
    until(|| manager.targets().iter().all(|target| target.health == Health::Down)).await;
    assert_eq!(manager.targets()[0].last_error, "target_limit exceeded (number of targets: 2, limit: 1)");
    manager.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_day_of_scrapes_does_not_drift_by_a_millisecond() {
    let sink = Arc::new(RecordingSink::default());
    let clock = Arc::new(TokioClock::at(1_700_000_000_123));
    let manager = Manager::start(
        Options::default(),
        &Config::default(),
        Arc::clone(&sink) as Arc<dyn MetricSink>,
        clock,
    )
    .await
    .unwrap();
    manager.add_local(LocalTarget {
        honor_labels: false,
        job: "node".to_owned(),
        instance: "here".to_owned(),
        interval: Duration::from_secs(15),
        gather: Arc::new(|| b"a 1\n".to_vec()),
    });
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    manager.stop().await;
    let times: Vec<i64> = sink.of("a").iter().map(|(at, _)| *at).collect();
    // One at once, then the timetable, which begins two seconds later.
    assert_eq!(times.len(), 1 + 86_400 / 15);
    assert_eq!(times[1] - times[0], 2_000);
    assert!(times[1..].windows(2).all(|pair| pair[1] - pair[0] == 15_000), "even steps");
    assert_eq!(manager.stats().missed_ticks, 0);
}

#[tokio::test]
async fn a_local_target_is_a_target_like_any_other() {
    let (manager, sink) = start(&Config::default()).await;
    manager.add_local(LocalTarget {
        honor_labels: false,
        job: "node".to_owned(),
        instance: "here".to_owned(),
        interval: Duration::from_millis(50),
        gather: Arc::new(|| b"# TYPE a gauge\na 1\n".to_vec()),
    });
    until(|| sink.of("a").len() >= 2).await;
    let status = only(&manager);
    assert_eq!((status.scrape_pool.as_str(), status.health), ("node", Health::Up));
    assert_eq!(status.labels, Labels::from_pairs([("job", "node"), ("instance", "here")]));
    assert_eq!(manager.metadata()[0].families[0].0, "a");
    assert!(manager.remove_local("node", "here"));
    until(|| is_stale(sink.of("up").last().unwrap().1)).await;
    assert!(is_stale(sink.of("a").last().unwrap().1));
    manager.stop().await;
}

/// The real thing: Debian's node exporter, where it is installed.
#[tokio::test]
async fn a_node_exporter_is_scraped() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let exporter = std::process::Command::new("prometheus-node-exporter")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(mut exporter) = exporter else {
        println!("skipped: prometheus-node-exporter is not installed");
        return;
    };
    let (manager, sink) = start(&one_job("", &format!("127.0.0.1:{port}"))).await;
    until(|| !sink.of("node_load1").is_empty()).await;
    exporter.kill().unwrap();
    exporter.wait().unwrap();
    until(|| is_stale(sink.of("node_load1").last().unwrap().1)).await;
    let status = only(&manager);
    manager.stop().await;
    assert_eq!(status.health, Health::Down);
    assert!(
        status.last_error.contains("refused") || status.last_error.contains("closed"),
        "{}",
        status.last_error
    );
    let series = sink.samples().len();
    println!("node exporter: {series} series");
    assert!(series > 200);
}

#[test]
fn global_urls_name_the_host() {
    use super::status::global_url;
    assert_eq!(global_url("http://localhost:9100/metrics", Some("box")), "http://box:9100/metrics");
    assert_eq!(global_url("http://127.0.0.1:1/m?x=1", Some("box")), "http://box:1/m?x=1");
    assert_eq!(global_url("http://other:1/m", Some("box")), "http://other:1/m");
    assert_eq!(global_url("http://localhost:1/m", None), "http://localhost:1/m");
}

#[tokio::test]
async fn jobs_that_were_found_run_beside_the_configured_ones_which_win() {
    let good = serve(|_| text("fine 1\n")).await;
    let none = serve(|_| http("404 Not Found", "", b"")).await;
    let (manager, sink) = start(&one_job("", &good)).await;
    let found = parse(&format!(
        "scrape_configs:\n- job_name: test\n  static_configs: [{{targets: ['{none}']}}]\n- job_name: vllm\n  \
         scrape_interval: 100ms\n  scrape_timeout: 100ms\n  static_configs: [{{targets: ['{none}'], labels: \
         {{instance: 'here:8000', {}: 'switch it on'}}}}]\n",
        crate::HINT_LABEL
    ));
    manager.apply_found(found.scrape_configs).await.unwrap();
    let of = |pool: &str| manager.targets().into_iter().find(|target| target.scrape_pool == pool);
    until(|| of("vllm").is_some_and(|target| target.health == Health::Down)).await;
    assert!(of("test").unwrap().scrape_url.contains(&good), "the configured job of that name stays");
    let vllm = of("vllm").unwrap();
    assert_eq!(vllm.last_warning, "switch it on");
    assert_eq!(vllm.labels, Labels::from_pairs([("job", "vllm"), ("instance", "here:8000")]));
    // Another configuration leaves what was found, and what was found leaves the configuration.
    manager.apply(&Config::default()).await.unwrap();
    assert!(of("test").is_some_and(|target| target.scrape_url.contains(&none)), "now the name is free");
    manager.apply_found(Vec::new()).await.unwrap();
    assert_eq!(manager.targets(), []);
    until(|| sink.of("up").iter().any(|(_, value)| is_stale(*value))).await;
    manager.stop().await;
}
