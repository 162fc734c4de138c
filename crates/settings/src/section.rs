//! Reading a mapping key by key, so that every wrong value and every unknown key is told with its place.

use crate::secret::Secret;
use crate::units;
use crate::yaml::{Key, Node, Place, Problem, ScalarKind, Value};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A mapping being read: keys are taken out one by one, and [`Section::finish`] refuses those nobody asked for.
#[derive(Debug)]
pub struct Section {
    what: &'static str,
    place: Place,
    entries: Vec<(Key, Node)>,
    known: Vec<&'static str>,
}

impl Section {
    /// Opens a mapping. `what` names it in messages: "scrape configuration".
    ///
    /// # Errors
    /// When the value is not a mapping; nothing at all counts as an empty one.
    pub fn open(node: Node, what: &'static str) -> Result<Self, Problem> {
        let place = node.place;
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            _ => return Err(node.expected(&format!("a mapping with the keys of a {what}"))),
        };
        Ok(Self { what, place, entries, known: Vec::new() })
    }

    /// Opens an item of a list, which must be there.
    ///
    /// # Errors
    /// When the item is empty or not a mapping.
    pub fn open_item(node: Node, what: &'static str) -> Result<Self, Problem> {
        if node.is_null() {
            return Err(node.problem(format!("empty or null {what}; expected a mapping")));
        }
        Self::open(node, what)
    }

    /// Where the section begins.
    pub fn place(&self) -> Place {
        self.place
    }

    /// A problem with the section as a whole.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.place, message)
    }

    /// Takes the value of a key; a key without a value is as good as absent.
    pub fn take(&mut self, name: &'static str) -> Option<Node> {
        self.take_with_key(name).map(|(_, node)| node)
    }

    /// Takes a key and its value.
    pub fn take_with_key(&mut self, name: &'static str) -> Option<(Key, Node)> {
        self.known.push(name);
        let at = self.entries.iter().position(|(key, _)| key.name == name)?;
        let (key, node) = self.entries.remove(at);
        (!node.is_null()).then_some((key, node))
    }

    /// Whether a key is there and was not taken yet, with or without a value.
    pub fn has(&self, name: &str) -> Option<Place> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(key, _)| key.place)
    }

    /// Where the value of a key stands that was not taken yet; a key without a value is as good as absent.
    pub fn placed(&self, name: &str) -> Option<Place> {
        let mut found = self.entries.iter().filter(|(key, node)| key.name == name && !node.is_null());
        found.next().map(|(_, node)| node.place)
    }

    /// Takes every key whose name `select`s.
    pub fn take_where(&mut self, select: impl Fn(&str) -> bool) -> Vec<(Key, Node)> {
        let (taken, left) =
            std::mem::take(&mut self.entries).into_iter().partition(|(key, _)| select(&key.name));
        self.entries = left;
        taken
    }

    /// Takes and forgets keys that are known but mean nothing here; returns where the first of them stands.
    pub fn ignore(&mut self, names: &[&'static str]) -> Option<Place> {
        let mut first = None;
        for name in names {
            if let Some((key, _)) = self.take_with_key(name) {
                first = first.or(Some(key.place));
            }
        }
        first
    }

    /// A string; numbers and booleans are taken as they are written.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.take(name).map(text).transpose()
    }

    /// A string and where it stands.
    pub fn placed_text(&mut self, name: &'static str) -> Result<Option<(String, Place)>, Problem> {
        self.take(name)
            .map(|node| {
                let place = node.place;
                text(node).map(|text| (text, place))
            })
            .transpose()
    }

    /// A string that must be there and not empty.
    pub fn required_text(&mut self, name: &'static str) -> Result<(String, Place), Problem> {
        match self.placed_text(name)? {
            Some((text, place)) if !text.is_empty() => Ok((text, place)),
            Some((_, place)) => {
                Err(Problem::new(place, format!("{name} is empty in {}; expected a value", self.what)))
            }
            None => Err(self.problem(format!("{name} is missing in {}; expected a value", self.what))),
        }
    }

    /// A secret.
    pub fn secret(&mut self, name: &'static str) -> Result<Option<Secret>, Problem> {
        Ok(self.text(name)?.map(Secret::new))
    }

    /// A path, relative to `folder` unless absolute; an empty one is none.
    pub fn path(&mut self, name: &'static str, folder: &Path) -> Result<Option<PathBuf>, Problem> {
        Ok(self.text(name)?.filter(|path| !path.is_empty()).map(|path| folder.join(path)))
    }

    /// A boolean.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        self.take(name)
            .map(|node| match node.value {
                Value::Scalar(_, ScalarKind::Bool(flag)) => Ok(flag),
                _ => Err(node.problem(format!("{name} is {}; expected true or false", node.describe()))),
            })
            .transpose()
    }

    /// A count, not negative.
    pub fn count(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        self.take(name)
            .map(|node| {
                match &node.value {
                    Value::Scalar(text, ScalarKind::Number) => whole(text),
                    _ => None,
                }
                .ok_or_else(|| {
                    node.problem(format!("{name} is {}; expected a whole number, 0 or more", node.describe()))
                })
            })
            .transpose()
    }

    /// A number.
    pub fn number(&mut self, name: &'static str) -> Result<Option<f64>, Problem> {
        self.take(name)
            .map(|node| {
                match &node.value {
                    Value::Scalar(text, ScalarKind::Number) => text.parse::<f64>().ok(),
                    _ => None,
                }
                .ok_or_else(|| node.problem(format!("{name} is {}; expected a number", node.describe())))
            })
            .transpose()
    }

    /// A duration such as `15s` or `1h30m`.
    pub fn duration(&mut self, name: &'static str) -> Result<Option<Duration>, Problem> {
        Ok(self.placed_duration(name)?.map(|(duration, _)| duration))
    }

    /// A duration and where it stands.
    pub fn placed_duration(&mut self, name: &'static str) -> Result<Option<(Duration, Place)>, Problem> {
        self.take(name)
            .map(|node| {
                let wrong = || {
                    node.problem(format!(
                        "{name} is {}; expected a duration such as \"15s\" or \"1h30m\"",
                        node.describe()
                    ))
                };
                let Value::Scalar(text, _) = &node.value else { return Err(wrong()) };
                let duration = watchfire_model::duration::parse(text).map_err(|_| wrong())?;
                Ok((duration, node.place))
            })
            .transpose()
    }

    /// A size in bytes such as `10MB` (of 1024 × 1024 bytes, as Prometheus counts).
    pub fn size(&mut self, name: &'static str) -> Result<Option<u64>, Problem> {
        self.take(name)
            .map(|node| {
                let found = match &node.value {
                    Value::Scalar(text, _) => units::parse_size(text),
                    _ => None,
                };
                found.ok_or_else(|| {
                    node.problem(format!(
                        "{name} is {}; expected a size with its unit such as \"10MB\"",
                        node.describe()
                    ))
                })
            })
            .transpose()
    }

    /// One of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, Problem> {
        self.take(name)
            .map(|node| {
                let found = match &node.value {
                    Value::Scalar(text, _) => words.iter().find(|(word, _)| word == text),
                    _ => None,
                };
                found.map(|(_, choice)| *choice).ok_or_else(|| {
                    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    node.problem(format!(
                        "{name} is {}; expected one of {}",
                        node.describe(),
                        words.join(", ")
                    ))
                })
            })
            .transpose()
    }

    /// The items of a list, empty when absent.
    pub fn list(&mut self, name: &'static str) -> Result<Vec<Node>, Problem> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::List(items), .. }) => Ok(items),
            Some(node) => Err(node.problem(format!("{name} is {}; expected a list", node.describe()))),
        }
    }

    /// A list of strings, empty when absent. A single string is not a list.
    pub fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Problem> {
        self.list(name)?.into_iter().map(text).collect()
    }

    /// A mapping of strings, empty when absent.
    pub fn text_map(&mut self, name: &'static str) -> Result<Vec<(Key, String)>, Problem> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(node) => text_map(node, name),
        }
    }

    /// A mapping inside this one.
    pub fn section(&mut self, name: &'static str, what: &'static str) -> Result<Option<Section>, Problem> {
        self.take(name).map(|node| Section::open(node, what)).transpose()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Names the first key that nobody asked for, and the known key most like it.
    pub fn finish(self) -> Result<(), Problem> {
        let Some((key, _)) = self.entries.first() else { return Ok(()) };
        let mut message = format!("unknown key {:?} in {}", crate::yaml::shortened(&key.name), self.what);
        match nearest(&key.name, &self.known) {
            Some(name) => message.push_str(&format!("; did you mean {name:?}?")),
            None if self.known.is_empty() => message.push_str("; expected none"),
            None => {
                let mut known = self.known;
                known.sort_unstable();
                known.dedup();
                message.push_str(&format!("; expected one of {}", known.join(", ")));
            }
        }
        Err(Problem::new(key.place, message))
    }
}

