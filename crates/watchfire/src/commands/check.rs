//! `watchfire check`: files are judged before they are used.

mod dashboards;
mod discovery;

use crate::cli::{Check, Lint, RuleOptions};
use crate::run::config::{alertmanager_config, existing_rule_files, oncall as read_oncall, rule_file};
use anyhow::{Context, bail};
use std::io::Read;
use std::path::{Path, PathBuf};
use watchfire_alerting::MatcherMode;
use watchfire_alerting::oncall::OnCall;
use watchfire_model::duration;
use watchfire_promql::ParseOptions;
use watchfire_rules::{ReadOptions, RuleFile};
use watchfire_wire::exposition::{self, Entry, Format};

/// An exposition larger than any that is scraped.
const MAX_EXPOSITION_BYTES: u64 = 256 << 20;

/// Exit status where nothing is wrong but something was told, and `--lint-fatal` was given; promtool's.
const LINT_STATUS: i32 = 3;

pub(crate) fn run(check: Check) -> anyhow::Result<()> {
    match check {
        Check::Config { syntax_only, rules, files } => {
            each(&files, rules.lint_fatal, |file, told| config(file, syntax_only, &rules, told))
        }
        Check::Rules { rules, files } if files.is_empty() => rules_on_standard_input(&rules),
        Check::Rules { rules, files } => each(&files, rules.lint_fatal, |file, told| {
            let found = rule_file(file, read_options(&rules))?;
            tell_duplicates(&found, &rules, told);
            Ok(format!("{} rules found", found.rule_count()))
        }),
        Check::Alertmanager { enable_feature, files } => {
            let mode = MatcherMode::of_features(enable_feature.iter().map(String::as_str));
            each(&files, false, |file, _| alertmanager(file, mode))
        }
        Check::Oncall { alertmanager_file, files } => {
            each(&files, false, |file, _| oncall(file, alertmanager_file.as_deref()))
        }
        Check::Metrics { strict } => metrics(strict),
        Check::Dashboards { files } => each(&files, false, |file, _| dashboards::judge(file)),
        Check::ServiceDiscovery { timeout, file, job } => discovery::run(&file, &job, timeout),
        Check::WebConfig { files } => each(&files, false, |file, _| web_config(file)),
        Check::Healthy(args) => ask(&args.url, "-/healthy"),
        Check::Ready(args) => ask(&args.url, "-/ready"),
    }
}

fn read_options(rules: &RuleOptions) -> ReadOptions {
    let parse = rules.enable_feature.as_deref().map(ParseOptions::of_features).unwrap_or_default();
    ReadOptions { ignore_unknown_fields: rules.ignore_unknown_fields, parse }
}

fn lints(rules: &RuleOptions, lint: Lint) -> bool {
    !rules.lint.contains(&Lint::None) && (rules.lint.contains(&Lint::All) || rules.lint.contains(&lint))
}

fn tell_duplicates(file: &RuleFile, rules: &RuleOptions, told: &mut Vec<String>) {
    if lints(rules, Lint::DuplicateRules) {
        told.extend(watchfire_rules::check::duplicates(file));
    }
}

/// Judges every file, also after one that is wrong, and fails in the end if any was.
fn each(
    files: &[PathBuf],
    lint_fatal: bool,
    judge: impl Fn(&Path, &mut Vec<String>) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let (mut wrong, mut told_any) = (0, false);
    for file in files {
        let mut told = Vec::new();
        match judge(file, &mut told) {
            Ok(found) => println!("{}: good: {found}", file.display()),
            Err(fault) => {
                let of_alertmanager = fault.downcast_ref::<watchfire_alerting::ConfigError>();
                let of_oncall = fault.downcast_ref::<watchfire_alerting::oncall::ConfigError>();
                match of_alertmanager.map(|faults| &faults.0).or(of_oncall.map(|faults| &faults.0)) {
                    Some(faults) => faults.iter().for_each(|fault| eprintln!("{fault}")),
                    None => eprintln!("{}", crate::one_line(&fault)),
                }
                wrong += 1;
            }
        }
        told.iter().for_each(|warning| eprintln!("{}: warning: {warning}", file.display()));
        told_any |= !told.is_empty();
    }
    if wrong > 0 {
        bail!("{wrong} of {} files are wrong", files.len());
    }
    if told_any && lint_fatal {
        std::process::exit(LINT_STATUS);
    }
    Ok(())
}

