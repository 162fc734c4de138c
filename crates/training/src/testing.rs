//! Runs over a real store and a real ledger, for tests.

use crate::{Options, Runs};
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::RealDisk;
use watchfire_ledger::Ledger;
use watchfire_metrics::{Downsampled, Store, StoreOptions};
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::{Clock, ManualClock};
use watchfire_model::{Digest, Labels, Matcher, Samples, TimeRange};
use watchfire_promql::{SelectHints, SeriesStream, Source, SourceError};

pub(crate) const NOW_MS: i64 = 1_795_000_000_000;

pub(crate) struct Room {
    pub(crate) runs: Arc<Runs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Store>,
    folder: tempfile::TempDir,
}

pub(crate) fn room() -> Room {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let (runs, store) = open(folder.path(), &clock);
    Room { runs, clock, store, folder }
}

impl Room {
    /// Forgets what is only in memory.
    pub(crate) fn restart(self) -> Self {
        let Self { runs, clock, store, folder } = self;
        store.close();
        drop((runs, store));
        let (runs, store) = open(folder.path(), &clock);
        Self { runs, clock, store, folder }
    }
}

fn open(folder: &Path, clock: &Arc<ManualClock>) -> (Arc<Runs>, Arc<Store>) {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let options = StoreOptions::default();
    let store = Store::open(&folder.join("data"), options, Arc::new(RealDisk), Arc::clone(&clock)).unwrap();
    let store = Arc::new(store);
    let ledger = Ledger::open(&folder.join("ledger.db"), NOW_MS).unwrap().ledger;
    let runs = Runs::new(Options {
        ledger,
        sink: Arc::clone(&store) as Arc<dyn MetricSink>,
        source: Arc::new(OfStore(Arc::clone(&store))),
        clock,
        host: "here".to_owned(),
    });
    runs.begin();
    (Arc::new(runs), store)
}

struct OfStore(Arc<Store>);

struct Stream(Downsampled);

impl SeriesStream for Stream {
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError> {
        self.0.next(samples).map_err(|error| SourceError::Storage(error.to_string()))
    }
}

impl Source for OfStore {
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        _: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError> {
        let selection = self.0.select_digest(matchers, range, Digest::Edges);
        Ok(Box::new(Stream(selection.map_err(|error| SourceError::Storage(error.to_string()))?)))
    }

    fn label_names(&self, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &[Matcher], _: TimeRange) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }
}
