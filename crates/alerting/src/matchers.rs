//! Alertmanager's matchers: `severity="critical"`, `{job=~"api|web", team!=""}`, in both of its grammars.

mod classic;
mod utf8;

use crate::fingerprint::go_quoted;
use std::fmt;
use watchfire_model::Labels;
use watchfire_model::matcher::{MatchOp, Matcher};

/// One condition on an alert's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertMatcher {
    matcher: Matcher,
}

/// Why a text is not a list of matchers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MatcherParseError(pub String);

impl AlertMatcher {
    /// A matcher; fails where a pattern does not compile.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, MatcherParseError> {
        let matcher = Matcher::new(name, op, value).map_err(|error| MatcherParseError(error.to_string()))?;
        Ok(Self { matcher })
    }

    /// The label it looks at.
    pub fn name(&self) -> &str {
        &self.matcher.name
    }

    /// How it compares.
    pub const fn op(&self) -> MatchOp {
        self.matcher.op
    }

    /// What it compares with.
    pub fn value(&self) -> &str {
        &self.matcher.value
    }

    /// Whether it holds for a label that is absent.
    pub fn matches_empty(&self) -> bool {
        self.matcher.matches_labels(&Labels::empty())
    }

    /// Whether a label set satisfies the condition; an absent label is empty.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matcher.matches_labels(labels)
    }

    /// Alertmanager's order: by name, value, operator.
    pub(crate) fn sort_key(&self) -> (&str, &str, u8) {
        let op = match self.matcher.op {
            MatchOp::Equal => 0,
            MatchOp::NotEqual => 1,
            MatchOp::Regex => 2,
            MatchOp::NotRegex => 3,
        };
        (&self.matcher.name, &self.matcher.value, op)
    }
}

impl fmt::Display for AlertMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, op, value) = (&self.matcher.name, self.matcher.op.as_str(), &self.matcher.value);
        if name.chars().any(is_reserved) {
            return write!(f, "{}{op}{}", go_quoted(name), go_quoted(value));
        }
        let escaped = value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        write!(f, "{name}{op}\"{escaped}\"")
    }
}

/// Matchers as a route's key has them: `{a="b",c=~"d"}`.
pub(crate) fn list_text(matchers: &[AlertMatcher]) -> String {
    let words: Vec<String> = matchers.iter().map(AlertMatcher::to_string).collect();
    format!("{{{}}}", words.join(","))
}

fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

/// Which grammars are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatcherMode {
    /// The newer one and, where the older one reads the same text otherwise or alone, the older one with a warning.
    #[default]
    Fallback,
    /// Only the newer one (`utf8-strict-mode`).
    Utf8Strict,
    /// Only the older one (`classic-mode`).
    Classic,
}

impl MatcherMode {
    /// What a list of feature flags says; later ones win.
    pub fn of_features<'a>(features: impl IntoIterator<Item = &'a str>) -> Self {
        features.into_iter().fold(Self::Fallback, |mode, feature| match feature {
            "classic-mode" => Self::Classic,
            "utf8-strict-mode" => Self::Utf8Strict,
            _ => mode,
        })
    }

    /// Reads one or more matchers. Braces around them may be left out. `origin` says in a warning where they stand.
    pub fn parse(self, text: &str, origin: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
        match self {
            Self::Utf8Strict => utf8::parse(text),
            Self::Classic => classic::parse(text),
            Self::Fallback => fallback(text, origin),
        }
    }

    /// Reads what should be one matcher: `a=b,c=d` asks for the value `b,c=d`, as in Alertmanager's API. Several are read
    /// where they stand in braces or between quotes.
    pub fn parse_one(self, text: &str, origin: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
        let parsed = self.parse(text, origin);
        if parsed.as_ref().is_ok_and(|matchers| matchers.len() == 1) {
            return parsed;
        }
        let whole = match self {
            Self::Utf8Strict => None,
            Self::Classic | Self::Fallback if text.trim_start().starts_with('{') => None,
            Self::Classic | Self::Fallback => classic::single(text).ok(),
        };
        match whole {
            Some(matcher) => Ok(vec![matcher]),
            None if parsed.as_ref().is_ok_and(Vec::is_empty) => {
                Err(MatcherParseError(format!("bad matcher format: {text}")))
            }
            None => parsed,
        }
    }

    /// Whether a text may be the name of a label.
    pub fn is_label_name(self, name: &str) -> bool {
        match self {
            Self::Classic => watchfire_model::labels::is_legacy_label_name(name),
            Self::Fallback | Self::Utf8Strict => !name.is_empty(),
        }
    }
}

fn fallback(text: &str, origin: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
    let newer = utf8::parse(text);
    let Ok(older) = classic::parse(text) else { return newer };
    let disagree = match &newer {
        Ok(newer) => *newer != older,
        Err(_) => true,
    };
    if disagree {
        let suggestion = list_text(&older);
        tracing::warn!(
            input = text,
            origin,
            suggestion,
            "matchers are read by the grammar before 0.27; quote values and escape backslashes to be read alike by both"
        );
    }
    Ok(older)
}

fn operator(text: &str) -> Option<(MatchOp, &str)> {
    [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)]
        .into_iter()
        .find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (op, rest)))
}

#[cfg(test)]
mod tests;
