//! The comparison set: what dashboards ask of a fleet, over an hour and over a month, of every server in turn.

use crate::fleet;
use crate::peers::Peer;
use crate::{Plan, SCRAPE_INTERVAL_MS};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How much there is as it was scraped, and how much before that at a coarser interval.
const FINE_MS: i64 = 2 * HOUR_MS;
const COARSE_MS: i64 = 31 * DAY_MS;
const COARSE_INTERVAL_MS: i64 = 5 * MINUTE_MS;
const ROUNDS: usize = 5;

/// A question: its name, and its text for each range. `$r` is a short range, `$q` a longer one.
struct Question {
    name: &'static str,
    text: &'static str,
    /// Another text for VictoriaMetrics, where its language differs.
    victoria: Option<&'static str>,
}

const fn ask(name: &'static str, text: &'static str) -> Question {
    Question { name, text, victoria: None }
}

const QUESTIONS: [Question; 13] = [
    ask(
        "single series",
        "rate(node_cpu_seconds_total{instance=\"host-007:9100\",cpu=\"3\",mode=\"user\"}[$r])",
    ),
    ask("host by mode", "sum by (mode) (rate(node_cpu_seconds_total{instance=\"host-007:9100\"}[$r]))"),
    ask("fleet by instance", "sum by (instance) (rate(node_cpu_seconds_total{mode!=\"idle\"}[$r]))"),
    ask("fleet by mode", "sum by (mode) (rate(node_cpu_seconds_total[$r]))"),
    ask("topk of averages", "topk(5, avg_over_time(DCGM_FI_DEV_POWER_USAGE[$r]))"),
    ask(
        "p99, classic",
        "histogram_quantile(0.99, sum by (le, model_name) (rate({__name__=\"vllm:time_to_first_token_seconds_bucket\"}[$r])))",
    ),
    Question {
        name: "p99, native",
        text: "histogram_quantile(0.99, sum by (model_name) (rate(inference_latency_seconds[$r])))",
        victoria: Some(
            "histogram_quantile(0.99, sum by (vmrange, model_name) (rate(inference_latency_seconds_bucket[$r])))",
        ),
    },
    ask(
        "regex on devices",
        "sum by (instance) (rate(node_network_receive_bytes_total{device=~\"eth.*|ens.*\"}[$r]))",
    ),
    ask(
        "filesystem join",
        "(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes) * on (instance) group_left (rack) node_rack_info",
    ),
    ask("quantile over time", "quantile_over_time(0.95, DCGM_FI_DEV_GPU_TEMP[$q])"),
    ask("predict_linear", "predict_linear(node_filesystem_avail_bytes[$q], 14400)"),
    ask(
        "subquery",
        "max_over_time(sum by (instance) (rate(node_cpu_seconds_total{mode=\"user\"}[$r]))[$q:$s])",
    ),
    ask("count everything", "count by (job) ({__name__=~\".+\"})"),
];

/// A stretch of time to ask about.
struct Range {
    name: &'static str,
    length_ms: i64,
    step_ms: i64,
    short: &'static str,
    long: &'static str,
    step: &'static str,
}

const RANGES: [Range; 2] = [
    Range { name: "1 h at 15 s", length_ms: HOUR_MS, step_ms: 15_000, short: "5m", long: "30m", step: "1m" },
    Range {
        name: "30 d at 1 h",
        length_ms: 30 * DAY_MS,
        step_ms: HOUR_MS,
        short: "1h",
        long: "6h",
        step: "30m",
    },
];

/// Loads all servers, asks, and prints times, ratios and memory.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let kept = std::env::var_os("BENCH_DATA").map(std::path::PathBuf::from);
    let (_temporary, folder) = match &kept {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            (None, folder.clone())
        }
        None => {
            let temporary = tempfile::tempdir()?;
            let folder = temporary.path().to_owned();
            (Some(temporary), folder)
        }
    };
    let mut peers = crate::start_in(plan, &folder).await?;
    let mark = folder.join("loaded");
    let end_ms = match std::fs::read_to_string(&mark) {
        Ok(text) => text.trim().parse().context("BENCH_DATA/loaded holds no time")?,
        Err(_) => {
            let end_ms = load(plan, &mut peers).await?;
            std::fs::write(&mark, end_ms.to_string())?;
            end_ms
        }
    };
    for peer in &peers {
        peer.until_idle().await?;
    }
    let mut totals = Totals::new(peers.len());
    for range in &RANGES {
        heading(range.name, &peers);
        for question in &QUESTIONS {
            if plan.only.as_deref().is_some_and(|only| !question.name.contains(only)) {
                continue;
            }
            let urls = peers.iter().map(|peer| url(peer, question, range, end_ms)).collect();
            run(question.name, urls, &peers, &mut totals).await?;
        }
    }
    heading("labels", &peers);
    let urls = peers
        .iter()
        .map(|peer| {
            let (start_s, end_s) = ((end_ms - HOUR_MS) / 1000, end_ms / 1000);
            format!("{}/api/v1/label/request_id/values?start={start_s}&end={end_s}&nocache=1", peer.base)
        })
        .collect();
    run("values of a label", urls, &peers, &mut totals).await?;
    totals.print(&peers);
    if totals.different > 0 {
        bail!("{} answers differ from Prometheus's", totals.different);
    }
    Ok(())
}

