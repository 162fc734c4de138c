//! What is remembered of a target between scrapes: the labels behind every line, and which series are alive.

use super::Mutator;
use crate::error::ScrapeError;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};
use watchfire_model::ingest::Row;
use watchfire_model::{Labels, Metadata, STALE_NAN, SampleValue};
use watchfire_wire::exposition::{Entry, Exemplar, Format, Parser, utf8};

/// One line's series, as the target writes it, to what it is stored as.
#[derive(Debug)]
struct Known {
    /// `None` when a rule drops it.
    labels: Option<Labels>,
    /// The scrape that first brought the line.
    born: u64,
    /// The scrape that last brought it.
    seen: u64,
    /// Whether it gets a stale marker when it ends; lines with timestamps of their own do not.
    tracked: bool,
    /// The hash of the exemplar beside it, 0 without any.
    exemplar: u64,
}

/// An exemplar of a scraped series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScrapedExemplar {
    pub(crate) series: Labels,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    pub(crate) timestamp_ms: i64,
}

/// What one body held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Samples in the body.
    pub(crate) scraped: usize,
    /// Samples left after rules.
    pub(crate) kept: usize,
    /// Series that the scrape before did not have.
    pub(crate) added: usize,
    /// Samples of a series that the same body had already.
    pub(crate) duplicates: usize,
}

/// What came of one body.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Samples, and stale markers of what ended. After an error, markers only.
    pub(crate) rows: Vec<Row>,
    /// Exemplars that the scrape before did not have.
    pub(crate) exemplars: Vec<ScrapedExemplar>,
    /// What was counted, up to the error if there was one.
    pub(crate) counts: Counts,
    /// Families whose description is new or other than before.
    pub(crate) described: Vec<(String, Metadata)>,
    /// Why nothing of the body was kept.
    pub(crate) error: Option<ScrapeError>,
}

/// The memory of one target's scrape loop.
#[derive(Debug, Default)]
pub(crate) struct SeriesState {
    known: HashMap<Box<str>, Known>,
    /// Series alive under a configuration that is no longer in force; they end unless the next body brings them.
    orphans: Vec<Labels>,
    metadata: HashMap<String, Metadata>,
    metadata_bytes: usize,
    scrape: u64,
    hasher: DefaultHashBuilder,
    /// Changes when exemplars that were given away must be given again.
    exemplar_salt: u64,
    /// How many lines the last body had, to size the next rows.
    last_lines: usize,
}

/// Bytes of names and words kept per target; a hostile target must not fill memory with descriptions.
const MAX_METADATA_BYTES: usize = 4 << 20;

impl SeriesState {
    /// Reads a body. All or nothing: after an error no sample of it is kept and every series ends.
    pub(crate) fn ingest(
        &mut self,
        body: &[u8],
        format: Result<Format, ScrapeError>,
        timestamp_ms: i64,
        mutator: &Mutator,
    ) -> Outcome {
        self.scrape += 1;
        let mut counts = Counts::default();
        let mut described = Vec::new();
        let mut rows = Vec::with_capacity(self.last_lines);
        let mut exemplars = Vec::new();
        let read = format.and_then(|format| {
            self.read(
                body,
                format,
                timestamp_ms,
                mutator,
                &mut rows,
                &mut exemplars,
                &mut counts,
                &mut described,
            )
        });
        match read {
            Ok(()) => {
                self.last_lines = rows.len();
                self.end_vanished(timestamp_ms, &mut rows);
                Outcome { rows, exemplars, counts, described, error: None }
            }
            Err(error) => {
                let rows = self.end_all_before(self.scrape, timestamp_ms);
                Outcome { rows, exemplars: Vec::new(), counts, described, error: Some(error) }
            }
        }
    }

    /// Ends every series, because the target did not answer or is gone.
    pub(crate) fn end_all(&mut self, timestamp_ms: i64) -> Vec<Row> {
        self.scrape += 1;
        self.end_all_before(self.scrape, timestamp_ms)
    }

    /// Forgets what lines mean, because rules or labels changed. Series stay alive until the next body.
    pub(crate) fn forget_lines(&mut self) {
        let alive =
            self.known.drain().filter(|(_, known)| known.tracked).filter_map(|(_, known)| known.labels);
        self.orphans.extend(alive);
    }

    /// Gives away the exemplars of the next body even if it has those of the last one.
    pub(crate) fn forget_exemplars(&mut self) {
        self.exemplar_salt += 1;
    }

