//! The same questions to every peer, their answers compared and their times set against each other.

use crate::peers::Peer;
use anyhow::{Context, bail};
use serde_json::Value;
use std::time::Instant;

/// What dashboards and alerts ask of hosts, GPUs and LLM servers.
const QUERIES: [&str; 14] = [
    "node_filesystem_avail_bytes",
    "sum(rate(node_cpu_seconds_total[5m]))",
    "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))",
    "rate(node_network_receive_bytes_total[5m])",
    "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes",
    "max by (gpu) (DCGM_FI_DEV_GPU_TEMP)",
    "topk(5, DCGM_FI_DEV_POWER_USAGE)",
    "avg_over_time(DCGM_FI_DEV_POWER_USAGE[10m])",
    "max_over_time(DCGM_FI_DEV_GPU_TEMP[10m]) > 70",
    "histogram_quantile(0.95, sum by (le, model_name) (rate({__name__=\"vllm:time_to_first_token_seconds_bucket\"}[5m])))",
    "sum by (model_name) (increase({__name__=\"vllm:generation_tokens_total\"}[10m]))",
    "quantile by (model_name) (0.9, {__name__=\"vllm:kv_cache_usage_perc\"})",
    "count(count by (instance) (node_filesystem_size_bytes))",
    "node_filesystem_avail_bytes{instance=~\"10.0.0.1.*\"} < 3.8e11",
];

const ROUNDS: usize = 5;

/// Asks every query of every peer over the last twenty minutes at 15-second steps, in turn, and prints medians and ratios.
pub(crate) async fn compare(peers: &[Peer], end_ms: i64) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let (start_s, end_s) = ((end_ms - 1_200_000) / 1000, end_ms / 1000);
    print!("\n{:>9} ", "series");
    for peer in peers {
        print!("{:>20}", format!("{} ms", peer.name));
    }
    println!("  query");
    let mut log_ratios = vec![0.0; peers.len()];
    for query in QUERIES {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
        let mut answers = vec![Value::Null; peers.len()];
        for _ in 0..ROUNDS {
            for (index, peer) in peers.iter().enumerate() {
                let started = Instant::now();
                let response = client
                    .get(format!(
                        "{}/api/v1/query_range?query={}&start={start_s}&end={end_s}&step=15&nocache=1",
                        peer.base,
                        percent_encode(query)
                    ))
                    .send()
                    .await?;
                let body = response.text().await?;
                times[index].push(started.elapsed().as_secs_f64() * 1e3);
                answers[index] =
                    serde_json::from_str(&body).with_context(|| format!("{}: {body:.200}", peer.name))?;
                if answers[index]["status"] != "success" {
                    bail!("{} refuses {query}: {}", peer.name, answers[index]["error"]);
                }
            }
        }
        let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
        let ours = summary(&answers[0]);
        print!("{:>9} ", ours.0);
        for median in &medians {
            print!("{median:>20.1}");
        }
        println!("  {query}");
        for (index, peer) in peers.iter().enumerate().skip(1) {
            log_ratios[index] += (medians[0] / medians[index]).ln();
            let theirs = summary(&answers[index]);
            // Prometheus 2 extrapolates a little differently than Prometheus 3, whose answers ours are.
            let close = (ours.2 - theirs.2).abs() <= 1e-3 * theirs.2.abs().max(1.0);
            // Only Prometheus is the judge of what is right.
            if peer.name == "prometheus" && (ours.0 != theirs.0 || ours.1 != theirs.1 || !close) {
                bail!("the answers to {query} differ: ours {ours:?}, {}'s {theirs:?}", peer.name);
            }
        }
    }
    for (peer, log_ratio) in peers.iter().zip(&log_ratios).skip(1) {
        println!(
            "query time, geometric mean of {} queries, ratio to {}: {:.2}",
            QUERIES.len(),
            peer.name,
            (log_ratio / QUERIES.len() as f64).exp()
        );
    }
    Ok(())
}

/// How many series, how many samples, and the sum of all values.
fn summary(answer: &Value) -> (usize, usize, f64) {
    let series = answer["data"]["result"].as_array().map_or(&[][..], Vec::as_slice);
    let samples = series.iter().flat_map(|series| series["values"].as_array().into_iter().flatten());
    let (mut count, mut sum) = (0, 0.0);
    for sample in samples {
        count += 1;
        sum += sample[1].as_str().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    }
    (series.len(), count, sum)
}

pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

pub(crate) fn percent_encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
