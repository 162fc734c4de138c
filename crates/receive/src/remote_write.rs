//! Prometheus remote write 1.0, `POST /api/v1/write`.
//!
//! [`accept`] turns a request into rows; the caller hands them to its sink, waits until they are on disk, and turns
//! the sink's report into the answer with [`Received::answer`]. The headers in the answer are those of the
//! remote-write 2.0 specification, which senders of version 1 may ignore.

use watchfire_model::Metadata;
use watchfire_model::ingest::{Batch, WriteReport};
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

/// What one request holds. Labels are not checked yet: the sink refuses the series whose labels are not valid.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Samples to keep, series by series in the order sent.
    pub batch: Batch,
    /// What the request says about metric families, in the order sent.
    pub metadata: Vec<(String, Metadata)>,
    /// Exemplars, which are not kept yet.
    pub exemplars_skipped: usize,
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
        self.batch.begin_series();
        for (name, value) in &series.labels {
            self.batch.push_label(name.as_bytes(), value.as_bytes());
        }
        for sample in &series.samples {
            self.batch.push_float(sample.timestamp_ms, 0, sample.value);
        }
        for sample in &series.histograms {
            self.batch.push_histogram(sample.timestamp_ms, 0, std::sync::Arc::clone(&sample.histogram));
        }
    }

    /// The answer once the sink has reported. `floats` and `histograms` were counted before the rows were handed
    /// over: [`Received::counts`].
    pub fn answer(&self, counts: Counts, report: &WriteReport) -> Answer {
        let refused_rows = report.refused_rows();
        // The sink does not say which kind it refused; histograms are rare, so floats are counted down first.
        let floats = counts.floats.saturating_sub(refused_rows);
        let histograms = counts.histograms.saturating_sub(refused_rows.saturating_sub(counts.floats));
        let mut reasons: Vec<String> = Vec::new();
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
        let histograms = self.batch.histogram_count();
        Counts { floats: self.batch.len() - histograms, histograms }
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

#[cfg(test)]
mod tests;
