//! The grammar before Alertmanager 0.27: a plain name, an operator, and everything after it as the value.

use super::{AlertMatcher, MatcherParseError, operator};

/// Reads one or more matchers.
pub(super) fn parse(text: &str) -> Result<Vec<AlertMatcher>, MatcherParseError> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    split_outside_quotes(inner).into_iter().map(single).collect()
}

/// Reads one matcher.
pub(super) fn single(text: &str) -> Result<AlertMatcher, MatcherParseError> {
    let bad = || MatcherParseError(format!("bad matcher format: {text}"));
    let trimmed = text.trim_matches(is_space);
    let end = trimmed.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).ok_or_else(bad)?;
    let (name, tail) = trimmed.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad());
    }
    let (op, value) = operator(tail.trim_start_matches(is_space)).ok_or_else(bad)?;
    AlertMatcher::new(name, op, &unescaped(value.trim_start_matches(is_space))?)
}

/// White space as a pattern of Go knows it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{c}' | '\r')
}

/// A value with or without quotes. Only `\"`, `\\` and `\n` are escapes; regular expressions keep their backslashes.
fn unescaped(raw: &str) -> Result<String, MatcherParseError> {
    let unbalanced = || MatcherParseError(format!("matcher value contains unescaped double quote: {raw}"));
    let (inner, mut open) = raw.strip_prefix('"').map_or((raw, false), |inner| (inner, true));
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
                None => value.push('\\'),
            },
            '"' if open && chars.as_str().is_empty() => open = false,
            '"' => return Err(unbalanced()),
            c => value.push(c),
        }
    }
    if open { Err(unbalanced()) } else { Ok(value) }
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '\\' => escaped = !escaped,
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or(""));
                start = at + 1;
                escaped = false;
            }
            _ => escaped = false,
        }
    }
    let last = text.get(start..).unwrap_or("");
    if !last.trim().is_empty() {
        parts.push(last);
    }
    parts
}
