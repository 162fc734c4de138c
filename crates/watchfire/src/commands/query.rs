//! `watchfire query`: asks a running server, and prints the answer as promtool does, or draws it.

mod picture;

use crate::cli::{AskArgs, Format, InstantArgs, LabelsArgs, QueryArgs, QueryCommand, RangeArgs, SeriesArgs};
use anyhow::{Context, bail};
use serde_json::Value;
use std::io::IsTerminal;

/// How much is asked for where no start is given.
const RANGE_S: f64 = 300.0;
/// The steps of a range where no step is given.
const STEPS: f64 = 250.0;

pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &args.command {
            Some(QueryCommand::Instant(args)) => instant(args).await,
            Some(QueryCommand::Range(args)) => range(args).await,
            Some(QueryCommand::Series(args)) => series(args).await,
            Some(QueryCommand::Labels(args)) => labels(args).await,
            None => ask(&args.ask).await,
        }
    })
}

/// What a request has in its form.
pub(crate) type Form<'a> = Vec<(&'a str, &'a str)>;

async fn ask(args: &AskArgs) -> anyhow::Result<()> {
    let mut form = vec![("query", args.query.as_deref().unwrap_or_default())];
    form.extend(args.time.as_deref().map(|time| ("time", time)));
    let body = send(&args.server, "query", &form, &[]).await?;
    if args.json {
        println!("{body}");
        return Ok(());
    }
    print_value(&data(&body)?);
    Ok(())
}

async fn instant(args: &InstantArgs) -> anyhow::Result<()> {
    let mut form = vec![("query", args.query.as_str())];
    form.extend(args.time.as_deref().map(|time| ("time", time)));
    let data = data(&send(&args.server, "query", &form, &[]).await?)?;
    match args.format {
        Format::Json => println!("{}", data["result"]),
        Format::Promql => print_value(&data),
        Format::Graph => bail!("an instant has no picture; ask with `watchfire query range`"),
    }
    Ok(())
}

async fn range(args: &RangeArgs) -> anyhow::Result<()> {
    let now_s = jiff::Timestamp::now().as_millisecond() as f64 / 1_000.0;
    let end_s = args.end.as_deref().map_or(Ok(now_s), seconds)?;
    let start_s = args.start.as_deref().map_or(Ok(end_s - RANGE_S), seconds)?;
    if end_s < start_s {
        bail!("the range ends before it starts; give --start before --end");
    }
    let step = args.step.clone().unwrap_or_else(|| ((end_s - start_s) / STEPS).floor().max(1.0).to_string());
    let (start, end) = (start_s.to_string(), end_s.to_string());
    let form = vec![("query", args.query.as_str()), ("start", &start), ("end", &end), ("step", &step)];
    let headers = args
        .header
        .iter()
        .map(|header| header.split_once(':').map(|(name, value)| (name.trim(), value.trim())))
        .collect::<Option<Vec<_>>>()
        .context("a header needs a name and a value, like `X-Scope: a`")?;
    let data = data(&send(&args.server, "query_range", &form, &headers).await?)?;
    let on_terminal = std::io::stdout().is_terminal();
    match args.format.unwrap_or(if on_terminal { Format::Graph } else { Format::Promql }) {
        Format::Json => println!("{}", data["result"]),
        Format::Promql => print_value(&data),
        Format::Graph => {
            let colours = on_terminal && std::env::var_os("NO_COLOR").is_none();
            print!("{}", picture::of_matrix(&data["result"], (start_s, end_s), colours));
        }
    }
    Ok(())
}

async fn series(args: &SeriesArgs) -> anyhow::Result<()> {
    let form = selection(&args.matchers, args.start.as_deref(), args.end.as_deref());
    let data = data(&send(&args.server, "series", &form, &[]).await?)?;
    match args.format {
        Format::Json => println!("{data}"),
        _ => data.as_array().into_iter().flatten().for_each(|series| println!("{}", metric(series))),
    }
    Ok(())
}

async fn labels(args: &LabelsArgs) -> anyhow::Result<()> {
    let form = selection(&args.matchers, args.start.as_deref(), args.end.as_deref());
    let path = format!("label/{}/values?{}", escaped_name(&args.name), encoded(&form));
    let data = data(&get(&args.server, &path).await?)?;
    match args.format {
        Format::Json => println!("{data}"),
        _ => {
            let values = data.as_array().into_iter().flatten().filter_map(Value::as_str);
            values.for_each(|value| println!("{value}"));
        }
    }
    Ok(())
}

