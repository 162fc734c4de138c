//! `alerting`: the Alertmanagers that a Prometheus would notify.

use super::Reading;
use super::client::ClientConfig;
use super::section::Section;
use super::yaml::{Node, Problem};
use crate::discovery::Discovery;
use crate::relabel::{self, NameScheme, read_rules};
use std::time::Duration;

/// `alerting`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alerting {
    /// Rules for the labels of alerts.
    pub alert_relabel_configs: Vec<relabel::Rule>,
    /// Where alerts go.
    pub alertmanagers: Vec<Alertmanager>,
}

/// One entry of `alertmanagers`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alertmanager {
    /// `http` or `https`.
    pub scheme: String,
    /// What stands before `/api/v2/alerts`.
    pub path_prefix: String,
    /// How long a notification may take.
    pub timeout: Duration,
    /// How to reach it.
    pub client: ClientConfig,
    /// Where the instances come from.
    pub discovery: Discovery,
    /// Rules for its instances.
    pub relabel_configs: Vec<relabel::Rule>,
    /// Rules for alerts that go there.
    pub alert_relabel_configs: Vec<relabel::Rule>,
}

impl Alerting {
    pub(crate) fn read(
        mut section: Section,
        scheme: NameScheme,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let alert_relabel_configs = read_rules(section.list("alert_relabel_configs")?, scheme)?;
        let mut alertmanagers = Vec::new();
        for item in section.list("alertmanagers")? {
            alertmanagers.push(Alertmanager::read(item, scheme, reading)?);
        }
        section.finish()?;
        Ok(Self { alert_relabel_configs, alertmanagers })
    }
}

impl Alertmanager {
    fn read(item: Node, scheme: NameScheme, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let mut section = Section::open_item(item, "Alertmanager configuration")?;
        section.choice("api_version", &[("v2", ())])?;
        let discovery = Discovery::take(&mut section, scheme, reading)?;
        if let Some((key, _)) = section.take_with_key("sigv4") {
            reading.not_yet(key.place, "sigv4 is not supported yet; expected basic_auth, authorization or oauth2, or a proxy that signs");
        }
        let alertmanager = Self {
            scheme: section
                .choice("scheme", &[("http", "http"), ("https", "https")])?
                .unwrap_or("http")
                .to_owned(),
            path_prefix: section.text("path_prefix")?.unwrap_or_default(),
            timeout: section.duration("timeout")?.unwrap_or(Duration::from_secs(10)),
            client: ClientConfig::take(&mut section, reading)?,
            discovery,
            relabel_configs: read_rules(section.list("relabel_configs")?, scheme)?,
            alert_relabel_configs: read_rules(section.list("alert_relabel_configs")?, scheme)?,
        };
        section.finish()?;
        Ok(alertmanager)
    }
}
