//! The run of a test file.

use super::compare::{Sample, Shown, list_of, samples_match, samples_text};
use super::file::{self, TestFile, TestGroup};
use super::store::TestStore;
use super::{Case, TestOptions, lines};
use crate::alerting::millis;
use crate::file::{GroupSpec, ReadOptions, Rule, RuleFile, files_of};
use crate::group::{Group, Surround};
use crate::query::{Asker, QueryThreads};
use crate::sink::{AlertState, NoAlerts};
use crate::status::{GroupStatus, RuleKind};
use crate::yaml::{self, FileError, Place, place_inside};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::ingest::Row;
use watchfire_model::{Labels, duration};
use watchfire_promql::parser::{SequenceItem, parse_series};
use watchfire_promql::{Engine, EngineOptions, ParseOptions};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
/// More evaluations of one test than this are a slip of the pen.
const MAX_EVALUATIONS: i64 = 10_000_000;

/// Runs a file: what became of each test, or why none could run.
pub(super) async fn run(path: &Path, options: &TestOptions) -> Result<Vec<Case>, Vec<String>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("  {name}: {error}")])?;
    let tests: TestFile = yaml::read(&name, &text).map_err(|error| lines(&[error]))?;
    let interval = file::duration(&name, tests.evaluation_interval.as_ref(), DEFAULT_INTERVAL)
        .map_err(|error| lines(&[error]))?;
    let interval = if interval.is_zero() { DEFAULT_INTERVAL } else { interval };
    let folder = path.parent().unwrap_or(Path::new(""));
    let groups = load_groups(folder, &tests, options)?;
    let threads = Arc::new(QueryThreads::start(1).map_err(|error| vec![format!("  no thread: {error}")])?);
    let runner = Runner { name: &name, text: &text, interval, fuzzy: tests.fuzzy_compare, groups, threads };
    let mut cases = Vec::new();
    for group in &tests.tests {
        if !options.run.is_empty() && !options.run.iter().any(|pattern| pattern.is_match(&group.name)) {
            continue;
        }
        let mut failures = match runner.test(group).await {
            Ok(failed) => failed,
            Err(error) => lines(&[error]),
        };
        if !failures.is_empty() && !group.name.is_empty() {
            failures.insert(0, format!("    name: {},", group.name));
        }
        cases.push(Case { name: group.name.clone(), failures });
    }
    Ok(cases)
}

fn load_groups(
    folder: &Path,
    tests: &TestFile,
    options: &TestOptions,
) -> Result<Vec<(String, GroupSpec)>, Vec<String>> {
    let patterns: Vec<PathBuf> = tests.rule_files.iter().map(|pattern| folder.join(pattern)).collect();
    let files = files_of(&patterns).map_err(|error| vec![format!("  rule_files: {error}")])?;
    let read = ReadOptions { ignore_unknown_fields: options.ignore_unknown_fields, ..ReadOptions::default() };
    let mut groups = Vec::new();
    for file in files {
        let rules = RuleFile::load(&file, read).map_err(|errors| lines(&errors))?;
        groups.extend(rules.groups.into_iter().map(|group| (rules.name.clone(), group)));
    }
    let order = &tests.group_eval_order;
    for (index, name) in order.iter().enumerate() {
        if order.iter().skip(index + 1).any(|other| other == name) {
            return Err(vec![format!("  group_eval_order: group name repeated in evaluation order: {name}")]);
        }
    }
    // Groups that are not named come first, as their place in the order is 0.
    groups.sort_by_key(|(_, group)| order.iter().position(|name| *name == group.name).unwrap_or(0));
    Ok(groups)
}

struct Runner<'a> {
    name: &'a str,
    text: &'a str,
    interval: Duration,
    fuzzy: bool,
    groups: Vec<(String, GroupSpec)>,
    threads: Arc<QueryThreads>,
}

