//! The parser: one pass over the body, nothing copied.

use super::error::{ParseError, quote};
use super::sample::{closing_quote, unescape, unescape_with};
use super::{Entry, Exemplar, Format, SampleLine, number};
use std::borrow::Cow;
use watchfire_model::MetricType;

/// An iterator over the entries of a body. After an error it ends: whoever scrapes drops the whole body, as
/// Prometheus does.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    body: &'a str,
    /// The next byte to read; always on a character boundary when an entry begins.
    at: usize,
    format: Format,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// `# EOF` was read: nothing may follow.
    AfterEof,
    Done,
}

/// Views a body as UTF-8, which both formats demand, or says where it is not.
pub fn utf8(body: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        let (line, column) = super::error::position(body, at);
        let byte = body.get(at).copied().unwrap_or_default();
        ParseError {
            line,
            column,
            found: format!("the byte 0x{byte:02x}, which is not UTF-8"),
            expected: "UTF-8 text".to_owned(),
        }
    })
}

/// What the braces of a sample or an exemplar hold.
struct LabelBlock<'a> {
    /// Everything between the braces.
    inner: &'a str,
    /// The metric name, if it stands quoted among the labels.
    quoted_name: Option<&'a str>,
}

impl<'a> Parser<'a> {
    /// A parser that accepts what Prometheus accepts when it scrapes.
    pub fn new(body: &'a str, format: Format) -> Self {
        Self { body, at: 0, format, state: State::Reading }
    }

