//! What alerts cost: a hundred thousand of them in ten thousand groups under a thousand silences, posted and posted again
//! as Prometheus would, told to a webhook, and looked at, in Watchfire and in Alertmanager. And how long it takes from a
//! sample to a confirmed notification.

mod sink;

use crate::Plan;
use crate::peers::Peer;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use sink::Sink;
use std::time::{Duration, Instant};
use watchfire_wire::remote_write::{FloatSample, HistogramForm, TimeSeries, encode};
use watchfire_wire::snappy;

const ALERTS_PER_GROUP: usize = 10;
/// As many as Prometheus posts at once.
const BATCH: usize = 256;
/// How often every alert is posted, the first time included.
const ROUNDS: usize = 4;
/// How often each page is asked for.
const LOOKS: usize = 5;
/// Series that a rule watches, to see how long until somebody is told.
const WATCHED: usize = 200;
const INTERVAL: Duration = Duration::from_secs(5);

/// Pages that are looked at, with what they are called here.
const PAGES: [(&str, &str); 6] = [
    ("alerts", "/api/v2/alerts"),
    ("alerts, a tenth", "/api/v2/alerts?filter=severity%3D%22critical%22"),
    ("alerts, one", "/api/v2/alerts?filter=instance%3D%22host-77%22"),
    ("groups", "/api/v2/alerts/groups"),
    ("groups, a tenth", "/api/v2/alerts/groups?filter=severity%3D%22critical%22"),
    ("groups, one", "/api/v2/alerts/groups?filter=instance%3D%22host-77%22"),
];

/// One program, and what it has cost.
struct Measured {
    peer: Peer,
    sink: Sink,
    /// Seconds of CPU until everybody was told.
    cpu_s: f64,
    resident: u64,
    /// Of each page: the median time and the CPU of one look, in seconds.
    looks: Vec<(f64, f64)>,
}

pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut measured = Vec::new();
    let alone = std::env::var_os("BENCH_ALONE").is_some();
    let other = crate::find("alertmanager").or_else(|| crate::find("prometheus-alertmanager"));
    if other.is_none() && !alone {
        bail!("no peer to compare with; install Debian's package prometheus-alertmanager");
    }
    let programs =
        [("watchfire-alerts", Some(plan.watchfire.clone())), ("alertmanager", other.filter(|_| !alone))];
    for (name, program) in programs {
        let Some(program) = program else { continue };
        let sink = Sink::start()?;
        let settings = configuration(&sink.url);
        let peer = Peer::start_with(name, &program, folder.path(), &settings).await?;
        measured.push(Measured { peer, sink, cpu_s: 0.0, resident: 0, looks: Vec::new() });
    }
    for subject in &measured {
        silence(&subject.peer, plan.silences).await?;
    }
    let all = 0..plan.alerts.div_ceil(ALERTS_PER_GROUP);
    let groups = all.filter(|group| !is_silenced(*group, plan.silences)).count();
    for _ in 0..ROUNDS {
        for first in (0..plan.alerts).step_by(BATCH) {
            let now_ms = crate::now_ms()?;
            let batch: Vec<Value> =
                (first..(first + BATCH).min(plan.alerts)).map(|number| alert(number, now_ms)).collect();
            let body = serde_json::to_vec(&batch)?;
            for subject in &measured {
                post(&subject.peer, "/api/v2/alerts", body.clone()).await?;
            }
        }
    }
    for subject in &mut measured {
        let started = Instant::now();
        while subject.sink.groups() < groups {
            if started.elapsed() > Duration::from_secs(300) {
                bail!("{} told {} of {groups} groups", subject.peer.name, subject.sink.groups());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        subject.peer.until_idle().await?;
        let cost = subject.peer.cost()?;
        (subject.cpu_s, subject.resident) = (cost.cpu_s, cost.resident_bytes);
    }
    look(&mut measured).await?;
    print(plan, &measured);
    drop(measured);
    latency(plan, folder.path()).await
}

/// Every page in turn, of one program after the other, so that both have the same neighbours.
async fn look(measured: &mut [Measured]) -> anyhow::Result<()> {
    for (name, path) in PAGES {
        let mut all: Vec<Vec<(f64, f64)>> = measured.iter().map(|_| Vec::new()).collect();
        let mut counts = Vec::new();
        for round in 0..=LOOKS {
            for (subject, looks) in measured.iter().zip(&mut all) {
                let (cpu_s, started) = (subject.peer.cpu_s()?, Instant::now());
                let url = format!("{}{path}", subject.peer.base);
                let body = subject.peer.client.get(url).send().await?.error_for_status()?.bytes().await?;
                let took_s = started.elapsed().as_secs_f64();
                // What a collector of garbage does afterwards belongs to it.
                tokio::time::sleep(Duration::from_millis(200)).await;
                if round == 0 {
                    let list: Vec<Value> = serde_json::from_slice(&body).context(name)?;
                    counts.push(list.len());
                } else {
                    looks.push((took_s, subject.peer.cpu_s()? - cpu_s));
                }
            }
        }
        if counts.windows(2).any(|pair| pair[0] != pair[1]) {
            bail!("{name}: {counts:?} entries");
        }
        for (subject, mut looks) in measured.iter_mut().zip(all) {
            looks.sort_by(|left, right| left.0.total_cmp(&right.0));
            let cpu_s = looks.iter().map(|(_, cpu_s)| cpu_s).sum::<f64>() / looks.len() as f64;
            subject.looks.push((looks[looks.len() / 2].0, cpu_s));
        }
    }
    Ok(())
}

fn print(plan: &Plan, measured: &[Measured]) {
    println!("{} alerts, {} silences, {ROUNDS} rounds", plan.alerts, plan.silences);
    print!("{:20}{:>10}{:>14}{:>10}", "", "CPU s", "resident MiB", "told");
    for (name, _) in PAGES {
        print!("{:>22}", format!("{name} ms/CPU"));
    }
    println!();
    for subject in measured {
        let mib = subject.resident as f64 / f64::from(1 << 20);
        print!("{:20}{:>10.2}{mib:>14.1}{:>10}", subject.peer.name, subject.cpu_s, subject.sink.requests());
        for (took_s, cpu_s) in &subject.looks {
            print!("{:>22}", format!("{:.1}/{:.0}", took_s * 1e3, cpu_s * 1e3));
        }
        println!();
    }
    if let [ours, theirs] = measured {
        print!("{:20}", "ratio");
        print!(
            "{:>10.2}{:>14.2}{:>10}",
            ours.cpu_s / theirs.cpu_s,
            ours.resident as f64 / theirs.resident as f64,
            ""
        );
        for (ours, theirs) in ours.looks.iter().zip(&theirs.looks) {
            print!("{:>22}", format!("{:.2}/{:.2}", ours.0 / theirs.0, ours.1 / theirs.1));
        }
        println!();
    }
}

/// From the sample that makes an alert fire to the request that tells of it.
async fn latency(plan: &Plan, folder: &std::path::Path) -> anyhow::Result<()> {
    let sink = Sink::start()?;
    let rules = folder.join("rules.yml");
    let interval = INTERVAL.as_secs();
    std::fs::write(
        &rules,
        format!(
            "groups: [{{name: g, interval: {interval}s, rules: [{{alert: Watched, expr: watched > 0}}]}}]\n"
        ),
    )?;
    let told = folder.join("told.yml");
    std::fs::write(
        &told,
        format!(
            "route: {{receiver: sink, group_by: ['...'], group_wait: 0s, group_interval: 1m}}\n\
             receivers: [{{name: sink, webhook_configs: [{{url: '{}'}}]}}]\n",
            sink.url
        ),
    )?;
    let settings = format!("rule_files: ['{}']\nalertmanager_file: '{}'\n", rules.display(), told.display());
    let own = folder.join("latency");
    std::fs::create_dir_all(&own)?;
    let peers = [Peer::start_with("watchfire", &plan.watchfire, &own, &settings).await?];
    let mut written = Vec::new();
    for number in 0..WATCHED {
        let (name, timestamp_ms) = (number.to_string(), crate::now_ms()?);
        let series = TimeSeries {
            labels: vec![("__name__", "watched"), ("instance", &name)],
            samples: vec![FloatSample { timestamp_ms, value: 1.0 }],
            ..TimeSeries::default()
        };
        crate::comparison::send(&peers, snappy::compress(&encode([&series], &[], HistogramForm::Float))?)
            .await?;
        written.push(timestamp_ms);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(50..250))).await;
    }
    let started = Instant::now();
    while sink.heard().len() < WATCHED && started.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let heard = sink.heard();
    let mut took: Vec<i64> = written
        .iter()
        .enumerate()
        .map(|(number, at_ms)| heard.get(&number.to_string()).map_or(i64::MAX, |heard_ms| heard_ms - at_ms))
        .collect();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize] as f64 / 1e3;
    println!(
        "from a sample to its notification, evaluated every {interval} s: p50 {:.2} s, p99 {:.2} s",
        at(0.5),
        at(0.99)
    );
    let name = "watchfire_alert_delivery_seconds";
    let text = peers[0].client.get(format!("{}/metrics", peers[0].base)).send().await?.text().await?;
    for line in text.lines().filter(|line| line.starts_with(name)) {
        println!("{line}");
    }
    Ok(())
}

