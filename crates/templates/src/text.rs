//! Functions on texts that rules and notifications share.

use crate::args::failure;
use gotmpl::TemplateError;

/// A regular expression.
///
/// # Errors
/// Says what is wrong with it, on one line.
pub fn regex(pattern: &str) -> Result<regex::Regex, TemplateError> {
    regex::Regex::new(pattern).map_err(|error| {
        failure(format!("invalid regular expression {pattern:?}: {}", error.to_string().replace('\n', " ")))
    })
}

/// Go maps letter by letter: where there is no single letter, the letter stays.
pub fn go_upper(c: char) -> char {
    let mut mapped = c.to_uppercase();
    mapped.next().filter(|_| mapped.next().is_none()).unwrap_or(c)
}

/// Go maps letter by letter: where there is no single letter, the letter stays.
pub fn go_lower(c: char) -> char {
    let mut mapped = c.to_lowercase();
    mapped.next().filter(|_| mapped.next().is_none()).unwrap_or(c)
}
