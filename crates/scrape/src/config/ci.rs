//! `ci`: what the webhooks of GitHub and GitLab are signed with.

use std::path::Path;
use watchfire_settings::{Problem, Secret, Section};

/// `ci`. Whoever has no secret is not heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ci {
    /// `github`: the secret of the webhook.
    pub github: Option<Secret>,
    /// `gitlab`: the secret token of the webhook.
    pub gitlab: Option<Secret>,
}

impl Ci {
    pub(super) fn read(mut section: Section, folder: &Path) -> Result<Self, Problem> {
        let mut take = |name| -> Result<Option<Secret>, Problem> {
            section.section(name, "webhook")?.map(|inner| secret(inner, folder)).transpose()
        };
        let (github, gitlab) = (take("github")?, take("gitlab")?);
        section.finish()?;
        Ok(Self { github, gitlab })
    }
}

fn secret(mut section: Section, folder: &Path) -> Result<Secret, Problem> {
    let given = section.secret("secret")?;
    let place = section.has("secret_file").unwrap_or(section.place());
    let path = section.path("secret_file", folder)?;
    let whole = section.problem("expected one of secret, secret_file");
    section.finish()?;
    let secret = match (given, path) {
        (Some(secret), None) => secret,
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Problem::new(place, format!("secret_file {:?}: {error}", path.display())))?;
            Secret::new(text.trim())
        }
        _ => return Err(whole),
    };
    if secret.expose().is_empty() {
        return Err(Problem::new(place, "secret is empty; expected one"));
    }
    Ok(secret)
}
