//! A YAML (or JSON) text as a tree in which every key and value knows its line and column.
//!
//! Configuration is read from this tree rather than straight into structs, because the place of a wrong value, of
//! an unknown key and of the missing one must all be told, and because scalars keep the text they were written
//! in: `job: 1.10` is the string `1.10` to Prometheus.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::path::{Path, PathBuf};

/// No configuration file may be larger, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Line and column, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// What is wrong at one place of a file that is not named yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What was found and what was expected, on one line.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }

    /// The same problem, with the name of its file.
    pub fn in_file(self, file: &Path) -> Fault {
        Fault { file: file.to_owned(), place: self.place, message: self.message }
    }
}

/// What is wrong with a file: one line, `FILE:LINE:COL: found; expected`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}:{}: {message}", file.display(), place.line, place.column)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Where in it; line 1, column 1 when the whole file is meant.
    pub place: Place,
    /// What was found and what was expected.
    pub message: String,
}

impl Fault {
    /// A fault of a file as a whole, such as that it cannot be read.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Problem::new(Place { line: 1, column: 1 }, message).in_file(file)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// The kinds of value.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A single value, with the text as written (unquoted) and what YAML takes it for.
    Scalar(String, ScalarKind),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file; no key stands twice.
    Map(Vec<(Key, Node)>),
}

/// What YAML takes an unquoted scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// A string, quoted or not.
    Text,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer or a decimal number.
    Number,
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// What the value is, in words, for `found …`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(text, _) => format!("{:?}", shortened(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// A problem with this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.place, message)
    }

    /// The problem that this value is of the wrong kind.
    pub fn expected(&self, expected: &str) -> Problem {
        self.problem(format!("found {}; expected {expected}", self.describe()))
    }
}

/// A text cut to a length that fits an error line.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// Reads a text of one document. An empty text is [`Value::Null`].
///
/// # Errors
/// Whatever is not YAML, and a key that stands twice, with its place. Depth, aliases and sizes are bounded.
pub fn parse(text: &str) -> Result<Node, Problem> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            // Room for a file of MAX_FILE_BYTES with a hundred thousand targets; what aliases replay is bounded apart.
            max_nodes: 8_000_000,
            max_events: 24_000_000,
            // One anchor used by every job is an honest style.
            enforce_alias_anchor_ratio: false,
        },
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
    };
    if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Node { place: Place { line: 1, column: 1 }, value: Value::Null });
    }
    let raw: RawNode = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location().map_or(Place { line: 1, column: 1 }, |at| Place {
            line: at.line().max(1),
            column: at.column().max(1),
        });
        let rendered = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
        let message: Vec<&str> = rendered.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Problem::new(place, format!("not valid YAML: {}", strip_place(&message.join("; "))))
    })?;
    Ok(raw.into_node(text))
}

/// Reads a file, which must be UTF-8 and not above [`MAX_FILE_BYTES`].
///
/// # Errors
/// Those of reading and of [`parse`].
pub fn parse_file(file: &Path) -> Result<Node, Fault> {
    let text = read_file(file)?;
    parse(&text).map_err(|problem| problem.in_file(file))
}

/// The text of a file, which must be UTF-8 and not above [`MAX_FILE_BYTES`].
///
/// # Errors
/// Says why it cannot be read.
pub fn read_file(file: &Path) -> Result<String, Fault> {
    let size = std::fs::metadata(file).map_err(|error| Fault::of_file(file, cannot_read(&error)))?.len();
    if size > MAX_FILE_BYTES {
        return Err(Fault::of_file(
            file,
            format!("the file has {size} bytes; expected at most {MAX_FILE_BYTES}"),
        ));
    }
    std::fs::read_to_string(file).map_err(|error| Fault::of_file(file, cannot_read(&error)))
}

fn cannot_read(error: &std::io::Error) -> String {
    format!("cannot read the file: {error}")
}

/// The parser ends its messages with the place, which stands in front of ours already.
fn strip_place(message: &str) -> &str {
    message.rfind(" at line ").and_then(|at| message.get(..at)).unwrap_or(message)
}

/// A node as the deserializer gives it, before the text of its scalars is cut out of the source.
struct RawNode(Spanned<RawValue>);

enum RawValue {
    Null,
    Text(String),
    Bool(bool),
    Number(String),
    List(Vec<RawNode>),
    Map(Vec<(RawNode, RawNode)>),
}

impl RawNode {
    fn into_node(self, source: &str) -> Node {
        let Spanned { value, referenced, defined, .. } = self.0;
        let place = Place { line: referenced.line().max(1), column: referenced.column().max(1) };
        let written = || {
            let start = usize::try_from(defined.span().byte_offset()?).ok()?;
            let len = usize::try_from(defined.span().byte_len()?).ok()?;
            Some(source.get(start..start.checked_add(len)?)?.trim().to_owned())
        };
        let value = match value {
            RawValue::Null => Value::Null,
            RawValue::Text(text) => Value::Scalar(text, ScalarKind::Text),
            RawValue::Bool(flag) => {
                Value::Scalar(written().unwrap_or_else(|| flag.to_string()), ScalarKind::Bool(flag))
            }
            RawValue::Number(number) => Value::Scalar(written().unwrap_or(number), ScalarKind::Number),
            RawValue::List(items) => {
                Value::List(items.into_iter().map(|item| item.into_node(source)).collect())
            }
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let key = key.into_node(source);
                        let name = match key.value {
                            Value::Scalar(text, _) => text,
                            Value::Null => String::new(),
                            // A mapping or a list as a key; no section knows such a key, so it is refused there.
                            Value::List(_) | Value::Map(_) => "?".to_owned(),
                        };
                        (Key { name, place: key.place }, value.into_node(source))
                    })
                    .collect(),
            ),
        };
        Node { place, value }
    }
}

impl<'de> Deserialize<'de> for RawNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(RawNode)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawValue, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<RawValue, E> {
        Ok(RawValue::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<RawValue, E> {
        Ok(RawValue::Number(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawValue, E> {
        Ok(RawValue::Number(number.to_string()))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<RawValue, E> {
        Ok(RawValue::Number(number.to_string()))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<RawValue, E> {
        Ok(RawValue::Number(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<RawValue, E> {
        Ok(RawValue::Number(number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<RawValue, E> {
        Ok(RawValue::Text(text))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<RawValue, E> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(RawValue::Text(text.to_owned())),
            Err(_) => Err(E::custom("found binary data that is not UTF-8; expected UTF-8 text")),
        }
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<RawValue, E> {
        self.visit_bytes(&bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(RawValue::Map(map))
    }
}

#[cfg(test)]
mod tests;
