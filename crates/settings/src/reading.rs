//! What reading a file gathers on its way.

use crate::yaml::{Place, Problem};
use std::path::{Path, PathBuf};

/// What reading gathers on its way: where paths count from, files that must be there, features that are not, settings
/// without effect.
#[derive(Debug)]
pub struct Reading<'a> {
    folder: &'a Path,
    oauth2: bool,
    not_yet: Vec<Problem>,
    notes: Vec<Problem>,
    referred: Vec<(PathBuf, Place)>,
}

impl<'a> Reading<'a> {
    /// Begins; relative paths count from `folder`.
    pub fn new(folder: &'a Path) -> Self {
        Self { folder, oauth2: false, not_yet: Vec::new(), notes: Vec::new(), referred: Vec::new() }
    }

    /// The same, for readers whose clients can fetch OAuth 2 tokens; for others `oauth2` is a feature not built.
    pub fn with_oauth2(folder: &'a Path) -> Self {
        Self { oauth2: true, ..Self::new(folder) }
    }

    /// Whether `oauth2` is a way to be authorised here.
    pub(crate) fn knows_oauth2(&self) -> bool {
        self.oauth2
    }

    /// Where relative paths count from.
    pub fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Remembers a feature that Prometheus has and Watchfire has not; told by [`Reading::check_world`].
    pub fn not_yet(&mut self, place: Place, message: impl Into<String>) {
        self.not_yet.push(Problem::new(place, message));
    }

    /// Remembers a setting that has no effect.
    pub fn note(&mut self, place: Place, message: impl Into<String>) {
        self.notes.push(Problem::new(place, message));
    }

    /// The settings without effect so far; they are forgotten here.
    pub fn take_notes(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.notes)
    }

    /// The features not built that were asked for so far; they are forgotten here.
    pub fn take_not_yet(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.not_yet)
    }

    /// Resolves a path and remembers that the file must be readable.
    pub fn refer(&mut self, path: &str, place: Place) -> PathBuf {
        let path = self.folder.join(path);
        self.referred.push((path.clone(), place));
        path
    }

    /// Resolves a path whose file may be missing.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Refuses what is not supported and files that cannot be read.
    ///
    /// # Errors
    /// The first of them.
    pub fn check_world(&self) -> Result<(), Problem> {
        if let Some(problem) = self.not_yet.first() {
            return Err(problem.clone());
        }
        for (path, place) in &self.referred {
            if let Err(error) = std::fs::File::open(path) {
                let message = format!("cannot read {}: {error}; expected a readable file", path.display());
                return Err(Problem::new(*place, message));
            }
        }
        Ok(())
    }
}