impl Runner<'_> {
    async fn test(&self, test: &TestGroup) -> Result<Vec<String>, FileError> {
        let start_ms = file::start(self.name, test.start_timestamp.as_ref())?;
        let step = file::duration(self.name, test.interval.as_ref(), self.interval)?;
        let store = Arc::new(TestStore::default());
        self.load(test, start_ms, millis(step), &store)?;
        let engine = Engine::new(EngineOptions {
            default_subquery_step: self.interval,
            delayed_name_removal: true,
            ..EngineOptions::default()
        });
        let asker = Asker::new(engine, store.clone());
        let pairs = test.external_labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let surround = Surround {
            asker: asker.clone(),
            observer: None,
            threads: Arc::clone(&self.threads),
            samples: store,
            alerts: Arc::new(NoAlerts),
            external_labels: Labels::from_pairs(pairs),
            external_url: test.external_url.clone(),
            default_query_offset: Duration::ZERO,
        };
        let alert_times = test
            .alert_rule_test
            .iter()
            .map(|alert| file::duration(self.name, alert.eval_time.as_ref(), Duration::ZERO).map(millis))
            .collect::<Result<Vec<i64>, FileError>>()?;
        let expr_times = test
            .promql_expr_test
            .iter()
            .map(|expr| file::duration(self.name, expr.eval_time.as_ref(), Duration::ZERO).map(millis))
            .collect::<Result<Vec<i64>, FileError>>()?;
        let last_ms = alert_times.iter().chain(&expr_times).copied().max().unwrap_or(0);
        let interval_ms = millis(self.interval).max(1);
        if last_ms / interval_ms > MAX_EVALUATIONS {
            let message =
                format!("more than {MAX_EVALUATIONS} evaluations; expected a longer evaluation_interval");
            return Err(FileError { file: self.name.to_owned(), place: Place::default(), message });
        }
        let mut groups: Vec<Group> =
            self.groups.iter().map(|(file, spec)| Group::new(file, spec.clone(), self.interval)).collect();
        let mut failures = Vec::new();
        let mut at_ms = 0;
        while at_ms <= last_ms {
            for group in &mut groups {
                group.evaluate(start_ms + at_ms, &surround, || true).await;
                failures.extend(rule_errors(&group.status(), at_ms));
            }
            if !failures.is_empty() {
                return Ok(failures);
            }
            for (alert, time) in test.alert_rule_test.iter().zip(&alert_times) {
                if (at_ms..at_ms + interval_ms).contains(time) {
                    let expected = alert.exp_alerts.as_deref().unwrap_or_default();
                    let name = &alert.alertname.value;
                    let mut expected: Vec<Shown> =
                        expected.iter().map(|alert| Shown::expected(name, alert)).collect();
                    let mut found = firing(&groups, name);
                    expected.sort();
                    found.sort();
                    if expected != found {
                        failures.push(format!(
                            "    alertname: {name}, time: {}, \n        exp:{}, \n        got:{}",
                            time_text(*time),
                            list_of(&expected),
                            list_of(&found)
                        ));
                    }
                }
            }
            at_ms += interval_ms;
        }
        for (expr, time) in test.promql_expr_test.iter().zip(&expr_times) {
            let expected = expr.exp_samples.as_deref().unwrap_or_default();
            let mut expected = expected
                .iter()
                .map(|sample| Sample::expected(self.name, sample))
                .collect::<Result<Vec<Sample>, FileError>>()?;
            let tree = match watchfire_promql::parse(&expr.expr.value, ParseOptions::default()) {
                Ok(tree) => tree,
                Err(error) => {
                    let place =
                        place_inside(self.text, Place::of(&expr.expr), &expr.expr.value, error.span.start);
                    let message = format!("could not parse expression: {}", error.message);
                    return Err(FileError { file: self.name.to_owned(), place, message });
                }
            };
            let head = format!("    expr: {:?}, time: {},", expr.expr.value, time_text(*time));
            match asker.vector(tree, start_ms + time) {
                Err(error) => failures.push(format!("{head} err: {error}")),
                Ok(found) => {
                    let mut found: Vec<Sample> = found.into_iter().map(Sample::found).collect();
                    if !samples_match(&mut expected, &mut found, self.fuzzy) {
                        let (expected, found) = (samples_text(&expected), samples_text(&found));
                        failures.push(format!("{head}\n        exp: {expected}\n        got: {found}"));
                    }
                }
            }
        }
        Ok(failures)
    }

    fn load(
        &self,
        test: &TestGroup,
        start_ms: i64,
        step_ms: i64,
        store: &TestStore,
    ) -> Result<(), FileError> {
        for input in &test.input_series {
            let line = format!("{} {}", input.series.value, input.values);
            let series = parse_series(&line).map_err(|error| FileError {
                file: self.name.to_owned(),
                place: Place::of(&input.series),
                message: format!("series {line:?}: {error}"),
            })?;
            for (index, item) in series.values.into_iter().enumerate() {
                let SequenceItem::Value(value) = item else { continue };
                let offset_ms = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(step_ms);
                store.append(Row {
                    series: series.labels.clone(),
                    timestamp_ms: start_ms.saturating_add(offset_ms),
                    start_timestamp_ms: 0,
                    value,
                });
            }
        }
        Ok(())
    }
}

fn rule_errors(status: &GroupStatus, at_ms: i64) -> Vec<String> {
    let failed = status.rules.iter().filter_map(|rule| rule.last_error.as_ref().map(|error| (rule, error)));
    failed
        .map(|(rule, error)| format!("    rule: {}, time: {}, err: {error}", rule.name, time_text(at_ms)))
        .collect()
}

fn firing(groups: &[Group], name: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    for group in groups {
        if !group.spec.rules.iter().any(|rule| matches!(rule, Rule::Alerting(_)) && rule.name() == name) {
            continue;
        }
        for rule in group.status().rules.into_iter().filter(|rule| rule.name == name) {
            if let RuleKind::Alerting { alerts, .. } = rule.kind {
                let firing = alerts.iter().filter(|alert| alert.state == AlertState::Firing);
                found.extend(firing.map(Shown::found));
            }
        }
    }
    found
}

fn time_text(at_ms: i64) -> String {
    duration::format(Duration::from_millis(u64::try_from(at_ms).unwrap_or(0)))
}
