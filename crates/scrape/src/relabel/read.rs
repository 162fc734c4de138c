//! Reading relabelling rules from configuration, with Prometheus's checks.

use super::template::Template;
use super::{Action, Rule};
use crate::config::section::{Section, text};
use crate::config::yaml::{Node, Problem};
use watchfire_model::labels::{is_legacy_label_name, is_legacy_metric_name};
use watchfire_model::matcher::anchored;

/// Which names are valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameScheme {
    /// Any UTF-8 text that is not empty.
    #[default]
    Utf8,
    /// `[a-zA-Z_][a-zA-Z0-9_]*` for labels, with `:` for metrics.
    Legacy,
}

impl NameScheme {
    /// Whether a label may have this name.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_label_name(name),
        }
    }

    /// Whether a metric may have this name.
    pub fn is_metric_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_legacy_metric_name(name),
        }
    }
}

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// Reads a list of rules.
///
/// # Errors
/// The first rule that Prometheus would refuse, with its place.
pub fn read_rules(items: Vec<Node>, scheme: NameScheme) -> Result<Vec<Rule>, Problem> {
    items.into_iter().map(|item| read_rule(item, scheme)).collect()
}

fn read_rule(item: Node, scheme: NameScheme) -> Result<Rule, Problem> {
    let mut section = Section::open_item(item, "relabel configuration")?;
    let action = match section.take("action") {
        None => Action::Replace,
        Some(node) => {
            let place = node.place;
            let word = text(node)?;
            let found = Action::WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word));
            let known = || Action::WORDS.map(|(name, _)| name).join(", ");
            found.map(|(_, action)| *action).ok_or_else(|| {
                Problem::new(place, format!("unknown relabel action {word:?}; expected one of {}", known()))
            })?
        }
    };
    let source_nodes = section.take("source_labels");
    let source_given = source_nodes.is_some();
    let mut source_labels = Vec::new();
    if let Some(node) = source_nodes {
        let crate::config::yaml::Value::List(items) = node.value else {
            return Err(node.expected("a list of label names"));
        };
        for item in items {
            let place = item.place;
            let name = text(item)?;
            if !scheme.is_label_name(&name) {
                return Err(Problem::new(
                    place,
                    format!("{name:?} in source_labels is not a valid label name"),
                ));
            }
            source_labels.push(name);
        }
    }
    let separator = section.take("separator").map(text).transpose()?.unwrap_or(DEFAULT_SEPARATOR.to_owned());
    let pattern = section.placed_text("regex")?;
    let (pattern, pattern_place) =
        pattern.map_or((DEFAULT_REGEX.to_owned(), section.place()), |(pattern, place)| (pattern, place));
    let regex = anchored(&pattern).map_err(|error| {
        Problem::new(
            pattern_place,
            format!("regex {pattern:?} is not valid: {}; expected RE2 syntax", error.reason),
        )
    })?;
    let modulus = section.count("modulus")?.unwrap_or(0);
    let target_label = section.text("target_label")?.unwrap_or_default();
    // A replacement that is there but empty removes the label; one without a value is as good as absent.
    let replacement = section.text("replacement")?.unwrap_or(DEFAULT_REPLACEMENT.to_owned());
    let rule = Rule {
        action,
        target_template: Template::parse(&target_label),
        replacement_template: Template::parse(&replacement),
        source_labels,
        separator,
        regex,
        modulus,
        target_label,
        replacement,
        scheme,
    };
    check(&rule, &pattern, source_given).map_err(|message| section.problem(message))?;
    section.finish()?;
    Ok(rule)
}

/// What Prometheus refuses in a rule whose values are each well-formed.
fn check(rule: &Rule, pattern: &str, source_given: bool) -> Result<(), String> {
    let word = Action::WORDS.iter().find(|(_, action)| *action == rule.action).map_or("", |(word, _)| *word);
    let scheme = rule.scheme;
    let target_invalid = || {
        Err(format!(
            "{:?} is not a valid target_label for the action {word}; expected a label name",
            rule.target_label
        ))
    };
    let needs_target = matches!(
        rule.action,
        Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual
    );
    if needs_target && rule.target_label.is_empty() {
        return Err(format!("the relabel action {word} requires a target_label"));
    }
    match rule.action {
        Action::Replace => {
            let valid = match scheme {
                NameScheme::Utf8 => true,
                NameScheme::Legacy => rule.target_template.can_be_legacy_name(),
            };
            if !valid {
                return target_invalid();
            }
        }
        Action::HashMod => {
            if rule.modulus == 0 {
                return Err("the relabel action hashmod requires a modulus above 0".to_owned());
            }
            if !scheme.is_label_name(&rule.target_label) {
                return target_invalid();
            }
        }
        Action::Lowercase | Action::Uppercase | Action::KeepEqual | Action::DropEqual => {
            if !scheme.is_label_name(&rule.target_label) {
                return target_invalid();
            }
            if rule.replacement != DEFAULT_REPLACEMENT {
                return Err(format!("replacement cannot be set for the relabel action {word}"));
            }
        }
        Action::LabelMap => {
            let valid = match scheme {
                NameScheme::Utf8 => !rule.replacement.is_empty(),
                NameScheme::Legacy => rule.replacement_template.can_be_legacy_name(),
            };
            if !valid {
                return Err(format!(
                    "{:?} is not a valid replacement for the action labelmap",
                    rule.replacement
                ));
            }
        }
        Action::Keep | Action::Drop | Action::LabelDrop | Action::LabelKeep => {}
    }
    let plain = pattern == DEFAULT_REGEX && rule.modulus == 0 && rule.separator == DEFAULT_SEPARATOR;
    if matches!(rule.action, Action::KeepEqual | Action::DropEqual) && !plain {
        return Err(format!("the relabel action {word} takes only source_labels and target_label"));
    }
    let name_only = !source_given
        && rule.target_label.is_empty()
        && rule.modulus == 0
        && rule.separator == DEFAULT_SEPARATOR
        && rule.replacement == DEFAULT_REPLACEMENT;
    if matches!(rule.action, Action::LabelDrop | Action::LabelKeep) && !name_only {
        return Err(format!("the relabel action {word} takes only a regex"));
    }
    Ok(())
}
