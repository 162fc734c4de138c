//! `watchfire query`: asks a running server, and prints one line per series.

use crate::cli::QueryArgs;
use anyhow::{Context, bail};
use serde_json::Value;

pub(crate) fn run(args: &QueryArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let body = runtime.block_on(ask(args))?;
    if args.json {
        println!("{body}");
        return Ok(());
    }
    let answer: Value = serde_json::from_str(&body)
        .context("the server's answer is not JSON; is it a Watchfire or Prometheus server?")?;
    if answer["status"] != "success" {
        bail!("{}", answer["error"].as_str().unwrap_or("the server gave no reason"));
    }
    for key in ["warnings", "infos"] {
        for text in answer[key].as_array().into_iter().flatten() {
            eprintln!("{}", text.as_str().unwrap_or_default());
        }
    }
    let data = &answer["data"];
    match data["resultType"].as_str() {
        Some("vector") => {
            for sample in data["result"].as_array().into_iter().flatten() {
                println!(
                    "{} => {}",
                    metric(&sample["metric"]),
                    point(sample.get("value").unwrap_or(&sample["histogram"]))
                );
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
        _ => println!("{}", point(&data["result"])),
    }
    Ok(())
}

async fn ask(args: &QueryArgs) -> anyhow::Result<String> {
    let mut form = vec![("query", args.query.as_str())];
    if let Some(time) = &args.time {
        form.push(("time", time));
    }
    let body: String = form
        .iter()
        .map(|(name, value)| format!("{name}={}", percent_encode(value)))
        .collect::<Vec<_>>()
        .join("&");
    let url = format!("{}/api/v1/query", args.server.trim_end_matches('/'));
    let response = reqwest::Client::new()
        .post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .with_context(|| format!("cannot reach {}; is the server running there?", args.server))?;
    Ok(response.text().await?)
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
