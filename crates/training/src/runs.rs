//! The runs: made, told of, ended, looked up.

use crate::event_files;
use crate::history::{self, HistoryPoint};
use crate::points::{self, Newest, Placed, Point};
use crate::progress::Rates;
use crate::search::{self, Found, Search};
use crate::{MAX_KEY, MAX_NAME, MAX_OF_RUN, MAX_PARAM, MAX_TAG, TrainingError};
use std::collections::{BTreeMap, HashMap};
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

    /// All experiments, deleted ones too, by number.
    pub async fn experiments(self: &Arc<Self>) -> Result<Vec<Experiment>, TrainingError> {
        self.read(|reading| reading.experiments()).await
    }

    /// Makes an experiment.
    pub async fn add_experiment(
        self: &Arc<Self>,
        name: String,
        artifacts: String,
        tags: Vec<(String, String)>,
    ) -> Result<i64, TrainingError> {
        check_text("experiment name", &name, MAX_NAME)?;
        check_length("artifact_location", &artifacts, MAX_TAG)?;
        check_pairs("tag", &tags, MAX_TAG)?;
        self.write(move |writing, now_ms| {
            if let Some(known) = writing.reading().experiment_named(&name)? {
                return Ok(Err(taken(&known)));
            }
            let id = writing.add_experiment(&name, &artifacts, now_ms)?;
            if !tags.is_empty()
                && let Some(mut experiment) = writing.reading().experiment(id)?
            {
                experiment.tags = tags.into_iter().collect();
                writing.put_experiment(&experiment)?;
            }
            Ok(Ok(id))
        })
        .await
    }

    /// The experiment of this name, made where there is none.
    pub async fn experiment_for(self: &Arc<Self>, name: &str) -> Result<i64, TrainingError> {
        let wanted = name.to_owned();
        let known = self.read(move |reading| reading.experiment_named(&wanted)).await?;
        match known {
            Some(known) => Ok(known.id),
            None => match self.add_experiment(name.to_owned(), String::new(), Vec::new()).await {
                // Somebody else was faster.
                Err(TrainingError::Exists(_)) => {
                    let wanted = name.to_owned();
                    let known = self.read(move |reading| reading.experiment_named(&wanted)).await?;
                    known.map(|known| known.id).ok_or_else(|| no_experiment(name))
                }
                made => made,
            },
        }
    }

    /// Changes an experiment.
    pub async fn change_experiment(
        self: &Arc<Self>,
        id: i64,
        change: impl FnOnce(&mut Experiment) -> Result<(), TrainingError> + Send + 'static,
    ) -> Result<(), TrainingError> {
        self.write(move |writing, now_ms| {
            let Some(mut experiment) = writing.reading().experiment(id)? else {
                return Ok(Err(no_experiment(&id.to_string())));
            };
            let before = experiment.clone();
            if let Err(error) = change(&mut experiment) {
                return Ok(Err(error));
            }
            if experiment.name != before.name
                && let Some(known) = writing.reading().experiment_named(&experiment.name)?
            {
                return Ok(Err(taken(&known)));
            }
            experiment.updated_ms = now_ms;
            writing.put_experiment(&experiment)?;
            if experiment.is_deleted != before.is_deleted {
                for mut run in writing.reading().training_runs_of(id)? {
                    // Those that were deleted by themselves before stay so.
                    let by_this = run.deleted_ms == Some(before.updated_ms);
                    match (experiment.is_deleted, run.deleted_ms) {
                        (true, None) => run.deleted_ms = Some(now_ms),
                        (false, Some(_)) if by_this => run.deleted_ms = None,
                        _ => continue,
                    }
                    writing.put_training_run(&run)?;
                }
                // Putting runs moves it on.
                writing.put_experiment(&experiment)?;
            }
            Ok(Ok(()))
        })
        .await
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

    /// Takes in what a run tells. Everything is on disk when this returns `Ok`; what is wrong with a part of it refuses the
    /// whole, except values that the store refuses: the others are kept, and the error names them.
    pub async fn log(self: &Arc<Self>, id: &str, changes: Changes) -> Result<(), TrainingError> {
        check(&changes)?;
        if !self.is_ready.load(Ordering::Acquire) {
            let message = "storage is starting; try again soon";
            return Err(TrainingError::Unavailable(message.to_owned()));
        }
        let open = self.open_run(id);
        // Nobody else finds milliseconds for values of this run meanwhile.
        let mut newest = open.lock().await;
        let (runs, wanted, known) = (Arc::clone(self), id.to_owned(), newest.clone());
        let (changes, placed) = apart(move || {
            let placed = runs.place(&wanted, &changes, known)?;
            Ok((changes, placed))
        })
        .await?;
        let Placed { batch, metrics, newest: ends } = placed;
        let sent = batch.len();
        let report = if batch.is_empty() { None } else { Some(self.sink.write(batch).await?) };
        *newest = Some(ends);
        let refused = report.as_ref().map_or(0, |report| report.refused_rows());
        self.points.fetch_add(changes.points.len() as u64, Ordering::Relaxed);
        let wanted = id.to_owned();
        self.write(move |writing, _| {
            let mut run = match open_run(&writing.reading(), &wanted)? {
                Ok(run) => run,
                Err(error) => return Ok(Err(error)),
            };
            for (key, value) in &changes.params {
                if let Some(known) = writing.add_training_param(&run.id, key, value)? {
                    return Ok(Err(changed_param(&run.id, key, &known, value)));
                }
            }
            for (key, value) in &changes.tags {
                writing.put_training_tag(&run.id, key, value)?;
            }
            for metric in &metrics {
                writing.merge_training_metric(&run.id, metric)?;
            }
            for input in &changes.inputs {
                writing.put_training_input(&run.id, input)?;
            }
            if let Some(file) = &changes.file {
                writing.put_training_file(file)?;
            }
            let updated_ms = metrics.iter().map(|metric| metric.newest_ms).max();
            if updated_ms > run.updated_ms {
                run.updated_ms = updated_ms;
                writing.put_training_run(&run)?;
            }
            let counts = writing.reading().training_counts(&run.id)?;
            let beyond =
                counts.iter().zip(["parameters", "tags", "metrics"]).find(|(count, _)| **count > MAX_OF_RUN);
            Ok(beyond.map_or(Ok(()), |(_, what)| Err(too_many(what))))
        })
        .await?;
        if refused == 0 {
            return Ok(());
        }
        self.refused.fetch_add(refused as u64, Ordering::Relaxed);
        let reasons = report.map(|report| report.refused).unwrap_or_default();
        let reasons: Vec<String> = reasons
            .iter()
            .map(|refusal| format!("{} ({})", refusal.example, refusal.reason.as_str()))
            .collect();
        let message = format!("{refused} of {sent} samples were refused: {}", reasons.join("; "));
        Err(TrainingError::Invalid(message))
    }

    fn place(&self, id: &str, changes: &Changes, known: Option<Newest>) -> Result<Placed, TrainingError> {
        let looked = self.ledger.read(|reading| {
            let run = match open_run(reading, id)? {
                Ok(run) => run,
                Err(error) => return Ok(Err(error)),
            };
            let experiment = reading.experiment(run.experiment)?;
            let details = if changes.params.is_empty() {
                BTreeMap::new()
            } else {
                reading.training_details(id)?.params
            };
            Ok(Ok((run, experiment.map_or_else(String::new, |experiment| experiment.name), details)))
        })?;
        let (run, experiment, params) = looked?;
        // Before anything is written.
        for (key, value) in &changes.params {
            if let Some(known) = params.get(key).filter(|known| *known != value) {
                return Err(changed_param(id, key, known, value));
            }
        }
        let mut known = match known {
            Some(known) => known,
            None if changes.points.is_empty() => return Ok(Placed::default()),
            None => points::newest(self.source.as_ref(), id)?,
        };
        let mut placed = points::place(self.source.as_ref(), &run, &experiment, &changes.points, &known)?;
        known.extend(std::mem::take(&mut placed.newest));
        if known.len() > MAX_OF_RUN {
            return Err(too_many("metrics"));
        }
        placed.newest = known;
        Ok(placed)
    }

    fn open_run(&self, id: &str) -> OpenRun {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() > REMEMBERED {
            open.retain(|_, run| Arc::strong_count(run) > 1);
        }
        Arc::clone(open.entry(id.to_owned()).or_default())
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

fn open_run(reading: &Reading<'_>, id: &str) -> Result<Result<TrainingRun, TrainingError>, LedgerError> {
    Ok(match reading.training_run(id)? {
        Some(run) if run.deleted_ms.is_none() => Ok(run),
        Some(_) => Err(TrainingError::Invalid(format!("the run {id} is deleted; restore it first"))),
        None => Err(no_run(id)),
    })
}

fn no_run(id: &str) -> TrainingError {
    TrainingError::NotFound(format!("there is no run {id:?}"))
}

fn no_experiment(name: &str) -> TrainingError {
    TrainingError::NotFound(format!("there is no experiment {name:?}"))
}

fn taken(known: &Experiment) -> TrainingError {
    let deleted = if known.is_deleted { ", and is deleted; restore it, or choose another name" } else { "" };
    TrainingError::Exists(format!("the experiment {:?} exists already{deleted}", known.name))
}

fn too_many(what: &str) -> TrainingError {
    TrainingError::Invalid(format!("a run has at most {MAX_OF_RUN} {what}"))
}

fn changed_param(run: &str, key: &str, known: &str, value: &str) -> TrainingError {
    let shown = |text: &str| text.chars().take(100).collect::<String>();
    TrainingError::Invalid(format!(
        "the parameter {key:?} of run {run} is {:?} already and cannot become {:?}; parameters are set once",
        shown(known),
        shown(value)
    ))
}

fn is_run_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check(changes: &Changes) -> Result<(), TrainingError> {
    for point in &changes.points {
        check_text("metric", &point.key, MAX_KEY)?;
    }
    check_pairs("tag", &changes.tags, MAX_TAG)?;
    check_pairs("parameter", &changes.params, MAX_PARAM)?;
    for input in &changes.inputs {
        check_text("data set", &input.name, MAX_NAME)?;
        check_length("digest", &input.digest, MAX_NAME)?;
        check_length("data set", &input.content, 65_536)?;
    }
    Ok(())
}

fn check_pairs(what: &str, pairs: &[(String, String)], limit: usize) -> Result<(), TrainingError> {
    for (key, value) in pairs {
        check_text(what, key, MAX_KEY)?;
        check_length(&format!("value of {what} {key:?}"), value, limit)?;
    }
    Ok(())
}

/// A name: not empty, not too long, and nothing that moves a cursor.
fn check_text(what: &str, text: &str, limit: usize) -> Result<(), TrainingError> {
    if text.is_empty() {
        return Err(TrainingError::Invalid(format!("a {what} needs a name")));
    }
    if text.chars().any(char::is_control) {
        let message = format!("the {what} {text:?} holds a control character");
        return Err(TrainingError::Invalid(message));
    }
    check_length(what, text, limit)
}

fn check_length(what: &str, text: &str, limit: usize) -> Result<(), TrainingError> {
    let length = text.chars().count();
    if length <= limit {
        return Ok(());
    }
    Err(TrainingError::Invalid(format!("the {what} has {length} characters, {limit} at most are kept")))
}

#[cfg(test)]
mod tests;
