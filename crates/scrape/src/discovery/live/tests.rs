use super::*;
use crate::discovery::DiscoveryStats;
use crate::testing::{http, parse, serve, until};
use std::sync::atomic::{AtomicUsize, Ordering};

fn discovery(lines: &str) -> Discovery {
    let config = parse(&format!("scrape_configs:\n- job_name: j\n  http_sd_configs:\n{lines}"));
    config.scrape_configs[0].discovery.clone()
}

fn hub(stats: &Arc<DiscoveryStats>) -> Hub {
    Hub::new("scrape", "Watchfire/test", Arc::clone(stats))
}

fn targets(live: &Live) -> Vec<String> {
    live.groups().into_iter().flat_map(|group| group.targets).collect()
}

#[tokio::test]
async fn what_stays_goes_on_and_what_changes_keeps_its_targets_until_it_knows_better() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let good = serve(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        http("200 OK", "Content-Type: application/json\r\n", br#"[{"targets": ["a:1"]}]"#)
    })
    .await;
    let bad = serve(|_| http("500 Internal Server Error", "", b"")).await;
    let stats: Arc<DiscoveryStats> = Arc::default();
    let hub = hub(&stats);
    let entry = |server: &str, interval: &str| {
        format!("  - {{url: 'http://{server}/', refresh_interval: {interval}}}\n")
    };
    let first = discovery(&entry(&good, "1h"));
    let live = Live::start(&first, NameScheme::Utf8, "j", &hub, None);
    live.settle(Duration::from_secs(30)).await;
    assert_eq!(targets(&live), ["a:1"]);
    assert!(live.take_news() && !live.take_news());

    let same = Live::start(&first, NameScheme::Utf8, "j", &hub, Some(&live));
    drop(live);
    assert_eq!(targets(&same), ["a:1"]);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the same discovery is not asked anew");

    let other = discovery(&entry(&bad, "1h"));
    let changed = Live::start(&other, NameScheme::Utf8, "j", &hub, Some(&same));
    drop(same);
    assert_eq!(targets(&changed), ["a:1"], "nothing vanishes before the new server has answered");
    until(|| !changed.faults("job").is_empty()).await;
    assert_eq!(targets(&changed), ["a:1"]);
    let told = changed.faults("job \"j\"").join("");
    assert!(
        told.starts_with(&format!(
            "job \"j\": http_sd_configs: http://{bad}/: server returned HTTP status 500"
        )),
        "{told}"
    );

    let mut text = String::new();
    stats.write_metrics(&mut text);
    for line in [
        "prometheus_sd_http_failures_total 1",
        "prometheus_sd_refresh_failures_total{config=\"j\",mechanism=\"http\"} 1",
        "prometheus_sd_refresh_duration_seconds_count{config=\"j\",mechanism=\"http\"} 2",
        "prometheus_sd_received_updates_total{name=\"scrape\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    hub.retain(&[]);
    let mut text = String::new();
    stats.write_metrics(&mut text);
    assert!(!text.contains("config=\"j\""), "{text}");
}