async fn silence(peer: &Peer, count: usize) -> anyhow::Result<()> {
    let now_ms = crate::now_ms()?;
    for number in 0..count {
        let matcher = |name: &str, value: String, is_regex: bool| json!({"name": name, "value": value, "isRegex": is_regex, "isEqual": true});
        let body = json!({
            "matchers": [
                matcher("instance", format!("host-{number}"), false),
                matcher("alertname", "Alert(1|2|3)".to_owned(), true),
            ],
            "startsAt": time(now_ms), "endsAt": time(now_ms + 86_400_000), "createdBy": "bench", "comment": "known",
        });
        post(peer, "/api/v2/silences", serde_json::to_vec(&body)?).await?;
    }
    Ok(())
}

/// Whether the silences mute every alert of a group, so that nobody is told of it.
fn is_silenced(group: usize, silences: usize) -> bool {
    (1..=3).contains(&(group % 100)) && (group + 1) * ALERTS_PER_GROUP <= silences
}

fn alert(number: usize, now_ms: i64) -> Value {
    let group = number / ALERTS_PER_GROUP;
    let severity = if number.is_multiple_of(10) { "critical" } else { "warning" };
    json!({
        "labels": {
            "alertname": format!("Alert{}", group % 100),
            "cluster": format!("cluster-{}", group / 100),
            "instance": format!("host-{number}"),
            "job": "node",
            "namespace": format!("team-{}", group % 37),
            "severity": severity,
            "rack": format!("rack-{}", number % 40),
        },
        "annotations": {
            "summary": format!("host-{number} has been in trouble for more than ten minutes"),
            "description": "The value of the expression has been above its threshold for as long as the rule says.",
            "runbook": "https://runbooks.example.org/alerts/trouble",
        },
        "startsAt": time(1_790_000_000_000 / 1_000_000 * 1_000_000),
        "endsAt": time(now_ms + 240_000),
        "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=trouble+%3E+10&g0.tab=1",
    })
}

fn configuration(url: &str) -> String {
    format!(
        "route: {{receiver: sink, group_by: [alertname, cluster], group_wait: 5s, group_interval: 20s, repeat_interval: 6h}}\n\
         receivers: [{{name: sink, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )
}

async fn post(peer: &Peer, path: &str, body: Vec<u8>) -> anyhow::Result<()> {
    let request = peer.client.post(format!("{}{path}", peer.base)).header("content-type", "application/json");
    let answer = request.body(body).send().await.with_context(|| format!("{} does not answer", peer.name))?;
    if !answer.status().is_success() {
        bail!("{} answers {}: {}", peer.name, answer.status(), answer.text().await?);
    }
    Ok(())
}

fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(|time| time.to_string()).unwrap_or_default()
}
