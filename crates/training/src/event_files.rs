//! TensorBoard's event files, read while they are written.
//!
//! Every folder that holds event files is a run, named by its place below the folder that is watched. How far a file was read
//! stands in the ledger and moves with what was read of it; where it does not, after a crash, the same values come again and
//! count once. Half a record at the end is waited for, a damaged one is told and passed over, a file that was written anew is
//! read anew.

mod tail;

use crate::points::Point;
use crate::runs::{Changes, NewRun, RunUpdate, Runs};
use crate::{MAX_KEY, MAX_PARAM, MAX_STEP, RunStatus, TrainingError};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tail::Piece;
use watchfire_ledger::{TrainingFile, TrainingRun};

/// How often the folders are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// Folders within folders within folders, so many at most.
const MAX_DEPTH: usize = 8;
/// No more files than this are looked at in a folder and all below it.
const MAX_ENTRIES: usize = 100_000;
const MAX_FILES: usize = 10_000;
/// A run whose files have not grown for so long is over, until they grow again: the files themselves never say so.
const OVER_AFTER_MS: i64 = 15 * 60 * 1_000;

/// Reads the event files below the folders until the runs are gone or `generation` is no longer theirs.
pub(crate) async fn watch(runs: Weak<Runs>, folders: Vec<PathBuf>, generation: u64) {
    let mut reader = Reader::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(runs) = runs.upgrade().filter(|runs| runs.is_generation(generation)) else { return };
        if let Err(error) = reader.round(&runs, &folders).await {
            tracing::warn!(%error, "event files are read again in a moment");
        }
    }
}

/// What is known of the files.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// By path; `None` before the ledger was asked.
    files: Option<HashMap<String, TrainingFile>>,
    /// When a run's files last grew, by the file's own time, in milliseconds since the Unix epoch.
    grown: HashMap<String, i64>,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    /// The folder that is watched.
    root: PathBuf,
    modified_ms: i64,
}

impl Reader {
    /// Looks once.
    pub(crate) async fn round(&mut self, runs: &Arc<Runs>, folders: &[PathBuf]) -> Result<(), TrainingError> {
        if self.files.is_none() {
            let known = runs.read(|reading| reading.training_files()).await?;
            self.files = Some(known.into_iter().map(|file| (file.path.clone(), file)).collect());
        }
        let folders = folders.to_vec();
        let found =
            crate::runs::apart(move || Ok(folders.iter().flat_map(|root| find(root)).collect::<Vec<_>>()))
                .await?;
        for seen in found {
            self.read_file(runs, &seen).await?;
        }
        self.end_silent(runs).await
    }

    async fn read_file(&mut self, runs: &Arc<Runs>, seen: &Seen) -> Result<(), TrainingError> {
        let name = seen.path.to_string_lossy().into_owned();
        loop {
            let known = self.files.as_ref().and_then(|files| files.get(&name)).cloned();
            let path = seen.path.clone();
            let from = known.as_ref().map(|file| (file.identity.clone(), file.read_bytes));
            let piece = tokio::task::spawn_blocking(move || tail::read(&path, from)).await;
            let piece = match piece {
                Ok(Ok(piece)) => piece,
                Ok(Err(error)) => {
                    // It may be gone, or not ours to read; the others are read all the same.
                    tracing::debug!(path = %name, %error, "an event file cannot be read");
                    return Ok(());
                }
                Err(panic) => {
                    return Err(TrainingError::Internal(format!("it failed unexpectedly: {panic}")));
                }
            };
            if piece.read_bytes == known.as_ref().map_or(0, |file| file.read_bytes)
                && known.as_ref().is_none_or(|file| file.identity == piece.identity)
            {
                return Ok(());
            }
            let run = match self.run_of(seen) {
                Some(run) => run,
                None => begin(runs, seen, &piece).await?.id,
            };
            for fault in &piece.faults {
                runs.fault();
                tracing::warn!(path = %name, fault, "a piece of an event file is left out");
            }
            let is_end = piece.is_end;
            let file = TrainingFile {
                path: name.clone(),
                run,
                identity: piece.identity.clone(),
                read_bytes: piece.read_bytes,
            };
            take(runs, &file, piece).await?;
            self.grown.insert(file.run.clone(), seen.modified_ms);
            if let Some(files) = &mut self.files {
                files.insert(name.clone(), file);
            }
            if is_end {
                return Ok(());
            }
        }
    }

    /// The run of the files in the same folder.
    fn run_of(&self, seen: &Seen) -> Option<String> {
        let folder = seen.path.parent();
        let mut files = self.files.iter().flat_map(|files| files.values());
        files.find(|file| Path::new(&file.path).parent() == folder).map(|file| file.run.clone())
    }

