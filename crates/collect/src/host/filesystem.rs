//! Space on mounted file systems.
//!
//! Asking a file system whose server is gone can hang for ever, and nothing can end such a call. So a helper thread
//! asks; when a mount does not answer in time it is told as an error and left alone until its call has returned.

use super::mounts::{self, Mount};
use super::{Collector, Options, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use rustix::fs::StatVfsMountFlags;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

/// More mounts than this are not asked in one round.
const MOST_MOUNTS: usize = 4096;

/// What a file system says about itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Space {
    block_bytes: f64,
    blocks: f64,
    free_blocks: f64,
    available_blocks: f64,
    files: f64,
    free_files: f64,
    is_read_only: bool,
}

/// Asks one file system; replaced in tests.
type Ask = fn(&Path) -> std::io::Result<Space>;

/// `node_filesystem_*`.
#[derive(Debug)]
pub(super) struct FileSystem {
    mount_points_include: Option<Regex>,
    mount_points_exclude: Option<Regex>,
    fs_types_include: Option<Regex>,
    fs_types_exclude: Option<Regex>,
    patience: Duration,
    ask: Ask,
    /// Mount points whose call has not returned.
    stuck: Arc<Mutex<HashSet<String>>>,
}

impl FileSystem {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            mount_points_include: options.mount_points_include.clone(),
            mount_points_exclude: options.mount_points_exclude.clone(),
            fs_types_include: options.fs_types_include.clone(),
            fs_types_exclude: options.fs_types_exclude.clone(),
            patience: options.mount_timeout,
            ask,
            stuck: Arc::default(),
        }
    }

    fn stuck(&self) -> MutexGuard<'_, HashSet<String>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the mounts; each gets its answer or the reason why there is none.
    fn ask_all(&self, root: &Path, mounts: Vec<Mount>) -> Vec<(Mount, Result<Space, String>)> {
        let (stuck, mut waiting): (Vec<Mount>, Vec<Mount>) = {
            let stuck = self.stuck();
            mounts.into_iter().partition(|mount| stuck.contains(&mount.mount_point))
        };
        let mut answers: Vec<_> = stuck.into_iter().map(|mount| (mount, Err(NO_ANSWER.to_owned()))).collect();
        while !waiting.is_empty() {
            waiting = self.ask_until_stuck(root, waiting, &mut answers);
        }
        answers
    }

    /// One helper thread's work: ends when all mounts have answered, or at the first that does not; the mounts after
    /// that one are returned.
    fn ask_until_stuck(
        &self,
        root: &Path,
        mounts: Vec<Mount>,
        answers: &mut Vec<(Mount, Result<Space, String>)>,
    ) -> Vec<Mount> {
        let (sender, receiver) = mpsc::channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let points: Vec<(String, PathBuf)> =
            mounts.iter().map(|mount| (mount.mount_point.clone(), below(root, &mount.mount_point))).collect();
        let helper = std::thread::Builder::new().name("statvfs".to_owned()).spawn({
            let (ask, given_up, stuck) = (self.ask, Arc::clone(&given_up), Arc::clone(&self.stuck));
            move || {
                for (mount_point, path) in points {
                    let answer = ask(&path).map_err(|error| error.to_string());
                    // Either the answer is sent or the mount is no longer stuck; the lock lets nothing in between.
                    let mut stuck = stuck.lock().unwrap_or_else(PoisonError::into_inner);
                    if given_up.load(Ordering::SeqCst) {
                        stuck.remove(&mount_point);
                        return;
                    }
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            }
        });
        if let Err(error) = helper {
            let reason = format!("no thread to ask with: {error}");
            answers.extend(mounts.into_iter().map(|mount| (mount, Err(reason.clone()))));
            return Vec::new();
        }
        let mut mounts = mounts.into_iter();
        while let Some(mount) = mounts.next() {
            let answer = receiver.recv_timeout(self.patience).ok().or_else(|| {
                let mut stuck = self.stuck();
                let late_answer = receiver.try_recv().ok();
                if late_answer.is_none() {
                    given_up.store(true, Ordering::SeqCst);
                    stuck.insert(mount.mount_point.clone());
                }
                late_answer
            });
            let Some(answer) = answer else {
                tracing::warn!(mount_point = %mount.mount_point, "file system does not answer");
                answers.push((mount, Err(NO_ANSWER.to_owned())));
                return mounts.collect();
            };
            answers.push((mount, answer));
        }
        Vec::new()
    }
}

