//! `inhibit_rules`.

use super::matchers;
use crate::inhibit::InhibitRule;
use crate::matchers::MatcherMode;
use watchfire_settings::yaml::Node;
use watchfire_settings::{Problem, Section};

pub(super) fn take(root: &mut Section, mode: MatcherMode, problems: &mut Vec<Problem>) -> Vec<InhibitRule> {
    let items = root.list("inhibit_rules").unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    let mut rules = Vec::new();
    // An empty item is a rule that inhibits nothing.
    for (index, item) in items.into_iter().enumerate().filter(|(_, item)| !item.is_null()) {
        match rule(item, mode) {
            Ok(rule) => rules.push(rule),
            Err(problem) => {
                problems.push(Problem::new(
                    problem.place,
                    format!("inhibit_rules[{index}]: {}", problem.message),
                ));
            }
        }
    }
    rules
}

fn rule(node: Node, mode: MatcherMode) -> Result<InhibitRule, Problem> {
    let mut section = Section::open(node, "inhibition rule")?;
    let name = section.text("name")?.unwrap_or_default();
    let sources = matchers(&mut section, ("source_match", "source_match_re", "source_matchers"), mode)?;
    let targets = matchers(&mut section, ("target_match", "target_match_re", "target_matchers"), mode)?;
    let equal_place = section.has("equal");
    let equal = section.texts("equal")?;
    if let Some(wrong) = equal.iter().find(|label| !mode.is_label_name(label)) {
        let message = format!("invalid label name {wrong:?} in equal list; expected the name of a label");
        return Err(Problem::new(equal_place.unwrap_or(section.place()), message));
    }
    section.finish()?;
    Ok(InhibitRule { name, sources, targets, equal })
}
