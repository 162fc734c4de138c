//! `global`: what receivers use unless they say otherwise.

use std::time::Duration;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Problem, Reading, Section};

/// What receivers use unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Global {
    /// After how long without news an alert is taken for ended; `None` for the default. Not about receivers, and here
    /// because this is where `global` is read.
    pub resolve_timeout: Option<Duration>,
    /// How servers are reached.
    pub http_config: ClientConfig,
}

impl Global {
    /// Reads all its keys.
    pub(super) fn take(section: &mut Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let http_config = match section.section("http_config", "HTTP configuration")? {
            Some(mut section) => {
                let config = ClientConfig::take(&mut section, reading)?;
                section.finish()?;
                config
            }
            None => ClientConfig::default(),
        };
        let resolve_timeout = section.duration("resolve_timeout")?;
        Ok(Self { resolve_timeout, http_config })
    }
}
