//! `integrations`: the secrets of those who send what people answer elsewhere.

use std::path::Path;
use watchfire_settings::{Problem, Secret, Section};

/// The secrets with which others sign what they send here. Whoever has none is not heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integrations {
    /// The signing secret of a Slack app.
    pub slack: Option<Secret>,
    /// The secret of a subscription to PagerDuty's webhooks, version 3.
    pub pagerduty: Option<Secret>,
}

impl Integrations {
    pub(super) fn read(mut section: Section, folder: &Path) -> Result<Self, Problem> {
        let mut take = |name, keys| -> Result<Option<Secret>, Problem> {
            section.section(name, "integration")?.map(|inner| secret(inner, keys, folder)).transpose()
        };
        let slack = take("slack", ("signing_secret", "signing_secret_file"))?;
        let pagerduty = take("pagerduty", ("secret", "secret_file"))?;
        section.finish()?;
        Ok(Self { slack, pagerduty })
    }
}

fn secret(
    mut section: Section,
    (plain, file): (&'static str, &'static str),
    folder: &Path,
) -> Result<Secret, Problem> {
    let given = section.secret(plain)?;
    let place = section.has(file).unwrap_or(section.place());
    let path = section.path(file, folder)?;
    let whole = section.problem(format!("expected one of {plain}, {file}"));
    section.finish()?;
    let secret = match (given, path) {
        (Some(secret), None) => secret,
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Problem::new(place, format!("{file} {:?}: {error}", path.display())))?;
            Secret::new(text.trim())
        }
        _ => return Err(whole),
    };
    if secret.expose().is_empty() {
        return Err(Problem::new(place, format!("{plain} is empty; expected a secret")));
    }
    Ok(secret)
}
