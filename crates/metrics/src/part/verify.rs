//! Every byte of a part read and every block decoded, and what that finds.

use super::{Part, Scratch, take_value};
use crate::codec::bytes::Reader;
use crate::read::gather::Gather;
use std::ops::ControlFlow;
use watchfire_disk::BlockError;
use watchfire_model::{Labels, Samples, TimeRange};

/// What was read of a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) blocks: u64,
    pub(crate) series: u64,
    pub(crate) samples: u64,
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
        let mut previous: Option<Labels> = None;
        let mut rank = 0;
        while rank < self.summary.series {
            match self.series_page(rank) {
                Err((error, end)) => {
                    whole = false;
                    each(error);
                    (rank, previous) = (end.max(rank + 1), None);
                }
                Ok((first, page)) => {
                    if first != rank || page.is_empty() {
                        whole = false;
                        each(self.nonsense("a page of series does not hold the series it should"));
                    }
                    for series in &page {
                        if previous.as_ref().is_some_and(|previous| *previous >= series.labels) {
                            each(self.nonsense("series are not in label order"));
                        }
                        let samples = self.verify_series(series, each, &mut bytes_read);
                        whole &= samples.is_some();
                        done.samples += samples.unwrap_or(0);
                        done.blocks += 2 * series.blocks.len() as u64;
                        previous = Some(series.labels.clone());
                    }
                    done.series += page.len() as u64;
                    rank += u32::try_from(page.len()).unwrap_or(u32::MAX).max(1);
                }
            }
            if tick(bytes_read).is_break() {
                return done;
            }
        }
        if whole && (done.series, done.samples) != (u64::from(self.summary.series), self.summary.samples) {
            each(self.nonsense("the footer counts other series or samples than there are"));
        }
        for (first, block) in self.summary.names.iter().flat_map(|entry| &entry.pages) {
            done.blocks += 1;
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
        series: &super::PartSeries,
        each: &mut dyn FnMut(BlockError),
        bytes_read: &mut u64,
    ) -> Option<u64> {
        let (mut scratch, mut samples, mut count) = (Scratch::default(), Samples::default(), Some(0));
        for block in &series.blocks {
            *bytes_read += block.bytes_on_disk();
            let mut gather = Gather::new(TimeRange::ALL, &mut samples);
            let read = self.read_block(block, &mut scratch, &mut gather).and_then(|()| {
                let times = &samples.timestamps_ms;
                let ends = (times.first().copied(), times.last().copied());
                let as_told = times.len() == block.count
                    && ends == (Some(block.range.start_ms), Some(block.range.end_ms))
                    && times.is_sorted_by(|left, right| left < right);
                as_told
                    .then_some(())
                    .ok_or_else(|| self.nonsense("a block holds other times than its page says"))
            });
            match read {
                Ok(()) => count = count.map(|count| count + block.count as u64),
                Err(error) => {
                    count = None;
                    each(error);
                }
            }
        }
        count
    }

    fn verify_values(&self, first: &str, page: &[u8]) -> Result<(), BlockError> {
        let mut input = Reader::new(page);
        let mut previous: Option<&str> = None;
        while !input.is_empty() {
            let (value, ids) = take_value(&mut input, None)
                .ok_or_else(|| self.nonsense("a page of label values makes no sense"))?;
            let in_order = previous.map_or(value == first, |previous| previous < value);
            if !in_order {
                return Err(self.nonsense("label values are not in order"));
            }
            if ids.and_then(|ids| ids.max()).is_none_or(|last| last >= self.summary.series) {
                return Err(self.nonsense("a label value has series that do not exist"));
            }
            previous = Some(value);
        }
        Ok(())
    }
}