    /// Where the parser stands, in bytes from the start of the body. Right after an entry was returned this is the
    /// end of it.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    fn peek(&self) -> Option<u8> {
        self.body.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.body.get(self.at..).unwrap_or_default()
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.body.get(from..to).unwrap_or_default()
    }

    fn error<T>(&self, expected: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::at(self.body, self.at, expected))
    }

    /// Blanks are free in text and forbidden in OpenMetrics, where each stands in the grammar.
    fn skip_blanks(&mut self) {
        if self.is_text() {
            while matches!(self.peek(), Some(b' ' | b'\t')) {
                self.at += 1;
            }
        }
    }

    fn entry(&mut self) -> Result<Option<Entry<'a>>, ParseError> {
        loop {
            self.skip_blanks();
            let Some(byte) = self.peek() else {
                return self.end();
            };
            if self.state == State::AfterEof {
                return self.error("nothing after `# EOF`");
            }
            match byte {
                b'\n' if self.is_text() => self.at += 1,
                b'#' => {
                    if let Some(entry) = self.comment()? {
                        return Ok(Some(entry));
                    }
                }
                b'{' => return self.sample().map(Some),
                _ if is_name_start(byte) => return self.sample().map(Some),
                _ => return self.error("a metric name, `{` or `#` at the start of a line"),
            }
        }
    }

    fn end(&mut self) -> Result<Option<Entry<'a>>, ParseError> {
        if self.format == Format::OpenMetrics && self.state == State::Reading {
            return self.error("`# EOF` as the last line");
        }
        Ok(None)
    }

    /// A line that begins with `#`: metadata, the end mark, or in text a comment.
    fn comment(&mut self) -> Result<Option<Entry<'a>>, ParseError> {
        let start = self.at;
        self.at += 1;
        let blanks_start = self.at;
        if self.is_text() {
            self.skip_blanks();
        } else if self.peek() == Some(b' ') {
            self.at += 1;
        }
        let has_blank = self.at > blanks_start;
        let rest = self.rest();
        let keyword_end = rest.find([' ', '\t', '\n']).unwrap_or(rest.len());
        let keyword = rest.get(..keyword_end).unwrap_or_default();
        let separated = match rest.as_bytes().get(keyword_end) {
            Some(b' ') => true,
            Some(b'\t') => self.is_text(),
            _ => false,
        };
        match (self.format, keyword, has_blank) {
            (_, "TYPE" | "HELP", true) if separated => {}
            (Format::OpenMetrics, "UNIT", true) if separated => {}
            (Format::OpenMetrics, "EOF", true)
                if !matches!(rest.as_bytes().get(keyword_end), Some(b' ' | b'\t')) =>
            {
                self.at += (keyword_end + 1).min(rest.len());
                self.state = State::AfterEof;
                return Ok(Some(Entry::Eof));
            }
            (Format::Text, ..) => {
                self.skip_line();
                return Ok(None);
            }
            (Format::OpenMetrics, ..) => {
                self.at = start;
                let expected =
                    "`# TYPE `, `# HELP `, `# UNIT ` with a metric name, or `# EOF` alone on the last line";
                return self.error(expected);
            }
        }
        self.at += keyword_end + 1;
        self.skip_blanks();
        let family = self.family(keyword)?;
        let text = self.metadata_text(keyword)?;
        self.metadata(keyword, family, text).map(Some)
    }

    /// The metric name after `# TYPE` and its like, quoted or not.
    fn family(&mut self, keyword: &str) -> Result<Cow<'a, str>, ParseError> {
        match self.peek() {
            Some(b'"') => Ok(unescape(self.quoted(&format!("a metric name after {keyword}"))?)),
            Some(byte) if is_name_start(byte) => Ok(Cow::Borrowed(self.plain_name(is_name_byte))),
            _ => self.error(format!("a metric name after {keyword}")),
        }
    }

    /// The rest of a metadata line, without the blank before it.
    fn metadata_text(&mut self, keyword: &str) -> Result<(usize, &'a str), ParseError> {
        let text_start = if self.is_text() {
            self.skip_blanks();
            self.at
        } else {
            match self.peek() {
                Some(b' ') => self.at + 1,
                _ => return self.error(format!("one blank and the text of {keyword}")),
            }
        };
        self.at = text_start;
        self.skip_line();
        let text = self.slice(text_start, self.at);
        let text = text.strip_suffix('\n').unwrap_or(text);
        Ok((text_start, text))
    }

    fn metadata(
        &self,
        keyword: &str,
        family: Cow<'a, str>,
        (text_start, text): (usize, &'a str),
    ) -> Result<Entry<'a>, ParseError> {
        match keyword {
            "TYPE" => match metric_type(self.format, text) {
                Some(kind) => Ok(Entry::Type { family, kind }),
                None => Err(ParseError::found(
                    self.body,
                    text_start,
                    format!("the metric type {}", quote(text)),
                    match self.format {
                        Format::Text => "counter, gauge, histogram, summary or untyped",
                        Format::OpenMetrics => {
                            "counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown"
                        }
                    },
                )),
            },
            "UNIT" => {
                let is_suffix =
                    family.strip_suffix(text).is_some_and(|stem| stem.len() > 1 && stem.ends_with('_'));
                if text.is_empty() || is_suffix {
                    return Ok(Entry::Unit { family, unit: text });
                }
                Err(ParseError::found(
                    self.body,
                    text_start,
                    format!("the unit {}", quote(text)),
                    format!(
                        "a unit that ends the metric's name after an underscore, as in {}",
                        quote(&format!("{family}_{text}"))
                    ),
                ))
            }
            _ => {
                let quotes = self.format == Format::OpenMetrics;
                Ok(Entry::Help { family, help: unescape_with(text, quotes) })
            }
        }
    }

    fn sample(&mut self) -> Result<Entry<'a>, ParseError> {
        let start = self.at;
        let mut name = None;
        if self.peek() != Some(b'{') {
            name = Some(self.plain_name(is_name_byte));
        }
        let mut series_end = self.at;
        self.skip_blanks();
        let mut raw_labels = "";
        if self.peek() == Some(b'{') {
            let block = self.label_block(name.is_none())?;
            series_end = self.at;
            raw_labels = block.inner;
            name = name.or(block.quoted_name);
        }
        let Some(raw_name) = name else {
            return Err(ParseError::at(
                self.body,
                start,
                "a metric name before the labels or quoted among them",
            ));
        };
        let value = self.value("a value after the metric")?;
        let timestamp_ms = self.timestamp()?;
        let exemplar = self.exemplar()?;
        self.line_end(timestamp_ms.is_some() || exemplar.is_some())?;
        Ok(Entry::Sample(SampleLine {
            raw_series: self.slice(start, series_end),
            value,
            timestamp_ms,
            exemplar,
            raw_name,
            raw_labels,
        }))
    }

    /// `{name="value",…}`; `may_name` says whether a quoted metric name may stand among the labels.
    fn label_block(&mut self, may_name: bool) -> Result<LabelBlock<'a>, ParseError> {
        self.at += 1;
        let inner_start = self.at;
        let mut quoted_name = None;
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b'}') => break,
                Some(b'"') => {
                    let string_start = self.at;
                    let string = self.quoted("a label name")?;
                    self.skip_blanks();
                    if matches!(self.peek(), Some(b',' | b'}')) && may_name {
                        if quoted_name.replace(string).is_some() {
                            return Err(ParseError::at(self.body, string_start, "one metric name only"));
                        }
                    } else {
                        self.label_value()?;
                    }
                }
                Some(byte) if is_label_start(byte) => {
                    self.plain_name(is_label_byte);
                    self.label_value()?;
                }
                _ => return self.error("a label name or `}`"),
            }
            self.skip_blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.error("`,` or `}` after a label"),
            }
        }
        let inner = self.slice(inner_start, self.at);
        self.at += 1;
        Ok(LabelBlock { inner, quoted_name })
    }

    /// `="value"`.
    fn label_value(&mut self) -> Result<(), ParseError> {
        self.skip_blanks();
        if self.peek() != Some(b'=') {
            return self.error("`=` after the label name");
        }
        self.at += 1;
        self.skip_blanks();
        self.quoted("a label value in double quotes").map(drop)
    }

    /// A string in double quotes, returned as written between them. Only text lets it run over lines.
    fn quoted(&mut self, expected: &str) -> Result<&'a str, ParseError> {
        if self.peek() != Some(b'"') {
            return self.error(expected);
        }
        let start = self.at + 1;
        let bytes = self.body.as_bytes().get(start..).unwrap_or_default();
        let end = closing_quote(bytes).filter(|&end| {
            self.is_text() || bytes.get(..end).is_some_and(|inner| memchr::memchr(b'\n', inner).is_none())
        });
        match end {
            Some(end) => {
                self.at = start + end + 1;
                Ok(self.slice(start, start + end))
            }
            None => self.error(format!("{expected}, closed by `\"` on the same line")),
        }
    }

    fn plain_name(&mut self, belongs: fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(belongs) {
            self.at += 1;
        }
        self.slice(start, self.at)
    }

    /// The blank and the number after a series or after an exemplar's labels.
    fn value(&mut self, expected: &str) -> Result<f64, ParseError> {
        self.gap(expected)?;
        let start = self.at;
        let word = self.word();
        if word.is_empty() {
            return self.error(expected);
        }
        number::value(word).ok_or_else(|| {
            let expected = "a decimal number, NaN, +Inf or -Inf as the value";
            ParseError::found(self.body, start, quote(word), expected)
        })
    }

    /// What separates the parts of a sample: in OpenMetrics exactly one blank.
    fn gap(&mut self, expected: &str) -> Result<(), ParseError> {
        if self.is_text() {
            self.skip_blanks();
            return Ok(());
        }
        if self.peek() != Some(b' ') {
            return self.error(format!("one blank and {expected}"));
        }
        self.at += 1;
        Ok(())
    }

    /// Everything up to the next blank or the end of the line.
    fn word(&mut self) -> &'a str {
        let start = self.at;
        let text = self.is_text();
        while self
            .peek()
            .is_some_and(|byte| byte != b' ' && byte != b'\n' && !(text && matches!(byte, b'\t' | b'{')))
        {
            self.at += 1;
        }
        self.slice(start, self.at)
    }

    fn timestamp(&mut self) -> Result<Option<i64>, ParseError> {
        if self.is_text() {
            self.skip_blanks();
            if matches!(self.peek(), None | Some(b'\n')) {
                return Ok(None);
            }
            let start = self.at;
            let word = self.word();
            return match parse_millis(word) {
                Some(millis) => Ok(Some(millis)),
                None => Err(ParseError::found(
                    self.body,
                    start,
                    quote(word),
                    "a timestamp in whole milliseconds or the end of the line",
                )),
            };
        }
        if self.peek() != Some(b' ') || self.rest().starts_with(" #") {
            return Ok(None);
        }
        self.at += 1;
        let start = self.at;
        let word = self.word();
        let millis = number::value(word).and_then(number::seconds_to_ms);
        match millis {
            Some(millis) => Ok(Some(millis)),
            None => {
                let found = if word.is_empty() { "a blank".to_owned() } else { quote(word) };
                Err(ParseError::found(self.body, start, found, "a finite timestamp in seconds"))
            }
        }
    }

    fn exemplar(&mut self) -> Result<Option<Exemplar<'a>>, ParseError> {
        if self.is_text() || !self.rest().starts_with(" #") {
            return Ok(None);
        }
        if !self.rest().starts_with(" # {") {
            self.at += 1;
            return self.error("an exemplar written ` # {labels} value`");
        }
        self.at += 3;
        let block = self.label_block(false)?;
        let value = self.value("a value after the exemplar's labels")?;
        let timestamp_ms = self.timestamp()?;
        Ok(Some(Exemplar { value, timestamp_ms, raw_labels: block.inner }))
    }

    fn line_end(&mut self, complete: bool) -> Result<(), ParseError> {
        self.skip_blanks();
        match self.peek() {
            None => Ok(()),
            Some(b'\n') => {
                self.at += 1;
                Ok(())
            }
            Some(_) if complete => self.error("the end of the line after the timestamp"),
            Some(_) => self.error("a timestamp or the end of the line"),
        }
    }

    /// Moves behind the next line break.
    fn skip_line(&mut self) {
        let rest = self.rest().as_bytes();
        self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Entry<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        match self.entry() {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => {
                self.state = State::Done;
                None
            }
            Err(error) => {
                self.state = State::Done;
                Some(Err(error))
            }
        }
    }
}