fn url(peer: &Peer, question: &Question, range: &Range, end_ms: i64) -> String {
    let text = match question.victoria {
        Some(text) if peer.name == "victoria-metrics" => text,
        _ => question.text,
    };
    let text = text.replace("$r", range.short).replace("$q", range.long).replace("$s", range.step);
    format!(
        "{}/api/v1/query_range?query={}&start={}&end={}&step={}&nocache=1&timeout=120s",
        peer.base,
        crate::queries::percent_encode(&text),
        (end_ms - range.length_ms) / 1000,
        end_ms / 1000,
        range.step_ms / 1000,
    )
}

fn heading(name: &str, peers: &[Peer]) {
    print!("\n{name:<20}{:>8}", "series");
    for peer in peers {
        print!("{:>22}", format!("{} ms", short_name(peer.name)));
    }
    for peer in peers {
        print!("{:>16}", format!("{} CPU", short_name(peer.name)));
    }
    for peer in peers {
        print!("{:>20}", format!("{} peak MiB", short_name(peer.name)));
    }
    println!("{:>10}{:>10}  answer", "ratios", "");
}

fn short_name(name: &str) -> &str {
    if name == "victoria-metrics" { "victoria" } else { name }
}

/// What all questions came to.
struct Totals {
    log_ratios: Vec<f64>,
    asked: Vec<usize>,
    worst: Vec<(f64, String)>,
    peaks: Vec<u64>,
    cpu_ms: Vec<f64>,
    different: usize,
}

impl Totals {
    fn new(peers: usize) -> Self {
        Self {
            log_ratios: vec![0.0; peers],
            asked: vec![0; peers],
            worst: vec![(0.0, String::new()); peers],
            peaks: vec![0; peers],
            cpu_ms: vec![0.0; peers],
            different: 0,
        }
    }

    fn print(&self, peers: &[Peer]) {
        println!();
        for (index, peer) in peers.iter().enumerate().skip(1) {
            let (worst, name) = &self.worst[index];
            println!(
                "ratio to {}: geometric mean of {} {:.3}, worst {worst:.2} ({name}), CPU {:.2}, peak memory {:.2}",
                peer.name,
                self.asked[index],
                (self.log_ratios[index] / self.asked[index] as f64).exp(),
                self.cpu_ms[0] / self.cpu_ms[index],
                self.peaks[0] as f64 / self.peaks[index] as f64,
            );
        }
    }
}

/// Asks one question of all, first once for its memory and its answer, then some times for its time.
async fn run(name: &str, urls: Vec<String>, peers: &[Peer], totals: &mut Totals) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let fetch = async |url: &str| anyhow::Ok(client.get(url).send().await?.text().await?);
    let (mut answers, mut peaks) = (Vec::new(), Vec::new());
    for (peer, url) in peers.iter().zip(&urls) {
        peer.forget_peak()?;
        let body = fetch(url).await?;
        peaks.push(peer.peak_bytes()?);
        let answer: Value =
            serde_json::from_str(&body).with_context(|| format!("{}: {body:.200}", peer.name))?;
        if answer["status"] != "success" {
            bail!("{} refuses {name}: {}", peer.name, answer["error"]);
        }
        answers.push(answer);
    }
    let mut times = vec![Vec::new(); peers.len()];
    let mut cpu_ms = vec![0.0; peers.len()];
    for _ in 0..ROUNDS {
        for (index, (peer, url)) in peers.iter().zip(&urls).enumerate() {
            let (before, started) = (peer.cpu_s()?, Instant::now());
            fetch(url).await?;
            times[index].push(started.elapsed().as_secs_f64() * 1e3);
            cpu_ms[index] += (peer.cpu_s()? - before) * 1e3 / ROUNDS as f64;
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| crate::queries::median(times)).collect();
    print!("{name:<20}{:>8}", count(&answers[0]));
    medians.iter().for_each(|median| print!("{median:>22.2}"));
    cpu_ms.iter().for_each(|cpu| print!("{cpu:>16.0}"));
    peaks.iter().for_each(|peak| print!("{:>20}", peak >> 20));
    let mut verdict = String::new();
    for (index, peer) in peers.iter().enumerate() {
        totals.peaks[index] = totals.peaks[index].max(peaks[index]);
        if index == 0 {
            continue;
        }
        // Who has no answer has not done the work.
        if count(&answers[index]) == 0 && count(&answers[0]) > 0 {
            print!("{:>10}", "-");
            continue;
        }
        let ratio = medians[0] / medians[index];
        print!("{ratio:>10.2}");
        totals.log_ratios[index] += ratio.ln();
        totals.asked[index] += 1;
        totals.cpu_ms[index] += cpu_ms[index];
        if index == 1 {
            totals.cpu_ms[0] += cpu_ms[0];
        }
        if ratio > totals.worst[index].0 {
            totals.worst[index] = (ratio, name.to_owned());
        }
        if peer.name == "prometheus" {
            verdict = difference(&answers[0], &answers[index]).unwrap_or_else(|| "equal".to_owned());
            totals.different += usize::from(verdict != "equal");
        }
    }
    println!("  {verdict}");
    Ok(())
}

