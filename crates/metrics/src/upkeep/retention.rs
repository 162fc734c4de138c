//! Old parts away.

use crate::store::{CompactError, Core};

impl Core {
    /// Drops the parts whose newest sample is older than the retention.
    pub(crate) fn drop_expired(&self) -> Result<(), CompactError> {
        let oldest_ms = self.clock.now_ms().saturating_sub(self.retention().longest_ms());
        for part in self.parts.list().iter().filter(|part| part.summary.max_ms < oldest_ms) {
            self.parts.replace(Vec::new(), &[part.seq]);
            self.remove(part.day, std::slice::from_ref(part))?;
            tracing::info!(part = %part.path().display(), "dropped by retention");
        }
        Ok(())
    }
}
