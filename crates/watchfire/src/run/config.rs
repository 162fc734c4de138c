//! Everything a start or a reload reads, all of it or nothing.

use super::keep;
use crate::cli::RunArgs;
use anyhow::{Context, anyhow};
use std::path::Path;
use watchfire_alerting::oncall::OnCall;
use watchfire_alerting::{Canaries, Config as AlertmanagerConfig, MatcherMode};
use watchfire_probe::Modules;
use watchfire_rules::file::files_of;
use watchfire_rules::{ReadOptions, RuleFile};
use watchfire_scrape::config::{Prices, Problem};
use watchfire_scrape::{Check, Config};

/// A configuration with all the files it names, read and checked.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) rules: Vec<RuleFile>,
    /// Without a file, nobody is told.
    pub(crate) alertmanager: AlertmanagerConfig,
    /// Without a file, nobody is on call.
    pub(crate) oncall: OnCall,
    /// Without a file, those built in.
    pub(crate) probes: Modules,
}

impl Loaded {
    /// Reads what the command line names. Without a configuration file everything is at its default.
    pub(crate) fn read(args: &RunArgs) -> anyhow::Result<Self> {
        let config = match &args.config_file {
            Some(file) => {
                let config = Config::load(file, Check::Full)?;
                let raw = keep::time(args, &config);
                config.metrics.check_tiers(raw).map_err(|problem| problem.in_file(file))?;
                config
            }
            None if args.alerting_only => {
                let mut config = Config::default();
                config.built_in_rules = false;
                config.collect.enabled = false;
                config
            }
            None => Config::default(),
        };
        let mut rules = if config.built_in_rules { built_in_rules(&config)? } else { Vec::new() };
        let read = ReadOptions { parse: args.parse_options(), ..ReadOptions::default() };
        rules.extend(rule_files(&config, read)?);
        let alertmanager_file = args.alertmanager_file.as_ref().or(config.alertmanager_file.as_ref());
        let alertmanager = match alertmanager_file {
            Some(file) => alertmanager_config(file, matcher_mode(args))?,
            None => AlertmanagerConfig::default(),
        };
        let alertmanager = match &config.canary {
            Some(canary) => with_canaries(canary, alertmanager, args.config_file.as_deref(), &mut rules)?,
            None => alertmanager,
        };
        let oncall = oncall(args.oncall_file.as_ref().or(config.oncall_file.as_ref()), &alertmanager)?;
        let probes =
            config.probe_file.as_ref().map_or_else(|| Ok(Modules::default()), |file| Modules::load(file))?;
        Ok(Self { config, rules, alertmanager, oncall, probes })
    }
}

/// The rule files a configuration names. The first fault ends it; a file that is not there is left out and told, as a
/// start of Prometheus does.
fn rule_files(config: &Config, read: ReadOptions) -> anyhow::Result<Vec<RuleFile>> {
    let files = files_of(&config.rule_files).context("rule_files could not be listed")?;
    let mut found = Vec::new();
    for file in files {
        if file.try_exists().unwrap_or(true) {
            found.push(rule_file(&file, read)?);
        } else {
            tracing::warn!(file = %file.display(), "rule file does not exist, its rules are not evaluated");
        }
    }
    Ok(found)
}

/// The same for somebody who checks: a file that is not there is a fault.
pub(crate) fn existing_rule_files(config: &Config, read: ReadOptions) -> anyhow::Result<Vec<RuleFile>> {
    let files = files_of(&config.rule_files).context("rule_files could not be listed")?;
    files.iter().map(|file| rule_file(file, read)).collect()
}

pub(crate) fn rule_file(file: &Path, read: ReadOptions) -> anyhow::Result<RuleFile> {
    RuleFile::load(file, read).map_err(|faults| match faults.into_iter().next() {
        Some(fault) => anyhow!(fault),
        None => anyhow!("{}: cannot be read", file.display()),
    })
}

/// Which grammars of matchers are read.
fn matcher_mode(args: &RunArgs) -> MatcherMode {
    MatcherMode::of_features(args.enable_feature.iter().map(String::as_str))
}

/// An Alertmanager configuration. The first fault ends it.
pub(crate) fn alertmanager_config(file: &Path, mode: MatcherMode) -> anyhow::Result<AlertmanagerConfig> {
    Ok(AlertmanagerConfig::load(file, mode)?)
}

/// The same configuration with the routes of canaries, whose rules are added to the others.
fn with_canaries(
    wanted: &watchfire_scrape::config::Canary,
    alertmanager: AlertmanagerConfig,
    file: Option<&Path>,
    rules: &mut Vec<RuleFile>,
) -> anyhow::Result<AlertmanagerConfig> {
    let canaries = Canaries::new(wanted, &alertmanager).map_err(|(place, message)| {
        Problem::new(place, message).in_file(file.unwrap_or_else(|| Path::new("")))
    })?;
    rules.push(built_in("built-in/canary", &canaries.rules())?);
    Ok(alertmanager.with_canaries(canaries))
}

/// The on-call file, and whether it and the routes name each other rightly. All faults are told.
pub(crate) fn oncall(
    file: Option<&std::path::PathBuf>,
    alertmanager: &AlertmanagerConfig,
) -> anyhow::Result<OnCall> {
    let oncall = file.map_or_else(|| Ok(OnCall::default()), |file| OnCall::load(file.as_ref()))?;
    let mut faults = oncall.unknown_receivers(|name| alertmanager.receiver(name).is_some());
    faults.extend(alertmanager.unknown_policies(|name| oncall.policy(name).is_some()));
    if faults.is_empty() {
        return Ok(oncall);
    }
    Err(watchfire_alerting::oncall::ConfigError(faults).into())
}

/// The rules that come with the program, with the objectives and prices of the configuration.
fn built_in_rules(config: &Config) -> anyhow::Result<Vec<RuleFile>> {
    let objectives = config.objectives.rules();
    let mut files = Vec::new();
    for content in watchfire_assets::rules() {
        let text = if content.name == "objectives.yml" { objectives.as_str() } else { content.text };
        files.push(built_in(&format!("built-in/{}", content.name), text)?);
    }
    if let Some(prices) = config.prices.as_ref().and_then(Prices::rules) {
        files.push(built_in("built-in/prices", &prices)?);
    }
    Ok(files)
}

fn built_in(name: &str, text: &str) -> anyhow::Result<RuleFile> {
    RuleFile::parse(name, text, ReadOptions::default()).map_err(|faults| {
        anyhow!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}
