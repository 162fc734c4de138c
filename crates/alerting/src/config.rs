//! `alertmanager.yml`: the whole of Alertmanager's format, strictly, every fault with its place.

mod doubts;
mod inhibit;
mod intervals;
mod passed;
mod route;
mod show;

use crate::canary::Canaries;
use crate::inhibit::InhibitRule;
use crate::intervals::NamedInterval;
use crate::matchers::{AlertMatcher, MatcherMode};
use crate::route::Route;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use watchfire_channels::{Receiver, Receivers, Templates};
use watchfire_model::matcher::MatchOp;
use watchfire_model::time::SystemClock;
use watchfire_settings::yaml::{self, Node, Value};
use watchfire_settings::{Fault, Problem, Reading, Section};

/// No configuration of people is larger.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// What is wrong in the file, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Fault>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// A configuration in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// After how long without news an alert from outside is taken for resolved (`global.resolve_timeout`).
    pub resolve_timeout: Duration,
    /// The routing tree; `None` without a configuration: alerts are shown, nobody is told.
    pub route: Option<Route>,
    /// The receivers, with what they share.
    pub receivers: Receivers,
    /// Who is told what a receiver refused for good (`fallback` of a receiver, which Alertmanager does not have).
    pub fallbacks: BTreeMap<String, String>,
    /// What mutes what.
    pub inhibit_rules: Vec<InhibitRule>,
    /// The policies of escalation that routes name by their label `escalation_policy`, and what is wrong where there is
    /// none of that name.
    pub policies: Vec<(String, Fault)>,
    /// The intervals of time that routes name.
    pub time_intervals: BTreeMap<String, NamedInterval>,
    /// Which grammars of matchers are read, here and by the API.
    pub matcher_mode: MatcherMode,
    /// Which receivers are sent a canary; not in this file, see [`Config::with_canaries`].
    pub canaries: Option<Canaries>,
    /// A hash of the file's text, of 48 bits, so that a float holds it; `None` without a file.
    pub hash: Option<u64>,
    /// What the file says and Watchfire accepts without doing it.
    pub notes: Vec<String>,
    /// The configuration as YAML, every secret masked.
    pub shown: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resolve_timeout: Duration::from_secs(5 * 60),
            route: None,
            receivers: Receivers::default(),
            fallbacks: BTreeMap::new(),
            inhibit_rules: Vec::new(),
            policies: Vec::new(),
            time_intervals: BTreeMap::new(),
            matcher_mode: MatcherMode::default(),
            canaries: None,
            hash: None,
            notes: Vec::new(),
            shown: String::new(),
        }
    }
}

