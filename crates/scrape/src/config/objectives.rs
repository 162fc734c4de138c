//! `objectives`: what is promised of LLM servers and of what probes look at. It becomes recording rules, see [`rules`].

mod rules;
#[cfg(test)]
mod tests;

pub(super) use rules::quoted;
use std::time::Duration;
use watchfire_settings::yaml::Place;
use watchfire_settings::{Node, Problem, Section};

/// What is promised. Each value is taken from the first entry that matches and says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Objectives {
    /// Of LLM servers.
    pub llm: Vec<LlmObjective>,
    /// Of the targets of probes.
    pub probes: Vec<ProbeObjective>,
}

/// Which series an entry is about: regular expressions that match the whole value of a label, as in PromQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The label `job`.
    pub job: Option<String>,
    /// The label `instance`.
    pub instance: Option<String>,
    /// The label `model_name`; LLM servers alone have it.
    pub model: Option<String>,
}

/// What is promised of an LLM server's answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LlmObjective {
    /// Which servers and models.
    pub about: About,
    /// The longest time to the first token.
    pub ttft: Option<Duration>,
    /// The longest time for each token after it.
    pub tpot: Option<Duration>,
    /// The longest time for a whole request.
    pub e2e: Option<Duration>,
    /// The share of requests that are to meet each of them, below 1.
    pub goal: Option<f64>,
}

/// What is promised of a target of probes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeObjective {
    /// Which targets.
    pub about: About,
    /// The share of probes that are to succeed in thirty days, below 1.
    pub goal: f64,
}

/// What is in force where nothing else is said. How long a whole request may take depends on how much it asks for, so
/// nothing is said of it.
impl Default for Objectives {
    fn default() -> Self {
        let llm = LlmObjective {
            ttft: Some(Duration::from_secs(1)),
            tpot: Some(Duration::from_millis(100)),
            goal: Some(0.99),
            ..LlmObjective::default()
        };
        Self { llm: vec![llm], probes: vec![ProbeObjective { goal: 0.999, ..ProbeObjective::default() }] }
    }
}

pub(super) fn read(node: Option<Node>) -> Result<Option<Objectives>, Problem> {
    let Some(node) = node else { return Ok(None) };
    let mut section = Section::open(node, "objectives")?;
    let mut objectives = Objectives { llm: Vec::new(), probes: Vec::new() };
    for item in section.list("llm")? {
        let mut entry = Section::open_item(item, "an objective of LLM servers")?;
        objectives.llm.push(LlmObjective {
            about: About { model: pattern(&mut entry, "model")?, ..about(&mut entry)? },
            ttft: limit(&mut entry, "ttft")?,
            tpot: limit(&mut entry, "tpot")?,
            e2e: limit(&mut entry, "e2e")?,
            goal: goal(&mut entry)?,
        });
        entry.finish()?;
    }
    for item in section.list("probes")? {
        let mut entry = Section::open_item(item, "an objective of probes")?;
        let about = about(&mut entry)?;
        let goal = goal(&mut entry)?
            .ok_or_else(|| entry.problem("goal is missing; expected a share such as 0.999"))?;
        objectives.probes.push(ProbeObjective { about, goal });
        entry.finish()?;
    }
    section.finish()?;
    // What no entry says is as it is without any.
    let usual = Objectives::default();
    objectives.llm.extend(usual.llm);
    objectives.probes.extend(usual.probes);
    Ok(Some(objectives))
}

fn about(entry: &mut Section) -> Result<About, Problem> {
    Ok(About { job: pattern(entry, "job")?, instance: pattern(entry, "instance")?, model: None })
}

fn pattern(entry: &mut Section, name: &'static str) -> Result<Option<String>, Problem> {
    let Some((text, place)) = entry.placed_text(name)? else { return Ok(None) };
    match regex::Regex::new(&format!("^(?s:{text})$")) {
        Ok(_) => Ok(Some(text)),
        Err(_) => Err(Problem::new(place, format!("{name} {text:?} is no regular expression"))),
    }
}

fn limit(entry: &mut Section, name: &'static str) -> Result<Option<Duration>, Problem> {
    match entry.placed_duration(name)? {
        Some((limit, place)) if limit.is_zero() => {
            Err(Problem::new(place, format!("{name} is 0; expected a duration such as \"500ms\"")))
        }
        found => Ok(found.map(|(limit, _)| limit)),
    }
}

fn goal(entry: &mut Section) -> Result<Option<f64>, Problem> {
    let place: Option<Place> = entry.has("goal");
    match (entry.number("goal")?, place) {
        (Some(goal), Some(place)) if !(0.5..1.0).contains(&goal) => {
            let message = format!("goal is {goal}; expected a share from 0.5 to less than 1, such as 0.999");
            Err(Problem::new(place, message))
        }
        (goal, _) => Ok(goal),
    }
}
