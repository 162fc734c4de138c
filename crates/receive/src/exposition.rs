//! Pushed expositions, `POST /api/v1/import/prometheus`: the text a target would be scraped for, sent by whoever is not
//! scraped. The path and its parameters are VictoriaMetrics's.
//!
//! A body is read line by line: a line that is wrong is named with its place and costs itself only.

use crate::ReceiveError;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use watchfire_model::ingest::{Batch, RefusalReason, WriteReport};
use watchfire_model::labels::is_legacy_label_name;
use watchfire_model::{METRIC_NAME, Metadata};
use watchfire_wire::exposition::{Entry, Format, ParseError, Parser, SampleLine, utf8};

/// What a compressed body may become.
pub const MAX_DECODED_BYTES: usize = 64 << 20;
/// A body with more wrong lines than this is not read further.
const MAX_FAULTS: usize = 10_000;
/// How many faults an answer names.
const NAMED_FAULTS: usize = 10;
/// How many labels a request may add.
const MAX_EXTRA_LABELS: usize = 64;

/// What a request says beside its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `Content-Type`: OpenMetrics where it says so, else Prometheus's text format.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`: `gzip` or none.
    pub content_encoding: Option<&'a str>,
}

/// What a request asks for its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Labels that every series gets, in the place of its own of that name.
    pub extra_labels: BTreeMap<String, String>,
    /// When samples without a time of their own were measured, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

impl Options {
    /// Reads the parameters of a query string: `extra_label`, which may repeat, and `timestamp`, in milliseconds.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn read<'a>(
        extra_labels: impl Iterator<Item = &'a str>,
        timestamp: Option<&str>,
        now_ms: i64,
    ) -> Result<Self, ReceiveError> {
        let mut options = Self { timestamp_ms: now_ms, ..Self::default() };
        for text in extra_labels {
            let label =
                text.split_once('=').filter(|(name, _)| is_legacy_label_name(name) && *name != METRIC_NAME);
            let Some((name, value)) = label else {
                return Err(invalid(format!("extra_label {text:?} is not NAME=VALUE, such as job=train")));
            };
            options.extra_labels.insert(name.to_owned(), value.to_owned());
            if options.extra_labels.len() > MAX_EXTRA_LABELS {
                return Err(invalid(format!("more than {MAX_EXTRA_LABELS} labels by extra_label")));
            }
        }
        if let Some(text) = timestamp {
            options.timestamp_ms = text
                .parse()
                .map_err(|_| invalid(format!("timestamp {text:?} is not a number of milliseconds")))?;
        }
        Ok(options)
    }
}

/// What a body holds. Labels are not checked yet: the sink refuses the series whose labels are not valid.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Samples to keep, in the order sent; it knows of the lines that were refused.
    pub batch: Batch,
    /// What the body says about metric families, sorted by name.
    pub metadata: BTreeMap<String, Metadata>,
    /// The first wrong lines, `LINE:COLUMN: …`.
    pub faults: Vec<String>,
    /// How many lines were wrong.
    pub wrong_lines: usize,
    /// Whether the end of the body was not read, because too much of it was wrong.
    pub is_cut: bool,
}

/// What to answer a sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 204 when everything was kept, 400 when something was not; then the rest is kept all the same.
    pub status: u16,
    /// What was refused, a line each; empty with 204.
    pub message: String,
}

/// Reads a request. The body is as it came, within the HTTP server's limit.
///
/// # Errors
/// Why the request is refused as a whole: a body that is not UTF-8, too large, or packed in an unknown way.
pub fn accept(headers: Headers<'_>, options: &Options, body: &[u8]) -> Result<Received, ReceiveError> {
    let body = unpacked(headers.content_encoding, body)?;
    let text = utf8(&body).map_err(|error| invalid(error.to_string()))?;
    let is_open = headers.content_type.is_some_and(|kind| kind.starts_with("application/openmetrics-text"));
    let format = if is_open { Format::OpenMetrics } else { Format::Text };
    Ok(read(text, format, options))
}

/// The answer once the sink has reported.
pub fn answer(received: &Faults, report: &WriteReport) -> Answer {
    if report.refused.is_empty() && received.wrong_lines == 0 {
        return Answer { status: 204, message: String::new() };
    }
    let mut message = format!("{} samples kept\n", report.accepted);
    for fault in &received.named {
        message += &format!("{fault}\n");
    }
    let more = received.wrong_lines.saturating_sub(received.named.len());
    if more > 0 {
        message += &format!("and {more} more lines like these\n");
    }
    if received.is_cut {
        message += "too many wrong lines: what stands after them was not read\n";
    }
    for refusal in report.refused.iter().filter(|refusal| refusal.reason != RefusalReason::Malformed) {
        message += &format!("{} ({} samples {})\n", refusal.example, refusal.rows, refusal.reason.as_str());
    }
    Answer { status: 400, message }
}

