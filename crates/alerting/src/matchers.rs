//! Alertmanager's matchers: `severity="critical"`, `{job=~"api|web", team!=""}`, in its grammar of 0.27 and later with
//! the older one as a fallback.

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

/// Reads one or more matchers. Braces around them may be left out.
pub fn parse_matchers(text: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
    match utf8(text) {
        Ok(matchers) => Ok(matchers),
        Err(error) => classic(text).map_err(|_| error),
    }
}

/// The grammar of Alertmanager 0.27 and later.
fn utf8(text: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
    let error = |what: String| MatcherParseError(format!("bad matcher format: {text:?}: {what}"));
    let mut rest = text.trim();
    let braced = rest.starts_with('{');
    if braced {
        rest = rest.strip_prefix('{').unwrap_or(rest).trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return if after.trim().is_empty() {
                Ok(Vec::new())
            } else {
                Err(error("text after }".to_owned()))
            };
        }
    }
    if rest.is_empty() && !braced {
        return Ok(Vec::new());
    }
    let mut matchers = Vec::new();
    loop {
        let (name, tail) = word(rest).map_err(&error)?;
        let tail = tail.trim_start();
        let (op, tail) =
            operator(tail).ok_or_else(|| error("expected an operator, one of =, !=, =~, !~".to_owned()))?;
        let (value, tail) = word(tail.trim_start()).map_err(&error)?;
        if name.is_empty() {
            return Err(error("a label name must not be empty".to_owned()));
        }
        matchers.push(AlertMatcher::new(&name, op, &value)?);
        rest = tail.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            let ended = if braced { rest.starts_with('}') } else { rest.is_empty() };
            if !ended {
                continue;
            }
        }
        let after = match (braced, rest.strip_prefix('}')) {
            (true, Some(after)) => after,
            (true, None) => return Err(error("expected , or }".to_owned())),
            (false, _) => rest,
        };
        if !after.trim().is_empty() {
            return Err(error(format!("unexpected {:?}", after.trim())));
        }
        return Ok(matchers);
    }
}

fn operator(text: &str) -> Option<(MatchOp, &str)> {
    [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)]
        .into_iter()
        .find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (op, rest)))
}

/// A quoted text, or a run of unreserved characters.
fn word(text: &str) -> Result<(String, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(is_reserved).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return if word.is_empty() {
            Err("expected a name or value".to_owned())
        } else {
            Ok((word.to_owned(), rest))
        };
    };
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let inside = quoted.get(..at).unwrap_or("");
                let value = go_unquoted(inside).ok_or_else(|| format!("{inside:?}: invalid input"))?;
                return Ok((value, quoted.get(at + 1..).unwrap_or("")));
            }
            _ => {}
        }
    }
    Err("missing end quote".to_owned())
}

