//! What recording rules cost: ten thousand of them over a hundred thousand series, evaluated every fifteen seconds.

use crate::peers::Peer;
use crate::{Plan, SCRAPE_INTERVAL_MS, load};
use anyhow::bail;
use std::fmt::Write;
use std::time::Duration;

const SERIES: usize = 100_000;
const RULES: usize = 10_000;
const RULES_PER_GROUP: usize = 100;
/// As much as the rules look back, and a little more.
const SCRAPES: i64 = 24;
/// How long rules are watched; evaluations are fifteen seconds apart.
const WATCHED: Duration = Duration::from_secs(60);

/// What each rule asks of one target; `$t` is the target, `$n` a number.
const SHAPES: [&str; 5] = [
    "sum by (mode) (rate(node_cpu_seconds_total{instance=\"$t\", cpu=\"$n\"}[5m]))",
    "sum(rate(node_network_receive_bytes_total{instance=\"$t\", device=~\"eth$n.*\"}[5m]))",
    "max by (gpu) (DCGM_FI_DEV_GPU_TEMP{instance=\"$t\", gpu!=\"$n\"})",
    "histogram_quantile(0.95, sum by (le) (rate({__name__=\"vllm:time_to_first_token_seconds_bucket\", instance=\"$t\", model_name!=\"model-$n\"}[5m])))",
    "avg_over_time(DCGM_FI_DEV_POWER_USAGE{instance=\"$t\", gpu=\"$n\"}[5m])",
];

/// Starts Watchfire and Prometheus with the rules, loads them, and prints the CPU both took while they evaluated.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rules = folder.path().join("rules.yml");
    std::fs::write(&rules, rule_file())?;
    let settings = format!("rule_files: [{}]\nglobal: {{evaluation_interval: 15s}}\n", rules.display());
    let mut peers = vec![Peer::start_with("watchfire", &plan.watchfire, folder.path(), &settings).await?];
    let Some(prometheus) = crate::find("prometheus") else { bail!("prometheus is not installed") };
    peers.push(Peer::start_with("prometheus", &prometheus, folder.path(), &settings).await?);
    let mut targets = load::targets(SERIES, 1);
    let end_ms = crate::now_ms()? / SCRAPE_INTERVAL_MS * SCRAPE_INTERVAL_MS;
    for scrape in 0..SCRAPES {
        let tick_ms = end_ms - (SCRAPES - scrape) * SCRAPE_INTERVAL_MS;
        for group in targets.chunks_mut(crate::TARGETS_PER_REQUEST) {
            let (body, _) = crate::request(group, tick_ms)?;
            crate::comparison::send(&peers, body).await?;
        }
    }
    // One evaluation sees everything before it counts.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut cpu = Vec::new();
    for peer in &peers {
        cpu.push(peer.cost()?.cpu_s);
    }
    tokio::time::sleep(WATCHED).await;
    println!("{RULES} recording rules over {SERIES} series, {} s", WATCHED.as_secs());
    println!("{:16}{:>16}{:>20}", "", "CPU s", "recorded series");
    for (peer, cpu) in peers.iter().zip(&mut cpu) {
        *cpu = peer.cost()?.cpu_s - *cpu;
        let recorded = peer.count("count({__name__=~\"recorded:.*\"})", crate::now_ms()?).await?;
        println!("{:16}{cpu:>16.2}{recorded:>20}", peer.name);
    }
    println!("CPU, ratio to prometheus: {:.2}", cpu[0] / cpu[1]);
    Ok(())
}

fn rule_file() -> String {
    let targets = SERIES / load::SERIES_PER_TARGET;
    let mut text = "groups:\n".to_owned();
    for number in 0..RULES {
        if number % RULES_PER_GROUP == 0 {
            let _ = writeln!(text, "- name: group-{}\n  rules:", number / RULES_PER_GROUP);
        }
        let shape = SHAPES[number % SHAPES.len()];
        let target = load::instance(number / 50 % targets);
        let expr = shape.replace("$t", &target).replace("$n", &(number / SHAPES.len() % 5).to_string());
        let _ = writeln!(text, "  - record: recorded:rule_{number}\n    expr: '{expr}'");
    }
    text
}