fn count(answer: &Value) -> usize {
    let list = if answer["data"].is_array() { &answer["data"] } else { &answer["data"]["result"] };
    list.as_array().map_or(0, Vec::len)
}

/// In what two answers differ by more than the order of additions explains.
fn difference(ours: &Value, theirs: &Value) -> Option<String> {
    if ours["data"].is_array() {
        return (ours["data"] != theirs["data"]).then(|| "other values".to_owned());
    }
    let by_labels = |answer: &Value| -> BTreeMap<String, Vec<Value>> {
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let values = |series: &Value| series["values"].as_array().cloned().unwrap_or_default();
        series.iter().map(|series| (series["metric"].to_string(), values(series))).collect()
    };
    let (ours, theirs) = (by_labels(ours), by_labels(theirs));
    if !ours.keys().eq(theirs.keys()) {
        return Some(format!("{} series, not {}", ours.len(), theirs.len()));
    }
    for ((labels, ours), theirs) in ours.iter().zip(theirs.values()) {
        if ours.len() != theirs.len() {
            return Some(format!("{labels}: {} samples, not {}", ours.len(), theirs.len()));
        }
        for (ours, theirs) in ours.iter().zip(theirs) {
            let number = |value: &Value| value[1].as_str().and_then(|text| text.parse::<f64>().ok());
            let (Some(left), Some(right)) = (number(ours), number(theirs)) else { continue };
            let close =
                (left - right).abs() <= 1e-9 * right.abs().max(1e-9) || left.is_nan() && right.is_nan();
            if ours[0] != theirs[0] || !close {
                return Some(format!("{labels}: {ours}, not {theirs}"));
            }
        }
    }
    None
}

/// Sends the month and the hours to all, and returns when the last scrape was due.
async fn load(plan: &Plan, peers: &mut [Peer]) -> anyhow::Result<i64> {
    let end_ms = crate::now_ms()? / SCRAPE_INTERVAL_MS * SCRAPE_INTERVAL_MS - 2 * SCRAPE_INTERVAL_MS;
    let fine_ms = end_ms - FINE_MS;
    let mut hosts = fleet::hosts(plan.hosts);
    let mut samples = 0;
    let ticks = |from_ms: i64, to_ms: i64, every_ms: i64| -> Vec<i64> {
        (0..(to_ms - from_ms) / every_ms).map(|tick| from_ms + tick * every_ms).collect()
    };
    let coarse = ticks(fine_ms - COARSE_MS, fine_ms, COARSE_INTERVAL_MS);
    // Half an hour in each request.
    for ticks in coarse.chunks(6) {
        for host in hosts.iter_mut().take(plan.coarse_hosts) {
            let (body, count) = host.request(ticks)?;
            send(peers, body).await?;
            samples += count;
        }
    }
    for ticks in ticks(fine_ms, end_ms, SCRAPE_INTERVAL_MS).chunks(8) {
        for host in &mut hosts {
            let (body, count) = host.request(ticks)?;
            send(peers, body).await?;
            samples += count;
        }
    }
    // The newest hour only: what comes and goes does not live for long.
    let many = ticks(end_ms - HOUR_MS + MINUTE_MS, end_ms, 4 * MINUTE_MS);
    for (body, count) in fleet::many_values(plan.values, &many)? {
        send(peers, body).await?;
        samples += count;
    }
    let series: usize = hosts.iter().map(fleet::Host::series).sum();
    println!(
        "{} hosts with {series} series, {} short-lived series; {samples} samples",
        plan.hosts, plan.values
    );
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    for peer in peers.iter() {
        peer.until_idle().await?;
    }
    Ok(end_ms)
}

/// Sends one request to all at once.
pub(crate) async fn send(peers: &[Peer], body: Vec<u8>) -> anyhow::Result<()> {
    let mut sending = tokio::task::JoinSet::new();
    for peer in peers {
        let request = peer
            .client
            .post(format!("{}/api/v1/write", peer.base))
            .header("content-type", "application/x-protobuf")
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "0.1.0")
            .body(body.clone());
        let name = peer.name;
        sending.spawn(async move {
            let response = request.send().await.with_context(|| format!("{name} does not answer"))?;
            if !response.status().is_success() {
                bail!("{name} answers {}: {}", response.status(), response.text().await?);
            }
            Ok(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}
