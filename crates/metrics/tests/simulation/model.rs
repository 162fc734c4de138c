//! What was said to the store, and what it may answer.

use crate::exemplars::{self, Exemplars};
use crate::plan::HOUR_MS;
use crate::world::TIER_DAYS;
use std::collections::BTreeMap;
use watchfire_metrics::StoreOptions;
use watchfire_model::ingest::{RefusalReason, Row, WriteReport};
use watchfire_model::{Labels, METRIC_NAME, Metadata, SampleValue, Samples, TimeRange};

/// A sample without its place, every bit of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    value: Value,
    start_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Float(u64),
    Histogram(Vec<u8>),
}

impl Said {
    fn of(value: &SampleValue, start_ms: i64) -> Self {
        let value = match value {
            SampleValue::Float(value) => Value::Float(value.to_bits()),
            SampleValue::Histogram(histogram) => {
                let mut bytes = Vec::new();
                histogram.encode(&mut bytes);
                Value::Histogram(bytes)
            }
        };
        Self { value, start_ms }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// No answer, or one that promises nothing.
    Open,
    Acknowledged,
    /// Refused by name: it must not be there.
    Refused,
}

/// Everything that was said about one series and time, in order.
#[derive(Debug, Default)]
struct Slot {
    said: Vec<(Said, Fate)>,
    /// Older than the retention at some moment since, or its loss was reported: it need not be there.
    excused: bool,
    /// So many sayings were deleted: they must not be there.
    deleted: usize,
    /// Its loss was reported, or its windows are gone: none need stand for it.
    windowless: bool,
    /// Up to so many are perhaps, for a deletion failed: they need not be there.
    perhaps_deleted: usize,
}

impl Slot {
    fn first_acknowledged(&self) -> Option<usize> {
        let alive = self.deleted.max(self.perhaps_deleted);
        let mut fates = self.said.iter().enumerate().skip(alive);
        fates.find(|(_, (_, fate))| *fate == Fate::Acknowledged).map(|(index, _)| index)
    }

    /// The value there is, if it is a float and can be no other.
    fn certain_float(&self) -> Option<f64> {
        let first = self.first_acknowledged().filter(|_| !self.windowless)?;
        let others = self.said.iter().take(first).skip(self.deleted).any(|(_, fate)| *fate != Fate::Refused);
        match self.said.get(first) {
            Some((Said { value: Value::Float(bits), .. }, _)) if !others => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    fn required(&self) -> bool {
        !self.excused && self.first_acknowledged().is_some()
    }

    /// The first one written wins: what came after an acknowledged one may not show.
    fn allows(&self, found: &Said, damaged: bool) -> bool {
        let (from, last) = match damaged || self.excused {
            true => (0, None),
            false => (self.deleted, self.first_acknowledged()),
        };
        let until = last.map_or(self.said.len(), |last| last + 1);
        self.said.iter().take(until).skip(from).any(|(said, fate)| *fate != Fate::Refused && said == found)
    }
}

/// What a store answered, read to its end.
pub(crate) type Found = BTreeMap<Labels, BTreeMap<i64, Said>>;

/// Adds the samples of a series to what was found.
pub(crate) fn collect(labels: &Labels, samples: &Samples, found: &mut Found) {
    assert!(!samples.is_empty(), "{labels} came without samples");
    assert!(samples.timestamps_ms.is_sorted_by(|left, right| left < right), "{labels} is out of order");
    assert!(
        found.last_key_value().is_none_or(|(last, _)| last < labels),
        "{labels} comes twice or out of order"
    );
    let said = samples
        .iter()
        .enumerate()
        .map(|(index, (at, value))| (at, Said::of(&value, samples.start_timestamp_ms(index))));
    found.insert(labels.clone(), said.collect());
}

/// A batch under way: which of its rows became which saying.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    rows: usize,
    said: Vec<(Labels, i64, usize)>,
    too_old: usize,
    too_far_ahead: usize,
    invalid: usize,
    families: Vec<(String, usize)>,
    pub(crate) exemplars: Vec<exemplars::Key>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    slots: BTreeMap<Labels, BTreeMap<i64, Slot>>,
    families: BTreeMap<String, Vec<(Metadata, bool)>>,
    /// Families described since the last ticket was written out.
    described: Vec<(String, usize)>,
    /// Acknowledged since everything was last on disk for certain.
    unsynced: Vec<(Labels, i64, usize)>,
    pub(crate) exemplars: Exemplars,
    /// The last instant that tiers answer for.
    pub(crate) seam_ms: i64,
    pub(crate) retention_ms: i64,
    pub(crate) max_ahead_ms: i64,
}

impl Model {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        Self {
            retention_ms: options.retention_ms,
            max_ahead_ms: options.max_ahead_ms,
            seam_ms: i64::MIN,
            ..Self::default()
        }
    }

