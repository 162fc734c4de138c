//! The system's name and version, from os-release.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};
use std::collections::HashMap;

/// `node_os_info` and `node_os_version`.
pub(super) struct OsRelease;

/// The labels, and the variables that they come from.
const LABELS: [(&str, &str); 12] = [
    ("build_id", "BUILD_ID"),
    ("id", "ID"),
    ("id_like", "ID_LIKE"),
    ("image_id", "IMAGE_ID"),
    ("image_version", "IMAGE_VERSION"),
    ("name", "NAME"),
    ("pretty_name", "PRETTY_NAME"),
    ("variant", "VARIANT"),
    ("variant_id", "VARIANT_ID"),
    ("version", "VERSION"),
    ("version_codename", "VERSION_CODENAME"),
    ("version_id", "VERSION_ID"),
];

impl Collector for OsRelease {
    fn name(&self) -> &'static str {
        "os"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let places = ["etc/os-release", "usr/lib/os-release"];
        let source = places.into_iter().find_map(|place| Source::read(roots.rootfs.join(place)).ok());
        let Some(source) = source else { return Err(CollectError::NoData("os-release")) };
        let variables: HashMap<&str, &str> = source
            .text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches(['"', '\''])))
            .collect();
        let value = |name: &str| variables.get(name).copied().unwrap_or("");
        let labels = LABELS.iter();
        let labels: Vec<(&'static str, &str)> = labels.map(|(label, name)| (*label, value(name))).collect();
        out.gauge("node_os_info", "What system this is.", &labels, 1.0);
        let mut parts = value("VERSION_ID").split('.');
        let major = parts.next().unwrap_or("");
        let version = parts.next().map_or_else(|| major.to_owned(), |minor| format!("{major}.{minor}"));
        if let Ok(version) = version.parse::<f64>() {
            let labels = [("id", value("ID")), ("id_like", value("ID_LIKE")), ("name", value("NAME"))];
            out.gauge("node_os_version", "The system's version, its first two parts.", &labels, version);
        }
        Ok(())
    }
}
