//! What a request is authorised with, and the headers that the configuration adds to it.

use super::client::Ready;
use crate::config::client::{ClientConfig, Credentials, OAuth2, Source};
use crate::error::ScrapeError;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use watchfire_settings::http;

/// A token is not used when it ends so soon.
const MARGIN: Duration = Duration::from_secs(10);
/// How long a token is used whose server does not say.
const USUAL_LIFE: Duration = Duration::from_secs(300);
/// A token is small; a larger answer is a mistake.
const MAX_TOKEN_BYTES: usize = 1 << 20;

/// Credentials and headers as configured, with the token that was given for them.
pub(crate) struct Identity {
    credentials: Option<Credentials>,
    headers: Vec<(String, Vec<Source>)>,
    user_agent: String,
    /// An OAuth 2 token and until when it is good.
    token: Mutex<Option<(String, Instant)>>,
}

impl Identity {
    pub(crate) fn new(config: &ClientConfig, user_agent: &str) -> Self {
        Self {
            credentials: config.credentials.clone(),
            headers: config.headers.clone(),
            user_agent: user_agent.to_owned(),
            token: Mutex::new(None),
        }
    }

    /// Adds `Authorization` and the configured headers. Files are read anew every time, so that rotated credentials
    /// are picked up; a token is fetched when there is none that is good for a while yet.
    pub(crate) async fn add_to(&self, headers: &mut HeaderMap) -> Result<(), ScrapeError> {
        if let Some(credentials) = &self.credentials {
            let text = match credentials {
                Credentials::Basic { username, password } => {
                    let user = read(username, "the username").await?;
                    let password = match password {
                        Some(password) => read(password, "the password").await?,
                        None => String::new(),
                    };
                    format!("Basic {}", http::base64(format!("{user}:{password}").as_bytes()))
                }
                Credentials::Header { kind, credentials } => {
                    format!("{kind} {}", read(credentials, "the credentials").await?)
                }
                Credentials::OAuth2(oauth) => format!("Bearer {}", self.token(oauth).await?),
            };
            headers.insert(AUTHORIZATION, secret_header(&text, "the credentials")?);
        }
        for (name, values) in &self.headers {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            for value in values {
                headers.append(header.clone(), secret_header(&read(value, name).await?, name)?);
            }
        }
        Ok(())
    }

    /// Forgets the token, which a server did not take.
    pub(crate) async fn was_refused(&self) {
        *self.token.lock().await = None;
    }

    async fn token(&self, oauth: &OAuth2) -> Result<String, ScrapeError> {
        // Held while one is fetched, so that the targets of a job do not all ask for one.
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && until.saturating_duration_since(Instant::now()) > MARGIN
        {
            return Ok(token.clone());
        }
        let failed = |reason: String| ScrapeError::Credentials {
            what: format!("an oauth2 token from {}", oauth.token_url),
            reason,
        };
        let secret = read(&oauth.client_secret, "client_secret").await?;
        let (token, life) = fetch(oauth, &secret, &self.user_agent).await.map_err(failed)?;
        let until = Instant::now().checked_add(life).unwrap_or_else(Instant::now);
        *kept = Some((token.clone(), until));
        Ok(token)
    }
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

/// Asks for a token by client credentials (RFC 6749, section 4.4): who we are in the header, and where the server does
/// not take that, among the parameters.
async fn fetch(oauth: &OAuth2, secret: &str, user_agent: &str) -> Result<(String, Duration), String> {
    let ready = Ready::build(&oauth.client, user_agent, &oauth.token_url).await?;
    let mut form: Vec<(&str, &str)> = vec![("grant_type", "client_credentials")];
    let scopes = oauth.scopes.join(" ");
    if !scopes.is_empty() {
        form.push(("scope", &scopes));
    }
    form.extend(oauth.endpoint_params.iter().map(|(name, value)| (name.as_str(), value.expose())));
    let basic = http::base64(format!("{}:{secret}", oauth.client_id).as_bytes());
    let basic = HeaderValue::from_str(&format!("Basic {basic}")).map_err(|error| error.to_string())?;
    let ask = |form: &[(&str, &str)]| {
        let kind = "application/x-www-form-urlencoded";
        ready.request(reqwest::Method::POST).header(CONTENT_TYPE, kind).body(encoded(form))
    };
    let mut response = ask(&form).header(AUTHORIZATION, basic).send().await.map_err(http::causes)?;
    if matches!(response.status().as_u16(), 400 | 401) {
        form.extend([("client_id", oauth.client_id.as_str()), ("client_secret", secret)]);
        response = ask(&form).send().await.map_err(http::causes)?;
    }
    if !response.status().is_success() {
        return Err(format!("the answer has the status {}", response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(http::causes)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_TOKEN_BYTES {
            return Err(format!("the answer has more than {MAX_TOKEN_BYTES} bytes"));
        }
    }
    let given: Given =
        serde_json::from_slice(&body).map_err(|_| "the answer holds no access_token".to_owned())?;
    let life = given.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok((given.access_token, life.filter(|life| !life.is_zero()).unwrap_or(USUAL_LIFE)))
}

/// The parameters as the body of a form.
fn encoded(form: &[(&str, &str)]) -> String {
    // A form is encoded as the query of an address is.
    let Ok(mut url) = reqwest::Url::parse("http://form") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

fn secret_header(text: &str, what: &str) -> Result<HeaderValue, ScrapeError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| ScrapeError::Credentials {
        what: what.to_owned(),
        reason: "it holds characters that no HTTP header may hold".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The value of a source.
async fn read(source: &Source, what: &str) -> Result<String, ScrapeError> {
    match source {
        Source::Inline(secret) => Ok(secret.expose().to_owned()),
        Source::File(path) => {
            let path_read = path.clone();
            let text = tokio::task::spawn_blocking(move || http::read_small(&path_read)).await;
            let failed = |reason: String| ScrapeError::Credentials {
                what: format!("{what} from {}", path.display()),
                reason,
            };
            match text {
                Ok(Ok(bytes)) => match String::from_utf8(bytes) {
                    Ok(text) => Ok(text.trim().to_owned()),
                    Err(_) => Err(failed("it is not UTF-8".to_owned())),
                },
                Ok(Err(error)) => Err(failed(error.to_string())),
                Err(error) => Err(failed(error.to_string())),
            }
        }
    }
}
