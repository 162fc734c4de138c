//! The on-call file: people, schedules, policies, and how incidents are kept.

mod integrations;
mod policies;
mod schedules;

use crate::policy::{Policy, Target};
use crate::schedule::Schedule;
use crate::severity::Severities;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use watchfire_model::Severity;
use watchfire_settings::yaml::{self, Node, Place, Value};
use watchfire_settings::{Fault, Problem, Section};

/// What is wrong in the file and the calendars it names, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Fault>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// How incidents are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incidents {
    /// A group that fires again within this time after its incident was over begins that incident again.
    pub reopen_within: Duration,
    /// How long incidents are kept after they are over.
    pub retention: Duration,
}

impl Default for Incidents {
    fn default() -> Self {
        Self {
            reopen_within: Duration::from_secs(10 * 60),
            retention: Duration::from_secs(90 * 24 * 60 * 60),
        }
    }
}

/// Somebody who can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name by which schedules and policies call them.
    pub name: String,
    /// Their name for people; the same where there is no other.
    pub full_name: String,
    /// Whose clock they live by.
    pub zone: Option<TimeZone>,
    /// The receivers of the Alertmanager configuration that reach them.
    pub receivers: Vec<String>,
}

pub use integrations::Integrations;

/// An on-call file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnCall {
    /// How incidents are kept.
    pub incidents: Incidents,
    /// How bad alerts are.
    pub severities: Severities,
    /// The secrets of those who send what people answer elsewhere.
    pub integrations: Integrations,
    /// The people.
    pub people: Vec<Person>,
    /// The schedules.
    pub schedules: Vec<Schedule>,
    /// The policies.
    pub policies: Vec<Policy>,
    /// The receivers it names and where, for whoever knows which there are.
    pub receivers: Vec<(String, Fault)>,
}

impl OnCall {
    /// Reads a file, and the calendars it names; their names count from its folder.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = yaml::read_file(path).map_err(|fault| ConfigError(vec![fault]))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let node = yaml::parse(text).map_err(|problem| ConfigError(vec![problem.in_file(path)]))?;
        let mut reader = Reader { path, faults: Vec::new(), read: Self::default() };
        match Section::open(node, "on-call file") {
            Ok(root) => reader.root(root),
            Err(problem) => reader.fault(problem),
        }
        if reader.faults.is_empty() { Ok(reader.read) } else { Err(ConfigError(reader.faults)) }
    }

    /// The person with a name.
    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// The schedule with a name.
    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.name == name)
    }

    /// The policy with a name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// What is wrong where the file names receivers that are not configured.
    pub fn unknown_receivers(&self, is_known: impl Fn(&str) -> bool) -> Vec<Fault> {
        self.receivers.iter().filter(|(name, _)| !is_known(name)).map(|(_, fault)| fault.clone()).collect()
    }

    /// Whether something it names is there: a person, a schedule. Receivers are not its own.
    pub fn knows(&self, target: &Target) -> bool {
        match target {
            Target::Receiver(_) => true,
            Target::Person(name) => self.person(name).is_some(),
            Target::Schedule(name) | Target::Rotation(name) => self.schedule(name).is_some(),
        }
    }
}

/// Reads a file, and gathers what is wrong.
struct Reader<'a> {
    path: &'a Path,
    faults: Vec<Fault>,
    read: OnCall,
}

