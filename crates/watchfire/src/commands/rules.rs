//! `watchfire rules`: rules tried out over the past.

mod backfill;

use super::query;
use crate::cli::{BacktestArgs, Rules};
use anyhow::Context;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn run(rules: Rules) -> anyhow::Result<()> {
    match rules {
        Rules::Backtest(args) => backtest(&args),
        Rules::Backfill(args) => backfill::run(&args),
    }
}

fn backtest(args: &BacktestArgs) -> anyhow::Result<()> {
    let read = |path: &std::path::Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let rules = read(&args.file)?;
    let configuration = args.alertmanager_file.as_deref().map(read).transpose()?;
    let body = json!({
        "rules": rules,
        "rule": args.rule,
        "from": args.from,
        "to": args.to,
        "configuration": configuration,
    });
    let url = format!("{}/api/v1/rules/backtest", args.server.trim_end_matches('/'));
    let answer = super::backup::runtime()?.block_on(async {
        let request = reqwest::Client::new().post(&url).header("content-type", "application/json");
        let sent = request.body(body.to_string()).send().await;
        let answer =
            sent.with_context(|| format!("cannot reach {}; is the server running there?", args.server))?;
        answer.text().await.context("the answer was cut off")
    })?;
    if args.json {
        println!("{answer}");
        return Ok(());
    }
    print(&query::data(&answer)?);
    Ok(())
}

fn print(data: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    println!("{} to {}, {} evaluations\n", text(&data["from"]), text(&data["to"]), data["evaluations"]);
    println!("{:<32} {:>6} {:>8} {:>6} {:>12}", "alert", "fired", "pending", "pages", "longest");
    for rule in list(&data["rules"]) {
        let longest = Duration::try_from_secs_f64(rule["longest"].as_f64().unwrap_or_default());
        let longest = watchfire_model::duration::format(longest.unwrap_or_default());
        let name = text(&rule["rule"]);
        // JSON values do not fill a column.
        let [fired, pending, pages] = ["fired", "pendingOnly", "pages"].map(|key| rule[key].to_string());
        println!("{name:<32} {fired:>6} {pending:>8} {pages:>6} {longest:>12}");
        if let Some(error) = rule["error"].as_str() {
            println!("  failed: {error}");
        }
        for gap in list(&rule["missing"]) {
            println!(
                "  no data of {} from {} to {}",
                text(&gap["selector"]),
                text(&gap["from"]),
                text(&gap["to"])
            );
        }
    }
    let pages = &data["pages"];
    println!("\n{} pages, and {} notifications of ends", pages["total"], pages["resolved"]);
    for receiver in list(&pages["receivers"]) {
        println!(
            "  {:<30} {} pages, {} ends",
            text(&receiver["receiver"]),
            receiver["firing"],
            receiver["resolved"]
        );
    }
    for day in list(&pages["days"]) {
        if day["total"] != 0 {
            println!("  {}  {} pages", text(&day["day"]), day["firing"]);
        }
    }
    for note in list(&data["notes"]) {
        println!("note: {}", text(note));
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