impl Config {
    /// Reads a file from disk, and the templates it names. Relative file names in it count from its folder.
    pub fn load(path: &Path, mode: MatcherMode) -> Result<Self, ConfigError> {
        let whole = |message: String| ConfigError(vec![Fault::of_file(path, message)]);
        let size = std::fs::metadata(path).map_err(|error| whole(error.to_string()))?.len();
        if size > MAX_FILE_BYTES {
            return Err(whole(format!("{size} bytes; expected at most {MAX_FILE_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| whole(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut config = Self::parse_in(&path.display().to_string(), &text, folder, mode)?;
        let templates =
            Templates::load(Arc::new(SystemClock), &config.receivers.templates).map_err(ConfigError)?;
        config.notes.extend(doubts::of(&text, folder, &templates));
        Ok(config)
    }

    /// Reads the text of a file named `file`; relative file names in it count from `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ConfigError> {
        Self::parse_in(file, text, folder, MatcherMode::default())
    }

    /// The same, with the grammars of matchers to be read.
    pub fn parse_in(file: &str, text: &str, folder: &Path, mode: MatcherMode) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut policies = Vec::new();
        let config = read(text, folder, mode, &mut policies, &mut problems);
        match config {
            Some(mut config) if problems.is_empty() => {
                config.hash = Some(fnv(text) >> 16);
                let unknown = |(name, place): (String, yaml::Place)| {
                    let message = format!(
                        "route: escalation policy {name:?} is not known; expected one of policies of the on-call file"
                    );
                    (name, Problem::new(place, message).in_file(Path::new(file)))
                };
                config.policies = policies.into_iter().map(unknown).collect();
                Ok(config)
            }
            _ => Err(ConfigError(
                problems.into_iter().map(|problem| problem.in_file(Path::new(file))).collect(),
            )),
        }
    }

    /// What is wrong where routes name policies that are not there.
    pub fn unknown_policies(&self, is_known: impl Fn(&str) -> bool) -> Vec<Fault> {
        self.policies.iter().filter(|(name, _)| !is_known(name)).map(|(_, fault)| fault.clone()).collect()
    }

    /// The receiver with a name.
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.get(name)
    }

    /// The configuration as YAML with every secret masked, as Alertmanager shows it.
    pub fn masked(&self) -> &str {
        &self.shown
    }
}

/// FNV-1a of 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn read(
    text: &str,
    folder: &Path,
    mode: MatcherMode,
    policies: &mut Vec<(String, yaml::Place)>,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let node = match yaml::parse(text) {
        Ok(node) => node,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let shown = show::masked(&node);
    let (node, fallbacks) = without_fallbacks(node);
    let mut root = match Section::open(node, "configuration") {
        Ok(root) => root,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let mut reading = Reading::with_oauth2(folder);
    let receivers = Receivers::take(&mut root, &mut reading, problems);
    let mut config = Config {
        resolve_timeout: receivers.global.resolve_timeout.unwrap_or(Config::default().resolve_timeout),
        receivers,
        matcher_mode: mode,
        shown,
        ..Config::default()
    };
    for (receiver, fallback) in fallbacks {
        let known = |name: &str| config.receivers.get(name).is_some();
        match fallback {
            Ok((name, _)) if known(&name) && name != receiver => {
                config.fallbacks.insert(receiver, name);
            }
            Ok((name, place)) => problems.push(Problem::new(
                place,
                format!("receiver {receiver:?}: fallback is {name:?}; expected the name of another receiver"),
            )),
            Err(problem) => problems.push(problem),
        }
    }
    config.inhibit_rules = inhibit::take(&mut root, mode, problems);
    config.time_intervals = intervals::take(&mut root, problems);
    passed::take(&mut root, &mut reading, problems);
    let Some(route) = root.take("route") else {
        problems.push(root.problem("no routes provided; expected a key 'route'"));
        finish(root, problems);
        return None;
    };
    config.route = route::Reader { config: &config, policies, problems }.root(route);
    finish(root, problems);
    problems.extend(reading.take_not_yet());
    let placed = |note: Problem| format!("{}:{}: {}", note.place.line, note.place.column, note.message);
    config.notes = reading.take_notes().into_iter().map(placed).collect();
    Some(config)
}

/// Keys that nobody knows are told after everything that is wrong with those that are known.
fn finish(root: Section, problems: &mut Vec<Problem>) {
    if let Err(problem) = root.finish() {
        problems.push(problem);
    }
}

/// The key `fallback` of a receiver, with the receiver's name; whoever reads receivers as Alertmanager does not know it.
type Fallback = (String, Result<(String, yaml::Place), Problem>);

fn without_fallbacks(mut node: Node) -> (Node, Vec<Fallback>) {
    let mut found = Vec::new();
    let Value::Map(entries) = &mut node.value else { return (node, found) };
    let receivers = entries.iter_mut().filter(|(key, _)| key.name == "receivers");
    for (_, receivers) in receivers {
        let Value::List(receivers) = &mut receivers.value else { continue };
        for receiver in receivers {
            let Value::Map(keys) = &mut receiver.value else { continue };
            let name = keys.iter().find(|(key, _)| key.name == "name").and_then(|(_, node)| scalar(node));
            let Some(at) = keys.iter().position(|(key, _)| key.name == "fallback") else { continue };
            let (_, fallback) = keys.remove(at);
            let target = match scalar(&fallback) {
                Some(target) => Ok((target, fallback.place)),
                None => Err(fallback.expected("the name of a receiver")),
            };
            found.push((name.unwrap_or_default(), target));
        }
    }
    (node, found)
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(text, _) => Some(text.clone()),
        _ => None,
    }
}

/// Takes `match`, `match_re` and `matchers`, or their likes of an inhibition rule.
fn matchers(
    section: &mut Section,
    (equal, regex, list): (&'static str, &'static str, &'static str),
    mode: MatcherMode,
) -> Result<Vec<AlertMatcher>, Problem> {
    let mut matchers = Vec::new();
    for (key, value) in section.text_map(equal)? {
        let name = plain_name(&key)?;
        let matcher = AlertMatcher::new(name, MatchOp::Equal, &value);
        matchers.push(matcher.map_err(|error| Problem::new(key.place, error.to_string()))?);
    }
    if let Some(node) = section.take(regex) {
        let Value::Map(entries) = node.value else {
            return Err(node.expected("a mapping of label names to patterns"));
        };
        for (key, value) in entries {
            let name = plain_name(&key)?;
            let Some(pattern) = scalar(&value) else {
                let message = format!(
                    "{regex}: the pattern for {:?} is missing; expected a regular expression",
                    key.name
                );
                return Err(Problem::new(key.place, message));
            };
            // Alertmanager keeps the anchors in the pattern, and so in the group key.
            let matcher = AlertMatcher::new(name, MatchOp::Regex, &format!("^(?:{pattern})$"));
            matchers.push(matcher.map_err(|error| value.problem(error.to_string()))?);
        }
    }
    for node in section.list(list)? {
        let Some(text) = scalar(&node) else {
            return Err(node.expected("a matcher such as severity=\"critical\""));
        };
        let parsed = mode.parse(&text, "config");
        matchers.extend(parsed.map_err(|error| node.problem(format!("{list}: {error}")))?);
    }
    Ok(matchers)
}

/// The older ways to match know only the older names.
fn plain_name(key: &yaml::Key) -> Result<&str, Problem> {
    if watchfire_model::labels::is_legacy_label_name(&key.name) {
        return Ok(&key.name);
    }
    let message = format!(
        "invalid label name {:?}; expected letters, digits and _, or a matcher in 'matchers'",
        key.name
    );
    Err(Problem::new(key.place, message))
}

#[cfg(test)]
mod tests;
