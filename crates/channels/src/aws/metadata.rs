//! Keys that the place we run in gives out: the container, or the machine.

use super::Keys;
use crate::attempt::Attempt;
use crate::sending::{Answer, Request, Sending};
use reqwest::Method;
use serde_json::Value;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use watchfire_settings::Secret;
use watchfire_settings::client::{ClientConfig, Source};

/// Both are next door; whoever does not answer by then is not there.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where containers of ECS are given their keys.
const CONTAINER: &str = "http://169.254.170.2";
/// Where machines of EC2 are told about themselves.
const MACHINE: &str = "http://169.254.169.254";

/// Where the container's keys are, if the environment says so.
pub(super) fn container_url(sending: &Sending<'_>) -> Result<Option<String>, Attempt> {
    if let Some(path) = sending.tools.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        return Ok(Some(format!("{CONTAINER}{path}")));
    }
    let Some(url) = sending.tools.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return Ok(None) };
    let parsed = reqwest::Url::parse(&url)
        .map_err(|error| Attempt::retry(format!("AWS_CONTAINER_CREDENTIALS_FULL_URI: {error}")))?;
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let near = host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| {
            let of_amazon = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
            address.is_loopback() || of_amazon.contains(&address.to_string().as_str())
        });
    if parsed.scheme() != "https" && !near {
        return Err(Attempt::retry(format!(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to {host} unencrypted; expected https, or an address of this machine"
        )));
    }
    Ok(Some(url))
}

/// The container's keys.
pub(super) async fn of_container(sending: &Sending<'_>, url: &str) -> Result<(Keys, i64), Attempt> {
    let token = match sending.tools.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(sending.reveal(&Source::File(PathBuf::from(path))).await?),
        None => sending.tools.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    let mut request = asking(Method::GET, url.to_owned());
    if let Some(token) = token {
        sending.hide(&token);
        request = request.header("authorization", token);
    }
    let answer = reach(sending, request, "the container's keys").await?;
    read(sending, &answer, "the container's keys")
}

/// The keys of the machine's role.
pub(super) async fn of_machine(sending: &Sending<'_>) -> Result<(Keys, i64), Attempt> {
    const WHAT: &str = "the keys of the machine's role";
    let base =
        sending.tools.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| MACHINE.to_owned());
    let base = base.trim_end_matches('/');
    let asked = asking(Method::PUT, format!("{base}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "300");
    let token = reach(sending, asked, WHAT).await?;
    // Machines that know only the first version of this service have no tokens.
    let token = Some(token.body.trim().to_owned()).filter(|_| token.is_success());
    if let Some(token) = &token {
        sending.hide(token);
    }
    let get = async |url: String| {
        let mut request = asking(Method::GET, url);
        if let Some(token) = &token {
            request = request.header("x-aws-ec2-metadata-token", token.clone());
        }
        reach(sending, request, WHAT).await
    };
    let list = format!("{base}/latest/meta-data/iam/security-credentials/");
    let roles = get(list.clone()).await?;
    let role = roles.body.lines().next().unwrap_or_default().trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if !roles.is_success() || role.is_empty() || !role.chars().all(plain) {
        let error = format!("{WHAT}: {}; expected a role given to this machine", roles.status_words());
        return Err(Attempt::retry(error));
    }
    let answer = get(format!("{list}{role}")).await?;
    read(sending, &answer, WHAT)
}

fn asking(method: Method, url: String) -> Request {
    Request { method, headers: Vec::new(), timeout: PATIENCE, ..Request::json(url, Vec::new()) }
}

async fn reach(sending: &Sending<'_>, request: Request, what: &str) -> Result<Answer, Attempt> {
    let client = ClientConfig { follow_redirects: false, ..ClientConfig::default() };
    let reached = sending.exchange(&client, request).await;
    reached
        .map_err(|failed| Attempt { error: failed.error.map(|error| format!("{what}: {error}")), ..failed })
}

fn read(sending: &Sending<'_>, answer: &Answer, what: &str) -> Result<(Keys, i64), Attempt> {
    let said = answer.json();
    let text = |name: &str| said.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (true, Some(access), Some(secret)) =
        (answer.is_success(), text("AccessKeyId"), text("SecretAccessKey"))
    else {
        let why =
            text("Message").or_else(|| text("message")).or_else(|| text("Code")).unwrap_or("no keys in it");
        return Err(Attempt::retry(format!("{what}: {}: {why}", answer.status_words())));
    };
    sending.hide(secret);
    let session = text("Token");
    if let Some(session) = session {
        sending.hide(session);
    }
    let until = text("Expiration").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let keys =
        Keys { access: access.to_owned(), secret: Secret::new(secret), session: session.map(Secret::new) };
    Ok((keys, until.map_or(0, jiff::Timestamp::as_millisecond)))
}
