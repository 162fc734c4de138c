//! `watchfire check service-discovery`: what discovery finds for a job now, and what relabelling makes of it.

use anyhow::bail;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_scrape::discovery::{Hub, Live};
use watchfire_scrape::target;

/// Prints JSON in promtool's form. Faults go to standard error, and are a failure.
pub(super) fn run(file: &Path, job: &str, timeout: Duration) -> anyhow::Result<()> {
    let config = watchfire_scrape::Config::load(file, watchfire_scrape::Check::Full)?;
    let Some(config) = config.scrape_configs.iter().find(|config| config.job_name == job) else {
        let names: Vec<&str> = config.scrape_configs.iter().map(|config| config.job_name.as_str()).collect();
        bail!("job {job:?} not found in {}; expected one of {}", file.display(), names.join(", "));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (groups, faults) = runtime.block_on(async {
        let user_agent = concat!("Watchfire/", env!("CARGO_PKG_VERSION"));
        let hub = Hub::new("check", user_agent, Default::default());
        let live = Live::start(&config.discovery, config.naming.scheme, job, &hub, None);
        live.poll(Duration::ZERO);
        live.settle(timeout).await;
        (live.groups(), live.faults(&format!("job {job:?}")))
    });
    let mut found: Vec<Value> = Vec::new();
    for group in &groups {
        for address in &group.targets {
            let one = judged(config, group, address);
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    println!("{}", serde_json::to_string_pretty(&found)?);
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} discoveries of the job {job:?} failed", faults.len());
    }
    Ok(())
}

fn judged(
    config: &watchfire_scrape::config::ScrapeConfig,
    group: &watchfire_scrape::discovery::TargetGroup,
    address: &str,
) -> Value {
    let map = |labels: &Labels| {
        labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Value>()
    };
    let judged = target::judge(config, group, address);
    let mut value = json!({"discoveredLabels": map(&judged.discovered), "labels": map(&judged.labels)});
    if let (Some(error), Some(fields)) = (judged.error, value.as_object_mut()) {
        fields.insert("error".to_owned(), json!(error));
    }
    value
}
