//! Free memory by the size of its blocks, which tells how fragmented it is.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_buddyinfo_blocks`.
#[derive(Debug)]
pub(super) struct BuddyInfo;

impl Collector for BuddyInfo {
    fn name(&self) -> &'static str {
        "buddyinfo"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("buddyinfo")?;
        for (number, line) in source.lines() {
            // `Node 0, zone DMA 1 0 …`: blocks of one page, of two, of four.
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let ["Node", node, "zone", zone, counts @ ..] = words.as_slice() else {
                return Err(source.wrong(number, line, "Node N, zone NAME and counts"));
            };
            for (size, count) in counts.iter().enumerate() {
                let count = source.number(number, Some(count))?;
                let size = size.to_string();
                let labels = [("node", node.trim_end_matches(',')), ("size", size.as_str()), ("zone", *zone)];
                out.gauge("node_buddyinfo_blocks", "Free blocks of 2^size pages.", &labels, count);
            }
        }
        Ok(())
    }
}
