//! YAML with places: errors on one line, `file:line:col: what is wrong`.

use serde::de::DeserializeOwned;
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};
use std::fmt;

/// A place in a file, both counted from 1. Line 0 stands for the whole file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Place {
    /// Where a value stands; for an alias, where the value it stands for was written.
    pub fn of<T>(value: &Spanned<T>) -> Self {
        Self::from(value.defined)
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }
}

/// What is wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file, as the user named it.
    pub file: String,
    /// The place in it.
    pub place: Place,
    /// What was found and what was expected; one line.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.place.column, self.message),
        }
    }
}

impl std::error::Error for FileError {}

/// Reads one YAML document. Unknown and repeated keys are errors where the type says so (`deny_unknown_fields`).
///
/// An empty document is read as an empty mapping, as YAML readers of Go do.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, FileError> {
    let blank = text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    });
    let text = if blank { "{}" } else { text };
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map_or_else(Place::default, Place::from);
        let message = UserMessageFormatter.format_message(error.without_snippet()).into_owned();
        let message = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
        FileError { file: file.to_owned(), place, message: message.join(" ") }
    })
}

/// The place of a byte inside a scalar: `at` is where the scalar begins in the file, `offset` counts in its value.
///
/// Folding, indentation and quoting change only white space and escapes, so the place is found by walking the source
/// and the value side by side over everything else.
pub fn place_inside(source: &str, at: Place, value: &str, offset: usize) -> Place {
    let mut line = at.line;
    let mut column = at.column;
    let Some(first_line) = usize::try_from(at.line).ok().and_then(|line| line.checked_sub(1)) else {
        return at;
    };
    let mut lines = source.lines().skip(first_line);
    let Some(first) = lines.next() else { return at };
    let skip = usize::try_from(at.column.saturating_sub(1)).unwrap_or(0);
    let mut rest: std::str::Chars<'_> = first.get(byte_of(first, skip)..).unwrap_or("").chars();
    // An anchor or a tag stands before the value it names.
    while matches!(rest.as_str().chars().next(), Some('&' | '!')) {
        let word = rest.as_str().find(char::is_whitespace).unwrap_or(rest.as_str().len());
        let blank = rest.as_str().get(word..).map_or(0, |tail| tail.len() - tail.trim_start().len());
        column += u64::try_from(rest.as_str().get(..word + blank).unwrap_or("").chars().count()).unwrap_or(0);
        rest = rest.as_str().get(word + blank..).unwrap_or("").chars();
    }
    let style = rest.as_str().chars().next();
    match style {
        Some('|' | '>') => rest = "".chars(),
        Some('"' | '\'') => {
            rest.next();
            column += 1;
        }
        _ => {}
    }
    let mut wanted =
        value.get(..offset.min(value.len())).unwrap_or(value).chars().filter(|c| !c.is_whitespace()).count();
    loop {
        let Some(c) = rest.next() else {
            let Some(next) = lines.next() else { return Place { line, column } };
            rest = next.chars();
            line += 1;
            column = 1;
            continue;
        };
        if c.is_whitespace() {
            column += 1;
            continue;
        }
        if wanted == 0 {
            return Place { line, column };
        }
        wanted -= 1;
        column += 1;
        let escaped = (style == Some('"') && c == '\\') || (style == Some('\'') && c == '\'');
        if escaped && rest.next().is_some() {
            column += 1;
        }
    }
}

fn byte_of(line: &str, chars: usize) -> usize {
    line.char_indices().nth(chars).map_or(line.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests;
