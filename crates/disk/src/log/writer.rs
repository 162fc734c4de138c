//! The thread that puts records on the disk.

use super::commit::CommitError;
use super::{Group, LogState, SYNC_BUCKETS_SECONDS, Shared, State, segment};
use crate::fs::WriteFile;
use crate::locked;
use std::io;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// In relaxed mode records are synced this often.
const RELAXED_SYNC_EVERY: Duration = Duration::from_secs(1);
/// What a disk must take before it is believed to work again.
const PROBE_BYTES: usize = 256 << 10;

#[derive(Debug)]
struct Segment {
    number: u64,
    file: Box<dyn WriteFile>,
    /// Bytes known to be on disk.
    synced_len: u64,
}

#[derive(Debug, Default)]
pub(super) struct Writer {
    current: Option<Segment>,
    last_sync: Option<Instant>,
    unsynced: bool,
    last_check: Option<Instant>,
}

pub(super) fn run(shared: &Shared) {
    let mut writer = Writer::default();
    loop {
        let Some(group) = writer.next_group(shared) else { return };
        let Some(group) = group else {
            writer.tend(shared);
            continue;
        };
        writer.write(shared, group);
        if writer.last_check.is_none_or(|last| last.elapsed() >= shared.options.check_every) {
            writer.tend(shared);
        }
    }
}

impl Writer {
    /// Writes one group, or looks after the disk when there is none.
    pub(super) fn step(&mut self, shared: &Shared) {
        let next = locked(&shared.state).queue.pop_front();
        match next {
            Some(group) => self.write(shared, group),
            None => self.tend(shared),
        }
    }

    /// Writes everything that waits.
    pub(super) fn finish(&mut self, shared: &Shared) {
        loop {
            let next = locked(&shared.state).queue.pop_front();
            let Some(group) = next else { break };
            self.write(shared, group);
        }
        if self.unsynced {
            // Relaxed mode promised nothing, but an orderly end keeps everything.
            let _ = self.sync(shared);
        }
    }

    fn write(&mut self, shared: &Shared, group: Group) {
        match self.put(shared, &group) {
            Ok(()) => {
                locked(&shared.state).queued_bytes -= group.bytes.len();
                group.cell.resolve(Ok(()));
            }
            Err(error) => self.fail(shared, group, &error.to_string()),
        }
    }