const NO_ANSWER: &str = "mountpoint timeout";

/// A mount point below the folder where the host's root is mounted.
fn below(root: &Path, mount_point: &str) -> PathBuf {
    root.join(mount_point.trim_start_matches('/'))
}

fn ask(path: &Path) -> std::io::Result<Space> {
    let answer = rustix::fs::statvfs(path)?;
    Ok(Space {
        // Linux counts in `f_bsize` in statfs and in `f_frsize` here; they are equal where it matters.
        block_bytes: answer.f_frsize as f64,
        blocks: answer.f_blocks as f64,
        free_blocks: answer.f_bfree as f64,
        available_blocks: answer.f_bavail as f64,
        files: answer.f_files as f64,
        free_files: answer.f_ffree as f64,
        is_read_only: answer.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

impl Collector for FileSystem {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut mounts = mounts::read(roots)?;
        let mut seen = HashSet::new();
        mounts.retain(|mount| {
            passes(&mount.mount_point, self.mount_points_include.as_ref(), self.mount_points_exclude.as_ref())
                && passes(&mount.fs_type, self.fs_types_include.as_ref(), self.fs_types_exclude.as_ref())
                && seen.insert((mount.device.clone(), mount.mount_point.clone(), mount.fs_type.clone()))
        });
        mounts.truncate(MOST_MOUNTS);
        for (mount, answer) in self.ask_all(&roots.rootfs, mounts) {
            tell(&mount, answer, out);
        }
        Ok(())
    }
}

fn tell(mount: &Mount, answer: Result<Space, String>, out: &mut Collection) {
    let labels = [
        ("device", mount.device.as_str()),
        ("mountpoint", mount.mount_point.as_str()),
        ("fstype", mount.fs_type.as_str()),
    ];
    let numbers = [
        ("device", mount.device.as_str()),
        ("mountpoint", mount.mount_point.as_str()),
        ("major", mount.major.as_str()),
        ("minor", mount.minor.as_str()),
    ];
    out.gauge("node_filesystem_mount_info", "Which device is mounted where.", &numbers, 1.0);
    let help = "Whether a file system did not say how much space it has.";
    let is_read_only = match &answer {
        Ok(space) => space.is_read_only || mount.is_read_only,
        Err(_) => mount.is_read_only,
    };
    let read_only = f64::from(u8::from(is_read_only));
    out.gauge("node_filesystem_readonly", "Whether a file system is read-only.", &labels, read_only);
    let space = match answer {
        Ok(space) => space,
        Err(reason) => {
            tracing::debug!(mount_point = %mount.mount_point, %reason, "file system gives no numbers");
            let [device, mount_point, fs_type] = labels;
            let labels = [device, mount_point, fs_type, ("device_error", reason.as_str())];
            out.gauge("node_filesystem_device_error", help, &labels, 1.0);
            return;
        }
    };
    out.gauge("node_filesystem_device_error", help, &labels, 0.0);
    for (name, help, value) in [
        ("node_filesystem_size_bytes", "Size of a file system.", space.blocks * space.block_bytes),
        ("node_filesystem_free_bytes", "Space that is free.", space.free_blocks * space.block_bytes),
        (
            "node_filesystem_avail_bytes",
            "Space that is free for everybody, not only for root.",
            space.available_blocks * space.block_bytes,
        ),
        ("node_filesystem_files", "How many files a file system can hold.", space.files),
        ("node_filesystem_files_free", "How many more files a file system can hold.", space.free_files),
    ] {
        out.gauge(name, help, &labels, value);
    }
}

#[cfg(test)]
mod tests;
