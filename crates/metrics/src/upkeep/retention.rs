//! Old parts away.

use crate::part::Part;
use crate::parts::DAY_MS;
use crate::store::{CompactError, Core};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Core {
    /// Drops the parts whose newest sample is older than any sample may be.
    pub(crate) fn drop_expired(&self) -> Result<(), CompactError> {
        let oldest_ms = self.clock.now_ms().saturating_sub(self.retention().longest_ms());
        let parts = self.parts.list();
        let expired = |part: &&Arc<Part>| part.summary.max_ms < oldest_ms && self.may_drop_day(part.day);
        let expired: Vec<_> = parts.iter().filter(expired).cloned().collect();
        if expired.is_empty() {
            return Ok(());
        }
        self.counters.time_drops.fetch_add(1, Ordering::Relaxed);
        self.drop_parts(&expired, "older than the retention time")?;
        self.forget_deletions()
    }

    /// Drops whole days, the oldest first, until the store is as small as it has to be. The newest day stays, and
    /// so does one whose tier is still to be made.
    pub(crate) fn drop_oversized(&self) -> Result<(), CompactError> {
        let Some(limit) = self.retention().size_bytes else { return Ok(()) };
        loop {
            let parts = self.parts.list();
            let (Some(oldest), Some(newest)) = (parts.first(), parts.last()) else { return Ok(()) };
            if oldest.day == newest.day || self.size_bytes().map_err(|error| self.fails(error))? <= limit {
                return Ok(());
            }
            self.move_seam(oldest.day.saturating_add(1).saturating_mul(DAY_MS))?;
            if !self.may_drop_day(oldest.day) {
                tracing::debug!(
                    day = oldest.day,
                    "samples stay above the retention size until their tier is made"
                );
                return Ok(());
            }
            let day: Vec<_> = parts.iter().filter(|part| part.day == oldest.day).cloned().collect();
            self.counters.size_drops.fetch_add(1, Ordering::Relaxed);
            self.drop_parts(&day, "oldest day while the store is above the retention size")?;
            self.forget_deletions()?;
        }
    }

    /// Bytes that the store takes: parts, tiers, and the log.
    pub(crate) fn size_bytes(&self) -> io::Result<u64> {
        let wal = self.path.join("wal");
        let parts: u64 = self.parts.list().iter().map(|part| part.bytes()).sum();
        let levels = self.tiers.levels();
        let tiers: u64 = levels.iter().flat_map(|level| &level.sets).map(|set| set.bytes).sum();
        let mut bytes = parts + tiers;
        for entry in self.disk.list(&wal)? {
            match self.disk.open(&wal.join(&entry.name)).and_then(|file| file.len()) {
                Ok(len) => bytes += len,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    fn drop_parts(&self, parts: &[Arc<Part>], why: &'static str) -> Result<(), CompactError> {
        for part in parts {
            self.parts.replace(Vec::new(), &[part.seq]);
            self.changes.all();
            self.remove(std::slice::from_ref(part))?;
            tracing::info!(part = %part.path().display(), why, "dropped by retention");
        }
        Ok(())
    }
}
