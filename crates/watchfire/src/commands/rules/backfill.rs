//! `watchfire rules backfill`: recording rules over the past, asked of a running server and written to it.

use crate::cli::BackfillArgs;
use crate::commands::{backup, query};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use watchfire_model::ingest::Batch;
use watchfire_model::{Labels, SampleValue};
use watchfire_rules::file::{RecordingRule, Rule};
use watchfire_rules::{ReadOptions, RuleFile};
use watchfire_wire::remote_write::{FloatSample, HistogramForm, HistogramSample, TimeSeries, encode};

/// How far before now a backfill ends where nobody says: rules that run now have been there since.
const BEFORE_NOW_S: f64 = 3.0 * 3600.0;
/// The most evaluations, and the most time, that one query asks for.
const MOST_STEPS: i64 = 10_000;
const MOST_SPAN_MS: i64 = 6 * 3_600_000;
/// The most samples of one write.
const MOST_SAMPLES: usize = 100_000;
/// A native histogram counts as so many of them.
const HISTOGRAM_SAMPLES: usize = 50;
const PROTOBUF: &str = "application/x-protobuf";

/// What a rule gave.
#[derive(Default)]
struct Written {
    series: std::collections::BTreeSet<BTreeMap<String, String>>,
    samples: u64,
    histograms: u64,
}

/// A series' samples: milliseconds and values.
#[derive(Default)]
struct Recorded {
    floats: Vec<(i64, f64)>,
    histograms: Vec<HistogramSample>,
}

impl Recorded {
    fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }
}

/// By its labels.
type Rows = BTreeMap<BTreeMap<String, String>, Recorded>;

pub(super) fn run(args: &BackfillArgs) -> anyhow::Result<()> {
    let now_s = jiff::Timestamp::now().as_millisecond() as f64 / 1_000.0;
    let start_ms = millis(query::seconds(&args.start).context("--start")?);
    let end_s = args.end.as_deref().map_or(Ok(now_s - BEFORE_NOW_S), query::seconds).context("--end")?;
    let end_ms = millis(end_s);
    if start_ms >= end_ms {
        bail!("--start is not before --end, which is three hours ago by default");
    }
    let mut files = Vec::new();
    for path in &args.files {
        files.push(RuleFile::load(path, ReadOptions::default()).map_err(|faults| {
            anyhow::anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?);
    }
    let (mut found, mut alerts) = (false, 0);
    let runtime = backup::runtime()?;
    for group in files.iter().flat_map(|file| &file.groups) {
        let step = group.interval.unwrap_or(args.eval_interval);
        for rule in &group.rules {
            let Rule::Recording(rule) = rule else {
                alerts += 1;
                continue;
            };
            if args.rule.as_ref().is_some_and(|wanted| *wanted != rule.name) {
                continue;
            }
            found = true;
            let written = runtime
                .block_on(record(&args.server, rule, (start_ms, end_ms), step))
                .with_context(|| format!("group {:?}: record {:?}", group.name, rule.name))?;
            println!("{}: {} samples of {} series", rule.name, written.samples, written.series.len());
            if written.histograms > 0 {
                println!("  {} of them are native histograms", written.histograms);
            }
        }
    }
    if !found {
        bail!(
            "there is no recording rule{}",
            args.rule.as_ref().map_or(String::new(), |name| format!(" {name:?}"))
        );
    }
    if alerts > 0 {
        println!(
            "{alerts} alerting rules left out; `watchfire rules backtest` tells what they would have done"
        );
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "saturates beyond any time there is")]
fn millis(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

/// Evaluates one rule at the multiples of its interval in a range, piece by piece, and writes what it gives.
async fn record(
    server: &str,
    rule: &RecordingRule,
    (start_ms, end_ms): (i64, i64),
    step: Duration,
) -> anyhow::Result<Written> {
    let step_ms = i64::try_from(step.as_millis())?.max(1);
    let mut at_ms = start_ms.div_euclid(step_ms) * step_ms;
    if at_ms < start_ms {
        at_ms += step_ms;
    }
    let piece_ms = (step_ms.saturating_mul(MOST_STEPS - 1)).min(MOST_SPAN_MS.max(step_ms));
    let piece_ms = piece_ms - piece_ms % step_ms;
    let mut written = Written::default();
    while at_ms <= end_ms {
        let last_ms = at_ms.saturating_add(piece_ms).min(end_ms);
        let seconds = |ms: i64| format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000));
        let (start, end, step) = (seconds(at_ms), seconds(last_ms), seconds(step_ms));
        let form = vec![
            ("query", rule.expr.text.as_str()),
            ("start", start.as_str()),
            ("end", end.as_str()),
            ("step", step.as_str()),
        ];
        let data = query::data(&query::send(server, "query_range", &form, &[]).await?)?;
        let with_histograms =
            |series: &Value| series["histograms"].as_array().is_some_and(|all| !all.is_empty());
        let rows = if data["result"].as_array().is_some_and(|all| all.iter().any(with_histograms)) {
            exact(server, rule, &form).await?
        } else {
            rows(rule, &data["result"])?
        };
        for (labels, recorded) in &rows {
            written.samples += recorded.len() as u64;
            written.histograms += recorded.histograms.len() as u64;
            written.series.insert(labels.clone());
        }
        write(server, &rows).await?;
        at_ms = last_ms - (last_ms - at_ms) % step_ms + step_ms;
    }
    Ok(written)
}

/// The labels of a recorded series.
fn named<'a>(
    rule: &RecordingRule,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    labels.insert("__name__".to_owned(), rule.name.clone());
    for (name, value) in &rule.labels {
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

const SAME: &str = "vector contains metrics with the same labelset after applying rule labels";

/// The series of an answer, named and labelled as the rule says.
fn rows(rule: &RecordingRule, result: &Value) -> anyhow::Result<Rows> {
    let mut rows = Rows::new();
    for series in result.as_array().into_iter().flatten() {
        let metric = series["metric"].as_object().into_iter().flatten();
        let labels =
            named(rule, metric.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())));
        let mut recorded = Recorded::default();
        for sample in series["values"].as_array().into_iter().flatten() {
            let at = sample[0].as_f64().context("a time in the answer is no number")?;
            let value = sample[1].as_str().and_then(|text| text.parse::<f64>().ok());
            recorded.floats.push((millis(at), value.context("a value in the answer is no number")?));
        }
        if rows.insert(labels, recorded).is_some() {
            bail!(SAME);
        }
    }
    Ok(rows)
}