/// Whole milliseconds, with an optional minus.
fn parse_millis(word: &str) -> Option<i64> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    word.parse().ok()
}

/// The type a word names in a format; each has its own words.
fn metric_type(format: Format, word: &str) -> Option<MetricType> {
    match (format, word) {
        (Format::Text, word) => match word.trim_end_matches([' ', '\t']) {
            "counter" => Some(MetricType::Counter),
            "gauge" => Some(MetricType::Gauge),
            "histogram" => Some(MetricType::Histogram),
            "summary" => Some(MetricType::Summary),
            "untyped" => Some(MetricType::Unknown),
            _ => None,
        },
        (Format::OpenMetrics, "counter") => Some(MetricType::Counter),
        (Format::OpenMetrics, "gauge") => Some(MetricType::Gauge),
        (Format::OpenMetrics, "histogram") => Some(MetricType::Histogram),
        (Format::OpenMetrics, "gaugehistogram") => Some(MetricType::GaugeHistogram),
        (Format::OpenMetrics, "summary") => Some(MetricType::Summary),
        (Format::OpenMetrics, "info") => Some(MetricType::Info),
        (Format::OpenMetrics, "stateset") => Some(MetricType::StateSet),
        (Format::OpenMetrics, "unknown") => Some(MetricType::Unknown),
        (Format::OpenMetrics, _) => None,
    }
}

const fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b':'
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

const fn is_label_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
