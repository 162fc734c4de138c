//! `eq`, `ne`, `lt`, `le`, `gt`, `ge` with Go's types: durations, months and weekdays are whole numbers.

use crate::args::{Answer, arg, failure};
use crate::time;
use gotmpl::Value;
use std::cmp::Ordering;

enum Basic {
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Nil,
}

fn basic(function: &str, value: &Value) -> Result<Basic, gotmpl::TemplateError> {
    Ok(match value {
        Value::Nil => Basic::Nil,
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value) => Basic::Int(i128::from(*value)),
        Value::Uint(value) => Basic::Int(i128::from(*value)),
        Value::Float(value) => Basic::Float(*value),
        Value::String(text) | Value::Safe { s: text, .. } => Basic::Text(text.to_string()),
        other => match time::number_of(other) {
            Some(number) => Basic::Int(i128::from(number)),
            None => return Err(failure(format!("error calling {function}: invalid type for comparison"))),
        },
    })
}

fn incompatible(function: &str) -> gotmpl::TemplateError {
    failure(format!("error calling {function}: incompatible types for comparison"))
}

fn equal(function: &str, left: &Value, right: &Value) -> Result<bool, gotmpl::TemplateError> {
    match (basic(function, left)?, basic(function, right)?) {
        (Basic::Nil, Basic::Nil) => Ok(true),
        (Basic::Nil, _) | (_, Basic::Nil) => Ok(false),
        (Basic::Bool(left), Basic::Bool(right)) => Ok(left == right),
        (Basic::Int(left), Basic::Int(right)) => Ok(left == right),
        #[expect(clippy::float_cmp, reason = "Go compares them so")]
        (Basic::Float(left), Basic::Float(right)) => Ok(left == right),
        (Basic::Text(left), Basic::Text(right)) => Ok(left == right),
        _ => Err(incompatible(function)),
    }
}

/// `eq`: whether the first equals one of the others.
pub(crate) fn eq(args: &[Value]) -> Answer {
    let first = arg("eq", args, 0)?;
    let others = args.get(1..).filter(|others| !others.is_empty());
    let Some(others) = others else {
        return Err(failure("error calling eq: missing argument for comparison"));
    };
    for other in others {
        if equal("eq", first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// `ne`.
pub(crate) fn ne(args: &[Value]) -> Answer {
    Ok(Value::Bool(!equal("ne", arg("ne", args, 0)?, arg("ne", args, 1)?)?))
}

/// `lt`, `le`, `gt`, `ge`: whether the order of two is one of those that hold.
pub(crate) fn ordered(function: &'static str, holds: fn(Option<Ordering>) -> bool, args: &[Value]) -> Answer {
    let (left, right) = (arg(function, args, 0)?, arg(function, args, 1)?);
    let ordering = match (basic(function, left)?, basic(function, right)?) {
        (Basic::Int(left), Basic::Int(right)) => Some(left.cmp(&right)),
        (Basic::Float(left), Basic::Float(right)) => left.partial_cmp(&right),
        (Basic::Text(left), Basic::Text(right)) => Some(left.cmp(&right)),
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Nil, _) | (_, Basic::Nil) => {
            return Err(failure(format!("error calling {function}: invalid type for comparison")));
        }
        _ => return Err(incompatible(function)),
    };
    Ok(Value::Bool(holds(ordering)))
}