    /// Never 0.
    fn hash(&self, exemplar: &Exemplar<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (self.exemplar_salt, exemplar.value.to_bits(), exemplar.timestamp_ms).hash(&mut hasher);
        for label in exemplar.labels() {
            label.hash(&mut hasher);
        }
        hasher.finish().max(1)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of an outcome, filled as far as an error lets")]
    fn read(
        &mut self,
        body: &[u8],
        format: Format,
        timestamp_ms: i64,
        mutator: &Mutator,
        rows: &mut Vec<Row>,
        exemplars: &mut Vec<ScrapedExemplar>,
        counts: &mut Counts,
        described: &mut Vec<(String, Metadata)>,
    ) -> Result<(), ScrapeError> {
        let config = mutator.config();
        let sample_limit = match config.limits.samples {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let mut families: HashMap<String, Metadata> = HashMap::new();
        for entry in Parser::new(utf8(body)?, format) {
            let line = match entry? {
                Entry::Sample(line) => line,
                Entry::Type { family, kind } => {
                    families.entry(family.into_owned()).or_default().kind = kind;
                    continue;
                }
                Entry::Help { family, help } => {
                    families.entry(family.into_owned()).or_default().help = help.into_owned();
                    continue;
                }
                Entry::Unit { family, unit } => {
                    families.entry(family.into_owned()).or_default().unit = unit.to_owned();
                    continue;
                }
                Entry::Eof => continue,
            };
            counts.scraped += 1;
            let own_timestamp = line.timestamp_ms.filter(|_| config.honor_timestamps);
            let tracked = own_timestamp.is_none() || config.track_timestamps_staleness;
            let scrape = self.scrape;
            let exemplar = line.exemplar.as_ref().map_or(0, |exemplar| self.hash(exemplar));
            let mut told = 0;
            let labels = match self.known.get_mut(line.raw_series) {
                Some(known) => {
                    let again = known.seen == scrape && own_timestamp.is_none();
                    known.seen = scrape;
                    known.tracked = tracked;
                    if again {
                        counts.duplicates += 1;
                        continue;
                    }
                    told = std::mem::replace(&mut known.exemplar, exemplar);
                    known.labels.clone()
                }
                None => {
                    let labels = mutator.labels(&line, &families)?;
                    counts.added += usize::from(labels.is_some());
                    let known =
                        Known { labels: labels.clone(), born: scrape, seen: scrape, tracked, exemplar };
                    self.known.insert(line.raw_series.into(), known);
                    labels
                }
            };
            let Some(series) = labels else { continue };
            counts.kept += 1;
            // Above the limit the rest is still counted, so that people learn how far above.
            if counts.kept <= sample_limit {
                // Targets say the same one until they have another. Where it has no time of its own, every scrape
                // would make another of it.
                if let Some(said) = line.exemplar.as_ref().filter(|_| exemplar != told) {
                    exemplars.push(ScrapedExemplar {
                        series: series.clone(),
                        labels: said.labels().map(|(name, value)| (name.into(), value.into())).collect(),
                        value: said.value,
                        timestamp_ms: said.timestamp_ms.or(own_timestamp).unwrap_or(timestamp_ms),
                    });
                }
                rows.push(Row {
                    series,
                    timestamp_ms: own_timestamp.unwrap_or(timestamp_ms),
                    start_timestamp_ms: 0,
                    value: SampleValue::Float(line.value),
                });
            }
        }
        if counts.kept > sample_limit {
            return Err(ScrapeError::SampleLimit);
        }
        self.describe(families, described);
        Ok(())
    }

    /// Keeps what is new or other than before, as long as there is room.
    fn describe(&mut self, families: HashMap<String, Metadata>, described: &mut Vec<(String, Metadata)>) {
        for (family, metadata) in families {
            let known = self.metadata.get(&family);
            if known == Some(&metadata) {
                continue;
            }
            let freed = known.map_or(0, |known| metadata_bytes(&family, known));
            let bytes = self.metadata_bytes - freed + metadata_bytes(&family, &metadata);
            if bytes <= MAX_METADATA_BYTES {
                self.metadata_bytes = bytes;
                self.metadata.insert(family.clone(), metadata.clone());
                described.push((family, metadata));
            }
        }
    }

    /// Writes stale markers for the series that this body did not bring, and forgets their lines.
    fn end_vanished(&mut self, timestamp_ms: i64, rows: &mut Vec<Row>) {
        let scrape = self.scrape;
        let mut ended: Vec<Labels> = std::mem::take(&mut self.orphans);
        self.known.retain(|_, known| {
            if known.seen == scrape {
                return true;
            }
            if let (Some(labels), true) = (known.labels.take(), known.tracked) {
                ended.push(labels);
            }
            false
        });
        if ended.is_empty() {
            return;
        }
        // A rule may have made one series of two lines; it lives while either is there.
        let alive: HashSet<&Labels> = self.known.values().filter_map(|known| known.labels.as_ref()).collect();
        rows.extend(
            ended
                .into_iter()
                .filter(|labels| !alive.contains(labels))
                .map(|labels| stale(labels, timestamp_ms)),
        );
    }

    /// Stale markers for all that lived before a scrape, of which nothing is kept.
    fn end_all_before(&mut self, scrape: u64, timestamp_ms: i64) -> Vec<Row> {
        let mut ended: HashSet<Labels> = self.orphans.drain(..).collect();
        let lived = self.known.drain().filter(|(_, known)| known.tracked && known.born < scrape);
        ended.extend(lived.filter_map(|(_, known)| known.labels));
        ended.into_iter().map(|labels| stale(labels, timestamp_ms)).collect()
    }
}

fn metadata_bytes(family: &str, metadata: &Metadata) -> usize {
    family.len() + metadata.help.len() + metadata.unit.len()
}

/// The marker that ends a series.
pub(crate) fn stale(series: Labels, timestamp_ms: i64) -> Row {
    Row { series, timestamp_ms, start_timestamp_ms: 0, value: SampleValue::Float(STALE_NAN) }
}

#[cfg(test)]
mod tests;
