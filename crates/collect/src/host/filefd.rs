//! Open files.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_filefd_allocated`, `node_filefd_maximum`.
#[derive(Debug)]
pub(super) struct FileFd;

impl Collector for FileFd {
    fn name(&self) -> &'static str {
        "filefd"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("sys/fs/file-nr")?;
        // Allocated, allocated but not used (always 0 nowadays), maximum.
        let words: Vec<&str> = source.text.split_ascii_whitespace().collect();
        let allocated = source.number(1, words.first().copied())?;
        let maximum = source.number(1, words.get(2).copied())?;
        out.gauge("node_filefd_allocated", "Open files of the whole machine.", &[], allocated);
        out.gauge("node_filefd_maximum", "How many files the machine can open.", &[], maximum);
        Ok(())
    }
}