    async fn end_silent(&mut self, runs: &Arc<Runs>) -> Result<(), TrainingError> {
        let now_ms = runs.now_ms();
        let silent: Vec<String> = self
            .grown
            .iter()
            .filter(|(_, grown_ms)| now_ms - **grown_ms > OVER_AFTER_MS)
            .map(|(run, _)| run.clone())
            .collect();
        for id in silent {
            self.grown.remove(&id);
            let Ok((run, _, _)) = runs.run(&id).await else { continue };
            if run.status == RunStatus::Running && run.deleted_ms.is_none() {
                let ended_ms = run.updated_ms.unwrap_or(run.started_ms);
                let update = RunUpdate {
                    status: Some(RunStatus::Finished),
                    ended_ms: Some(ended_ms),
                    ..RunUpdate::default()
                };
                runs.update_run(id, update).await?;
            }
        }
        Ok(())
    }
}

async fn begin(runs: &Arc<Runs>, seen: &Seen, piece: &Piece) -> Result<TrainingRun, TrainingError> {
    let words = |path: &Path| {
        path.to_string_lossy().chars().filter(|letter| !letter.is_control()).collect::<String>()
    };
    let experiment =
        seen.root.file_name().map_or_else(|| "tensorboard".to_owned(), |name| words(Path::new(name)));
    let folder = seen.path.parent().unwrap_or(&seen.root);
    let below = folder.strip_prefix(&seen.root).map(words).unwrap_or_default();
    let name = if below.is_empty() { experiment.clone() } else { below };
    let experiment = runs.experiment_for(&experiment).await?;
    let first_ms = piece.started_ms.or_else(|| piece.points.iter().map(|point| point.at_ms).min());
    let new = NewRun {
        experiment,
        name: name.chars().take(crate::MAX_NAME).collect(),
        host: runs.host().to_owned(),
        reporter: "tensorboard",
        started_ms: first_ms,
        tags: vec![("tensorboard.folder".to_owned(), words(folder).chars().take(crate::MAX_TAG).collect())],
        ..NewRun::default()
    };
    runs.add_run(new).await
}

async fn take(runs: &Arc<Runs>, file: &TrainingFile, piece: Piece) -> Result<(), TrainingError> {
    let (run, _, _) = runs.run(&file.run).await?;
    if run.status.is_over() && !piece.points.is_empty() {
        let update = RunUpdate { status: Some(RunStatus::Running), ..RunUpdate::default() };
        // A deleted one stays as it is, which is told below.
        let _ = runs.update_run(run.id.clone(), update).await;
    }
    if !piece.params.is_empty() {
        let changes = Changes { params: piece.params, ..Changes::default() };
        match runs.log(&file.run, changes).await {
            // Parameters are set once: a folder that was used twice keeps the first ones, and its values all the same.
            Err(TrainingError::Invalid(reason)) => {
                runs.fault();
                tracing::warn!(path = %file.path, reason, "parameters of an event file were refused");
            }
            logged => logged?,
        }
    }
    let changes = Changes { points: piece.points, file: Some(file.clone()), ..Changes::default() };
    match runs.log(&file.run, changes).await {
        Ok(()) => Ok(()),
        Err(TrainingError::Invalid(reason)) => {
            // It would be refused the next time too.
            runs.fault();
            tracing::warn!(path = %file.path, reason, "values of an event file were refused");
            let file = file.clone();
            runs.write(move |writing, _| Ok(Ok(writing.put_training_file(&file)?))).await
        }
        Err(error) => Err(error),
    }
}

/// A value as a run takes it; what could not be kept is left out.
fn point(scalar: watchfire_wire::event_file::Scalar, wall_time: f64, step: i64) -> Option<Point> {
    let key: String = scalar.tag.chars().filter(|letter| !letter.is_control()).take(MAX_KEY).collect();
    let at_ms = wall_time * 1_000.0;
    let is_sound = !key.is_empty() && at_ms.is_finite() && at_ms.abs() < 1e15 && step.abs() <= MAX_STEP;
    is_sound.then(|| Point { key, value: scalar.value, at_ms: at_ms.round() as i64, step })
}

/// A parameter as a run takes it.
fn param((key, value): (String, String)) -> Option<(String, String)> {
    let key: String = key.chars().filter(|letter| !letter.is_control()).take(MAX_KEY).collect();
    (!key.is_empty()).then(|| (key, value.chars().take(MAX_PARAM).collect()))
}

/// The event files below a folder, in the order of their names, which begins with the time they were made.
fn find(root: &Path) -> Vec<Seen> {
    let (mut found, mut folders, mut entries) = (Vec::new(), vec![(root.to_path_buf(), 0)], 0);
    while let Some((folder, depth)) = folders.pop() {
        let Ok(listing) = std::fs::read_dir(&folder) else { continue };
        for entry in listing.filter_map(Result::ok) {
            entries += 1;
            if entries > MAX_ENTRIES || found.len() >= MAX_FILES {
                tracing::warn!(folder = %root.display(), "there are too many files to look at all; watch a folder below it");
                return found;
            }
            // Links are not followed: they may lead in circles.
            let Ok(metadata) = entry.path().symlink_metadata() else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if metadata.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), depth + 1));
            } else if metadata.is_file() && name.contains("tfevents") && !name.ends_with(".profile-empty") {
                let modified =
                    metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                let modified_ms = modified.map_or(0, |at| i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
                found.push(Seen { path: entry.path(), root: root.to_path_buf(), modified_ms });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

#[cfg(test)]
mod tests;
