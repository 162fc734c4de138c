//! Fields and methods of values, as Go's types have them.

use crate::args::{Answer, arg, failure, texts_arg, wrong_type};
use crate::engine::Dialect;
use crate::printing::pairs_text;
use crate::rewrite::{FIELD, METHOD};
use crate::{time, value};
use gotmpl::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A chain of field accesses: the value, then the names.
pub(crate) fn chain(dialect: Dialect, args: &[Value]) -> Answer {
    let mut value = arg(FIELD, args, 0)?.clone();
    for name in args.iter().skip(1) {
        let Value::String(name) = name else { continue };
        value = access(dialect, &value, name, None)?;
    }
    Ok(value)
}

/// A method called with arguments: the value, the method's name, the arguments.
pub(crate) fn method(dialect: Dialect, args: &[Value]) -> Answer {
    let (Value::String(name), value) = (arg(METHOD, args, 1)?, arg(METHOD, args, 0)?) else {
        return Err(failure("a method without a name"));
    };
    access(dialect, value, name, args.get(2..))
}

/// A field, or a method; `args` only where some were given.
fn access(dialect: Dialect, of: &Value, name: &str, args: Option<&[Value]>) -> Answer {
    if let Some(found) = call(dialect, of, name, args.unwrap_or_default())? {
        return Ok(found);
    }
    let found = match of {
        Value::Map(map) => match (map.get(name), value::struct_type(of)) {
            (Some(found), _) => found.clone(),
            (None, Some(_)) => return Err(no_field(name, of)),
            // The zero value of a map of texts is an empty text, of any other map nothing at all.
            (None, None) if map.values().all(|value| matches!(value, Value::String(_))) => value::text(""),
            (None, None) => Value::Nil,
        },
        _ => return Err(no_field(name, of)),
    };
    match args {
        Some([]) | None => Ok(found),
        Some(_) => Err(failure(format!("{name} is not a method but has arguments"))),
    }
}

fn no_field(name: &str, of: &Value) -> gotmpl::TemplateError {
    failure(format!("can't evaluate field {name} in type {}", value::type_name(of)))
}

/// The answer of a method, if the value has it.
fn call(
    dialect: Dialect,
    of: &Value,
    name: &str,
    args: &[Value],
) -> Result<Option<Value>, gotmpl::TemplateError> {
    if let Some(answer) = time::method(of, name, args) {
        return answer.map(Some);
    }
    if dialect != Dialect::Notifications {
        return Ok(None);
    }
    match of {
        Value::Map(map) if value::struct_type(of).is_none() => labels_method(map, name, args),
        Value::List(items) => list_method(items, name, args),
        _ => Ok(None),
    }
}

fn labels_method(
    map: &BTreeMap<Arc<str>, Value>,
    name: &str,
    args: &[Value],
) -> Result<Option<Value>, gotmpl::TemplateError> {
    Ok(Some(match name {
        "SortedPairs" => sorted_pairs(map),
        "Names" => value::list(pairs_of(map).map(|(name, _)| value::text(name))),
        "Values" => value::list(pairs_of(map).map(|(_, value)| value.clone())),
        "String" => value::text(pairs_text(pairs_of(map))),
        "Remove" => {
            let names = texts_arg(name, args, 0)?;
            let left = map.iter().filter(|(key, _)| !names.iter().any(|name| *name == ***key));
            Value::Map(Arc::new(left.map(|(key, value)| (Arc::clone(key), value.clone())).collect()))
        }
        _ => return Ok(None),
    }))
}

/// Names and values, `alertname` first.
pub(crate) fn pairs_of(map: &BTreeMap<Arc<str>, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let first = map.get_key_value("alertname");
    let others = map.iter().filter(|(name, _)| name.as_ref() != "alertname");
    first.into_iter().chain(others).map(|(name, value)| (name.as_ref(), value))
}

fn sorted_pairs(map: &BTreeMap<Arc<str>, Value>) -> Value {
    value::list(pairs_of(map).map(|(name, value)| {
        value::structure("template.Pair", [("Name", value::text(name)), ("Value", value.clone())])
    }))
}

fn list_method(items: &[Value], name: &str, args: &[Value]) -> Result<Option<Value>, gotmpl::TemplateError> {
    let of_type =
        |wanted: &str| items.iter().all(|item| value::struct_type(item).is_some_and(|found| found == wanted));
    let field = |name: &str| value::list(items.iter().filter_map(|item| item.field(name).cloned()));
    let with_status = |status: &str| {
        let has = |item: &&Value| item.field("Status").and_then(Value::as_str) == Some(status);
        value::list(items.iter().filter(has).cloned())
    };
    Ok(Some(match name {
        "Firing" if of_type("template.Alert") => with_status("firing"),
        "Resolved" if of_type("template.Alert") => with_status("resolved"),
        "Names" if of_type("template.Pair") => field("Name"),
        "Values" if of_type("template.Pair") => field("Value"),
        "String" if of_type("template.Pair") => {
            let pairs =
                items.iter().filter_map(|item| Some((item.field("Name")?.as_str()?, item.field("Value")?)));
            value::text(pairs_text(pairs))
        }
        "Join" if items.iter().all(|item| matches!(item, Value::String(_))) => {
            let separator = match args.first() {
                Some(Value::String(separator)) => separator.as_ref(),
                Some(other) => return Err(wrong_type(name, "string", other)),
                None => return Err(failure("wrong number of args for Join: want 1 got 0")),
            };
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            value::text(words.join(separator))
        }
        _ => return Ok(None),
    }))
}
