//! Metrics that others leave in files: every `*.prom` in the folders that `--collector.textfile.directory` names.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use watchfire_model::MetricType;
use watchfire_wire::exposition::{Entry, Format, Parser};

/// What the files say, with when each was written.
pub(super) struct TextFile {
    pub(super) folders: Vec<PathBuf>,
}

impl Collector for TextFile {
    fn name(&self) -> &'static str {
        "textfile"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut failure = None;
        for folder in &self.folders {
            for file in files(folder, &mut failure) {
                match read(&file, out) {
                    Ok(()) => tell_age(&file, out),
                    Err(error) => failure = Some(error),
                }
            }
        }
        let failed = f64::from(u8::from(failure.is_some()));
        out.gauge("node_textfile_scrape_error", "Whether a file could not be read (1).", &[], failed);
        failure.map_or(Ok(()), Err)
    }
}

fn files(folder: &Path, failure: &mut Option<CollectError>) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => {
            *failure = Some(CollectError::Read { path: folder.to_path_buf(), source });
            return Vec::new();
        }
    };
    let files = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "prom")).collect();
    files.sort();
    files
}

fn tell_age(file: &Path, out: &mut Collection) {
    let modified = std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
    let Some(age) = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok()) else { return };
    let name = file.display().to_string();
    let help = "When a file was written, in seconds since 1970.";
    out.gauge("node_textfile_mtime_seconds", help, &[("file", &name)], age.as_secs_f64());
}

/// Adds a file as a whole or not at all.
fn read(file: &Path, out: &mut Collection) -> Result<(), CollectError> {
    let source = Source::read(file)?;
    let mut kinds: BTreeMap<String, MetricType> = BTreeMap::new();
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut samples = Vec::new();
    for entry in Parser::new(&source.text, Format::Text) {
        match entry
            .map_err(|error| source.wrong(error.line, &error.to_string(), "Prometheus's text format"))?
        {
            Entry::Type { family, kind } => {
                kinds.insert(family.into_owned(), kind);
            }
            Entry::Help { family, help } => {
                helps.insert(family.into_owned(), help.into_owned());
            }
            Entry::Sample(sample) => {
                let labels = sample.to_labels();
                if sample.timestamp_ms.is_some() {
                    let text = labels.to_string();
                    return Err(source.wrong(0, &text, "a sample without a time: its age is the file's"));
                }
                samples.push((labels, sample.value));
            }
            _ => {}
        }
    }
    for (labels, value) in samples {
        let name = labels.metric_name();
        let parts = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            let family = name.strip_suffix(suffix)?;
            let kind = kinds.get(family)?;
            matches!(kind, MetricType::Histogram | MetricType::Summary).then_some((family, *suffix))
        });
        let (family, suffix) = parts.unwrap_or((name, ""));
        let kind = kinds.get(family).copied().unwrap_or(MetricType::Unknown);
        let help = helps.get(family).map_or("", String::as_str);
        out.add_foreign(kind, family, suffix, help, &labels, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