    /// A batch is handed over at this time.
    pub(crate) fn hand_over(&mut self, rows: &[Row], now_ms: i64) -> Ticket {
        let mut ticket =
            Ticket { rows: rows.len(), families: std::mem::take(&mut self.described), ..Ticket::default() };
        for row in rows {
            let at = row.timestamp_ms;
            // What windows stand for already is not changed any more.
            if at < now_ms - self.retention_ms || at <= self.seam_ms {
                ticket.too_old += 1;
            } else if at > now_ms + self.max_ahead_ms {
                ticket.too_far_ahead += 1;
            } else if row.series.get(METRIC_NAME).is_none() {
                ticket.invalid += 1;
            } else {
                let slot = self.slots.entry(row.series.clone()).or_default().entry(at).or_default();
                slot.said.push((Said::of(&row.value, row.start_timestamp_ms), Fate::Open));
                ticket.said.push((row.series.clone(), at, slot.said.len() - 1));
            }
        }
        ticket
    }

    pub(crate) fn describe(&mut self, family: &str, metadata: Metadata) {
        let said = self.families.entry(family.to_owned()).or_default();
        said.push((metadata, false));
        self.described.push((family.to_owned(), said.len() - 1));
    }

    /// Everything acknowledged is on disk.
    pub(crate) fn synced(&mut self) {
        self.unsynced.clear();
        self.exemplars.synced();
    }

    /// A crash may have cost what was acknowledged and not yet on disk.
    pub(crate) fn crash(&mut self) {
        for (labels, at, index) in std::mem::take(&mut self.unsynced) {
            let slot = self.slots.get_mut(&labels).and_then(|slots| slots.get_mut(&at));
            if let Some((_, fate)) = slot.and_then(|slot| slot.said.get_mut(index)) {
                *fate = Fate::Open;
            }
        }
        self.exemplars.crash();
        self.excuse_metadata();
    }

    /// The process ended: who described a family and had no answer yet never gets one.
    pub(crate) fn gone(&mut self) {
        self.described.clear();
    }

    /// The batch was acknowledged with this report.
    pub(crate) fn acknowledge(&mut self, ticket: &Ticket, report: &WriteReport) {
        let refused = |reason: RefusalReason| {
            report.refused.iter().filter(|refusal| refusal.reason == reason).map(|refusal| refusal.rows).sum()
        };
        assert_eq!(
            report.accepted + report.refused_rows(),
            ticket.rows,
            "every row has its fate: {report:?}"
        );
        assert_eq!(ticket.too_old, refused(RefusalReason::TooOld), "{report:?}");
        assert_eq!(ticket.too_far_ahead, refused(RefusalReason::TooFarAhead), "{report:?}");
        assert_eq!(ticket.invalid, refused(RefusalReason::InvalidLabels), "{report:?}");
        let conflicts: usize = refused(RefusalReason::DuplicateTimestamp);
        let contradicts = |(series, at, index): &&(Labels, i64, usize)| {
            let slot = &self.slots[series][at];
            let said = &slot.said[*index].0.value;
            let earlier = slot.said.iter().take(*index).skip(slot.deleted);
            earlier.into_iter().any(|(other, fate)| *fate != Fate::Refused && other.value != *said)
        };
        let contradicting: Vec<_> = ticket.said.iter().filter(contradicts).cloned().collect();
        assert!(conflicts <= contradicting.len(), "rows without a conflict were refused: {report:?}");
        for (series, at, index) in &ticket.said {
            let key = (series.clone(), *at, *index);
            let fate = match contradicting.contains(&key) {
                true if conflicts == contradicting.len() => Fate::Refused,
                true if conflicts > 0 => Fate::Open,
                _ => Fate::Acknowledged,
            };
            if let Some(slot) = self.slots.get_mut(series).and_then(|slots| slots.get_mut(at))
                && let Some(said) = slot.said.get_mut(*index)
            {
                said.1 = fate;
                if fate == Fate::Acknowledged {
                    self.unsynced.push(key);
                }
            }
        }
        self.exemplars.acknowledge(&ticket.exemplars, report.exemplars);
        for (family, index) in &ticket.families {
            if let Some(said) = self.families.get_mut(family).and_then(|said| said.get_mut(*index)) {
                said.1 = true;
            }
        }
    }

    /// What was said about these series and times was deleted, or perhaps so when the deletion failed.
    pub(crate) fn delete(&mut self, meant: impl Fn(&Labels) -> bool, range: TimeRange, done: bool) {
        self.exemplars.delete(&meant, range, done);
        for (_, slots) in self.slots.iter_mut().filter(|(labels, _)| meant(labels)) {
            for (_, slot) in slots.range_mut(range.start_ms..=range.end_ms) {
                let deleted = if done { &mut slot.deleted } else { &mut slot.perhaps_deleted };
                *deleted = slot.said.len();
            }
        }
    }

