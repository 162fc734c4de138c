//! Label matchers, with Prometheus's fully anchored regular expressions.

use crate::Labels;
use regex::Regex;
use std::fmt;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl MatchOp {
    /// The operator as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A regular expression that does not compile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {reason}")]
pub struct MatcherError {
    /// The pattern as given.
    pub pattern: String,
    /// What is wrong with it, on one line.
    pub reason: String,
}

/// One condition on one label. A label that is absent has the empty value.
#[derive(Clone)]
pub struct Matcher {
    /// The label looked at.
    pub name: String,
    /// How it is compared.
    pub op: MatchOp,
    /// The value or pattern as written.
    pub value: String,
    test: Test,
}

#[derive(Clone)]
enum Test {
    Literal,
    /// A pattern that is only an alternation of plain words, or one word; sorted.
    Set(Vec<String>),
    Regex(Regex),
}

impl Matcher {
    /// A matcher; fails only where a pattern does not compile. Patterns are anchored: `^(?s:…)$`.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let test = match op {
            MatchOp::Equal | MatchOp::NotEqual => Test::Literal,
            MatchOp::Regex | MatchOp::NotRegex => match literal_alternatives(&value) {
                Some(set) => Test::Set(set),
                None => Test::Regex(anchored(&value)?),
            },
        };
        Ok(Self { name, op, value, test })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), test: Test::Literal }
    }

    /// Whether a label value satisfies the condition; pass `""` for an absent label.
    pub fn matches(&self, value: &str) -> bool {
        match self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Regex => self.pattern_matches(value),
            MatchOp::NotRegex => !self.pattern_matches(value),
        }
    }

    /// Whether a label set satisfies the condition.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }

    /// Whether a series without the label satisfies the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// The only values that can satisfy the condition, when it is `=`, or `=~` over plain words; sorted.
    pub fn finite_values(&self) -> Option<Vec<&str>> {
        match (&self.op, &self.test) {
            (MatchOp::Equal, _) => Some(vec![&self.value]),
            (MatchOp::Regex, Test::Set(set)) => Some(set.iter().map(String::as_str).collect()),
            _ => None,
        }
    }

    fn pattern_matches(&self, value: &str) -> bool {
        match &self.test {
            Test::Literal => value == self.value,
            Test::Set(set) => set.binary_search_by(|word| word.as_str().cmp(value)).is_ok(),
            Test::Regex(regex) => regex.is_match(value),
        }
    }
}

/// Compiles a pattern as Prometheus does: anchored at both ends, `.` matching newlines too.
pub fn anchored(pattern: &str) -> Result<Regex, MatcherError> {
    Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
        MatcherError { pattern: pattern.to_owned(), reason }
    })
}

fn literal_alternatives(pattern: &str) -> Option<Vec<String>> {
    let plain = |c: char| !r".+*?()[]{}^$\".contains(c);
    if !pattern.chars().all(plain) {
        return None;
    }
    let mut set: Vec<String> = pattern.split('|').map(str::to_owned).collect();
    set.sort();
    set.dedup();
    Some(set)
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if crate::labels::is_legacy_label_name(&self.name) {
            write!(f, "{}{}{:?}", self.name, self.op.as_str(), self.value)
        } else {
            write!(f, "{:?}{}{:?}", self.name, self.op.as_str(), self.value)
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored_and_an_absent_label_is_empty() {
        let matcher = Matcher::new("job", MatchOp::Regex, "a|b.*").unwrap();
        assert!(matcher.matches("a") && matcher.matches("bcd"));
        assert!(!matcher.matches("xa") && !matcher.matches_empty());
        let words = Matcher::new("job", MatchOp::Regex, "b|a|").unwrap();
        assert_eq!(words.finite_values(), Some(vec!["", "a", "b"]));
        assert!(words.matches_labels(&Labels::empty()));
        assert!(Matcher::new("job", MatchOp::NotRegex, "a(").is_err());
    }
}
