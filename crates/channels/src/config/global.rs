//! `global`: what receivers use unless they say otherwise.

use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Problem, Reading, Section};

/// What receivers use unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Global {
    /// How servers are reached.
    pub http_config: ClientConfig,
}

impl Global {
    /// Reads the keys that are about receivers; others stay in the section.
    pub(super) fn take(section: &mut Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let http_config = match section.section("http_config", "HTTP configuration")? {
            Some(mut section) => {
                let config = ClientConfig::take(&mut section, reading)?;
                section.finish()?;
                config
            }
            None => ClientConfig::default(),
        };
        Ok(Self { http_config })
    }
}
