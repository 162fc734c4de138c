//! Writing expositions: `/metrics`, `/federate`, `collect --once`.

use super::Format;
use std::borrow::Cow;
use watchfire_model::labels::{is_legacy_label_name, is_legacy_metric_name};
use watchfire_model::{Labels, METRIC_NAME, MetricType};

/// A metric family to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// The name as samples without a suffix carry it: counters with `_total`, infos with `_info`.
    pub name: Cow<'static, str>,
    /// Its type.
    pub kind: MetricType,
    /// Its help text, unescaped; none is written when empty.
    pub help: Cow<'static, str>,
    /// Its samples.
    pub points: Vec<Point>,
}

/// One sample of a family.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// What follows the family's name: nothing, or `_bucket`, `_sum`, `_count`.
    pub suffix: &'static str,
    /// Labels without the metric name, in the order they shall be written.
    pub labels: Vec<(Cow<'static, str>, String)>,
    /// The value.
    pub value: f64,
    /// Milliseconds since the Unix epoch, if it shall be told.
    pub timestamp_ms: Option<i64>,
}

impl Family {
    /// A family without samples yet.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        kind: MetricType,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), kind, help: help.into(), points: Vec::new() }
    }

    /// Adds a sample without suffix or timestamp.
    pub fn push<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'static str, &'a str)>,
        value: f64,
    ) -> &mut Self {
        let labels =
            labels.into_iter().map(|(name, value)| (Cow::Borrowed(name), value.to_owned())).collect();
        self.points.push(Point { labels, value, ..Point::default() });
        self
    }

    /// The full label set of one of its samples.
    pub fn labels_of(&self, point: &Point) -> Labels {
        let name = format!("{}{}", self.name, point.suffix);
        Labels::from_pairs(
            std::iter::once((METRIC_NAME, name.as_str()))
                .chain(point.labels.iter().map(|(name, value)| (name.as_ref(), value.as_str()))),
        )
    }
}

/// Writes families one after another; [`Writer::finish`] puts the end mark where the format has one.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    text: String,
}

impl Writer {
    /// Nothing written yet.
    pub fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// Writes a family: its metadata and all its samples.
    pub fn family(&mut self, family: &Family) {
        self.metadata(&family.name, family.kind, &family.help);
        for point in &family.points {
            let labels = point.labels.iter().map(|(name, value)| (name.as_ref(), value.as_str()));
            push_series(&mut self.text, &family.name, point.suffix, labels);
            self.end_of_sample(point.value, point.timestamp_ms);
        }
    }

    /// Writes what a family says about itself; for callers that write its samples one by one.
    ///
    /// OpenMetrics ties names to types. A counter whose name does not end in `_total` and an info that does not end
    /// in `_info` are declared `unknown` there, so that a series has one name in both formats.
    pub fn metadata(&mut self, name: &str, kind: MetricType, help: &str) {
        let (name, kind) = match self.format {
            Format::Text => (name, text_type(kind)),
            Format::OpenMetrics => openmetrics_type(name, kind),
        };
        if !help.is_empty() {
            self.text.push_str("# HELP ");
            push_name(&mut self.text, name);
            self.text.push(' ');
            push_escaped(&mut self.text, help, self.format == Format::OpenMetrics);
            self.text.push('\n');
        }
        self.text.push_str("# TYPE ");
        push_name(&mut self.text, name);
        self.text.push(' ');
        self.text.push_str(kind);
        self.text.push('\n');
    }

    /// Writes one sample of a series.
    pub fn sample(&mut self, series: &Labels, value: f64, timestamp_ms: Option<i64>) {
        let labels = series.iter().filter(|(name, _)| *name != METRIC_NAME);
        push_series(&mut self.text, series.metric_name(), "", labels);
        self.end_of_sample(value, timestamp_ms);
    }

    /// Writes one sample with labels in any order, those with empty values too: they say that whoever reads this shall not
    /// add labels of those names.
    pub fn sample_with<'a>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        push_series(&mut self.text, name, "", labels);
        self.end_of_sample(value, None);
    }

    fn end_of_sample(&mut self, value: f64, timestamp_ms: Option<i64>) {
        self.text.push(' ');
        push_value(&mut self.text, value);
        if let Some(timestamp_ms) = timestamp_ms {
            self.text.push(' ');
            match self.format {
                Format::Text => self.text.push_str(&timestamp_ms.to_string()),
                Format::OpenMetrics => {
                    let sign = if timestamp_ms < 0 { "-" } else { "" };
                    let millis = timestamp_ms.unsigned_abs();
                    self.text.push_str(&format!("{sign}{}.{:03}", millis / 1000, millis % 1000));
                }
            }
        }
        self.text.push('\n');
    }

    /// The whole body.
    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// Families as one body.
pub fn write<'a>(families: impl IntoIterator<Item = &'a Family>, format: Format) -> String {
    let mut writer = Writer::new(format);
    for family in families {
        writer.family(family);
    }
    writer.finish()
}

/// The text format knows five types; the others become the one whose samples look alike.
const fn text_type(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Counter => "counter",
        MetricType::Gauge | MetricType::Info | MetricType::StateSet => "gauge",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
        MetricType::Summary => "summary",
        MetricType::Unknown => "untyped",
    }
}

fn openmetrics_type(name: &str, kind: MetricType) -> (&str, &'static str) {
    let suffix = match kind {
        MetricType::Counter => "_total",
        MetricType::Info => "_info",
        _ => return (name, kind.as_str()),
    };
    match name.strip_suffix(suffix) {
        Some(stem) if !stem.is_empty() => (stem, kind.as_str()),
        _ => (name, MetricType::Unknown.as_str()),
    }
}

fn push_series<'a>(
    text: &mut String,
    name: &str,
    suffix: &str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) {
    let is_plain = is_legacy_metric_name(name);
    let mut opened = !is_plain;
    if is_plain {
        text.push_str(name);
        text.push_str(suffix);
    } else {
        text.push_str("{\"");
        push_escaped(text, name, true);
        text.push_str(suffix);
        text.push('"');
    }
    for (label, value) in labels {
        text.push(if opened { ',' } else { '{' });
        opened = true;
        if is_legacy_label_name(label) {
            text.push_str(label);
        } else {
            text.push('"');
            push_escaped(text, label, true);
            text.push('"');
        }
        text.push_str("=\"");
        push_escaped(text, value, true);
        text.push('"');
    }
    if opened {
        text.push('}');
    }
}

fn push_name(text: &mut String, name: &str) {
    if is_legacy_metric_name(name) {
        text.push_str(name);
    } else {
        text.push('"');
        push_escaped(text, name, true);
        text.push('"');
    }
}

fn push_escaped(text: &mut String, raw: &str, quotes: bool) {
    for letter in raw.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            _ => text.push(letter),
        }
    }
}

/// The first power of ten that is written with an exponent.
const EXPONENT_FROM: i32 = 6;

/// Writes a number as Go's `strconv.FormatFloat(v, 'g', -1, 64)` does, which is what people know from `/metrics`:
/// the shortest digits that read back the same, with an exponent below 1e-4 and from 1e6 on.
pub fn push_value(text: &mut String, value: f64) {
    if value.is_nan() {
        return text.push_str("NaN");
    }
    if value.is_infinite() {
        return text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    // `1.234e5`: the shortest digits, and the exponent.
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..EXPONENT_FROM).contains(&exponent) {
        return text.push_str(&value.to_string());
    }
    text.push_str(digits);
    text.push_str(if exponent < 0 { "e-" } else { "e+" });
    text.push_str(&format!("{:02}", exponent.unsigned_abs()));
}
