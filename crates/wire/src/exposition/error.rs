//! What is wrong with an exposition, and where.

/// Why a body is not an exposition. Prints as `line:column: found …, expected …`; put the file or the URL and a
/// colon in front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: found {found}, expected {expected}")]
pub struct ParseError {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What stands there: a quoted and shortened piece of the body, or words such as `end of line`.
    pub found: String,
    /// What would be right there.
    pub expected: String,
}

/// How many characters of the body an error repeats.
const FOUND_LIMIT: usize = 32;

impl ParseError {
    /// An error at byte `at` of `body`, where `expected` should have stood.
    pub(super) fn at(body: &str, at: usize, expected: impl Into<String>) -> Self {
        let (line, column) = position(body.as_bytes(), at);
        Self { line, column, found: describe(body, at), expected: expected.into() }
    }

    /// The same with words of our own for what was found.
    pub(super) fn found(
        body: &str,
        at: usize,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let (line, column) = position(body.as_bytes(), at);
        Self { line, column, found: found.into(), expected: expected.into() }
    }
}

/// Line and column of a byte. Runs only when there is something to complain about, so it counts from the start.
pub(super) fn position(body: &[u8], at: usize) -> (usize, usize) {
    let before = body.get(..at.min(body.len())).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count() + 1;
    (line, column)
}

/// The rest of the line from `at`, quoted, escaped and shortened.
fn describe(body: &str, at: usize) -> String {
    let rest = match body.get(at..) {
        None | Some("") => return "end of input".to_owned(),
        Some(rest) => rest,
    };
    if rest.starts_with('\n') {
        return "end of line".to_owned();
    }
    let line = rest.split('\n').next().unwrap_or_default();
    quote(line)
}

/// A piece of hostile text as an error shows it.
pub(super) fn quote(text: &str) -> String {
    let shown: String = text.chars().take(FOUND_LIMIT).collect();
    let ellipsis = if shown.len() < text.len() { "…" } else { "" };
    format!("\"{}{ellipsis}\"", shown.escape_debug())
}
