//! Remote write 2.0: `io.prometheus.write.v2.Request`, whose texts stand once in a table and are referred to by number.
//!
//! Numbers of fields and meanings are those of the specification at 2.0-rc.4, where samples and histograms carry start
//! timestamps; the one for the whole series that 2.0-rc.3 and Prometheus up to 3.7 know is understood as well.

use super::{Batch, histogram, metric_type};
use crate::protobuf::{Field, MessageReader, ProtobufError};
use std::collections::HashSet;
use watchfire_model::ingest::RefusalReason;
use watchfire_model::labels::RawLabels;
use watchfire_model::{Metadata, MetricType};

/// More texts than this are not taken: a table of references to them is made before anything else.
pub const MAX_SYMBOLS: usize = 4 << 20;

/// What the labels and descriptions of a request may take when they are written out, in bytes. A text of a megabyte is
/// sent once and may be referred to a million times.
pub const MAX_TEXT_BYTES: usize = 2 * super::MAX_DECOMPRESSED_BYTES;

/// Why nothing of a request was taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not an `io.prometheus.write.v2.Request`.
    #[error("not an io.prometheus.write.v2.Request: {0}")]
    Protobuf(#[from] ProtobufError),
    /// More than [`MAX_SYMBOLS`].
    #[error("more than {MAX_SYMBOLS} symbols; send fewer series in one request")]
    TooManySymbols,
}

/// Why a series was refused. What cannot be resolved may belong to any label, so that the whole series goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum SeriesProblem {
    #[error("it refers to the symbol {reference} of {symbols}")]
    Reference { reference: u64, symbols: usize },
    #[error("it refers to the symbol 0, which must be empty and is not")]
    FirstSymbol,
    #[error("an odd number of references to names and values of labels")]
    OddReferences,
    #[error(
        "the texts of this request take more than {MAX_TEXT_BYTES} bytes written out; send fewer series at once"
    )]
    TooMuchText,
}

/// Adds what a decompressed request holds to `batch` and `families`.
///
/// A series with a reference to a text that is not there is refused in the batch, and so is a histogram that contradicts
/// itself; the rest is taken. Bytes that are no message are an error that names the place, and then what was added so far
/// is of no use. What a series says about its family is told once for each name and description.
pub fn decode(
    bytes: &[u8],
    batch: &mut Batch,
    families: &mut Vec<(String, Metadata)>,
) -> Result<(), DecodeError> {
    let mut message = MessageReader::new(bytes);
    let mut symbols = Vec::new();
    // The texts come first from every sender known, but a message may have its fields in any order.
    let mut from_first_series = None;
    loop {
        let before = message.clone();
        let Some(field) = message.next()? else { break };
        match field.number {
            4 if symbols.len() == MAX_SYMBOLS => return Err(DecodeError::TooManySymbols),
            4 => symbols.push(field.bytes("symbols")?),
            5 if from_first_series.is_none() => from_first_series = Some(before),
            _ => {}
        }
    }
    let Some(mut message) = from_first_series else { return Ok(()) };
    let symbols = Symbols { texts: symbols, room_bytes: MAX_TEXT_BYTES };
    let mut request = Request { symbols, batch, families, told: HashSet::new() };
    while let Some(field) = message.next()? {
        if field.number == 5 {
            request.read_series(field.message("timeseries")?)?;
        }
    }
    Ok(())
}

/// The table of texts, and how much of them may still be written out.
struct Symbols<'a> {
    texts: Vec<&'a [u8]>,
    room_bytes: usize,
}

impl<'a> Symbols<'a> {
    fn get(&self, reference: u64) -> Result<&'a [u8], SeriesProblem> {
        let text = usize::try_from(reference).ok().and_then(|index| self.texts.get(index));
        match text {
            Some(text) if reference == 0 && !text.is_empty() => Err(SeriesProblem::FirstSymbol),
            Some(text) => Ok(text),
            None => Err(SeriesProblem::Reference { reference, symbols: self.texts.len() }),
        }
    }

    /// A text of metadata; 0 says that there is none, whatever stands there.
    fn description(&self, reference: u64) -> Result<&'a [u8], SeriesProblem> {
        if reference == 0 { Ok(&[]) } else { self.get(reference) }
    }

    fn label(&mut self, name: u64, value: u64) -> Result<(&'a [u8], &'a [u8]), SeriesProblem> {
        let label = (self.get(name)?, self.get(value)?);
        // With the lengths that stand before them.
        self.spend(label.0.len() + label.1.len() + 2)?;
        Ok(label)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), SeriesProblem> {
        self.room_bytes = self.room_bytes.checked_sub(bytes).ok_or(SeriesProblem::TooMuchText)?;
        Ok(())
    }
}

/// What a series says about its family, unresolved.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Description {
    kind: MetricType,
    help: u64,
    unit: u64,
}

/// References to labels, two by two.
#[derive(Default)]
struct Pairs {
    name: Option<u64>,
    problem: Option<SeriesProblem>,
}

impl Pairs {
    /// Resolves the references of a field and hands each label on, with the reference to its value.
    #[inline]
    fn read<'a>(
        &mut self,
        field: &Field<'a>,
        symbols: &mut Symbols<'a>,
        mut each: impl FnMut((&'a [u8], &'a [u8]), u64),
    ) -> Result<(), ProtobufError> {
        field.each_uint64("labels_refs", |reference| match (self.problem, self.name.take()) {
            (Some(_), _) => {}
            (None, None) => self.name = Some(reference),
            (None, Some(name)) => match symbols.label(name, reference) {
                Ok(label) => each(label, reference),
                Err(problem) => self.problem = Some(problem),
            },
        })
    }

    fn finish(self) -> Option<SeriesProblem> {
        self.problem.or_else(|| self.name.map(|_| SeriesProblem::OddReferences))
    }
}

