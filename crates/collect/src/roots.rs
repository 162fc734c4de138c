//! Where the files of a host are found, so that a container can look at its host and a test at fixtures.

use crate::CollectError;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest file that is read; `/proc/cpuinfo` of a machine with a thousand cores has about two MiB.
const LARGEST_FILE_BYTES: u64 = 16 << 20;

/// The largest value of a file below sysfs.
const LARGEST_VALUE_BYTES: usize = 4096;

/// Room for what most files hold, so that they are read at once.
const USUAL_BYTES: usize = 8 << 10;

/// The folders a collector reads below. The defaults are this machine's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Where proc is mounted (`--path.procfs`).
    pub procfs: PathBuf,
    /// Where sysfs is mounted (`--path.sysfs`).
    pub sysfs: PathBuf,
    /// Where the host's root file system is mounted (`--path.rootfs`).
    pub rootfs: PathBuf,
    /// Where udev keeps what it knows about devices (`--path.udev.data`).
    pub udev_data: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            procfs: PathBuf::from("/proc"),
            sysfs: PathBuf::from("/sys"),
            rootfs: PathBuf::from("/"),
            udev_data: PathBuf::from("/run/udev/data"),
        }
    }
}

impl Roots {
    /// Reads a file below proc.
    pub fn proc(&self, path: &str) -> Result<Source, CollectError> {
        Source::read(self.procfs.join(path))
    }

    /// Reads a file below sysfs.
    pub fn sys(&self, path: &str) -> Result<Source, CollectError> {
        Source::read(self.sysfs.join(path))
    }

    /// Reads a file below sysfs that holds one value. `None` when it is not there or cannot be told at the moment:
    /// drivers answer with errors for what a device does not have.
    pub fn sys_value(&self, path: &str) -> Option<String> {
        let path = self.sysfs.join(path);
        // The kernel gives such a file at once and at most a page of it, so one read is all; whatever else holds more.
        let mut page = [0; LARGEST_VALUE_BYTES + 1];
        let read = File::open(&path).and_then(|mut file| file.read(&mut page));
        match read {
            Ok(count) if count <= LARGEST_VALUE_BYTES => {
                Some(String::from_utf8_lossy(page.get(..count)?).trim().to_owned())
            }
            Ok(_) => Source::read(path).ok().map(|source| source.text.trim().to_owned()),
            Err(_) => None,
        }
    }

    /// The same as a number, decimal or with `0x`.
    pub fn sys_number(&self, path: &str) -> Option<f64> {
        let text = self.sys_value(path)?;
        match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as f64),
            None => text.parse().ok(),
        }
    }

    /// The entries of a folder below sysfs, sorted by name; none when it is not there.
    pub fn sys_folder(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.sysfs.join(path)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

/// A file that was read, with its name for errors.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    /// What it holds; bytes that are not UTF-8 have become U+FFFD.
    pub text: String,
}

impl Source {
    /// Reads a file of at most 16 MiB.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CollectError> {
        let path = path.as_ref().to_path_buf();
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        let read = File::open(&path).and_then(|file| file.take(LARGEST_FILE_BYTES).read_to_end(&mut bytes));
        match read {
            Ok(_) => {
                let text = String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
                Ok(Self { path, text })
            }
            Err(source) => Err(CollectError::Read { path, source }),
        }
    }

    /// The lines with their numbers, counted from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().zip(1..).map(|(line, number)| (number, line))
    }

    /// An error about a line of this file.
    pub fn wrong(&self, line: usize, found: &str, expected: &'static str) -> CollectError {
        let found = found.chars().take(80).collect();
        CollectError::Parse { path: self.path.clone(), line, found, expected }
    }

    /// A word of a line as a number.
    pub fn number(&self, line: usize, word: Option<&str>) -> Result<f64, CollectError> {
        let word = word.unwrap_or_default();
        word.parse().map_err(|_| self.wrong(line, word, "a number"))
    }
}