/// A whole number, also in the form `1e3`.
fn whole(text: &str) -> Option<u64> {
    /// Above it not every whole number is one of these.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    text.parse::<u64>().ok().or_else(|| {
        let number = text.parse::<f64>().ok()?;
        (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
    })
}

/// The string that a node holds.
///
/// # Errors
/// When it is a list, a mapping, or nothing.
pub fn text(node: Node) -> Result<String, Problem> {
    match node.value {
        Value::Scalar(text, _) => Ok(text),
        _ => Err(node.expected("a string")),
    }
}

/// The strings of a mapping.
///
/// # Errors
/// When it is no mapping or a value is no string.
pub fn text_map(node: Node, what: &str) -> Result<Vec<(Key, String)>, Problem> {
    match node.value {
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| match value.value {
                Value::Null => Ok((key, String::new())),
                _ => text(value).map(|value| (key, value)),
            })
            .collect(),
        _ => Err(node.problem(format!("{what} is {}; expected a mapping of strings", node.describe()))),
    }
}

/// The known name within a third of its length in edits.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let best = known.iter().map(|word| (edits(name, word), *word)).min()?;
    (best.0 * 3 <= best.1.len().max(3)).then_some(best.1)
}

/// How many single-character changes lie between two words (Levenshtein).
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().take(100).enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        let mut next = vec![before];
        for (to, above) in right.iter().zip(row.iter().skip(1)) {
            let cost = (diagonal + usize::from(from != *to)).min(above + 1).min(before + 1);
            diagonal = *above;
            before = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
