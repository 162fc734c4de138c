//! Prometheus remote write 1.0, `POST /api/v1/write`.
//!
//! [`accept`] turns a request into rows; the caller hands them to its sink, waits until they are on disk, and turns
//! the sink's report into the answer with [`Received::answer`]. The headers in the answer are those of the
//! remote-write 2.0 specification, which senders of version 1 may ignore.

use watchfire_model::ingest::{Row, WriteReport};
use watchfire_model::{Labels, METRIC_NAME, Metadata, SampleValue};
use watchfire_wire::remote_write::{self as wire, Part, Reader, TimeSeries};
use watchfire_wire::snappy::SnappyError;

/// The headers of a request that matter here, as they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// `X-Prometheus-Remote-Write-Version`.
    pub version: Option<&'a str>,
}

/// Why a whole request is refused; nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReceiveError {
    /// The HTTP status: 400, 413 or 415. A sender does not try again.
    pub status: u16,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Rows out of one request, and what was wrong with the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// Rows to keep, series by series in the order sent.
    pub rows: Vec<Row>,
    /// What the request says about metric families, in the order sent.
    pub metadata: Vec<(String, Metadata)>,
    /// Exemplars, which are not kept yet.
    pub exemplars_skipped: usize,
    /// Samples of series whose labels are not valid.
    pub invalid_samples: usize,
    /// The first series whose labels are not valid, and why.
    pub first_invalid: Option<String>,
}

/// What to answer a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 204 when everything was kept, 400 when something was not; then the good rows are kept all the same.
    pub status: u16,
    /// Headers that count what was kept.
    pub headers: Vec<(&'static str, String)>,
    /// The reason, empty with 204.
    pub message: String,
}

/// The longest label name and value that are taken; limits of the store come on top.
const LONGEST_LABEL_NAME: usize = 4 << 10;
const LONGEST_LABEL_VALUE: usize = 1 << 20;

/// Decodes a request. The body is compressed, as it came; its size limit is the HTTP server's business.
pub fn accept(headers: Headers<'_>, body: &[u8]) -> Result<Received, ReceiveError> {
    check_headers(headers)?;
    let bytes = wire::decompress(body).map_err(|error| {
        let status = if matches!(error, SnappyError::TooLarge { .. }) { 413 } else { 400 };
        ReceiveError { status, message: error.to_string() }
    })?;
    let mut received = Received::default();
    let mut reader = Reader::new(&bytes);
    let mut series = TimeSeries::default();
    loop {
        let part = reader.next_into(&mut series);
        match part.map_err(|error| ReceiveError { status: 400, message: error.to_string() })? {
            None => return Ok(received),
            Some(Part::Metadata(family)) if family.family.is_empty() => {}
            Some(Part::Metadata(family)) => received.metadata.push((
                family.family.to_owned(),
                Metadata { kind: family.kind, unit: family.unit.to_owned(), help: family.help.to_owned() },
            )),
            Some(Part::Series) => received.take(&series),
        }
    }
}

impl Received {
    fn take(&mut self, series: &TimeSeries<'_>) {
        self.exemplars_skipped += series.exemplars.len();
        if series.samples.is_empty() && series.histograms.is_empty() {
            return;
        }
        if let Some(problem) = label_problem(&series.labels) {
            self.invalid_samples += series.samples.len() + series.histograms.len();
            if self.first_invalid.is_none() {
                self.first_invalid = Some(format!("series {}: {problem}", show(&series.labels)));
            }
            return;
        }
        let labels = Labels::from_slice(&series.labels);
        let floats =
            series.samples.iter().map(|sample| (sample.timestamp_ms, SampleValue::Float(sample.value)));
        let histograms = series.histograms.iter().map(|sample| {
            (sample.timestamp_ms, SampleValue::Histogram(std::sync::Arc::clone(&sample.histogram)))
        });
        self.rows.extend(floats.chain(histograms).map(|(timestamp_ms, value)| Row {
            series: labels.clone(),
            timestamp_ms,
            start_timestamp_ms: 0,
            value,
        }));
    }