/// The part of [`Received`] that outlives its batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    named: Vec<String>,
    wrong_lines: usize,
    is_cut: bool,
}

impl Received {
    /// The batch for the sink, what is said about families, and what the answer will need.
    pub fn into_parts(self) -> (Batch, BTreeMap<String, Metadata>, Faults) {
        let faults = Faults { named: self.faults, wrong_lines: self.wrong_lines, is_cut: self.is_cut };
        (self.batch, self.metadata, faults)
    }

    fn fault(&mut self, place: &str) {
        self.wrong_lines += 1;
        if self.faults.len() < NAMED_FAULTS {
            self.faults.push(place.to_owned());
        }
        self.batch.refuse(RefusalReason::Malformed, 1, || place.to_owned());
    }
}

fn invalid(message: String) -> ReceiveError {
    ReceiveError { status: 400, message }
}

/// Unpacks a body as its `Content-Encoding` says: gzip or nothing.
///
/// # Errors
/// Another encoding, what is no gzip, and what becomes larger than [`MAX_DECODED_BYTES`].
pub fn unpacked<'a>(encoding: Option<&str>, body: &'a [u8]) -> Result<Cow<'a, [u8]>, ReceiveError> {
    match encoding {
        None | Some("" | "identity") => Ok(Cow::Borrowed(body)),
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => unpack(body).map(Cow::Owned),
        Some(encoding) => {
            let message = format!("content encoding {encoding:?} is not supported; use gzip or none");
            Err(ReceiveError { status: 415, message })
        }
    }
}

fn unpack(body: &[u8]) -> Result<Vec<u8>, ReceiveError> {
    let mut unpacked = Vec::new();
    let limit = MAX_DECODED_BYTES as u64 + 1;
    flate2::read::MultiGzDecoder::new(body)
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|error| invalid(format!("the body is not gzip: {error}")))?;
    if unpacked.len() > MAX_DECODED_BYTES {
        let message =
            format!("the body unpacks to more than the {MAX_DECODED_BYTES} bytes allowed; send less at once");
        return Err(ReceiveError { status: 413, message });
    }
    Ok(unpacked)
}

fn read(text: &str, format: Format, options: &Options) -> Received {
    let mut received = Received::default();
    let mut families: HashMap<String, Metadata> = HashMap::new();
    // Where the piece begins that the parser is at: after each wrong line begins another.
    let (mut piece, mut lines_before) = (text, 0);
    loop {
        let mut parser = Parser::new(piece, format);
        let Some(error) = read_piece(&mut parser, options, &mut received.batch, &mut families) else { break };
        let line = error.line.max(1);
        let place = ParseError { line: lines_before + line, ..error };
        received.fault(&place.to_string());
        if received.wrong_lines >= MAX_FAULTS {
            received.is_cut = true;
            break;
        }
        let Some(end) = memchr::memchr_iter(b'\n', piece.as_bytes()).nth(line - 1) else { break };
        piece = piece.get(end + 1..).unwrap_or_default();
        lines_before += line;
    }
    received.metadata = families.into_iter().collect();
    received
}

fn read_piece(
    parser: &mut Parser<'_>,
    options: &Options,
    batch: &mut Batch,
    families: &mut HashMap<String, Metadata>,
) -> Option<ParseError> {
    for entry in parser {
        match entry {
            Ok(Entry::Type { family, kind }) => families.entry(family.into_owned()).or_default().kind = kind,
            Ok(Entry::Help { family, help }) => {
                families.entry(family.into_owned()).or_default().help = help.into_owned();
            }
            Ok(Entry::Unit { family, unit }) => {
                families.entry(family.into_owned()).or_default().unit = unit.to_owned();
            }
            Ok(Entry::Eof) => {}
            Ok(Entry::Sample(sample)) => push(batch, &sample, options),
            Err(error) => return Some(error),
        }
    }
    None
}

fn push(batch: &mut Batch, sample: &SampleLine<'_>, options: &Options) {
    batch.begin_series();
    batch.push_label(METRIC_NAME.as_bytes(), sample.name().as_bytes());
    for (name, value) in sample.labels() {
        if !options.extra_labels.contains_key(name.as_ref()) {
            batch.push_label(name.as_bytes(), value.as_bytes());
        }
    }
    for (name, value) in &options.extra_labels {
        batch.push_label(name.as_bytes(), value.as_bytes());
    }
    let timestamp_ms = sample.timestamp_ms.unwrap_or(options.timestamp_ms);
    batch.push_float(timestamp_ms, 0, sample.value);
    if let Some(exemplar) = &sample.exemplar {
        let labels: Vec<_> = exemplar.labels().collect();
        let labels = labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        batch.push_exemplar(exemplar.timestamp_ms.unwrap_or(timestamp_ms), exemplar.value, labels);
    }
}

#[cfg(test)]
mod tests;