fn rules_on_standard_input(rules: &RuleOptions) -> anyhow::Result<()> {
    let name = "standard input";
    let text = std::io::read_to_string(std::io::stdin())?;
    each(&[PathBuf::from(name)], rules.lint_fatal, |_, told| {
        let found = RuleFile::parse(name, &text, read_options(rules)).map_err(|faults| {
            anyhow::anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        tell_duplicates(&found, rules, told);
        Ok(format!("{} rules found", found.rule_count()))
    })
}

fn ask(server: &str, path: &str) -> anyhow::Result<()> {
    let url = format!("{}/{path}", server.trim_end_matches('/'));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, said) = runtime.block_on(async {
        let response = reqwest::Client::new().get(&url).send().await;
        let response =
            response.with_context(|| format!("cannot reach {server}; is the server running there?"))?;
        anyhow::Ok((response.status(), response.text().await?))
    })?;
    if !status.is_success() {
        bail!("{url} answers {status}: {}", said.trim());
    }
    println!("{}", said.trim());
    Ok(())
}

fn config(
    file: &Path,
    syntax_only: bool,
    options: &RuleOptions,
    told: &mut Vec<String>,
) -> anyhow::Result<String> {
    let level = if syntax_only { watchfire_scrape::Check::Syntax } else { watchfire_scrape::Check::Full };
    let config = watchfire_scrape::Config::load(file, level)?;
    for note in &config.notes {
        eprintln!("{note}");
    }
    let jobs = config.scrape_configs.len();
    if lints(options, Lint::TooLongScrapeInterval) {
        // Longer, and a selector finds nothing between two scrapes.
        let lookback = watchfire_promql::EngineOptions::default().lookback;
        for job in config.scrape_configs.iter().filter(|job| job.scrape_interval >= lookback) {
            let (interval, lookback) = (duration::format(job.scrape_interval), duration::format(lookback));
            let name = &job.job_name;
            told.push(format!(
                "job {name:?} is scraped every {interval}, queries look back {lookback}; scrape it more often"
            ));
        }
    }
    if syntax_only {
        return Ok(format!("{jobs} scrape configurations"));
    }
    check_target_files(&config)?;
    let files = existing_rule_files(&config, read_options(options))?;
    files.iter().for_each(|file| tell_duplicates(file, options, told));
    let rules: usize = files.iter().map(RuleFile::rule_count).sum();
    if let Some(probes) = &config.probe_file {
        watchfire_probe::Modules::load(probes)?;
    }
    if let Some(alertmanager) = &config.alertmanager_file {
        let alertmanager = alertmanager_config(alertmanager, MatcherMode::default())?;
        read_oncall(config.oncall_file.as_ref(), &alertmanager)?;
    } else if let Some(file) = &config.oncall_file {
        OnCall::load(file)?;
    }
    Ok(format!("{jobs} scrape configurations, {rules} rules"))
}

/// Target files that are wrong now would have no targets at the start.
fn check_target_files(config: &watchfire_scrape::Config) -> anyhow::Result<()> {
    let of_jobs = config
        .scrape_configs
        .iter()
        .flat_map(|job| job.discovery.file_sources.iter().map(|source| (source, job.naming.scheme)));
    let of_alertmanagers = config.alerting.alertmanagers.iter().flat_map(|entry| {
        entry.discovery.file_sources.iter().map(|source| (source, config.global.naming.scheme))
    });
    for (source, scheme) in of_jobs.chain(of_alertmanagers) {
        if let Some(fault) = source.check(scheme).into_iter().next() {
            return Err(fault.into());
        }
    }
    Ok(())
}

fn web_config(file: &Path) -> anyhow::Result<String> {
    let found = watchfire_settings::web::WebConfig::load(file)?;
    let encrypted = if found.is_encrypted { "encrypted" } else { "not encrypted" };
    Ok(format!("{encrypted}, {} users, {} headers", found.users, found.headers))
}

fn oncall(file: &Path, alertmanager: Option<&Path>) -> anyhow::Result<String> {
    let read = match alertmanager {
        Some(alertmanager) => {
            read_oncall(Some(&file.to_owned()), &alertmanager_config(alertmanager, MatcherMode::default())?)?
        }
        None => OnCall::load(file)?,
    };
    Ok(format!(
        "{} people, {} schedules, {} policies",
        read.people.len(),
        read.schedules.len(),
        read.policies.len()
    ))
}

fn alertmanager(file: &Path, mode: MatcherMode) -> anyhow::Result<String> {
    let config = alertmanager_config(file, mode)?;
    for note in &config.notes {
        eprintln!("{}:{note}", file.display());
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
    println!("standard input: good: {samples} {}", if samples == 1 { "sample" } else { "samples" });
    Ok(())
}
