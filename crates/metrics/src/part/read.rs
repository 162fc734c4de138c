//! Reading the samples of a part's series.

use super::series::{Block, HAS_HISTOGRAMS, HAS_STARTS, Place, Timeline};
use super::{BlockPlace, MAX_PAGE_BYTES, Part, PartSeries};
use crate::codec::bytes::Reader;
use crate::codec::floats::{take_floats, take_some_floats};
use crate::codec::ints::take_ints;
use crate::codec::pack::unpack;
use crate::read::gather::Gather;
use hashbrown::HashMap;
use std::sync::Arc;
use watchfire_disk::{BlockError, BlockRef};
use watchfire_model::{Histogram, Samples};

/// An answer names at most so many damaged blocks.
const MAX_NAMED_PLACES: usize = 100;
/// Timestamps of so many samples are kept while series are read: neighbours in label order often share them.
const MAX_KEPT_TIMESTAMPS: usize = 1 << 20;

/// Groups of so many parts are kept, each some tens of KiB.
const MAX_KEPT_GROUPS: usize = 64;

/// So many histograms are kept to be used again: those of a month at intervals of five minutes.
const MAX_SPARE_HISTOGRAMS: usize = 10_000;

/// A place in the parts of a store: the part's number and the offset in its file.
type Key = (u64, u64);

/// What of what is read stays in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing: it is read once, or the cache would be full of it.
    #[default]
    Nothing,
    /// Timestamps, which many series share.
    Times,
    /// And groups of values, for a few series that are asked for again and again.
    All,
}

/// Memory that reading uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) keep: Keep,
    packed: Vec<u8>,
    /// Of each part the group that was read last, by the part's number: the next series is often in the same ones.
    groups: HashMap<u64, Group>,
    kept: HashMap<Key, Arc<Vec<i64>>>,
    kept_timestamps: usize,
    timestamps: Vec<i64>,
    ints: Vec<i64>,
    floats: Vec<f64>,
    starts: Vec<i64>,
    /// Histograms that nobody else holds.
    spare: Vec<Arc<Histogram>>,
}

impl Scratch {
    /// Takes the memory of a series' histograms, to be used for the next one, where nobody else holds them.
    pub(crate) fn recycle(&mut self, samples: &mut Samples) {
        for mut histogram in samples.histograms.drain(..).flatten() {
            if self.spare.len() < MAX_SPARE_HISTOGRAMS && Arc::get_mut(&mut histogram).is_some() {
                self.spare.push(histogram);
            }
        }
    }
}

/// Columns of values that were read together.
#[derive(Debug, Default)]
struct Group {
    /// Where it lies in the file; `None` when it could not be read.
    offset: Option<u64>,
    bytes: Arc<Vec<u8>>,
}

impl Part {
    /// Hands over the samples of a series in the gatherer's range. Blocks that cannot be read are left out and named.
    pub(crate) fn read(
        &self,
        series: &PartSeries,
        scratch: &mut Scratch,
        gather: &mut Gather<'_>,
        damage: &mut Vec<String>,
    ) {
        let range = gather.range;
        for (block, timeline) in series.blocks().filter(|(_, timeline)| timeline.range.overlaps(range)) {
            if let Err(error) = self.read_block(block, timeline, scratch, gather)
                && damage.len() < MAX_NAMED_PLACES
            {
                damage.push(format!("{}: {error}", series.labels()));
            }
        }
    }

    pub(super) fn read_block(
        &self,
        block: &Block,
        timeline: &Timeline,
        scratch: &mut Scratch,
        gather: &mut Gather<'_>,
    ) -> Result<(), BlockError> {
        let nonsense = || self.nonsense("a block makes no sense");
        let count = timeline.count;
        self.load_group(&block.values, scratch)?;
        let kept = match &timeline.column {
            Place::Inline(bytes) => {
                take_ints(&mut Reader::new(bytes), count, &mut scratch.timestamps).ok_or_else(nonsense)?;
                None
            }
            Place::At(place) => Some(self.timestamps(*place, count, scratch)?),
        };
        let timestamps = kept.as_ref().map_or(&scratch.timestamps, |kept| &**kept);
        let from = block.values.offset as usize;
        let group = scratch.groups.get(&self.seq).map_or(&[][..], |group| group.bytes.as_slice());
        let bytes = group.get(from..from + block.values.len as usize).ok_or_else(nonsense)?;
        let mut input = Reader::new(bytes);
        scratch.starts.clear();
        if block.flags & HAS_STARTS != 0 {
            take_ints(&mut input, count, &mut scratch.starts).ok_or_else(nonsense)?;
        }
        if block.flags & HAS_HISTOGRAMS != 0 {
            return read_mixed(input, timestamps, &scratch.starts, &mut scratch.spare, gather)
                .ok_or_else(nonsense);
        }
        if scratch.starts.is_empty() && !gather.hides() {
            let ints = &mut scratch.ints;
            let take = |wanted, out: &mut _| take_some_floats(&mut input, count, wanted, ints, out);
            return gather.floats_by(timestamps, take).ok_or_else(nonsense);
        }
        take_floats(&mut input, count, &mut scratch.ints, &mut scratch.floats).ok_or_else(nonsense)?;
        if scratch.starts.is_empty() {
            gather.floats(timestamps, &scratch.floats);
        } else {
            for ((at, value), start) in timestamps.iter().zip(&scratch.floats).zip(&scratch.starts) {
                gather.float(*at, *value, *start);
            }
        }
        Ok(())
    }

