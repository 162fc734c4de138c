//! incident.io: an alert source that takes the body of Alertmanager's webhook.

use crate::attempt::Attempt;
use crate::config::Global;
use crate::config::read;
use crate::sending::{Request, Sending};
use crate::webhook::versioned_body;
use std::time::Duration;
use watchfire_settings::client::{ClientConfig, Credentials, Source, take_source};
use watchfire_settings::{Problem, Reading, Section};

/// incident.io refuses larger bodies.
const MAX_BODY_BYTES: usize = 512 * 1024;

/// What incident.io calls the version of these bodies.
const VERSION: &str = "1";

/// `incidentio_configs`.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentIo {
    /// The alert source.
    pub url: Source,
    /// The alert source's token.
    pub alert_source_token: Option<Source>,
    /// How many alerts one notification may hold; 0 for any number.
    pub max_alerts: u64,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How incident.io is reached.
    pub http_config: ClientConfig,
}

impl IncidentIo {
    pub(crate) fn take(
        section: &mut Section,
        global: &Global,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Problem> {
        let url = read::secret_url(section, reading, "url", "url_file")?
            .ok_or_else(|| section.problem("one of url or url_file must be configured"))?;
        let token = take_source(section, reading, "alert_source_token", "alert_source_token_file")?;
        let has_own = section.has("http_config").is_some();
        let http_config = read::http(section, &global.http_config, reading)?;
        // The token comes before what all receivers are authorised with.
        let is_authorised = matches!(http_config.credentials, Some(Credentials::Header { .. }));
        if token.is_some() && has_own && is_authorised {
            return Err(section.problem(
                "alert_source_token and http_config.authorization exclude each other; expected one of them",
            ));
        }
        if token.is_none() && http_config.credentials.is_none() {
            let problem = section.problem(
                "at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured",
            );
            // As Alertmanager judges it.
            if has_own {
                return Err(problem);
            }
            reading.note(problem.place, problem.message);
        }
        Ok(Self {
            url,
            alert_source_token: token.map(|(source, _)| source),
            max_alerts: section.count("max_alerts")?.unwrap_or(0),
            timeout: section.duration("timeout")?.filter(|timeout| !timeout.is_zero()),
            http_config,
        })
    }

    pub(crate) async fn attempt(&self, sending: &Sending<'_>) -> Result<Attempt, Attempt> {
        let url = sending.reveal(&self.url).await?;
        let unwritten = |error: serde_json::Error| Attempt::dead(error.to_string());
        let mut shown = sending.notification.truncated(self.max_alerts);
        let mut told = versioned_body(&shown, VERSION).map_err(unwritten)?;
        if told.len() > MAX_BODY_BYTES {
            sending.note(format!("only the first alert told: the body had {} bytes", told.len()));
            // The whole stands as it did: the first alert may have ended while others fire.
            let more = shown.alerts.len().saturating_sub(1);
            let shown = shown.to_mut();
            shown.truncated_alerts += u64::try_from(more).unwrap_or(0);
            shown.alerts.truncate(1);
            told = versioned_body(shown, VERSION).map_err(unwritten)?;
        }
        let mut request = Request::json(url, told).within(self.timeout);
        if let Some(token) = &self.alert_source_token {
            request = request.header("authorization", format!("Bearer {}", sending.reveal(token).await?));
        }
        Ok(sending.exchange(&self.http_config, request).await?.judged(&[]))
    }
}