struct Request<'a, 'b> {
    symbols: Symbols<'a>,
    batch: &'b mut Batch,
    families: &'b mut Vec<(String, Metadata)>,
    /// What was told already: the reference to the metric's name, and what it said.
    told: HashSet<(u64, Description)>,
}

impl<'a> Request<'a, '_> {
    fn read_series(&mut self, mut message: MessageReader<'a>) -> Result<(), ProtobufError> {
        let (mut labels, mut problem) = (Pairs::default(), None);
        let mut name = None;
        let mut description = Description::default();
        let (mut floats, mut histograms, mut exemplars) = (0, 0, 0);
        let mut start_timestamp_ms = 0;
        self.batch.begin_series();
        while let Some(field) = message.next()? {
            match field.number {
                1 => labels.read(&field, &mut self.symbols, |label, value| {
                    if label.0 == b"__name__" {
                        name = Some((value, label.1));
                    }
                    self.batch.push_label(label.0, label.1);
                })?,
                2 => {
                    self.read_sample(&field)?;
                    floats += 1;
                }
                3 => histograms += usize::from(histogram::read(&field)?.push(self.batch)),
                4 => match self.read_exemplar(&field)? {
                    None => exemplars += 1,
                    found => problem = problem.or(found),
                },
                5 => description = read_description(&field)?,
                6 => start_timestamp_ms = field.int64("created_timestamp")?,
                _ => {}
            }
        }
        if start_timestamp_ms != 0 {
            self.batch.start_samples(start_timestamp_ms);
        }
        problem = labels.finish().or(problem);
        if let (None, Some(name)) = (problem, name) {
            problem = self.describe(name, description, histograms > 0).err();
        }
        if let Some(problem) = problem {
            let series = RawLabels(self.batch.last_labels()).to_string();
            self.batch.drop_series();
            let reason = match problem {
                SeriesProblem::TooMuchText => RefusalReason::LabelLimit,
                _ => RefusalReason::InvalidLabels,
            };
            self.batch.refuse(reason, floats + histograms, || format!("the series {series}: {problem}"));
        } else if floats + histograms + exemplars == 0 {
            self.batch.drop_series();
        }
        Ok(())
    }

    #[inline]
    fn read_sample(&mut self, field: &Field<'a>) -> Result<(), ProtobufError> {
        let mut message = field.message("samples")?;
        let (mut value, mut timestamp_ms, mut start_timestamp_ms) = (0.0, 0, 0);
        while let Some(field) = message.next()? {
            match field.number {
                1 => value = field.double("sample.value")?,
                2 => timestamp_ms = field.int64("sample.timestamp")?,
                3 => start_timestamp_ms = field.int64("sample.start_timestamp")?,
                _ => {}
            }
        }
        self.batch.push_float(timestamp_ms, start_timestamp_ms, value);
        Ok(())
    }

    /// Adds an exemplar, or says why its labels cannot be told.
    fn read_exemplar(&mut self, field: &Field<'a>) -> Result<Option<SeriesProblem>, ProtobufError> {
        let mut message = field.message("exemplars")?;
        let (mut pairs, mut labels) = (Pairs::default(), Vec::new());
        let (mut value, mut timestamp_ms) = (0.0, 0);
        while let Some(field) = message.next()? {
            match field.number {
                1 => pairs.read(&field, &mut self.symbols, |label, _| labels.push(label))?,
                2 => value = field.double("exemplar.value")?,
                3 => timestamp_ms = field.int64("exemplar.timestamp")?,
                _ => {}
            }
        }
        let problem = pairs.finish();
        if problem.is_none() {
            self.batch.push_exemplar(timestamp_ms, value, labels);
        }
        Ok(problem)
    }

    /// Tells what a series says about its family, unless it says nothing or it was told before. Words of description lose
    /// the bytes that are no text, and nothing else.
    fn describe(
        &mut self,
        (reference, name): (u64, &'a [u8]),
        description: Description,
        is_native: bool,
    ) -> Result<(), SeriesProblem> {
        let (help, unit) =
            (self.symbols.description(description.help)?, self.symbols.description(description.unit)?);
        let says_nothing = description.kind == MetricType::Unknown && help.is_empty() && unit.is_empty();
        if says_nothing || !self.told.insert((reference, description)) {
            return Ok(());
        }
        // A name that is no text is refused with its series by whoever keeps them.
        let Ok(name) = std::str::from_utf8(name) else { return Ok(()) };
        self.symbols.spend(name.len() + help.len() + unit.len())?;
        let family = if is_native { name } else { family(name, description.kind) };
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let metadata = Metadata { kind: description.kind, help: text(help), unit: text(unit) };
        self.families.push((family.to_owned(), metadata));
        Ok(())
    }
}

fn read_description(field: &Field<'_>) -> Result<Description, ProtobufError> {
    let mut message = field.message("metadata")?;
    let mut description = Description::default();
    while let Some(field) = message.next()? {
        match field.number {
            1 => description.kind = metric_type(field.uint64("metadata.type")?),
            3 => description.help = field.uint64("metadata.help_ref")?,
            4 => description.unit = field.uint64("metadata.unit_ref")?,
            _ => {}
        }
    }
    Ok(description)
}

/// The family of a metric: classic histograms and summaries are several metrics, and each carries the metadata.
fn family(name: &str, kind: MetricType) -> &str {
    let suffixes: &[&str] = match kind {
        MetricType::Histogram => &["_bucket", "_count", "_sum"],
        MetricType::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        MetricType::Summary => &["_count", "_sum"],
        _ => &[],
    };
    let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
    family.filter(|family| !family.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests;
