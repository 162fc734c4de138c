//! What udev knows about a block device.

use crate::Roots;
use crate::roots::Source;
use std::collections::HashMap;

/// The properties of one device.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    properties: HashMap<String, String>,
}

impl Properties {
    /// Reads the properties of a block device; none when udev does not know it or does not run.
    pub(super) fn of_block_device(roots: &Roots, major: &str, minor: &str) -> Self {
        let Ok(source) = Source::read(roots.udev_data.join(format!("b{major}:{minor}"))) else {
            return Self::default();
        };
        let properties = source
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("E:")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { properties }
    }

    /// A property, empty when it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    /// The first of these properties that says something.
    pub(super) fn first(&self, names: &[&str]) -> &str {
        names.iter().map(|name| self.get(name)).find(|value| !value.is_empty()).unwrap_or("")
    }
}