/// Go's `strconv.Unquote` of what stands between double quotes; `None` where it is not such a text.
fn go_unquoted(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..)?;
        match c {
            '\n' => return None,
            '\\' => rest = unescape(rest, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads what stands behind a backslash; returns the text after it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let letter = text.chars().next()?;
    let plain = match letter {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        '\\' | '"' => u8::try_from(letter).ok(),
        _ => None,
    };
    if let Some(plain) = plain {
        bytes.push(plain);
        return text.get(1..);
    }
    let (start, digits, radix) = match letter {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => return None,
    };
    let number = text.get(start..start + digits)?;
    if !number.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(number, radix).ok()?;
    match letter {
        'u' | 'U' => {
            bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => bytes.push(u8::try_from(code).ok()?),
    }
    text.get(start + digits..)
}

/// The grammar before 0.27: a plain name, an operator, and everything after it as the value.
fn classic(text: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
    let error = || MatcherParseError(format!("bad matcher format: {text:?}"));
    let inner = text.trim();
    let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(inner);
    let mut matchers = Vec::new();
    for part in split_outside_quotes(inner) {
        let part = part.trim();
        let end = part.find(['=', '!']).ok_or_else(error)?;
        let (name, tail) = part.split_at(end);
        let (op, value) = operator(tail).ok_or_else(error)?;
        let name = name.trim();
        let plain = watchfire_model::labels::is_legacy_label_name(name);
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(quoted) => classic_unescaped(quoted.strip_suffix('"').ok_or_else(error)?),
            None if value.contains('"') => return Err(error()),
            None => value.to_owned(),
        };
        if !plain {
            return Err(error());
        }
        matchers.push(AlertMatcher::new(name, op, &value)?);
    }
    Ok(matchers)
}

/// Only `\"`, `\\` and `\n` are escapes; regular expressions keep their backslashes.
fn classic_unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => value.push('\n'),
            ('\\', Some(c @ ('"' | '\\'))) => value.push(c),
            ('\\', Some(c)) => value.extend(['\\', c]),
            (c, _) => value.push(c),
        }
    }
    value
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or(""));
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text.get(start..).unwrap_or("");
    if !last.trim().is_empty() {
        parts.push(last);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<String>, MatcherParseError> {
        Ok(parse_matchers(text)?.iter().map(AlertMatcher::to_string).collect())
    }

    #[test]
    fn both_grammars_are_read() {
        for (text, expected) in [
            ("severity=\"critical\"", vec!["severity=\"critical\""]),
            ("severity=critical", vec!["severity=\"critical\""]),
            (" { a = \"b\" , c=~\"d|e\", } ", vec!["a=\"b\"", "c=~\"d|e\""]),
            ("{}", vec![]),
            ("a!=b, c!~\"x.*\"", vec!["a!=\"b\"", "c!~\"x.*\""]),
            ("\"a b\"=\"c\"", vec!["\"a b\"=\"c\""]),
            ("a=\"say \\\"hi\\\"\"", vec!["a=\"say \\\"hi\\\"\""]),
            ("a=~b=c", vec!["a=~\"b=c\""]),
            ("grün=ja", vec!["grün=\"ja\""]),
            ("a=\"\"", vec!["a=\"\""]),
            ("a=~\"x\\.y\\d+\"", vec!["a=~\"x\\\\.y\\\\d+\""]),
            ("", vec![]),
        ] {
            assert_eq!(texts(text).unwrap(), expected, "{text}");
        }
        for text in ["a", "=b", "{a=b", "a=\"b", "a=~\"(\"", "{a=b}c"] {
            assert!(texts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_hold_on_absent_labels_as_on_empty_ones() {
        let labels = Labels::from_pairs([("a", "x")]);
        let holds = |text: &str| parse_matchers(text).unwrap().iter().all(|matcher| matcher.matches(&labels));
        assert!(holds("a=x") && holds("b=\"\"") && holds("b!=\"y\"") && holds("a=~\"x|y\""));
        assert!(!holds("a=~\"xx\"") && !holds("b=~\".+\""));
    }

    #[test]
    fn alertmanagers_own_cases_are_read_as_alertmanager_reads_them() {
        let shared = std::env::var_os("WATCHFIRE_SHARED").map_or_else(
            || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            std::path::PathBuf::from,
        );
        let path = shared.join("data/alertmanager/derived/matcher-utf8-vectors.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            return;
        };
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let (mut agreed, mut disagreed) = (0, Vec::new());
        for case in vectors["cases"].as_array().unwrap() {
            let input = case["input"].as_str().unwrap();
            // These are of the function that reads exactly one.
            let single = case["test"] == "TestMatcher";
            let expected = case.get("matchers").and_then(|matchers| matchers.as_array()).map(|matchers| {
                let key = |matcher: &serde_json::Value| {
                    let word = |index: usize| matcher[index].as_str().unwrap().to_owned();
                    (word(1), word(0), word(2))
                };
                matchers.iter().map(key).collect::<Vec<_>>()
            });
            let found = utf8(input).ok().filter(|matchers| !single || matchers.len() == 1).map(|matchers| {
                let key = |matcher: &AlertMatcher| {
                    let matcher = &matcher.matcher;
                    (matcher.name.clone(), matcher.op.as_str().to_owned(), matcher.value.clone())
                };
                matchers.iter().map(key).collect::<Vec<_>>()
            });
            // The vectors keep only the first of several matchers.
            let found = match (found, &expected) {
                (Some(mut found), Some(expected)) => {
                    found.truncate(expected.len().max(1));
                    Some(found)
                }
                (found, _) => found,
            };
            if found == expected {
                agreed += 1;
            } else {
                disagreed.push(format!("{input:?}: expected {expected:?}, found {found:?}"));
            }
        }
        println!("matchers of Alertmanager: {agreed} agree, {} disagree", disagreed.len());
        assert!(disagreed.is_empty(), "{}", disagreed.join("\n"));
    }
}
