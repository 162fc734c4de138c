//! Relabelling: rules that rewrite the labels of a target or a sample, or drop it, with Prometheus's meaning.

mod md5;
mod read;
mod template;

pub use read::{NameScheme, read_rules};

use regex::Regex;
use template::Template;
use watchfire_model::LabelsBuilder;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets the target label to the expanded replacement when the pattern matches.
    Replace,
    /// Drops whatever does not match.
    Keep,
    /// Drops whatever matches.
    Drop,
    /// Drops unless the target label equals the joined source labels.
    KeepEqual,
    /// Drops when the target label equals the joined source labels.
    DropEqual,
    /// Sets the target label to a hash of the source labels, modulo the modulus.
    HashMod,
    /// Copies labels whose names match to names expanded from the replacement.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Sets the target label to the source labels in lower case.
    Lowercase,
    /// Sets the target label to the source labels in upper case.
    Uppercase,
}

impl Action {
    /// Its word in a configuration.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, action)| *action == self).map_or("", |(word, _)| word)
    }

    const WORDS: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// The labels whose values, joined by `separator`, are looked at.
    pub source_labels: Vec<String>,
    /// What stands between the joined values.
    pub separator: String,
    /// The pattern, anchored at both ends.
    pub regex: Regex,
    /// For [`Action::HashMod`].
    pub modulus: u64,
    /// The label that is set or compared; may hold `$1` for [`Action::Replace`].
    pub target_label: String,
    /// What is put there; `$1` and `${name}` stand for what the pattern captured.
    pub replacement: String,
    scheme: NameScheme,
    target_template: Template,
    replacement_template: Template,
}

/// Rules compare by what was written.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.action == other.action
            && self.source_labels == other.source_labels
            && self.separator == other.separator
            && self.regex.as_str() == other.regex.as_str()
            && self.modulus == other.modulus
            && self.target_label == other.target_label
            && self.replacement == other.replacement
            && self.scheme == other.scheme
    }
}

/// Whether the labels live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They do.
    Keep,
    /// A rule dropped them.
    Drop,
}

/// Applies rules in order. After [`Verdict::Drop`] the labels are as they were when the rule dropped them.
pub fn apply(rules: &[Rule], labels: &mut LabelsBuilder) -> Verdict {
    for rule in rules {
        if rule.apply(labels) == Verdict::Drop {
            return Verdict::Drop;
        }
    }
    Verdict::Keep
}

impl Rule {
    fn apply(&self, labels: &mut LabelsBuilder) -> Verdict {
        let drop_if = |condition: bool| if condition { Verdict::Drop } else { Verdict::Keep };
        match self.action {
            Action::Keep => return drop_if(!self.regex.is_match(&self.joined(labels))),
            Action::Drop => return drop_if(self.regex.is_match(&self.joined(labels))),
            Action::KeepEqual => {
                return drop_if(labels.get(&self.target_label).unwrap_or("") != self.joined(labels));
            }
            Action::DropEqual => {
                return drop_if(labels.get(&self.target_label).unwrap_or("") == self.joined(labels));
            }
            Action::Replace => self.replace(labels),
            Action::Lowercase => {
                let value = self.joined(labels).to_lowercase();
                labels.set(&self.target_label, value);
            }
            Action::Uppercase => {
                let value = self.joined(labels).to_uppercase();
                labels.set(&self.target_label, value);
            }
            Action::HashMod => {
                // The reader refuses a modulus of 0; `max` keeps a hand-made rule from dividing by it.
                let bucket = md5::low_64_bits(self.joined(labels).as_bytes()) % self.modulus.max(1);
                labels.set(&self.target_label, bucket.to_string());
            }
            Action::LabelMap => {
                let copies: Vec<(String, String)> = labels
                    .iter()
                    .filter(|(_, value)| !value.is_empty())
                    .filter_map(|(name, value)| {
                        let captures = self.regex.captures(name)?;
                        Some((self.replacement_template.expand(&captures), value.to_owned()))
                    })
                    .collect();
                for (name, value) in copies {
                    labels.set(name, value);
                }
            }
            Action::LabelDrop => {
                labels.retain(|name, _| !self.regex.is_match(name));
            }
            Action::LabelKeep => {
                labels.retain(|name, _| self.regex.is_match(name));
            }
        }
        Verdict::Keep
    }

    fn replace(&self, labels: &mut LabelsBuilder) {
        let joined = self.joined(labels);
        let Some(captures) = self.regex.captures(&joined) else { return };
        let target = self.target_template.expand(&captures);
        if !self.scheme.is_label_name(&target) {
            return;
        }
        let value = self.replacement_template.expand(&captures);
        if value.is_empty() {
            labels.remove(&target);
        } else {
            labels.set(target, value);
        }
    }

    fn joined(&self, labels: &LabelsBuilder) -> String {
        let mut joined = String::new();
        for (index, name) in self.source_labels.iter().enumerate() {
            if index > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name).unwrap_or(""));
        }
        joined
    }
}

#[cfg(test)]
mod tests;
