//! The arguments of template functions, with Go's complaints.

use crate::{time, value};
use gotmpl::{TemplateError, Value};

/// What a template function gives.
pub type Answer = Result<Value, TemplateError>;

/// An error while a template runs.
pub fn failure(message: impl Into<String>) -> TemplateError {
    TemplateError::Exec(message.into())
}

/// The argument at an index.
///
/// # Errors
/// When there are not so many.
pub fn arg<'v>(function: &str, args: &'v [Value], index: usize) -> Result<&'v Value, TemplateError> {
    args.get(index).ok_or_else(|| {
        let want = index + 1;
        failure(format!("wrong number of args for {function}: want at least {want}, got {}", args.len()))
    })
}

/// A text.
///
/// # Errors
/// When the argument is missing or something else.
pub fn text_arg(function: &str, args: &[Value], index: usize) -> Result<String, TemplateError> {
    match arg(function, args, index)? {
        Value::String(text) | Value::Safe { s: text, .. } => Ok(text.to_string()),
        Value::Nil => Ok(String::new()),
        other => Err(wrong_type(function, "string", other)),
    }
}

/// A number, or a text that is one; durations count in seconds.
///
/// # Errors
/// When the argument is missing or no number.
pub fn number_arg(function: &str, args: &[Value], index: usize) -> Result<f64, TemplateError> {
    match arg(function, args, index)? {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::Uint(value) => Ok(*value as f64),
        Value::String(text) => parse_float(text).ok_or_else(|| {
            failure(format!("error calling {function}: strconv.ParseFloat: parsing {text:?}: invalid syntax"))
        }),
        other => match time::as_duration(other) {
            Some(nanoseconds) => Ok(nanoseconds as f64 / 1e9),
            None => Err(failure(format!(
                "error calling {function}: can't convert {} to float",
                value::type_name(other)
            ))),
        },
    }
}

/// A list of texts.
///
/// # Errors
/// When the argument is missing or something else.
pub fn texts_arg(function: &str, args: &[Value], index: usize) -> Result<Vec<String>, TemplateError> {
    match arg(function, args, index)? {
        Value::List(items) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.to_string()),
                other => Err(wrong_type(function, "string", other)),
            })
            .collect(),
        number @ (Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Bool(_)) => {
            Err(failure(format!("can't handle {number} for arg of type []string")))
        }
        other => Err(wrong_type(function, "[]string", other)),
    }
}

/// The complaint about an argument of the wrong type.
pub fn wrong_type(function: &str, expected: &str, found: &Value) -> TemplateError {
    let found = value::type_name(found);
    failure(format!("error calling {function}: wrong type for value; expected {expected}; got {found}"))
}

fn parse_float(text: &str) -> Option<f64> {
    if text.is_empty() || text.trim() != text {
        return None;
    }
    text.parse().ok()
}