fn selection<'a>(matchers: &'a [String], start: Option<&'a str>, end: Option<&'a str>) -> Form<'a> {
    let matchers = matchers.iter().map(|matcher| ("match[]", matcher.as_str()));
    let times = [("start", start), ("end", end)];
    matchers.chain(times.into_iter().filter_map(|(name, time)| Some((name, time?)))).collect()
}

/// A label's name in a path: what is not plain is written `_HEX_` after `U__`.
fn escaped_name(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.chars().all(plain) && !name.starts_with("U__") {
        return name.to_owned();
    }
    let escaped = name.chars().map(|letter| match letter {
        '_' => "__".to_owned(),
        letter if letter.is_ascii_alphanumeric() => letter.to_string(),
        other => format!("_{:x}_", u32::from(other)),
    });
    format!("U__{}", escaped.collect::<String>())
}

/// Unix seconds of a time as the command line takes it.
pub(crate) fn seconds(text: &str) -> anyhow::Result<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(seconds);
    }
    let instant: jiff::Timestamp =
        text.parse().with_context(|| format!("{text:?} is no time; write Unix seconds or RFC 3339"))?;
    Ok(instant.as_millisecond() as f64 / 1_000.0)
}

pub(crate) async fn send(
    server: &str,
    path: &str,
    form: &Form<'_>,
    headers: &[(&str, &str)],
) -> anyhow::Result<String> {
    let url = format!("{}/api/v1/{path}", server.trim_end_matches('/'));
    let mut request =
        reqwest::Client::new().post(&url).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = request.body(encoded(form)).send().await;
    let response = sent.with_context(|| format!("cannot reach {server}; is the server running there?"))?;
    Ok(response.text().await?)
}

pub(crate) async fn get(server: &str, path: &str) -> anyhow::Result<String> {
    let url = format!("{}/api/v1/{path}", server.trim_end_matches('/'));
    let sent = reqwest::Client::new().get(&url).send().await;
    let response = sent.with_context(|| format!("cannot reach {server}; is the server running there?"))?;
    Ok(response.text().await?)
}

pub(crate) fn encoded(form: &Form<'_>) -> String {
    form.iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The data of an answer; what it remarks goes to standard error, and an error is one.
pub(crate) fn data(body: &str) -> anyhow::Result<Value> {
    let mut answer: Value = serde_json::from_str(body)
        .context("the server's answer is not JSON; is it a Watchfire or Prometheus server?")?;
    if answer["status"] != "success" {
        bail!("{}", answer["error"].as_str().unwrap_or("the server gave no reason"));
    }
    for key in ["warnings", "infos"] {
        for text in answer[key].as_array().into_iter().flatten() {
            eprintln!("{}", text.as_str().unwrap_or_default());
        }
    }
    Ok(answer["data"].take())
}

fn print_value(data: &Value) {
    match data["resultType"].as_str() {
        Some("vector") => {
            for sample in data["result"].as_array().into_iter().flatten() {
                let value = sample.get("value").unwrap_or(&sample["histogram"]);
                println!("{} => {}", metric(&sample["metric"]), point(value));
            }
        }
        Some("matrix") => {
            for series in data["result"].as_array().into_iter().flatten() {
                println!("{} =>", metric(&series["metric"]));
                for key in ["values", "histograms"] {
                    for sample in series[key].as_array().into_iter().flatten() {
                        println!("{}", point(sample));
                    }
                }
            }
        }
        Some(kind @ "scalar") => println!("{kind}: {}", point(&data["result"])),
        _ => println!("{}", point(&data["result"])),
    }
}

fn metric(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    watchfire_model::Labels::from_pairs(
        pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or(""))),
    )
    .to_string()
}

/// `value @[timestamp]`, as promtool prints it.
fn point(sample: &Value) -> String {
    let value = &sample[1];
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{text} @[{}]", sample[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_any_name_have_a_path() {
        assert_eq!(escaped_name("job"), "job");
        assert_eq!(escaped_name("a_b"), "a_b");
        assert_eq!(escaped_name("http.status_code"), "U__http_2e_status__code");
        assert_eq!(escaped_name("U__x"), "U__U____x");
    }

    #[test]
    fn forms_are_encoded_and_times_read() {
        let matchers = ["up{job=\"a\"}".to_owned()];
        assert_eq!(
            encoded(&selection(&matchers, Some("1"), None)),
            "match%5B%5D=up%7Bjob%3D%22a%22%7D&start=1"
        );
        assert_eq!(seconds("1970-01-01T00:00:01.5Z").unwrap(), 1.5);
        assert!(seconds("yesterday").is_err());
    }
}
