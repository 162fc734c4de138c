//! The runs: made, told of, ended, looked up.

pub(crate) mod checks;
mod experiments;
mod log;

use crate::event_files;
use crate::history::{self, HistoryPoint};
use crate::points::{Newest, Point};
use crate::progress::Rates;
use crate::search::{self, Found, Search};
use crate::{MAX_KEY, MAX_NAME, MAX_OF_RUN, MAX_TAG, TrainingError};
use checks::{check_length, check_pairs, check_text, is_run_id, no_experiment, no_run, open_run, too_many};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use watchfire_ledger::{
    Experiment, Ledger, LedgerError, Reading, RunDetails, RunStatus, TrainingFile, TrainingInput,
    TrainingRun, Writing,
};
use watchfire_model::ingest::MetricSink;
use watchfire_model::time::Clock;
use watchfire_promql::Source;

/// What the runs are put together from.
pub struct Options {
    /// Where runs are kept.
    pub ledger: Ledger,
    /// Where values go.
    pub sink: Arc<dyn MetricSink>,
    /// Where values come from.
    pub source: Arc<dyn Source>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// This machine, as its own metrics call it.
    pub host: String,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// All training runs.
pub struct Runs {
    pub(crate) ledger: Ledger,
    pub(crate) sink: Arc<dyn MetricSink>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) clock: Arc<dyn Clock>,
    /// One request at a time places values of a run.
    open: Mutex<HashMap<String, OpenRun>>,
    /// Whether what was written before is read back: before, nobody knows which milliseconds are taken.
    is_ready: AtomicBool,
    host: String,
    /// Slots for histories that are read at once: each may take a hundred megabytes.
    readers: tokio::sync::Semaphore,
    rates: RwLock<Rates>,
    /// Which of the folders told by a configuration are watched: those told last.
    generation: AtomicU64,
    /// What was left out of event files since the start.
    faults: AtomicU64,
    /// Values kept since the start.
    pub(crate) points: AtomicU64,
    /// Values refused since the start.
    pub(crate) refused: AtomicU64,
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Where the metrics of a run end, once they have been looked up.
type OpenRun = Arc<tokio::sync::Mutex<Option<Newest>>>;

/// So many histories are read at once.
const READERS: usize = 4;
/// So many runs are remembered that nobody writes to.
const REMEMBERED: usize = 1_000;

/// A run to be.
#[derive(Clone, Debug, Default)]
pub struct NewRun {
    /// Its id, 32 hexadecimal digits; made up where nobody says.
    pub id: Option<String>,
    /// Its experiment's number.
    pub experiment: i64,
    /// Its name; made up where it is empty.
    pub name: String,
    /// Who begins it.
    pub user: String,
    /// What program it is.
    pub source: String,
    /// The machine it runs on.
    pub host: String,
    /// Who tells of it.
    pub reporter: &'static str,
    /// When it began, in milliseconds since the Unix epoch; now where nobody says.
    pub started_ms: Option<i64>,
    /// Words attached to it.
    pub tags: Vec<(String, String)>,
}

/// Changes of a run itself; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct RunUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Where it stands.
    pub status: Option<RunStatus>,
    /// When it ended, in milliseconds since the Unix epoch; now where it is over and nobody says.
    pub ended_ms: Option<i64>,
    /// Tags to set, or to take away.
    pub tags: Vec<(String, Option<String>)>,
}

/// What a run has to tell.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Values of metrics.
    pub points: Vec<Point>,
    /// Parameters.
    pub params: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Data sets.
    pub inputs: Vec<TrainingInput>,
    /// How far the file was read that tells this.
    pub file: Option<TrainingFile>,
}

