//! One sample line: its parts are borrowed from the body and unescaped only when somebody asks.

use std::borrow::Cow;
use watchfire_model::{Labels, METRIC_NAME};

/// A sample as it stands in the body.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleLine<'a> {
    /// Name and labels, byte for byte as written. The same series is nearly always written the same way, so this
    /// is the key under which a scrape loop remembers what it made of them.
    pub raw_series: &'a str,
    /// The value; every NaN is the ordinary one.
    pub value: f64,
    /// When it was measured, in milliseconds since the Unix epoch, if the target said so.
    pub timestamp_ms: Option<i64>,
    /// The exemplar beside it, OpenMetrics only.
    pub exemplar: Option<Exemplar<'a>>,
    /// The name between its quotes if it was quoted, as written.
    pub(super) raw_name: &'a str,
    /// Everything between the braces, or nothing.
    pub(super) raw_labels: &'a str,
}

impl<'a> SampleLine<'a> {
    /// The metric name, unescaped.
    pub fn name(&self) -> Cow<'a, str> {
        unescape(self.raw_name)
    }

    /// The labels in the order written, without the metric name. Duplicates and empty values are still there.
    pub fn labels(&self) -> LabelPairs<'a> {
        LabelPairs { rest: self.raw_labels }
    }

    /// Name and labels as a label set: sorted, without empty values, the last of duplicates winning.
    /// [`SampleLine::duplicate_label`] tells whether there were any.
    pub fn to_labels(&self) -> Labels {
        let name = self.name();
        let pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = self.labels().collect();
        Labels::from_pairs(
            std::iter::once((METRIC_NAME, name.as_ref()))
                .chain(pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))),
        )
    }

    /// The first label name written twice, if any; a target may not do that.
    pub fn duplicate_label(&self) -> Option<Cow<'a, str>> {
        let mut seen: Vec<Cow<'a, str>> = Vec::new();
        for (name, _) in self.labels() {
            if name == METRIC_NAME || seen.contains(&name) {
                return Some(name);
            }
            seen.push(name);
        }
        None
    }
}

/// An exemplar: one observation with its own labels, usually a trace id.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// The observed value.
    pub value: f64,
    /// When it was observed, in milliseconds since the Unix epoch, if said.
    pub timestamp_ms: Option<i64>,
    /// Everything between the braces.
    pub(super) raw_labels: &'a str,
}

impl<'a> Exemplar<'a> {
    /// The labels in the order written.
    pub fn labels(&self) -> LabelPairs<'a> {
        LabelPairs { rest: self.raw_labels }
    }
}

/// Labels in the order written, names and values unescaped on the way.
#[derive(Clone, Debug)]
pub struct LabelPairs<'a> {
    /// What is left between the braces. The parser has checked its grammar; a mistake here ends the iteration.
    rest: &'a str,
}

impl<'a> LabelPairs<'a> {
    fn quoted(&mut self) -> Option<&'a str> {
        let text = self.rest.strip_prefix('"')?;
        let end = closing_quote(text.as_bytes())?;
        let inner = text.get(..end)?;
        self.rest = text.get(end + 1..)?;
        Some(inner)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

impl<'a> Iterator for LabelPairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
            let name = if self.rest.starts_with('"') {
                self.quoted()?
            } else {
                let end = self.rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
                let (name, rest) = self.rest.split_at_checked(end)?;
                self.rest = rest;
                name
            };
            self.skip_blanks();
            // A quoted string without `=` is the metric name.
            let Some(rest) = self.rest.strip_prefix('=') else { continue };
            self.rest = rest;
            self.skip_blanks();
            let value = self.quoted()?;
            return Some((unescape(name), unescape(value)));
        }
    }
}

/// Where the quote that closes a string stands; `text` begins after the opening one.
pub(super) fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let offset = memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        at += offset;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Undoes `\\`, `\"` and `\n`; any other backslash stands for itself, as in Prometheus.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    unescape_with(text, true)
}

/// Undoes `\\` and `\n`, and `\"` where `quotes` says so.
pub(super) fn unescape_with(text: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let (plain, escaped) = text.split_at_checked(first).unwrap_or((text, ""));
    let mut unescaped = String::with_capacity(text.len());
    unescaped.push_str(plain);
    let mut letters = escaped.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            unescaped.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => unescaped.push('\n'),
            Some('\\') => unescaped.push('\\'),
            Some('"') if quotes => unescaped.push('"'),
            Some(other) => unescaped.extend(['\\', other]),
            None => unescaped.push('\\'),
        }
    }
    Cow::Owned(unescaped)
}
