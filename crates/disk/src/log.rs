//! A log of framed records with group commit.
//!
//! The log is a directory of numbered segments. A segment begins with a header (magic, version, the caller's own
//! format number, checksum) and holds frames: mark, length, CRC-32C, payload. One thread writes: whatever was
//! appended while it was busy goes out as one write and one sync. Nothing is ever appended to a segment of an
//! earlier run, and after an error nothing to the segment that saw it, because a kernel may drop pages it could not
//! write and report the next sync as good.
//!
//! Records may lean on earlier records of the same segment only. So a segment can be dropped on its own, damage in
//! one harms no other, and the caller needs no checkpoints. [`Log::append`] tells when the segment has changed.

mod backlog;
mod commit;
mod segment;
mod torn;
mod writer;

pub use backlog::Backlog;
pub use commit::{Commit, CommitError};
pub use segment::Damage;

use crate::fs::Disk;
use crate::locked;
use backlog::Tail;
use commit::Cell;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use writer::Writer;

/// Upper bounds in seconds of the counts in [`LogStats::sync_buckets`]; the last count is for longer ones.
pub const SYNC_BUCKETS_SECONDS: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// How a log behaves.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The caller's own format number, kept in each segment's header. A newer one is refused.
    pub format: u32,
    /// The least time between the starts of two syncs: under load, records of this span share one. At most 10 ms
    /// keeps the promise about acknowledgements.
    pub group_window: Duration,
    /// Resolve commits before the sync, which then happens every second: a power cut may lose that second.
    pub relaxed: bool,
    /// Refuse records when the file system has less room than this.
    pub min_free_bytes: u64,
    /// How often to look whether a failed or full disk works again, and how much room is left.
    pub check_every: Duration,
    /// The caller is advised to roll when a segment is longer.
    pub segment_bytes: u64,
    /// Above this many bytes waiting for the disk, [`Log::is_crowded`] advises to wait.
    pub max_queued_bytes: usize,
    /// No thread of its own and no look at the clock: the log does its work only when [`Log::step`] is called, so that
    /// a simulation runs the same way from the same seed.
    pub stepped: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            format: 1,
            group_window: Duration::from_millis(5),
            relaxed: false,
            min_free_bytes: 64 << 20,
            check_every: Duration::from_secs(1),
            segment_bytes: 128 << 20,
            max_queued_bytes: 64 << 20,
            stepped: false,
        }
    }
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A newer program wrote it.
    #[error(
        "{}: log format version {found} is newer than version {supported}, the newest this program reads; \
         use the release that wrote it, or a newer one", path.display())]
    UnknownVersion {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        supported: u32,
    },
}

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk takes nothing now; the words say why. It is tried again on its own.
    #[error("{0}")]
    ReadOnly(String),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
    /// Another segment has begun: what the record leans on must be said again.
    #[error("segment {0} has begun")]
    SegmentChanged(u64),
}

/// What was found when the log was opened.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Segments read.
    pub segments: usize,
    /// Whole records handed to the caller.
    pub records: u64,
    /// Bytes of segments read.
    pub bytes: u64,
    /// Bytes cut off the end because their write was interrupted; they were never acknowledged.
    pub torn_bytes: u64,
    /// Places where acknowledged records were lost.
    pub damage: Vec<Damage>,
}

/// Counters since the log was opened.
#[derive(Clone, Debug, Default)]
pub struct LogStats {
    /// Bytes written.
    pub bytes_written: u64,
    /// Records taken.
    pub records: u64,
    /// Syncs done.
    pub syncs: u64,
    /// Time spent in syncs.
    pub sync_time: Duration,
    /// Syncs by duration, see [`SYNC_BUCKETS_SECONDS`]; not cumulative.
    pub sync_buckets: [u64; 9],
    /// Writes and syncs that failed.
    pub failures: u64,
    /// Bytes in the segment being written.
    pub segment_bytes: u64,
}

/// Whether the log takes records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogState {
    /// It does.
    #[default]
    Writable,
    /// It does not, for this reason.
    ReadOnly(String),
    /// It was closed.
    Closed,
}

/// Records that go to the disk together.
#[derive(Debug)]
struct Group {
    segment: u64,
    bytes: Vec<u8>,
    cell: Arc<Cell>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Group>,
    queued_bytes: usize,
    /// The segment that the next record goes to.
    tail: u64,
    /// Bytes sent to the tail segment so far.
    tail_bytes: u64,
    state: LogState,
    closing: bool,
    stats: LogStats,
}