impl Runs {
    /// The runs of a ledger. They take values after [`Runs::begin`].
    pub fn new(options: Options) -> Self {
        Self {
            ledger: options.ledger,
            sink: options.sink,
            source: options.source,
            clock: options.clock,
            host: options.host,
            readers: tokio::sync::Semaphore::new(READERS),
            rates: RwLock::default(),
            open: Mutex::default(),
            is_ready: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            points: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Says that the store has read back what was written before.
    pub fn begin(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    /// Reads the event files below these folders from now on, and no others.
    pub fn watch_folders(self: &Arc<Self>, folders: Vec<PathBuf>) {
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        // A file is known by its path, which must not depend on where the program was started.
        let folders: Vec<PathBuf> =
            folders.into_iter().map(|folder| std::path::absolute(&folder).unwrap_or(folder)).collect();
        if !folders.is_empty() {
            drop(tokio::spawn(event_files::watch(Arc::downgrade(self), folders, generation)));
        }
    }

    pub(crate) fn is_generation(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }

    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// How many pieces of event files were left out since the start.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// How many values were kept and refused since the start.
    pub fn counts(&self) -> (u64, u64) {
        (self.points.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// This machine, as its own metrics call it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What things cost.
    pub fn rates(&self) -> Rates {
        self.rates.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what things cost.
    pub fn set_rates(&self, rates: Rates) {
        *self.rates.write().unwrap_or_else(PoisonError::into_inner) = rates;
    }

    /// The present, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Changes the ledger, off the threads that serve requests.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&Writing<'_>, i64) -> Result<Result<T, TrainingError>, LedgerError> + Send + 'static,
    ) -> Result<T, TrainingError> {
        let runs = Arc::clone(self);
        apart(move || {
            let now_ms = runs.clock.now_ms();
            // A refusal takes back what was written before it.
            let mut refused = None;
            let outcome = runs.ledger.write(|writing| match change(writing, now_ms)? {
                Ok(done) => Ok(done),
                Err(error) => {
                    refused = Some(error);
                    Err(LedgerError::Undone)
                }
            });
            match (outcome, refused) {
                (_, Some(error)) => Err(error),
                (outcome, None) => Ok(outcome?),
            }
        })
        .await
    }

    /// Reads the ledger, off the threads that serve requests.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Reading<'_>) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, TrainingError> {
        let runs = Arc::clone(self);
        apart(move || Ok(runs.ledger.read(look)?)).await
    }

    /// Begins a run. One with an id that is there already is the run that is there.
    pub async fn add_run(self: &Arc<Self>, new: NewRun) -> Result<TrainingRun, TrainingError> {
        check_length("run name", &new.name, MAX_NAME)?;
        for (what, text) in [("user", &new.user), ("source", &new.source), ("host", &new.host)] {
            check_length(what, text, MAX_NAME)?;
        }
        check_pairs("tag", &new.tags, MAX_TAG)?;
        let id = match new.id {
            Some(id) if is_run_id(&id) => id,
            Some(id) => {
                let message = format!("{id:?} is no run id; expected 32 hexadecimal digits in lower case");
                return Err(TrainingError::Invalid(message));
            }
            None => format!("{:032x}", fastrand::u128(..)),
        };
        self.write(move |writing, now_ms| {
            if let Some(known) = writing.reading().training_run(&id)? {
                return Ok(Ok(known));
            }
            match writing.reading().experiment(new.experiment)? {
                Some(experiment) if !experiment.is_deleted => {}
                Some(_) => {
                    let message = format!("the experiment {} is deleted; restore it first", new.experiment);
                    return Ok(Err(TrainingError::Invalid(message)));
                }
                None => return Ok(Err(no_experiment(&new.experiment.to_string()))),
            }
            let short = id.get(..8).unwrap_or_default();
            let name = if new.name.is_empty() { format!("run-{short}") } else { new.name };
            let run = TrainingRun {
                experiment: new.experiment,
                name,
                status: RunStatus::Running,
                user: new.user,
                source: new.source,
                host: new.host,
                reporter: new.reporter.to_owned(),
                started_ms: new.started_ms.unwrap_or(now_ms),
                ended_ms: None,
                updated_ms: None,
                deleted_ms: None,
                id,
            };
            writing.put_training_run(&run)?;
            for (key, value) in &new.tags {
                writing.put_training_tag(&run.id, key, value)?;
            }
            Ok(Ok(run))
        })
        .await
    }

    /// Changes a run itself.
    pub async fn update_run(
        self: &Arc<Self>,
        id: String,
        update: RunUpdate,
    ) -> Result<TrainingRun, TrainingError> {
        if let Some(name) = &update.name {
            check_text("run name", name, MAX_NAME)?;
        }
        for (key, value) in &update.tags {
            check_text("tag", key, MAX_KEY)?;
            check_length("tag", value.as_deref().unwrap_or_default(), MAX_TAG)?;
        }
        self.write(move |writing, now_ms| {
            let mut run = match open_run(&writing.reading(), &id)? {
                Ok(run) => run,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(name) = update.name {
                run.name = name;
            }
            if let Some(status) = update.status {
                run.status = status;
                run.ended_ms = status.is_over().then(|| update.ended_ms.or(run.ended_ms).unwrap_or(now_ms));
            } else if update.ended_ms.is_some() {
                run.ended_ms = update.ended_ms;
            }
            writing.put_training_run(&run)?;
            for (key, value) in &update.tags {
                match value {
                    Some(value) => writing.put_training_tag(&run.id, key, value)?,
                    None => {
                        writing.delete_training_tag(&run.id, key)?;
                    }
                }
            }
            let [_, tags, _] = writing.reading().training_counts(&run.id)?;
            if tags > MAX_OF_RUN {
                return Ok(Err(too_many("tags")));
            }
            Ok(Ok(run))
        })
        .await
    }

    /// Takes a tag from a run; whether it was there.
    pub async fn delete_tag(self: &Arc<Self>, id: String, key: String) -> Result<bool, TrainingError> {
        self.write(move |writing, _| match open_run(&writing.reading(), &id)? {
            Ok(_) => Ok(Ok(writing.delete_training_tag(&id, &key)?)),
            Err(error) => Ok(Err(error)),
        })
        .await
    }

    /// Deletes a run, or brings it back.
    pub async fn delete_run(
        self: &Arc<Self>,
        id: String,
        is_deleted: bool,
    ) -> Result<TrainingRun, TrainingError> {
        self.write(move |writing, now_ms| {
            let Some(mut run) = writing.reading().training_run(&id)? else { return Ok(Err(no_run(&id))) };
            run.deleted_ms = is_deleted.then(|| run.deleted_ms.unwrap_or(now_ms));
            writing.put_training_run(&run)?;
            Ok(Ok(run))
        })
        .await
    }

    /// A run with all that is known of it.
    pub async fn run(
        self: &Arc<Self>,
        id: &str,
    ) -> Result<(TrainingRun, RunDetails, Option<Experiment>), TrainingError> {
        let id = id.to_owned();
        let missing = no_run(&id);
        let found = self
            .read(move |reading| {
                let Some(run) = reading.training_run(&id)? else { return Ok(None) };
                let experiment = reading.experiment(run.experiment)?;
                Ok(Some((run, reading.training_details(&id)?, experiment)))
            })
            .await?;
        found.ok_or(missing)
    }

    /// Runs by what is known of them.
    pub async fn search(self: &Arc<Self>, search: Search) -> Result<Found, TrainingError> {
        let runs = Arc::clone(self);
        apart(move || {
            let mut outcome = Ok(Found::default());
            runs.ledger.read(|reading| {
                outcome = search::search(reading, &search);
                Ok(())
            })?;
            outcome
        })
        .await
    }

    /// All values of a metric of a run, in the order of their times and steps.
    pub async fn history(self: &Arc<Self>, run: &str, key: &str) -> Result<Vec<HistoryPoint>, TrainingError> {
        let closed = |_| TrainingError::Unavailable("the server is shutting down".to_owned());
        let _slot = self.readers.acquire().await.map_err(closed)?;
        let (runs, run, key) = (Arc::clone(self), run.to_owned(), key.to_owned());
        apart(move || history::read(runs.source.as_ref(), &run, &key)).await
    }
}

/// Runs something that waits for the disk, off the threads that serve requests.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TrainingError> + Send + 'static,
) -> Result<T, TrainingError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(TrainingError::Internal(format!("it failed unexpectedly: {panic}"))))
}

#[cfg(test)]
mod tests;
