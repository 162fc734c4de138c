//! What happens when too many series come: only new ones are refused, the label is named, memory stays below its
//! ceiling, everything else goes on, and once the series have ended new ones are taken again.

use crate::harness::remote_write::{Series, send};
use crate::harness::{PATIENCE, Server, Setup, now_ms};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How many series the bomb tries to make; the full measure is 10 million within a minute, in a release build.
const SERIES: &str = "WATCHFIRE_BOMB_SERIES";
const USUAL_SERIES: usize = 250_000;
/// The ceiling, where the environment does not say another, in MiB.
const CEILING: &str = "WATCHFIRE_BOMB_CEILING_MIB";
const USUAL_CEILING_MIB: u64 = 128;
/// Series in one request.
const AT_ONCE: usize = 5_000;
/// How many requests are under way at once.
const SENDERS: usize = 4;

fn setting<T: std::str::FromStr>(name: &str, usual: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// One sample for each of so many series of a target, from number `from`.
async fn write(server: &Server, job: &str, from: usize, count: usize) -> (u16, String) {
    let ids: Vec<String> = (from..from + count).map(|id| format!("request-{id:012}")).collect();
    let labels: Vec<[(&str, &str); 4]> = ids
        .iter()
        .map(|id| {
            [
                ("__name__", "llm_request_seconds"),
                ("instance", "10.0.0.1:8000"),
                ("job", job),
                ("request_id", id),
            ]
        })
        .collect();
    let sample = [(now_ms(), 1.0)];
    let series: Vec<Series<'_>> =
        labels.iter().map(|labels| (labels.as_slice(), sample.as_slice())).collect();
    send(server, &series).await.unwrap()
}

/// The most memory a process ever had in use, in bytes.
fn peak_bytes(server: &Server) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// CPU time of a process so far, in seconds.
fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name, in parentheses, may hold spaces.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / 100.0)
}

/// Many new series, from several senders at once.
struct Bomb {
    series: usize,
    /// The first that is not sent.
    next: AtomicUsize,
    /// How many senders still send.
    senders: AtomicUsize,
    /// The last refusal.
    refusal: Mutex<Option<String>>,
}

impl Bomb {
    fn new(series: usize) -> Self {
        Self {
            series,
            next: AtomicUsize::new(0),
            senders: AtomicUsize::new(SENDERS),
            refusal: Mutex::default(),
        }
    }

    async fn send(self: Arc<Self>, server: Arc<Server>) {
        let _sending = Sending(&self.senders);
        loop {
            let from = self.next.fetch_add(AT_ONCE, Ordering::Relaxed);
            if from >= self.series {
                break;
            }
            match write(&server, "llm", from, AT_ONCE.min(self.series - from)).await {
                (204, _) => {}
                (400, body) => *self.refusal.lock().unwrap() = Some(body),
                (status, body) => panic!("{status}: {body}"),
            }
        }
    }
}

/// A sender that has not ended yet, well or badly.
struct Sending<'a>(&'a AtomicUsize);

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes and reads other series for as long as the bomb lasts; the longest that one round took.
async fn watch_the_others(server: &Server, bomb: &Bomb) -> Duration {
    let mut slowest = Duration::ZERO;
    while bomb.senders.load(Ordering::Relaxed) > 0 {
        let asked = Instant::now();
        assert_eq!(write(server, "known", 0, 500).await.0, 204, "known series are served");
        assert_eq!(server.value("count(llm_request_seconds{job=\"known\"})").await, Some(500.0));
        slowest = slowest.max(asked.elapsed());
    }
    slowest
}

