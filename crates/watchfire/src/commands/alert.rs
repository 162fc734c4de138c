//! `watchfire alert`.

use crate::cli::{Alert, AlertTemplateKind, ExplainArgs, RenderArgs, TestReceiverArgs};
use crate::commands::query;
use anyhow::{Context, anyhow, bail};
use std::path::Path;
use std::sync::Arc;
use watchfire_channels::{Mode, Notification, Outcome, Receivers, Templates, Tools};
use watchfire_model::time::{Clock, SystemClock};

pub(crate) fn run(alert: Alert) -> anyhow::Result<()> {
    match alert {
        Alert::TestReceiver(args) => test_receiver(&args),
        Alert::Render(args) => render(&args),
        Alert::Explain(args) => explain(&args),
    }
}

fn test_receiver(args: &TestReceiverArgs) -> anyhow::Result<()> {
    let file = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {file}"))?;
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let receivers = Receivers::parse(&text, folder).map_err(|problems| {
        let faults = problems.into_iter().map(|problem| problem.in_file(&args.file).to_string());
        anyhow!(faults.collect::<Vec<_>>().join("\n"))
    })?;
    let Some(receiver) = receivers.get(&args.receiver) else {
        let names: Vec<&str> = receivers.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        bail!("{file} has no receiver {:?}; it has {}", args.receiver, names.join(", "));
    };
    if receiver.integrations.is_empty() {
        bail!("receiver {:?} tells nobody: it has no integrations", args.receiver);
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let templates = load_templates(&clock, &receivers.templates)?;
    let now_ms = clock.now_ms();
    let tools = Arc::new(Tools::with_templates(clock, templates));
    let external_url = args.external_url.trim_end_matches('/');
    let notification = watchfire_channels::trial_notification(&args.receiver, external_url, now_ms);
    let runtime = super::backup::runtime()?;
    let trials =
        runtime.block_on(watchfire_channels::try_receiver(receiver, &tools, &notification, args.resolve));
    let failed = trials.iter().filter(|trial| trial.attempt.outcome != Outcome::Delivered).count();
    for trial in &trials {
        print!("{trial}");
    }
    if failed > 0 {
        bail!("{failed} of {} attempts failed", trials.len());
    }
    Ok(())
}

fn explain(args: &ExplainArgs) -> anyhow::Result<()> {
    let is_fingerprint = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut form: Vec<(&str, &str)> = Vec::new();
    for text in &args.alert {
        form.push((if is_fingerprint(text) { "fingerprint" } else { "filter" }, text));
    }
    form.extend(args.time.as_deref().map(|time| ("time", time)));
    form.extend(args.receiver.as_deref().map(|receiver| ("receiver", receiver)));
    let path = format!("alerts/explain?{}", query::encoded(&form));
    let body = super::backup::runtime()?.block_on(query::get(&args.server, &path))?;
    if args.json {
        println!("{body}");
        return Ok(());
    }
    let data = query::data(&body)?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let labels = data["alert"]["labels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
    println!("{{{}}}  {}", labels.join(", "), text(&data["alert"]["fingerprint"]));
    println!("told: {}\n{}\n", text(&data["told"]), text(&data["summary"]));
    for step in data["steps"].as_array().into_iter().flatten() {
        let (at, verdict) = (text(&step["at"]), text(&step["verdict"]));
        println!("{at:<24}  {:<10}  {verdict:<7}  {}", text(&step["step"]), text(&step["text"]));
    }
    for note in data["notes"].as_array().into_iter().flatten() {
        println!("note: {}", text(note));
    }
    if let Some(others) = data["others"].as_u64().filter(|others| *others > 0) {
        println!("note: {others} other alerts match, too; this is the one that was heard of last");
    }
    Ok(())
}

fn render(args: &RenderArgs) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let notification = match &args.data {
        Some(file) => {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            serde_json::from_str::<Notification>(&text)
                .with_context(|| format!("{} is no notification", file.display()))?
        }
        None => watchfire_channels::trial_notification("test", "http://localhost:9090", clock.now_ms()),
    };
    let templates = load_templates(&clock, &args.globs)?;
    let mode = match args.kind {
        AlertTemplateKind::Text => Mode::Text,
        AlertTemplateKind::Html => Mode::Html,
    };
    let text = templates.expand(&args.text, mode, &notification).map_err(|error| anyhow!(error))?;
    println!("{text}");
    Ok(())
}

fn load_templates(clock: &Arc<dyn Clock>, patterns: &[std::path::PathBuf]) -> anyhow::Result<Templates> {
    Templates::load(Arc::clone(clock), patterns)
        .map_err(|faults| anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}
