//! Recording rules over the past, on the real binary.

use crate::harness::{Server, Setup, binary, now_ms, remote_write};
use std::process::Command;

const HOUR_MS: i64 = 3_600_000;

/// Two series that count one and two a minute, for hours that are over.
async fn history(server: &Server, from_ms: i64, to_ms: i64) {
    let samples = |each: f64| -> Vec<(i64, f64)> {
        let times = (from_ms..=to_ms).step_by(60_000).enumerate();
        times.map(|(count, at_ms)| (at_ms, each * count as f64)).collect()
    };
    let (one, two) = (samples(1.0), samples(2.0));
    let series = [
        (&[("__name__", "done_total"), ("host", "a")][..], &one[..]),
        (&[("__name__", "done_total"), ("host", "b")][..], &two[..]),
    ];
    let (status, said) = remote_write::send(server, &series).await.unwrap();
    assert!((200..300).contains(&status), "{status} {said}");
}

fn backfill(server: &Server, setup: &Setup, args: &[&str]) -> (bool, String) {
    let output = Command::new(binary())
        .args(["rules", "backfill", "--server", &format!("http://{}", server.address)])
        .args(args)
        .arg(setup.path("rules.yml"))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

const RULES: &str = "groups:\n- name: g\n  interval: 1m\n  rules:\n  - record: host:done:rate5m\n    expr: rate(done_total[5m])\n    labels: {kind: past}\n\
      \x20 - record: done:rate5m\n    expr: sum(host:done:rate5m)\n  - alert: Never\n    expr: vector(0) > 1\n";

#[tokio::test]
async fn recording_rules_are_recorded_over_the_past_one_after_the_other_and_again_without_harm() {
    let setup = Setup::new().config("global: {scrape_interval: 1h}\n");
    setup.write("rules.yml", RULES);
    let server = setup.start().await;
    let end_ms = now_ms() / HOUR_MS * HOUR_MS - 2 * HOUR_MS;
    let start_ms = end_ms - 8 * HOUR_MS;
    history(&server, start_ms, end_ms).await;
    let (start, end) = ((start_ms / 1_000).to_string(), (end_ms / 1_000).to_string());
    for _ in 0..2 {
        let (good, said) = backfill(&server, &setup, &["--start", &start, "--end", &end]);
        assert!(good, "{said}");
        // At the first minute there is no rate yet.
        assert!(said.contains("host:done:rate5m: 960 samples of 2 series"), "{said}");
        assert!(said.contains("done:rate5m: 480 samples of 1 series"), "{said}");
        assert!(said.contains("1 alerting rules left out"), "{said}");
    }
    let at = end_ms / 1_000;
    for (expr, expected) in [
        (format!("count_over_time(done:rate5m[9h] @ {at})"), 480.0),
        (format!("(done:rate5m @ {at}) * 60"), 3.0),
        (format!("count(host:done:rate5m{{kind=\"past\",host=\"b\"}} @ {at})"), 1.0),
    ] {
        let found = server.value(&expr).await.unwrap_or_else(|| panic!("{expr} gave nothing"));
        assert!((found - expected).abs() < 1e-9, "{expr}: {found}");
    }
    let (good, said) = backfill(&server, &setup, &["--start", &end, "--end", &start]);
    assert!(!good && said.contains("--start is not before --end"), "{said}");
    let (good, said) = backfill(&server, &setup, &["--start", &start, "--end", &end, "--rule", "nothing"]);
    assert!(!good && said.contains("there is no recording rule \"nothing\""), "{said}");
}
