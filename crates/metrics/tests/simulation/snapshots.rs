//! Snapshots: each opens as the store was when it was made, whatever came after.

use crate::model::Found;
use crate::world::{ROOT, World};
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::Disk;
use watchfire_metrics::{SNAPSHOTS, Store};
use watchfire_model::TimeRange;

impl World {
    pub(crate) fn make_snapshot(&mut self) {
        let name = format!("s{}", self.disk.calls());
        let done = self.store().snapshot(&name, false, |_| Ok(())).map(drop);
        if done.is_ok() {
            let mut found = Found::new();
            let selection = self.store().select(&[], TimeRange::ALL).expect("reads go on");
            let warnings = self.read(selection, &mut found);
            if !self.disk.is_cut() && warnings.is_empty() {
                self.snapshots.push((name, found));
            }
        }
        self.upkeep(done.map_err(|error| error.to_string()), true);
    }

    pub(crate) fn open_snapshot(&mut self) {
        if self.snapshots.is_empty() {
            return;
        }
        let (name, expected) = self.snapshots.swap_remove(self.rng.usize(0..self.snapshots.len()));
        let path = Path::new(ROOT).join(SNAPSHOTS).join(name);
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let opened = Store::open(&path, Self::options(self.plan.features), disk, self.clock.clone());
        let opened = opened.and_then(|store| store.wait_until_ready().map(|()| store));
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                self.note("snapshot not opened", &error.to_string());
                assert!(self.excused(), "a snapshot does not open: {error}");
                return;
            }
        };
        let mut found = Found::new();
        let selection = store.select(&[], TimeRange::ALL).expect("reads go on");
        let warnings = self.read(selection, &mut found);
        let told = !warnings.is_empty() || store.counters().corruptions > 0;
        if self.disk.is_cut() || told && (self.flipped || self.unreliable) {
            return;
        }
        assert!(!told, "a false alarm of a snapshot: {warnings:?}");
        assert!(found == expected, "{} is not what it was", path.display());
        self.note("snapshot holds", &found.len());
    }
}
