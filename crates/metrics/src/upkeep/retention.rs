//! Old parts away.

use crate::part::Part;
use crate::store::{CompactError, Core};
use std::sync::Arc;

impl Core {
    /// Drops the parts whose newest sample is older than the retention.
    pub(crate) fn drop_expired(&self) -> Result<(), CompactError> {
        let oldest_ms = self.clock.now_ms().saturating_sub(self.retention().longest_ms());
        let expired = |part: &&Arc<Part>| part.summary.max_ms < oldest_ms && self.may_drop_day(part.day);
        for part in self.parts.list().iter().filter(expired) {
            self.parts.replace(Vec::new(), &[part.seq]);
            self.remove(part.day, std::slice::from_ref(part))?;
            tracing::info!(part = %part.path().display(), "dropped by retention");
        }
        Ok(())
    }
}
