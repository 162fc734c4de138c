//! `$1` and `${name}` in replacements, read as Go's `regexp.Expand` reads them.

use regex::Captures;

/// A text with places for what a pattern captured.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Group(usize),
    Named(String),
}

impl Template {
    /// Any text is a template: a `$` that begins no reference stands for itself, `$$` for one `$`.
    pub(super) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, after) = (rest.get(..at).unwrap_or(""), rest.get(at + 1..).unwrap_or(""));
            literal.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                literal.push('$');
                rest = tail;
            } else if let Some((name, tail)) = reference(after) {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(match name.parse::<usize>() {
                    Ok(group) if name.bytes().all(|byte| byte.is_ascii_digit()) => Part::Group(group),
                    _ => Part::Named(name.to_owned()),
                });
                rest = tail;
            } else {
                literal.push('$');
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Self { parts }
    }

    /// The text with the captures put in; a group that is not there or took no part is empty.
    pub(super) fn expand(&self, captures: &Captures<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Group(group) => text.push_str(captures.get(*group).map_or("", |found| found.as_str())),
                Part::Named(name) => text.push_str(captures.name(name).map_or("", |found| found.as_str())),
            }
        }
        text
    }

    /// Whether some expansion can be a name of letters, digits and underscores; an empty template cannot.
    pub(super) fn can_be_legacy_name(&self) -> bool {
        let mut first = true;
        for part in &self.parts {
            if let Part::Text(literal) = part {
                let fits = literal.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if !fits || (first && literal.starts_with(|c: char| c.is_ascii_digit())) {
                    return false;
                }
            }
            first = false;
        }
        !first
    }
}

/// The name after a `$`, bare or in braces, and the text behind it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let word = |c: char| c == '_' || c.is_alphanumeric();
    if let Some(inner) = text.strip_prefix('{') {
        let (name, tail) = inner.split_once('}')?;
        return (!name.is_empty() && name.chars().all(word)).then_some((name, tail));
    }
    let end = text.find(|c| !word(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}
