//! `receivers`: who is told, and how they are reached.

use super::Global;
use crate::notification::Pairs;
use crate::webhook::Webhook;
use std::path::{Path, PathBuf};
use watchfire_settings::yaml::{self, Node, Value};
use watchfire_settings::{Place, Problem, Reading, Section};

/// The ways to tell somebody, in the order of their keys in a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `webhook_configs`.
    Webhook,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Webhook];

    /// The name that metrics and a notification log know it by: `webhook`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
        }
    }

    /// The key of its list in a receiver: `webhook_configs`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Webhook => "webhook_configs",
        }
    }

    /// Whether ends are told unless the configuration says otherwise.
    const fn sends_resolved(self) -> bool {
        true
    }
}

/// How one integration is set.
#[derive(Clone, Debug, PartialEq)]
pub enum Settings {
    /// A webhook.
    Webhook(Webhook),
}

/// One way in which a receiver is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// Which way.
    pub kind: Kind,
    /// Its place among the receiver's integrations of its kind, from 0: what Alertmanager's notification log keeps.
    pub index: u32,
    /// Whether the end of alerts is told.
    pub send_resolved: bool,
    /// Everything else.
    pub settings: Settings,
}

/// A receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its name, one of a kind.
    pub name: String,
    /// Where its name stands in the file.
    pub place: Place,
    /// Labels of the receiver itself.
    pub labels: Pairs,
    /// The ways it is told, by kind and then by the order of the file.
    pub integrations: Vec<Integration>,
}

/// What a configuration says about receivers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receivers {
    /// What receivers use unless they say otherwise.
    pub global: Global,
    /// The receivers, by the order of the file.
    pub receivers: Vec<Receiver>,
    /// `templates`: files, or patterns of files.
    pub templates: Vec<PathBuf>,
}

impl Receivers {
    /// Reads `global`, `receivers` and `templates` of a whole configuration; its other keys are not looked at. Relative
    /// file names count from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong, at most one problem for each integration.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let node = yaml::parse(text).map_err(|problem| vec![problem])?;
        let mut root = Section::open(node, "configuration").map_err(|problem| vec![problem])?;
        let mut reading = Reading::with_oauth2(folder);
        let mut problems = Vec::new();
        let receivers = Self::take(&mut root, &mut reading, &mut problems);
        problems.extend(reading.take_not_yet());
        if problems.is_empty() { Ok(receivers) } else { Err(problems) }
    }

    /// Takes `global`, `receivers` and `templates` out of a section that is the whole configuration, for whoever reads
    /// the rest of it, too. What is wrong is added to `problems`, and what is not built noted in `reading`.
    pub fn take(root: &mut Section, reading: &mut Reading<'_>, problems: &mut Vec<Problem>) -> Self {
        let mut found = Self::default();
        let global = root.section("global", "global configuration").and_then(|section| {
            let Some(mut section) = section else { return Ok(None) };
            let global = Global::take(&mut section, reading)?;
            section.finish()?;
            Ok(Some(global))
        });
        match global {
            Ok(global) => found.global = global.unwrap_or_default(),
            Err(problem) => problems.push(problem),
        }
        match root.texts("templates") {
            Ok(patterns) => found.templates = patterns.iter().map(|path| reading.resolve(path)).collect(),
            Err(problem) => problems.push(problem),
        }
        let items = root.list("receivers").unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        for item in items {
            let Some(receiver) = found.receiver(item, reading, problems) else { continue };
            if found.receivers.iter().any(|other| other.name == receiver.name) {
                let message = format!(
                    "notification config name {:?} is not unique; expected another name",
                    receiver.name
                );
                problems.push(Problem::new(receiver.place, message));
            }
            found.receivers.push(receiver);
        }
        found
    }

    fn receiver(
        &self,
        node: Node,
        reading: &mut Reading<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<Receiver> {
        let mut noted = |problem: Problem| problems.push(problem);
        let mut section = Section::open_item(node, "receiver").map_err(&mut noted).ok()?;
        let named = section.placed_text("name").map_err(&mut noted).ok()?;
        let Some((name, place)) = named.filter(|(name, _)| !name.is_empty()) else {
            noted(section.problem("missing name in receiver; expected a key 'name'"));
            return None;
        };
        let mut integrations = Vec::new();
        for kind in Kind::ALL {
            let items = section.list(kind.key()).map_err(&mut noted).unwrap_or_default();
            for (index, item) in (0..).zip(items) {
                match self.integration(kind, index, item, reading) {
                    Ok(integration) => integrations.push(integration),
                    Err(problem) => {
                        let message =
                            format!("receiver {name:?}: {}[{index}]: {}", kind.key(), problem.message);
                        noted(Problem::new(problem.place, message));
                    }
                }
            }
        }
        let labels = section.text_map("labels").map_err(&mut noted).unwrap_or_default();
        if let Err(problem) = section.finish() {
            noted(problem);
        }
        let labels = labels.into_iter().map(|(key, value)| (key.name, value)).collect();
        Some(Receiver { name, place, labels, integrations })
    }

    fn integration(
        &self,
        kind: Kind,
        index: u32,
        node: Node,
        reading: &mut Reading<'_>,
    ) -> Result<Integration, Problem> {
        if !matches!(node.value, Value::Map(_)) {
            return Err(node.expected("a mapping"));
        }
        let mut section = Section::open(node, kind.key())?;
        let send_resolved = section.flag("send_resolved")?.unwrap_or(kind.sends_resolved());
        let settings = match kind {
            Kind::Webhook => Settings::Webhook(Webhook::take(&mut section, &self.global, reading)?),
        };
        section.finish()?;
        Ok(Integration { kind, index, send_resolved, settings })
    }

    /// The receiver with a name.
    pub fn get(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|receiver| receiver.name == name)
    }
}
