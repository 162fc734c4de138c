//! Receivers: who is told, and how they are reached.

use super::Reader;
use super::raw::{RawHttp, RawReceiver, RawWebhook};
use serde_saphyr::Spanned;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use watchfire_rules::yaml::Place;

/// A receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its name, one of a kind.
    pub name: String,
    /// Where its name stands in the file.
    pub place: Place,
    /// Its labels.
    pub labels: watchfire_model::Labels,
    /// The webhooks it calls, in order. The position is the integration's number.
    pub webhooks: Vec<Webhook>,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Where notifications are posted.
    pub url: Secret,
    /// Whether the end of alerts is told.
    pub send_resolved: bool,
    /// How many alerts one notification may hold; 0 for any number.
    pub max_alerts: u64,
    /// How long one attempt may take; `None` for the default.
    pub timeout: Option<Duration>,
    /// How it is told who we are.
    pub credentials: Option<Credentials>,
}

/// How a receiver is told who we are.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// User name and password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An `Authorization` header.
    Authorization {
        /// Its first word, `Bearer` by default.
        kind: String,
        /// The rest.
        credentials: Secret,
    },
}

/// A text that is not shown, given in place or in a file that is read anew for every attempt.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Given in place.
    Inline(String),
    /// In a file; white space around it does not count.
    File(PathBuf),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("<secret>"),
            Self::File(path) => write!(f, "<secret in {}>", path.display()),
        }
    }
}

impl Secret {
    /// The text. Blocks where it is in a file.
    pub fn reveal(&self) -> std::io::Result<String> {
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?;
                Ok(text.trim().to_owned())
            }
        }
    }
}

impl Receiver {
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.webhooks.iter().flat_map(|webhook| {
            let credentials = match &webhook.credentials {
                Some(Credentials::Basic { password, .. }) => Some(password),
                Some(Credentials::Authorization { credentials, .. }) => Some(credentials),
                None => None,
            };
            [Some(&webhook.url), credentials].into_iter().flatten().filter_map(|secret| match secret {
                Secret::Inline(text) => Some(text.as_str()),
                Secret::File(_) => None,
            })
        })
    }
}

impl Reader {
    pub(super) fn receiver(&mut self, index: usize, raw: RawReceiver) -> Option<Receiver> {
        let path = format!("receivers[{index}]");
        for (key, value) in raw.unsupported() {
            self.unsupported(&format!("{path}.{key}"), value);
        }
        let Some(name) = raw.name.filter(|name| !name.value.is_empty()) else {
            self.error(Place::default(), format!("{path}: missing name in receiver"));
            return None;
        };
        let place = Place::of(&name);
        let webhooks = raw.webhook_configs.unwrap_or_default();
        let webhooks = webhooks
            .into_iter()
            .enumerate()
            .filter_map(|(index, webhook)| {
                self.webhook(&format!("{path}.webhook_configs[{index}]"), &webhook)
            })
            .collect();
        Some(Receiver { name: name.value, place, labels: watchfire_model::Labels::empty(), webhooks })
    }

    fn webhook(&mut self, path: &str, raw: &Spanned<RawWebhook>) -> Option<Webhook> {
        let place = Place::of(raw);
        let raw = &raw.value;
        for (key, value) in raw.unsupported() {
            self.unsupported(&format!("{path}.{key}"), value);
        }
        let url = match (&raw.url, &raw.url_file) {
            (Some(_), Some(file)) => {
                self.error(
                    Place::of(file),
                    format!("{path}: at most one of url & url_file must be configured"),
                );
                return None;
            }
            (None, None) => {
                self.error(place, format!("{path}: one of url or url_file must be configured"));
                return None;
            }
            (Some(url), None) => {
                let parsed = reqwest::Url::parse(&url.value);
                let problem = match &parsed {
                    Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => Some(format!(
                        "unsupported scheme {:?} for URL; expected http or https",
                        parsed.scheme()
                    )),
                    Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => {
                        Some("missing host for URL".to_owned())
                    }
                    Ok(_) => None,
                    Err(error) => Some(format!("invalid URL: {error}")),
                };
                if let Some(problem) = problem {
                    self.error(Place::of(url), format!("{path}.url: {problem}"));
                    return None;
                }
                Secret::Inline(url.value.clone())
            }
            (None, Some(file)) => self.file(&file.value),
        };
        let timeout = self.duration(&format!("{path}.timeout"), raw.timeout.as_ref());
        Some(Webhook {
            url,
            send_resolved: raw.send_resolved.unwrap_or(true),
            max_alerts: raw.max_alerts.unwrap_or(0),
            timeout: timeout.filter(|timeout| !timeout.is_zero()),
            credentials: raw.http_config.as_ref().and_then(|http| self.credentials(path, http)),
        })
    }

    fn credentials(&mut self, path: &str, raw: &RawHttp) -> Option<Credentials> {
        for (key, value) in raw.unsupported() {
            self.unsupported(&format!("{path}.http_config.{key}"), value);
        }
        if let (Some(_), Some(authorization)) = (&raw.basic_auth, &raw.authorization) {
            let message = "at most one of basic_auth, oauth2 & authorization must be configured";
            self.error(Place::of(authorization), format!("{path}.http_config: {message}"));
            return None;
        }
        if let Some(basic) = &raw.basic_auth {
            let path = format!("{path}.http_config.basic_auth");
            for (key, value) in basic.value.unsupported() {
                self.unsupported(&format!("{path}.{key}"), value);
            }
            let (inline, file) = (&basic.value.password, &basic.value.password_file);
            let password = self.secret(&path, "password", Place::of(basic), inline, file);
            let username = basic.value.username.clone().unwrap_or_default();
            return Some(Credentials::Basic { username, password });
        }
        let authorization = raw.authorization.as_ref()?;
        let path = format!("{path}.http_config.authorization");
        for (key, value) in authorization.value.unsupported() {
            self.unsupported(&format!("{path}.{key}"), value);
        }
        let kind = authorization.value.kind.clone().unwrap_or_default();
        let kind = if kind.trim().is_empty() { "Bearer".to_owned() } else { kind.trim().to_owned() };
        if kind.eq_ignore_ascii_case("basic") {
            let message = "authorization type cannot be set to \"basic\", use \"basic_auth\" instead";
            self.error(Place::of(authorization), format!("{path}: {message}"));
        }
        let (inline, file) = (&authorization.value.credentials, &authorization.value.credentials_file);
        let credentials = self.secret(&path, "credentials", Place::of(authorization), inline, file);
        Some(Credentials::Authorization { kind, credentials })
    }

    fn secret(
        &mut self,
        path: &str,
        key: &str,
        place: Place,
        inline: &Option<String>,
        file: &Option<String>,
    ) -> Secret {
        match (inline, file) {
            (Some(_), Some(_)) => {
                self.error(place, format!("{path}: at most one of {key} & {key}_file must be configured"));
                Secret::Inline(String::new())
            }
            (_, Some(file)) => self.file(file),
            (inline, None) => Secret::Inline(inline.clone().unwrap_or_default()),
        }
    }

    fn file(&self, name: &str) -> Secret {
        Secret::File(self.folder.join(name))
    }
}
