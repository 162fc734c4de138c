//! Values as Go's JSON.

use crate::{time, value};
use gotmpl::Value;

/// The names that fields have in JSON.
const NAMES: [(&str, &str); 17] = [
    ("Receiver", "receiver"),
    ("Status", "status"),
    ("Alerts", "alerts"),
    ("NotificationReason", "notification_reason"),
    ("GroupLabels", "groupLabels"),
    ("CommonLabels", "commonLabels"),
    ("CommonAnnotations", "commonAnnotations"),
    ("RouteLabels", "routeLabels"),
    ("ExternalURL", "externalURL"),
    ("Labels", "labels"),
    ("Annotations", "annotations"),
    ("StartsAt", "startsAt"),
    ("EndsAt", "endsAt"),
    ("GeneratorURL", "generatorURL"),
    ("Fingerprint", "fingerprint"),
    ("Name", "Name"),
    ("Value", "Value"),
];

/// A value as JSON.
pub fn json(of: &Value) -> serde_json::Value {
    match of {
        Value::Nil | Value::Function(_) => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(text) | Value::Safe { s: text, .. } => text.as_ref().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => {
            if let Some(text) = time::json_text(of) {
                return text.into();
            }
            if let Some(number) = time::number_of(of) {
                return number.into();
            }
            let fields = match value::struct_type(of) {
                Some(name) => value::struct_fields(name, map),
                None => map.iter().map(|(name, value)| (name.as_ref(), value)).collect(),
            };
            let named = |name: &str| {
                let known =
                    NAMES.iter().find(|(field, _)| value::struct_type(of).is_some() && *field == name);
                known.map_or(name, |(_, name)| name).to_owned()
            };
            serde_json::Value::Object(
                fields.into_iter().map(|(name, value)| (named(name), json(value))).collect(),
            )
        }
    }
}

/// A value as JSON in a text, with what could end a script in HTML escaped, as Go writes it.
pub fn json_text(of: &Value) -> String {
    escaped(&json(of).to_string())
}

/// Go's JSON writer escapes what could end a script in HTML. These characters stand only inside texts.
pub fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    escaped
}
