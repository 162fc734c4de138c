//! Errors that NVIDIA's driver reports by number, counted once although they are heard of twice: as events of the
//! driver, and in the kernel's log. The events are there without root; the log remembers, and outlives the driver.

use std::collections::{BTreeMap, VecDeque};

/// How far apart the two reports of one error may be.
const SAME_ERROR_MS: i64 = 60_000;

/// How many reports are kept to be matched with the other source's; each report is compared with all of them.
const REPORTS_KEPT: usize = 512;

/// How many pairs of GPU and number are counted; a driver gone mad shall not fill the memory.
const PAIRS_KEPT: usize = 1024;

/// Where a report comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The driver's events.
    Driver,
    /// The kernel's log.
    Log,
}

/// What an XID means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) severity: &'static str,
    pub(super) action: &'static str,
    pub(super) mnemonic: &'static str,
    pub(super) text: &'static str,
}

/// NVIDIA's catalogue, in our own form.
const CATALOGUE: &str = include_str!("../../../../content/gpu/xids.tsv");

/// What the catalogue says of a number.
pub(super) fn meaning(xid: u32) -> Option<Meaning> {
    let wanted = xid.to_string();
    CATALOGUE.lines().find_map(|line| {
        let mut cells = line.split('\t');
        (cells.next()? == wanted).then_some(())?;
        Some(Meaning {
            severity: cells.next()?,
            action: cells.next()?,
            mnemonic: cells.next()?,
            text: cells.next()?,
        })
    })
}

/// How often an error happened, and when last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) times: u64,
    pub(super) last_ms: i64,
}

/// The errors of all GPUs, by PCI address and number.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<(String, u32), Count>,
    /// Reports that the other source has not made yet.
    single: VecDeque<(String, u32, i64, Origin)>,
}

impl Tally {
    /// Counts a report, unless the other source made it already.
    pub(super) fn report(&mut self, pci: &str, xid: u32, at_ms: i64, origin: Origin) {
        let twin = self.single.iter().position(|(known_pci, known_xid, known_ms, known_origin)| {
            *known_xid == xid
                && known_pci == pci
                && *known_origin != origin
                && known_ms.abs_diff(at_ms) <= SAME_ERROR_MS.unsigned_abs()
        });
        if let Some(twin) = twin {
            self.single.remove(twin);
            return;
        }
        if self.single.len() == REPORTS_KEPT {
            self.single.pop_front();
        }
        self.single.push_back((pci.to_owned(), xid, at_ms, origin));
        let key = (pci.to_owned(), xid);
        if self.counts.len() >= PAIRS_KEPT && !self.counts.contains_key(&key) {
            return;
        }
        let count = self.counts.entry(key).or_insert(Count { times: 0, last_ms: at_ms });
        count.times += 1;
        count.last_ms = count.last_ms.max(at_ms);
    }

    /// All counts, by PCI address and number.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, u32, Count)> {
        self.counts.iter().map(|((pci, xid), count)| (pci.as_str(), *xid, *count))
    }
}

#[cfg(test)]
mod tests;