impl State {
    /// Whether a record can be taken. The writer ends once it is told to close and has nothing left to do.
    fn check(&self) -> Result<(), AppendError> {
        match &self.state {
            LogState::ReadOnly(reason) => Err(AppendError::ReadOnly(reason.clone())),
            LogState::Writable if !self.closing => Ok(()),
            LogState::Writable | LogState::Closed => Err(AppendError::Closed),
        }
    }
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: LogOptions,
    state: Mutex<State>,
    /// Work for the writer.
    wake: Condvar,
}

/// An open log. Dropping it writes what was appended and stops the writer.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    worker: Mutex<Option<Worker>>,
}

/// Who writes.
#[derive(Debug)]
enum Worker {
    Thread(JoinHandle<()>),
    /// Whoever calls [`Log::step`].
    Caller(Writer),
}

impl Log {
    /// Reads every header and changes nothing: an error when this program must not open the log.
    pub fn check(disk: &dyn Disk, dir: &Path, format: u32) -> Result<(), LogError> {
        for (_, path) in segment::list(disk, dir)? {
            segment::check_header(disk, &path, format)?;
        }
        Ok(())
    }

    /// Reads the log in `dir` from end to end, changing nothing: every whole record goes to `each` with the path of
    /// its segment. A torn end of the last segment is counted, not cut off. Segments removed meanwhile are left out.
    pub fn scan(
        disk: &dyn Disk,
        dir: &Path,
        format: u32,
        mut each: impl FnMut(&Path, &[u8]),
    ) -> Result<Recovery, LogError> {
        let mut recovery = Recovery::default();
        let segments = segment::list(disk, dir)?;
        let last = segments.last().map_or(0, |(number, _)| *number);
        for (number, path) in segments {
            let tail = if number == last { Tail::Leave } else { Tail::Damage };
            let done = segment::check_header(disk, &path, format).and_then(|()| {
                backlog::replay(disk, &path, tail, &mut recovery, &mut |record| {
                    each(&path, record);
                    ControlFlow::Continue(())
                })
                .map(|_| ())
            });
            match done {
                Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(recovery)
    }

    /// Opens the log in `dir`, handing every whole record, with the number of its segment, to `replay` in the order
    /// of writing. New records go to a new segment; old ones stay until [`Log::drop_before`].
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: LogOptions,
        mut replay: impl FnMut(u64, &[u8]),
    ) -> Result<(Self, Recovery), LogError> {
        let segments = Self::prepare(&disk, dir, &options)?;
        let last = segments.last().map_or(0, |(number, _)| *number);
        let recovery = Backlog::new(Arc::clone(&disk), segments).read(|number, record| {
            replay(number, record);
            ControlFlow::Continue(())
        })?;
        Ok((Self::start(disk, dir, options, last)?, recovery))
    }

    /// As [`Log::open`], but leaves the reading to the caller. Nothing may be appended before that is done: a torn end
    /// is known as such only at the end of the log.
    pub fn begin(disk: Arc<dyn Disk>, dir: &Path, options: LogOptions) -> Result<(Self, Backlog), LogError> {
        let segments = Self::prepare(&disk, dir, &options)?;
        let last = segments.last().map_or(0, |(number, _)| *number);
        let log = Self::start(Arc::clone(&disk), dir, options, last)?;
        Ok((log, Backlog::new(disk, segments)))
    }

    fn prepare(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        options: &LogOptions,
    ) -> Result<Vec<(u64, PathBuf)>, LogError> {
        disk.create_dir_all(dir).map_err(|source| LogError::Io { path: dir.to_owned(), source })?;
        Self::check(&**disk, dir, options.format)?;
        segment::list(&**disk, dir)
    }

    fn start(disk: Arc<dyn Disk>, dir: &Path, options: LogOptions, last: u64) -> Result<Self, LogError> {
        let state = State { tail: last + 1, ..State::default() };
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_owned(),
            options,
            state: Mutex::new(state),
            wake: Condvar::new(),
        });
        let worker = if shared.options.stepped {
            Worker::Caller(Writer::default())
        } else {
            let shared = Arc::clone(&shared);
            let io = |source| LogError::Io { path: dir.to_owned(), source };
            let thread = std::thread::Builder::new().name("log-writer".to_owned());
            Worker::Thread(thread.spawn(move || writer::run(&shared)).map_err(io)?)
        };
        Ok(Self { shared, worker: Mutex::new(Some(worker)) })
    }

    /// With [`LogOptions::stepped`], does what the writing thread would do next: writes the oldest group that waits,
    /// or, when none does, looks after the disk. Otherwise there is a thread for that, and this does nothing.
    pub fn step(&self) {
        if let Some(Worker::Caller(writer)) = &mut *locked(&self.worker) {
            writer.step(&self.shared);
        }
    }

    /// The segment that the next record goes to.
    pub fn segment(&self) -> u64 {
        locked(&self.shared.state).tail
    }

    /// Adds a record made of `parts` to `segment`, in order with all other calls. The commit resolves when it is on
    /// disk, or, in relaxed mode, at once. Never waits: callers bound what is queued by [`Log::is_crowded`].
    pub fn append(&self, segment: u64, parts: &[&[u8]]) -> Result<Commit, AppendError> {
        let mut state = locked(&self.shared.state);
        state.check()?;
        if state.tail != segment {
            return Err(AppendError::SegmentChanged(state.tail));
        }
        let group = open_group(&mut state);
        let before = group.bytes.len();
        segment::push_frame(&mut group.bytes, parts);
        let added = group.bytes.len() - before;
        let cell = Arc::clone(&group.cell);
        state.queued_bytes += added;
        state.tail_bytes += added as u64;
        state.stats.records += 1;
        drop(state);
        self.shared.wake.notify_one();
        if self.shared.options.relaxed { Ok(Commit::done()) } else { Ok(Commit::waiting(cell)) }
    }

    /// Starts another segment and returns its number: all records appended before lie in smaller ones.
    pub fn roll(&self) -> u64 {
        let mut state = locked(&self.shared.state);
        state.tail += 1;
        state.tail_bytes = 0;
        state.tail
    }

    /// Whether the segment being written has grown to the length at which a caller should roll. `repeated_bytes` of it
    /// would have to be said again in the next one; they are to be no more than a quarter of a segment.
    pub fn wants_roll(&self, repeated_bytes: u64) -> bool {
        let segment_bytes = self.shared.options.segment_bytes.max(repeated_bytes.saturating_mul(4));
        locked(&self.shared.state).tail_bytes >= segment_bytes
    }

    /// Whether more than [`LogOptions::max_queued_bytes`] wait for the disk. A caller then awaits a
    /// [`Log::barrier`] before it appends, so that a slow disk holds back who fills it and blocks no thread.
    pub fn is_crowded(&self) -> bool {
        locked(&self.shared.state).queued_bytes > self.shared.options.max_queued_bytes
    }

    /// Resolves when everything appended so far is on disk, in relaxed mode too.
    pub fn barrier(&self) -> Result<Commit, AppendError> {
        let mut state = locked(&self.shared.state);
        state.check()?;
        let group = open_group(&mut state);
        let cell = Arc::clone(&group.cell);
        drop(state);
        self.shared.wake.notify_one();
        Ok(Commit::waiting(cell))
    }

    /// Removes the segments before `segment`, so that they do not come back. What cannot be removed now is removed by a
    /// later call.
    pub fn drop_before(&self, segment: u64) -> Result<(), LogError> {
        let dir = &self.shared.dir;
        for (number, path) in segment::list(&*self.shared.disk, dir)? {
            if number < segment {
                self.shared.disk.remove_file(&path).map_err(|source| LogError::Io { path, source })?;
            }
        }
        // Also where nothing was there to remove: an earlier call may have failed at this.
        self.shared.disk.sync_dir(dir).map_err(|source| LogError::Io { path: dir.clone(), source })
    }

    /// Whether it takes records.
    pub fn state(&self) -> LogState {
        locked(&self.shared.state).state.clone()
    }

    /// Counters.
    pub fn stats(&self) -> LogStats {
        let state = locked(&self.shared.state);
        LogStats { segment_bytes: state.tail_bytes, ..state.stats.clone() }
    }

    /// Writes what was appended and stops; later records are refused.
    pub fn close(&self) {
        locked(&self.shared.state).closing = true;
        self.shared.wake.notify_all();
        match locked(&self.worker).take() {
            // A writer that panicked has nothing left to write.
            Some(Worker::Thread(thread)) => drop(thread.join()),
            Some(Worker::Caller(mut writer)) => writer.finish(&self.shared),
            None => {}
        }
        locked(&self.shared.state).state = LogState::Closed;
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}

/// The group at the end of the queue, if it is for the tail segment, or a new one.
fn open_group(state: &mut State) -> &mut Group {
    let tail = state.tail;
    if state.queue.back().is_none_or(|group| group.segment != tail) {
        state.queue.push_back(Group { segment: tail, bytes: Vec::new(), cell: Arc::default() });
    }
    let last = state.queue.len().saturating_sub(1);
    #[expect(clippy::indexing_slicing, reason = "a group was pushed just above when the queue was empty")]
    &mut state.queue[last]
}

#[cfg(test)]
mod tests;
