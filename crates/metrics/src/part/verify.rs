//! Every byte of a part read and every block decoded, and what that finds.

use super::series::Place;
use super::values::ValuePage;
use super::{Part, PartSeries, Scratch};
use crate::read::gather::Gather;
use hashbrown::HashMap;
use std::ops::ControlFlow;
use watchfire_disk::BlockError;
use watchfire_model::{Labels, Samples, TimeRange};

/// What was read of a part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verified {
    pub(crate) blocks: u64,
    pub(crate) series: u64,
    pub(crate) samples: u64,
    pub(crate) timestamp_bytes: u64,
    pub(crate) value_bytes: u64,
    pub(crate) series_bytes: u64,
    pub(crate) index_bytes: u64,
}

impl Part {
    /// Reads every page and block, checks every checksum, decodes everything, and compares it with what the index
    /// says of it. Tells `each` what is wrong; what does not stand on a damaged page is still looked at. `tick` is
    /// called after each page with the bytes read so far and may end it.
    pub(crate) fn verify(
        &self,
        each: &mut dyn FnMut(BlockError),
        tick: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Verified {
        let mut done = Verified::default();
        let mut bytes_read = 0;
        let mut whole = true;
        let mut scratch = Scratch::default();
        // Columns by where they lie: many series share timestamps, and groups.
        let (mut timestamps, mut groups) = (HashMap::new(), HashMap::new());
        let mut previous: Option<Labels> = None;
        let mut rank = 0;
        while rank < self.summary.series {
            match self.series_page(rank, false) {
                Err((error, end)) => {
                    whole = false;
                    each(error);
                    (rank, previous) = (end.max(rank + 1), None);
                }
                Ok(page) => {
                    let begin = rank;
                    while let Some(series) = PartSeries::on(&page, rank) {
                        if previous.as_ref().is_some_and(|previous| previous >= series.labels()) {
                            each(self.nonsense("series are not in label order"));
                        }
                        let samples = self.verify_series(&series, &mut scratch, each, &mut bytes_read);
                        whole &= samples.is_some();
                        done.samples += samples.unwrap_or(0);
                        for (block, timeline) in series.blocks() {
                            groups.insert(block.values.group.offset, block.values.group.len);
                            if let Place::At(column) = timeline.column {
                                timestamps.insert(column.offset, column.len);
                            }
                        }
                        previous = Some(series.labels().clone());
                        rank += 1;
                    }
                    done.series += u64::from(rank - begin);
                    // A page without its series would be asked for again and again.
                    rank = rank.max(begin + 1);
                }
            }
            if tick(bytes_read).is_break() {
                return done;
            }
        }
        if whole && (done.series, done.samples) != (u64::from(self.summary.series), self.summary.samples) {
            each(self.nonsense("the footer counts other series or samples than there are"));
        }
        let sum = |columns: HashMap<u64, u32>| columns.into_values().map(u64::from).sum();
        done.blocks = (timestamps.len() + groups.len() + self.summary.series_pages.len()) as u64;
        (done.timestamp_bytes, done.value_bytes) = (sum(timestamps), sum(groups));
        done.series_bytes = self.summary.series_pages.iter().map(|(_, block)| u64::from(block.len)).sum();
        for (first, block) in self.summary.names.iter().flat_map(|entry| &entry.pages) {
            done.blocks += 1;
            done.index_bytes += u64::from(block.len);
            bytes_read += u64::from(block.len);
            if let Err(error) = self.page(*block).and_then(|page| self.verify_values(first, &page)) {
                each(error);
            }
            if tick(bytes_read).is_break() {
                return done;
            }
        }
        done
    }

    /// The samples of a series; `None` when some cannot be read.
    fn verify_series(
        &self,
        series: &PartSeries,
        scratch: &mut Scratch,
        each: &mut dyn FnMut(BlockError),
        bytes_read: &mut u64,
    ) -> Option<u64> {
        let (mut samples, mut count) = (Samples::default(), Some(0));
        for (block, timeline) in series.blocks() {
            *bytes_read += u64::from(block.values.len);
            let mut gather = Gather::new(TimeRange::ALL, &mut samples);
            let read = self.read_block(block, timeline, scratch, &mut gather).and_then(|()| {
                let times = &samples.timestamps_ms;
                let ends = (times.first().copied(), times.last().copied());
                let as_told = times.len() == timeline.count
                    && ends == (Some(timeline.range.start_ms), Some(timeline.range.end_ms))
                    && times.is_sorted_by(|left, right| left < right);
                as_told
                    .then_some(())
                    .ok_or_else(|| self.nonsense("a block holds other times than its page says"))
            });
            match read {
                Ok(()) => count = count.map(|count| count + timeline.count as u64),
                Err(error) => {
                    count = None;
                    each(error);
                }
            }
        }
        count
    }

    fn verify_values(&self, first: &str, page: &[u8]) -> Result<(), BlockError> {
        let mut page = ValuePage::new(page);
        let mut previous: Option<String> = None;
        while !page.is_empty() {
            let (value, ids) =
                page.next().ok_or_else(|| self.nonsense("a page of label values makes no sense"))?;
            let in_order = previous.as_deref().map_or(value == first, |previous| previous < value);
            if !in_order {
                return Err(self.nonsense("label values are not in order"));
            }
            if ids.read().and_then(|ids| ids.max()).is_none_or(|last| last >= self.summary.series) {
                return Err(self.nonsense("a label value has series that do not exist"));
            }
            previous = Some(value.to_owned());
        }
        Ok(())
    }
}