    /// `None` at the end; `Some(None)` when it is time to look after the disk.
    fn next_group(&mut self, shared: &Shared) -> Option<Option<Group>> {
        let mut state = locked(&shared.state);
        loop {
            if !state.queue.is_empty() {
                let since = self.last_sync.map_or(Duration::MAX, |last| last.elapsed());
                let Some(left) =
                    shared.options.group_window.checked_sub(since).filter(|left| !left.is_zero())
                else {
                    return Some(state.queue.pop_front());
                };
                if state.closing {
                    return Some(state.queue.pop_front());
                }
                state = shared.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            if state.closing {
                drop(state);
                self.finish(shared);
                return None;
            }
            let (next, timeout) = shared
                .wake
                .wait_timeout(state, shared.options.check_every)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() && state.queue.is_empty() {
                return Some(None);
            }
        }
    }

    fn put(&mut self, shared: &Shared, group: &Group) -> io::Result<()> {
        if self.current.as_ref().is_none_or(|current| current.number != group.segment) {
            if self.unsynced {
                self.sync(shared)?;
            }
            self.current = None;
            if group.bytes.is_empty() {
                return Ok(());
            }
            self.current = Some(open_segment(shared, group.segment)?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        if !group.bytes.is_empty() {
            current.file.append(&group.bytes)?;
            self.unsynced = true;
            locked(&shared.state).stats.bytes_written += group.bytes.len() as u64;
        }
        // A group without bytes is a barrier.
        let due = !shared.options.relaxed
            || group.bytes.is_empty()
            || (!shared.options.stepped
                && self.last_sync.is_none_or(|last| last.elapsed() >= RELAXED_SYNC_EVERY));
        if due {
            self.sync(shared)?;
            if let Some(current) = &mut self.current {
                current.synced_len += group.bytes.len() as u64;
            }
        }
        Ok(())
    }

    fn sync(&mut self, shared: &Shared) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let start = Instant::now();
        self.last_sync = Some(start);
        current.file.sync()?;
        self.unsynced = false;
        note_sync(&mut locked(&shared.state), start.elapsed());
        Ok(())
    }

    /// Gives up the segment and everything queued, and says why.
    fn fail(&mut self, shared: &Shared, group: Group, reason: &str) {
        let reason = format!("cannot write the log in {}: {reason}", shared.dir.display());
        tracing::error!(reason, "the log takes no more records until the disk works again");
        if let Some(abandoned) = self.current.take() {
            // The failed bytes were never acknowledged; without them the segment reads cleanly.
            let path = segment::path(&shared.dir, abandoned.number);
            if !shared.options.relaxed {
                let _ = shared.disk.truncate(&path, abandoned.synced_len);
            }
        }
        self.unsynced = false;
        let mut state = locked(&shared.state);
        state.stats.failures += 1;
        refuse(&mut state, reason.clone());
        let queued: Vec<Group> = state.queue.drain(..).collect();
        state.queued_bytes = 0;
        drop(state);
        for group in std::iter::once(group).chain(queued) {
            group.cell.resolve(Err(CommitError(reason.clone())));
        }
    }

    /// Watches the room left, and tries a disk that failed.
    fn tend(&mut self, shared: &Shared) {
        self.last_check = Some(Instant::now());
        if self.unsynced
            && let Err(error) = self.sync(shared)
        {
            let group = Group { segment: 0, bytes: Vec::new(), cell: std::sync::Arc::default() };
            self.fail(shared, group, &error.to_string());
            return;
        }
        let free = shared.disk.free_bytes(&shared.dir);
        let floor = shared.options.min_free_bytes;
        let was = locked(&shared.state).state.clone();
        match (was, free) {
            (LogState::Writable, Ok(free)) if free < floor => {
                let reason = format!(
                    "only {free} bytes are free in {}; free at least {floor} to write again",
                    shared.dir.display()
                );
                tracing::error!(reason, "the log takes no more records");
                refuse(&mut locked(&shared.state), reason);
            }
            (LogState::ReadOnly(_), Ok(free)) if free >= floor && probe(shared).is_ok() => {
                tracing::info!("the disk works again, the log takes records");
                locked(&shared.state).state = LogState::Writable;
            }
            _ => {}
        }
    }
}

fn refuse(state: &mut State, reason: String) {
    state.state = LogState::ReadOnly(reason);
    state.tail += 1;
    state.tail_bytes = 0;
}

fn note_sync(state: &mut State, took: Duration) {
    state.stats.syncs += 1;
    state.stats.sync_time += took;
    let seconds = took.as_secs_f64();
    let bucket = SYNC_BUCKETS_SECONDS.iter().position(|bound| seconds <= *bound);
    if let Some(count) = state.stats.sync_buckets.get_mut(bucket.unwrap_or(SYNC_BUCKETS_SECONDS.len())) {
        *count += 1;
    }
}

fn open_segment(shared: &Shared, number: u64) -> io::Result<Segment> {
    let mut file = shared.disk.create(&segment::path(&shared.dir, number))?;
    file.append(&segment::header(shared.options.format))?;
    file.sync()?;
    shared.disk.sync_dir(&shared.dir)?;
    Ok(Segment { number, file, synced_len: segment::HEADER_BYTES as u64 })
}

/// Writes, syncs and removes a file.
fn probe(shared: &Shared) -> io::Result<()> {
    let path = shared.dir.join("probe.tmp");
    let attempt = || {
        let mut file = shared.disk.create(&path)?;
        file.append(&vec![0; PROBE_BYTES])?;
        file.sync()
    };
    let works = attempt();
    let removed = shared.disk.remove_file(&path);
    works.and(removed)
}
