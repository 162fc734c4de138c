//! `alertmanager.yml`: Alertmanager's format, as far as it is built. What Alertmanager knows and Watchfire does not
//! yet is refused with its place, never passed over in silence.

mod raw;
mod receiver;

use crate::inhibit::InhibitRule;
use crate::intervals::NamedInterval;
use crate::matchers::{AlertMatcher, MatcherMode};
use crate::route::{GroupBy, Route};
use raw::{RawConfig, RawRoute};
pub use receiver::{Credentials, Receiver, Secret, Webhook};
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchfire_model::matcher::MatchOp;
use watchfire_rules::yaml::{self, FileError, Place};

/// No configuration of people is larger.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// What is wrong in the file, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<FileError>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.0.iter().map(FileError::to_string).collect();
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
    /// The receivers, by the order of the file.
    pub receivers: Vec<Receiver>,
    /// What mutes what.
    pub inhibit_rules: Vec<InhibitRule>,
    /// The intervals of time that routes name.
    pub time_intervals: BTreeMap<String, NamedInterval>,
    /// Which grammars of matchers are read, here and by the API.
    pub matcher_mode: MatcherMode,
    /// The file's text, for showing; secrets in it are masked by [`Config::masked`].
    pub original: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resolve_timeout: Duration::from_secs(5 * 60),
            route: None,
            receivers: Vec::new(),
            inhibit_rules: Vec::new(),
            time_intervals: BTreeMap::new(),
            matcher_mode: MatcherMode::default(),
            original: String::new(),
        }
    }
}

/// What a route inherits from above.
#[derive(Clone)]
struct Inherited {
    receiver: String,
    group_by: GroupBy,
    group_wait: Duration,
    group_interval: Duration,
    repeat_interval: Duration,
}

