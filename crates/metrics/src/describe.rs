//! Metadata on its way in.
//!
//! Who describes families and then writes a batch is promised both with one answer. So what could not be logged when
//! it was described is logged again before the next batch.

use crate::locked;
use crate::record;
use crate::store::Core;
use watchfire_disk::{AppendError, Commit};
use watchfire_model::Metadata;

/// More families than this are not kept: their names come from outside.
const MAX_FAMILIES: usize = 200_000;

impl Core {
    /// Takes what a family says about itself; nothing happens when it is known already.
    pub(crate) fn describe(&self, family: &str, metadata: Metadata) {
        if !self.recovery.is_done() {
            // The batch that comes with it is refused and sent again, and this with it.
            return;
        }
        // Held to the end, so that the log says it in the same order.
        let mut described = locked(&self.described);
        {
            let mut known = locked(&self.metadata);
            let room = known.len() < MAX_FAMILIES;
            match known.get_mut(family) {
                Some(kept) if *kept == metadata => return,
                Some(kept) => *kept = metadata.clone(),
                None if !room => return,
                None => {
                    known.insert(family.to_owned(), metadata.clone());
                }
            }
        }
        let commit = self.log_metadata(family, &metadata);
        if commit.outcome() != Some(Ok(())) {
            described.push((family.to_owned(), commit));
        }
    }

    /// Puts what could not be logged into the log before what is appended next, and whether there is something whose
    /// answer is still to come.
    pub(crate) fn log_described(&self) -> bool {
        let mut described = locked(&self.described);
        described.retain_mut(|(family, commit)| match commit.outcome() {
            None => true,
            Some(Ok(())) => false,
            Some(Err(_)) => {
                let Some(metadata) = locked(&self.metadata).get(family).cloned() else { return false };
                *commit = self.log_metadata(family, &metadata);
                true
            }
        });
        !described.is_empty()
    }

    fn log_metadata(&self, family: &str, metadata: &Metadata) -> Commit {
        let record = record::metadata(family, metadata);
        loop {
            match self.log.append(self.log.segment(), &[&record]) {
                Ok(commit) => return commit,
                Err(AppendError::SegmentChanged(_)) => {}
                Err(error) => return Commit::failed(error.to_string()),
            }
        }
    }
}