    /// The answer once the sink has reported. `floats` and `histograms` were counted before the rows were handed
    /// over: [`Received::counts`].
    pub fn answer(&self, counts: Counts, report: &WriteReport) -> Answer {
        let refused_rows = report.refused_rows();
        // The sink does not say which kind it refused; histograms are rare, so floats are counted down first.
        let floats = counts.floats.saturating_sub(refused_rows);
        let histograms = counts.histograms.saturating_sub(refused_rows.saturating_sub(counts.floats));
        let mut reasons: Vec<String> = Vec::new();
        if let Some(invalid) = &self.first_invalid {
            reasons.push(format!("{invalid} ({} samples with invalid labels)", self.invalid_samples));
        }
        for refusal in &report.refused {
            reasons.push(format!(
                "{} ({} samples {})",
                refusal.example,
                refusal.rows,
                refusal.reason.as_str()
            ));
        }
        Answer {
            status: if reasons.is_empty() { 204 } else { 400 },
            headers: vec![
                ("X-Prometheus-Remote-Write-Samples-Written", floats.to_string()),
                ("X-Prometheus-Remote-Write-Histograms-Written", histograms.to_string()),
                ("X-Prometheus-Remote-Write-Exemplars-Written", "0".to_owned()),
            ],
            message: reasons.join("; "),
        }
    }

    /// How many rows of either kind there are.
    pub fn counts(&self) -> Counts {
        let histograms =
            self.rows.iter().filter(|row| matches!(row.value, SampleValue::Histogram(_))).count();
        Counts { floats: self.rows.len() - histograms, histograms }
    }
}

/// Rows of a request by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Float samples.
    pub floats: usize,
    /// Native histograms.
    pub histograms: usize,
}

fn check_headers(headers: Headers<'_>) -> Result<(), ReceiveError> {
    let unsupported = |message: String| Err(ReceiveError { status: 415, message });
    let content_type = headers.content_type.unwrap_or("application/x-protobuf");
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let message = parts.find_map(|part| part.strip_prefix("proto="));
    const SUPPORTED: &str =
        "supported: application/x-protobuf;proto=prometheus.WriteRequest (remote write 1.0)";
    if !media_type.eq_ignore_ascii_case("application/x-protobuf") {
        return unsupported(format!("content type {media_type:?} is not supported; {SUPPORTED}"));
    }
    match message.map(|message| message.trim_matches('"')) {
        // Senders that do not name the message mean version 1, unless they say otherwise.
        None if headers.version.is_some_and(|version| version.starts_with("2.")) => {
            return unsupported(format!(
                "remote write {} is not supported; {SUPPORTED}",
                headers.version.unwrap_or("2")
            ));
        }
        None | Some("prometheus.WriteRequest") => {}
        Some(other) => {
            return unsupported(format!("protobuf message {other:?} is not supported; {SUPPORTED}"));
        }
    }
    match headers.content_encoding {
        None => Ok(()),
        Some(encoding) if encoding.eq_ignore_ascii_case("snappy") => Ok(()),
        Some(encoding) => {
            unsupported(format!("content encoding {encoding:?} is not supported; supported: snappy"))
        }
    }
}

/// What is wrong with the labels of a series, if anything. Their order does not matter.
fn label_problem(labels: &[(&str, &str)]) -> Option<String> {
    for (name, value) in labels {
        if name.is_empty() {
            return Some("a label without a name".to_owned());
        }
        if name.len() > LONGEST_LABEL_NAME || value.len() > LONGEST_LABEL_VALUE {
            let shown: String = name.chars().take(64).collect();
            return Some(format!("the label {shown:?} is longer than 4 KiB of name or 1 MiB of value"));
        }
    }
    if let Some(name) = duplicate(labels) {
        return Some(format!("the label {name:?} is there twice"));
    }
    let has_name = labels.iter().any(|(name, value)| *name == METRIC_NAME && !value.is_empty());
    (!has_name).then(|| "no metric name: the label \"__name__\" is missing or empty".to_owned())
}

/// A label name that is there twice. Senders must sort, so the neighbours nearly always tell.
fn duplicate<'a>(labels: &[(&'a str, &'a str)]) -> Option<&'a str> {
    if labels.is_sorted_by(|left, right| left.0 < right.0) {
        return None;
    }
    let mut names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.iter().zip(names.iter().skip(1)).find(|(left, right)| left == right).map(|(name, _)| *name)
}

/// A series as an error shows it: what was sent, shortened.
fn show(labels: &[(&str, &str)]) -> String {
    const LONGEST: usize = 300;
    let mut shown = String::from("{");
    for (index, (name, value)) in labels.iter().enumerate() {
        if shown.len() > LONGEST {
            shown.push('…');
            break;
        }
        let (name, value): (String, String) =
            (name.chars().take(64).collect(), value.chars().take(64).collect());
        shown.push_str(if index == 0 { "" } else { ", " });
        shown.push_str(&format!("{name}={value:?}"));
    }
    shown.push('}');
    shown
}

#[cfg(test)]
mod tests;
