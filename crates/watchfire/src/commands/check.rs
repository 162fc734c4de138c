//! `watchfire check`: files are judged before they are used.

use crate::cli::Check;
use crate::run::config::{alertmanager_config, existing_rule_files, rule_file};
use anyhow::bail;
use std::io::Read;
use std::path::{Path, PathBuf};
use watchfire_alerting::MatcherMode;
use watchfire_wire::exposition::{self, Entry, Format};

/// An exposition larger than any that is scraped.
const MAX_EXPOSITION_BYTES: u64 = 256 << 20;

pub(crate) fn run(check: Check) -> anyhow::Result<()> {
    match check {
        Check::Config { syntax_only, files } => each(&files, |file| config(file, syntax_only)),
        Check::Rules { files } => each(&files, |file| {
            let rules = rule_file(file)?;
            Ok(format!("{} rules found", rules.rule_count()))
        }),
        Check::Alertmanager { enable_feature, files } => {
            let mode = MatcherMode::of_features(enable_feature.iter().map(String::as_str));
            each(&files, |file| alertmanager(file, mode))
        }
        Check::Metrics { strict } => metrics(strict),
    }
}

/// Judges every file, also after one that is wrong, and fails in the end if any was.
fn each(files: &[PathBuf], judge: impl Fn(&Path) -> anyhow::Result<String>) -> anyhow::Result<()> {
    let mut wrong = 0;
    for file in files {
        match judge(file) {
            Ok(found) => println!("{}: good: {found}", file.display()),
            Err(fault) => {
                eprintln!("{}", crate::one_line(&fault));
                wrong += 1;
            }
        }
    }
    if wrong > 0 {
        bail!("{wrong} of {} files are wrong", files.len());
    }
    Ok(())
}

fn config(file: &Path, syntax_only: bool) -> anyhow::Result<String> {
    let level = if syntax_only { watchfire_scrape::Check::Syntax } else { watchfire_scrape::Check::Full };
    let config = watchfire_scrape::Config::load(file, level)?;
    for note in &config.notes {
        eprintln!("{note}");
    }
    let jobs = config.scrape_configs.len();
    if syntax_only {
        return Ok(format!("{jobs} scrape configurations"));
    }
    let rules: usize = existing_rule_files(&config)?.iter().map(watchfire_rules::RuleFile::rule_count).sum();
    if let Some(alertmanager) = &config.alertmanager_file {
        alertmanager_config(alertmanager, MatcherMode::default())?;
    }
    Ok(format!("{jobs} scrape configurations, {rules} rules"))
}

fn alertmanager(file: &Path, mode: MatcherMode) -> anyhow::Result<String> {
    let config = alertmanager_config(file, mode)?;
    for note in &config.notes {
        eprintln!("{}: {note}", file.display());
    }
    Ok(format!(
        "{} receivers, {} inhibit rules, {} time intervals, {} templates",
        config.receivers.receivers.len(),
        config.inhibit_rules.len(),
        config.time_intervals.len(),
        config.receivers.templates.len(),
    ))
}

fn metrics(strict: bool) -> anyhow::Result<()> {
    let mut body = Vec::new();
    std::io::stdin().lock().take(MAX_EXPOSITION_BYTES + 1).read_to_end(&mut body)?;
    if body.len() as u64 > MAX_EXPOSITION_BYTES {
        bail!("standard input has more than {MAX_EXPOSITION_BYTES} bytes; no target may answer that much");
    }
    let text = exposition::utf8(&body)?;
    if strict {
        exposition::strict::check(text)?;
        println!("standard input: good OpenMetrics");
        return Ok(());
    }
    // An OpenMetrics exposition says so by its end.
    let is_open_metrics = text.trim_end().ends_with("# EOF");
    let format = if is_open_metrics { Format::OpenMetrics } else { Format::Text };
    let mut samples: u64 = 0;
    for entry in exposition::Parser::new(text, format) {
        if matches!(entry?, Entry::Sample(_)) {
            samples += 1;
        }
    }
    println!("standard input: good: {samples} samples");
    Ok(())
}
