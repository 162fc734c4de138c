//! Fields of requests. As in protobuf's JSON, numbers may come as texts.

use crate::TrainingError;
use serde_json::{Map, Value};

/// Lists in requests have at most so many entries.
const MAX_LIST: usize = 1_000;

/// A request's fields.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// A body is a JSON object; parameters of the query string stand in for what it does not say. One that comes several
    /// times is a list.
    pub(super) fn read(query: &[(String, String)], body: &[u8]) -> Result<Self, TrainingError> {
        let mut fields = if body.iter().all(u8::is_ascii_whitespace) {
            Map::new()
        } else {
            serde_json::from_slice(body)
                .map_err(|error| invalid(format!("the body is no JSON object: {error}")))?
        };
        for (name, value) in query {
            match fields.get_mut(name) {
                None => {
                    fields.insert(name.clone(), Value::from(value.as_str()));
                }
                // Clients say in the body what stands in the path.
                Some(Value::String(known)) if known == value => {}
                Some(Value::Array(list)) => list.push(Value::from(value.as_str())),
                Some(other) => *other = Value::Array(vec![other.take(), Value::from(value.as_str())]),
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn of(value: &Value) -> Result<Self, TrainingError> {
        match value {
            Value::Object(map) => Ok(Self(map.clone())),
            _ => Err(invalid("a list holds something that is no JSON object".to_owned())),
        }
    }

    fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text; an empty one is as if it were not there.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, TrainingError> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(wrong(name, "a text")),
        }
    }

    pub(super) fn needed(&self, name: &str) -> Result<String, TrainingError> {
        self.text(name)?.ok_or_else(|| invalid(format!("Missing value for required parameter {name:?}")))
    }

    /// A text that may be empty.
    pub(super) fn value_text(&self, name: &str) -> Result<String, TrainingError> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, TrainingError> {
        match self.given(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= 9.2e18);
                number
                    .as_i64()
                    .or(whole.map(|number| number as i64))
                    .map(Some)
                    .ok_or_else(|| wrong(name, "a whole number"))
            }
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| wrong(name, "a whole number")),
            Some(_) => Err(wrong(name, "a whole number")),
        }
    }

    /// A number, which may be written `"NaN"`, `"Infinity"` or `"-Infinity"`.
    pub(super) fn number(&self, name: &str) -> Result<f64, TrainingError> {
        match self.given(name) {
            None => Err(invalid(format!("Missing value for required parameter {name:?}"))),
            Some(Value::Number(number)) => number.as_f64().ok_or_else(|| wrong(name, "a number")),
            Some(Value::String(text)) => text.parse().map_err(|_| wrong(name, "a number")),
            Some(_) => Err(wrong(name, "a number")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<Value>, TrainingError> {
        let list = match self.given(name) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.clone(),
            Some(Value::String(text)) if !text.is_empty() => vec![Value::from(text.as_str())],
            Some(Value::String(_)) => Vec::new(),
            Some(_) => return Err(wrong(name, "a list")),
        };
        if list.len() > MAX_LIST {
            return Err(invalid(format!(
                "{name} has {} entries; {MAX_LIST} at most in one request",
                list.len()
            )));
        }
        Ok(list)
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, TrainingError> {
        let as_text = |value: Value| match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(wrong(name, "a list of texts")),
        };
        self.list(name)?.into_iter().map(as_text).collect()
    }

    /// A list of keys with values.
    pub(super) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, TrainingError> {
        let pair = |value: &Value| {
            let fields = Self::of(value)?;
            Ok((fields.needed("key")?, fields.value_text("value")?))
        };
        self.list(name)?.iter().map(pair).collect()
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, TrainingError> {
        self.given(name).map_or_else(|| Ok(Self(Map::new())), Self::of)
    }

    pub(super) fn without(mut self, names: &[&str]) -> Value {
        for name in names {
            self.0.remove(*name);
        }
        Value::Object(self.0)
    }

    /// The run's id, under its newer or its older name.
    pub(super) fn run_id(&self) -> Result<String, TrainingError> {
        match self.text("run_id")? {
            Some(id) => Ok(id),
            None => self.text("run_uuid")?.map_or_else(|| self.needed("run_id"), Ok),
        }
    }

    /// The experiment's number.
    pub(super) fn experiment_id(&self) -> Result<i64, TrainingError> {
        experiment_id(&self.needed("experiment_id")?)
    }

    /// How many are wanted, and after how many.
    pub(super) fn page(&self, default: usize, most: usize) -> Result<(usize, usize), TrainingError> {
        let limit = match self.integer("max_results")? {
            None => default,
            Some(wanted) => usize::try_from(wanted)
                .ok()
                .filter(|wanted| (1..=most).contains(wanted))
                .ok_or_else(|| {
                    invalid(format!(
                        "Invalid value {wanted} for parameter 'max_results': expected 1 to {most}"
                    ))
                })?,
        };
        let offset = match self.text("page_token")? {
            None => 0,
            Some(token) => token
                .parse()
                .map_err(|_| invalid(format!("{token:?} is no page token that was given by this server")))?,
        };
        Ok((limit, offset))
    }
}

/// An experiment's number; one that is none names nothing.
pub(super) fn experiment_id(text: &str) -> Result<i64, TrainingError> {
    text.parse().map_err(|_| TrainingError::NotFound(format!("there is no experiment {text:?}")))
}

/// A number as protobuf's JSON writes it.
pub(super) fn number(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        value.into()
    }
}

pub(super) fn invalid(message: String) -> TrainingError {
    TrainingError::Invalid(message)
}

fn wrong(name: &str, expected: &str) -> TrainingError {
    invalid(format!("Invalid value for parameter {name:?}: expected {expected}"))
}