async fn own_metrics(server: &Server, name: &str) -> Vec<String> {
    let (_, text) = server.get("/metrics").await;
    text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cardinality_bomb_is_refused_by_name_below_the_ceiling_and_everything_else_goes_on() {
    let (series, ceiling_mib) = (setting(SERIES, USUAL_SERIES), setting(CEILING, USUAL_CEILING_MIB));
    let setup = Setup::new()
        // The memory ceiling alone, not what one target may have.
        .config(
            "collect: {interval: 1s}\nglobal: {scrape_interval: 1s}\nmetrics: {limits: {series_per_target: 0}}\n",
        )
        .arg(format!("--storage.memory-limit={ceiling_mib}MB"));
    let server = Arc::new(setup.start().await);
    assert_eq!(write(&server, "known", 0, 500).await.0, 204);
    server.until("up{job=\"watchfire\"}", |up| up == 1.0).await;

    let started = Instant::now();
    let cpu = || [cpu_seconds(&server.pid().to_string()), cpu_seconds("self")].map(Option::unwrap_or_default);
    let cpu_before = cpu();
    let bomb = Arc::new(Bomb::new(series));
    let senders = (0..SENDERS).map(|_| tokio::spawn(Arc::clone(&bomb).send(Arc::clone(&server))));
    let senders: Vec<_> = senders.collect();
    let slowest = watch_the_others(&server, &bomb).await;
    for sender in senders {
        sender.await.unwrap();
    }
    let took = started.elapsed();
    let [server_cpu, sender_cpu] = cpu();
    println!(
        "CPU seconds: {:.1} of the server, {:.1} of the senders",
        server_cpu - cpu_before[0],
        sender_cpu - cpu_before[1]
    );
    let refusal = bomb.refusal.lock().unwrap().take().expect("that many series do not fit below the ceiling");
    let named = "job \"llm\" target \"10.0.0.1:8000\": label \"request_id\" has about ";
    assert!(refusal.contains(named), "{refusal}");
    assert!(refusal.contains("(metrics.limits.memory)"), "{refusal}");

    let refused = own_metrics(&server, "watchfire_series_refused_total{").await;
    let culprit = "scope=\"memory\",job=\"llm\",label=\"request_id\"";
    assert!(refused.iter().any(|line| line.contains(culprit)), "{refused:?}");
    let answer = server.get_json("/api/ui/v1/cardinality").await;
    let who = &answer["refused"][0];
    assert_eq!((&who["name"], &who["instance"]), (&"llm".into(), &"10.0.0.1:8000".into()), "{who}");
    assert_eq!(who["culprit"]["label"], "request_id");
    let made = answer["total"]["series"].clone();
    let before_merge = peak_bytes(&server);

    // Another target's new series find room, and scrapes went on all the time.
    assert_eq!(write(&server, "new", 0, 500).await.0, 204);
    let up = server.value("min_over_time(up{job=\"watchfire\"}[5m])").await;
    assert_eq!(up, Some(1.0));

    // Two merges stand for the time after which ended series are forgotten.
    let room = Instant::now();
    loop {
        assert!(server.post("/api/v1/admin/tsdb/compact", "").await.0 < 300);
        let (status, body) = write(&server, "llm", series, 100).await;
        if status == 204 {
            break;
        }
        assert!(room.elapsed() < PATIENCE, "still refused: {body}");
    }
    assert_eq!(server.value("count(llm_request_seconds{job=\"known\"})").await, Some(500.0));
    if let (Some(before_merge), Some(peak)) = (before_merge, peak_bytes(&server)) {
        let (before_merge, mib) = (before_merge >> 20, peak >> 20);
        println!(
            "{series} series in {took:?}, {made} made; at the peak {before_merge} MiB before and {mib} MiB after \
             the merges, of {ceiling_mib} MiB; slowest look {slowest:?}"
        );
        assert!(peak < ceiling_mib << 20, "{mib} MiB at the peak, the ceiling is {ceiling_mib} MiB");
    }
}

#[tokio::test]
async fn a_target_above_its_limit_loses_only_new_series_and_a_reload_makes_room() {
    let config = |limit: u32| {
        format!(
            "metrics: {{limits: {{series_per_target: {limit}, series_per_tenant: 50, tenant_label: team}}}}\n"
        )
    };
    let setup = Setup::new().config(&config(100));
    let server = setup.start().await;
    let (status, body) = write(&server, "llm", 0, 150).await;
    assert_eq!(status, 400);
    assert!(body.contains("job \"llm\" target \"10.0.0.1:8000\": label \"request_id\" has"), "{body}");
    assert!(body.contains("a target may have 100 series (metrics.limits.series_per_target)"), "{body}");
    assert_eq!(server.value("count(llm_request_seconds)").await, Some(100.0));
    setup.write("prometheus.yml", &config(1000));
    assert_eq!(server.post("/-/reload", "").await.0, 200);
    assert_eq!(write(&server, "llm", 0, 150).await.0, 204);
    assert_eq!(server.value("count(llm_request_seconds)").await, Some(150.0));
    let tsdb = server.get_json("/api/v1/status/tsdb?limit=1").await;
    let pairs = |list: &str| tsdb["data"][list].as_array().map(Vec::len);
    assert_eq!(pairs("seriesCountByMetricName"), Some(1));
    assert_eq!(tsdb["data"]["labelValueCountByLabelName"][0]["name"], "request_id");
}