    /// At this time everything older than the retention may go.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        for slots in self.slots.values_mut() {
            for (_, slot) in slots.range_mut(..now_ms - self.retention_ms) {
                slot.excused = true;
            }
            for (_, slot) in slots.range_mut(..now_ms - TIER_DAYS * 24 * HOUR_MS) {
                slot.windowless = true;
            }
        }
        self.exemplars.excuse_until(now_ms - self.retention_ms - 1);
    }

    /// The samples that must be found.
    pub(crate) fn required(&self) -> Vec<(Labels, i64)> {
        let of_series = |(labels, slots): (&Labels, &BTreeMap<i64, Slot>)| {
            let required = slots.iter().filter(|(_, slot)| slot.required());
            required.map(|(at, _)| (labels.clone(), *at)).collect::<Vec<_>>()
        };
        self.slots.iter().flat_map(of_series).collect()
    }

    /// Panics when something was found that was never said, or not so. `damaged`: bits were flipped and it was told,
    /// so a later value may show in place of the first.
    pub(crate) fn check_none_invented(&self, found: &Found, damaged: bool) {
        for (labels, samples) in found {
            for (at, said) in samples {
                let slot = self.slots.get(labels).and_then(|slots| slots.get(at));
                let Some(slot) = slot else { panic!("invented: {labels} at {at}: {said:?}") };
                assert!(slot.allows(said, damaged), "changed: {labels} at {at}: {said:?} of {slot:?}");
            }
        }
    }

    /// The required samples that were not found.
    pub(crate) fn missing(&self, found: &Found) -> Vec<(Labels, i64)> {
        let has = |key: &(Labels, i64)| found.get(&key.0).is_some_and(|samples| samples.contains_key(&key.1));
        self.required().into_iter().filter(|key| !has(key)).collect()
    }

    /// The loss of these was reported.
    pub(crate) fn excuse(&mut self, lost: &[(Labels, i64)]) {
        for (labels, at) in lost {
            if let Some(slot) = self.slots.get_mut(labels).and_then(|slots| slots.get_mut(at)) {
                (slot.excused, slot.windowless) = (true, true);
            }
        }
    }

    /// The loss was reported of what is not there in the way that was acknowledged.
    pub(crate) fn excuse_changed(&mut self, found: &Found) {
        for (labels, samples) in found {
            for (at, said) in samples {
                if let Some(slot) = self.slots.get_mut(labels).and_then(|slots| slots.get_mut(at)) {
                    let changed = !slot.allows(said, false);
                    slot.excused |= changed;
                    slot.windowless |= changed;
                }
            }
        }
    }

    /// Whether this was said about a series and time, ever.
    pub(crate) fn was_said(&self, labels: &Labels, at: i64, found: &Said) -> bool {
        let slot = self.slots.get(labels).and_then(|slots| slots.get(&at));
        slot.is_some_and(|slot| slot.said.iter().any(|(said, fate)| *fate != Fate::Refused && said == found))
    }

    /// The floats, stale markers and other NaN aside, that are there and of which windows are to be made.
    pub(crate) fn certain_floats(&self) -> impl Iterator<Item = (&Labels, i64, f64)> {
        self.slots.iter().flat_map(|(labels, slots)| {
            let certain = slots.iter().filter_map(|(at, slot)| Some((*at, slot.certain_float()?)));
            certain.filter(|(_, value)| !value.is_nan()).map(move |(at, value)| (labels, at, value))
        })
    }

    /// The first thing wrong with the metadata told, if any.
    pub(crate) fn metadata_fault(&self, told: &BTreeMap<String, Metadata>) -> Option<String> {
        for (family, metadata) in told {
            let Some(said) = self.families.get(family) else { return Some(format!("{family} is invented")) };
            let last = said.iter().rposition(|(_, acknowledged)| *acknowledged).unwrap_or(0);
            if !said.iter().skip(last).any(|(said, _)| said == metadata) {
                return Some(format!("{family}: {metadata:?} is not the newest of {said:?}"));
            }
        }
        let kept = |said: &[(Metadata, bool)]| said.iter().any(|(_, acknowledged)| *acknowledged);
        let lost = self.families.iter().find(|(family, said)| kept(said) && !told.contains_key(*family));
        lost.map(|(family, said)| format!("{family} is lost: {said:?}"))
    }

    /// The loss of metadata was reported: nothing is sure any more.
    pub(crate) fn excuse_metadata(&mut self) {
        for (_, acknowledged) in self.families.values_mut().flatten() {
            *acknowledged = false;
        }
    }

    pub(crate) fn samples(&self) -> u64 {
        self.slots.values().map(|slots| slots.len() as u64).sum()
    }

    /// A series and time that something was said about.
    pub(crate) fn pick(&self, rng: &mut fastrand::Rng) -> Option<(Labels, i64)> {
        let series = rng.usize(0..self.slots.len().max(1));
        let (labels, slots) = self.slots.iter().nth(series)?;
        let (at, _) = slots.iter().nth(rng.usize(0..slots.len()))?;
        Some((labels.clone(), *at))
    }
}