    /// Reads the group of a column, if it is not the one of this part that was read last.
    fn load_group(&self, place: &BlockPlace, scratch: &mut Scratch) -> Result<(), BlockError> {
        if scratch.groups.len() >= MAX_KEPT_GROUPS && !scratch.groups.contains_key(&self.seq) {
            scratch.groups.clear();
        }
        let group = scratch.groups.entry(self.seq).or_default();
        if group.offset == Some(place.group.offset) {
            return Ok(());
        }
        group.offset = None;
        if scratch.keep == Keep::All {
            let read = || {
                let mut bytes = Vec::new();
                self.reader.read(place.group, &mut bytes).map(|()| bytes)
            };
            group.bytes = self.cache.values((self.seq, place.group.offset), read)?;
        } else {
            // What the cache has as well is left to it.
            if Arc::get_mut(&mut group.bytes).is_none() {
                group.bytes = Arc::default();
            }
            self.reader.read(place.group, Arc::make_mut(&mut group.bytes))?;
        }
        group.offset = Some(place.group.offset);
        Ok(())
    }

    fn timestamps(
        &self,
        place: BlockRef,
        count: usize,
        scratch: &mut Scratch,
    ) -> Result<Arc<Vec<i64>>, BlockError> {
        let key = (self.seq, place.offset);
        if let Some(kept) = scratch.kept.get(&key).filter(|kept| kept.len() == count) {
            return Ok(Arc::clone(kept));
        }
        let packed = &mut scratch.packed;
        let mut read = || {
            self.reader.read(place, packed)?;
            let mut timestamps = Vec::new();
            take_ints(&mut Reader::new(packed), count, &mut timestamps)
                .ok_or_else(|| self.nonsense("a column of timestamps makes no sense"))?;
            Ok(timestamps)
        };
        let timestamps = match scratch.keep {
            Keep::Nothing => Arc::new(read()?),
            Keep::Times | Keep::All => self.cache.times(key, read)?,
        };
        // Another page may say that there are fewer.
        if timestamps.len() != count {
            return Err(self.nonsense("a column of timestamps is of another length"));
        }
        if scratch.kept_timestamps + count > MAX_KEPT_TIMESTAMPS {
            scratch.kept.clear();
            scratch.kept_timestamps = 0;
        }
        scratch.kept_timestamps += count;
        scratch.kept.insert(key, Arc::clone(&timestamps));
        Ok(timestamps)
    }
}

fn read_mixed(
    mut input: Reader<'_>,
    timestamps: &[i64],
    starts: &[i64],
    spare: &mut Vec<Arc<Histogram>>,
    gather: &mut Gather<'_>,
) -> Option<()> {
    let len = usize::try_from(input.varint()?).ok().filter(|len| *len <= MAX_PAGE_BYTES)?;
    let bytes = unpack(input.rest(), len)?;
    let mut input = Reader::new(&bytes);
    for (index, at) in timestamps.iter().enumerate() {
        let start = starts.get(index).copied().unwrap_or(0);
        if !gather.shows(*at) {
            if *at > gather.range.end_ms {
                break;
            }
            let is_float = input.byte()? == 0;
            let len = if is_float { size_of::<f64>() } else { Histogram::encoded_len(input.rest())? };
            input.bytes(len)?;
            continue;
        }
        if input.byte()? == 0 {
            gather.float(*at, f64::from_bits(input.u64()?), start);
        } else {
            let mut slot = spare.pop().unwrap_or_default();
            let len = Arc::get_mut(&mut slot)?.decode_into(input.rest())?;
            input.bytes(len)?;
            gather.histogram(*at, slot, start);
        }
    }
    Some(())
}