impl Config {
    /// Reads a file from disk. Relative file names in it count from its folder.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let whole = |message: String| {
            ConfigError(vec![FileError { file: name.clone(), place: Place::default(), message }])
        };
        let size = std::fs::metadata(path).map_err(|error| whole(error.to_string()))?.len();
        if size > MAX_FILE_BYTES {
            return Err(whole(format!("{size} bytes; expected at most {MAX_FILE_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| whole(error.to_string()))?;
        Self::parse(&name, &text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the text of a file named `file`; relative file names in it count from `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let raw: RawConfig = yaml::read(file, text).map_err(|error| ConfigError(vec![error]))?;
        let mut reader = Reader {
            file: file.to_owned(),
            folder: folder.to_owned(),
            errors: Vec::new(),
            names: BTreeSet::new(),
        };
        let config = reader.config(raw, text);
        match (config, reader.errors.is_empty()) {
            (Some(config), true) => Ok(config),
            _ => Err(ConfigError(reader.errors)),
        }
    }

    /// The receiver with a name.
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }

    /// The file's text with every secret masked, as Alertmanager shows it.
    pub fn masked(&self) -> String {
        let mut text = self.original.clone();
        for secret in self.receivers.iter().flat_map(Receiver::secrets) {
            if !secret.is_empty() {
                text = text.replace(secret, "<secret>");
            }
        }
        text
    }
}

pub(crate) struct Reader {
    file: String,
    folder: PathBuf,
    errors: Vec<FileError>,
    names: BTreeSet<String>,
}

impl Reader {
    pub(crate) fn error(&mut self, place: Place, message: impl Into<String>) {
        self.errors.push(FileError { file: self.file.clone(), place, message: message.into() });
    }

    fn unsupported<T>(&mut self, path: &str, value: Option<&Spanned<T>>) {
        if let Some(value) = value {
            self.error(Place::of(value), format!("{path} is not supported yet"));
        }
    }

    pub(crate) fn duration(&mut self, path: &str, text: Option<&Spanned<String>>) -> Option<Duration> {
        let text = text?;
        match watchfire_model::duration::parse(&text.value) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.error(Place::of(text), format!("{path}: {error}; expected one such as 30s or 1h30m"));
                None
            }
        }
    }

    fn config(&mut self, raw: RawConfig, text: &str) -> Option<Config> {
        let mut config = Config { original: text.to_owned(), ..Config::default() };
        for (path, value) in raw.unsupported() {
            self.unsupported(path, value);
        }
        if let Some(global) = &raw.global {
            for (path, value) in global.unsupported() {
                self.unsupported(path, value);
            }
            let timeout = self.duration("global.resolve_timeout", global.resolve_timeout.as_ref());
            config.resolve_timeout = timeout.unwrap_or(config.resolve_timeout);
        }
        for (index, receiver) in raw.receivers.unwrap_or_default().into_iter().enumerate() {
            config.receivers.extend(self.receiver(index, receiver));
        }
        let mut names = BTreeSet::new();
        for receiver in &config.receivers {
            if !names.insert(receiver.name.clone()) {
                let message = format!("notification config name {:?} is not unique", receiver.name);
                self.error(receiver.place, message);
            }
        }
        self.names = names;
        let Some(route) = raw.route else {
            self.error(Place::default(), "no routes provided; expected a key 'route'");
            return None;
        };
        config.route = self.root(&route);
        Some(config)
    }

    fn root(&mut self, route: &Spanned<RawRoute>) -> Option<Route> {
        let place = Place::of(route);
        let raw = &route.value;
        if raw.receiver.as_ref().is_none_or(|receiver| receiver.value.is_empty()) {
            self.error(place, "root route must specify a default receiver");
        }
        let some = |pairs: &Option<raw::Pairs>| pairs.as_ref().is_some_and(|pairs| !pairs.0.is_empty());
        let matchers = raw.matchers.as_ref().is_some_and(|matchers| !matchers.is_empty());
        if some(&raw.equal) || some(&raw.regex) || matchers {
            self.error(place, "root route must not have any matchers");
        }
        if raw.goes_on == Some(true) {
            self.error(place, "cannot have continue in root route");
        }
        let inherited = Inherited {
            receiver: String::new(),
            group_by: GroupBy::Labels(BTreeSet::new()),
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(5 * 60),
            repeat_interval: Duration::from_secs(4 * 60 * 60),
        };
        self.route("route", raw, None, &inherited)
    }

    fn route(
        &mut self,
        path: &str,
        raw: &RawRoute,
        parent: Option<&str>,
        above: &Inherited,
    ) -> Option<Route> {
        for (key, value) in raw.unsupported() {
            self.unsupported(&format!("{path}.{key}"), value);
        }
        let mut own = above.clone();
        if let Some(receiver) = raw.receiver.as_ref().filter(|receiver| !receiver.value.is_empty()) {
            if !self.names.contains(&receiver.value) {
                let message = format!("{path}: undefined receiver {:?} used in route", receiver.value);
                self.error(Place::of(receiver), message);
            }
            own.receiver.clone_from(&receiver.value);
        }
        if let Some(labels) = &raw.group_by {
            own.group_by = self.group_by(path, labels);
        }
        let wait = self.duration(&format!("{path}.group_wait"), raw.group_wait.as_ref());
        own.group_wait = wait.unwrap_or(own.group_wait);
        for (key, text, slot) in [
            ("group_interval", &raw.group_interval, &mut own.group_interval),
            ("repeat_interval", &raw.repeat_interval, &mut own.repeat_interval),
        ] {
            let Some(duration) = self.duration(&format!("{path}.{key}"), text.as_ref()) else { continue };
            if duration.is_zero() {
                let place = text.as_ref().map_or_else(Place::default, Place::of);
                self.error(place, format!("{path}: {key} cannot be zero"));
            }
            *slot = duration;
        }
        let mut matchers = self.matchers(path, raw);
        let key = Route::key_below(parent, &mut matchers);
        let children = raw.routes.as_deref().unwrap_or_default();
        let routes = children
            .iter()
            .enumerate()
            .filter_map(|(index, child)| {
                self.route(&format!("{path}.routes[{index}]"), child, Some(&key), &own)
            })
            .collect();
        Some(Route {
            key,
            receiver: own.receiver,
            group_by: own.group_by,
            group_wait: own.group_wait,
            group_interval: own.group_interval,
            repeat_interval: own.repeat_interval,
            matchers,
            goes_on: raw.goes_on.unwrap_or(false),
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: BTreeMap::new(),
            routes,
        })
    }

    fn group_by(&mut self, path: &str, labels: &[Spanned<String>]) -> GroupBy {
        let mut names = BTreeSet::new();
        let all = labels.iter().any(|label| label.value == "...");
        for label in labels {
            if all && labels.len() > 1 {
                let message = "cannot have wildcard group_by (`...`) and other other labels at the same time";
                self.error(Place::of(label), format!("{path}: {message}"));
                break;
            }
            if label.value.is_empty() {
                self.error(
                    Place::of(label),
                    format!("{path}: invalid label name {:?} in group_by list", label.value),
                );
            }
            if !names.insert(label.value.clone()) {
                self.error(
                    Place::of(label),
                    format!("{path}: duplicated label {:?} in group_by", label.value),
                );
            }
        }
        if all { GroupBy::All } else { GroupBy::Labels(names) }
    }

    fn matchers(&mut self, path: &str, raw: &RawRoute) -> Vec<AlertMatcher> {
        let mut matchers = Vec::new();
        let pairs = raw.equal.iter().flat_map(|pairs| &pairs.0).map(|pair| (MatchOp::Equal, pair));
        let patterns = raw.regex.iter().flat_map(|pairs| &pairs.0).map(|pair| (MatchOp::Regex, pair));
        for (op, (name, value)) in pairs.chain(patterns) {
            let pattern = match op {
                // Alertmanager keeps the anchors in the pattern, and so in the group key.
                MatchOp::Regex => format!("^(?:{})$", value.value),
                _ => value.value.clone(),
            };
            match AlertMatcher::new(name, op, &pattern) {
                Ok(matcher) => matchers.push(matcher),
                Err(error) => self.error(Place::of(value), format!("{path}: {error}")),
            }
        }
        for text in raw.matchers.as_deref().unwrap_or_default() {
            match MatcherMode::Fallback.parse(&text.value, "config") {
                Ok(parsed) => matchers.extend(parsed),
                Err(error) => self.error(Place::of(text), format!("{path}.matchers: {error}")),
            }
        }
        matchers
    }
}

#[cfg(test)]
mod tests;