/// The same, asked for once more in a form that keeps native histograms as they are.
async fn exact(server: &str, rule: &RecordingRule, form: &query::Form<'_>) -> anyhow::Result<Rows> {
    let url = format!("{}/api/v1/query_range", server.trim_end_matches('/'));
    let request = reqwest::Client::new()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", PROTOBUF);
    let answer = request.body(query::encoded(form)).send().await;
    let answer = answer.with_context(|| format!("cannot reach {server}"))?;
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    if !answer.status().is_success() {
        query::data(&answer.text().await?)?;
        bail!("the server gave no answer and no reason");
    }
    if !kind.is_some_and(|kind| kind.starts_with(PROTOBUF)) {
        bail!(
            "it gives native histograms, which {server} cannot hand out as they are; ask a Watchfire, or leave the rule out \
             with --rule"
        );
    }
    let mut batch = Batch::new();
    watchfire_wire::remote_write::decode(&answer.bytes().await?, &mut batch, &mut Vec::new())?;
    let mut rows = Rows::new();
    let mut sources = BTreeMap::<BTreeMap<String, String>, Labels>::new();
    for row in batch.rows() {
        let labels = named(rule, row.series.iter());
        if *sources.entry(labels.clone()).or_insert_with(|| row.series.clone()) != row.series {
            bail!(SAME);
        }
        let recorded = rows.entry(labels).or_default();
        let timestamp_ms = row.timestamp_ms;
        match row.value {
            SampleValue::Float(value) => recorded.floats.push((timestamp_ms, value)),
            SampleValue::Histogram(histogram) => {
                recorded.histograms.push(HistogramSample { timestamp_ms, histogram });
            }
        }
    }
    Ok(rows)
}

async fn write(server: &str, rows: &Rows) -> anyhow::Result<()> {
    let mut batch: Vec<TimeSeries<'_>> = Vec::new();
    let mut samples = 0;
    for (labels, recorded) in rows.iter().filter(|(_, recorded)| recorded.len() > 0) {
        let floats = recorded.floats.iter();
        batch.push(TimeSeries {
            labels: labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            samples: floats.map(|&(timestamp_ms, value)| FloatSample { timestamp_ms, value }).collect(),
            histograms: recorded.histograms.clone(),
            ..TimeSeries::default()
        });
        samples += recorded.floats.len() + HISTOGRAM_SAMPLES * recorded.histograms.len();
        if samples >= MOST_SAMPLES {
            post(server, &batch).await?;
            batch.clear();
            samples = 0;
        }
    }
    if batch.is_empty() { Ok(()) } else { post(server, &batch).await }
}

async fn post(server: &str, series: &[TimeSeries<'_>]) -> anyhow::Result<()> {
    let body = watchfire_wire::snappy::compress(&encode(series, &[], HistogramForm::Float))?;
    let url = format!("{}/api/v1/write", server.trim_end_matches('/'));
    let request = reqwest::Client::new()
        .post(&url)
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0");
    let answer = request.body(body).send().await.with_context(|| format!("cannot reach {server}"))?;
    let status = answer.status();
    if !status.is_success() {
        bail!(
            "the server did not take the samples: {status}: {}",
            answer.text().await.unwrap_or_default().trim()
        );
    }
    Ok(())
}