impl Reader<'_> {
    fn fault(&mut self, problem: Problem) {
        self.faults.push(problem.in_file(self.path));
    }

    fn keep<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.fault(problem)).ok()
    }

    fn root(&mut self, mut root: Section) {
        let incidents = root.section("incidents", "incidents configuration");
        if let Some(Some(section)) = self.keep(incidents) {
            let read = incidents_of(section);
            self.read.incidents = self.keep(read).unwrap_or_default();
        }
        let severities = root.section("severities", "severities configuration");
        if let Some(Some(section)) = self.keep(severities) {
            let read = severities_of(section);
            self.read.severities = self.keep(read).unwrap_or_default();
        }
        let integrations = root.section("integrations", "integrations configuration");
        if let Some(Some(section)) = self.keep(integrations) {
            let folder = self.path.parent().unwrap_or(Path::new(""));
            let read = Integrations::read(section, folder);
            self.read.integrations = self.keep(read).unwrap_or_default();
        }
        for node in self.list(&mut root, "people") {
            let read = self.person(node);
            if let Some(person) = self.keep(read) {
                self.read.people.push(person);
            }
        }
        // What names a person or a schedule that could not be read would be told as wrong, too.
        let nodes = self.list(&mut root, "schedules");
        let whole = self.faults.is_empty();
        for node in nodes.into_iter().filter(|_| whole) {
            if let Some(schedule) = self.schedule(node) {
                self.read.schedules.push(schedule);
            }
        }
        let nodes = self.list(&mut root, "policies");
        let whole = self.faults.is_empty();
        for node in nodes.into_iter().filter(|_| whole) {
            let read = self.policy(node);
            if let Some(policy) = self.keep(read) {
                self.read.policies.push(policy);
            }
        }
        let finished = root.finish();
        self.keep(finished);
    }

    fn list(&mut self, section: &mut Section, key: &'static str) -> Vec<Node> {
        let list = section.list(key);
        self.keep(list).unwrap_or_default()
    }

    fn person(&mut self, node: Node) -> Result<Person, Problem> {
        let mut section = Section::open_item(node, "person")?;
        let (name, place) = section.required_text("name")?;
        if self.read.person(&name).is_some() {
            return Err(Problem::new(place, format!("person {name:?} stands twice; expected another name")));
        }
        let full_name = section.text("full_name")?.unwrap_or_else(|| name.clone());
        let zone = section.placed_text("time_zone")?.map(|(name, place)| zone(&name, place)).transpose()?;
        let mut receivers = Vec::new();
        for node in section.list("receivers")? {
            let place = node.place;
            let receiver = watchfire_settings::section::text(node)?;
            self.names_receiver(&receiver, place, &format!("person {name:?}"));
            receivers.push(receiver);
        }
        if receivers.is_empty() {
            return Err(section.problem(format!(
                "person {name:?} has no receivers; expected names of receivers of the Alertmanager configuration"
            )));
        }
        section.finish()?;
        Ok(Person { name, full_name, zone, receivers })
    }

    fn names_receiver(&mut self, receiver: &str, place: Place, whose: &str) {
        let message = format!(
            "{whose}: receiver {receiver:?} is not known; expected one of the Alertmanager configuration"
        );
        self.read.receivers.push((receiver.to_owned(), Problem::new(place, message).in_file(self.path)));
    }

    /// A name of a person, or a list of them.
    fn people_of(&self, node: Node) -> Result<Vec<String>, Problem> {
        let nodes = match node.value {
            Value::List(nodes) => nodes,
            value => vec![Node { place: node.place, value }],
        };
        let mut people = Vec::new();
        for node in nodes {
            let place = node.place;
            let name = watchfire_settings::section::text(node)?;
            if self.read.person(&name).is_none() {
                let known: Vec<&str> = self.read.people.iter().map(|person| person.name.as_str()).collect();
                let message =
                    format!("person {name:?} is not known; expected one of people: {}", known.join(", "));
                return Err(Problem::new(place, message));
            }
            people.push(name);
        }
        Ok(people)
    }
}

fn zone(name: &str, place: Place) -> Result<TimeZone, Problem> {
    TimeZone::get(name).map_err(|_| {
        Problem::new(place, format!("time zone {name:?} is not known; expected one such as Europe/Berlin"))
    })
}

fn incidents_of(mut section: Section) -> Result<Incidents, Problem> {
    let usual = Incidents::default();
    let read = Incidents {
        reopen_within: section.duration("reopen_within")?.unwrap_or(usual.reopen_within),
        retention: section.duration("retention")?.unwrap_or(usual.retention),
    };
    section.finish()?;
    Ok(read)
}

fn severities_of(mut section: Section) -> Result<Severities, Problem> {
    let usual = Severities::default();
    let label = section.text("label")?.unwrap_or(usual.label);
    let words = Severity::ALL.map(|severity| (severity.as_str(), severity));
    let otherwise = section.choice("default", &words)?.unwrap_or(usual.otherwise);
    let mut values: BTreeMap<String, Severity> = usual.values;
    for severity in Severity::ALL {
        for value in section.texts(severity.as_str())? {
            values.insert(value.to_lowercase(), severity);
        }
    }
    section.finish()?;
    Ok(Severities { label, values, otherwise })
}

#[cfg(test)]
mod tests;
