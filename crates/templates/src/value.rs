//! Go's types among the engine's values: a struct is a map with a hidden name.

use gotmpl::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The hidden key that holds the name of a struct's type. No field and no label has such a name.
pub(crate) const TYPE: &str = "\0";

/// Structs whose fields are printed in an order of their own.
const FIELDS: [(&str, &[&str]); 3] = [
    (
        "template.Data",
        &[
            "Receiver",
            "Status",
            "Alerts",
            "NotificationReason",
            "GroupLabels",
            "CommonLabels",
            "CommonAnnotations",
            "RouteLabels",
            "ExternalURL",
        ],
    ),
    (
        "template.Alert",
        &["Status", "Labels", "Annotations", "StartsAt", "EndsAt", "GeneratorURL", "Fingerprint"],
    ),
    ("template.Pair", &["Name", "Value"]),
];

/// A text.
pub fn text(text: impl AsRef<str>) -> Value {
    Value::String(text.as_ref().into())
}

/// A list.
pub fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect::<Vec<_>>().into())
}

/// A map, such as a set of labels.
pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let map: BTreeMap<Arc<str>, Value> =
        entries.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Value::Map(Arc::new(map))
}

/// A struct of a type: unlike in a map, a field that it does not have is an error.
pub fn structure<'a>(type_name: &'a str, fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    map(fields.into_iter().chain([(TYPE, text(type_name))]))
}

/// The type of a struct; `None` for everything else.
pub(crate) fn struct_type(value: &Value) -> Option<&str> {
    match value {
        Value::Map(map) => map.get(TYPE).and_then(Value::as_str),
        _ => None,
    }
}

/// The fields of a struct, in the order they are printed.
pub(crate) fn struct_fields<'v>(
    type_name: &str,
    map: &'v BTreeMap<Arc<str>, Value>,
) -> Vec<(&'v str, &'v Value)> {
    if let Some((_, names)) = FIELDS.iter().find(|(known, _)| *known == type_name) {
        return names
            .iter()
            .filter_map(|name| map.get_key_value(*name).map(|(name, value)| (name.as_ref(), value)))
            .collect();
    }
    map.iter().filter(|(name, _)| name.as_ref() != TYPE).map(|(name, value)| (name.as_ref(), value)).collect()
}

/// What Go calls the type of a value, for messages.
pub(crate) fn type_name(value: &Value) -> &str {
    match value {
        Value::Map(_) => struct_type(value).unwrap_or("map[string]string"),
        Value::List(items) => match items.first().map(struct_type) {
            Some(Some("template.Alert")) => "template.Alerts",
            Some(Some("template.Pair")) => "template.Pairs",
            Some(_) if matches!(items.first(), Some(Value::String(_))) => "[]string",
            _ => "[]interface {}",
        },
        other => other.type_name(),
    }
}
