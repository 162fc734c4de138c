//! `policies`.

use super::Reader;
use crate::policy::{Policy, Step, Target};
use std::time::Duration;
use watchfire_model::Severity;
use watchfire_settings::yaml::Node;
use watchfire_settings::{Problem, Section};

/// How long a step waits where nothing is said.
const WAIT: Duration = Duration::from_secs(5 * 60);
/// The shortest wait.
const SHORTEST: Duration = Duration::from_secs(1);
/// Nobody wants to be told more often.
const MOST_ROUNDS: u64 = 100;

impl Reader<'_> {
    pub(super) fn policy(&mut self, node: Node) -> Result<Policy, Problem> {
        let mut section = Section::open_item(node, "policy")?;
        let (name, place) = section.required_text("name")?;
        if self.read.policy(&name).is_some() {
            return Err(Problem::new(place, format!("policy {name:?} stands twice; expected another name")));
        }
        let severities = severities(&mut section)?.unwrap_or(vec![Severity::Critical, Severity::Warning]);
        let repeat = section.count("repeat")?.unwrap_or(0);
        if repeat > MOST_ROUNDS {
            return Err(section.problem(format!("repeat is {repeat}; expected at most {MOST_ROUNDS}")));
        }
        let mut steps = Vec::new();
        for node in section.list("steps")? {
            steps.push(self.step(node, &name)?);
        }
        if steps.is_empty() {
            return Err(section.problem(format!("policy {name:?} has no steps; expected at least one")));
        }
        section.finish()?;
        let repeat = u32::try_from(repeat).unwrap_or(u32::MAX);
        Ok(Policy { name, severities, repeat, steps })
    }

    fn step(&mut self, node: Node, policy: &str) -> Result<Step, Problem> {
        let mut section = Section::open_item(node, "step of a policy")?;
        let mut tell = Vec::new();
        for node in section.list("tell")? {
            tell.push(self.target(node, policy)?);
        }
        if tell.is_empty() {
            let message = "tell is empty; expected who is told, such as [{schedule: primary}]";
            return Err(section.problem(message));
        }
        let wait = match section.placed_duration("wait")? {
            Some((wait, place)) if wait < SHORTEST => {
                return Err(Problem::new(place, "wait is shorter than 1s; expected time to acknowledge"));
            }
            wait => wait.map_or(WAIT, |(wait, _)| wait),
        };
        let severities = severities(&mut section)?;
        section.finish()?;
        Ok(Step { tell, wait, severities })
    }

    fn target(&mut self, node: Node, policy: &str) -> Result<Target, Problem> {
        let mut section = Section::open_item(node, "target of a step")?;
        let mut found = Vec::new();
        for kind in ["receiver", "person", "schedule", "rotation"] {
            let Some((name, place)) = section.placed_text(kind)? else { continue };
            found.extend(Target::of_words(kind, &name).map(|target| (target, place)));
        }
        let whole = section.problem("expected one of receiver, person, schedule, rotation");
        section.finish()?;
        let (Some((target, place)), true) = (found.pop(), found.is_empty()) else { return Err(whole) };
        if let Target::Receiver(name) = &target {
            self.names_receiver(name, place, &format!("policy {policy:?}"));
        } else if !self.read.knows(&target) {
            return Err(Problem::new(place, format!("policy {policy:?}: {target} is not known")));
        }
        Ok(target)
    }
}

fn severities(section: &mut Section) -> Result<Option<Vec<Severity>>, Problem> {
    if section.has("severities").is_none() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for node in section.list("severities")? {
        let place = node.place;
        let name = watchfire_settings::section::text(node)?;
        let severity = Severity::named(&name).ok_or_else(|| {
            Problem::new(place, format!("severity is {name:?}; expected one of critical, warning, info"))
        })?;
        found.push(severity);
    }
    Ok(Some(found))
}
